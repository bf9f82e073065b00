//! Exchange Web Services: envelopes, faults, and one file per operation. SOAP 1.1, UTF-8.

pub mod availability;
pub mod convert_id;
pub mod email_address;
pub mod envelope;
pub mod expand_dl;
pub mod fault;
mod folder;
pub mod get_folder;
pub mod header;
pub mod item_change;
pub mod mailbox_error;
pub mod oof_settings;
pub mod reaction;
pub mod resolve_names;
pub mod rooms;
pub mod server_time_zones;
pub mod upstream;
pub mod version;
mod working_hours;
mod zone_context;
mod zone_rules;

pub use envelope::{Operation, Request};
pub use fault::Fault;
pub use header::{Header, Impersonation};
pub use version::RequestVersion;

/// What every document begins with; the .NET client reads the declaration as the first node.
const DECLARATION: &str = r#"<?xml version="1.0" encoding="utf-8"?>"#;

/// The beginning of an answer, up to its operation's element. Readers match these prefixes as text. The version reported
/// is a build of Exchange 2019 that every known client maps to a schema level it can speak.
const OPEN_BODY: &str = concat!(
    r#"<?xml version="1.0" encoding="utf-8"?>"#,
    r#"<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">"#,
    r#"<s:Header><h:ServerVersionInfo MajorVersion="15" MinorVersion="2" MajorBuildNumber="1748" MinorBuildNumber="10" "#,
    r#"Version="V2017_07_11" xmlns:h="http://schemas.microsoft.com/exchange/services/2006/types" "#,
    r#"xmlns="http://schemas.microsoft.com/exchange/services/2006/types" "#,
    r#"xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"/></s:Header>"#,
    r#"<s:Body xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema">"#
);
const CLOSE_BODY: &str = "</s:Body></s:Envelope>";

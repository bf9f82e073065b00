//! The configuration file: read, checked as a whole, and turned into the settings that each layer defines for itself.
//!
//! One file for each section. Nothing here starts anything; only `cli` uses it.

mod access;
mod audit;
mod cache;
mod calendar_files;
mod certificate;
mod clients;
mod document;
mod endpoint;
mod endpoint_auth;
mod entra;
mod ews;
mod findings;
mod freebusy_link;
mod freebusy_url;
mod networks;
mod ops;
pub mod password;
mod problems;
mod resolve;
mod rights;
mod rooms;
mod routing;
mod secret;
mod server;
mod sharing;
mod surroundings;
#[cfg(test)]
mod tests;
mod values;

use std::path::{Path, PathBuf};

use url::Url;

use crate::backend::settings::EndpointSettings;
use crate::face::connector::ConnectorSettings;
use crate::face::links::LinkSettings;
use crate::server::audit::AuditSettings;
use crate::server::settings::{OpsSettings, ServerSettings};
use crate::service::settings::ServiceSettings;

pub use networks::google_calendar_interop;
pub use problems::{ConfigErrors, Place, Problem};
pub use surroundings::{Environment, process_environment};

use surroundings::Surroundings;

/// A configuration that can be served.
#[derive(Debug, Clone)]
pub struct Config {
    pub server: ServerSettings,
    /// `https`, a host, perhaps a port, no path: what callers are given.
    pub public_url: Url,
    /// None where the listener for those who run the gateway is off.
    pub ops: Option<OpsSettings>,
    /// None where nothing is noted.
    pub audit: Option<AuditSettings>,
    pub service: ServiceSettings,
    /// At least one.
    pub endpoints: Vec<EndpointSettings>,
    pub connectors: Vec<ConnectorSettings>,
    pub links: Vec<LinkSettings>,
    /// Where what is known of refused role accounts is kept; None keeps it in memory.
    pub state_directory: Option<PathBuf>,
    /// What is odd and yet works.
    pub warnings: Vec<Problem>,
}

/// Loads a file and all that it refers to: secrets, certificates, folders. Nothing is asked over the network.
pub fn load(file: &Path) -> Result<Config, ConfigErrors> {
    let text = std::fs::read_to_string(file).map_err(|error| ConfigErrors {
        file: file.to_owned(),
        problems: vec![Problem {
            place: Place {
                line: None,
                key: String::new(),
            },
            text: format!("cannot be read: {error}"),
            of_file: false,
        }],
    })?;
    load_text(&text, file, &process_environment)
}

/// Loads `text` as if it stood in `file`, whose folder is where relative paths start.
pub fn load_text(
    text: &str,
    file: &Path,
    environment: Environment<'_>,
) -> Result<Config, ConfigErrors> {
    let folder = file.parent().unwrap_or(Path::new(""));
    resolve::resolve(text, &Surroundings::new(folder, environment)).map_err(|problems| {
        ConfigErrors {
            file: file.to_owned(),
            problems,
        }
    })
}

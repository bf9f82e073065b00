//! What a configuration must say about endpoints; `config` builds these, `backend` reads them.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::Limits;
use crate::domain::{DomainPattern, SmtpAddress};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointSettings {
    /// Unique among the endpoints.
    pub name: String,
    /// Mail domains whose mailboxes this endpoint knows; no domain stands at two endpoints. May be empty where mailboxes
    /// come here in other ways: as the default, by their address, or as a fallback.
    pub domains: Vec<DomainPattern>,
    /// How long one call may take.
    pub timeout: Duration,
    /// Calls in flight at once.
    pub max_concurrency: usize,
    /// A call that takes longer is made a second time by another role account; None asks once only.
    pub hedge_after: Option<Duration>,
    /// How long an endpoint that keeps failing is left alone before one call tries it again; doubled while that fails.
    pub probe_interval: Duration,
    pub limits: Limits,
    pub kind: BackendSettings,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackendSettings {
    Ews(EwsSettings),
    CalendarFiles(CalendarFilesSettings),
}

impl EndpointSettings {
    pub const DEFAULT_PROBE_INTERVAL: Duration = Duration::from_secs(5);

    /// Whether both have the same mailboxes and may see the same of them, so that what the one said holds for the other:
    /// the same server or folder, asked by accounts of the same names.
    pub fn is_same_source(&self, other: &Self) -> bool {
        self.name == other.name
            && match (&self.kind, &other.kind) {
                (BackendSettings::Ews(one), BackendSettings::Ews(other)) => {
                    let accounts = |ews: &EwsSettings| -> Vec<_> {
                        let accounts = ews.role_accounts.iter();
                        accounts.map(|account| account.address.clone()).collect()
                    };
                    one.url == other.url && accounts(one) == accounts(other)
                }
                (BackendSettings::CalendarFiles(one), BackendSettings::CalendarFiles(other)) => {
                    one == other
                }
                (BackendSettings::Ews(_), BackendSettings::CalendarFiles(_))
                | (BackendSettings::CalendarFiles(_), BackendSettings::Ews(_)) => false,
            }
    }

    /// The files that are read when the endpoint is built: other contents are as good as other settings.
    pub fn files(&self) -> Vec<PathBuf> {
        match &self.kind {
            BackendSettings::Ews(ews) => ews.ca_certificate.iter().cloned().collect(),
            BackendSettings::CalendarFiles(_) => Vec::new(),
        }
    }
}

/// An Exchange server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EwsSettings {
    /// `https` only.
    pub url: String,
    /// PEM file of certificates to trust instead of the machine's.
    pub ca_certificate: Option<PathBuf>,
    /// `http://` or `https://` proxy for this endpoint; proxies from the environment are ignored.
    pub proxy: Option<String>,
    /// At least one.
    pub role_accounts: Vec<RoleAccountSettings>,
}

/// An account that calbridge logs in with at an endpoint.
#[derive(Debug, Clone)]
pub struct RoleAccountSettings {
    pub address: SmtpAddress,
    /// The user name of the login where it is not the address (`DOMAIN\user`).
    pub username: Option<String>,
    pub password: SecretString,
    /// Calls in flight at once by this account, at least one.
    pub max_concurrency: usize,
}

/// Secrets count: a new password is another account.
impl PartialEq for RoleAccountSettings {
    fn eq(&self, other: &Self) -> bool {
        self.address == other.address
            && self.username == other.username
            && self.max_concurrency == other.max_concurrency
            && self.password.expose_secret() == other.password.expose_secret()
    }
}

impl Eq for RoleAccountSettings {}

impl RoleAccountSettings {
    pub const DEFAULT_CONCURRENCY: usize = 4;
}

/// A folder of iCalendar files, `<address>.ics` each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarFilesSettings {
    pub directory: PathBuf,
    /// The zone of mailboxes whose file names none: all-day events and floating times are read in it.
    pub time_zone: jiff::tz::TimeZone,
}

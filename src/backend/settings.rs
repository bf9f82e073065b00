//! What a configuration must say about endpoints; `config` builds these, `backend` reads them.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::Limits;
use crate::domain::{DomainPattern, RoomEntry, SmtpAddress};

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
    /// The rooms that are written down for it; it may know others itself.
    pub rooms: Vec<RoomEntry>,
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
            BackendSettings::Ews(ews) => {
                let token = match &ews.auth {
                    AuthSettings::Basic => None,
                    AuthSettings::OAuth2(oauth2) => oauth2.token_ca_certificate.as_ref(),
                };
                let own = ews.ca_certificate.iter();
                own.chain(token).cloned().collect()
            }
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
    pub auth: AuthSettings,
    /// At least one.
    pub role_accounts: Vec<RoleAccountSettings>,
}

/// How role accounts log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthSettings {
    /// HTTP Basic; each role account has a password.
    Basic,
    /// A token for all of them, which are named in each call (`ExchangeImpersonation`).
    OAuth2(Box<OAuth2Settings>),
}

/// OAuth 2.0 client credentials (RFC 6749 section 4.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuth2Settings {
    /// `https` only.
    pub token_url: String,
    /// PEM file of certificates to trust at the token endpoint instead of the machine's.
    pub token_ca_certificate: Option<PathBuf>,
    pub client_id: String,
    pub credential: ClientCredential,
    pub scope: String,
}

impl OAuth2Settings {
    /// Exchange Online, worldwide.
    pub const DEFAULT_SCOPE: &str = "https://outlook.office365.com/.default";
}

/// What an application proves itself with.
#[derive(Debug, Clone)]
pub enum ClientCredential {
    Secret {
        secret: SecretString,
        /// When it expires, as the administrator has written it down.
        expires: Option<Timestamp>,
    },
    Certificate(ClientCertificate),
}

impl PartialEq for ClientCredential {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Secret { secret, expires },
                Self::Secret {
                    secret: other,
                    expires: until,
                },
            ) => expires == until && same(Some(secret), Some(other)),
            (Self::Certificate(one), Self::Certificate(other)) => {
                one.der == other.der
                    && one.algorithm == other.algorithm
                    && same(Some(&one.key), Some(&other.key))
            }
            (Self::Secret { .. }, Self::Certificate(_))
            | (Self::Certificate(_), Self::Secret { .. }) => false,
        }
    }
}

impl Eq for ClientCredential {}

fn same(one: Option<&SecretString>, other: Option<&SecretString>) -> bool {
    one.map(ExposeSecret::expose_secret) == other.map(ExposeSecret::expose_secret)
}

/// A certificate whose key signs assertions (RFC 7523 section 2.2).
#[derive(Debug, Clone)]
pub struct ClientCertificate {
    /// The certificate in DER form.
    pub der: Vec<u8>,
    pub expires: Timestamp,
    /// PEM of an RSA key.
    pub key: SecretString,
    pub algorithm: AssertionAlgorithm,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AssertionAlgorithm {
    Rs256,
    Ps256,
}

/// An account that calbridge logs in with at an endpoint.
#[derive(Debug, Clone)]
pub struct RoleAccountSettings {
    pub address: SmtpAddress,
    /// The user name of the login where it is not the address (`DOMAIN\user`).
    pub username: Option<String>,
    /// None where the endpoint uses OAuth 2.0.
    pub password: Option<SecretString>,
    /// Calls in flight at once by this account, at least one.
    pub max_concurrency: usize,
}

/// Secrets count: a new password is another account.
impl PartialEq for RoleAccountSettings {
    fn eq(&self, other: &Self) -> bool {
        self.address == other.address
            && self.username == other.username
            && self.max_concurrency == other.max_concurrency
            && same(self.password.as_ref(), other.password.as_ref())
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

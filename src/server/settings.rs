//! What a configuration must say about the listener and about who may call; `config` builds these, `server` reads them.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use secrecy::SecretString;

use super::token::entra::EntraSettings;
use super::token::key::TokenKey;
use crate::domain::{Caller, SmtpAddress};
use crate::face::OwnLogin;

#[derive(Debug, Clone)]
pub struct ServerSettings {
    pub listen: Vec<SocketAddr>,
    /// Host name for the Basic realm: the host of `server.public_url`.
    pub realm: String,
    /// What callers are shown who ask for no name, or for one that no certificate has.
    pub certificate: CertificateFiles,
    /// Each is shown to callers who ask for one of its names.
    pub named_certificates: Vec<CertificateFiles>,
    /// PEM: certificates of clients are asked for, and must be issued by one of these. Without one, none is asked for.
    pub client_ca: Option<PathBuf>,
    /// How often these files are looked at, in case that others renew them.
    pub watch: Duration,
    pub access: AccessSettings,
    pub limits: ServerLimits,
}

#[derive(Debug, Clone)]
pub struct AccessSettings {
    /// Networks that may call the faces.
    pub allow: Vec<IpNet>,
    pub client_address: ClientAddress,
    pub trusted_proxies: Vec<IpNet>,
    pub role_accounts: Vec<InboundAccount>,
    /// OAuth 2.0 clients of the own token endpoint, which exists only where there are any.
    pub clients: Vec<ClientAccount>,
    /// Issuer and audience of the own tokens: `server.public_url` without a slash at its end.
    pub issuer: Arc<str>,
    /// Signs the own tokens; without one, a key is made at the start.
    pub token_key: Option<Arc<TokenKey>>,
    pub token_lifetime: Duration,
    /// Whose tokens of Microsoft Entra are accepted.
    pub entra: Option<EntraSettings>,
    /// Callers that a certificate admits in place of a password.
    pub client_certificates: Vec<CertificateAccount>,
    /// Requests a minute of one caller; without one, there is no such bound.
    pub rate_limit: Option<NonZeroU32>,
    /// Wrong passwords a minute from one address, and for one account, before nobody is listened to.
    pub login_failures: NonZeroU32,
}

impl Default for AccessSettings {
    /// Nobody may call.
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            client_address: ClientAddress::Peer,
            trusted_proxies: Vec::new(),
            role_accounts: Vec::new(),
            clients: Vec::new(),
            issuer: "".into(),
            token_key: None,
            token_lifetime: Duration::from_mins(15),
            entra: None,
            client_certificates: Vec::new(),
            rate_limit: None,
            login_failures: LOGIN_FAILURES,
        }
    }
}

/// Enough for everybody who mistypes, and too few to guess.
const LOGIN_FAILURES: NonZeroU32 = NonZeroU32::MIN.saturating_add(19);

/// Where the caller's address is read. All but `Peer` hold for peers in `trusted_proxies` only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAddress {
    Peer,
    ProxyProtocol,
    XForwardedFor,
}

/// An account that callers log in with.
#[derive(Debug, Clone)]
pub struct InboundAccount {
    pub address: SmtpAddress,
    /// Argon2id in PHC form.
    pub password_hash: String,
    /// What it is the hash of, where that is configured.
    pub password: Option<SecretString>,
    /// The caller that a login as this account becomes.
    pub caller: Caller,
}

/// An OAuth 2.0 client.
#[derive(Debug, Clone)]
pub struct ClientAccount {
    pub id: String,
    /// Argon2id in PHC form.
    pub secret_hash: String,
    /// The caller that a token of this client makes.
    pub caller: Caller,
}

/// A client certificate that replaces a password.
#[derive(Debug, Clone)]
pub struct CertificateAccount {
    /// SHA-256 of the certificate in DER form.
    pub fingerprint: [u8; 32],
    /// The caller that a connection with this certificate makes.
    pub caller: Caller,
}

/// Bounds on what callers can make the process hold or do.
#[derive(Debug, Clone)]
pub struct ServerLimits {
    pub max_connections: usize,
    /// Requests being answered at once; beyond, callers are told to come back.
    pub max_in_flight: usize,
    /// Bytes of one request body.
    pub max_body: usize,
    /// Bytes of all request bodies held at once.
    pub max_bodies: usize,
    pub handshake_timeout: Duration,
    pub header_timeout: Duration,
    /// A request body from its first byte to its last; also how long a caller may take nothing of an answer.
    pub body_timeout: Duration,
    /// How long a connection without a request stays open.
    pub idle_timeout: Duration,
    /// A whole question, from the end of its body to the answer.
    pub deadline: Duration,
    /// Logins that may wait for a free core to verify their password; beyond, callers are told to come back.
    pub login_queue: usize,
    /// How long a stop waits for requests in flight.
    pub drain: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            max_in_flight: 1_000,
            max_body: 1 << 20,
            max_bodies: 64 << 20,
            handshake_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(15),
            idle_timeout: Duration::from_mins(2),
            deadline: Duration::from_secs(25),
            login_queue: 64,
            drain: Duration::from_secs(30),
        }
    }
}

/// The listener for those who run the gateway. One that other machines reach has a login and TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpsSettings {
    pub listen: SocketAddr,
    /// Names by which it is asked, beside its addresses and `localhost`; in lower case.
    pub hosts: Vec<String>,
    /// Asked of everybody, but for whether the gateway lives and is ready.
    pub login: Option<OwnLogin>,
    /// Plain HTTP without.
    pub tls: Option<CertificateFiles>,
}

impl OpsSettings {
    /// Without login and TLS.
    pub fn plain(listen: SocketAddr) -> Self {
        Self {
            listen,
            hosts: Vec::new(),
            login: None,
            tls: None,
        }
    }
}

/// Where a certificate is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// PEM: the certificate, then intermediates.
    pub certificate: PathBuf,
    /// PEM: PKCS#8, PKCS#1 or SEC1.
    pub private_key: PathBuf,
}

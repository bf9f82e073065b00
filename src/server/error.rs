//! Why a server could not start. Each text names the address or file at fault, for the person who starts it.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::token::key::TokenKeyError;

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("cannot listen on {address}: {source}")]
    Listen {
        address: SocketAddr,
        source: io::Error,
    },
    #[error("ops.listen: cannot listen on {address}: {source}")]
    ListenOps {
        address: SocketAddr,
        source: io::Error,
    },
    #[error("audit: {path} cannot be written to: {source}", path = path.display())]
    Audit { path: PathBuf, source: io::Error },
    #[error("there is no address to listen on")]
    NoAddress,
    #[error("cannot read {path}: {source}", path = path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{path} has no PEM certificate in it", path = path.display())]
    NoCertificate { path: PathBuf },
    #[error("{path} has no PEM private key in it (PKCS#8, PKCS#1 or SEC1, not encrypted)", path = path.display())]
    NoPrivateKey { path: PathBuf },
    #[error("{path} is not valid PEM: {reason}", path = path.display())]
    BadPem { path: PathBuf, reason: String },
    #[error("the certificate in {path} cannot be used: {reason}", path = path.display())]
    BadCertificate { path: PathBuf, reason: String },
    #[error("the private key in {path} cannot be used: {reason}", path = path.display())]
    BadPrivateKey { path: PathBuf, reason: String },
    #[error("the private key in {key} does not belong to the certificate in {certificate}",
        key = key.display(), certificate = certificate.display())]
    KeyMismatch { certificate: PathBuf, key: PathBuf },
    #[error("{key} is not an Argon2id hash in PHC form")]
    PasswordHash { key: String },
    #[error("the key that signs tokens cannot be made: {0}")]
    TokenKey(#[from] TokenKeyError),
    #[error("access.entra.authority cannot be asked: {reason}")]
    Authority { reason: String },
    #[error("server.tls.client_ca: {reason}")]
    ClientCa { reason: String },
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

impl StartError {
    /// Whether the machine or a file is at fault and not what the configuration says.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Listen { .. }
            | Self::ListenOps { .. }
            | Self::Audit { .. }
            | Self::Unreadable { .. }
            | Self::NoCertificate { .. }
            | Self::NoPrivateKey { .. }
            | Self::BadPem { .. }
            | Self::BadCertificate { .. }
            | Self::BadPrivateKey { .. }
            | Self::KeyMismatch { .. } => true,
            Self::NoAddress
            | Self::PasswordHash { .. }
            | Self::TokenKey(_)
            | Self::Authority { .. }
            | Self::ClientCa { .. }
            | Self::Tls(_) => false,
        }
    }
}

impl StartError {
    /// Whether another process holds one of the addresses.
    pub fn is_address_in_use(&self) -> bool {
        matches!(self, Self::Listen { source, .. } | Self::ListenOps { source, .. }
            if source.kind() == io::ErrorKind::AddrInUse)
    }
}

//! The server's side of TLS: certificates and keys from PEM files, and what to do with a peer that speaks plain HTTP.
//!
//! TLS 1.2 and 1.3 over aws-lc-rs, HTTP/2 and HTTP/1.1 by ALPN, sessions resumed by tickets whose key lives in memory.

use std::io;
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs as provider_of_tls;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig, ServerConnection};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use uuid::Uuid;

use super::StartError;
use super::certificates::{CertificateInUse, Certificates};
use super::settings::CertificateFiles;

/// First byte of every TLS connection: a handshake record (RFC 8446 section 5.1).
const HANDSHAKE_RECORD: u8 = 22;

/// What a listener speaks TLS with.
pub(super) struct Loaded {
    pub(super) config: Arc<ServerConfig>,
    /// The default first.
    pub(super) certificates: Vec<CertificateInUse>,
}

/// Reads and checks certificates and keys; blocking file access. `others` are shown by name, see [`Certificates`].
/// `client_ca`: see [`super::settings::ServerSettings::client_ca`].
pub(super) fn load(
    default: &CertificateFiles,
    others: &[CertificateFiles],
    client_ca: Option<&Path>,
) -> Result<Loaded, StartError> {
    let provider = Arc::new(provider_of_tls::default_provider());
    let default = certified_key(&provider, default)?;
    let others = others.iter().map(|files| certified_key(&provider, files));
    let others: Vec<CertifiedKey> = others.collect::<Result<_, _>>()?;
    let certificates = std::iter::once(&default).chain(&others);
    let certificates = certificates.map(CertificateInUse::of).collect();
    let verifier = match client_ca {
        Some(path) => client_verifier(&provider, path)?,
        None => WebPkiClientVerifier::no_client_auth(),
    };
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(Certificates::new(default, others)));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.ticketer = provider_of_tls::Ticketer::new()?;
    Ok(Loaded {
        config: Arc::new(config),
        certificates,
    })
}

/// Callers without a certificate are let in as well: they log in otherwise.
fn client_verifier(
    provider: &Arc<CryptoProvider>,
    path: &Path,
) -> Result<Arc<dyn ClientCertVerifier>, StartError> {
    let unusable = |cause: &dyn std::fmt::Display| StartError::ClientCa {
        reason: cause.to_string(),
    };
    let mut roots = RootCertStore::empty();
    for authority in read_chain(path)? {
        roots.add(authority).map_err(|cause| unusable(&cause))?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .allow_unauthenticated()
        .build()
        .map_err(|cause| unusable(&cause))
}

/// SHA-256 of the certificate that the peer has shown, which was verified in the handshake.
pub(super) fn peer_fingerprint(connection: &ServerConnection) -> Option<[u8; 32]> {
    let leaf = connection.peer_certificates()?.first()?;
    digest(&SHA256, leaf).as_ref().try_into().ok()
}

/// The same for HTTP/1.1 alone.
pub(super) fn load_pair(files: &CertificateFiles) -> Result<Loaded, StartError> {
    let loaded = load(files, &[], None)?;
    let mut config = ServerConfig::clone(&loaded.config);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Loaded {
        config: Arc::new(config),
        ..loaded
    })
}

fn certified_key(
    provider: &CryptoProvider,
    files: &CertificateFiles,
) -> Result<CertifiedKey, StartError> {
    let (certificate, key) = (&*files.certificate, &*files.private_key);
    let chain = read_chain(certificate)?;
    let leaf = chain.first().ok_or_else(|| StartError::NoCertificate {
        path: certificate.into(),
    })?;
    ParsedCertificate::try_from(leaf).map_err(|cause| StartError::BadCertificate {
        path: certificate.into(),
        reason: cause.to_string(),
    })?;
    let signer = provider
        .key_provider
        .load_private_key(read_key(key)?)
        .map_err(|cause| StartError::BadPrivateKey {
            path: key.into(),
            reason: cause.to_string(),
        })?;
    let pair = CertifiedKey::new(chain, signer);
    match pair.keys_match() {
        // A key type that cannot show its public half is not an error: clients will tell.
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {
            Ok(pair)
        }
        Err(_) => Err(StartError::KeyMismatch {
            certificate: certificate.into(),
            key: key.into(),
        }),
    }
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, StartError> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&read(path)?)
        .collect::<Result<_, _>>()
        .map_err(|cause| bad_pem(path, &cause))?;
    if chain.is_empty() {
        return Err(StartError::NoCertificate { path: path.into() });
    }
    Ok(chain)
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, StartError> {
    PrivateKeyDer::from_pem_slice(&read(path)?).map_err(|cause| match cause {
        pem::Error::NoItemsFound => StartError::NoPrivateKey { path: path.into() },
        cause => bad_pem(path, &cause),
    })
}

fn read(path: &Path) -> Result<Vec<u8>, StartError> {
    std::fs::read(path).map_err(|source| StartError::Unreadable {
        path: path.into(),
        source,
    })
}

/// The texts of `pem::Error` may repeat a line of the file, so a short one of our own is used.
fn bad_pem(path: &Path, cause: &pem::Error) -> StartError {
    let reason = match cause {
        pem::Error::MissingSectionEnd { .. } => "a section has no END line",
        pem::Error::IllegalSectionStart { .. } => "a BEGIN line is malformed",
        pem::Error::Base64Decode(_) => "a section is not base64",
        _ => "it cannot be read",
    };
    StartError::BadPem {
        path: path.into(),
        reason: reason.to_owned(),
    }
}

/// What a peer's first bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opening {
    Tls,
    PlainHttp,
    Noise,
}

/// Looks at the first bytes without taking them.
pub(super) async fn opening(stream: &TcpStream) -> io::Result<Opening> {
    let mut first = [0; 8];
    let length = stream.peek(&mut first).await?;
    Ok(classify(&first[..length]))
}

fn classify(bytes: &[u8]) -> Opening {
    let word = bytes.split(|&b| b == b' ').next().unwrap_or_default();
    match bytes.first() {
        Some(&HANDSHAKE_RECORD) => Opening::Tls,
        Some(_) if !word.is_empty() && word.iter().all(u8::is_ascii_uppercase) => {
            Opening::PlainHttp
        }
        Some(_) | None => Opening::Noise,
    }
}

/// Tells a caller with `http://` in its URL what is wrong; the caller of this closes the connection.
pub(super) async fn refuse_plain_http(stream: &mut TcpStream) -> io::Result<()> {
    const TEXT: &str = "This port speaks TLS only: use https.\n";
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\
         Request-Id: {}\r\nConnection: close\r\n\r\n{TEXT}",
        TEXT.len(),
        Uuid::new_v4(),
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_tell_what_a_peer_speaks() {
        assert_eq!(classify(&[22, 3, 1, 2]), Opening::Tls);
        assert_eq!(classify(b"GET / HT"), Opening::PlainHttp);
        assert_eq!(classify(b"OPTIONS "), Opening::PlainHttp);
        assert_eq!(classify(b"PROPFIND"), Opening::PlainHttp);
        assert_eq!(classify(b"P"), Opening::PlainHttp);
        assert_eq!(classify(b" GET"), Opening::Noise);
        assert_eq!(classify(b"SSH-2.0-"), Opening::Noise);
        assert_eq!(classify(&[0, 1]), Opening::Noise);
        assert_eq!(classify(b""), Opening::Noise);
    }
}

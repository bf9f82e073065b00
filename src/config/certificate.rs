//! `[server.tls]`: whether the certificate and its key can be used. The server loads them again when it starts.

use std::path::PathBuf;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;

use super::document::Section;
use super::findings::Located;
use super::surroundings::Surroundings;

/// The paths of the certificate and of its private key. `host` is what callers will expect in the certificate.
pub(super) fn read(
    tls: &Section<'_>,
    host: Option<&str>,
    around: &Surroundings<'_>,
) -> Option<(PathBuf, PathBuf)> {
    tls.require("certificate");
    tls.require("private_key");
    let (certificate, key) = (tls.text("certificate"), tls.text("private_key"));
    let chain = certificate.as_ref().and_then(|path| chain(path, around));
    let private_key = key.as_ref().and_then(|path| private_key(path, around));
    let (certificate, key) = (certificate?, key?);
    let chain = chain?;
    if let (Some(host), Some(leaf)) = (host, chain.first()) {
        warn_of_another_name(&certificate, leaf, host);
    }
    check_pair(&key, chain, private_key?)?;
    Some((around.path(certificate.value), around.path(key.value)))
}

/// The certificates of a PEM file, at least one.
pub(super) fn chain(
    path: &Located<'_, &str>,
    around: &Surroundings<'_>,
) -> Option<Vec<CertificateDer<'static>>> {
    let pem = path.parse(|path| around.file(path))?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Some(chain),
        Ok(_) | Err(_) => {
            path.problem("the file holds no certificate in PEM form");
            None
        }
    }
}

fn private_key(
    path: &Located<'_, &str>,
    around: &Surroundings<'_>,
) -> Option<PrivateKeyDer<'static>> {
    let pem = path.parse(|path| around.file(path))?;
    // The parser's own error might repeat parts of the file.
    path.parse(|_| {
        PrivateKeyDer::from_pem_slice(&pem)
            .map_err(|_| "the file holds no private key in PEM form (PKCS#8, PKCS#1 or SEC1)")
    })
}

fn check_pair(
    key_path: &Located<'_, &str>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Option<()> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    key_path.parse(|_| match CertifiedKey::from_der(chain, key, &provider) {
        Ok(_) => Ok(()),
        Err(rustls::Error::InconsistentKeys(_)) => {
            Err("the key does not belong to the certificate".to_owned())
        }
        Err(error) => Err(format!("the certificate and key cannot be used: {error}")),
    })
}

fn warn_of_another_name(path: &Located<'_, &str>, leaf: &CertificateDer<'_>, host: &str) {
    // A URL writes an IPv6 address in brackets, a certificate does not.
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let Ok(name) = ServerName::try_from(bare.to_owned()) else {
        return;
    };
    let valid = ParsedCertificate::try_from(leaf)
        .and_then(|leaf| rustls::client::verify_server_name(&leaf, &name));
    if valid.is_err() {
        path.warning(format!(
            "the certificate is not valid for {host}, the host of server.public_url"
        ));
    }
}

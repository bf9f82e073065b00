//! `[server.tls]`: whether the certificate and its key can be used. The server loads them again when it starts.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, RootCertStore};

use super::document::Section;
use super::findings::Located;
use super::surroundings::Surroundings;
use crate::domain::Clock;
use crate::server::certificates::dns_names;
use crate::server::clock::SystemClock;
use crate::server::settings::CertificateFiles;

/// Whoever is warned has this long to get a new certificate.
const SOON: Duration = Duration::from_hours(14 * 24);

/// The certificate and its private key. `host` is what callers will expect in the certificate.
pub(super) fn read(
    tls: &Section<'_>,
    host: Option<&str>,
    around: &Surroundings<'_>,
) -> Option<CertificateFiles> {
    tls.require("certificate");
    tls.require("private_key");
    let (certificate, key) = (tls.text("certificate"), tls.text("private_key"));
    let chain = certificate.as_ref().and_then(|path| chain(path, around));
    let private_key = key.as_ref().and_then(|path| private_key(path, around));
    let (certificate, key) = (certificate?, key?);
    let chain = chain?;
    if let Some(leaf) = chain.first() {
        if let Some(host) = host {
            warn_of_another_name(&certificate, leaf, host);
        }
        if let Some(text) = untimely(leaf, now()) {
            certificate.warning(text);
        }
    }
    check_pair(&key, chain, private_key?)?;
    Some(CertificateFiles {
        certificate: around.path(certificate.value),
        private_key: around.path(key.value),
    })
}

/// A certificate for callers who ask for one of its names, so it must have some.
pub(super) fn read_named(tls: &Section<'_>, around: &Surroundings<'_>) -> Option<CertificateFiles> {
    let files = read(tls, None, around)?;
    let leaf = CertificateDer::from_pem_file(&files.certificate).ok()?;
    if dns_names(&leaf).is_empty() {
        let text = "the certificate is made for no DNS name, so that nobody would ever be shown it";
        tls.problem_at("certificate", text);
        return None;
    }
    Some(files)
}

/// The certificates of a PEM file, at least one.
pub(super) fn chain(
    path: &Located<'_, &str>,
    around: &Surroundings<'_>,
) -> Option<Vec<CertificateDer<'static>>> {
    let pem = path.parse_file(|path| around.file(path))?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Some(chain),
        Ok(_) | Err(_) => {
            path.file_problem("the file holds no certificate in PEM form");
            None
        }
    }
}

pub(super) fn private_key(
    path: &Located<'_, &str>,
    around: &Surroundings<'_>,
) -> Option<PrivateKeyDer<'static>> {
    let pem = path.parse_file(|path| around.file(path))?;
    // The parser's own error might repeat parts of the file.
    path.parse_file(|_| {
        PrivateKeyDer::from_pem_slice(&pem)
            .map_err(|_| "the file holds no private key in PEM form (PKCS#8, PKCS#1 or SEC1)")
    })
}

pub(super) fn check_pair(
    key_path: &Located<'_, &str>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Option<()> {
    let provider = aws_lc_rs::default_provider();
    key_path.parse_file(|_| match CertifiedKey::from_der(chain, key, &provider) {
        Ok(_) => Ok(()),
        Err(rustls::Error::InconsistentKeys(_)) => {
            Err("the key does not belong to the certificate".to_owned())
        }
        Err(error) => Err(format!("the certificate and key cannot be used: {error}")),
    })
}

/// The end of its validity.
pub(super) fn expires(leaf: &CertificateDer<'_>) -> Option<Timestamp> {
    let (_, leaf) = x509_parser::parse_x509_certificate(leaf).ok()?;
    Timestamp::from_second(leaf.validity().not_after.timestamp()).ok()
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

fn now() -> UnixTime {
    let seconds = u64::try_from(SystemClock.now().as_second()).unwrap_or_default();
    UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}

/// What callers will say, now or soon, to the time for which a certificate is made.
fn untimely(leaf: &CertificateDer<'_>, now: UnixTime) -> Option<&'static str> {
    let soon = UnixTime::since_unix_epoch(Duration::from_secs(now.as_secs()) + SOON);
    match (time_error(leaf, now), time_error(leaf, soon)) {
        (Some(Untimely::Early), _) => Some("the certificate is not valid yet"),
        (Some(Untimely::Late), _) => Some("the certificate has expired"),
        (None, Some(Untimely::Late)) => Some("the certificate expires within two weeks"),
        (None, Some(Untimely::Early) | None) => None,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Untimely {
    Early,
    Late,
}

/// Asks the verifier of callers, which looks at the time before anything else: whatever it says of issuer and name does
/// not matter here.
fn time_error(leaf: &CertificateDer<'_>, at: UnixTime) -> Option<Untimely> {
    let mut roots = RootCertStore::empty();
    roots.add(leaf.clone().into_owned()).ok()?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .ok()?;
    let anybody = ServerName::IpAddress(Ipv4Addr::LOCALHOST.into());
    match verifier.verify_server_cert(leaf, &[], &anybody, &[], at) {
        Err(rustls::Error::InvalidCertificate(error)) => match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                Some(Untimely::Late)
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                Some(Untimely::Early)
            }
            _ => None,
        },
        Ok(_) | Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, Issuer, KeyPair, date_time_ymd};

    use super::*;

    /// 2026-09-01 and 2026-10-01, 00:00 UTC.
    const FIRST: u64 = 1_788_220_800;
    const LAST: u64 = 1_790_812_800;
    const DAY: u64 = 24 * 60 * 60;

    fn certificates() -> [CertificateDer<'static>; 2] {
        let mut params = CertificateParams::new(["interop.example.com".to_owned()]).unwrap();
        params.not_before = date_time_ymd(2026, 9, 1);
        params.not_after = date_time_ymd(2026, 10, 1);
        let key = KeyPair::generate().unwrap();
        let own = params.self_signed(&key).unwrap();
        let authority = Issuer::new(CertificateParams::default(), KeyPair::generate().unwrap());
        let signed = params.signed_by(&key, &authority).unwrap();
        [own.der().clone(), signed.der().clone()]
    }

    #[test]
    fn the_time_of_a_certificate_is_told() {
        let cases = [
            (FIRST - DAY, Some("the certificate is not valid yet")),
            (FIRST + DAY, None),
            (LAST - 15 * DAY, None),
            (
                LAST - 13 * DAY,
                Some("the certificate expires within two weeks"),
            ),
            (LAST + DAY, Some("the certificate has expired")),
        ];
        for leaf in certificates() {
            for (now, expect) in cases {
                let at = UnixTime::since_unix_epoch(Duration::from_secs(now));
                assert_eq!(untimely(&leaf, at), expect, "{now}");
            }
        }
    }
}

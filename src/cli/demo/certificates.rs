//! The development certificate of the demo: one for loopback names, signed by an authority made for it alone. The
//! authority's key is never written, so that nothing else can be signed with what a tester may have trusted.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use jiff::{SignedDuration, Timestamp, tz};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;

const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
const LIFETIME: SignedDuration = SignedDuration::from_hours(365 * 24);
/// A certificate that lasts no longer than this is made anew.
const REST: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Where the demo's certificates are.
pub(super) struct Certificates {
    pub(super) authority: PathBuf,
    pub(super) server: PathBuf,
    pub(super) key: PathBuf,
}

/// The certificates in `folder`: those that are there while they can be used for a week, else new ones.
pub(super) fn provide(folder: &Path, now: Timestamp) -> anyhow::Result<Certificates> {
    let files = Certificates {
        authority: folder.join("demo-ca.pem"),
        server: folder.join("demo-server.pem"),
        key: folder.join("demo-server.key"),
    };
    if !files.can_be_used(now).unwrap_or(false) {
        fs::create_dir_all(folder)
            .and_then(|()| files.make(now))
            .with_context(|| {
                format!(
                    "no development certificate could be made in {} (--certs)",
                    folder.display()
                )
            })?;
    }
    Ok(files)
}

impl Certificates {
    /// Whether a client would accept the server by each of its names, now and in a week.
    fn can_be_used(&self, now: Timestamp) -> anyhow::Result<bool> {
        let authority = CertificateDer::from_pem_file(&self.authority)?;
        let server = CertificateDer::from_pem_file(&self.server)?;
        let key = PrivateKeyDer::from_pem_file(&self.key)?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        CertifiedKey::from_der(vec![server.clone()], key, &provider)?;
        let mut roots = RootCertStore::empty();
        roots.add(authority)?;
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build()?;
        for name in NAMES {
            let name = ServerName::try_from(name)?;
            for instant in [now, now + REST] {
                let since_1970 = Duration::from_secs(u64::try_from(instant.as_second())?);
                let time = UnixTime::since_unix_epoch(since_1970);
                verifier.verify_server_cert(&server, &[], &name, &[], time)?;
            }
        }
        Ok(true)
    }

    fn make(&self, now: Timestamp) -> std::io::Result<()> {
        let (authority, server, key) = sign(now).map_err(std::io::Error::other)?;
        write(&self.authority, &authority, 0o644)?;
        write(&self.key, &key, 0o600)?;
        write(&self.server, &server, 0o644)
    }
}

/// The PEM texts of the authority, the server's certificate and its key.
fn sign(now: Timestamp) -> Result<(String, String, String), rcgen::Error> {
    let mut authority = params(&[], "calbridge demo authority", now)?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority_key = KeyPair::generate()?;
    let authority_certificate = authority.self_signed(&authority_key)?;

    let mut server = params(&NAMES, "calbridge demo", now)?;
    server.is_ca = IsCa::ExplicitNoCa;
    server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    server.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = server.signed_by(&key, &Issuer::new(authority, authority_key))?;
    Ok((
        authority_certificate.pem(),
        certificate.pem(),
        key.serialize_pem(),
    ))
}

fn params(names: &[&str], title: &str, now: Timestamp) -> Result<CertificateParams, rcgen::Error> {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, title);
    let midnight = |instant| {
        let date = tz::Offset::UTC.to_datetime(instant).date();
        date_time_ymd(date.year().into(), date.month() as u8, date.day() as u8)
    };
    // From yesterday, for clocks that are a little behind.
    params.not_before = midnight(now - SignedDuration::from_hours(24));
    params.not_after = midnight(now + LIFETIME);
    Ok(params)
}

/// Writes beside the file and renames, so that nobody reads half of it.
fn write(file: &Path, text: &str, mode: u32) -> std::io::Result<()> {
    let beside = file.with_extension("new");
    let _ = fs::remove_file(&beside);
    let mut options = fs::OpenOptions::new();
    let mut out = options
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&beside)?;
    out.write_all(text.as_bytes())?;
    fs::rename(&beside, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn certificates_are_kept_while_they_can_be_used() {
        let folder = tempfile::tempdir().unwrap();
        let read =
            |now| fs::read_to_string(provide(folder.path(), at(now)).unwrap().server).unwrap();
        let first = read("2026-09-07T12:00Z");
        assert_eq!(read("2026-09-07T12:00Z"), first);
        assert_eq!(read("2027-08-25T12:00Z"), first);
        // Six days before its end.
        let second = read("2027-09-01T12:00Z");
        assert_ne!(second, first);
        assert_eq!(read("2027-09-02T12:00Z"), second);
    }

    #[test]
    fn what_does_not_belong_together_is_made_anew() {
        let now = at("2026-09-07T12:00Z");
        let folder = tempfile::tempdir().unwrap();
        let files = provide(folder.path(), now).unwrap();
        let other = KeyPair::generate().unwrap().serialize_pem();
        fs::write(&files.key, other).unwrap();
        assert!(!files.can_be_used(now).unwrap_or(false));
        assert!(
            provide(folder.path(), now)
                .unwrap()
                .can_be_used(now)
                .unwrap()
        );
    }

    #[test]
    fn only_the_owner_reads_the_key() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let files = provide(folder.path(), at("2026-09-07T12:00Z")).unwrap();
        let mode = fs::metadata(files.key).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named_with_its_flag() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let error = provide(&file.join("certs"), at("2026-09-07T12:00Z"))
            .err()
            .unwrap();
        assert!(format!("{error:#}").contains("--certs"), "{error:#}");
    }
}

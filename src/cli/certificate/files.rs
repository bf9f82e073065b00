//! The files of a certificate that an authority gave: read to see whether it is time, and replaced as a whole.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls_acme::{AccountCache, CertCache};

use crate::domain::Clock;
use crate::server::certificates::dns_names;
use crate::server::clock::SystemClock;
use crate::server::validity::validity;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
/// What nobody but the owner reads, and what everybody may.
const SECRET: u32 = 0o600;
const PUBLIC: u32 = 0o644;

#[derive(Debug, Clone)]
pub(super) struct Files {
    pub(super) certificate: PathBuf,
    pub(super) private_key: PathBuf,
    pub(super) account_key: PathBuf,
}

impl Files {
    /// Whether more than a third of the certificate's time is left.
    pub(super) fn is_fresh(&self) -> bool {
        let Ok(leaf) = CertificateDer::from_pem_file(&self.certificate) else {
            return false;
        };
        validity(&leaf).is_some_and(|(begins, ends)| {
            let (whole, left) = (
                ends.duration_since(begins),
                ends.duration_since(SystemClock.now()),
            );
            left.as_secs() > whole.as_secs() / 3
        })
    }

    fn is_for(&self, domains: &[String]) -> bool {
        let Ok(leaf) = CertificateDer::from_pem_file(&self.certificate) else {
            return false;
        };
        let names: BTreeSet<String> = dns_names(&leaf).into_iter().collect();
        let wanted = domains.iter().map(|name| name.to_ascii_lowercase());
        names == wanted.collect()
    }
}

#[async_trait]
impl CertCache for Files {
    type EC = io::Error;

    /// Key and chain, one behind the other. None where they are not there, or for other names.
    async fn load_cert(&self, domains: &[String], _: &str) -> io::Result<Option<Vec<u8>>> {
        if !self.is_for(domains) {
            return Ok(None);
        }
        let both = (read(&self.private_key)?, read(&self.certificate)?);
        let (Some(key), Some(chain)) = both else {
            return Ok(None);
        };
        Ok(Some([key, b"\n".to_vec(), chain].concat()))
    }

    /// The key first: until both are there, a gateway goes on with the pair that it has.
    async fn store_cert(&self, _: &[String], _: &str, pem: &[u8]) -> io::Result<()> {
        let text = String::from_utf8_lossy(pem);
        let Some(begin) = text.find(BEGIN) else {
            return Err(io::Error::new(
                ErrorKind::InvalidData,
                "no certificate came",
            ));
        };
        let (key, chain) = text.split_at(begin);
        replace(&self.private_key, key.as_bytes(), SECRET)?;
        replace(&self.certificate, chain.as_bytes(), PUBLIC)
    }
}

#[async_trait]
impl AccountCache for Files {
    type EA = io::Error;

    async fn load_account(&self, _: &[String], _: &str) -> io::Result<Option<Vec<u8>>> {
        read(&self.account_key)
    }

    async fn store_account(&self, _: &[String], _: &str, account: &[u8]) -> io::Result<()> {
        replace(&self.account_key, account, SECRET)
    }
}

fn read(file: &Path) -> io::Result<Option<Vec<u8>>> {
    match std::fs::read(file) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(named(file, &error)),
    }
}

/// The authority's library says what it wanted to do, not to which file.
fn named(file: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", file.display()))
}

/// Nobody ever sees half a file. A file that was there keeps nothing, not even its rights.
fn replace(file: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    replaced(file, bytes, mode).map_err(|error| named(file, &error))
}

fn replaced(file: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut name = file.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut options = OpenOptions::new();
    let mut opened = options.write(true).create_new(true).mode(mode).open(&new)?;
    opened.write_all(bytes)?;
    opened.sync_all()?;
    std::fs::rename(&new, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("none/account.key");
        let error = replace(&missing, b"key", SECRET).unwrap_err();
        assert!(error.to_string().contains("none/account.key: "), "{error}");
        assert_eq!(read(&missing).unwrap(), None);
        let error = read(folder.path()).unwrap_err();
        let folder = folder.path().display().to_string();
        assert!(error.to_string().starts_with(&folder), "{error}");
    }
}

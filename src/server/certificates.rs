//! Which certificate a caller is shown: the one for the name that it asks for (SNI, RFC 6066 section 3), else the default.
//! Reads no files.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::validity::validity;

/// A certificate that new connections are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateInUse {
    /// The DNS names that it is made for, in lower case; a wildcard begins with `*.`.
    pub names: Vec<String>,
    /// When it expires, where that can be read.
    pub ends: Option<Timestamp>,
}

impl CertificateInUse {
    pub(super) fn of(pair: &CertifiedKey) -> Self {
        let leaf = pair.cert.first();
        Self {
            names: leaf.map(dns_names).unwrap_or_default(),
            ends: leaf.and_then(|leaf| validity(leaf)).map(|(_, ends)| ends),
        }
    }
}

/// The DNS names that a certificate is made for, in lower case. None where it cannot be read.
pub fn dns_names(leaf: &CertificateDer<'_>) -> Vec<String> {
    let Ok((_, leaf)) = X509Certificate::from_der(leaf) else {
        return Vec::new();
    };
    let Ok(Some(names)) = leaf.subject_alternative_name() else {
        return Vec::new();
    };
    let names = names.value.general_names.iter();
    let names = names.filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        _ => None,
    });
    names.collect()
}

/// The certificates of a listener.
#[derive(Debug)]
pub(super) struct Certificates {
    by_name: HashMap<String, Arc<CertifiedKey>>,
    default: Arc<CertifiedKey>,
}

impl Certificates {
    /// Where two are made for the same name, the earlier one is shown; the default counts as the first.
    pub(super) fn new(default: CertifiedKey, others: Vec<CertifiedKey>) -> Self {
        let default = Arc::new(default);
        let mut by_name = HashMap::new();
        let others = others.into_iter().map(Arc::new);
        for pair in [Arc::clone(&default)].into_iter().chain(others) {
            for name in pair.cert.first().map(dns_names).unwrap_or_default() {
                by_name.entry(name).or_insert_with(|| Arc::clone(&pair));
            }
        }
        Self { by_name, default }
    }

    fn named(&self, name: &str) -> &Arc<CertifiedKey> {
        let name = name.to_ascii_lowercase();
        let exact = self.by_name.get(&name);
        exact
            .or_else(|| {
                // A wildcard stands for exactly one label (RFC 9525 section 6.3).
                let (_, rest) = name.split_once('.')?;
                self.by_name.get(&format!("*.{rest}"))
            })
            .unwrap_or(&self.default)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let shown = match hello.server_name() {
            Some(name) => self.named(name),
            None => &self.default,
        };
        Some(Arc::clone(shown))
    }
}

#[cfg(test)]
mod tests {
    use rustls::crypto::aws_lc_rs;

    use super::*;

    fn pair(names: &[&str]) -> CertifiedKey {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let key = made.signing_key.serialize_der();
        let provider = aws_lc_rs::default_provider();
        let chain = vec![made.cert.der().clone()];
        CertifiedKey::from_der(chain, key.try_into().unwrap(), &provider).unwrap()
    }

    #[test]
    fn a_name_has_its_certificate_and_every_other_the_default() {
        let others = vec![
            pair(&["ews.example.org", "*.example.net"]),
            pair(&["deep.example.net", "INTEROP.example.com"]),
        ];
        let certificates = Certificates::new(pair(&["interop.example.com"]), others);
        for (name, expect) in [
            ("interop.example.com", "interop.example.com"),
            ("Interop.Example.COM", "interop.example.com"),
            ("ews.example.org", "ews.example.org"),
            ("mail.example.net", "ews.example.org"),
            ("deep.example.net", "deep.example.net"),
            ("a.deep.example.net", "interop.example.com"),
            ("example.net", "interop.example.com"),
            ("unknown.example", "interop.example.com"),
        ] {
            let shown = CertificateInUse::of(certificates.named(name));
            assert_eq!(shown.names[0], expect, "{name}");
            assert!(shown.ends.is_some());
        }
    }
}

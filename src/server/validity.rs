//! When certificates begin and end.

use std::path::Path;

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::time::ASN1Time;

/// Begin and end of a certificate, DER.
pub fn validity(der: &[u8]) -> Option<(Timestamp, Timestamp)> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let at = |time: ASN1Time| Timestamp::from_second(time.timestamp()).ok();
    let validity = certificate.validity();
    Some((at(validity.not_before)?, at(validity.not_after)?))
}

/// The end of the first certificate of a PEM file.
pub fn end_of(file: &Path) -> Option<Timestamp> {
    let leaf = CertificateDer::from_pem_file(file).ok()?;
    validity(&leaf).map(|(_, end)| end)
}

//! Names what went wrong on the way to a server or back: the name, the connection, TLS, the framing. The texts name
//! the cure where there is one, and never the URL or anything that was sent.

use std::error::Error;
use std::io::{self, ErrorKind};

use rustls::{AlertDescription, CertificateError, PeerIncompatible};

use super::EndpointError;
use super::http::CONNECT_TIMEOUT;

const OLD_TLS: &str = "the server needs TLS 1.0 or 1.1: enable TLS 1.2 on the Exchange server, or put a TLS proxy that \
                       speaks TLS 1.2 in front of it";
const OLD_CIPHERS: &str = "no cipher suite in common: TLS 1.2 with ECDHE and AES-GCM or TLS 1.3 is needed; enable such \
                           suites on the server (Windows Server 2016 or later has them), or put a TLS proxy in front";
const CLOSED: &str = "the server closed the connection during the TLS handshake, as servers do that offer TLS 1.0 or 1.1 \
                      only: enable TLS 1.2 on the Exchange server, or put a TLS proxy in front of it";
const UNTRUSTED: &str = "the server's certificate is signed by an unknown authority: name that authority's certificate \
                         in ca_certificate";

/// The failure of a request that got no answer, or only a part of one.
pub(super) fn name(error: &reqwest::Error) -> EndpointError {
    if error.is_timeout() && error.is_connect() {
        return EndpointError::Timeout(CONNECT_TIMEOUT);
    }
    if let Some(tls) = find::<rustls::Error>(error) {
        return EndpointError::Tls(tls_text(tls).into());
    }
    if error.is_dns() {
        return EndpointError::Connect(
            format!(
                "the host name of the server, or of the proxy, was not found: {}",
                innermost(error)
            )
            .into(),
        );
    }
    // The last one: the outer ones only wrap it.
    let io = causes(error).filter_map(|cause| cause.downcast_ref::<io::Error>());
    if let Some(io) = io.last() {
        return io_failure(io, error.is_connect());
    }
    if error.is_decode() {
        return EndpointError::BadAnswer("its compression is broken".into());
    }
    if error.is_connect() || error.is_body() || find::<hyper::Error>(error).is_some_and(is_broken) {
        return EndpointError::Connect(innermost(error).into());
    }
    EndpointError::BadAnswer(format!("it is not HTTP: {}", innermost(error)).into())
}

/// The last cause in the chain, as text.
pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    causes(error)
        .last()
        .map_or_else(String::new, ToString::to_string)
}

/// The connection ended where hyper waited for more.
fn is_broken(error: &hyper::Error) -> bool {
    error.is_incomplete_message() || error.is_closed() || error.is_canceled()
}

fn io_failure(error: &io::Error, connecting: bool) -> EndpointError {
    match (connecting, error.kind()) {
        (true, ErrorKind::ConnectionRefused) => {
            EndpointError::Connect("the server refused the connection".into())
        }
        // TCP itself does not end so while it connects: this is the TLS handshake.
        (
            true,
            ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof | ErrorKind::ConnectionAborted,
        ) => EndpointError::Tls(CLOSED.into()),
        (true, _) => EndpointError::Connect(error.to_string().into()),
        (false, ErrorKind::InvalidData | ErrorKind::InvalidInput | ErrorKind::Other) => {
            EndpointError::BadAnswer(format!("it is broken: {error}").into())
        }
        (false, _) => EndpointError::Connect(
            format!("the connection broke before the answer was complete: {error}").into(),
        ),
    }
}

/// The error and everything that caused it. An [`io::Error`] hides what it wraps from `source`.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| {
        let error: &'a (dyn Error + 'static) = *error;
        match error.downcast_ref::<io::Error>() {
            Some(io) => io.get_ref().map(|inner| inner as &(dyn Error + 'static)),
            None => error.source(),
        }
    })
}

fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    causes(error).find_map(|cause| cause.downcast_ref::<E>())
}

fn tls_text(error: &rustls::Error) -> String {
    match error {
        rustls::Error::AlertReceived(AlertDescription::ProtocolVersion)
        | rustls::Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => OLD_TLS.into(),
        rustls::Error::AlertReceived(
            AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity,
        )
        | rustls::Error::PeerIncompatible(_) => OLD_CIPHERS.into(),
        rustls::Error::InvalidCertificate(certificate) => certificate_text(certificate),
        rustls::Error::InvalidMessage(_) => "the server does not speak TLS at this port".into(),
        other => other.to_string(),
    }
}

fn certificate_text(error: &CertificateError) -> String {
    match error {
        // A bad signature: the authority has the name of a trusted one, but another key.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => UNTRUSTED.into(),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the server's certificate is for another host name: use the name of the certificate in url".into()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the server's certificate has expired".into()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the server's certificate is not valid yet: are both clocks right?".into()
        }
        CertificateError::Revoked => "the server's certificate is revoked".into(),
        // The verifier has no kind of its own for it.
        CertificateError::Other(cause) if cause.to_string().contains("CaUsedAsEndEntity") => {
            "the server shows a certificate that is made for an authority (CA:TRUE): it needs one of its own".into()
        }
        other => format!("the server's certificate is not accepted: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[track_caller]
    fn check(error: &rustls::Error, expect: &str) {
        let text = tls_text(error);
        assert!(text.contains(expect), "{error}: {text}");
    }

    #[test]
    fn tls_failures_name_the_cure() {
        use rustls::Error::{AlertReceived, InvalidCertificate};
        check(
            &AlertReceived(AlertDescription::ProtocolVersion),
            "enable TLS 1.2",
        );
        check(
            &PeerIncompatible::ServerDoesNotSupportTls12Or13.into(),
            "enable TLS 1.2",
        );
        check(
            &AlertReceived(AlertDescription::HandshakeFailure),
            "no cipher suite in common",
        );
        check(
            &InvalidCertificate(CertificateError::UnknownIssuer),
            "ca_certificate",
        );
        check(&InvalidCertificate(CertificateError::Expired), "expired");
    }

    #[test]
    fn a_tls_error_is_found_inside_an_io_error() {
        let inner = rustls::Error::AlertReceived(AlertDescription::ProtocolVersion);
        let outer = io::Error::other(io::Error::new(ErrorKind::InvalidData, Arc::new(inner)));
        assert!(find::<io::Error>(&outer).is_some());
        let plain = io::Error::new(
            ErrorKind::InvalidData,
            rustls::Error::AlertReceived(AlertDescription::ProtocolVersion),
        );
        let outer = io::Error::other(plain);
        assert!(find::<rustls::Error>(&outer).is_some());
    }
}

//! What a certificate says of itself: its dates and its names.

use jiff::{SignedDuration, Timestamp};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::ParsedCertificate;

use super::report::Chart;
use crate::server::validity::validity;

/// Whoever is warned has this long to get a new one.
const SOON_DAYS: i64 = 30;

/// Tells the dates of a certificate. `renew`: who can do something about it.
pub(super) fn tell_dates(chart: &mut Chart, der: &[u8], now: Timestamp, renew: &str) {
    let Some((begins, ends)) = validity(der) else {
        chart.fail("certificate", "the certificate cannot be read", renew);
        return;
    };
    let left = ends.duration_since(now);
    let days = left.as_hours() / 24;
    let day = ends.strftime("%Y-%m-%d");
    if now < begins {
        chart.fail(
            "certificate",
            format!("it is valid from {begins} on only"),
            renew,
        );
    } else if left <= SignedDuration::ZERO {
        chart.fail("certificate", format!("it expired on {day}"), renew);
    } else if days < SOON_DAYS {
        chart.warn(
            "certificate",
            format!("it expires on {day}, in {days} days"),
            renew,
        );
    } else {
        chart.ok("certificate", format!("valid until {day}, {days} days"));
    }
}

/// Whether it is made for a host.
pub(super) fn is_for(der: &[u8], host: &str) -> bool {
    // A URL writes an IPv6 address in brackets, a certificate does not.
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let der = CertificateDer::from(der);
    ServerName::try_from(bare.to_owned()).is_ok_and(|name| {
        ParsedCertificate::try_from(&der)
            .and_then(|leaf| rustls::client::verify_server_name(&leaf, &name))
            .is_ok()
    })
}

//! The north: whether callers can find the gateway, and whether Google is let in.

use std::time::Duration;

use ipnet::IpNet;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::certificate;
use super::report::{Chart, Finding};
use crate::config::{self, Config};
use crate::domain::Clock;
use crate::server::certificates::dns_names;
use crate::server::clock::SystemClock;

const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn findings(config: &Config) -> Vec<Finding> {
    let mut chart = Chart::of("gateway");
    own_certificate(&mut chart, config);
    public_address(&mut chart, config).await;
    google(&mut chart, &config.server.access.allow);
    chart.findings.extend(named_certificates(config));
    chart.findings
}

fn own_certificate(chart: &mut Chart, config: &Config) {
    let file = &config.server.certificate.certificate;
    let Ok(leaf) = CertificateDer::from_pem_file(file) else {
        let advice =
            "give server.tls.certificate a PEM file that starts with the server's certificate";
        chart.fail("certificate", "it cannot be read", advice);
        return;
    };
    let renew = "renew it; calbridge takes the new files by itself";
    certificate::tell_dates(chart, &leaf, SystemClock.now(), renew);
    let host = config.public_url.host_str().unwrap_or_default();
    if certificate::is_for(&leaf, host) {
        chart.ok("name", format!("the certificate is made for {host}"));
    } else {
        chart.fail(
            "name",
            format!("the certificate is not made for {host}, the host of server.public_url"),
            "callers will refuse it: get one with this name, or correct server.public_url",
        );
    }
}

/// Those for callers who ask for other names.
fn named_certificates(config: &Config) -> Vec<Finding> {
    let files = config.server.named_certificates.iter();
    let charts = files.map(|files| {
        let leaf = CertificateDer::from_pem_file(&files.certificate).ok();
        let names = leaf.as_ref().map(dns_names).unwrap_or_default();
        let mut chart = Chart::of(format!("certificate for {}", names.join(", ")));
        let renew = "renew it; calbridge takes the new files by itself";
        match leaf {
            Some(leaf) => certificate::tell_dates(&mut chart, &leaf, SystemClock.now(), renew),
            None => chart.fail("certificate", "it cannot be read", renew),
        }
        chart.findings
    });
    charts.flatten().collect()
}

async fn public_address(chart: &mut Chart, config: &Config) {
    let host = config.public_url.host_str().unwrap_or_default();
    let port = config.public_url.port_or_known_default().unwrap_or(443);
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let found = timeout(PATIENCE, lookup_host((bare, port))).await;
    let addresses: Vec<_> = match found {
        Ok(Ok(addresses)) => addresses.collect(),
        Ok(Err(_)) | Err(_) => Vec::new(),
    };
    let Some(first) = addresses.first() else {
        let advice = "callers ask the public DNS for it: publish an address record, or correct server.public_url";
        chart.fail("dns", format!("{host} has no address"), advice);
        return;
    };
    let texts: Vec<_> = addresses
        .iter()
        .map(|address| address.ip().to_string())
        .collect();
    chart.ok("dns", format!("{host} is {}", texts.join(", ")));
    match timeout(PATIENCE, TcpStream::connect(first)).await {
        Ok(Ok(_)) => chart.ok("tcp", format!("something listens at {first}")),
        Ok(Err(_)) | Err(_) => chart.warn(
            "tcp",
            format!("nothing answers at {first}"),
            "calbridge is not running, or this machine cannot reach its own public address",
        ),
    }
}

/// Whether every network that Google calls from is within the allow list.
fn google(chart: &mut Chart, allow: &[IpNet]) {
    let wanted = config::google_calendar_interop();
    let is_allowed = |network: &IpNet| allow.iter().any(|allowed| allowed.contains(network));
    let missing: Vec<_> = wanted
        .iter()
        .filter(|network| !is_allowed(network))
        .collect();
    if missing.is_empty() {
        chart.ok("allow", "every network of Google Calendar Interop may call");
    } else if missing.len() == wanted.len() {
        chart.warn(
            "allow",
            "no network of Google Calendar Interop may call",
            "add \"google-calendar-interop\" to access.allow, unless a proxy in front does that",
        );
    } else {
        let texts: Vec<_> = missing.iter().map(ToString::to_string).collect();
        chart.fail(
            "allow",
            format!(
                "these networks of Google Calendar Interop may not call: {}",
                texts.join(", ")
            ),
            "Google calls from all of them: put \"google-calendar-interop\" into access.allow",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::Verdict;
    use super::*;

    #[track_caller]
    fn check(allow: &[&str], expect: Verdict) {
        let allow: Vec<IpNet> = allow.iter().map(|text| text.parse().unwrap()).collect();
        let mut chart = Chart::of("gateway");
        google(&mut chart, &allow);
        assert_eq!(chart.findings[0].verdict, expect, "{:?}", chart.findings);
    }

    #[test]
    fn all_networks_of_google_must_be_let_in() {
        let all = config::google_calendar_interop();
        let all: Vec<String> = all.iter().map(ToString::to_string).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        check(&all, Verdict::Ok);
        check(&["0.0.0.0/0", "::/0"], Verdict::Ok);
        check(&all[1..], Verdict::Fail);
        check(&["74.125.88.0/28"], Verdict::Warn);
        check(&["192.0.2.0/24"], Verdict::Warn);
    }
}

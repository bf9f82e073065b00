//! `[server]` and `[server.tls]`: addresses, the public name, the certificate, bounds.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::certificate;
use super::document::Section;
use super::surroundings::Surroundings;
use super::values::{duration, https_url};
use crate::server::settings::{CertificateFiles, ServerLimits};

/// What `[server]` says.
pub(super) struct Server {
    pub(super) listen: Vec<SocketAddr>,
    pub(super) public_url: Url,
    pub(super) certificate: CertificateFiles,
    pub(super) named_certificates: Vec<CertificateFiles>,
    pub(super) client_ca: Option<PathBuf>,
    pub(super) watch: Duration,
    pub(super) limits: ServerLimits,
    pub(super) state_directory: Option<PathBuf>,
}

const MOST_CONNECTIONS: u64 = 1_000_000;
/// How often the files of the certificate are looked at.
const WATCH: Duration = Duration::from_secs(10);
const LONGEST_WATCH: Duration = Duration::from_hours(24);
const LONGEST_WAIT: Duration = Duration::from_mins(10);
/// A stop that takes longer is killed by most supervisors.
const LONGEST_DRAIN: Duration = Duration::from_secs(30);

pub(super) fn read(section: &Section<'_>, around: &Surroundings<'_>) -> Option<Server> {
    let listen = listen(section);
    let public_url = public_url(section);
    section.require("tls");
    let host = public_url.as_ref().and_then(Url::host_str);
    let (mut watch, mut client_ca, mut named) = (None, None, Vec::new());
    let tls = section.within("tls", |tls| {
        watch = duration(tls, "watch", LONGEST_WATCH);
        client_ca = tls.text("client_ca").and_then(|path| {
            certificate::chain(&path, around)?;
            Some(around.path(path.value))
        });
        named = tls.each("named", |named| certificate::read_named(named, around));
        certificate::read(tls, host, around)
    });
    let limits = limits(section);
    let state_directory = state_directory(section, around);
    let certificate = tls.flatten()?;
    Some(Server {
        listen,
        public_url: public_url?,
        certificate,
        named_certificates: named.into_iter().flatten().collect(),
        client_ca,
        watch: watch.unwrap_or(WATCH),
        limits,
        state_directory,
    })
}

/// As written, or what systemd gives.
fn state_directory(section: &Section<'_>, around: &Surroundings<'_>) -> Option<PathBuf> {
    let Some(text) = section.text("state_directory") else {
        return around.state_directory();
    };
    let path = text.parse(|text| {
        if text.is_empty() {
            Err("must not be empty")
        } else {
            Ok(around.path(text))
        }
    })?;
    if path.exists() && !path.is_dir() {
        text.problem(format!("{} is not a directory", path.display()));
    }
    Some(path)
}

fn listen(section: &Section<'_>) -> Vec<SocketAddr> {
    section.require("listen");
    let Some(entries) = section.texts("listen") else {
        return Vec::new();
    };
    if entries.value.is_empty() {
        entries.problem("needs at least one address");
    }
    let mut seen = BTreeSet::new();
    let mut addresses = Vec::new();
    for entry in &entries.value {
        let parsed = entry.parse(|text| {
            text.parse::<SocketAddr>()
                .map_err(|_| "must be an IP address with a port, as \"0.0.0.0:443\"")
        });
        if let Some(address) = parsed {
            // Port 0 asks the system for a free port, each time another one.
            if address.port() != 0 && !seen.insert(address) {
                entry.problem("stands twice in the list");
            }
            addresses.push(address);
        }
    }
    addresses
}

fn public_url(section: &Section<'_>) -> Option<Url> {
    section.require("public_url");
    let text = section.text("public_url")?;
    let url = https_url(&text)?;
    if url.path() == "/" {
        Some(url)
    } else {
        text.problem("must not have a path");
        None
    }
}

fn limits(section: &Section<'_>) -> ServerLimits {
    let default = ServerLimits::default();
    let wait = |key| duration(section, key, LONGEST_WAIT);
    ServerLimits {
        max_connections: section
            .count("max_connections", MOST_CONNECTIONS)
            .unwrap_or(default.max_connections),
        max_in_flight: section
            .count("max_in_flight", MOST_CONNECTIONS)
            .unwrap_or(default.max_in_flight),
        handshake_timeout: wait("handshake_timeout").unwrap_or(default.handshake_timeout),
        header_timeout: wait("header_timeout").unwrap_or(default.header_timeout),
        body_timeout: wait("body_timeout").unwrap_or(default.body_timeout),
        deadline: wait("deadline").unwrap_or(default.deadline),
        drain: duration(section, "drain", LONGEST_DRAIN).unwrap_or(default.drain),
        ..default
    }
}

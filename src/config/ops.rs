//! `[ops]`: the listener for those who run the gateway.

use std::net::SocketAddr;

use super::document::Section;
use super::surroundings::Surroundings;
use super::{certificate, secret};
use crate::face::OwnLogin;
use crate::server::settings::{CertificateFiles, OpsSettings};

/// None where the listener is off. `taken` are the addresses that callers use.
pub(super) fn read(
    section: &Section<'_>,
    taken: &[SocketAddr],
    around: &Surroundings<'_>,
) -> Option<OpsSettings> {
    let login = section.within("login", |login| self::login(login, around));
    let tls = section.within("tls", |tls| self::tls(tls, around));
    let hosts = hosts(section);
    let text = section.text("listen")?;
    let listen: SocketAddr = text.parse(|text| {
        text.parse()
            .map_err(|_| "must be an IP address with a port, as \"127.0.0.1:9464\"")
    })?;
    // Whoever reaches it sees and changes how the gateway is.
    if !listen.ip().to_canonical().is_loopback() && (login.is_none() || tls.is_none()) {
        text.problem(
            "must be a loopback address, as 127.0.0.1 or [::1], without both [ops.login] and [ops.tls]",
        );
        return None;
    }
    if listen.port() != 0 && taken.contains(&listen) {
        text.problem("is an address of server.listen, too");
        return None;
    }
    Some(OpsSettings {
        listen,
        hosts,
        login: login.flatten(),
        tls: tls.flatten(),
    })
}

fn login(section: &Section<'_>, around: &Surroundings<'_>) -> Option<OwnLogin> {
    section.require("user");
    let user = section.text("user");
    let user = user.and_then(|text| {
        text.parse(|text| {
            let is_usable = !text.is_empty() && !text.contains([':', '\n', '\r']);
            is_usable
                .then(|| (*text).to_owned())
                .ok_or("must be a user name without a colon")
        })
    });
    let password_hash = secret::password_hash(section, around);
    Some(OwnLogin {
        key: "ops.login.password_hash".to_owned(),
        user: user?,
        password_hash: password_hash?,
    })
}

fn tls(section: &Section<'_>, around: &Surroundings<'_>) -> Option<CertificateFiles> {
    certificate::read(section, None, around)
}

fn hosts(section: &Section<'_>) -> Vec<String> {
    let Some(entries) = section.texts("hosts") else {
        return Vec::new();
    };
    let names = entries.value.iter().filter_map(|entry| {
        entry.parse(|text| {
            let is_name = !text.is_empty()
                && text
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
            is_name
                .then(|| text.to_ascii_lowercase())
                .ok_or("must be a host name without a port, as \"calbridge.example.com\"")
        })
    });
    names.collect()
}

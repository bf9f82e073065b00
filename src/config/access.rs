//! `[access]`: who may call, and with which accounts.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use super::document::Section;
use super::networks::networks;
use super::surroundings::Surroundings;
use super::values::address;
use super::{clients, entra, password, rights, secret};
use crate::domain::{CallerId, SmtpAddress};
use crate::server::settings::{AccessSettings, CertificateAccount, ClientAddress, InboundAccount};

const MOST_A_MINUTE: u64 = 1_000_000;

pub(super) fn read(section: &Section<'_>, around: &Surroundings<'_>) -> AccessSettings {
    section.require("allow");
    let allow = section.texts("allow");
    if let Some(list) = allow.as_ref().filter(|list| list.value.is_empty()) {
        list.problem("is empty: nobody could call");
    }
    let client_address = client_address(section);
    let trusted_proxies = section.texts("trusted_proxies");
    let has_proxies = trusted_proxies
        .as_ref()
        .is_some_and(|list| !list.value.is_empty());
    check_proxies(section, client_address, has_proxies);
    let mut settings = AccessSettings {
        allow: networks(allow.as_ref()),
        client_address,
        trusted_proxies: networks(trusted_proxies.as_ref()),
        role_accounts: role_accounts(section, around),
        ..AccessSettings::default()
    };
    clients::read(section, around, &mut settings);
    let entra = section.within("entra", |entra| {
        entra::read(entra, around, &settings.role_accounts)
    });
    settings.entra = entra.flatten();
    let mut fingerprints = BTreeSet::new();
    let certificates = section.each("client_certificate", |entry| {
        client_certificate(entry, &settings.role_accounts, &mut fingerprints)
    });
    settings.client_certificates = certificates.into_iter().flatten().collect();
    require_callers(section);
    warn_of_unequal_costs(section, &settings);
    settings.rate_limit = rate(section, "rate_limit");
    if let Some(failures) = rate(section, "login_failures") {
        settings.login_failures = failures;
    }
    settings
}

/// Whichever kind of them.
fn require_callers(section: &Section<'_>) {
    let kinds = ["role_account", "client", "client_certificate", "entra"];
    if !kinds.iter().any(|kind| section.has(kind)) {
        let text = "is missing, and so are client, client_certificate and entra: nobody could call";
        section.problem_at("role_account", text);
    }
}

/// An account whose hash is cheaper than the costliest one is answered sooner than one that does not exist.
fn warn_of_unequal_costs(section: &Section<'_>, settings: &AccessSettings) {
    let text = "the hashes cost unequal work: how long a wrong one takes tells which exist; make all of them by \
                `calbridge hash-password`";
    let accounts = settings.role_accounts.iter();
    if password::costs_differ(accounts.map(|account| account.password_hash.as_str())) {
        section.warning("role_account", text);
    }
    let clients = settings.clients.iter();
    if password::costs_differ(clients.map(|client| client.secret_hash.as_str())) {
        section.warning("client", text);
    }
}

fn client_certificate(
    entry: &Section<'_>,
    accounts: &[InboundAccount],
    seen: &mut BTreeSet<[u8; 32]>,
) -> Option<CertificateAccount> {
    entry.require("name");
    entry.require("sha256");
    let name = entry.text("name").filter(|name| {
        let usable = !name.value.trim().is_empty() && !name.value.contains(char::is_control);
        if !usable {
            name.problem("must be a short name for logs");
        }
        usable
    });
    let text = entry.text("sha256");
    let fingerprint = text.as_ref().and_then(|text| {
        text.parse(|text| {
            read_fingerprint(text).ok_or(
                "must be 64 hexadecimal digits, as `openssl x509 -noout -fingerprint -sha256` prints them",
            )
        })
    });
    if let (Some(text), Some(fingerprint)) = (&text, fingerprint)
        && !seen.insert(fingerprint)
    {
        text.problem("is the fingerprint of another certificate, too");
    }
    let id = name.map_or("", |name| name.value);
    let mut caller = rights::caller(entry, CallerId::Certificate(id.into()));
    caller.role_accounts = Some(clients::role_accounts(entry, accounts));
    Some(CertificateAccount {
        fingerprint: fingerprint?,
        caller,
    })
}

/// With or without colons, in either case.
fn read_fingerprint(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|c| *c != ':')
        .map(|c| c.to_digit(16).map(|digit| digit as u8))
        .collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits
        .chunks(2)
        .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
        .collect();
    (digits.len() == 64)
        .then(|| bytes.try_into().ok())
        .flatten()
}

/// A number a minute.
fn rate(section: &Section<'_>, key: &'static str) -> Option<NonZeroU32> {
    let number = section.count(key, MOST_A_MINUTE)?;
    u32::try_from(number).ok().and_then(NonZeroU32::new)
}

fn client_address(section: &Section<'_>) -> ClientAddress {
    let Some(text) = section.text("client_address") else {
        return ClientAddress::Peer;
    };
    let parsed = text.parse(|text| match *text {
        "peer" => Ok(ClientAddress::Peer),
        "proxy-protocol" => Ok(ClientAddress::ProxyProtocol),
        "x-forwarded-for" => Ok(ClientAddress::XForwardedFor),
        _ => Err("must be \"peer\", \"proxy-protocol\" or \"x-forwarded-for\""),
    });
    parsed.unwrap_or(ClientAddress::Peer)
}

fn check_proxies(section: &Section<'_>, client_address: ClientAddress, has_proxies: bool) {
    match client_address {
        ClientAddress::Peer if has_proxies => section.warning(
            "trusted_proxies",
            "has no effect while access.client_address is \"peer\"",
        ),
        ClientAddress::ProxyProtocol | ClientAddress::XForwardedFor if !has_proxies => section
            .problem_at(
                "trusted_proxies",
                "must name the proxies whose word on the client's address is taken",
            ),
        ClientAddress::Peer | ClientAddress::ProxyProtocol | ClientAddress::XForwardedFor => {}
    }
}

fn role_accounts(section: &Section<'_>, around: &Surroundings<'_>) -> Vec<InboundAccount> {
    let mut seen = BTreeSet::new();
    let accounts = section.each("role_account", |account| {
        role_account(account, around, &mut seen)
    });
    accounts.into_iter().flatten().collect()
}

fn role_account(
    account: &Section<'_>,
    around: &Surroundings<'_>,
    seen: &mut BTreeSet<SmtpAddress>,
) -> Option<InboundAccount> {
    let address = address(account, seen);
    let password = secret::password(account, around);
    let Some(address) = address else {
        // Read all the same, for what is wrong with its rights.
        rights::caller(account, CallerId::Nobody);
        return None;
    };
    // Read before a missing password ends it, so that its keys are known.
    let caller = rights::caller(account, CallerId::Account(address.clone()));
    let (password_hash, password) = password?;
    Some(InboundAccount {
        address,
        password_hash,
        password,
        caller,
    })
}

//! `[[freebusy_url]]`: virtual directories for clients that have a `FreeBusyURL`, such as GSSMO.

use std::collections::BTreeSet;
use std::sync::Arc;

use ipnet::IpNet;
use jiff::tz::TimeZone;
use url::Url;

use super::document::Section;
use super::findings::Located;
use super::networks::networks;
use super::secret;
use super::surroundings::Surroundings;
use super::values::{domain_pair, has_login};

use crate::domain::zone::names;
use crate::domain::{DomainPattern, MailDomain};
use crate::face::OwnLogin;
use crate::face::connector::{ConnectorSettings, DomainMapping, Form};

/// Bytes of a directory's name.
const LONGEST_DIRECTORY: usize = 200;

/// Every directory that can be used. `allow` is the list of the whole server: a directory with a login and without a list
/// of its own has that one.
pub(super) fn read_all(
    root: &Section<'_>,
    around: &Surroundings<'_>,
    allow: &[IpNet],
) -> Vec<ConnectorSettings> {
    if !root.has("freebusy_url") {
        return Vec::new();
    }
    let mut taken = BTreeSet::new();
    let entries = root.each("freebusy_url", |entry| {
        read(entry, around, allow, &mut taken)
    });
    entries.into_iter().flatten().collect()
}

fn read(
    section: &Section<'_>,
    around: &Surroundings<'_>,
    everybody: &[IpNet],
    taken: &mut BTreeSet<String>,
) -> Option<ConnectorSettings> {
    let directory = directory(section, taken);
    let domains = domains(section);
    let allow = section.texts("allow").map(|list| {
        if list.value.is_empty() {
            list.problem("is empty: nobody could call");
        }
        networks(Some(&list))
    });
    let login = section.within("login", |login| own_login(login, around));
    if allow.is_none() && login.is_none() {
        section.problem_at(
            "allow",
            "or login must be there: calendars are not for everybody",
        );
    }
    let domain_mapping = domain_mapping(section);
    let submit_url = submit_url(section);
    let form = form(section);
    let time_zone = time_zone(section);
    let event_details = section.flag("event_details").unwrap_or(false);
    Some(ConnectorSettings {
        name: Arc::from(section.place().key.as_str()),
        directory: directory?,
        allow: allow.unwrap_or_else(|| everybody.to_vec()),
        login: match login {
            Some(login) => Some(login?),
            None => None,
        },
        domains,
        event_details,
        domain_mapping,
        submit_url: submit_url?,
        form,
        time_zone,
    })
}

fn directory(section: &Section<'_>, taken: &mut BTreeSet<String>) -> Option<String> {
    section.require("directory");
    let text = section.text("directory")?;
    let directory = text.parse(|text| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
        let usable = (1..=LONGEST_DIRECTORY).contains(&text.len())
            && text.bytes().all(plain)
            && !text.bytes().all(|byte| byte == b'.');
        usable
            .then(|| (*text).to_owned())
            .ok_or("must be one word of letters, digits, dots, dashes, underscores and tildes")
    })?;
    if !taken.insert(directory.to_ascii_lowercase()) {
        text.problem(
            "is the directory of another [[freebusy_url]], too; letter case does not count",
        );
    }
    Some(directory)
}

fn domains(section: &Section<'_>) -> Vec<DomainPattern> {
    section.require("domains");
    let Some(list) = section.texts("domains") else {
        return Vec::new();
    };
    if list.value.is_empty() {
        list.problem("is empty: nobody could be asked for");
    }
    let entries = list.value.iter();
    entries
        .filter_map(|entry| entry.parse(|text| DomainPattern::parse(text)))
        .collect()
}

fn own_login(section: &Section<'_>, around: &Surroundings<'_>) -> Option<OwnLogin> {
    section.require("user");
    let user = section.text("user").and_then(|text| {
        // Basic ends the user's name at the first colon (RFC 7617 section 2).
        text.parse(|text| {
            let usable = !text.trim().is_empty() && !text.contains([':', '\r', '\n']);
            usable
                .then(|| (*text).to_owned())
                .ok_or("must be a user name, without a colon")
        })
    });
    let password_hash = secret::password_hash(section, around);
    Some(OwnLogin {
        key: section.place().key.clone(),
        user: user?,
        password_hash: password_hash?,
    })
}

fn domain_mapping(section: &Section<'_>) -> Vec<DomainMapping> {
    if section.is_empty_list("domain_mapping") {
        return Vec::new();
    }
    let mut seen = (BTreeSet::new(), BTreeSet::new());
    let pairs = section.each("domain_mapping", |pair| {
        let (external, internal) = domain_pair(pair)?;
        if external.value == internal.value {
            internal.problem("is the external domain itself");
        }
        if !seen.0.insert(external.value.clone()) {
            external.problem("is the external domain of another pair, too");
        }
        if !seen.1.insert(internal.value.clone()) {
            internal.problem(
                "is the internal domain of another pair, too; answers could not be mapped back",
            );
        }
        Some(DomainMapping {
            external: external.value,
            internal: internal.value,
        })
    });
    pairs.into_iter().flatten().collect()
}

/// Where answers are posted to, by `post_url` or `google_domain`.
fn submit_url(section: &Section<'_>) -> Option<String> {
    let (url, domain) = (section.text("post_url"), section.text("google_domain"));
    match (url, domain) {
        (Some(url), None) => post_url(&url),
        (None, Some(domain)) => {
            let domain = domain.parse(|text| MailDomain::parse(text))?;
            Some(format!(
                "https://www.google.com/calendar/hosted/{domain}/mailslot"
            ))
        }
        (Some(_), Some(_)) => {
            section.problem("needs one of post_url and google_domain, not both");
            None
        }
        (None, None) if section.has("post_url") || section.has("google_domain") => None,
        (None, None) => {
            section.problem_at(
                "google_domain",
                "or post_url must say where answers are posted to",
            );
            None
        }
    }
}

fn post_url(text: &Located<'_, &str>) -> Option<String> {
    let url = text.parse(|text| Url::parse(text).map_err(|_| "must be an https URL"))?;
    let plain = url.scheme() == "http";
    if url.host().is_none() || !(plain || url.scheme() == "https") {
        text.problem("must be an https URL");
        return None;
    }
    if has_login(&url) {
        text.problem("must not hold a user name or password: everybody who asks gets to see it");
        return None;
    }
    if plain && !is_this_machine(&url) {
        text.warning("is not https: answers go over the network for everybody to read");
    }
    Some(url.into())
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn form(section: &Section<'_>) -> Form {
    let text = section.text("answer");
    let form = text.and_then(|text| {
        text.parse(|text| match *text {
            "json" => Ok(Form::Json),
            "legacy" => Ok(Form::Legacy),
            _ => Err("must be \"json\" or \"legacy\""),
        })
    });
    form.unwrap_or_default()
}

fn time_zone(section: &Section<'_>) -> TimeZone {
    let text = section.text("time_zone");
    let zone = text.and_then(|text| {
        text.parse(|text| {
            names::find(text)
                .ok_or("must be a time zone, as \"Europe/Berlin\" or \"W. Europe Standard Time\"")
        })
    });
    zone.unwrap_or(TimeZone::UTC)
}

#[cfg(test)]
mod tests;

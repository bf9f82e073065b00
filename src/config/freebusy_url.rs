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
use super::values::has_login;

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
    if !section.has("domain_mapping") {
        return Vec::new();
    }
    let mut seen = (BTreeSet::new(), BTreeSet::new());
    let pairs = section.each("domain_mapping", |pair| {
        let (external, internal) = (domain(pair, "external"), domain(pair, "internal"));
        let (external, internal) = (external?, internal?);
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

fn domain<'a>(section: &Section<'a>, key: &'static str) -> Option<Located<'a, MailDomain>> {
    section.require(key);
    let text = section.text(key)?;
    let value = text.parse(|text| MailDomain::parse(text))?;
    Some(Located {
        value,
        place: text.place,
        findings: text.findings,
    })
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
mod tests {
    use std::path::Path;

    use toml::de::DeTable;

    use super::*;
    use crate::config::findings::Findings;

    /// The directories of `text`, its problems and its warnings as `key: text`.
    fn entries(text: &str) -> (Vec<ConnectorSettings>, Vec<String>, Vec<String>) {
        let table = DeTable::parse(text).unwrap();
        let findings = Findings::new(text);
        let around = Surroundings::new(Path::new(""), &|name| {
            (name == "LOGIN").then(|| "secret".into())
        });
        let allow = ["192.0.2.0/24".parse().unwrap()];
        let read = Section::root(&findings, table.get_ref(), |root| {
            read_all(root, &around, &allow)
        });
        let (problems, warnings) = findings.into_parts();
        let told = |found: &[super::super::problems::Problem]| {
            let told = found.iter();
            told.map(|one| format!("{}: {}", one.place.key, one.text))
                .collect()
        };
        (read, told(&problems), told(&warnings))
    }

    #[track_caller]
    fn refused(lines: &str, expect: &[&str]) {
        let text = format!("[[freebusy_url]]\n{lines}\n");
        assert_eq!(entries(&text).1, expect, "{text}");
    }

    const WHOLE: &str = "directory = \"GCalExchangeLookup\"\ndomains = [\"example.org\", \"*.example.org\"]\n\
        allow = [\"10.0.0.0/8\"]\ngoogle_domain = \"Example.org\"";

    #[test]
    fn a_directory_has_its_defaults() {
        let (read, problems, _) = entries(&format!("[[freebusy_url]]\n{WHOLE}\n"));
        assert_eq!(problems, [""; 0]);
        let entry = &read[0];
        assert_eq!(&*entry.name, "freebusy_url[0]");
        assert_eq!(
            entry.submit_url,
            "https://www.google.com/calendar/hosted/example.org/mailslot"
        );
        assert_eq!(
            (entry.event_details, entry.form, entry.login.is_none()),
            (false, Form::Json, true)
        );
        assert_eq!((entry.domains.len(), entry.domain_mapping.len()), (2, 0));
        assert_eq!(entry.time_zone, TimeZone::UTC);
        assert_eq!(entries("").0.len(), 0);
    }

    #[test]
    fn a_directory_has_all_its_keys() {
        let (read, problems, warnings) = entries(
            "[[freebusy_url]]\ndirectory = \"GCalExchangeLookup-8f\"\ndomains = [\"ex.acme.com\"]\n\
             login = { user = \"gssmo\", password_env = \"LOGIN\" }\nevent_details = true\n\
             domain_mapping = [{ external = \"acme.com\", internal = \"ex.acme.com\" }]\n\
             post_url = \"http://slot.example.org/in?u=https://x\"\nanswer = \"legacy\"\ntime_zone = \"pacific\"\n",
        );
        assert_eq!(problems, [""; 0]);
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        let entry = &read[0];
        assert_eq!(entry.submit_url, "http://slot.example.org/in?u=https://x");
        assert_eq!((entry.event_details, entry.form), (true, Form::Legacy));
        assert_eq!(entry.allow.len(), 1, "the list of the server");
        let login = entry.login.as_ref().unwrap();
        assert_eq!(
            (&*login.key, &*login.user),
            ("freebusy_url[0].login", "gssmo")
        );
        assert!(login.password_hash.starts_with("$argon2id$"));
        assert_eq!(entry.time_zone.iana_name(), Some("America/Los_Angeles"));
    }

    #[test]
    fn what_must_be_there() {
        refused(
            "",
            &[
                "freebusy_url[0].directory: is missing",
                "freebusy_url[0].domains: is missing",
                "freebusy_url[0].allow: or login must be there: calendars are not for everybody",
                "freebusy_url[0].google_domain: or post_url must say where answers are posted to",
            ],
        );
        refused(
            &WHOLE.replace("[\"10.0.0.0/8\"]", "[]"),
            &["freebusy_url[0].allow: is empty: nobody could call"],
        );
        refused(
            &format!("{WHOLE}\npost_url = \"https://x.example/\""),
            &["freebusy_url[0]: needs one of post_url and google_domain, not both"],
        );
    }

    #[test]
    fn what_is_wrong_is_told_by_key() {
        for bad in ["", "..", "a/b", "a b", "a%2f"] {
            let told = entries(&format!(
                "[[freebusy_url]]\n{}\n",
                WHOLE.replace("GCalExchangeLookup", bad)
            ))
            .1;
            assert!(
                told[0].starts_with("freebusy_url[0].directory: must be one word"),
                "{told:?}"
            );
        }
        for (line, key) in [
            ("answer = \"xml\"", "answer"),
            ("time_zone = \"Nowhere\"", "time_zone"),
            (
                "login = { user = \"a:b\", password_env = \"LOGIN\" }",
                "login.user",
            ),
            ("login = { user = \"a\" }", "login"),
            ("unknown = 1", "unknown"),
            (
                "domain_mapping = [{ external = \"a.example\", internal = \"a.example\" }]",
                "domain_mapping[0].internal",
            ),
            (
                "domain_mapping = [{ external = \"a.example\", internal = \"b.example\" }, { external = \"A.example\", internal = \"c.example\" }]",
                "domain_mapping[1].external",
            ),
        ] {
            let told = entries(&format!("[[freebusy_url]]\n{WHOLE}\n{line}\n")).1;
            assert_eq!(told.len(), 1, "{line}: {told:?}");
            assert!(
                told[0].starts_with(&format!("freebusy_url[0].{key}: ")),
                "{line}: {told:?}"
            );
        }
        for bad in ["ftp://x.example/", "slot", "https://me:pw@x.example/"] {
            let whole = WHOLE.replace(
                "google_domain = \"Example.org\"",
                &format!("post_url = \"{bad}\""),
            );
            assert!(
                entries(&format!("[[freebusy_url]]\n{whole}\n")).1[0].contains("post_url"),
                "{bad}"
            );
        }
        let twice = format!(
            "[[freebusy_url]]\n{WHOLE}\n[[freebusy_url]]\n{}\n",
            WHOLE
                .to_uppercase()
                .replace("DIRECTORY =", "directory =")
                .replace("DOMAINS =", "domains =")
                .replace("ALLOW =", "allow =")
                .replace("GOOGLE_DOMAIN =", "google_domain =")
        );
        assert!(
            entries(&twice).1[0].contains("letter case does not count"),
            "{:?}",
            entries(&twice).1
        );
    }

    #[test]
    fn loopback_needs_no_warning() {
        for (url, warnings) in [
            ("http://127.0.0.1:8080/slot", 0),
            ("http://[::1]/slot", 0),
            ("http://localhost/slot", 0),
            ("http://intranet/slot", 1),
        ] {
            let whole = WHOLE.replace(
                "google_domain = \"Example.org\"",
                &format!("post_url = \"{url}\""),
            );
            let told = entries(&format!("[[freebusy_url]]\n{whole}\n"));
            assert_eq!((told.1.len(), told.2.len()), (0, warnings), "{url}");
        }
    }
}

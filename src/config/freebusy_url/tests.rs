//! Entries as an administrator writes them, and what is told of wrong ones.

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
    // What is the default may be written.
    let written = entries(&format!("[[freebusy_url]]\n{WHOLE}\ndomain_mapping = []\n"));
    assert_eq!((written.1, written.0.len()), (Vec::new(), 1));
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

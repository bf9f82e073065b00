//! The configuration as an administrator meets it: whole files, and every problem with its line and key.

mod auth;
mod callers;
mod routing;
mod sections;
mod service;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use secrecy::ExposeSecret;
use tempfile::TempDir;

use super::*;
use crate::backend::settings::BackendSettings;
use crate::server::settings::ClientAddress;

/// A folder with all that the samples of these tests refer to.
struct Folder(TempDir);

const SECRET: &str = "hunter2-which-nobody-may-see";

/// Valid; each test changes some lines of it.
const VALID: &str = r#"[server]
listen = ["127.0.0.1:8443"]
public_url = "https://interop.example.com"
[server.tls]
certificate = "server.pem"
private_key = "server.key"
[access]
allow = ["127.0.0.1"]
[[access.role_account]]
address = "interop@example.com"
password_file = "secret"
[[endpoint]]
name = "hq"
kind = "ews"
domains = ["example.com"]
url = "https://mail.example.com/EWS/Exchange.asmx"
[[endpoint.role_account]]
address = "svc@example.com"
password_env = "HQ_PASSWORD"
[[endpoint]]
name = "files"
kind = "calendar-files"
domains = ["files.example"]
directory = "calendars"
time_zone = "Europe/Berlin"
"#;

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        let pair = rcgen::generate_simple_self_signed(["interop.example.com".to_owned()]).unwrap();
        let other = rcgen::generate_simple_self_signed(["other.example".to_owned()]).unwrap();
        folder.write("server.pem", &pair.cert.pem());
        folder.write("server.key", &pair.signing_key.serialize_pem());
        folder.write("other.pem", &other.cert.pem());
        folder.write("other.key", &other.signing_key.serialize_pem());
        let address = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        folder.write("nameless.pem", &address.cert.pem());
        folder.write("nameless.key", &address.signing_key.serialize_pem());
        folder.write("secret", &format!("{SECRET}\n"));
        folder.write("empty", "\n");
        folder.write("two-lines", &format!("{SECRET}\n{SECRET}\n"));
        std::fs::create_dir(folder.0.path().join("calendars")).unwrap();
        folder
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.path().join(name), text).unwrap();
    }

    fn load(&self, text: &str) -> Result<Config, ConfigErrors> {
        load_text(text, &self.0.path().join("config.toml"), &environment)
    }
}

fn environment(name: &str) -> Option<OsString> {
    match name {
        "HQ_PASSWORD" => Some(format!("{SECRET}\r\n").into()),
        "EMPTY" => Some(OsString::new()),
        _ => None,
    }
}

/// Replaces lines of the valid file (each exactly once) and expects these problems, as `line key: text`, where the
/// texts may be cut.
#[track_caller]
fn check(changes: &[(&str, &str)], expect: &[&str]) {
    let folder = Folder::new();
    let errors = folder.load(&changed(changes)).unwrap_err();
    let got: Vec<String> = errors.problems.iter().map(short).collect();
    assert_eq!(got.len(), expect.len(), "{got:#?}");
    for (got, expect) in got.iter().zip(expect) {
        assert!(got.starts_with(expect), "got {got:?}, expected {expect:?}");
    }
    assert_no_secret(&errors.to_string());
}

#[track_caller]
fn check_warnings(changes: &[(&str, &str)], expect: &[&str]) {
    let config = Folder::new().load(&changed(changes)).unwrap();
    let got: Vec<String> = config.warnings.iter().map(short).collect();
    assert_eq!(got, expect);
}

#[track_caller]
fn changed(changes: &[(&str, &str)]) -> String {
    let mut text = VALID.to_owned();
    for (from, to) in changes {
        assert_eq!(text.matches(from).count(), 1, "{from}");
        text = text.replace(from, to);
    }
    text
}

fn short(problem: &Problem) -> String {
    let Place { line, key } = &problem.place;
    format!("{} {key}: {}", line.unwrap_or(0), problem.text)
}

#[track_caller]
fn assert_no_secret(text: &str) {
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn a_valid_file_becomes_settings() {
    let folder = Folder::new();
    let config = folder.load(VALID).unwrap();
    assert_eq!(config.warnings, []);
    assert_eq!(
        config.server.listen,
        ["127.0.0.1:8443".parse::<SocketAddr>().unwrap()]
    );
    assert_eq!(config.server.realm, "interop.example.com");
    assert_eq!(
        config.server.certificate.certificate,
        folder.0.path().join("server.pem")
    );
    assert_eq!(config.server.access.client_address, ClientAddress::Peer);
    assert_eq!(config.server.limits.drain, Duration::from_secs(30));
    assert!(config.service.sharing.event_details && config.service.sharing.room_booking);
    let account = &config.server.access.role_accounts[0];
    assert_eq!(Some(&account.address), account.caller.account());
    assert_eq!(password::check(&account.password_hash), Ok(()));
    let [hq, files] = &config.endpoints[..] else {
        panic!("two endpoints");
    };
    assert_eq!(
        (hq.timeout, hq.max_concurrency),
        (Duration::from_secs(20), 4)
    );
    assert_eq!(files.max_concurrency, 16);
    let BackendSettings::Ews(ews) = &hq.kind else {
        panic!("hq asks an Exchange server");
    };
    assert_eq!(
        ews.role_accounts[0]
            .password
            .as_ref()
            .unwrap()
            .expose_secret(),
        SECRET
    );
    assert_no_secret(&format!("{config:?}"));
}

#[test]
fn optional_keys_are_read() {
    let folder = Folder::new();
    let text = changed(&[
        ("[access]\n", "[sharing]\nevent_details = false\n[access]\n"),
        (
            "[server.tls]",
            "max_in_flight = 7\ndeadline = \"1m 5s\"\ndrain = \"500ms\"\n[server.tls]",
        ),
        (
            "name = \"hq\"",
            "name = \"hq\"\nmax_concurrency = 9\nproxy = \"http://proxy.example:3128\"",
        ),
        (
            "name = \"files\"",
            "name = \"files\"\nlimits = { days_per_call = 3 }\ntimeout = \"1s\"",
        ),
        (
            "password_env = \"HQ_PASSWORD\"",
            "password_file = \"secret\"\nusername = \"CORP\\\\svc\"",
        ),
    ]);
    let config = folder.load(&text).unwrap();
    assert!(!config.service.sharing.event_details && config.service.sharing.room_booking);
    assert_eq!(config.server.limits.max_in_flight, 7);
    assert_eq!(config.server.limits.deadline, Duration::from_secs(65));
    assert_eq!(config.server.limits.drain, Duration::from_millis(500));
    let [hq, files] = &config.endpoints[..] else {
        panic!("two endpoints");
    };
    assert_eq!(hq.max_concurrency, 9);
    assert_eq!(
        (files.timeout, files.limits.days_per_call),
        (Duration::from_secs(1), 3)
    );
    let BackendSettings::Ews(ews) = &hq.kind else {
        panic!("hq asks an Exchange server");
    };
    assert_eq!(ews.proxy.as_deref(), Some("http://proxy.example:3128/"));
    assert_eq!(ews.role_accounts[0].username.as_deref(), Some("CORP\\svc"));
}

#[test]
fn all_problems_are_listed_at_once() {
    check(
        &[
            (
                "[\"127.0.0.1:8443\"]",
                "[\"localhost:8443\"]\ncolour = \"red\"",
            ),
            ("\"https://interop.example.com\"", "7"),
            ("[\"127.0.0.1\"]", "[\"127.0.0.1/99\"]"),
            ("https://mail.example.com", "http://mail.example.com"),
            ("\"Europe/Berlin\"", "\"Europe/Atlantis\"\nurl = \"x\""),
        ],
        &[
            "2 server.listen[0]: must be an IP address with a port",
            "3 server.colour: unknown key; known here:",
            "4 server.public_url: must be a string, not a whole number",
            "9 access.allow[0]: must be a network",
            "17 endpoint[0].url: must be an https URL",
            "26 endpoint[1].time_zone: must be an IANA time zone",
            "27 endpoint[1].url: unknown key; known here: answer_cross_forest,",
        ],
    );
}

#[test]
fn syntax_errors_name_the_line_and_not_the_text() {
    check(
        &[("password_file = \"secret\"", "password_hash = \"hunter2")],
        &["11 : not valid TOML: "],
    );
    check(
        &[("name = \"hq\"", "name = \"hq\"\nname = \"hunter2\"")],
        &["14 : not valid TOML: duplicate key"],
    );
}

#[test]
fn an_empty_file_misses_every_section() {
    let errors = Folder::new().load("").unwrap_err();
    let got: Vec<String> = errors.problems.iter().map(short).collect();
    assert_eq!(
        got,
        [
            "0 server: is missing",
            "0 access: is missing",
            "0 endpoint: is missing"
        ]
    );
}

/// A secret that cannot be read, as by whoever is not the service, makes no known key unknown.
#[test]
fn only_what_is_missing_is_told_of_the_full_sample() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/full.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let folder = Folder::new();
    let errors = folder.load(&text).unwrap_err();
    assert!(errors.problems.len() > 5, "{errors}");
    assert!(!errors.to_string().contains("unknown key"), "{errors}");
}

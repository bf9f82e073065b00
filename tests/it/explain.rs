//! `calbridge lookup --explain` over two folders: routes, aliases, fallbacks, refusals and lists as a person sees them.

use std::path::Path;

use assert_cmd::Command;
use tempfile::TempDir;

use crate::installation::install;
use crate::logs::kept;

fn calendar(hour: &str) -> String {
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//calbridge//tests//EN\r\nBEGIN:VEVENT\r\nUID:1\r\n\
         DTSTAMP:20260101T000000Z\r\nDTSTART:20260907T{hour}0000Z\r\nDURATION:PT1H\r\nSUMMARY:Plan\r\n\
         X-MICROSOFT-CDO-BUSYSTATUS:TENTATIVE\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
}

/// Anna is in the first folder, Bert has moved to the second one.
fn installation() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    for name in ["one", "two"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    write("one/anna@example.com.ics", &calendar("08"));
    write("two/bert@example.com.ics", &calendar("10"));
    write("one/boss@example.com.ics", &calendar("10"));
    write(
        "one/lists.toml",
        "[[list]]\naddress = \"team@example.com\"\nmembers = [\"anna@example.com\", \"boss@example.com\"]\n",
    );
    let more = r#"[sharing]
deny = ["boss@example.com"]
status_map = { tentative = "busy" }
[[endpoint]]
name = "one"
kind = "calendar-files"
domains = ["example.com"]
fallback = "two"
directory = "one"
time_zone = "UTC"
[[endpoint]]
name = "two"
kind = "calendar-files"
directory = "two"
time_zone = "UTC"
[[alias]]
external = "g.example.com"
internal = "example.com"
"#;
    install(folder.path(), "127.0.0.1:0", "Program-secret-61d0", more);
    folder
}

fn lookup(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_calbridge"));
    command
        .args(["lookup", "--from", "2026-09-07", "--config"])
        .arg(folder.join("calbridge.toml"))
        .args(arguments)
        .env_clear()
        .timeout(std::time::Duration::from_mins(1));
    let assert = kept(&mut command);
    String::from_utf8(assert.get_output().stdout.clone()).unwrap()
}

/// The paragraphs of the explanation, without the times that it took.
fn paragraphs(output: &str, mailboxes: &[&str]) -> Vec<String> {
    let all: Vec<&str> = output.split("\n\n").collect();
    let last = all.len().saturating_sub(mailboxes.len());
    let told = all[last..].iter().map(|paragraph| {
        let lines = paragraph.lines();
        let kept = lines.filter(|line| !line.starts_with("  time "));
        kept.collect::<Vec<_>>().join("\n")
    });
    told.collect()
}

#[test]
fn the_way_of_each_mailbox_is_told() {
    let folder = installation();
    let mailboxes = [
        "anna@g.example.com",
        "bert@example.com",
        "nobody@example.com",
        "boss@g.example.com",
        "x@elsewhere.example",
    ];
    let output = lookup(
        folder.path(),
        &[&["--explain", "--details"][..], &mailboxes].concat(),
    );
    // The status map is applied: the event is tentative in the file. The caller's own name is spoken.
    assert!(
        output.contains("08:00 - 09:00 busy           Plan"),
        "{output}"
    );
    assert!(!output.contains("tentative      "), "{output}");
    let rules = "subjects and locations may be told, statuses by sharing.status_map";
    assert_eq!(
        paragraphs(&output, &mailboxes),
        [
            format!(
                "anna@g.example.com\n  alias    asked for as anna@example.com\n  route    by domain to endpoint one\n  \
                 cache    miss\n  calls    1\n  policy   {rules}"
            ),
            format!(
                "bert@example.com\n  route    by domain to endpoint one, then its fallback two\n  cache    miss\n  \
                 calls    2\n  policy   {rules}"
            ),
            format!(
                "nobody@example.com\n  route    by domain to endpoint one, then its fallback two\n  cache    miss\n  \
                 calls    2\n  policy   {rules}"
            ),
            "boss@g.example.com\n  alias    asked for as boss@example.com\n  route    none\n  \
             policy   nobody may be told anything of this mailbox"
                .to_owned(),
            format!("x@elsewhere.example\n  route    none\n  policy   {rules}"),
        ]
    );
}

#[test]
fn machines_are_told_as_well_and_only_on_request() {
    let folder = installation();
    let json = |arguments: &[&str]| -> serde_json::Value {
        serde_json::from_str(&lookup(folder.path(), arguments)).unwrap()
    };
    let told = json(&["--json", "--explain", "bert@g.example.com"]);
    let mut explanation = told["mailboxes"][0]["explanation"].clone();
    let took = explanation["milliseconds"].take();
    assert!(took.as_f64().is_some_and(|took| took > 0.0), "{took}");
    assert_eq!(
        explanation,
        serde_json::json!({
            "alias": "bert@example.com", "route": "domain", "endpoint": "one", "fallback": "two", "cache": "miss",
            "calls": 2, "role_accounts": [], "policy": "subjects", "statuses_mapped": true, "milliseconds": null
        })
    );
    assert_eq!(told["mailboxes"][0]["address"], "bert@g.example.com");
    let plain = json(&["--json", "bert@example.com"]);
    assert_eq!(
        plain["mailboxes"][0]["explanation"],
        serde_json::Value::Null
    );
}

#[test]
fn a_list_is_one_mailbox_without_events() {
    let folder = installation();
    let told = lookup(folder.path(), &["--details", "team@g.example.com"]);
    assert!(told.contains("the source tells no single events"), "{told}");
    // Two members, each an hour.
    assert!(
        told.contains("Mon 2026-09-07 ················██··██"),
        "{told}"
    );
}

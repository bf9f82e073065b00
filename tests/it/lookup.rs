//! `calbridge lookup` over a folder of calendars: the drawing, the JSON, and the exit status.

use assert_cmd::Command;
use assert_cmd::assert::Assert;
use tempfile::TempDir;

use crate::installation::{files, install};
use crate::logs::kept;

const ANNA: &str = "BEGIN:VCALENDAR\r
VERSION:2.0\r
PRODID:-//calbridge//tests//EN\r
BEGIN:VEVENT\r
UID:1@files.example\r
DTSTAMP:20260101T000000Z\r
DTSTART:20260907T070000Z\r
DTEND:20260907T083000Z\r
SUMMARY:Plan\r
LOCATION:Room 1\r
END:VEVENT\r
BEGIN:VEVENT\r
UID:2@files.example\r
DTSTAMP:20260101T000000Z\r
DTSTART:20260907T090000Z\r
DTEND:20260907T093000Z\r
SUMMARY:Doctor\r
CLASS:PRIVATE\r
END:VEVENT\r
END:VCALENDAR\r
";

/// A configuration with one folder of calendars; `sharing` are lines of its section.
fn installation(sharing: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    std::fs::create_dir(folder.path().join("calendars")).unwrap();
    write("calendars/anna@files.example.ics", ANNA);
    let files = files("files.example", "Europe/Berlin");
    let more = format!("[sharing]\n{sharing}\n{files}");
    install(folder.path(), "127.0.0.1:0", "Program-secret-61d0", &more);
    folder
}

fn lookup(folder: &TempDir, arguments: &[&str]) -> Assert {
    let mut command = Command::new(env!("CARGO_BIN_EXE_calbridge"));
    command
        .args(["lookup", "--config"])
        .arg(folder.path().join("calbridge.toml"))
        .args(arguments)
        .env_clear()
        .timeout(std::time::Duration::from_mins(1));
    kept(&mut command)
}

fn stdout(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stdout.clone()).unwrap()
}

const DAY: [&str; 4] = ["--from", "2026-09-07", "--zone", "Europe/Berlin"];

#[test]
fn a_day_is_drawn() {
    let folder = installation("");
    let assert = lookup(
        &folder,
        &[&DAY[..], &["--details", "Anna@Files.example"]].concat(),
    );
    let drawn = stdout(&assert.code(0));
    let after_legend = drawn.split_once("\n\n").unwrap().1;
    assert_eq!(
        after_legend,
        "anna@files.example
                 0     3     6     9     12    15    18    21    24
  Mon 2026-09-07 ··················███·█·························
  2026-09-07 09:00 - 10:30 busy           Plan  @ Room 1
  2026-09-07 11:00 - 11:30 busy           (private)
"
    );
    assert!(drawn.starts_with("· free "), "{drawn}");
    assert!(drawn.contains("times in Europe/Berlin"), "{drawn}");
}

#[test]
fn details_are_told_only_on_request_and_only_if_shared() {
    let private_parts = |sharing, arguments: &[&str]| {
        let folder = installation(sharing);
        let drawn = stdout(&lookup(&folder, &[&DAY[..], arguments].concat()).code(0));
        assert!(drawn.contains("09:00 - 10:30 busy"), "{drawn}");
        assert!(!drawn.contains("Doctor"), "{drawn}");
        drawn.contains("Plan")
    };
    assert!(private_parts("", &["--details", "anna@files.example"]));
    assert!(!private_parts("", &["anna@files.example"]));
    assert!(!private_parts(
        "event_details = false",
        &["--details", "anna@files.example"]
    ));
}

#[test]
fn a_mailbox_without_answer_is_status_1_and_the_others_are_drawn() {
    let folder = installation("");
    let asked = [
        "nobody@files.example",
        "anna@files.example",
        "x@elsewhere.example",
    ];
    let drawn = stdout(&lookup(&folder, &[&DAY[..], &asked].concat()).code(1));
    assert!(
        drawn.contains("nobody@files.example\n  the mailbox was not found"),
        "{drawn}"
    );
    assert!(
        drawn.contains("x@elsewhere.example\n  the mailbox was not found"),
        "{drawn}"
    );
    assert!(drawn.contains("09:00 - 10:30 busy"), "{drawn}");
}

#[test]
fn json_is_for_machines() {
    let folder = installation("");
    let asked = [
        "--details",
        "--json",
        "anna@files.example",
        "nobody@files.example",
    ];
    let printed = stdout(&lookup(&folder, &[&DAY[..], &asked].concat()).code(1));
    let document: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(
        document,
        serde_json::json!({
            "window": { "start": "2026-09-06T22:00:00Z", "end": "2026-09-07T22:00:00Z" },
            "mailboxes": [
                {
                    "address": "anna@files.example",
                    "detail": "subjects",
                    "events": [
                        {
                            "start": "2026-09-07T07:00:00Z",
                            "end": "2026-09-07T08:30:00Z",
                            "status": "busy",
                            "subject": "Plan",
                            "location": "Room 1",
                            "private": false
                        },
                        {
                            "start": "2026-09-07T09:00:00Z",
                            "end": "2026-09-07T09:30:00Z",
                            "status": "busy",
                            "private": true
                        }
                    ]
                },
                {
                    "address": "nobody@files.example",
                    "error": { "code": "not_found", "text": "the mailbox was not found" }
                }
            ]
        })
    );
}

#[test]
fn wrong_usage_is_status_2() {
    let folder = installation("");
    for arguments in [
        &[][..],
        &["not-an-address"],
        &["--from", "tomorrow", "anna@files.example"],
        &[
            "--from",
            "2026-09-08",
            "--to",
            "2026-09-07",
            "anna@files.example",
        ],
        &["--zone", "Europe/Atlantis", "anna@files.example"],
    ] {
        let assert = lookup(&folder, arguments).code(2);
        assert_eq!(stdout(&assert), "", "{arguments:?}");
    }
}

//! `calbridge rooms` over a folder of calendars: the table, the JSON, `--free-between`, and the exit status.

use assert_cmd::Command;
use assert_cmd::assert::Assert;
use tempfile::TempDir;

use crate::installation::{files, install};
use crate::logs::kept;

/// Busy for a hundred years, so that no clock finds a free hour.
const ALWAYS: &str = "DTSTART:20000101T000000Z\r\nDTEND:21000101T000000Z\r\n";
/// Over before anybody looks.
const PAST: &str = "DTSTART:20260907T090000Z\r\nDTEND:20260907T100000Z\r\n";

fn calendar(event: &str) -> String {
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//calbridge//tests//EN\r\nBEGIN:VEVENT\r\nUID:1\r\n\
         DTSTAMP:20260101T000000Z\r\n{event}SUMMARY:Plan\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
}

fn installation(lines: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    std::fs::create_dir(folder.path().join("calendars")).unwrap();
    write("calendars/a@files.example.ics", &calendar(PAST));
    write("calendars/b@files.example.ics", &calendar(ALWAYS));
    write(
        "calendars/rooms.toml",
        "[[room]]\naddress = \"a@files.example\"\nname = \"Aurora\"\nlist = \"HQ <hq@files.example>\"\n\
         [[room]]\naddress = \"b@files.example\"\nname = \"Bo\\u001brealis\"\n",
    );
    let room = "[[endpoint.room]]\naddress = \"a@files.example\"\ncapacity = 8\n";
    let more = [&files("files.example", "UTC"), room, lines].concat();
    install(folder.path(), "127.0.0.1:0", "Program-secret-61d0", &more);
    folder
}

fn rooms(folder: &TempDir, arguments: &[&str]) -> Assert {
    let config = folder.path().join("calbridge.toml");
    let mut command = Command::new(env!("CARGO_BIN_EXE_calbridge"));
    let command = command.arg("rooms").arg("--config").arg(config);
    kept(command.args(arguments))
}

fn stdout(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stdout.clone()).unwrap()
}

#[test]
fn a_table_for_people() {
    let folder = installation("");
    let table = stdout(&rooms(&folder, &[]).success());
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(
        lines[0],
        "ADDRESS          NAME       LIST  CAPACITY  NEXT FREE HOUR"
    );
    assert!(lines[1].starts_with("a@files.example  Aurora     HQ    8         "));
    assert!(
        lines[1].ends_with(":00") || lines[1].ends_with(":30"),
        "{}",
        lines[1]
    );
    assert_eq!(
        lines[2],
        "b@files.example  Bo realis  -     -         none within a week"
    );
    assert_eq!(lines.len(), 3);
}

#[test]
fn rooms_that_are_free_all_the_time() {
    let folder = installation("");
    let free = |start: &str, end: &str| {
        let arguments = ["--zone", "Europe/Berlin", "--free-between", start, end];
        let table = stdout(&rooms(&folder, &arguments).success());
        table
            .lines()
            .skip(1)
            .map(|line| line.split(' ').next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    // Eleven to twelve on the clock in Berlin.
    assert_eq!(
        free("2026-09-07T10:00", "2026-09-07T11:00"),
        ["a@files.example"]
    );
    assert!(free("2026-09-07T10:00", "2026-09-07T11:01").is_empty());
    assert_eq!(
        free("2099-12-31T23:00Z", "2100-01-01T01:00Z"),
        ["a@files.example"]
    );
    assert_eq!(
        free("2100-01-01T00:00Z", "2100-01-01T01:00Z"),
        ["a@files.example", "b@files.example"]
    );
    let wrong = rooms(&folder, &["--free-between", "now", "then"]).code(2);
    let text = String::from_utf8(wrong.get_output().stderr.clone()).unwrap();
    assert!(text.contains("--free-between: a time is written"), "{text}");
}

#[test]
fn why_there_is_nothing_to_list() {
    for (sharing, why) in [
        (
            "room_booking = false",
            "rooms are not offered: sharing.room_booking is false\n",
        ),
        (
            "deny = [\"files.example\"]",
            "there are no rooms that this account may see\n",
        ),
    ] {
        let folder = installation(&format!("[sharing]\n{sharing}\n"));
        let assert = rooms(&folder, &[]).success();
        let told = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
        assert_eq!(told, why);
        assert_eq!(stdout(&assert).lines().count(), 1);
    }
}

#[test]
fn json_for_programs() {
    let folder = installation("");
    let arguments = [
        "--json",
        "--free-between",
        "2026-09-07T09:30Z",
        "2026-09-07T09:45Z",
    ];
    let document = stdout(&rooms(&folder, &arguments).success());
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document, serde_json::json!({ "rooms": [] }));
    let document = stdout(&rooms(&folder, &["--json"]).success());
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    let [aurora, borealis] = document["rooms"].as_array().unwrap().as_slice() else {
        panic!("{document}")
    };
    assert_eq!(aurora["address"], "a@files.example");
    assert_eq!(aurora["name"], "Aurora");
    assert_eq!(aurora["capacity"], 8);
    assert_eq!(aurora["list"]["name"], "HQ");
    assert!(aurora["next_free_hour"].is_string());
    assert!(borealis["next_free_hour"].is_null());
    assert!(borealis["list"].is_null());
}

#[test]
fn a_room_without_a_calendar_is_not_free() {
    let folder = installation("[[endpoint.room]]\naddress = \"c@files.example\"\n");
    let between = ["--free-between", "2026-09-07T12:00Z", "2026-09-07T13:00Z"];
    let failed = rooms(&folder, &between).code(1);
    assert!(!stdout(&failed).contains("c@files.example"));
    let text = String::from_utf8(failed.get_output().stderr.clone()).unwrap();
    assert!(
        text.contains("c@files.example: the mailbox was not found"),
        "{text}"
    );
    let table = stdout(&rooms(&folder, &[]).code(1));
    assert!(
        table.contains("c@files.example  c@files.example  -     -         not known"),
        "{table}"
    );
}

#[test]
fn rooms_that_cannot_be_read_are_status_1() {
    let folder = installation("");
    std::fs::write(folder.path().join("calendars/rooms.toml"), "nonsense").unwrap();
    for arguments in [&[][..], &["--json"]] {
        let failed = rooms(&folder, arguments).code(1);
        // What is written in the configuration is told all the same.
        assert!(stdout(&failed).contains("a@files.example"));
        let text = String::from_utf8(failed.get_output().stderr.clone()).unwrap();
        assert!(
            text.contains("endpoint files: its rooms are not known\n"),
            "{text}"
        );
    }
    let folder = installation("[sharing]\nroom_booking = false\n");
    std::fs::write(folder.path().join("calendars/rooms.toml"), "nonsense").unwrap();
    rooms(&folder, &[]).success();
}

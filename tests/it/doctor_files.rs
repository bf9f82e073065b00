//! `calbridge check --online --mailbox` at a folder of calendars: the mailbox is looked up as one of a server is.

use std::path::Path;

use crate::installation::{files, install};
use crate::program::Program;

/// What the lookup found, and the exit status.
fn lookup(folder: &Path, mailbox: &str) -> (String, Option<i32>) {
    let file = folder.join("calbridge.toml");
    let file = file.to_str().unwrap();
    let arguments = ["check", "--config", file, "--online", "--json", "--mailbox"];
    let arguments = [&arguments[..], &[mailbox]].concat();
    let (status, lines) = Program::start(&arguments, Program::stdout).wait();
    let told: serde_json::Value = serde_json::from_str(&lines.join("\n")).unwrap();
    let findings = told["findings"].as_array().unwrap().iter();
    let found = findings.filter(|finding| finding["check"] == "lookup");
    let texts = found.map(|finding| {
        assert_eq!(finding["subject"], "endpoint files");
        let word = |key: &str| finding[key].as_str().unwrap_or("-").to_owned();
        format!("{}: {}", word("verdict"), word("text"))
    });
    (texts.collect::<Vec<_>>().join("\n"), status.code())
}

#[test]
fn a_mailbox_of_a_folder_is_looked_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let more = files("files.example", "UTC");
    install(path, "127.0.0.1:0", "Program-secret-61d0", &more);
    let calendars = path.join("calendars");
    std::fs::create_dir(&calendars).unwrap();
    let write = |name: &str, text: &str| std::fs::write(calendars.join(name), text).unwrap();
    let empty =
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//calbridge//tests//EN\r\nEND:VCALENDAR\r\n";
    write("anna@files.example.ics", empty);
    write(
        "bert@files.example.ics",
        "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n",
    );
    let (text, _) = lookup(path, "anna@files.example");
    assert_eq!(
        text,
        "ok: subjects and locations of anna@files.example can be read"
    );
    for ill in ["bert@files.example", "carl@files.example"] {
        let (text, status) = lookup(path, ill);
        assert!(text.starts_with(&format!("fail: {ill}: ")), "{text}");
        assert_eq!(status, Some(1), "{ill}");
    }
}

//! A real folder, changed while it is asked.

mod lists;

use std::fs;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tempfile::TempDir;

use super::*;
use crate::domain::FixedClock;

fn address(text: &str) -> SmtpAddress {
    SmtpAddress::parse(text).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A calendar of one event on 2026-09-01, a quarter of an hour long.
fn file(time: &str) -> String {
    format!(
        "BEGIN:VCALENDAR\r\nX-WR-CALNAME:Anna\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART:20260901T{time}Z\r\n\
         DURATION:PT15M\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
}

struct Setting {
    files: CalendarFiles,
    /// Holds the folder `calendars`.
    outer: TempDir,
}

impl Setting {
    /// `now` decides whether files count as settled.
    fn at(now: &str) -> Self {
        let outer = tempfile::tempdir().unwrap();
        let directory = outer.path().join("calendars");
        fs::create_dir(&directory).unwrap();
        let settings = CalendarFilesSettings {
            directory,
            time_zone: TimeZone::get("Europe/Berlin").unwrap(),
        };
        let files = CalendarFiles::new(settings, Arc::new(FixedClock(at(now))));
        Self { files, outer }
    }

    fn new() -> Self {
        Self::at("2026-01-01T00:00Z")
    }

    fn folder(&self) -> std::path::PathBuf {
        self.outer.path().join("calendars")
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.folder().join(name), content).unwrap();
    }

    async fn ask(&self, mailboxes: &[&str]) -> BTreeMap<SmtpAddress, Outcome> {
        let ask = Ask::new(
            mailboxes.iter().map(|text| address(text)).collect(),
            TimeWindow::new(at("2026-09-01T00:00Z"), at("2026-09-02T00:00Z")).unwrap(),
        );
        self.files.free_busy(&ask, soon()).await.unwrap()
    }

    /// The hours at which a mailbox's events start.
    async fn hours(&self, mailbox: &str) -> Result<Vec<String>, MailboxError> {
        let mut answers = self.ask(&[mailbox]).await;
        let outcome = answers.remove(&address(mailbox)).unwrap();
        let hour = |start: Timestamp| start.strftime("%H").to_string();
        outcome.map(|known| known.events().map(|event| hour(event.starts())).collect())
    }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

#[tokio::test]
async fn files_are_found_by_address_in_any_case() {
    let setting = Setting::new();
    setting.write("Anna@Files.Example.ICS", file("080000"));
    setting.write("notes.txt", "no calendar");
    setting.write("anna@files.example.ics.bak", file("090000"));
    setting.write("not an address.ics", file("090000"));
    setting.write("smtp:carl@files.example.ics", file("090000"));
    assert_eq!(
        setting.hours("anna@files.example").await,
        Ok(vec!["08".into()])
    );
    for missing in [
        "bert@files.example",
        "carl@files.example",
        "anna@files.example.ics",
    ] {
        let found = setting.hours(missing).await;
        assert_eq!(found, Err(MailboxError::NotFound), "{missing}");
    }
}

#[tokio::test]
async fn changed_new_and_removed_files_are_seen_at_once() {
    // On both sides of the doubt whether a file may change again within the clock's tick.
    for now in ["2000-01-01T00:00Z", "2100-01-01T00:00Z"] {
        let setting = Setting::at(now);
        let anna = "anna@files.example";
        assert_eq!(setting.hours(anna).await, Err(MailboxError::NotFound));
        setting.write("anna@files.example.ics", file("080000"));
        assert_eq!(setting.hours(anna).await, Ok(vec!["08".into()]));
        // Another length, so that even a coarse clock shows the change.
        setting.write("anna@files.example.ics", format!("{}\r\n", file("090000")));
        assert_eq!(setting.hours(anna).await, Ok(vec!["09".into()]));
        // Replaced, as careful programs write.
        setting.write("new", file("100000"));
        let (from, to) = (
            setting.folder().join("new"),
            setting.folder().join("anna@files.example.ics"),
        );
        fs::rename(from, &to).unwrap();
        assert_eq!(setting.hours(anna).await, Ok(vec!["10".into()]));
        fs::remove_file(to).unwrap();
        assert_eq!(setting.hours(anna).await, Err(MailboxError::NotFound));
    }
}

#[tokio::test]
async fn a_file_is_read_once_as_long_as_it_stays() {
    let setting = Setting::at("2100-01-01T00:00Z");
    setting.write("anna@files.example.ics", file("080000"));
    let now = setting.files.list().await.unwrap();
    let anna = address("anna@files.example");
    let first = setting.files.calendar(&now, &anna).await.unwrap();
    let second = setting.files.calendar(&now, &anna).await.unwrap();
    assert!(Arc::ptr_eq(&first, &second));
}

#[tokio::test]
async fn a_broken_file_spoils_no_other() {
    let setting = Setting::new();
    setting.write("anna@files.example.ics", file("080000"));
    let cut = file("080000").replace("END:VEVENT\r\nEND:VCALENDAR\r\n", "");
    setting.write("cut@files.example.ics", cut);
    setting.write(
        "latin@files.example.ics",
        b"BEGIN:VCALENDAR\r\nX-A:\xfc\r\nEND:VCALENDAR\r\n",
    );
    setting.write("empty@files.example.ics", "");
    let unused = file("080000")
        .replace("DTSTART:2", "DTSTART;TZID=Nowhere:2")
        .replace("00Z", "00");
    setting.write("unknown@files.example.ics", unused);
    setting.write(
        "secondly@files.example.ics",
        file("080000")
            .replace("DURATION:PT15M", "RRULE:FREQ=SECONDLY")
            .replace("2026", "1970"),
    );
    let huge = fs::File::create(setting.folder().join("huge@files.example.ics")).unwrap();
    huge.set_len(folder::MAX_FILE + 1).unwrap();
    let names = [
        "anna", "cut", "latin", "empty", "unknown", "huge", "secondly", "nobody",
    ]
    .map(|name| format!("{name}@files.example"));
    let answers = setting.ask(&names.each_ref().map(String::as_str)).await;
    let of = |name: &str| match answers.get(&address(&format!("{name}@files.example"))) {
        Some(Ok(known)) => Ok(known.len()),
        Some(Err(error)) => Err(*error),
        None => panic!("{name} was not answered"),
    };
    assert_eq!(of("anna"), Ok(1));
    for broken in ["cut", "latin", "empty", "unknown", "huge"] {
        assert_eq!(of(broken), Err(MailboxError::GenerationFailed), "{broken}");
    }
    assert_eq!(of("secondly"), Err(MailboxError::TooManyEvents));
    assert_eq!(of("nobody"), Err(MailboxError::NotFound));
}

#[tokio::test]
async fn two_files_for_one_mailbox_are_both_refused() {
    let setting = Setting::new();
    setting.write("anna@files.example.ics", file("080000"));
    setting.write("ANNA@files.example.ics", file("090000"));
    let found = setting.hours("anna@files.example").await;
    assert_eq!(found, Err(MailboxError::GenerationFailed));
}

#[tokio::test]
async fn nothing_outside_of_the_folder_is_reached() {
    let setting = Setting::new();
    let outside = setting.outer.path().join("outside@files.example.ics");
    fs::write(&outside, file("080000")).unwrap();
    let link = |name: &str, to: &Path| {
        std::os::unix::fs::symlink(to, setting.folder().join(name)).unwrap();
    };
    link("linked@files.example.ics", &outside);
    link(
        "relative@files.example.ics",
        Path::new("../outside@files.example.ics"),
    );
    link("up@files.example", setting.outer.path());
    link("dangling@files.example.ics", Path::new("nowhere"));
    fs::create_dir(setting.folder().join("folder@files.example.ics")).unwrap();
    fs::create_dir(setting.folder().join("sub")).unwrap();
    setting.write("sub/inner@files.example.ics", file("080000"));
    for name in [
        "sub/inner",
        "/inner",
        "outside",
        "linked",
        "relative",
        "dangling",
        "folder",
        "../outside",
        "/outside",
        "up@files.example/outside",
        "..",
        "a/../../outside",
        "calendars/../outside",
        "%2e%2e/outside",
    ] {
        let Ok(mailbox) = SmtpAddress::parse(&format!("{name}@files.example")) else {
            continue;
        };
        let found = setting.hours(mailbox.as_str()).await;
        assert_eq!(found, Err(MailboxError::NotFound), "{name}");
        let resolved = setting.files.resolve(&mailbox, soon()).await.unwrap();
        assert_eq!(resolved, None, "{name}");
    }
    // What has no place in an address does not get as far as the folder.
    for text in [
        "\"../outside\"@files.example",
        "a\0@files.example",
        "\"a b\"@files.example",
        "../outside.ics",
    ] {
        assert!(SmtpAddress::parse(text).is_err(), "{text:?}");
    }
    // A link within the folder is followed.
    setting.write("anna@files.example.ics", file("080000"));
    link(
        "alias@files.example.ics",
        Path::new("anna@files.example.ics"),
    );
    assert_eq!(
        setting.hours("alias@files.example").await,
        Ok(vec!["08".into()])
    );
}

#[tokio::test]
async fn names_are_resolved() {
    let setting = Setting::new();
    setting.write("anna@files.example.ics", file("080000"));
    setting.write(
        "plain@files.example.ics",
        file("080000").replace("X-WR-CALNAME:Anna\r\n", ""),
    );
    setting.write("broken@files.example.ics", "");
    let cases = [
        ("anna", Some("Anna")),
        ("plain", Some("plain@files.example")),
        ("broken", Some("broken@files.example")),
        ("nobody", None),
    ];
    for (name, expected) in cases {
        let mailbox = address(&format!("{name}@files.example"));
        let found = setting.files.resolve(&mailbox, soon()).await.unwrap();
        assert_eq!(found.as_deref(), expected, "{name}");
    }
}

#[tokio::test]
async fn a_missing_folder_fails_the_whole_call() {
    let setting = Setting::new();
    assert!(setting.files.probe(soon()).await.is_ok());
    fs::remove_dir(setting.folder()).unwrap();
    let error = setting.files.probe(soon()).await.unwrap_err();
    assert!(matches!(error, EndpointError::Source(_)), "{error}");
    let ask = Ask::new(
        vec![address("anna@files.example")],
        TimeWindow::new(at("2026-09-01T00:00Z"), at("2026-09-02T00:00Z")).unwrap(),
    );
    let error = setting.files.free_busy(&ask, soon()).await.unwrap_err();
    assert!(matches!(error, EndpointError::Source(_)), "{error}");
}

#[tokio::test]
async fn the_demo_calendars_are_all_read() {
    let settings = CalendarFilesSettings {
        directory: Path::new(env!("CARGO_MANIFEST_DIR")).join("config/demo/calendars"),
        time_zone: TimeZone::get("Europe/Berlin").unwrap(),
    };
    let directory = settings.directory.clone();
    let files = CalendarFiles::new(settings, Arc::new(FixedClock(at("2026-01-01T00:00Z"))));
    let mailboxes: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "ics"))
        .map(|path| address(path.file_stem().unwrap().to_str().unwrap()))
        .collect();
    assert!(mailboxes.len() >= 12);
    // Weeks with and without a clock change.
    for (from, to) in [
        ("2026-03-23T00:00Z", "2026-04-06T00:00Z"),
        ("2026-07-06T00:00Z", "2026-07-13T00:00Z"),
        ("2030-10-21T00:00Z", "2030-11-04T00:00Z"),
    ] {
        let ask = Ask::new(
            mailboxes.clone(),
            TimeWindow::new(at(from), at(to)).unwrap(),
        );
        let answers = files.free_busy(&ask, soon()).await.unwrap();
        let events: usize = answers
            .iter()
            .map(|(mailbox, outcome)| match outcome {
                Ok(known) => known.len(),
                Err(error) => panic!("{mailbox}: {error}"),
            })
            .sum();
        assert!(events >= 20, "{events} events from {from}");
    }
}

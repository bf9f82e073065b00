//! Files written by hand, expectations counted by hand from the calendar.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::*;
use crate::domain::BusyStatus;

mod recurrence;
mod refused;
mod zones;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn window(from: &str, to: &str) -> TimeWindow {
    TimeWindow::new(at(from), at(to)).unwrap()
}

fn berlin() -> TimeZone {
    TimeZone::get("Europe/Berlin").unwrap()
}

/// A calendar around some lines, which are written with LF here and get their CRLF.
fn calendar(body: &str) -> String {
    format!("BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//test//EN\n{body}\nEND:VCALENDAR\n")
        .replace('\n', "\r\n")
}

/// A calendar of one event.
fn event(lines: &str) -> String {
    calendar(&format!("BEGIN:VEVENT\nUID:1\n{lines}\nEND:VEVENT"))
}

fn read(file: &str) -> Calendar {
    Calendar::read(file.as_bytes(), &berlin()).unwrap()
}

/// The events of a window, sorted, as `start/end`, UTC, without seconds.
fn times(file: &str, window: &TimeWindow) -> Vec<String> {
    let mut events = read(file).events(window).unwrap();
    events.sort_by_key(|event| (event.start, event.end));
    let short = |time: Timestamp| time.strftime("%m-%dT%H:%M").to_string();
    events
        .iter()
        .map(|event| format!("{}/{}", short(event.start), short(event.end)))
        .collect()
}

/// The events of 2026.
fn check(file: &str, expected: &[&str]) {
    let year = window("2026-01-01T00:00Z", "2027-01-01T00:00Z");
    assert_eq!(times(file, &year), expected, "{file}");
}

#[track_caller]
fn only(file: &str) -> CalendarEvent {
    let events = read(file)
        .events(&window("2026-01-01T00:00Z", "2027-01-01T00:00Z"))
        .unwrap();
    assert_eq!(events.len(), 1, "{file}");
    events[0].clone()
}

/// Properties of one event, and its start and end in UTC.
const ENDS: &[(&str, &str)] = &[
    (
        "DTSTART:20260310T090000Z\nDTEND:20260310T093000Z",
        "03-10T09:00/03-10T09:30",
    ),
    ("DTSTART:20260310T090000Z", "03-10T09:00/03-10T09:00"),
    (
        "DTSTART;X-A=\"b\\\";TZID=\"America/New_York\":20260310T090000",
        "03-10T13:00/03-10T13:00",
    ),
    (
        "DTSTART;X-A=\"b\\\t\";TZID=America/New_York:20260310T090000",
        "03-10T13:00/03-10T13:00",
    ),
    (
        "DTSTART;X-A=\"b\\\t\r\t\";TZID=America/New_York:20260310T090000",
        "03-10T13:00/03-10T13:00",
    ),
    (
        "DTSTART;X-A=b\\;TZID=America/New_York:20260310T090000",
        "03-10T13:00/03-10T13:00",
    ),
    (
        "DTSTART:20260310T090000Z\nDTEND:20260310T080000Z",
        "03-10T09:00/03-10T09:00",
    ),
    (
        "DTSTART:20260310T090000Z\nDURATION:PT1H30M",
        "03-10T09:00/03-10T10:30",
    ),
    (
        "DTSTART:20260310T090000Z\nDURATION:-PT1H",
        "03-10T09:00/03-10T09:00",
    ),
    (
        "DTSTART:20260310T090000Z\nDURATION:P1W",
        "03-10T09:00/03-17T09:00",
    ),
    ("DTSTART;VALUE=DATE:20260310", "03-09T23:00/03-10T23:00"),
    (
        "DTSTART;VALUE=DATE:20260310\nDTEND;VALUE=DATE:20260312",
        "03-09T23:00/03-11T23:00",
    ),
    (
        "DTSTART;VALUE=DATE:20260310\nDURATION:P3D",
        "03-09T23:00/03-12T23:00",
    ),
    // The day of the change has 23 hours, in October 25.
    (
        "DTSTART;VALUE=DATE:20260329\nDTEND;VALUE=DATE:20260330",
        "03-28T23:00/03-29T22:00",
    ),
    (
        "DTSTART;VALUE=DATE:20261025\nDTEND;VALUE=DATE:20261026",
        "10-24T22:00/10-25T23:00",
    ),
    // A nominal day is until the same time of the day, 24 hours are 24 hours (RFC 5545 section 3.3.6).
    (
        "DTSTART;TZID=Europe/Berlin:20260328T120000\nDURATION:P1D",
        "03-28T11:00/03-29T10:00",
    ),
    (
        "DTSTART;TZID=Europe/Berlin:20260328T120000\nDURATION:PT24H",
        "03-28T11:00/03-29T11:00",
    ),
    // Floating: in the mailbox's zone.
    (
        "DTSTART:20260310T090000\nDTEND:20260310T100000",
        "03-10T08:00/03-10T09:00",
    ),
    // An end in another zone.
    (
        "DTSTART;TZID=Europe/Berlin:20260310T090000\nDTEND;TZID=America/New_York:20260310T090000",
        "03-10T08:00/03-10T13:00",
    ),
];

#[test]
fn ends_follow_from_dtend_duration_or_nothing() {
    for (lines, expected) in ENDS {
        check(&event(lines), &[expected]);
    }
}

#[test]
fn a_whole_day_lasts_at_least_its_day() {
    // Not allowed, and yet written: the last day in place of the day after.
    for end in ["20260310", "20260309"] {
        let lines = format!("DTSTART;VALUE=DATE:20260310\nDTEND;VALUE=DATE:{end}");
        check(&event(&lines), &["03-09T23:00/03-10T23:00"]);
    }
}

#[test]
fn lines_may_be_folded_within_a_character() {
    for fold in ["\r\n ", "\r\n\t", "\n ", "\n\t"] {
        let file = event("DTSTART:20260310T090000Z\nSUMMARY:Pr\u{fc}fung").into_bytes();
        let at = file.iter().position(|byte| *byte == 0xBC).unwrap();
        let folded = [&file[..at], fold.as_bytes(), &file[at..]].concat();
        let calendar = Calendar::read(&folded, &berlin()).unwrap();
        let year = window("2026-01-01T00:00Z", "2027-01-01T00:00Z");
        let events = calendar.events(&year).unwrap();
        let details = events[0].details.as_ref().unwrap();
        assert_eq!(details.subject.as_deref(), Some("Pr\u{fc}fung"), "{fold:?}");
    }
    let latin = b"BEGIN:VCALENDAR\r\nX-A:\xfc\r\n \xfc\r\nEND:VCALENDAR\r\n";
    assert_eq!(
        Calendar::read(latin, &berlin()).unwrap_err(),
        ReadError::Encoding
    );
}

#[test]
fn midnight_that_a_clock_change_skips_begins_the_day_later() {
    // In Beirut the night to 2026-03-29 has no 00:00: the day begins at 01:00, UTC+3.
    let zone = TimeZone::get("Asia/Beirut").unwrap();
    let file = event("DTSTART;VALUE=DATE:20260329");
    let calendar = Calendar::read(file.as_bytes(), &zone).unwrap();
    let events = calendar
        .events(&window("2026-03-28T00:00Z", "2026-03-31T00:00Z"))
        .unwrap();
    assert_eq!(events[0].start, at("2026-03-28T22:00Z"));
    assert_eq!(events[0].end, at("2026-03-29T21:00Z"));
}

#[test]
fn busy_status_in_its_order() {
    let cases = [
        ("", BusyStatus::Busy),
        ("TRANSP:OPAQUE", BusyStatus::Busy),
        ("TRANSP:TRANSPARENT", BusyStatus::Free),
        ("STATUS:TENTATIVE", BusyStatus::Tentative),
        ("STATUS:CONFIRMED", BusyStatus::Busy),
        ("STATUS:TENTATIVE\nTRANSP:TRANSPARENT", BusyStatus::Free),
        (
            "X-MICROSOFT-CDO-BUSYSTATUS:FREE\nTRANSP:OPAQUE",
            BusyStatus::Free,
        ),
        (
            "X-MICROSOFT-CDO-BUSYSTATUS:OOF\nTRANSP:TRANSPARENT",
            BusyStatus::OutOfOffice,
        ),
        (
            "X-MICROSOFT-CDO-BUSYSTATUS:WORKINGELSEWHERE",
            BusyStatus::WorkingElsewhere,
        ),
        (
            "x-microsoft-cdo-busystatus:tentative",
            BusyStatus::Tentative,
        ),
        ("X-MICROSOFT-CDO-BUSYSTATUS:SOMETHING", BusyStatus::Busy),
        (
            "X-MICROSOFT-CDO-INTENDEDSTATUS:OOF",
            BusyStatus::OutOfOffice,
        ),
        ("X-MICROSOFT-CDO-INTENDEDSTATUS:FREE", BusyStatus::Free),
        (
            "X-MICROSOFT-CDO-INTENDEDSTATUS:FREE\nTRANSP:OPAQUE",
            BusyStatus::Busy,
        ),
        (
            "X-MICROSOFT-CDO-INTENDEDSTATUS:BUSY\nSTATUS:TENTATIVE",
            BusyStatus::Tentative,
        ),
        (
            "X-MICROSOFT-CDO-BUSYSTATUS:TENTATIVE\nX-MICROSOFT-CDO-INTENDEDSTATUS:BUSY",
            BusyStatus::Tentative,
        ),
    ];
    for (lines, status) in cases {
        let file = event(format!("DTSTART:20260310T090000Z\n{lines}").trim_end());
        assert_eq!(only(&file).status, status, "{lines}");
    }
    check(&event("DTSTART:20260310T090000Z\nSTATUS:CANCELLED"), &[]);
}

#[test]
fn details_are_unescaped_and_flags_set() {
    let file = event(
        "DTSTART:20260310T090000Z\nSUMMARY;LANGUAGE=de:Budget\\, Teil 2\\; Ä\\nRun\n de\nLOCATION:Raum\\\\7\n\
         ORGANIZER;CN=\"Chair: A; B\":mailto:a@example.com\n\
         BEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:-PT5M\nEND:VALARM",
    );
    let details = only(&file).details.unwrap();
    assert_eq!(details.subject.as_deref(), Some("Budget, Teil 2; Ä\nRunde"));
    assert_eq!(details.location.as_deref(), Some("Raum\\7"));
    assert!(details.flags.meeting && details.flags.reminder_set);
    assert!(!details.flags.recurring && !details.flags.exception && !details.flags.private);
}

#[test]
fn private_events_keep_their_flags_only() {
    for class in ["PRIVATE", "CONFIDENTIAL", "confidential", "X-SECRET"] {
        let file = event(&format!(
            "DTSTART:20260310T090000Z\nCLASS:{class}\nSUMMARY:Doctor\nLOCATION:Clinic"
        ));
        let details = only(&file).details.unwrap();
        assert!(details.flags.private, "{class}");
        assert_eq!(
            (&details.subject, &details.location),
            (&None, &None),
            "{class}"
        );
    }
    let public = event("DTSTART:20260310T090000Z\nCLASS:PUBLIC\nSUMMARY:Talk");
    assert!(!only(&public).details.unwrap().flags.private);
}

#[test]
fn several_calendars_a_bom_and_bare_line_feeds() {
    let one = event("DTSTART:20260310T090000Z");
    let two = event("DTSTART:20260311T090000Z").replace("UID:1", "UID:2");
    let both = ["03-10T09:00/03-10T09:00", "03-11T09:00/03-11T09:00"];
    check(&format!("\u{feff}{one}{two}"), &both);
    check(&format!("{one}\r\n\n{two}").replace("\r\n", "\n"), &both);
    assert!(read(&calendar("x-wr-calname:Anna\\, Berlin")).name() == Some("Anna, Berlin"));
}

#[test]
fn who_organizes_and_whose_calendar_it_is() {
    let organizer = |line: &str| {
        let event = only(&event(&format!("DTSTART:20260310T090000Z\n{line}")));
        event.details.unwrap().organizer.clone()
    };
    let expect = [
        (
            "ORGANIZER;CN=Jane Roe:mailto:jane@example.org",
            Some("Jane Roe"),
        ),
        (
            "ORGANIZER;CN=\"Roe, Jane\":mailto:jane@example.org",
            Some("Roe, Jane"),
        ),
        (
            "ORGANIZER;CN=\"^'Jane ^^ Roe^' <j@example.org>\":mailto:j@example.org",
            Some("\"Jane ^ Roe\" <j@example.org>"),
        ),
        // Before a quote a backslash is a character as any other; before a comma files mean an escape.
        (
            r#"ORGANIZER;CN="Dep\":mailto:org@example.org"#,
            Some("Dep\\"),
        ),
        (
            r#"ORGANIZER;CN="De\p\";SENT-BY="mailto:x@example.org":mailto:org@example.org"#,
            Some("De\\p\\"),
        ),
        (
            "ORGANIZER;CN=\"De\n p\\\n \":mailto:org@example.org",
            Some("Dep\\"),
        ),
        (
            r#"ORGANIZER;CN="Roe\, Jane":mailto:jane@example.org"#,
            Some("Roe, Jane"),
        ),
        (
            "ORGANIZER:MAILTO:jane@example.org",
            Some("jane@example.org"),
        ),
        ("ORGANIZER:mailto:", None),
        ("SUMMARY:x", None),
    ];
    for (line, expect) in expect {
        assert_eq!(organizer(line).as_deref(), expect, "{line}");
    }
    let owned = "X-WR-CALNAME:Jane Roe\nX-OWNER;CN=\"Roe, Jane\":mailto:jane@example.org";
    let owner = read(&calendar(owned)).owner().clone();
    assert_eq!(owner.display_name.as_deref(), Some("Jane Roe"));
    assert_eq!(owner.common_name.as_deref(), Some("Roe, Jane"));
    assert_eq!(
        **read(&calendar("X-OWNER:mailto:jane@example.org")).owner(),
        Owner::default()
    );
}

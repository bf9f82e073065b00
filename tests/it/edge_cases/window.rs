//! `TimeWindow`: its form, its order, its length, and how it is cut into slots.

use super::{Digits, Edge, Events, Fault};
use crate::gateway_world::{Question, ask, berlin, busy, texts};

fn between(start: &str, end: &str) -> String {
    Question {
        start,
        end,
        ..ask()
    }
    .xml()
}

#[tokio::test]
async fn windows_end_after_they_start() {
    let mut edge = Edge::new().await;
    for (row, start, end) in [
        ("35", "2026-09-01T18:00:00", "2026-09-01T08:00:00"),
        ("35", "2026-09-01T08:00:00Z", "2026-09-01T09:00:00+02:00"),
        ("36", "2026-09-01T00:00:00", "2026-09-01T00:00:00"),
        ("36", "2026-09-01T08:00:00Z", "2026-09-01T10:00:00+02:00"),
    ] {
        let answer = edge
            .check(row, between(start, end), Fault("ErrorInvalidTimeInterval"))
            .await;
        let text = "The time duration specified for FreeBusyViewOptions.TimeWindow is invalid.";
        assert_eq!(texts(answer.text(), "faultstring"), [text], "{row}");
    }
}

#[tokio::test]
async fn sixty_two_days_and_not_a_second_more() {
    let mut edge = Edge::new().await;
    // Thirty days of September and thirty-one of October: the second of November is the sixty-second day after.
    for (end, days) in [
        ("2026-11-02T00:00:01", 63),
        ("2026-11-02T00:00:00.001", 63),
        ("2026-11-03T00:00:00", 63),
        ("2026-11-03T00:00:01", 64),
        ("2027-09-01T00:00:00", 365),
    ] {
        let xml = between("2026-09-01T00:00:00", end);
        let answer = edge
            .check("37", xml, Fault("ErrorTimeIntervalTooBig"))
            .await;
        let text = format!(
            "The requested time duration specified for FreeBusyViewOptions.TimeWindow is too long. \
             The allowed limit = 62 days; the actual limit = {days} days."
        );
        assert_eq!(
            texts(answer.text(), "faultstring"),
            [text.as_str()],
            "{end}"
        );
        assert_eq!(texts(answer.text(), "Message"), [text], "{end}");
    }
    // By the day; the first of September and the last day of the window.
    edge.backend.put(
        "rare@example.com",
        vec![
            busy("2026-09-01T10:00", "2026-09-01T11:00"),
            busy("2026-11-01T22:30", "2026-11-02T01:00"),
        ],
    );
    let long = Question {
        mailboxes: "rare@example.com",
        start: "2026-09-01T00:00:00",
        end: "2026-11-02T00:00:00",
        interval: "1440",
        ..ask()
    };
    let digits = format!("2{}2", "0".repeat(60));
    edge.check("37 exactly", long.xml(), Digits(&digits)).await;
    // On the calendar of Berlin these are sixty-two days too, though an hour longer.
    let berlin = berlin();
    let autumn = Question {
        zone: &berlin,
        ..long
    };
    let digits = format!("2{}2", "0".repeat(61));
    edge.check("37 autumn", autumn.xml(), Digits(&digits)).await;
}

#[tokio::test]
async fn slots_begin_with_the_window_and_cover_all_of_it() {
    let mut edge = Edge::new().await;
    edge.backend.put(
        "slots@example.com",
        vec![
            busy("2026-09-01T08:05", "2026-09-01T08:06"),
            busy("2026-09-01T10:05", "2026-09-01T10:10"),
            busy("2026-09-01T12:30", "2026-09-01T12:30"),
            busy("2026-09-01T23:30", "2026-09-01T23:59"),
        ],
    );
    let ask = |start, end| {
        Question {
            mailboxes: "slots@example.com",
            start,
            end,
            ..ask()
        }
        .xml()
    };
    for (row, start, end, digits) in [
        ("38", "2026-09-01T08:00:00", "2026-09-01T08:10:00", "2"),
        ("38", "2026-09-01T08:06:00", "2026-09-01T08:06:01", "0"),
        (
            "39",
            "2026-09-01T00:00:00",
            "2026-09-01T23:59:59",
            "000000002020000000000002",
        ),
        ("39", "2026-09-01T09:00:00", "2026-09-01T10:10:00", "02"),
        ("39", "2026-09-01T09:06:00", "2026-09-01T10:06:01", "22"),
        (
            "zero length",
            "2026-09-01T12:00:00",
            "2026-09-01T13:00:00",
            "0",
        ),
    ] {
        edge.check(row, ask(start, end), Digits(digits)).await;
    }
    // What has no length is listed where it lies inside; neighbours are not.
    let at_noon = ["2026-09-01T12:30:00 2026-09-01T12:30:00 Busy"];
    let xml = ask("2026-09-01T12:30:00", "2026-09-01T13:00:00");
    edge.check("zero length", xml, Events(&at_noon)).await;
    let xml = ask("2026-09-01T08:06:00", "2026-09-01T10:05:00");
    let answer = edge.check("neighbours", xml, Events(&[])).await;
    assert!(!answer.text().contains("CalendarEventArray"));
    let whole = ["2026-09-01T10:05:00 2026-09-01T10:10:00 Busy"];
    let xml = ask("2026-09-01T10:07:00", "2026-09-01T10:08:00");
    edge.check("never cut", xml, Events(&whole)).await;
}

#[tokio::test]
async fn forms_of_a_time() {
    let mut edge = Edge::new().await;
    let end = "2026-09-01T18:00:00";
    for start in [
        "2026-02-30T00:00:00",
        "10000-01-01T00:00:00",
        "2026-09-01",
        "2026-09-01T08:00",
        "2026-09-01T25:00:00",
        "2026-09-01T24:00:01",
        "2026-09-01 08:00:00",
        "01/09/2026 08:00",
        "now",
        "",
    ] {
        let row = format!("54 {start:?}");
        edge.check(&row, between(start, end), Fault("ErrorSchemaValidation"))
            .await;
    }
    let z = between("2026-09-01T08:00:00z", "2026-09-01T18:00:00z");
    edge.check("55 z", z, Fault("ErrorSchemaValidation")).await;
    for (start, end) in [
        ("2026-09-01T08:00:00Z", "2026-09-01T18:00:00Z"),
        ("2026-09-01T10:00:00+02:00", "2026-09-01T13:00:00-05:00"),
        ("2026-09-01T08:00:00.000", "2026-09-01T18:00:00.0000000"),
        ("2026-09-01T08:00:00.0000000Z", "2026-09-01T18:00:00"),
        (" 2026-09-01T08:00:00\n", "\t2026-09-01T18:00:00 "),
    ] {
        edge.check("55", between(start, end), Digits(super::ANNA_DIGITS))
            .await;
    }
    // The day from midnight to midnight, its end written as hour twenty-four.
    let day = between("2026-09-01T00:00:00", "2026-09-01T24:00:00");
    edge.check("54", day, Digits("000000000201003300000000"))
        .await;
    let reversed = between("2026-09-01T24:00:00", "2026-09-02T00:00:00");
    edge.check("54", reversed, Fault("ErrorInvalidTimeInterval"))
        .await;
}

//! RRULE, RDATE, EXDATE and RECURRENCE-ID.

use proptest::prelude::*;

use super::*;
use crate::codec::ical::rule::Budget;

/// Starts only, `MM-DDTHH:MM` in UTC.
fn starts(file: &str, window: &TimeWindow) -> Vec<String> {
    times(file, window)
        .iter()
        .map(|time| time[..11].to_owned())
        .collect()
}

fn rule(start: &str, rule: &str) -> String {
    event(&format!("DTSTART{start}\nDURATION:PT30M\nRRULE:{rule}"))
}

#[test]
fn a_weekly_meeting_keeps_its_wall_clock_time() {
    let file = rule(";TZID=Europe/Berlin:20260316T090000", "FREQ=WEEKLY");
    let spring = window("2026-03-16T00:00Z", "2026-04-07T00:00Z");
    let expected = ["03-16T08:00", "03-23T08:00", "03-30T07:00", "04-06T07:00"];
    assert_eq!(starts(&file, &spring), expected);
    let autumn = window("2026-10-19T00:00Z", "2026-11-03T00:00Z");
    assert_eq!(
        starts(&file, &autumn),
        ["10-19T07:00", "10-26T08:00", "11-02T08:00"]
    );
}

type Case = (&'static str, &'static str, &'static [&'static str]);

const RULES: [Case; 14] = [
    // 2026-03-02 is a Monday.
    (
        ":20260302T090000Z",
        "FREQ=DAILY;COUNT=3",
        &["03-02T09:00", "03-03T09:00", "03-04T09:00"],
    ),
    (
        ":20260302T090000Z",
        "FREQ=DAILY;INTERVAL=10;UNTIL=20260322T090000Z",
        &["03-02T09:00", "03-12T09:00", "03-22T09:00"],
    ),
    (
        ":20260302T090000Z",
        "FREQ=DAILY;UNTIL=20260303T085959Z",
        &["03-02T09:00"],
    ),
    (
        ":20260302T090000Z",
        "FREQ=DAILY;UNTIL=20260303",
        &["03-02T09:00", "03-03T09:00"],
    ),
    // The end lies before the start: the start remains.
    (
        ":20260302T090000Z",
        "FREQ=DAILY;UNTIL=20260101T000000Z",
        &["03-02T09:00"],
    ),
    (
        ":20260302T090000Z",
        "FREQ=WEEKLY;BYDAY=MO,FR;COUNT=4",
        &["03-02T09:00", "03-06T09:00", "03-09T09:00", "03-13T09:00"],
    ),
    // RFC 5545 section 3.3.10: the same rule with weeks that begin on Monday and on Sunday.
    (
        ":20260303T090000Z",
        "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO",
        &["03-03T09:00", "03-08T09:00", "03-17T09:00", "03-22T09:00"],
    ),
    (
        ":20260303T090000Z",
        "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU",
        &["03-03T09:00", "03-15T09:00", "03-17T09:00", "03-29T09:00"],
    ),
    // Months without a 31st have none.
    (
        ":20260131T090000Z",
        "FREQ=MONTHLY;COUNT=3",
        &["01-31T09:00", "03-31T09:00", "05-31T09:00"],
    ),
    (
        ":20260127T090000Z",
        "FREQ=MONTHLY;BYDAY=-1TU;COUNT=3",
        &["01-27T09:00", "02-24T09:00", "03-31T09:00"],
    ),
    // The last working day of the month.
    (
        ":20260130T090000Z",
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;COUNT=3",
        &["01-30T09:00", "02-27T09:00", "03-31T09:00"],
    ),
    (
        ":20260228T090000Z",
        "FREQ=MONTHLY;BYMONTHDAY=-1;COUNT=2",
        &["02-28T09:00", "03-31T09:00"],
    ),
    // The start is an instance and counts, though the rule would not give it.
    (
        ":20260303T090000Z",
        "FREQ=WEEKLY;BYDAY=MO;COUNT=3",
        &["03-03T09:00", "03-09T09:00", "03-16T09:00"],
    ),
    // There is no 30 February: the start alone.
    (
        ":20260302T090000Z",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        &["03-02T09:00"],
    ),
];

#[test]
fn the_parts_of_a_rule() {
    let year = window("2026-01-01T00:00Z", "2027-01-01T00:00Z");
    for (start, text, expected) in RULES {
        assert_eq!(starts(&rule(start, text), &year), expected, "{text}");
    }
}

#[test]
fn whole_day_series_follow_the_day() {
    let file = event(
        "DTSTART;VALUE=DATE:20260328\nRRULE:FREQ=DAILY;UNTIL=20260330\nEXDATE;VALUE=DATE:20260330",
    );
    check(
        &file,
        &["03-27T23:00/03-28T23:00", "03-28T23:00/03-29T22:00"],
    );
}

#[test]
fn a_time_that_the_change_skips_comes_an_hour_later() {
    let file = rule(";TZID=Europe/Berlin:20260328T023000", "FREQ=DAILY;COUNT=3");
    // 02:30 on the 29th is read with UTC+1: 01:30 UTC, which clocks show as 03:30.
    check(
        &file,
        &[
            "03-28T01:30/03-28T02:00",
            "03-29T01:30/03-29T02:00",
            "03-30T00:30/03-30T01:00",
        ],
    );
}

#[test]
fn an_hourly_series_fills_the_hour_that_comes_twice() {
    let file = event(
        "DTSTART;TZID=Europe/Berlin:20261025T010000\nDURATION:PT1H\nRRULE:FREQ=HOURLY;UNTIL=20261025T020000Z",
    );
    let night = window("2026-10-24T22:00Z", "2026-10-25T12:00Z");
    let expected = ["10-24T23:00", "10-25T00:00", "10-25T01:00", "10-25T02:00"];
    assert_eq!(starts(&file, &night), expected);
}

#[test]
fn instances_are_taken_out_and_added() {
    let file = event(
        "DTSTART;TZID=Europe/Berlin:20260302T090000\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=6\n\
         EXDATE;TZID=Europe/Berlin:20260303T090000,20260304T090000\n\
         EXDATE:20260305T080000Z\n\
         EXDATE;TZID=America/New_York:20260306T030000\n\
         RDATE;TZID=Europe/Berlin:20260310T140000\n\
         RDATE;VALUE=PERIOD:20260311T100000Z/PT15M,20260312T100000Z/20260312T102000Z",
    );
    check(
        &file,
        &[
            "03-02T08:00/03-02T09:00",
            "03-07T08:00/03-07T09:00",
            "03-10T13:00/03-10T14:00",
            "03-11T10:00/03-11T10:15",
            "03-12T10:00/03-12T10:20",
        ],
    );
    // A DATE takes out what starts on that day, the first instance as well.
    let file = event(
        "DTSTART:20260302T090000Z\nRRULE:FREQ=DAILY;COUNT=3\nEXDATE;VALUE=DATE:20260302,20260304",
    );
    check(&file, &["03-03T09:00/03-03T09:00"]);
}

const SERIES: &str = "BEGIN:VEVENT\nUID:s\nDTSTART;TZID=Europe/Berlin:20260302T090000\nDURATION:PT1H\n\
                      RRULE:FREQ=WEEKLY;COUNT=4\nSUMMARY:Weekly\nEND:VEVENT\n";

fn change(instance: &str, lines: &str) -> String {
    format!("BEGIN:VEVENT\nUID:s\nRECURRENCE-ID{instance}\n{lines}\nEND:VEVENT")
}

#[test]
fn an_instance_is_moved_or_cancelled() {
    let moved = change(
        ";TZID=Europe/Berlin:20260309T090000",
        "DTSTART:20260310T120000Z\nDTEND:20260310T123000Z\nSUMMARY:Moved",
    );
    let cancelled = change(
        ":20260316T080000Z",
        "DTSTART:20260316T080000Z\nSTATUS:CANCELLED",
    );
    let file = calendar(&format!("{moved}\n{SERIES}{cancelled}"));
    check(
        &file,
        &[
            "03-02T08:00/03-02T09:00",
            "03-10T12:00/03-10T12:30",
            "03-23T08:00/03-23T09:00",
        ],
    );
    // Moved into another window, out of its own.
    let own = window("2026-03-09T00:00Z", "2026-03-10T00:00Z");
    assert!(times(&file, &own).is_empty());
    let other = window("2026-03-10T00:00Z", "2026-03-11T00:00Z");
    let events = read(&file).events(&other).unwrap();
    let flags = events[0].details.as_ref().unwrap().flags;
    assert!(flags.recurring && flags.exception);
    let regular = read(&file)
        .events(&window("2026-03-02T00:00Z", "2026-03-03T00:00Z"))
        .unwrap();
    let flags = regular[0].details.as_ref().unwrap().flags;
    assert!(flags.recurring && !flags.exception);
}

#[test]
fn a_change_without_its_series_is_an_event_and_the_newest_change_holds() {
    let lines = "DTSTART:20260310T120000Z";
    check(
        &calendar(&change(":20260309T080000Z", lines)),
        &["03-10T12:00/03-10T12:00"],
    );
    let old = change(":20260309T080000Z", "SEQUENCE:1\nDTSTART:20260310T120000Z");
    let new = change(":20260309T080000Z", "SEQUENCE:2\nDTSTART:20260311T120000Z");
    check(
        &calendar(&format!("{new}\n{old}")),
        &["03-11T12:00/03-11T12:00"],
    );
}

#[test]
fn what_began_before_the_window_is_found() {
    let file = event("DTSTART:20200101T000000Z\nDURATION:P20D\nRRULE:FREQ=MONTHLY");
    let window = window("2026-03-15T00:00Z", "2026-03-16T00:00Z");
    assert_eq!(times(&file, &window), ["03-01T00:00/03-21T00:00"]);
}

/// How many steps a question takes.
fn steps(file: &str, window: &TimeWindow) -> (usize, u32) {
    let calendar = read(file);
    let (mut budget, mut events) = (Budget::default(), Vec::new());
    for series in &calendar.series {
        series.expand(window, &mut budget, &mut events).unwrap();
    }
    (events.len(), budget.spent())
}

#[test]
fn old_series_are_entered_near_the_window() {
    let day = window("2026-03-10T00:00Z", "2026-03-11T00:00Z");
    let cases = [
        ("FREQ=DAILY", 1),
        ("FREQ=DAILY;COUNT=100000", 1),
        ("FREQ=DAILY;COUNT=100", 0),
        ("FREQ=HOURLY;INTERVAL=6", 4),
        ("FREQ=WEEKLY;BYDAY=TU,TH", 1),
        ("FREQ=MINUTELY;INTERVAL=30;COUNT=2000000000", 48),
        ("FREQ=MONTHLY;BYDAY=2TU", 1),
        ("FREQ=MONTHLY;BYMONTHDAY=10;INTERVAL=2", 1),
        ("FREQ=MONTHLY;BYMONTHDAY=10;INTERVAL=6;BYMONTH=1,7", 0),
        ("FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=10", 1),
        ("FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=10;INTERVAL=3", 0),
        ("FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=10;INTERVAL=8", 1),
    ];
    for (text, events) in cases {
        let file = event(&format!("DTSTART:19700101T000000Z\nRRULE:{text}"));
        let (found, steps) = steps(&file, &day);
        assert_eq!(found, events, "{text}");
        assert!(steps < 400, "{text}: {steps} steps");
    }
}

#[test]
fn floods_are_refused_at_once() {
    let day = window("2026-03-10T00:00Z", "2026-03-11T00:00Z");
    let began = std::time::Instant::now();
    for text in ["FREQ=SECONDLY", "FREQ=SECONDLY;COUNT=4294967295"] {
        let file = event(&format!("DTSTART:19700101T000000Z\nRRULE:{text}"));
        assert_eq!(read(&file).events(&day), Err(TooManyEvents), "{text}");
    }
    let minutes = (0..60).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    let flood = format!("FREQ=YEARLY;BYDAY=MO;BYHOUR=1,2,3;BYMINUTE={minutes};BYSECOND={minutes}");
    let file = event(&format!("DTSTART:19700101T000000Z\nRRULE:{flood}"));
    let error = Calendar::read(file.as_bytes(), &berlin()).unwrap_err();
    assert_eq!(error, ReadError::TooMuchWork);
    // Many rules that never come true are a flood of work as well.
    let barren = "RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30\n".repeat(20);
    let file = event(&format!("DTSTART:19700101T000000Z\n{}", barren.trim_end()));
    let error = Calendar::read(file.as_bytes(), &berlin()).unwrap_err();
    assert_eq!(error, ReadError::TooMuchWork);
    let took = began.elapsed();
    assert!(took.as_secs() < 20, "took {took:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// A series that is entered late has the same instances as one that is followed from its start.
    #[test]
    fn entering_late_changes_nothing(
        frequency in prop::sample::select(vec!["YEARLY", "MONTHLY", "WEEKLY", "DAILY"]),
        interval in 1..9_u8,
        parts in prop::sample::select(vec![
            "", ";BYDAY=MO,WE,SU", ";BYDAY=TU;WKST=SU", ";BYDAY=MO,TU,FR;BYSETPOS=-1,2", ";BYMONTH=3,4,9", ";COUNT=300",
            ";BYHOUR=7,19;BYDAY=SA", ";UNTIL=20260415T120000Z",
        ]),
        day in 1..32_u8,
        skipped in 0..400_i64,
    ) {
        let file = event(&format!(
            "DTSTART;TZID=Europe/Berlin:201608{day:02}T090000\nRRULE:FREQ={frequency};INTERVAL={interval}{parts}"
        ));
        let calendar = read(&file);
        let from = at("2025-06-01T00:00Z") + jiff::SignedDuration::from_hours(24 * skipped);
        let to = from + jiff::SignedDuration::from_hours(24 * 90);
        let late = TimeWindow::new(from, to).unwrap();
        let whole = TimeWindow::new(at("2016-08-01T00:00Z"), to).unwrap();
        let mut all = calendar.events(&whole).unwrap();
        all.retain(|event| late.touches(event.start, event.end));
        prop_assert_eq!(calendar.events(&late).unwrap(), all, "{}", file);
    }
}

#[test]
fn a_moved_instance_is_as_private_as_its_series() {
    let file = |class: &str| {
        calendar(&format!(
            "BEGIN:VEVENT\nUID:s\nDTSTAMP:20260101T000000Z\nDTSTART:20260302T090000Z\nDURATION:PT1H\nRRULE:FREQ=WEEKLY\nCLASS:PRIVATE\nSUMMARY:Secret\nEND:VEVENT\n\
             BEGIN:VEVENT\nUID:s\nDTSTAMP:20260101T000000Z\nRECURRENCE-ID:20260309T090000Z\nDTSTART:20260309T110000Z\nDURATION:PT1H\n{class}SUMMARY:Moved\nEND:VEVENT"
        ))
    };
    let moved = |class: &str| {
        let day = window("2026-03-09T00:00Z", "2026-03-10T00:00Z");
        let events = read(&file(class)).events(&day).unwrap();
        assert_eq!(events.len(), 1);
        let details = events[0].details.clone().unwrap();
        (details.flags.private, details.subject.clone())
    };
    assert_eq!(moved(""), (true, None));
    assert_eq!(moved("CLASS:PUBLIC\n"), (false, Some("Moved".into())));
}

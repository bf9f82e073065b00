//! What is refused, and that nothing makes the reader panic.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

#[track_caller]
fn refused(file: &str) -> ReadError {
    Calendar::read(file.as_bytes(), &berlin()).unwrap_err()
}

#[test]
fn broken_files_are_refused_rather_than_read_in_part() {
    let whole = event("DTSTART:20260310T090000Z");
    assert_eq!(refused(""), ReadError::NoCalendar);
    // A file that is being written: every cut between lines is noticed.
    let lines: Vec<_> = whole.split_inclusive("\r\n").collect();
    for count in 0..lines.len() {
        assert_eq!(refused(&lines[..count].concat()), ReadError::NoCalendar);
    }
    for bad in [
        whole.replace("END:VEVENT", "END:VALARM"),
        whole.replace("UID:1", "this is no property"),
        format!("UID:1\r\n{whole}"),
        event("DTSTART:20260310T090000Z").replace("VCALENDAR", "VCARD"),
        calendar("BEGIN:VCALENDAR\nEND:VCALENDAR"),
    ] {
        assert!(matches!(refused(&bad), ReadError::Line { .. }), "{bad}");
    }
    let published = calendar("BEGIN:VFREEBUSY\nFREEBUSY:20260310T090000Z/PT1H\nEND:VFREEBUSY");
    assert_eq!(refused(&published), ReadError::Unsupported("VFREEBUSY"));
}

#[test]
fn broken_events_are_refused() {
    for lines in [
        "DTSTART:2026031T090000Z",
        "DTSTART:20260310T0900",
        "DTSTART:20260310T090000+0100",
        "DTSTART:20260230T090000Z",
        "DTSTART:20260310T250000Z",
        "SUMMARY:without a start",
        "DTSTART:20260310T090000Z\nDTEND:tomorrow",
        "DTSTART:20260310T090000Z\nDURATION:PT",
        "DTSTART:20260310T090000Z\nDURATION:P1X",
        "DTSTART:20260310T090000Z\nDURATION:P99999999W",
        "DTSTART:20260310T090000Z\nRRULE:FREQ=FORTNIGHTLY",
        "DTSTART:20260310T090000Z\nRRULE:COUNT=2",
        "DTSTART:20260310T090000Z\nRRULE:FREQ=DAILY;INTERVAL=0",
        "DTSTART:20260310T090000Z\nRRULE:FREQ=DAILY;INTERVAL=65537",
        "DTSTART:20260310T090000Z\nRRULE:FREQ=DAILY;COUNT=0",
        "DTSTART:20260310T090000Z\nRRULE:FREQ=DAILY;BYHOUR=265",
        "DTSTART:20260310T090000Z\nRRULE:FREQ=DAILY;BYNOON=1",
        "DTSTART:20260310T090000Z\nRRULE:FREQ=WEEKLY;BYDAY=2MO",
        "DTSTART:20260310T090000Z\nRRULE:FREQ=WEEKLY;BYDAY=XX",
        "DTSTART:20260310T090000Z\nRRULE:FREQ=YEARLY;RSCALE=HEBREW",
        "DTSTART:20260310T090000Z\nRRULE:FREQ=MINUTELY;INTERVAL=90;BYHOUR=9",
        "DTSTART:20260310T090000Z\nRRULE:FREQ=SECONDLY;BYSECOND=0;BYSETPOS=2",
        "DTSTART:20260310T090000Z\nRECURRENCE-ID;RANGE=THISANDFUTURE:20260310T090000Z",
        "DTSTART:20260310T090000Z\nEXDATE:20260310T090000Z,never",
        "DTSTART:20260310T090000Z\nDTSTART;TZID=Nowhere/Atall:20260310T090000\nRDATE;TZID=Nowhere/Atall:20260310T090000",
    ] {
        refused(&event(lines));
    }
    let latin = b"BEGIN:VCALENDAR\r\nX-WR-CALNAME:J\xf6rg\r\nEND:VCALENDAR\r\n";
    assert_eq!(
        Calendar::read(latin, &berlin()).unwrap_err(),
        ReadError::Encoding
    );
}

const SEED: &str = "BEGIN:VCALENDAR\r\nX-WR-TIMEZONE:Europe/Berlin\r\nBEGIN:VTIMEZONE\r\nTZID:Own\r\n\
    BEGIN:STANDARD\r\nDTSTART:19701025T030000\r\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10\r\n\
    TZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n\
    BEGIN:VEVENT\r\nUID:a\r\nDTSTART;TZID=Own:20260310T090000\r\nDURATION:P1DT30M\r\n\
    RRULE:FREQ=MONTHLY;INTERVAL=2;BYDAY=MO,-1FR;BYSETPOS=1,-1;COUNT=30;WKST=SU\r\n\
    EXDATE;VALUE=DATE:20260401\r\nRDATE;VALUE=PERIOD:20260310T090000Z/PT1H\r\nEND:VEVENT\r\n\
    BEGIN:VEVENT\r\nUID:a\r\nRECURRENCE-ID:20260316T080000Z\r\nDTSTART;VALUE=DATE:20260317\r\nEND:VEVENT\r\n\
    BEGIN:VEVENT\r\nUID:b\r\nDTSTART:20260310T090000\r\nRRULE:FREQ=YEARLY;BYWEEKNO=20,-1;BYYEARDAY=1,-1;UNTIL=20300101\r\n\
    END:VEVENT\r\nEND:VCALENDAR\r\n";

fn survives(bytes: &[u8]) {
    if let Ok(calendar) = Calendar::read(bytes, &berlin()) {
        let _ = calendar.events(&window("2026-03-01T00:00Z", "2026-05-01T00:00Z"));
    }
}

/// How long this thread has computed, whatever else the machine had to do; elsewhere than on Linux, how long it has run.
/// Steps would not do: it is what they do not count that could spin.
fn computed() -> Duration {
    static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);
    let told = std::fs::read_to_string("/proc/thread-self/schedstat");
    let computed = told.ok().and_then(|told| {
        let nanoseconds = told.split_whitespace().next()?.parse().ok();
        // A kernel that does not count says that there was nothing.
        let counted = nanoseconds.filter(|nanoseconds| *nanoseconds > 0);
        counted.map(Duration::from_nanos)
    });
    computed.unwrap_or_else(|| BEGUN.elapsed())
}

#[test]
fn computing_is_measured() {
    let before = computed();
    let mut number = 1_u64;
    while computed() == before {
        number = std::hint::black_box(number.wrapping_mul(3));
    }
    assert!(computed() > before);
}

#[test]
fn the_seed_is_read() {
    assert!(!times(SEED, &window("2026-03-01T00:00Z", "2026-05-01T00:00Z")).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        survives(&bytes);
    }

    #[test]
    fn no_change_of_a_good_file_makes_it_panic(
        edits in prop::collection::vec((0..SEED.len(), "[0-9A-Z;:,=\\-]{0,3}", 0..4_usize), 1..4)
    ) {
        let mut file = SEED.to_owned();
        for (place, text, cut) in edits {
            let place = place.min(file.len());
            let end = (place + cut).min(file.len());
            file.replace_range(place..end, &text);
        }
        survives(file.as_bytes());
    }

    #[test]
    fn no_rule_makes_it_panic_or_spin(
        frequency in prop::sample::select(vec!["YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY"]),
        parts in prop::collection::vec(prop::sample::select(vec![
            ";INTERVAL=7", ";INTERVAL=65535", ";COUNT=5", ";COUNT=4294967295", ";UNTIL=20260401", ";BYDAY=MO,SU",
            ";BYDAY=5FR", ";BYMONTHDAY=31,-31", ";BYYEARDAY=366,-366", ";BYWEEKNO=53,-53", ";BYMONTH=2", ";BYSETPOS=-1",
            ";BYSETPOS=366", ";BYHOUR=0,23", ";BYMINUTE=59", ";BYSECOND=0,59", ";WKST=SU",
        ]), 0..5),
        year in prop::sample::select(vec!["0000", "0001", "1601", "1970", "2026", "9999"]),
    ) {
        let file = event(&format!("DTSTART:{year}0131T233000Z\nRRULE:FREQ={frequency}{}", parts.concat()));
        let before = computed();
        survives(file.as_bytes());
        let took = computed().saturating_sub(before);
        prop_assert!(took.as_secs() < 20, "{file} took {took:?}");
    }
}

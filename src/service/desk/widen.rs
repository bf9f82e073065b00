//! More than the window asked for is fetched, so that the questions beside it are answered from the cache.

use jiff::Timestamp;

use crate::domain::TimeWindow;
use crate::service::settings::Widen;

const DAY: i64 = 86_400;
/// 1970-01-01 was a Thursday: weeks begin on Monday, four days later.
const FIRST_MONDAY: i64 = 4 * DAY;

/// The window to fetch: widened as far as one call to the endpoint may reach, else as asked.
pub(super) fn widened(window: &TimeWindow, widen: Widen, days_per_call: u16) -> TimeWindow {
    let longest = i64::from(days_per_call) * DAY;
    let fits = |wide: &TimeWindow| wide.duration().as_secs() <= longest;
    match widen {
        Widen::Week => [weeks(window), window.whole_days()]
            .into_iter()
            .find(fits)
            .unwrap_or(*window),
        Widen::Day => Some(window.whole_days()).filter(fits).unwrap_or(*window),
        Widen::None => *window,
    }
}

/// Monday to Monday, UTC.
fn weeks(window: &TimeWindow) -> TimeWindow {
    const WEEK: i64 = 7 * DAY;
    let (start, end) = window.seconds();
    let start = (start - FIRST_MONDAY).div_euclid(WEEK) * WEEK + FIRST_MONDAY;
    let end = (end - FIRST_MONDAY + WEEK - 1).div_euclid(WEEK) * WEEK + FIRST_MONDAY;
    match (Timestamp::from_second(start), Timestamp::from_second(end)) {
        (Ok(start), Ok(end)) => TimeWindow::new(start, end).unwrap_or(*window),
        _ => *window,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(window: &str, widen: Widen, days: u16, expect: &str) {
        let parse = |text: &str| {
            let (start, end) = text.split_once(' ').unwrap();
            let at = |text: &str| format!("{text}Z").parse().unwrap();
            TimeWindow::new(at(start), at(end)).unwrap()
        };
        assert_eq!(
            widened(&parse(window), widen, days),
            parse(expect),
            "{window}"
        );
    }

    #[test]
    fn a_day_becomes_its_week() {
        // 2026-09-01 is a Tuesday.
        check(
            "2026-09-01T08:00 2026-09-01T18:00",
            Widen::Week,
            42,
            "2026-08-31T00:00 2026-09-07T00:00",
        );
        check(
            "2026-09-06T08:00 2026-09-07T00:00",
            Widen::Week,
            42,
            "2026-08-31T00:00 2026-09-07T00:00",
        );
        check(
            "2026-09-06T08:00 2026-09-07T00:01",
            Widen::Week,
            42,
            "2026-08-31T00:00 2026-09-14T00:00",
        );
        check(
            "1969-12-31T08:00 1970-01-01T00:01",
            Widen::Week,
            42,
            "1969-12-29T00:00 1970-01-05T00:00",
        );
    }

    #[test]
    fn the_limit_of_the_endpoint_is_kept() {
        check(
            "2026-09-01T00:00 2026-10-12T00:00",
            Widen::Week,
            42,
            "2026-08-31T00:00 2026-10-12T00:00",
        );
        check(
            "2026-09-01T00:00 2026-10-13T00:00",
            Widen::Week,
            42,
            "2026-09-01T00:00 2026-10-13T00:00",
        );
        check(
            "2026-09-01T01:00 2026-10-12T02:00",
            Widen::Week,
            42,
            "2026-09-01T00:00 2026-10-13T00:00",
        );
        check(
            "2026-09-01T01:00 2026-11-02T01:00",
            Widen::Week,
            42,
            "2026-09-01T01:00 2026-11-02T01:00",
        );
    }

    #[test]
    fn days_and_nothing() {
        check(
            "2026-09-01T08:00 2026-09-01T18:00",
            Widen::Day,
            42,
            "2026-09-01T00:00 2026-09-02T00:00",
        );
        check(
            "2026-09-01T08:00 2026-09-01T18:00",
            Widen::None,
            42,
            "2026-09-01T08:00 2026-09-01T18:00",
        );
    }
}

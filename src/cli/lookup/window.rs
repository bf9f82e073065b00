//! The window of a lookup: what `--from`, `--to` and `--zone` mean. Reads no clock; "now" is handed in.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use crate::domain::TimeWindow;

/// The longest window, as callers of the gateway have it.
const LONGEST_DAYS: i64 = 62;

/// From `from` to `to`, or where they are missing: from today's midnight, to a day after the start.
pub(in crate::cli) fn window(
    from: Option<&str>,
    to: Option<&str>,
    zone: &TimeZone,
    now: Timestamp,
) -> Result<TimeWindow, String> {
    let start = match from {
        Some(text) => instant(text, zone).map_err(|error| format!("--from: {error}"))?,
        None => midnight_before(now, zone)?,
    };
    let end = match to {
        Some(text) => instant(text, zone).map_err(|error| format!("--to: {error}"))?,
        None => a_day_after(start, zone)?,
    };
    let window = TimeWindow::new(start, end).map_err(|error| error.to_string())?;
    if window.duration().as_secs() > LONGEST_DAYS * 24 * 60 * 60 {
        return Err(format!("the window is longer than {LONGEST_DAYS} days"));
    }
    Ok(window)
}

/// RFC 3339 with `Z` or an offset; or a date, or a date and time, of the zone.
fn instant(text: &str, zone: &TimeZone) -> Result<Timestamp, String> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant);
    }
    let local: DateTime = text.parse().map_err(
        |_| "a time is written 2026-09-07, 2026-09-07T09:00 or 2026-09-07T09:00:00+02:00",
    )?;
    let instant = zone.to_ambiguous_timestamp(local).unambiguous();
    instant.map_err(|_| format!("the clock shows {local} twice or never; write it with an offset"))
}

fn midnight_before(now: Timestamp, zone: &TimeZone) -> Result<Timestamp, String> {
    let midnight = now.to_zoned(zone.clone()).start_of_day();
    midnight
        .map(|midnight| midnight.timestamp())
        .map_err(|error| error.to_string())
}

/// The same time on the next civil day.
fn a_day_after(start: Timestamp, zone: &TimeZone) -> Result<Timestamp, String> {
    let end = start
        .to_zoned(zone.clone())
        .checked_add(Span::new().days(1));
    end.map(|end| end.timestamp())
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(from: Option<&str>, to: Option<&str>, zone: &str, expect: Result<&str, &str>) {
        let zone = jiff::tz::db().get(zone).unwrap();
        let now = "2026-10-25T11:22:33Z".parse().unwrap();
        let got = window(from, to, &zone, now).map(|w| format!("{} {}", w.start(), w.end()));
        match (got, expect) {
            (Ok(got), Ok(expect)) => assert_eq!(got, expect),
            (Err(got), Err(expect)) => assert!(got.contains(expect), "{got}"),
            (got, expect) => panic!("got {got:?}, expected {expect:?}"),
        }
    }

    #[test]
    fn today_is_a_civil_day_of_the_zone() {
        check(
            None,
            None,
            "UTC",
            Ok("2026-10-25T00:00:00Z 2026-10-26T00:00:00Z"),
        );
        // 25 hours: the clock is put back on this day.
        check(
            None,
            None,
            "Europe/Berlin",
            Ok("2026-10-24T22:00:00Z 2026-10-25T23:00:00Z"),
        );
        check(
            None,
            None,
            "Pacific/Auckland",
            Ok("2026-10-25T11:00:00Z 2026-10-26T11:00:00Z"),
        );
    }

    #[test]
    fn times_with_and_without_offsets() {
        let berlin = "Europe/Berlin";
        check(
            Some("2026-09-07"),
            None,
            berlin,
            Ok("2026-09-06T22:00:00Z 2026-09-07T22:00:00Z"),
        );
        check(
            Some("2026-09-07T09:00"),
            Some("2026-09-07T12:30:15"),
            berlin,
            Ok("2026-09-07T07:00:00Z 2026-09-07T10:30:15Z"),
        );
        check(
            Some("2026-09-07T09:00:00Z"),
            Some("2026-09-07T09:00:00-05:00"),
            berlin,
            Ok("2026-09-07T09:00:00Z 2026-09-07T14:00:00Z"),
        );
    }

    #[test]
    fn what_is_no_window_is_refused() {
        let berlin = "Europe/Berlin";
        check(
            Some("tomorrow"),
            None,
            berlin,
            Err("--from: a time is written"),
        );
        check(None, Some("12:00"), berlin, Err("--to: a time is written"));
        check(
            Some("2026-10-25T02:30"),
            None,
            berlin,
            Err("twice or never"),
        );
        check(
            Some("2026-03-29T02:30"),
            None,
            berlin,
            Err("twice or never"),
        );
        check(
            Some("2026-09-07"),
            Some("2026-09-07"),
            berlin,
            Err("ends before"),
        );
        check(
            Some("2026-09-07"),
            Some("2026-09-01"),
            berlin,
            Err("ends before"),
        );
        check(
            Some("2026-01-01"),
            Some("2026-03-04T00:00:01"),
            "UTC",
            Err("longer than 62 days"),
        );
    }
}

//! `?start=&end=&availability=`: which time a link is read for.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::codec::ews::fault::MAX_WINDOW_DAYS;
use crate::codec::ical::freebusy::read_utc;
use crate::codec::json::instant;
use crate::codec::query::Query;
use crate::domain::TimeWindow;

/// Without parameters: from yesterday on, so that wherever a reader is its today is in it.
const DAYS_BEFORE: i64 = 1;
const DAYS_AFTER: i64 = 60;

/// What a link is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) window: TimeWindow,
    /// The working hours as well.
    pub(super) availability: bool,
    /// When the window came to be the one that it is: today's midnight where a bound is not given.
    pub(super) since: Timestamp,
}

/// A parameter that makes no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Wrong {
    #[error(
        "{0} must be a date (2026-09-01) or a time in UTC or with an offset (2026-09-01T09:00:00Z, 20260901T090000Z)"
    )]
    Time(&'static str),
    #[error("end must lie after start")]
    Reversed,
    #[error("start and end may be at most {MAX_WINDOW_DAYS} days apart")]
    TooLong,
    #[error("availability must be 0 or 1")]
    Availability,
}

/// Bounds that are not given lie on whole days, UTC, so that the same link has the same answer all day.
pub(super) fn read(query: &Query, now: Timestamp) -> Result<Asked, Wrong> {
    let availability = match query.get("availability") {
        None | Some("0") => false,
        Some("1") => true,
        Some(_) => return Err(Wrong::Availability),
    };
    let start = bound(query, "start")?;
    let end = bound(query, "end")?;
    let day = SignedDuration::from_hours(24);
    let today = now.as_second().div_euclid(86_400) * 86_400;
    let today = Timestamp::from_second(today).unwrap_or(now);
    let later = |from: Timestamp, days: i64| {
        let length = day.checked_mul(i32::try_from(days).unwrap_or(0));
        from.checked_add(length.unwrap_or_default()).unwrap_or(from)
    };
    let start_or_default = start.unwrap_or_else(|| later(today, -DAYS_BEFORE));
    let end = end.unwrap_or_else(|| later(start_or_default, DAYS_BEFORE + DAYS_AFTER));
    let window = TimeWindow::new(start_or_default, end).map_err(|_| Wrong::Reversed)?;
    if window.duration() > SignedDuration::from_hours(24 * MAX_WINDOW_DAYS) {
        return Err(Wrong::TooLong);
    }
    Ok(Asked {
        window,
        availability,
        // An end that is not given follows from the start.
        since: if start.is_some() {
            Timestamp::MIN
        } else {
            today
        },
    })
}

/// In whole seconds: iCalendar has no fractions.
fn bound(query: &Query, name: &'static str) -> Result<Option<Timestamp>, Wrong> {
    let Some(text) = query.get(name) else {
        return Ok(None);
    };
    let instant = date(text)
        .or_else(|| read_utc(text))
        .or_else(|| instant::read(text));
    let whole = instant.and_then(|instant| Timestamp::from_second(instant.as_second()).ok());
    whole.map(Some).ok_or(Wrong::Time(name))
}

/// `2026-09-01` or `20260901`, midnight UTC.
fn date(text: &str) -> Option<Timestamp> {
    let is_date = |byte: u8| byte.is_ascii_digit() || byte == b'-';
    let form = match text.len() {
        8 => "%Y%m%d",
        10 => "%Y-%m-%d",
        _ => return None,
    };
    let date = text
        .bytes()
        .all(is_date)
        .then(|| Date::strptime(form, text).ok())??;
    let midnight = date.at(0, 0, 0, 0);
    TimeZone::UTC.to_timestamp(midnight).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `expect` as `start/end` by days or times.
    #[track_caller]
    fn check(query: &str, expect: Result<&str, Wrong>) {
        let now = "2026-09-10T15:30:00Z".parse().unwrap();
        let got = read(&Query::read(query).unwrap(), now);
        let expect = expect.map(|expect| {
            let (start, end) = expect.split_once('/').unwrap();
            let at = |text: &str| text.parse().unwrap();
            TimeWindow::new(at(start), at(end)).unwrap()
        });
        assert_eq!(got.map(|asked| asked.window), expect, "{query}");
        if let Ok(asked) = got {
            let midnight = "2026-09-10T00:00:00Z".parse().unwrap();
            let moves = !query.contains("start=");
            assert_eq!(asked.since, if moves { midnight } else { Timestamp::MIN });
        }
    }

    #[test]
    fn windows_are_read() {
        check("", Ok("2026-09-09T00:00:00Z/2026-11-09T00:00:00Z"));
        check(
            "start=2026-09-01",
            Ok("2026-09-01T00:00:00Z/2026-11-01T00:00:00Z"),
        );
        check(
            "end=20260911",
            Ok("2026-09-09T00:00:00Z/2026-09-11T00:00:00Z"),
        );
        check(
            "start=20260901T090000Z&end=2026-09-01T12:00:00.5%2B02:00",
            Ok("2026-09-01T09:00:00Z/2026-09-01T10:00:00Z"),
        );
        check(
            "start=2026-09-01&end=2026-11-02",
            Ok("2026-09-01T00:00:00Z/2026-11-02T00:00:00Z"),
        );
    }

    #[test]
    fn windows_that_make_no_sense_are_refused() {
        check("start=2026-09-02&end=2026-09-01", Err(Wrong::Reversed));
        check("start=2026-09-02&end=2026-09-02", Err(Wrong::Reversed));
        check("end=2026-09-01", Err(Wrong::Reversed));
        check("start=2026-09-01&end=2026-11-03", Err(Wrong::TooLong));
        for text in [
            "",
            "x",
            "2026-02-30",
            "2026-9-1",
            "20260901T090000",
            "2026-09-01T09:00:00",
            "tomorrow",
            "%C3%BC",
            "99999999",
        ] {
            check(&format!("start={text}"), Err(Wrong::Time("start")));
            check(&format!("end={text}"), Err(Wrong::Time("end")));
        }
        check("availability=yes", Err(Wrong::Availability));
        assert!(
            read(
                &Query::read("availability=1").unwrap(),
                Timestamp::UNIX_EPOCH
            )
            .unwrap()
            .availability
        );
    }
}

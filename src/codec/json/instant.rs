//! Instants in JSON and in queries (RFC 3339), strict when read: an instant without its offset is no instant.

use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Zoned};

/// `2026-09-01T09:00:00+02:00`, `2026-09-01T07:00:00.5Z`. In a query a plus that nobody encoded has become a blank, which
/// is read as the plus it was.
pub fn read(text: &str) -> Option<Timestamp> {
    let form = text.as_bytes();
    let is_instant = form.len() >= 20
        && form.len() <= 40
        && matches!(form.get(10), Some(b'T' | b't'))
        && form.iter().all(|byte| {
            byte.is_ascii_digit()
                || matches!(
                    byte,
                    b'-' | b':' | b'.' | b'+' | b' ' | b'T' | b't' | b'Z' | b'z'
                )
        });
    let offset_at = form.len().checked_sub(6)?;
    if !is_instant || form.get(4) != Some(&b'-') {
        return None;
    }
    let text = if form.get(offset_at) == Some(&b' ') {
        let (before, offset) = text.split_at_checked(offset_at)?;
        format!("{before}+{}", offset.trim_start())
    } else {
        text.to_owned()
    };
    // Fifteen minutes past midnight has seconds, too.
    (text.as_bytes().get(16) == Some(&b':'))
        .then(|| text.parse().ok())
        .flatten()
}

/// In UTC with `Z`, or with the offset that `zone` has at that instant; whole seconds.
pub fn write(second: i64, zone: &TimeZone) -> String {
    let instant = Timestamp::from_second(second).unwrap_or_default();
    if *zone == TimeZone::UTC {
        return instant.to_string();
    }
    // RFC 3339 has no seconds in offsets, which the local mean times of old have: the instant stays, the offset is told
    // in whole minutes.
    let exact = zone.to_offset(instant);
    let offset = Offset::from_seconds(exact.seconds() / 60 * 60).unwrap_or(exact);
    let local: Zoned = instant.to_zoned(offset.to_time_zone());
    local.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// In UTC with milliseconds, as Google repeats the bounds of a window.
pub fn write_milliseconds(instant: Timestamp) -> String {
    instant
        .to_zoned(TimeZone::UTC)
        .strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Option<&str>) {
        let expect: Option<Timestamp> = expect.map(|text| text.parse().unwrap());
        assert_eq!(read(text), expect, "{text:?}");
    }

    #[test]
    fn instants_have_an_offset() {
        check("2026-09-01T09:00:00Z", Some("2026-09-01T09:00:00Z"));
        check("2026-09-01t09:00:00z", Some("2026-09-01T09:00:00Z"));
        check("2026-09-01T09:00:00+02:00", Some("2026-09-01T07:00:00Z"));
        check("2026-09-01T09:00:00 02:00", Some("2026-09-01T07:00:00Z"));
        check(
            "2026-09-01T09:00:00.25-00:00",
            Some("2026-09-01T09:00:00.25Z"),
        );
        for text in [
            "",
            "2026-09-01",
            "2026-09-01T09:00:00",
            "2026-09-01T09:00Z",
            "2026-09-01T09Z0000000",
            "2026-09-01 09:00:00Z",
            "20260901T090000Z",
            "2026-02-30T09:00:00Z",
            "2026-09-01T25:00:00Z",
            "+002026-09-01T09:00:00Z",
            "-002026-09-01T09:00:00Z",
            "2026-09-01T09:00:00Z[Europe/Berlin]",
            "99999-01-01T00:00:00Z",
            "2026-09-01T09:00:00+02:00\u{fc}",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn instants_are_written_in_their_zone() {
        let second = 1_788_253_200;
        assert_eq!(write(second, &TimeZone::UTC), "2026-09-01T09:00:00Z");
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        assert_eq!(write(second, &berlin), "2026-09-01T11:00:00+02:00");
        // 0:53:28 east of Greenwich until 1893.
        assert_eq!(write(-3_000_000_000, &berlin), "1874-12-07T19:33:00+00:53");
        let instant = Timestamp::from_second(second).unwrap();
        assert_eq!(write_milliseconds(instant), "2026-09-01T09:00:00.000Z");
    }
}

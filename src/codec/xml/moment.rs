//! xs:dateTime: reading it with or without an offset, and writing the naive form that EWS answers carry.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;
use jiff::{Span, Timestamp};

/// A dateTime as written: local to a zone that stands elsewhere, or absolute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    Local(DateTime),
    Instant(Timestamp),
}

impl Moment {
    /// XML Schema part 2, section 3.2.7: `YYYY-MM-DDThh:mm:ss(.s+)?(Z|+hh:mm|-hh:mm)?`, hour 24 allowed for midnight at
    /// the day's end. None for anything else, a lower-case `z` and years beyond 9999 included.
    pub fn parse(text: &str) -> Option<Self> {
        Self::read(text, parse_offset)
    }

    /// The same, and also what some servers send: offsets without a colon or without minutes.
    pub fn parse_tolerant(text: &str) -> Option<Self> {
        Self::read(text, |zone| {
            parse_offset(zone).or_else(|| parse_short_offset(zone))
        })
    }

    fn read(text: &str, offset: impl FnOnce(&str) -> Option<Offset>) -> Option<Self> {
        if let Some(local) = parse_plain(text) {
            return Some(Self::Local(local));
        }
        let (date_time, zone) = split_zone(text)?;
        let local = parse_local(date_time)?;
        if zone.is_empty() {
            return Some(Self::Local(local));
        }
        Some(Self::Instant(offset(zone)?.to_timestamp(local).ok()?))
    }
}

/// Date-time digits, and what follows them. The zone starts at `Z`, `z`, `+`, or a `-` after the `T`.
fn split_zone(text: &str) -> Option<(&str, &str)> {
    let after_t = text.find('T')? + 1;
    let zone = text
        .get(after_t..)?
        .find(['Z', 'z', '+', '-'])
        .map_or(text.len(), |at| after_t + at);
    Some((text.get(..zone)?, text.get(zone..)?))
}

/// `YYYY-MM-DDThh:mm:ss` and nothing else, as nearly everybody writes it. None also for what may be right in another
/// form.
fn parse_plain(text: &str) -> Option<DateTime> {
    let [
        y1,
        y2,
        y3,
        y4,
        b'-',
        o1,
        o2,
        b'-',
        d1,
        d2,
        b'T',
        h1,
        h2,
        b':',
        m1,
        m2,
        b':',
        s1,
        s2,
    ] = text.as_bytes()
    else {
        return None;
    };
    let two = digit_pair;
    let year = i16::from(two(y1, y2)?) * 100 + i16::from(two(y3, y4)?);
    let date = Date::new(year, two(o1, o2)?, two(d1, d2)?).ok()?;
    let time = Time::new(two(h1, h2)?, two(m1, m2)?, two(s1, s2)?, 0).ok()?;
    Some(date.to_datetime(time))
}

/// The number that two ASCII digits write.
pub fn digit_pair(tens: &u8, ones: &u8) -> Option<i8> {
    match (tens, ones) {
        (b'0'..=b'9', b'0'..=b'9') => Some(((tens - b'0') * 10 + (ones - b'0')) as i8),
        _ => None,
    }
}

fn parse_local(text: &str) -> Option<DateTime> {
    let (date, time) = text.split_once('T')?;
    let mut date_parts = date.split('-');
    let date = Date::new(
        digits(date_parts.next()?, 4)?,
        digits(date_parts.next()?, 2)? as i8,
        digits(date_parts.next()?, 2)? as i8,
    )
    .ok()?;
    if date_parts.next().is_some() {
        return None;
    }
    let (clock, fraction) = time
        .split_once('.')
        .map_or((time, None), |(clock, fraction)| (clock, Some(fraction)));
    let nanosecond = fraction.map_or(Some(0), parse_fraction)?;
    let mut parts = clock.split(':');
    let (hour, minute, second) = (
        digits(parts.next()?, 2)?,
        digits(parts.next()?, 2)?,
        digits(parts.next()?, 2)?,
    );
    if parts.next().is_some() {
        return None;
    }
    if (hour, minute, second, nanosecond) == (24, 0, 0, 0) {
        return date
            .to_datetime(Time::midnight())
            .checked_add(Span::new().days(1))
            .ok();
    }
    Some(date.to_datetime(Time::new(hour as i8, minute as i8, second as i8, nanosecond).ok()?))
}

/// Exactly `count` ASCII digits.
fn digits(text: &str, count: usize) -> Option<i16> {
    if text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().ok()
    } else {
        None
    }
}

/// Nanoseconds; digits beyond the ninth are cut.
fn parse_fraction(text: &str) -> Option<i32> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mut nanoseconds = 0;
    for place in 0..9 {
        let digit = text.as_bytes().get(place).map_or(0, |byte| byte - b'0');
        nanoseconds = nanoseconds * 10 + i32::from(digit);
    }
    Some(nanoseconds)
}

/// `Z`, or a sign and `hh:mm` of at most 14 hours.
fn parse_offset(zone: &str) -> Option<Offset> {
    if zone == "Z" {
        return Some(Offset::UTC);
    }
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    offset(zone, digits(hours, 2)?, digits(minutes, 2)?)
}

/// `+hhmm` or `+hh`.
fn parse_short_offset(zone: &str) -> Option<Offset> {
    let number = zone.get(1..)?;
    match number.len() {
        2 => offset(zone, digits(number, 2)?, 0),
        4 => offset(
            zone,
            digits(number.get(..2)?, 2)?,
            digits(number.get(2..)?, 2)?,
        ),
        _ => None,
    }
}

fn offset(zone: &str, hours: i16, minutes: i16) -> Option<Offset> {
    let seconds = i32::from(hours) * 3600 + i32::from(minutes) * 60;
    if minutes > 59 || seconds > 14 * 3600 {
        return None;
    }
    let seconds = if zone.starts_with('-') {
        -seconds
    } else {
        seconds
    };
    Offset::from_seconds(seconds).ok()
}

/// Writes seconds since 1970-01-01T00:00:00 of some wall clock as `YYYY-MM-DDTHH:MM:SS`. Years outside of 0 to 9999 do
/// not occur: they cannot be read either.
pub fn push_local(out: &mut Vec<u8>, local_seconds: i64) {
    out.extend_from_slice(&LocalText::default().of(local_seconds));
}

/// Writes wall-clock times one after another. Remembers the day of the last one: events that follow one another are
/// mostly of the same day.
#[derive(Debug)]
pub struct LocalText {
    /// Counted from 1970-01-01.
    day: i64,
    text: [u8; 19],
}

impl Default for LocalText {
    fn default() -> Self {
        Self {
            day: 0,
            text: *b"1970-01-01T00:00:00",
        }
    }
}

impl LocalText {
    /// See [`push_local`].
    #[inline]
    pub fn of(&mut self, local_seconds: i64) -> [u8; 19] {
        const DAY: i64 = 86_400;
        let second_of_day = local_seconds - self.day * DAY;
        let second_of_day = if (0..DAY).contains(&second_of_day) {
            second_of_day as u32
        } else {
            self.turn_to(local_seconds.div_euclid(DAY));
            local_seconds.rem_euclid(DAY) as u32
        };
        let (minute, second) = (second_of_day / 60, second_of_day % 60);
        let text = &mut self.text;
        [text[11], text[12]] = two_digits(minute / 60);
        [text[14], text[15]] = two_digits(minute % 60);
        [text[17], text[18]] = two_digits(second);
        self.text
    }

    fn turn_to(&mut self, day: i64) {
        self.day = day;
        let (year, month, day) = civil_from_days(day);
        let text = &mut self.text;
        [text[0], text[1]] = two_digits(year / 100);
        [text[2], text[3]] = two_digits(year % 100);
        [text[5], text[6]] = two_digits(month);
        [text[8], text[9]] = two_digits(day);
    }
}

/// Of a number below 100.
fn two_digits(number: u32) -> [u8; 2] {
    [b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8]
}

/// The proleptic Gregorian date of a day counted from 1970-01-01, computed in whole numbers by eras of 400 years that
/// begin on 1 March. On the hot path: every event has two of these.
fn civil_from_days(days: i64) -> (u32, u32, u32) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year.clamp(0, 9999) as u32, month as u32, day as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(text: &str) -> Option<String> {
        match Moment::parse(text)? {
            Moment::Local(local) => Some(local.to_string()),
            Moment::Instant(instant) => Some(instant.to_string()),
        }
    }

    #[track_caller]
    fn check(text: &str, expect: Option<&str>) {
        assert_eq!(local(text).as_deref(), expect, "{text}");
    }

    #[test]
    fn valid_forms() {
        check("2026-09-01T08:00:00", Some("2026-09-01T08:00:00"));
        check("2026-09-01T08:00:00Z", Some("2026-09-01T08:00:00Z"));
        check("2026-09-01T08:00:00+02:00", Some("2026-09-01T06:00:00Z"));
        check(
            "2026-09-01T08:00:00.000-07:00",
            Some("2026-09-01T15:00:00Z"),
        );
        check(
            "2026-09-01T08:00:00.1234567899",
            Some("2026-09-01T08:00:00.123456789"),
        );
        check("2026-12-31T24:00:00", Some("2027-01-01T00:00:00"));
    }

    #[test]
    fn invalid_forms() {
        for text in [
            "2026-02-30T08:00:00",
            "2026-09-01",
            "10000-01-01T00:00:00",
            "2026-09-01T08:00:00z",
            "2026-09-01T08:00",
            "2026-09-01T25:00:00",
            "2026-09-01T24:00:01",
            "2026-09-01 08:00:00",
            "",
            "T",
            "2026-09-01T08:00:00+0200",
            "2026-09-01T08:00:00+15:00",
            "2026-09-01T08:00:60",
            "+026-09-01T08:00:00",
            "2026-09-01T08:00:00.",
            "2026-9-01T08:00:00",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn servers_are_given_some_latitude() {
        let expect = Moment::parse("2026-09-01T08:00:00+02:00");
        assert_eq!(Moment::parse_tolerant("2026-09-01T08:00:00+0200"), expect);
        assert_eq!(Moment::parse_tolerant("2026-09-01T08:00:00+02"), expect);
    }

    proptest::proptest! {
        #[test]
        fn written_is_read_back(seconds in -62_135_596_800_i64..253_402_300_800) {
            let mut out = Vec::new();
            push_local(&mut out, seconds);
            let text = String::from_utf8(out).unwrap();
            let expect = Timestamp::from_second(seconds).unwrap().to_string();
            proptest::prop_assert_eq!(format!("{text}Z"), expect);
        }

        #[test]
        fn nothing_panics(text in "\\PC{0,40}") {
            let _ = (Moment::parse(&text), Moment::parse_tolerant(&text));
        }
    }
}

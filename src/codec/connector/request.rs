//! The message: `[version,id,[addresses],start/end,since,zone]`. There is no quoting in it: quotes are part of a value,
//! and commas, slashes and brackets cannot be carried.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

use super::ErrorId;
use crate::domain::zone::names;

/// Before this second no zone of the original told anything: 1901-12-13T20:45:52Z. After 2038, where its clock ended,
/// ours goes on.
const EARLIEST: i64 = -(1 << 31);

/// What an absent or unreadable `since` is.
const ZERO_DATE: DateTime = DateTime::constant(1, 1, 1, 0, 0, 0, 0);

/// A question as a client asked it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request<'a> {
    /// Whatever the client wants to find in the answer.
    pub id: &'a str,
    /// As written, without blanks around; empty ones left out.
    pub users: Vec<&'a str>,
    /// Wall-clock times in `zone`, as written.
    pub start: DateTime,
    pub end: DateTime,
    /// For the echo only: nothing is filtered by it.
    pub since: DateTime,
    pub zone: TimeZone,
    pub start_utc: Timestamp,
    pub end_utc: Timestamp,
}

/// Why a message is no question. The text is for people and repeats nothing of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct RequestError {
    pub id: ErrorId,
    pub text: &'static str,
}

impl<'a> Request<'a> {
    /// Reads a message. The order of the checks is the original's: where several things are wrong, its error is told.
    pub fn read(message: &'a str) -> Result<Self, RequestError> {
        let inside = message
            .trim()
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .ok_or(malformed("the request has no brackets around it"))?;
        let (users, [version, id, range, since, zone]) = items(inside)?;
        let (start, end) = range
            .split_once('/')
            .ok_or(malformed("the range has no start and end"))?;
        let not_a_moment = malformed("the range is not made of yyyyMMdd or yyyyMMddTHHmmss");
        let start = moment(start).ok_or(not_a_moment)?;
        let end = moment(end).ok_or(not_a_moment)?;
        let since = moment(since).unwrap_or(ZERO_DATE);
        let zone = names::find(zone).ok_or(zone_error("the time zone is not known"))?;
        let start_utc = first_instant(&zone, start)?;
        let end_utc = last_instant(&zone, end)?;
        if version != "1" {
            return Err(RequestError {
                id: ErrorId::UnsupportedVersion,
                text: "only version 1 is supported",
            });
        }
        Ok(Self {
            id,
            users,
            start,
            end,
            since,
            zone,
            start_utc,
            end_utc,
        })
    }
}

/// The addresses, and the other items of the message. What stands around the list of addresses is never looked at.
fn items(inside: &str) -> Result<(Vec<&str>, [&str; 5]), RequestError> {
    let no_list = malformed("the request has no list of addresses in brackets");
    let open = inside.find('[').ok_or(no_list)?;
    let close = inside.find(']').filter(|close| *close > open);
    let close = close.ok_or(no_list)?;
    let (before, list, after) = (
        inside.get(..open).ok_or(no_list)?,
        inside.get(open + 1..close).ok_or(no_list)?,
        inside.get(close + 1..).ok_or(no_list)?,
    );
    let users = list.split(',').map(str::trim);
    let users = users.filter(|user| !user.is_empty()).collect();
    Ok((users, outside(before, after)?))
}

/// Version, id, range, since and zone: the list stood in an item of its own, the third, or glued to another one.
fn outside<'a>(before: &'a str, after: &'a str) -> Result<[&'a str; 5], RequestError> {
    let wrong_count = malformed("the request does not have six items");
    let head: Vec<&str> = before.split(',').collect();
    let tail: Vec<&str> = after.split(',').collect();
    // The last before the list and the first after it are one item.
    if head.len() + tail.len() - 1 != 6 {
        return Err(wrong_count);
    }
    let at = |place: usize| match place.checked_sub(head.len() - 1) {
        None => head.get(place).copied(),
        Some(0) => match (head.last(), tail.first()) {
            (Some(left), Some(right)) if right.trim().is_empty() => Some(*left),
            (Some(left), Some(right)) if left.trim().is_empty() => Some(*right),
            _ => None,
        },
        Some(later) => tail.get(later).copied(),
    };
    // Two pieces around the list in any place but the third would have to be joined; no client writes that.
    let item = |place| at(place).map(str::trim).ok_or(wrong_count);
    Ok([item(0)?, item(1)?, item(3)?, item(4)?, item(5)?])
}

/// `yyyyMMdd`, midnight, or `yyyyMMddTHHmmss`; nothing else.
pub(super) fn moment(text: &str) -> Option<DateTime> {
    let text = text.trim().as_bytes();
    let (date, time) = text.split_at_checked(8)?;
    let date = Date::new(
        number(date.get(..4)?)?,
        number(date.get(4..6)?)? as i8,
        number(date.get(6..)?)? as i8,
    );
    let date = date.ok().filter(|date| date.year() > 0)?;
    let time = match time {
        [] => Time::midnight(),
        [b'T', clock @ ..] if clock.len() == 6 => {
            let (hour, rest) = clock.split_at_checked(2)?;
            let (minute, second) = rest.split_at_checked(2)?;
            let two = |digits| number(digits).map(|number| number as i8);
            Time::new(two(hour)?, two(minute)?, two(second)?, 0).ok()?
        }
        _ => return None,
    };
    Some(date.to_datetime(time))
}

fn number(digits: &[u8]) -> Option<i16> {
    digits.iter().try_fold(0_i16, |number, digit| {
        digit
            .is_ascii_digit()
            .then(|| number * 10 + i16::from(digit - b'0'))
    })
}

/// A time that the clock leaves out is moved forward by the gap; of one that it shows twice the first is meant.
pub(super) fn first_instant(zone: &TimeZone, local: DateTime) -> Result<Timestamp, RequestError> {
    in_range(zone.to_ambiguous_timestamp(local).compatible())
}

/// The same for an end: of a time that the clock shows twice the second is meant, so that nothing is left out.
pub(super) fn last_instant(zone: &TimeZone, local: DateTime) -> Result<Timestamp, RequestError> {
    in_range(zone.to_ambiguous_timestamp(local).later())
}

fn in_range(instant: Result<Timestamp, jiff::Error>) -> Result<Timestamp, RequestError> {
    instant
        .ok()
        .filter(|instant| instant.as_second() >= EARLIEST)
        .ok_or(zone_error("the range lies outside of what time zones tell"))
}

const fn malformed(text: &'static str) -> RequestError {
    RequestError {
        id: ErrorId::Malformed,
        text,
    }
}

const fn zone_error(text: &'static str) -> RequestError {
    RequestError {
        id: ErrorId::Zone,
        text,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn utc(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[track_caller]
    fn refused(message: &str, id: ErrorId) {
        let error = Request::read(message).unwrap_err();
        assert_eq!(error.id, id, "{message}");
    }

    #[test]
    fn a_message_with_blanks_everywhere() {
        let message = " [ 1 , test-id,\t[ a@example.org , ,b@example.org,], 20080101 / 20080131T123456 , 20080102T030405, Europe/Berlin ]\r\n";
        let request = Request::read(message).unwrap();
        assert_eq!(request.id, "test-id");
        assert_eq!(request.users, ["a@example.org", "b@example.org"]);
        assert_eq!(request.start_utc, utc("2007-12-31T23:00:00Z"));
        assert_eq!(request.end_utc, utc("2008-01-31T11:34:56Z"));
        assert_eq!(request.since, DateTime::constant(2008, 1, 2, 3, 4, 5, 0));
        let empty = Request::read("[1,,[],20080101/20080102,x,UTC]").unwrap();
        assert_eq!((empty.id, empty.users.len()), ("", 0));
        assert_eq!(empty.since, ZERO_DATE);
    }

    #[test]
    fn text_around_the_list_is_ignored() {
        let with = |list: &str| format!("[1,7,{list},20080101/20080102,0,UTC]");
        for list in ["x[a@b.example]", "[a@b.example]y", " [a@b.example] "] {
            let message = with(list);
            assert_eq!(Request::read(&message).unwrap().users, ["a@b.example"]);
        }
        // The list may stand in another item; the third then says nothing.
        let message = "[1,7,,20080101/20080102,0,UTC[a@b.example]]";
        assert_eq!(Request::read(message).unwrap().users, ["a@b.example"]);
    }

    #[test]
    fn of_several_errors_the_originals_is_told() {
        refused("[2,7,[],20080101/20080102,0,Nowhere]", ErrorId::Zone);
        refused("[2,7,[],2008/20080102,0,Nowhere]", ErrorId::Malformed);
        refused(
            "[2,7,[],20080101/20080102,0,UTC]",
            ErrorId::UnsupportedVersion,
        );
        refused("[1,7,[],19011213T204551/20080102,0,UTC]", ErrorId::Zone);
        refused(
            "[1,7,[],20080101/20080102/20080103,0,UTC]",
            ErrorId::Malformed,
        );
        refused("[1,7,[],20080101/20080102,0,UTC,]", ErrorId::Malformed);
        assert!(Request::read("[1,7,[],20400101/20400102,0,UTC]").is_ok());
        assert!(Request::read("[1,7,[],19011213T204552/20080102,0,UTC]").is_ok());
    }

    #[test]
    fn moments_have_two_forms() {
        assert!(moment("20080229").is_some());
        assert!(moment("99991231T235959").is_some());
        for text in [
            "20070229",
            "00000101",
            "2008010",
            "20080101T",
            "20080101t000000",
            "20080101T00000",
            "20080101T000060",
            "20080101T240000",
            "20080101T000000Z",
            "2008-1-1",
            "+0080101",
            "\u{662}\u{660}\u{660}\u{668}0101",
            "20080101 T000000",
            "",
        ] {
            assert_eq!(moment(text), None, "{text}");
        }
    }

    #[test]
    fn gaps_go_forward_and_folds_take_in_both_hours() {
        let window = |zone: &str, range: &str| {
            let message = format!("[1,7,[],{range},0,{zone}]");
            let request = Request::read(&message).unwrap();
            (request.start_utc.to_string(), request.end_utc.to_string())
        };
        let (start, end) = window("America/Sao_Paulo", "20061105/20061112");
        assert_eq!(
            (&*start, &*end),
            ("2006-11-05T03:00:00Z", "2006-11-12T02:00:00Z")
        );
        let (start, end) = window("Europe/Berlin", "20081026T023000/20081026T023000");
        assert_eq!(
            (&*start, &*end),
            ("2008-10-26T00:30:00Z", "2008-10-26T01:30:00Z")
        );
    }

    proptest! {
        #[test]
        fn what_is_written_by_the_grammar_is_read(
            id in "[a-z0-9-]{0,8}", users in prop::collection::vec("[a-z*@.()=']{1,12}", 0..5),
            start in (1902_i16..9000, 1_i8..13, 1_i8..29), clock in prop::option::of((0_i8..24, 0_i8..60, 0_i8..60)),
            blanks in prop::collection::vec("[ \t]{0,2}", 12),
        ) {
            let date = format!("{:04}{:02}{:02}", start.0, start.1, start.2);
            let clock_text = clock.map_or(String::new(), |(h, m, s)| format!("T{h:02}{m:02}{s:02}"));
            let b = |n: usize| blanks[n].as_str();
            let message = format!(
                "{}[{}1{},{}{id}{},[{}{}],{}{date}{clock_text}{}/{}{date}{clock_text}{},junk,UTC{}]",
                b(0), b(1), b(2), b(3), b(4), b(5), users.join(","), b(6), b(7), b(8), b(9), b(10),
            );
            let request = Request::read(&message).unwrap();
            let (hour, minute, second) = clock.unwrap_or_default();
            let expect = DateTime::new(start.0, start.1, start.2, hour, minute, second, 0).unwrap();
            prop_assert_eq!(request.id, id);
            prop_assert_eq!(request.users, users.iter().map(|user| user.trim()).collect::<Vec<_>>());
            prop_assert_eq!((request.start, request.end), (expect, expect));
        }

        #[test]
        fn reading_never_panics(message in any::<String>()) {
            let _ = Request::read(&message);
        }

        #[test]
        fn reading_what_looks_like_a_message_never_panics(message in "\\[?[1,x\\[\\]/T0-9 ä]{0,60}\\]?") {
            let _ = Request::read(&message);
        }
    }
}

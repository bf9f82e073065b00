//! The named parameters of the iCalendar page. No request of a real client to it is on record, so that the names which
//! clients of other servers use are all read, and what else a client sends is told to the log by name.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::form::Field;
use super::request::{first_instant, last_instant, moment};
use crate::domain::zone::names;

/// The window of a question that names none, as the original kept it: from thirty days ago for ninety days.
const BACK: SignedDuration = SignedDuration::from_hours(30 * 24);
const LENGTH: SignedDuration = SignedDuration::from_hours(90 * 24);

/// A question by parameters. Instants that do not say where they are count in the zone of the question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameters {
    /// As written, without blanks and `mailto:`; never empty.
    pub users: Vec<String>,
    pub start: Timestamp,
    pub end: Timestamp,
}

/// What is wrong with a question. The text repeats no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {text}")]
pub struct ParameterError {
    pub name: &'static str,
    pub text: &'static str,
}

/// Which parameter a name means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    User,
    Start,
    End,
    Zone,
}

impl Name {
    fn read(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "email" | "mail" | "user" | "u" | "attendee" => Some(Self::User),
            "start" | "dtstart" | "from" => Some(Self::Start),
            "end" | "dtend" | "to" => Some(Self::End),
            "tz" | "timezone" => Some(Self::Zone),
            _ => None,
        }
    }
}

/// The names that mean nothing here, for the log.
pub fn unknown<'a>(fields: &'a [Field<'_>]) -> impl Iterator<Item = &'a str> {
    fields
        .iter()
        .map(|(name, _)| &**name)
        .filter(|name| Name::read(name).is_none() && !name.eq_ignore_ascii_case("text"))
}

impl Parameters {
    /// Reads the fields of a query or a form. `zone` is that of a question that names none.
    pub fn read(
        fields: &[Field<'_>],
        zone: &TimeZone,
        now: Timestamp,
    ) -> Result<Self, ParameterError> {
        let users: Vec<String> = values(fields, Name::User)
            .map(bare_address)
            .filter(|user| !user.is_empty())
            .map(ToOwned::to_owned)
            .collect();
        if users.is_empty() {
            return Err(error("email", "is missing"));
        }
        let zone = match only(fields, Name::Zone, "tz")? {
            None => zone.clone(),
            Some(name) => names::find(name).ok_or(error("tz", "is no time zone that is known"))?,
        };
        let start = match only(fields, Name::Start, "start")? {
            None => now.checked_sub(BACK).unwrap_or(Timestamp::MIN),
            Some(text) => instant(text, |at| first_instant(&zone, at).ok(), "start")?,
        };
        let end = match only(fields, Name::End, "end")? {
            None => start.checked_add(LENGTH).unwrap_or(Timestamp::MAX),
            Some(text) => instant(text, |at| last_instant(&zone, at).ok(), "end")?,
        };
        Ok(Self { users, start, end })
    }
}

fn values<'a>(fields: &'a [Field<'_>], name: Name) -> impl Iterator<Item = &'a str> {
    fields
        .iter()
        .filter(move |(own, _)| Name::read(own) == Some(name))
        .map(|(_, value)| value.trim())
}

/// The value of a parameter that may stand once.
fn only<'a>(
    fields: &'a [Field<'_>],
    name: Name,
    called: &'static str,
) -> Result<Option<&'a str>, ParameterError> {
    let mut values = values(fields, name);
    let first = values.next();
    if values.next().is_some() {
        return Err(error(called, "stands more than once"));
    }
    Ok(first)
}

fn bare_address(text: &str) -> &str {
    match text.split_at_checked(7) {
        Some((scheme, address)) if scheme.eq_ignore_ascii_case("mailto:") => address.trim(),
        Some(_) | None => text,
    }
}

/// `yyyyMMdd[THHmmss[Z]]`, RFC 3339, or seconds of Unix time.
fn instant(
    text: &str,
    local: impl Fn(DateTime) -> Option<Timestamp>,
    name: &'static str,
) -> Result<Timestamp, ParameterError> {
    let read = moment(text)
        .and_then(local)
        .or_else(|| utc_moment(text))
        .or_else(|| unix_seconds(text))
        .or_else(|| rfc_3339(text));
    read.ok_or(error(
        name,
        "is no time: 20260901, 20260901T120000Z, 2026-09-01T12:00:00+02:00 or seconds of Unix time",
    ))
}

fn utc_moment(text: &str) -> Option<Timestamp> {
    let at = moment(text.strip_suffix(['Z', 'z'])?)?;
    TimeZone::UTC.to_timestamp(at).ok()
}

fn unix_seconds(text: &str) -> Option<Timestamp> {
    // Eight digits are a date.
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && text.len() != 8;
    let second = plain.then(|| text.parse().ok())??;
    Timestamp::from_second(second).ok()
}

fn rfc_3339(text: &str) -> Option<Timestamp> {
    let shape = text.as_bytes();
    let (dash, t) = (shape.get(4), shape.get(10));
    if dash != Some(&b'-') || !t.is_some_and(|t| t.eq_ignore_ascii_case(&b'T')) {
        return None;
    }
    // A plus sign that was not escaped arrives as a blank.
    text.replace(' ', "+").parse().ok()
}

fn error(name: &'static str, text: &'static str) -> ParameterError {
    ParameterError { name, text }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::form::urlencoded;
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn read(query: &str) -> Result<Parameters, ParameterError> {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        Parameters::read(
            &urlencoded(query.as_bytes()),
            &zone,
            at("2026-09-01T12:00:00Z"),
        )
    }

    #[track_caller]
    fn times(query: &str, start: &str, end: &str) {
        let read = read(&format!("u=a@b.example&{query}")).unwrap();
        assert_eq!((read.start, read.end), (at(start), at(end)), "{query}");
    }

    #[track_caller]
    fn refused(query: &str, name: &str) {
        assert_eq!(read(query).unwrap_err().name, name, "{query}");
    }

    #[test]
    fn users_by_all_their_names() {
        let query =
            "Email=a@b.example&MAIL=mailto:c@d.example&user=%20&u=MAILTO:e@f.example&attendee=g";
        let expect = ["a@b.example", "c@d.example", "e@f.example", "g"];
        assert_eq!(read(query).unwrap().users, expect);
        refused("", "email");
        refused("user=&start=20260901", "email");
    }

    #[test]
    fn times_in_all_their_forms() {
        let day = ("2026-08-31T22:00:00Z", "2026-09-02T10:11:12Z");
        times("start=20260901&end=20260902T101112Z", day.0, day.1);
        times(
            "DtStart=20260901T000000&DTEND=2026-09-02T12:11:12%2B02:00",
            day.0,
            day.1,
        );
        times("from=2026-09-01T00:00:00+02:00&to=1788343872", day.0, day.1);
        times(
            "tz=UTC&start=20260901&end=20260902",
            "2026-09-01T00:00:00Z",
            "2026-09-02T00:00:00Z",
        );
        times(
            "timezone=Pacific&start=20260901&end=20260902",
            "2026-09-01T07:00:00Z",
            "2026-09-02T07:00:00Z",
        );
        times("", "2026-08-02T12:00:00Z", "2026-10-31T12:00:00Z");
        times(
            "start=20260901T000000Z",
            "2026-09-01T00:00:00Z",
            "2026-11-30T00:00:00Z",
        );
        // The hour that is shown twice belongs to the window.
        times(
            "start=20261025T023000&end=20261025T023000",
            "2026-10-25T00:30:00Z",
            "2026-10-25T01:30:00Z",
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        refused("u=a&start=tomorrow", "start");
        refused("u=a&start=", "start");
        refused("u=a&end=2026-09-01", "end");
        refused("u=a&end=20260230", "end");
        refused("u=a&start=20260901&from=20260902", "start");
        refused("u=a&tz=Nowhere", "tz");
        refused("u=a&tz=", "tz");
        let error = read("u=a&tz=Nowhere").unwrap_err();
        assert_eq!(error.to_string(), "tz: is no time zone that is known");
    }

    #[test]
    fn other_names_are_told() {
        let fields = urlencoded(b"email=a&Text=b&sUser=c&format=d");
        assert_eq!(unknown(&fields).collect::<Vec<_>>(), ["sUser", "format"]);
    }

    proptest! {
        #[test]
        fn reading_never_panics(query in "(u=a&)?(start|end|tz)=\\PC{0,30}") {
            let _ = read(&query);
        }
    }
}

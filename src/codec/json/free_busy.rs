//! `freeBusy.query` of Google's Calendar API version 3: the request as programs send it, and the answer as they read it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Failure, instant};
use crate::domain::MailboxError;

/// As the API bounds `groupExpansionMax` and `calendarExpansionMax`.
const MAX_GROUP: i64 = 100;
pub const MAX_CALENDARS: usize = 50;
/// Items of one request; calendars beyond the maximum get an error each, but not without end.
const MAX_ITEMS: usize = 1000;

/// A request whose values make sense one by one.
#[derive(Debug, Clone)]
pub struct FreeBusyRequest {
    pub start: Timestamp,
    pub end: Timestamp,
    /// In which the answer is written.
    pub zone: TimeZone,
    /// Calendars that may be answered; the others are told that there were too many.
    pub most: usize,
    /// What was asked for, in its order.
    pub items: Vec<String>,
}

/// When the calendars of a window are busy.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FreeBusyQuery {
    /// Start of the window, RFC 3339 with an offset.
    #[schema(format = DateTime)]
    time_min: String,
    /// End of the window, RFC 3339 with an offset; at most 62 days after its start.
    #[schema(format = DateTime)]
    time_max: String,
    /// An IANA name; busy times are answered in it. Default UTC.
    time_zone: Option<String>,
    /// Groups are not expanded; the value is only checked.
    #[schema(minimum = 1, maximum = 100)]
    group_expansion_max: Option<i64>,
    /// Calendars that are answered; the others have an error. Default 50.
    #[schema(minimum = 1, maximum = 50)]
    calendar_expansion_max: Option<i64>,
    /// The calendars.
    #[schema(max_items = 1000)]
    items: Option<Vec<FreeBusyItem>>,
}

/// A calendar.
#[derive(Debug, Deserialize, ToSchema)]
pub struct FreeBusyItem {
    /// The mail address of the mailbox.
    id: String,
}

/// The answer.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FreeBusyAnswer<'a> {
    kind: &'static str,
    #[schema(format = DateTime)]
    time_min: String,
    #[schema(format = DateTime)]
    time_max: String,
    /// By the ids of the request.
    calendars: BTreeMap<&'a str, FreeBusyCalendar>,
}

/// What is known of one calendar. Where there are errors, nothing is known: the empty list does not mean free.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct FreeBusyCalendar {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<CalendarFailure>,
    busy: Vec<BusyTime>,
}

#[derive(Debug, Serialize, ToSchema)]
struct CalendarFailure {
    domain: &'static str,
    reason: &'static str,
}

#[derive(Debug, Serialize, ToSchema)]
struct BusyTime {
    #[schema(format = DateTime)]
    start: String,
    #[schema(format = DateTime)]
    end: String,
}

impl FreeBusyRequest {
    pub fn read(body: &[u8]) -> Result<Self, Failure> {
        let query: FreeBusyQuery =
            serde_json::from_slice(body).map_err(|error| unreadable(body, &error))?;
        let time = |text: &str, name| instant::read(text).ok_or(Failure::Invalid(name));
        let zone = match query.time_zone.as_deref() {
            None => TimeZone::UTC,
            Some(name) => zone(name).ok_or(Failure::Invalid("timeZone"))?,
        };
        bounded(query.group_expansion_max, MAX_GROUP)
            .ok_or(Failure::Invalid("groupExpansionMax"))?;
        let most = bounded(query.calendar_expansion_max, MAX_CALENDARS as i64)
            .ok_or(Failure::Invalid("calendarExpansionMax"))?;
        let items = query.items.unwrap_or_default();
        if items.len() > MAX_ITEMS {
            return Err(Failure::TooManyCalendars);
        }
        Ok(Self {
            start: time(&query.time_min, "timeMin")?,
            end: time(&query.time_max, "timeMax")?,
            zone,
            most: most as usize,
            items: items.into_iter().map(|item| item.id).collect(),
        })
    }
}

/// A document that lacks a bound of its window is told which.
fn unreadable(body: &[u8], error: &serde_json::Error) -> Failure {
    if !error.is_data() {
        return Failure::Unreadable;
    }
    let document: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let lacks = |name: &str| {
        let object = document.as_ref().and_then(serde_json::Value::as_object);
        object.is_some_and(|object| !object.contains_key(name))
    };
    ["timeMin", "timeMax"]
        .into_iter()
        .find(|name| lacks(name))
        .map_or(Failure::Unreadable, Failure::Missing)
}

fn bounded(number: Option<i64>, most: i64) -> Option<i64> {
    let number = number.unwrap_or(most);
    (1..=most).contains(&number).then_some(number)
}

fn zone(name: &str) -> Option<TimeZone> {
    TimeZone::get(name).ok().filter(|zone| !zone.is_unknown())
}

impl FreeBusyCalendar {
    /// Busy times in Unix seconds.
    pub fn busy(times: impl IntoIterator<Item = (i64, i64)>, zone: &TimeZone) -> Self {
        let busy = times.into_iter().map(|(start, end)| BusyTime {
            start: instant::write(start, zone),
            end: instant::write(end, zone),
        });
        Self {
            errors: Vec::new(),
            busy: busy.collect(),
        }
    }

    /// Of a mailbox that may not be asked for nothing is told, not even that it exists.
    pub fn failed(error: MailboxError) -> Self {
        Self::with_error(match error {
            MailboxError::InvalidAddress | MailboxError::NotFound | MailboxError::NoAccess => {
                "notFound"
            }
            MailboxError::ListTooLong => "groupTooBig",
            MailboxError::Timeout
            | MailboxError::Throttled
            | MailboxError::EndpointFailed
            | MailboxError::MailboxUnavailable
            | MailboxError::NoCalendar
            | MailboxError::GenerationFailed
            | MailboxError::TooManyEvents
            | MailboxError::Loop => "internalError",
        })
    }

    /// One beyond [`FreeBusyRequest::most`].
    pub fn too_many() -> Self {
        Self::with_error("tooManyCalendarsRequested")
    }

    fn with_error(reason: &'static str) -> Self {
        let domain = "global";
        Self {
            errors: vec![CalendarFailure { domain, reason }],
            busy: Vec::new(),
        }
    }
}

impl<'a> FreeBusyAnswer<'a> {
    pub fn new(
        window: (Timestamp, Timestamp),
        calendars: impl IntoIterator<Item = (&'a str, FreeBusyCalendar)>,
    ) -> Self {
        Self {
            kind: "calendar#freeBusy",
            time_min: instant::write_milliseconds(window.0),
            time_max: instant::write_milliseconds(window.1),
            calendars: calendars.into_iter().collect(),
        }
    }

    /// The document, in UTF-8.
    pub fn write(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(body: &str, expect: Failure) {
        assert_eq!(
            FreeBusyRequest::read(body.as_bytes()).unwrap_err(),
            expect,
            "{body}"
        );
    }

    const BOUNDS: &str =
        r#""timeMin":"2026-09-01T00:00:00Z","timeMax":"2026-09-02T00:00:00+02:00""#;

    #[test]
    fn a_request_is_read() {
        let body = format!(
            r#"{{{BOUNDS},"timeZone":"Europe/Berlin","calendarExpansionMax":2,"items":[{{"id":"a@example.com"}},{{"id":"b"}}],"unknown":1}}"#
        );
        let request = FreeBusyRequest::read(body.as_bytes()).unwrap();
        assert_eq!(request.end.to_string(), "2026-09-01T22:00:00Z");
        assert_eq!(request.zone.iana_name(), Some("Europe/Berlin"));
        assert_eq!(
            (request.most, request.items),
            (2, vec!["a@example.com".to_owned(), "b".into()])
        );
        let body = format!("{{{BOUNDS}}}");
        let request = FreeBusyRequest::read(body.as_bytes()).unwrap();
        assert_eq!((request.most, request.items.len()), (50, 0));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for body in ["", "[]", "{", "\u{fc}", r#"{"timeMin":1,"timeMax":2}"#] {
            refused(body, Failure::Unreadable);
        }
        refused("{}", Failure::Missing("timeMin"));
        refused(r#"{"timeMin":"x"}"#, Failure::Missing("timeMax"));
        refused(&format!(r#"{{{BOUNDS},"items":[1]}}"#), Failure::Unreadable);
        refused(
            r#"{"timeMin":"2026-09-01T00:00:00","timeMax":"2026-09-02T00:00:00Z"}"#,
            Failure::Invalid("timeMin"),
        );
        for zone in ["", "Mars/Base", "../etc/passwd", "\u{fc}"] {
            let body = format!(r#"{{{BOUNDS},"timeZone":"{zone}"}}"#);
            refused(&body, Failure::Invalid("timeZone"));
        }
        for (key, bad) in [
            ("calendarExpansionMax", 51),
            ("calendarExpansionMax", 0),
            ("groupExpansionMax", 101),
        ] {
            refused(
                &format!(r#"{{{BOUNDS},"{key}":{bad}}}"#),
                Failure::Invalid(key),
            );
        }
        let items = vec![r#"{"id":"a@example.com"}"#; 10_000].join(",");
        refused(
            &format!(r#"{{{BOUNDS},"items":[{items}]}}"#),
            Failure::TooManyCalendars,
        );
    }

    #[test]
    fn an_answer_is_written() {
        let window = (
            "2026-09-01T00:00:00Z".parse().unwrap(),
            "2026-09-02T00:00:00Z".parse().unwrap(),
        );
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let answer = FreeBusyAnswer::new(
            window,
            [
                (
                    "a",
                    FreeBusyCalendar::busy([(1_788_253_200, 1_788_256_800)], &zone),
                ),
                ("b", FreeBusyCalendar::failed(MailboxError::NoAccess)),
            ],
        );
        let document: serde_json::Value = serde_json::from_slice(&answer.write()).unwrap();
        let expect = serde_json::json!({
            "kind": "calendar#freeBusy", "timeMin": "2026-09-01T00:00:00.000Z", "timeMax": "2026-09-02T00:00:00.000Z",
            "calendars": {
                "a": {"busy": [{"start": "2026-09-01T11:00:00+02:00", "end": "2026-09-01T12:00:00+02:00"}]},
                "b": {"errors": [{"domain": "global", "reason": "notFound"}], "busy": []},
            },
        });
        assert_eq!(document, expect);
    }
}

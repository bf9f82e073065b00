//! The answer of `calbridge lookup --json`.
//!
//! One object: `window` with `start` and `end`, and `mailboxes` in the order asked. Each mailbox has its `address` and
//! either `error` (`code`, one of the labels of [`MailboxError`], and `text`) or `events`,
//! sorted by start. Each event has `start`, `end` and `status` (free, working-elsewhere, tentative, busy, out-of-office,
//! no-data), and where they are known and may be told `subject`, `location` and `private`. A source that tells no single
//! events (`"detail": "digits-only"`) gives runs of equal half hours or so as events. All times are RFC 3339 in UTC.

use jiff::Timestamp;
use serde::Serialize;

use super::super::timeline::word;
use super::explanation;
use crate::domain::freebusy;
use crate::domain::{Detail, MailboxError, Outcome, SmtpAddress, TimeWindow};
use crate::service::explain::Explanation;

#[derive(Serialize)]
struct Answer<'a> {
    window: Window,
    mailboxes: Vec<Mailbox<'a>>,
}

#[derive(Serialize)]
struct Window {
    start: String,
    end: String,
}

#[derive(Serialize)]
struct Mailbox<'a> {
    address: &'a str,
    #[serde(flatten)]
    outcome: Told<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<explanation::Document<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Told<'a> {
    Error {
        error: Error,
    },
    Calendar {
        detail: &'static str,
        events: Vec<Event<'a>>,
    },
}

#[derive(Serialize)]
struct Error {
    code: &'static str,
    text: String,
}

#[derive(Serialize)]
struct Event<'a> {
    start: String,
    end: String,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    private: Option<bool>,
}

/// The document, indented; `explanations` are one for each answer, or none.
pub(super) fn document(
    window: &TimeWindow,
    answers: &[(SmtpAddress, Outcome)],
    explanations: &[Explanation],
) -> serde_json::Result<String> {
    let mailboxes = answers
        .iter()
        .enumerate()
        .map(|(place, (address, outcome))| Mailbox {
            address: address.as_str(),
            outcome: told(window, outcome),
            explanation: explanations.get(place).map(explanation::Document::from),
        });
    serde_json::to_string_pretty(&Answer {
        window: Window {
            start: time(window.start()),
            end: time(window.end()),
        },
        mailboxes: mailboxes.collect(),
    })
}

fn told<'a>(window: &'a TimeWindow, outcome: &'a Outcome) -> Told<'a> {
    match outcome {
        Err(error) => Told::Error {
            error: self::error(*error),
        },
        Ok(calendar) => Told::Calendar {
            detail: detail(calendar.detail()),
            events: calendar.events_in(window).map(event).collect(),
        },
    }
}

/// The word for how much is told.
pub(super) fn detail(detail: Detail) -> &'static str {
    match detail {
        Detail::DigitsOnly => "digits-only",
        Detail::BusyOnly => "busy-only",
        Detail::Subjects => "subjects",
    }
}

fn error(error: MailboxError) -> Error {
    Error {
        code: error.label(),
        text: error.to_string(),
    }
}

fn event(event: freebusy::Event<'_>) -> Event<'_> {
    let details = event.details;
    Event {
        start: time(event.starts()),
        end: time(event.ends()),
        status: word(event.status),
        subject: details.and_then(|details| details.subject),
        location: details.and_then(|details| details.location),
        private: details.map(|details| details.flags.private),
    }
}

fn time(instant: Timestamp) -> String {
    instant.to_string()
}

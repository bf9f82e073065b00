//! The project's own answer to "who is free when", for programs: statuses, details where they may be told, errors, and
//! how old all of it is.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use utoipa::ToSchema;

use super::instant;
use crate::domain::freebusy::Event;
use crate::domain::{BusyStatus, Detail, FreeBusy, MailboxError, TimeWindow};

/// The answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct AvailabilityAnswer<'a> {
    #[schema(format = DateTime)]
    pub from: String,
    #[schema(format = DateTime)]
    pub to: String,
    /// One for each address, in the order asked.
    pub mailboxes: Vec<MailboxAnswer<'a>>,
}

/// What is known of one mailbox: `events`, or an `error`. Without `events` nothing is known, and nobody may be taken for
/// free.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MailboxAnswer<'a> {
    /// As it was asked for.
    address: &'a str,
    /// How much of the calendar is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<DetailWord>,
    /// What takes the mailbox's time in the window, by start. Events are whole: one that begins before the window or ends
    /// after it is not cut. Free time and work from elsewhere are not listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<Vec<EventAnswer<'a>>>,
    /// When the calendar was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    as_of: Option<String>,
    /// Seconds since then.
    #[serde(skip_serializing_if = "Option::is_none")]
    age_seconds: Option<u64>,
    /// For how many more seconds the same question would be answered without asking the calendar again.
    #[serde(skip_serializing_if = "Option::is_none")]
    fresh_for_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<MailboxFailure>,
}

/// How much of a calendar is told.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DetailWord {
    /// Runs of busy time, not single events.
    Merged,
    /// Times and statuses.
    Busy,
    /// Subjects and locations as well.
    Subjects,
}

/// How a stretch of time is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum StatusWord {
    Tentative,
    Busy,
    OutOfOffice,
    /// Nothing is known of this time: not free.
    Unknown,
}

/// One event.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventAnswer<'a> {
    #[schema(format = DateTime)]
    start: String,
    #[schema(format = DateTime)]
    end: String,
    status: StatusWord,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<&'a str>,
    /// Present and true for a private event, whose details nobody is told.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    private: bool,
}

/// Why nothing is known of a mailbox.
#[derive(Debug, Serialize, ToSchema)]
struct MailboxFailure {
    /// For programs: `not_found`, `no_access`, `timeout` and others.
    code: &'static str,
    /// For people.
    message: String,
    /// Whether the same question may succeed a little later.
    transient: bool,
}

/// How old an answer is.
#[derive(Debug, Clone, Copy)]
pub struct Age {
    pub as_of: Timestamp,
    pub seconds: u64,
    pub fresh_for_seconds: u64,
}

impl<'a> MailboxAnswer<'a> {
    pub fn known(address: &'a str, known: &'a FreeBusy, window: &TimeWindow, age: Age) -> Self {
        let events = known.events_in(window).filter_map(EventAnswer::of);
        Self {
            address,
            detail: Some(match known.detail() {
                Detail::DigitsOnly => DetailWord::Merged,
                Detail::BusyOnly => DetailWord::Busy,
                Detail::Subjects => DetailWord::Subjects,
            }),
            events: Some(events.collect()),
            as_of: Some(instant::write(age.as_of.as_second(), &TimeZone::UTC)),
            age_seconds: Some(age.seconds),
            fresh_for_seconds: Some(age.fresh_for_seconds),
            error: None,
        }
    }

    pub fn failed(address: &'a str, error: MailboxError) -> Self {
        Self {
            address,
            detail: None,
            events: None,
            as_of: None,
            age_seconds: None,
            fresh_for_seconds: None,
            error: Some(MailboxFailure {
                code: error.label(),
                message: error.to_string(),
                transient: error.is_transient(),
            }),
        }
    }
}

impl<'a> EventAnswer<'a> {
    /// None for what takes no time.
    fn of(event: Event<'a>) -> Option<Self> {
        let status = match event.status {
            BusyStatus::Free | BusyStatus::WorkingElsewhere => return None,
            BusyStatus::Tentative => StatusWord::Tentative,
            BusyStatus::Busy => StatusWord::Busy,
            BusyStatus::OutOfOffice => StatusWord::OutOfOffice,
            BusyStatus::NoData => StatusWord::Unknown,
        };
        Some(Self {
            start: instant::write(event.start, &TimeZone::UTC),
            end: instant::write(event.end, &TimeZone::UTC),
            status,
            subject: event.details.and_then(|details| details.subject),
            location: event.details.and_then(|details| details.location),
            private: event.details.is_some_and(|details| details.flags.private),
        })
    }
}

impl<'a> AvailabilityAnswer<'a> {
    pub fn new(window: &TimeWindow, mailboxes: Vec<MailboxAnswer<'a>>) -> Self {
        Self {
            from: window.start().to_string(),
            to: window.end().to_string(),
            mailboxes,
        }
    }

    /// The document, in UTF-8.
    pub fn write(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

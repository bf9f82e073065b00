//! One event of a calendar, looked at where it is kept. Owns nothing; how events are kept is not its matter.

use jiff::Timestamp;

use super::{CalendarEvent, EventDetails, EventFlags};
use crate::domain::BusyStatus;

/// One event, looked at in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event<'a> {
    /// Seconds of Unix time.
    pub start: i64,
    /// Seconds of Unix time, never before `start`.
    pub end: i64,
    pub status: BusyStatus,
    pub details: Option<Details<'a>>,
}

/// What may be told of an event beyond its time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Details<'a> {
    pub id: Option<EventId<'a>>,
    pub subject: Option<&'a str>,
    pub location: Option<&'a str>,
    /// Whoever invited, as the source writes them.
    pub organizer: Option<&'a str>,
    pub flags: EventFlags,
}

/// The opaque id of the source. Exchange's are hexadecimal and kept at half their length, and their beginning, which
/// names the mailbox, only once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventId<'a> {
    Text(&'a str),
    /// Upper-case hexadecimal digits, two for each byte.
    Hexadecimal(HexadecimalId<'a>),
}

/// The bytes of an id in two pieces, of which one or both may be empty.
#[derive(Debug, Clone, Copy, Default)]
pub struct HexadecimalId<'a> {
    pub head: &'a [u8],
    pub tail: &'a [u8],
}

impl HexadecimalId<'_> {
    pub fn len(&self) -> usize {
        self.head.len() + self.tail.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn bytes(&self) -> impl Iterator<Item = u8> + use<'_> {
        self.head.iter().chain(self.tail).copied()
    }
}

impl PartialEq for HexadecimalId<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes().eq(other.bytes())
    }
}

impl Eq for HexadecimalId<'_> {}

impl PartialOrd for HexadecimalId<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for HexadecimalId<'_> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.bytes().cmp(other.bytes())
    }
}

impl std::fmt::Display for EventId<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Hexadecimal(id) => id.bytes().try_for_each(|byte| write!(f, "{byte:02X}")),
        }
    }
}

impl Event<'_> {
    /// The instant it starts.
    pub fn starts(&self) -> Timestamp {
        Timestamp::from_second(self.start).unwrap_or(Timestamp::MIN)
    }

    /// The instant it ends.
    pub fn ends(&self) -> Timestamp {
        Timestamp::from_second(self.end).unwrap_or(Timestamp::MAX)
    }

    pub fn to_owned(&self) -> CalendarEvent {
        let details = self.details.map(|details| {
            let id = details.id.map(|id| id.to_string().into());
            let owned = |text: Option<&str>| text.map(Into::into);
            EventDetails {
                id,
                subject: owned(details.subject),
                location: owned(details.location),
                organizer: owned(details.organizer),
                flags: details.flags,
            }
            .into()
        });
        CalendarEvent {
            start: self.starts(),
            end: self.ends(),
            status: self.status,
            details,
        }
    }
}

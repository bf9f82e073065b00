//! The Google Calendar Connector web service, as its clients know it since 2007: a bracketed message in a form field is
//! answered with a page that posts a list of appointments on to Google's calendar.
//!
//! The form of a message comes from the published sources of the original (googlearchive/calendar-connectors, version
//! 1.2). Its faults are not: every text is escaped here, nothing is cut to quarter hours, times never go through another
//! zone. Which mailboxes and how much of them are told is not decided here.

pub mod answer;
mod escape;
pub mod form;
pub mod page;
pub mod parameters;
mod payload;
pub mod request;

/// What went wrong, by its number on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorId {
    /// None of the others.
    Generic,
    /// No calendar could be asked.
    Unreachable,
    UnsupportedVersion,
    Malformed,
    /// The directory could not be asked. Here no directory stands between a question and the calendars, so that nothing
    /// raises it; clients know it.
    Directory,
    /// A zone that nobody knows, or a time outside of what a zone can tell.
    Zone,
}

impl ErrorId {
    pub fn number(self) -> u8 {
        match self {
            Self::Generic => 0,
            Self::Unreachable => 1,
            Self::UnsupportedVersion => 2,
            Self::Malformed => 3,
            Self::Directory => 4,
            Self::Zone => 5,
        }
    }
}

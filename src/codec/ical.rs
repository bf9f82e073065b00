//! iCalendar (RFC 5545) calendar files: the bytes of one file become a [`Calendar`], which lists its events in a window.
//!
//! calcard reads the components; what it would guess or drop is refused before (`lines`), because an event that is
//! lost on the way would be shown as free time. This file holds no file IO and no clock.

pub mod availability;
pub mod content;
mod entry;
mod event;
pub mod freebusy;
mod lines;
mod moment;
mod rule;
mod series;
mod status;
mod vtimezone;
mod zones;

use calcard::icalendar::{ICalendar, ICalendarComponentType};
use calcard::{Entry, Parser};
use jiff::tz::TimeZone;

use std::sync::Arc;

use crate::domain::{CalendarEvent, Owner, TimeWindow};
use rule::Budget;
use series::Series;
use zones::Zones;

/// The most events that one question is answered with.
pub const MAX_EVENTS: usize = 10_000;

/// Why a file is not read. Texts name lines and properties, never what an event is about.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    #[error("the file is not UTF-8")]
    Encoding,
    #[error("line {line}: {what}")]
    Line { line: usize, what: &'static str },
    #[error("the file holds no whole VCALENDAR")]
    NoCalendar,
    #[error("{0} is missing or cannot be read")]
    Property(&'static str),
    #[error(
        "the time zone {0:?} is neither an IANA name, a Windows name nor a VTIMEZONE of the file"
    )]
    Zone(Box<str>),
    #[error("{0} is not supported")]
    Unsupported(&'static str),
    #[error("the recurrence rules need too much work")]
    TooMuchWork,
}

/// A question that would need more events or more work than is granted; see [`MAX_EVENTS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many events in the window")]
pub struct TooManyEvents;

/// The calendars of one file.
#[derive(Debug, Clone)]
pub struct Calendar {
    owner: Arc<Owner>,
    series: Vec<Series>,
}

impl Calendar {
    /// Reads one file. `zone` is the mailbox's zone where the file names none (`X-WR-TIMEZONE`): DATE values and
    /// floating times are read in it.
    pub fn read(bytes: &[u8], zone: &TimeZone) -> Result<Self, ReadError> {
        let text = lines::decode(bytes).ok_or(ReadError::Encoding)?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let text = lines::checked(text)?;
        let mut calendar = Self {
            owner: Arc::default(),
            series: Vec::new(),
        };
        let mut owner = Owner::default();
        let mut budget = Budget::default();
        let mut parser = Parser::new(&text);
        loop {
            match parser.entry() {
                Entry::ICalendar(parsed) => {
                    read_owner(&parsed, &mut owner);
                    calendar.add(&parsed, zone, &mut budget)?;
                }
                Entry::Eof => break,
                _ => return Err(ReadError::NoCalendar),
            }
        }
        calendar.owner = Arc::new(owner);
        Ok(calendar)
    }

    /// `X-WR-CALNAME`.
    pub fn name(&self) -> Option<&str> {
        self.owner.display_name.as_deref()
    }

    /// Whose calendar it says it is.
    pub fn owner(&self) -> &Arc<Owner> {
        &self.owner
    }

    /// Every event that touches `window`, whole, in UTC, in no particular order. Private events keep their details
    /// here: [`crate::domain::FreeBusy::new`] masks them.
    pub fn events(&self, window: &TimeWindow) -> Result<Vec<CalendarEvent>, TooManyEvents> {
        let mut budget = Budget::default();
        let mut events = Vec::new();
        for series in &self.series {
            series.expand(window, &mut budget, &mut events)?;
            if events.len() > MAX_EVENTS {
                return Err(TooManyEvents);
            }
        }
        Ok(events)
    }

    fn add(
        &mut self,
        parsed: &ICalendar,
        zone: &TimeZone,
        budget: &mut Budget,
    ) -> Result<(), ReadError> {
        let root = parsed.components.first().ok_or(ReadError::NoCalendar)?;
        if root.component_type != ICalendarComponentType::VCalendar {
            return Err(ReadError::NoCalendar);
        }
        let mut zones = Zones::new(
            parsed,
            entry::x_property(root, "X-WR-TIMEZONE"),
            zone,
            budget,
        );
        let mut events = Vec::new();
        for component in entry::children(parsed, root) {
            match component.component_type {
                ICalendarComponentType::VEvent => {
                    events.push(event::read(parsed, component, &mut zones)?);
                }
                // Busy time that we would not show; and outside of its range it says that nothing is known.
                ICalendarComponentType::VFreebusy => {
                    return Err(ReadError::Unsupported("VFREEBUSY"));
                }
                _ => {}
            }
        }
        self.series.extend(series::group(events)?);
        Ok(())
    }
}

/// `X-WR-CALNAME`, and the common name of `X-OWNER`, as Outlook writes it; of several calendars the first that says so.
fn read_owner(parsed: &ICalendar, owner: &mut Owner) {
    let Some(root) = parsed.components.first() else {
        return;
    };
    if owner.display_name.is_none() {
        owner.display_name = entry::x_property(root, "X-WR-CALNAME").map(Into::into);
    }
    if owner.common_name.is_none() {
        let name = entry::x_entry(root, "X-OWNER").and_then(entry::common_name);
        owner.common_name = name.map(Into::into);
    }
}

#[cfg(test)]
mod tests;

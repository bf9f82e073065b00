//! TZID to zone: IANA names, Windows names, the VTIMEZONEs of the file, and names with a vendor's prefix. A name that
//! none of these knows is an error; a zone is never guessed.

use std::collections::BTreeMap;

use calcard::icalendar::{ICalendar, ICalendarComponent, ICalendarProperty};
use jiff::tz::TimeZone;

use super::rule::Budget;
use super::{ReadError, entry, vtimezone};
use crate::domain::zone::windows;

pub(super) struct Zones<'a> {
    calendar: &'a ICalendar,
    of_mailbox: Result<TimeZone, ReadError>,
    known: BTreeMap<String, TimeZone>,
    /// Shared by all rules of the file, those of its zones among them.
    pub(super) budget: &'a mut Budget,
}

impl<'a> Zones<'a> {
    /// `named` is the file's `X-WR-TIMEZONE`, `default` the zone of mailboxes whose file has none.
    pub(super) fn new(
        calendar: &'a ICalendar,
        named: Option<String>,
        default: &TimeZone,
        budget: &'a mut Budget,
    ) -> Self {
        let mut zones = Self {
            calendar,
            of_mailbox: Ok(default.clone()),
            known: BTreeMap::new(),
            budget,
        };
        if let Some(name) = named {
            zones.of_mailbox = zones.by_id(&name);
        }
        zones
    }

    /// The zone of DATE values and floating times.
    pub(super) fn of_mailbox(&self) -> Result<TimeZone, ReadError> {
        self.of_mailbox.clone()
    }

    pub(super) fn by_id(&mut self, id: &str) -> Result<TimeZone, ReadError> {
        if let Some(zone) = self.known.get(id) {
            return Ok(zone.clone());
        }
        let zone = match iana(id).or_else(|| windows_zone(id)) {
            Some(zone) => zone,
            None => match self.definition(id) {
                Some(component) => vtimezone::read(self.calendar, component, self.budget)?,
                None => prefixed(id).ok_or_else(|| ReadError::Zone(shown(id)))?,
            },
        };
        self.known.insert(id.to_owned(), zone.clone());
        Ok(zone)
    }

    fn definition(&self, id: &str) -> Option<&'a ICalendarComponent> {
        self.calendar.timezones().find(|component| {
            component
                .property(&ICalendarProperty::Tzid)
                .and_then(entry::text)
                .is_some_and(|name| name == id.trim())
        })
    }
}

fn iana(name: &str) -> Option<TimeZone> {
    TimeZone::get(name.trim())
        .ok()
        .filter(|zone| !zone.is_unknown())
}

fn windows_zone(name: &str) -> Option<TimeZone> {
    windows::iana(name.trim()).and_then(iana)
}

/// `/freeassociation.sourceforge.net/Europe/Berlin` (RFC 5545 section 3.2.19: a leading slash marks a registry's name):
/// the last three or two parts, where they are an IANA name.
fn prefixed(id: &str) -> Option<TimeZone> {
    let parts: Vec<_> = id.trim().strip_prefix('/')?.split('/').collect();
    [3, 2].into_iter().find_map(|count| {
        let first = parts.len().checked_sub(count)?;
        iana(&parts.get(first..)?.join("/"))
    })
}

/// Enough of a name to find it in the file.
fn shown(id: &str) -> Box<str> {
    id.chars().take(64).collect::<String>().into()
}

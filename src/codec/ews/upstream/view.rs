//! `FreeBusyView` of one mailbox: events where the server grants them, else the merged string, else nothing that could
//! be taken for free.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::INTERVAL_MINUTES;
use crate::codec::ews::availability::View;
use crate::codec::ews::working_hours;
use crate::codec::xml::{Cursor, DecodeError, Moment, parse_boolean};
use crate::domain::{
    BusyStatus, CalendarEvent, Detail, EventDetails, FreeBusy, TimeWindow, WorkingHours,
};

#[derive(Default)]
pub(super) struct ViewRead {
    view: Option<View>,
    digits: String,
    events: Vec<CalendarEvent>,
    /// The array stood there, be it empty: the server knows the events.
    has_events: bool,
    /// Events whose times could not be read: they may lie anywhere.
    unreadable: usize,
    working_hours: Option<WorkingHours>,
}

pub(super) fn read(cursor: &mut Cursor<'_>, asked: &TimeWindow) -> Result<ViewRead, DecodeError> {
    let mut view = ViewRead::default();
    while let Some(element) = cursor.child()? {
        match element.local() {
            "FreeBusyViewType" => {
                let text = cursor.text()?;
                view.view = text.split_ascii_whitespace().filter_map(View::parse).max();
            }
            "MergedFreeBusy" => view.digits = cursor.text()?.trim().to_owned(),
            "CalendarEventArray" => {
                view.has_events = true;
                while let Some(event) = cursor.child()? {
                    if event.local() == "CalendarEvent" {
                        view.read_event(cursor, asked)?;
                    } else {
                        cursor.skip()?;
                    }
                }
            }
            "WorkingHours" => view.working_hours = working_hours::read(cursor)?,
            _ => cursor.skip()?,
        }
    }
    Ok(view)
}

impl ViewRead {
    fn read_event(
        &mut self,
        cursor: &mut Cursor<'_>,
        asked: &TimeWindow,
    ) -> Result<(), DecodeError> {
        let (mut start, mut end, mut status, mut details) = (None, None, BusyStatus::Busy, None);
        while let Some(element) = cursor.child()? {
            match element.local() {
                "StartTime" => start = instant(&cursor.text()?),
                "EndTime" => end = instant(&cursor.text()?),
                "BusyType" => status = parse_status(cursor.text()?.trim()),
                "CalendarEventDetails" => details = Some(read_details(cursor)?),
                _ => cursor.skip()?,
            }
        }
        match (start, end) {
            (Some(start), Some(end)) if start <= end => {
                // Some servers also send the neighbours of the window.
                if asked.touches(start, end) {
                    let details = details.map(|details| Arc::new(details.masked()));
                    self.events.push(CalendarEvent {
                        start,
                        end,
                        status,
                        details,
                    });
                }
            }
            // An event that ends before it starts takes no time.
            (Some(_), Some(_)) => {}
            _ => self.unreadable += 1,
        }
        Ok(())
    }

    pub(super) fn into_free_busy(mut self, asked: &TimeWindow) -> FreeBusy {
        let known = self.has_events || self.view.is_some_and(|view| view >= View::FreeBusy);
        let digits_are_busier =
            self.events.is_empty() && self.digits.contains(|digit: char| digit != '0');
        if !known || digits_are_busier {
            let runs = runs(&self.digits, asked);
            return FreeBusy::new(runs, Detail::DigitsOnly, None);
        }
        if self.unreadable > 0 {
            let (start, end) = (asked.start(), asked.end());
            self.events.push(CalendarEvent {
                start,
                end,
                status: BusyStatus::NoData,
                details: None,
            });
        }
        let with_details = self.view.is_some_and(View::is_detailed)
            || self.events.iter().any(|event| event.details.is_some());
        let detail = if with_details {
            Detail::Subjects
        } else {
            Detail::BusyOnly
        };
        FreeBusy::new(self.events, detail, self.working_hours.map(Arc::new))
    }
}

/// The merged string as runs of equal slots that are not free; what it does not cover is unknown.
fn runs(digits: &str, asked: &TimeWindow) -> Vec<CalendarEvent> {
    let width = SignedDuration::from_mins(INTERVAL_MINUTES);
    let mut runs: Vec<CalendarEvent> = Vec::new();
    let mut push = |start: Timestamp, end: Timestamp, status: BusyStatus| match runs.last_mut() {
        Some(last) if last.end == start && last.status == status => last.end = end,
        _ => runs.push(CalendarEvent {
            start,
            end,
            status,
            details: None,
        }),
    };
    let mut start = asked.start();
    for digit in digits.chars() {
        if start >= asked.end() {
            break;
        }
        let end = start
            .checked_add(width)
            .map_or(asked.end(), |end| end.min(asked.end()));
        push(start, end, parse_digit(digit));
        start = end;
    }
    if start < asked.end() {
        push(start, asked.end(), BusyStatus::NoData);
    }
    runs.retain(|run| run.status != BusyStatus::Free);
    runs
}

/// Readers disagree about 4 and 5; neither is taken for free here.
fn parse_digit(digit: char) -> BusyStatus {
    match digit {
        '0' => BusyStatus::Free,
        '1' => BusyStatus::Tentative,
        '2' => BusyStatus::Busy,
        '3' => BusyStatus::OutOfOffice,
        _ => BusyStatus::NoData,
    }
}

/// A word that nobody knows is busy.
fn parse_status(text: &str) -> BusyStatus {
    match text {
        "Free" => BusyStatus::Free,
        "Tentative" => BusyStatus::Tentative,
        "OOF" => BusyStatus::OutOfOffice,
        "WorkingElsewhere" => BusyStatus::WorkingElsewhere,
        "NoData" => BusyStatus::NoData,
        _ => BusyStatus::Busy,
    }
}

/// We ask in UTC, so a time without offset is UTC; Exchange 2007 RTM and gromox write offsets.
fn instant(text: &str) -> Option<Timestamp> {
    match Moment::parse_tolerant(text.trim())? {
        Moment::Instant(instant) => Some(instant),
        Moment::Local(local) => jiff::tz::Offset::UTC.to_timestamp(local).ok(),
    }
}

fn read_details(cursor: &mut Cursor<'_>) -> Result<EventDetails, DecodeError> {
    let mut details = EventDetails::default();
    while let Some(element) = cursor.child()? {
        let text = cursor.text()?;
        let flag = || parse_boolean(text.trim()).unwrap_or(false);
        match element.local() {
            "ID" => details.id = Some(text.trim().into()),
            "Subject" => details.subject = Some(text.into()),
            "Location" => details.location = Some(text.into()),
            "IsMeeting" => details.flags.meeting = flag(),
            "IsRecurring" => details.flags.recurring = flag(),
            "IsException" => details.flags.exception = flag(),
            "IsReminderSet" => details.flags.reminder_set = flag(),
            // What cannot be read is private: the safe side.
            "IsPrivate" => details.flags.private = parse_boolean(text.trim()).unwrap_or(true),
            _ => {}
        }
    }
    Ok(details)
}

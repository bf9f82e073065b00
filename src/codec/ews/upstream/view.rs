//! `FreeBusyView` of one mailbox: events where the server grants them, else the merged string, else nothing that could
//! be taken for free.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::INTERVAL_MINUTES;
use crate::codec::ews::availability::View;
use crate::codec::ews::working_hours;
use crate::codec::xml::{Cursor, DecodeError, Moment, parse_boolean};
use crate::domain::busy::slots;
use crate::domain::freebusy::{Builder, Details, EventId};
use crate::domain::{BusyStatus, Detail, EventFlags, FreeBusy, TimeWindow, WorkingHours};

#[derive(Default)]
pub(super) struct ViewRead {
    view: Option<View>,
    digits: String,
    events: Builder,
    /// At least one event came with details.
    has_details: bool,
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
            // Some servers also send the neighbours of the window.
            (Some(start), Some(end)) if start <= end && asked.touches(start, end) => {
                self.has_details |= details.is_some();
                let details = details.as_ref().map(Texts::borrow);
                self.events.push(start, end, status, details.as_ref());
            }
            // An event that ends before it starts takes no time.
            (Some(_), Some(_)) => {}
            _ => self.unreadable += 1,
        }
        Ok(())
    }

    pub(super) fn into_free_busy(mut self, asked: &TimeWindow) -> FreeBusy {
        // Where a server says that it grants no list, an empty one tells nothing.
        let known = match self.view {
            Some(view) => view >= View::FreeBusy || !self.events.is_empty(),
            None => self.has_events,
        };
        let digits_are_busier =
            self.events.is_empty() && self.digits.contains(|digit: char| digit != '0');
        if !known || digits_are_busier {
            return FreeBusy::build(runs(&self.digits, asked), Detail::DigitsOnly, None);
        }
        if self.unreadable > 0 {
            self.events
                .push(asked.start(), asked.end(), BusyStatus::NoData, None);
        }
        let with_details = self.has_details || self.view.is_some_and(View::is_detailed);
        let detail = if with_details {
            Detail::Subjects
        } else {
            Detail::BusyOnly
        };
        let free_busy = FreeBusy::build(self.events, detail, self.working_hours.map(Arc::new));
        match unexplained(&self.digits, &free_busy, asked) {
            Some(unknown) => free_busy.merged(FreeBusy::build(unknown, detail, None)),
            None => free_busy,
        }
    }
}

/// Slots that the merged string calls unknown and that no event explains: they must not be shown as free.
fn unexplained(digits: &str, known: &FreeBusy, asked: &TimeWindow) -> Option<Builder> {
    if !digits.contains(|digit| parse_digit(digit) == BusyStatus::NoData) {
        return None;
    }
    let width = SignedDuration::from_mins(INTERVAL_MINUTES);
    let explained = slots(known.events(), asked, width);
    let unknown: String = digits
        .chars()
        .zip(explained)
        .map(|(digit, status)| {
            let is_unknown = parse_digit(digit) == BusyStatus::NoData && status == BusyStatus::Free;
            if is_unknown { '4' } else { '0' }
        })
        .collect();
    // What lies beyond the string is not its business here.
    let end = asked
        .start()
        .checked_add(width * unknown.len() as i32)
        .map_or(asked.end(), |end| end.min(asked.end()));
    let runs = runs(&unknown, &TimeWindow::new(asked.start(), end).ok()?);
    (!runs.is_empty()).then_some(runs)
}

/// The merged string as runs of equal slots that are not free; what it does not cover is unknown.
fn runs(digits: &str, asked: &TimeWindow) -> Builder {
    let width = SignedDuration::from_mins(INTERVAL_MINUTES);
    let mut runs = Builder::default();
    let mut push = |start, end, status| {
        if start < end && status != BusyStatus::Free {
            runs.push(start, end, status, None);
        }
    };
    let (mut run_start, mut run_status) = (asked.start(), BusyStatus::Free);
    let mut start = asked.start();
    let covered = digits
        .chars()
        .map(parse_digit)
        .chain(std::iter::repeat(BusyStatus::NoData));
    for status in covered {
        if status != run_status {
            push(run_start, start, run_status);
            (run_start, run_status) = (start, status);
        }
        if start >= asked.end() {
            break;
        }
        start = start
            .checked_add(width)
            .map_or(asked.end(), |end| end.min(asked.end()));
    }
    push(run_start, asked.end(), run_status);
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

/// Details as they stand in the document.
#[derive(Default)]
struct Texts<'a> {
    id: Option<Cow<'a, str>>,
    subject: Option<Cow<'a, str>>,
    location: Option<Cow<'a, str>>,
    flags: EventFlags,
}

impl Texts<'_> {
    fn borrow(&self) -> Details<'_> {
        Details {
            id: self.id.as_deref().map(|id| EventId::Text(id.trim())),
            subject: self.subject.as_deref(),
            location: self.location.as_deref(),
            organizer: None,
            flags: self.flags,
        }
    }
}

fn read_details<'a>(cursor: &mut Cursor<'a>) -> Result<Texts<'a>, DecodeError> {
    let mut details = Texts::default();
    while let Some(element) = cursor.child()? {
        let text = cursor.text()?;
        let flag = || parse_boolean(text.trim()).unwrap_or(false);
        match element.local() {
            "IsMeeting" => details.flags.meeting = flag(),
            "IsRecurring" => details.flags.recurring = flag(),
            "IsException" => details.flags.exception = flag(),
            "IsReminderSet" => details.flags.reminder_set = flag(),
            // What cannot be read is private: the safe side.
            "IsPrivate" => details.flags.private = parse_boolean(text.trim()).unwrap_or(true),
            "ID" => details.id = Some(text),
            "Subject" => details.subject = Some(text),
            "Location" => details.location = Some(text),
            _ => {}
        }
    }
    Ok(details)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::xml::Caps;

    /// One day of an answer; the statuses of its events, or of the runs of its digits.
    #[track_caller]
    fn check(content: &str, detail: Detail, expect: &[BusyStatus]) {
        let at = |text: &str| text.parse().unwrap();
        let day = TimeWindow::new(at("2026-09-01T00:00Z"), at("2026-09-02T00:00Z")).unwrap();
        let document = format!("<FreeBusyView>{content}</FreeBusyView>");
        let mut cursor = Cursor::lenient(&document, Caps::ANSWER);
        cursor.root().unwrap();
        let known = read(&mut cursor, &day).unwrap().into_free_busy(&day);
        assert_eq!(known.detail(), detail, "{content}");
        let got: Vec<_> = known.events().map(|event| event.status).collect();
        assert_eq!(got, expect, "{content}");
    }

    #[test]
    fn an_empty_list_is_free_only_where_the_view_may_list_events() {
        let unknown = &[BusyStatus::NoData];
        let view =
            |name| format!("<FreeBusyViewType>{name}</FreeBusyViewType><CalendarEventArray/>");
        check(&view("FreeBusy"), Detail::BusyOnly, &[]);
        check(&view("Detailed"), Detail::Subjects, &[]);
        check(&view("None"), Detail::DigitsOnly, unknown);
        check(&view("MergedOnly"), Detail::DigitsOnly, unknown);
        // A server that says nothing of views but lists events has none to list.
        check("<CalendarEventArray/>", Detail::BusyOnly, &[]);
        check("", Detail::DigitsOnly, unknown);
    }

    #[test]
    fn events_are_believed_whatever_the_view_is_called() {
        let event = "<CalendarEventArray><CalendarEvent><StartTime>2026-09-01T08:00:00</StartTime>\
                     <EndTime>2026-09-01T09:00:00</EndTime><BusyType>OOF</BusyType></CalendarEvent></CalendarEventArray>";
        for view in ["None", "MergedOnly", "FreeBusy"] {
            let content = format!("<FreeBusyViewType>{view}</FreeBusyViewType>{event}");
            check(&content, Detail::BusyOnly, &[BusyStatus::OutOfOffice]);
        }
    }
}

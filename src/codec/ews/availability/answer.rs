//! `GetUserAvailabilityResponse` as Exchange writes it: default namespaces, one `FreeBusyResponse` for each entry of the
//! request, a view even beside an error, naive times in the caller's zone.

use jiff::SignedDuration;

use super::{SuggestionsPart, View, busy_type};
use crate::codec::ews::{mailbox_error, working_hours};
use crate::codec::xml::XmlWriter;
use crate::domain::busy::slots;
use crate::domain::freebusy::{Details, Event, EventId};
use crate::domain::zone::LocalView;
use crate::domain::{BusyStatus, Detail, FreeBusy, Outcome, TimeWindow};

/// What was asked of free/busy data and what is known.
pub struct FreeBusyPart<'a> {
    /// One for each attendee of the request, in its order.
    pub outcomes: &'a [Outcome],
    pub window: TimeWindow,
    /// Length of a slot of the merged string.
    pub interval: SignedDuration,
    pub view: View,
    pub zone: &'a LocalView,
    /// Callers before Exchange 2013 do not know `WorkingElsewhere` and are told Free, as its slots are.
    pub working_elsewhere: bool,
}

/// The whole document.
pub fn write(free_busy: Option<&FreeBusyPart<'_>>, suggestions: &SuggestionsPart<'_>) -> Vec<u8> {
    let size = free_busy.map_or(1024, expected_size) + suggestions.expected_size();
    let mut w = XmlWriter::with_capacity(size.min(LARGEST_START));
    w.raw(crate::codec::ews::OPEN_BODY);
    w.raw(r#"<GetUserAvailabilityResponse xmlns="http://schemas.microsoft.com/exchange/services/2006/messages">"#);
    if let Some(part) = free_busy {
        w.raw("<FreeBusyResponseArray>");
        for outcome in part.outcomes {
            w.raw("<FreeBusyResponse>");
            match outcome {
                Ok(known) => part.write_view(&mut w, known),
                Err(error) => mailbox_error::write(&mut w, *error),
            }
            w.raw("</FreeBusyResponse>");
        }
        w.raw("</FreeBusyResponseArray>");
    }
    suggestions.write(&mut w);
    w.raw("</GetUserAvailabilityResponse>")
        .raw(crate::codec::ews::CLOSE_BODY);
    w.into_bytes()
}

/// Bytes reserved for a document before it is written, at most; a larger one grows.
const LARGEST_START: usize = 4 << 20;

fn expected_size(part: &FreeBusyPart<'_>) -> usize {
    let events: usize = part
        .outcomes
        .iter()
        .map(|outcome| outcome.as_ref().map_or(0, FreeBusy::len))
        .sum();
    let per_event = if part.view.is_detailed() { 420 } else { 150 };
    // A calendar may hold far more than the window shows, and may be asked for a hundred times.
    (1024 + part.outcomes.len() * 1200 + events * per_event).min(LARGEST_START)
}

impl FreeBusyPart<'_> {
    fn write_view(&self, w: &mut XmlWriter, known: &FreeBusy) {
        let view = match known.detail() {
            Detail::DigitsOnly => View::MergedOnly,
            Detail::BusyOnly => self.view.without_details(),
            Detail::Subjects => self.view,
        };
        w.raw(r#"<ResponseMessage ResponseClass="Success"><ResponseCode>NoError</ResponseCode></ResponseMessage>"#);
        w.raw(r#"<FreeBusyView><FreeBusyViewType xmlns="http://schemas.microsoft.com/exchange/services/2006/types">"#);
        w.raw(view.as_str()).raw("</FreeBusyViewType>");
        if view.is_merged() {
            w.raw(r#"<MergedFreeBusy xmlns="http://schemas.microsoft.com/exchange/services/2006/types">"#);
            w.digits(
                slots(known.events(), &self.window, self.interval)
                    .into_iter()
                    .map(digit),
            )
            .raw("</MergedFreeBusy>");
        }
        if view != View::MergedOnly {
            self.write_events(w, known, view);
            if let Some(hours) = &known.working_hours {
                working_hours::write(w, hours);
            }
        }
        w.raw("</FreeBusyView>");
    }

    /// Exchange leaves the array out where there are no events.
    fn write_events(&self, w: &mut XmlWriter, known: &FreeBusy, view: View) {
        let mut any = false;
        for event in known.events_in(&self.window) {
            if !any {
                w.raw(r#"<CalendarEventArray xmlns="http://schemas.microsoft.com/exchange/services/2006/types">"#);
                any = true;
            }
            self.write_event(w, &event, view);
        }
        if any {
            w.raw("</CalendarEventArray>");
        }
    }

    fn write_event(&self, w: &mut XmlWriter, event: &Event<'_>, view: View) {
        w.raw("<CalendarEvent><StartTime>")
            .local_time(self.zone.local_second(event.start));
        w.raw("</StartTime><EndTime>")
            .local_time(self.zone.local_second(event.end));
        w.raw("</EndTime><BusyType>")
            .raw(busy_type(event.status, self.working_elsewhere))
            .raw("</BusyType>");
        if let (true, Some(details)) = (view.is_detailed(), &event.details) {
            write_details(w, details);
        }
        w.raw("</CalendarEvent>");
    }
}

/// A digit of the merged string. Real servers write 0 for working elsewhere; 4 is kept for "no data", because readers
/// disagree about it and none takes it for free.
fn digit(status: BusyStatus) -> u8 {
    match status {
        BusyStatus::Free | BusyStatus::WorkingElsewhere => b'0',
        BusyStatus::Tentative => b'1',
        BusyStatus::Busy => b'2',
        BusyStatus::OutOfOffice => b'3',
        BusyStatus::NoData => b'4',
    }
}

fn write_details(w: &mut XmlWriter, details: &Details<'_>) {
    w.raw("<CalendarEventDetails>");
    if let Some(id) = &details.id {
        w.raw("<ID>");
        match id {
            EventId::Text(id) => w.text(id),
            EventId::Hexadecimal(bytes) => w.hexadecimal(bytes),
        };
        w.raw("</ID>");
    }
    if let Some(subject) = &details.subject {
        w.raw("<Subject>").text(subject).raw("</Subject>");
    }
    if let Some(location) = &details.location {
        w.raw("<Location>").text(location).raw("</Location>");
    }
    let flags = &details.flags;
    w.raw("<IsMeeting>")
        .raw(word(flags.meeting))
        .raw("</IsMeeting><IsRecurring>")
        .raw(word(flags.recurring));
    w.raw("</IsRecurring><IsException>")
        .raw(word(flags.exception))
        .raw("</IsException><IsReminderSet>");
    w.raw(word(flags.reminder_set))
        .raw("</IsReminderSet><IsPrivate>")
        .raw(word(flags.private));
    w.raw("</IsPrivate></CalendarEventDetails>");
}

fn word(flag: bool) -> &'static str {
    if flag { "true" } else { "false" }
}

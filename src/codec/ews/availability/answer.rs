//! `GetUserAvailabilityResponse` as Exchange writes it: default namespaces, one `FreeBusyResponse` for each entry of the
//! request, a view even beside an error, naive times in the caller's zone.

use std::sync::LazyLock;

use jiff::SignedDuration;

use super::{SuggestionsPart, View, busy_type};
use crate::codec::ews::{mailbox_error, working_hours};
use crate::codec::xml::{LocalText, XmlWriter};
use crate::domain::busy::{fill, slot_count};
use crate::domain::freebusy::{Details, EventId};
use crate::domain::zone::LocalView;
use crate::domain::{BusyStatus, Detail, EventFlags, FreeBusy, Outcome, TimeWindow};

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
        let mut times = LocalText::default();
        for outcome in part.outcomes {
            w.raw("<FreeBusyResponse>");
            match outcome {
                Ok(known) => part.write_view(&mut w, &mut times, known),
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

/// About the bytes of the document, rather too many than too few: memory that is not written to costs nothing, and a
/// document that outgrows its room is copied.
fn expected_size(part: &FreeBusyPart<'_>) -> usize {
    let slots = if part.view.is_merged() {
        slot_count(&part.window, part.interval)
    } else {
        0
    };
    // Calendars of one question are alike: a few stand for all.
    let sample = part.outcomes.iter().take(SAMPLE);
    let sampled: usize = sample
        .flatten()
        .map(|known| expected_view(part, known))
        .sum();
    let mailboxes = part.outcomes.len();
    let views = sampled * mailboxes / mailboxes.clamp(1, SAMPLE);
    let margin = if mailboxes > SAMPLE { views / 8 } else { 0 };
    // A calendar may be asked for a hundred times.
    (1024 + mailboxes * (VIEW_SIZE + slots) + views + margin).min(LARGEST_START)
}

/// Of the part that is a mailbox's own.
fn expected_view(part: &FreeBusyPart<'_>, known: &FreeBusy) -> usize {
    let hours = known
        .working_hours
        .as_ref()
        .map_or(0, |hours| HOURS_SIZE + hours.periods.len() * PERIOD_SIZE);
    match part.view_of(known) {
        View::None | View::MergedOnly => 0,
        View::FreeBusy | View::FreeBusyMerged => hours + known.size_in(&part.window).0 * EVENT_SIZE,
        View::Detailed | View::DetailedMerged => {
            let (count, text) = known.size_in(&part.window);
            hours + count * DETAILED_EVENT_SIZE + text
        }
    }
}

/// Calendars that are looked at to know how long an answer is going to be.
const SAMPLE: usize = 4;

/// Bytes of markup: around the view of a mailbox, of an event without and with details, of working hours and of each
/// period in them.
const VIEW_SIZE: usize = 560;
const EVENT_SIZE: usize = 160;
const DETAILED_EVENT_SIZE: usize = 420;
const HOURS_SIZE: usize = 640;
const PERIOD_SIZE: usize = 240;

impl FreeBusyPart<'_> {
    /// The view that a mailbox is shown in: as much as may be told of it.
    fn view_of(&self, known: &FreeBusy) -> View {
        match known.detail() {
            Detail::DigitsOnly => View::MergedOnly,
            Detail::BusyOnly => self.view.without_details(),
            Detail::Subjects => self.view,
        }
    }

    fn write_view(&self, w: &mut XmlWriter, times: &mut LocalText, known: &FreeBusy) {
        let view = self.view_of(known);
        w.raw(concat!(
            r#"<ResponseMessage ResponseClass="Success"><ResponseCode>NoError</ResponseCode></ResponseMessage>"#,
            r#"<FreeBusyView><FreeBusyViewType xmlns="http://schemas.microsoft.com/exchange/services/2006/types">"#
        ));
        w.raw(view.as_str()).raw("</FreeBusyViewType>");
        if view.is_merged() {
            self.write_digits(w, known);
        }
        if view != View::MergedOnly {
            self.write_events(w, times, known, view);
            if let Some(hours) = &known.working_hours {
                working_hours::write(w, hours);
            }
        }
        w.raw("</FreeBusyView>");
    }

    fn write_digits(&self, w: &mut XmlWriter, known: &FreeBusy) {
        w.raw(
            r#"<MergedFreeBusy xmlns="http://schemas.microsoft.com/exchange/services/2006/types">"#,
        );
        let slots = w.digits(
            digit(BusyStatus::Free),
            slot_count(&self.window, self.interval),
        );
        let times = known.times_in(&self.window);
        fill(slots, times, (&self.window, self.interval), digit);
        w.raw("</MergedFreeBusy>");
    }

    /// Exchange leaves the array out where there are no events.
    fn write_events(&self, w: &mut XmlWriter, times: &mut LocalText, known: &FreeBusy, view: View) {
        let mut any = false;
        for event in known.events_in(&self.window) {
            if !any {
                w.raw(r#"<CalendarEventArray xmlns="http://schemas.microsoft.com/exchange/services/2006/types">"#);
                any = true;
            }
            let start = times.of(self.zone.local_second(event.start));
            let end = times.of(self.zone.local_second(event.end));
            w.assembled(&head(start, end));
            w.raw(busy_type(event.status, self.working_elsewhere));
            match event.details.filter(|_| view.is_detailed()) {
                Some(details) => write_details(w, &details),
                None => {
                    w.raw("</BusyType></CalendarEvent>");
                }
            }
        }
        if any {
            w.raw("</CalendarEventArray>");
        }
    }
}

/// A digit of the merged string, in the order of strength. Real servers write 0 for working elsewhere; 4 is kept for
/// "no data", because readers disagree about it and none takes it for free.
fn digit(status: BusyStatus) -> u8 {
    match status {
        BusyStatus::Free | BusyStatus::WorkingElsewhere => b'0',
        BusyStatus::Tentative => b'1',
        BusyStatus::Busy => b'2',
        BusyStatus::OutOfOffice => b'3',
        BusyStatus::NoData => b'4',
    }
}

/// How an event begins. Put together at once: it is the same for each but for the times.
fn head(start: [u8; 19], end: [u8; 19]) -> [u8; HEAD.len()] {
    let mut text = *HEAD;
    text[26..45].copy_from_slice(&start);
    text[66..85].copy_from_slice(&end);
    text
}

const HEAD: &[u8; 105] = b"<CalendarEvent><StartTime>YYYY-MM-DDTHH:MM:SS</StartTime><EndTime>YYYY-MM-DDTHH:MM:SS</EndTime><BusyType>";

fn write_details(w: &mut XmlWriter, details: &Details<'_>) {
    w.raw("</BusyType><CalendarEventDetails>");
    match &details.id {
        Some(EventId::Text(id)) => {
            w.raw("<ID>").text(id).raw("</ID>");
        }
        Some(EventId::Hexadecimal(id)) => {
            w.raw("<ID>").hexadecimal(id.head).hexadecimal(id.tail);
            w.raw("</ID>");
        }
        None => {}
    }
    match (details.subject, details.location) {
        (Some(subject), Some(location)) => {
            w.raw("<Subject>").text(subject);
            w.raw("</Subject><Location>").text(location);
            w.raw("</Location>");
        }
        (Some(subject), None) => {
            w.raw("<Subject>").text(subject).raw("</Subject>");
        }
        (None, Some(location)) => {
            w.raw("<Location>").text(location).raw("</Location>");
        }
        (None, None) => {}
    }
    w.raw(tail(details.flags));
}

/// How an event with these flags ends.
fn tail(flags: EventFlags) -> &'static str {
    static TAILS: LazyLock<[String; 32]> = LazyLock::new(|| {
        std::array::from_fn(|number| {
            let word = |place: u32| {
                if number >> place & 1 == 1 {
                    "true"
                } else {
                    "false"
                }
            };
            format!(
                "<IsMeeting>{}</IsMeeting><IsRecurring>{}</IsRecurring><IsException>{}</IsException>\
                 <IsReminderSet>{}</IsReminderSet><IsPrivate>{}</IsPrivate></CalendarEventDetails></CalendarEvent>",
                word(0),
                word(1),
                word(2),
                word(3),
                word(4)
            )
        })
    });
    let number = usize::from(flags.meeting)
        | usize::from(flags.recurring) << 1
        | usize::from(flags.exception) << 2
        | usize::from(flags.reminder_set) << 3
        | usize::from(flags.private) << 4;
    TAILS.get(number).map_or("", String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::freebusy::{WorkingDay, WorkingHours, WorkingPeriod};
    use crate::domain::zone::{Zone, ZoneRules};
    use crate::domain::{CalendarEvent, EventDetails};
    use jiff::Timestamp;
    use jiff::civil::Weekday;

    fn calendar(events: i64, hours: bool) -> FreeBusy {
        let start: Timestamp = "2026-09-07T00:00:00Z".parse().unwrap();
        let event = |number: i64| CalendarEvent {
            start: start + SignedDuration::from_mins(60 * number),
            end: start + SignedDuration::from_mins(60 * number + 30),
            status: BusyStatus::OutOfOffice,
            details: Some(
                EventDetails {
                    id: Some(format!("{number:0140X}").into()),
                    subject: Some(format!("Review of plan {number:04}").into()),
                    location: Some("Room Aurora".into()),
                    ..EventDetails::default()
                }
                .into(),
            ),
        };
        let hours = hours.then(|| {
            let period = |day| WorkingPeriod {
                days: vec![WorkingDay::Day(day)],
                start_minute: 480,
                end_minute: 1020,
            };
            let days = [Weekday::Monday, Weekday::Wednesday];
            WorkingHours {
                zone: ZoneRules::fixed(-60),
                periods: days.map(period).into(),
            }
        });
        FreeBusy::new(
            (0..events).map(event).collect(),
            Detail::Subjects,
            hours.map(Into::into),
        )
    }

    /// The room that is reserved is enough, and not much more than that.
    #[test]
    fn the_length_of_an_answer_is_foreseen() {
        let start: Timestamp = "2026-09-07T00:00:00Z".parse().unwrap();
        let window = TimeWindow::new(start, start + SignedDuration::from_hours(14 * 24)).unwrap();
        for (mailboxes, events, hours) in [
            (1, 0, false),
            (1, 8, true),
            (5, 30, false),
            (100, 6, true),
            (100, 300, false),
        ] {
            for view in [
                View::MergedOnly,
                View::FreeBusy,
                View::FreeBusyMerged,
                View::Detailed,
                View::DetailedMerged,
            ] {
                let outcomes = vec![Ok(calendar(events, hours)); mailboxes];
                let part = FreeBusyPart {
                    outcomes: &outcomes,
                    window,
                    interval: SignedDuration::from_mins(30),
                    view,
                    zone: &Zone::utc().local_view(&window),
                    working_elsewhere: true,
                };
                let written = write(Some(&part), &SuggestionsPart::NotAsked).len();
                let expected = expected_size(&part) + SuggestionsPart::NotAsked.expected_size();
                let bounds = written..2 * written + 2048;
                assert!(
                    bounds.contains(&expected) || expected > LARGEST_START,
                    "{mailboxes} {events} {view:?}: {written}, {expected}"
                );
            }
        }
    }
}

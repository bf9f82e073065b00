//! What is known of one mailbox: its events, how much of them may be told, and its working hours.

pub mod bounds;
mod busy_times;
mod event;
mod packed;
mod runs;
mod search;

use std::sync::Arc;

use jiff::Timestamp;

use super::zone::ZoneRules;
use super::{BusyStatus, TimeWindow};
pub use event::{Details, Event, EventId, HexadecimalId};
pub use packed::Builder;
use packed::Packed;

/// How much of a calendar is known or may be told, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Detail {
    /// Only a string of digits was granted: the "events" are runs of equal slots and must not be listed.
    DigitsOnly,
    /// Times and statuses.
    BusyOnly,
    /// Subjects and locations as well.
    Subjects,
}

/// One event, in UTC, never shortened to a window. `start <= end`: events without length exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarEvent {
    pub start: Timestamp,
    pub end: Timestamp,
    pub status: BusyStatus,
    pub details: Option<Arc<EventDetails>>,
}

/// What may be told of an event beyond its time. For a private event only the flags are filled.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventDetails {
    /// The opaque id of the source (Exchange: a hexadecimal entry id).
    pub id: Option<Box<str>>,
    pub subject: Option<Box<str>>,
    pub location: Option<Box<str>>,
    /// Whoever invited, as the source writes them.
    pub organizer: Option<Box<str>>,
    pub flags: EventFlags,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "five independent facts of the protocol, [MS-OXWAVLS] section 2.2.4.2"
)]
pub struct EventFlags {
    pub meeting: bool,
    pub recurring: bool,
    pub exception: bool,
    pub reminder_set: bool,
    pub private: bool,
}

impl EventDetails {
    /// The same details as they may be told to anybody: a private event keeps its flags and nothing else.
    #[must_use]
    pub fn masked(self) -> Self {
        if self.flags.private {
            Self {
                flags: self.flags,
                ..Self::default()
            }
        } else {
            self
        }
    }
}

/// Whose calendar it is, where the source says so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owner {
    /// As it is shown to people.
    pub display_name: Option<Box<str>>,
    /// As a directory files it; it stands for whoever organizes where the source does not say.
    pub common_name: Option<Box<str>>,
}

/// Working hours as the mailbox has set them, in its own zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkingHours {
    pub zone: ZoneRules,
    pub periods: Vec<WorkingPeriod>,
}

/// The same hours on several days of the week.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkingPeriod {
    /// Days in the order the source gave; Exchange has been seen to send none.
    pub days: Vec<WorkingDay>,
    /// Minutes after midnight, 0 to 1440.
    pub start_minute: u16,
    /// Minutes after midnight, 0 to 1440.
    pub end_minute: u16,
}

/// A day as working hours name it: a day of the week, or one of the three groups of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkingDay {
    Day(jiff::civil::Weekday),
    EveryDay,
    Weekday,
    WeekendDay,
}

/// What is known of one mailbox. Cheap to clone, to strip and to hold.
#[derive(Debug, Clone)]
pub struct FreeBusy {
    events: Arc<Packed>,
    /// The level that the source granted, or less once it was stripped.
    detail: Detail,
    /// When the source was asked, in Unix seconds; 0 where that was just now. Fits beside `detail` without more memory.
    as_of: u32,
    pub working_hours: Option<Arc<WorkingHours>>,
    pub owner: Option<Arc<Owner>>,
}

impl FreeBusy {
    /// Sorts the events and masks the private ones. Under [`Detail::DigitsOnly`] the events are runs of equal slots.
    pub fn new(
        events: Vec<CalendarEvent>,
        detail: Detail,
        working_hours: Option<Arc<WorkingHours>>,
    ) -> Self {
        let mut builder = Builder::default();
        for event in events {
            push(&mut builder, &event);
        }
        Self::build(builder, detail, working_hours)
    }

    /// The same from events that were never owned one by one.
    pub fn build(
        events: Builder,
        detail: Detail,
        working_hours: Option<Arc<WorkingHours>>,
    ) -> Self {
        Self {
            events: Arc::new(events.finish()),
            detail,
            as_of: 0,
            working_hours,
            owner: None,
        }
    }

    /// The same, with what is known of its owner.
    #[must_use]
    pub fn owned_by(self, owner: Option<Arc<Owner>>) -> Self {
        Self { owner, ..self }
    }

    /// How much of it may be told.
    pub fn detail(&self) -> Detail {
        self.detail
    }

    /// When the source was asked for this, in whole seconds, where it has been kept since; None where it was asked just
    /// now.
    pub fn as_of(&self) -> Option<Timestamp> {
        (self.as_of > 0)
            .then(|| Timestamp::from_second(i64::from(self.as_of)).ok())
            .flatten()
    }

    /// The same, with the time at which the source was asked.
    #[must_use]
    pub fn asked_at(self, at: Timestamp) -> Self {
        Self {
            as_of: u32::try_from(at.as_second()).unwrap_or(0),
            ..self
        }
    }

    /// All events, sorted by start, then end.
    pub fn events(&self) -> impl DoubleEndedIterator<Item = Event<'_>> + ExactSizeIterator {
        self.events.iter(self.detail == Detail::Subjects)
    }

    /// All events, each on its own.
    pub fn to_vec(&self) -> Vec<CalendarEvent> {
        self.events().map(|event| event.to_owned()).collect()
    }

    /// How many events there are.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The events that belong to `window` ([`TimeWindow::touches`]), whole.
    pub fn events_in<'a>(
        &'a self,
        window: &TimeWindow,
    ) -> impl Iterator<Item = Event<'a>> + use<'a> {
        self.events
            .touching(window, self.detail == Detail::Subjects)
    }

    /// The same events, without what goes beyond their times.
    pub fn times_in<'a>(
        &'a self,
        window: &TimeWindow,
    ) -> impl Iterator<Item = Event<'a>> + use<'a> {
        self.events.touching(window, false)
    }

    /// About how many events belong to `window`, and about how many characters of text and identifiers they have.
    pub fn size_in(&self, window: &TimeWindow) -> (usize, usize) {
        self.events.size_in(window)
    }

    /// The same, with no more than `detail` of it. Costs nothing: what may not be told is not looked at.
    #[must_use]
    pub fn stripped_to(self, detail: Detail) -> Self {
        Self {
            detail: detail.min(self.detail),
            ..self
        }
    }

    /// The same with one word in place of every title. Where no titles may be told, it costs nothing.
    #[must_use]
    pub fn with_subjects(self, word: &str) -> Self {
        if self.detail < Detail::Subjects {
            return self;
        }
        let mut builder = Builder::default();
        for mut event in self.events() {
            if let Some(details) = &mut event.details {
                details.subject = details.subject.map(|_| word);
            }
            builder.push_seconds(&event);
        }
        Self {
            events: Arc::new(builder.finish()),
            ..self
        }
    }

    /// Both calendars in one: every event of each once, the lower of the two detail levels. Order-free, idempotent,
    /// and never less busy than either.
    #[must_use]
    pub fn merged(self, other: Self) -> Self {
        let detail = self.detail.min(other.detail);
        let (left, right) = (self.stripped_to(detail), other.stripped_to(detail));
        let working_hours = left
            .working_hours
            .clone()
            .or_else(|| right.working_hours.clone());
        let owner = left.owner.clone().or_else(|| right.owner.clone());
        Self::union(left.events().chain(right.events()), detail, working_hours).owned_by(owner)
    }

    /// Every event once, whichever calendars they come from.
    pub fn union<'a>(
        events: impl Iterator<Item = Event<'a>>,
        detail: Detail,
        working_hours: Option<Arc<WorkingHours>>,
    ) -> Self {
        let mut events: Vec<_> = events.collect();
        events.sort_unstable();
        events.dedup();
        let mut builder = Builder::default();
        for event in &events {
            builder.push_seconds(event);
        }
        Self::build(builder, detail, working_hours)
    }

    /// Bytes that it holds on the heap, working hours left out: they are shared.
    pub fn held_bytes(&self) -> usize {
        self.events.held_bytes()
    }
}

impl PartialEq for FreeBusy {
    fn eq(&self, other: &Self) -> bool {
        self.detail == other.detail
            && self.working_hours == other.working_hours
            && self.events().eq(other.events())
    }
}

impl Eq for FreeBusy {}

fn push(builder: &mut Builder, event: &CalendarEvent) {
    let details = event.details.as_deref().map(|details| Details {
        id: details.id.as_deref().map(EventId::Text),
        subject: details.subject.as_deref(),
        location: details.location.as_deref(),
        organizer: details.organizer.as_deref(),
        flags: details.flags,
    });
    builder.push(event.start, event.end, event.status, details.as_ref());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::busy::slots;
    use jiff::SignedDuration;
    use proptest::prelude::*;

    fn minute(minute: i64) -> Timestamp {
        Timestamp::from_second(1_788_220_800 + minute * 60).unwrap()
    }

    fn window() -> TimeWindow {
        TimeWindow::new(minute(0), minute(600)).unwrap()
    }

    #[test]
    fn titles_give_way_to_a_word() {
        let event = |subject: Option<&str>| CalendarEvent {
            start: minute(0),
            end: minute(30),
            status: BusyStatus::Busy,
            details: Some(Arc::new(EventDetails {
                subject: subject.map(Into::into),
                location: Some("Room 1".into()),
                ..EventDetails::default()
            })),
        };
        let told = FreeBusy::new(vec![event(Some("Merger"))], Detail::Subjects, None);
        let masked = told.clone().with_subjects("Busy").to_vec();
        assert_eq!(masked, [event(Some("Busy"))]);
        let untitled = FreeBusy::new(vec![event(None)], Detail::Subjects, None);
        assert_eq!(untitled.with_subjects("Busy").to_vec(), [event(None)]);
        let stripped = told.stripped_to(Detail::BusyOnly);
        assert_eq!(stripped.clone().with_subjects("Busy"), stripped);
    }

    prop_compose! {
        fn event()(start in -100_i64..700, length in 0_i64..200, status in 0_usize..6, titled: bool, private: bool) -> CalendarEvent {
            let flags = EventFlags { private, ..EventFlags::default() };
            let details = titled.then(|| Arc::new(EventDetails { subject: Some("title".into()), flags, ..EventDetails::default() }));
            CalendarEvent { start: minute(start), end: minute(start + length), status: BusyStatus::ALL[status], details }
        }
    }

    prop_compose! {
        fn calendar()(events in prop::collection::vec(event(), 0..12), digits: bool) -> FreeBusy {
            let detail = if digits { Detail::BusyOnly } else { Detail::Subjects };
            FreeBusy::new(events, Detail::Subjects, None).stripped_to(detail)
        }
    }

    fn five_minutes(calendar: &FreeBusy) -> Vec<BusyStatus> {
        slots(calendar.events(), &window(), SignedDuration::from_mins(5))
    }

    proptest! {
        #[test]
        fn merging_is_idempotent_and_order_free(a in calendar(), b in calendar(), c in calendar()) {
            let twice = a.clone().merged(a.clone());
            prop_assert_eq!(&twice.clone().merged(a.clone()), &twice);
            prop_assert_eq!(a.clone().merged(b.clone()), b.clone().merged(a.clone()));
            prop_assert_eq!(a.clone().merged(b.clone()).merged(c.clone()), a.merged(b.merged(c)));
        }

        #[test]
        fn merging_never_turns_busy_into_free(a in calendar(), b in calendar()) {
            let merged = five_minutes(&a.clone().merged(b.clone()));
            let strongest: Vec<_> = five_minutes(&a).into_iter().zip(five_minutes(&b)).map(|(a, b)| a.max(b)).collect();
            prop_assert_eq!(merged, strongest);
        }

        #[test]
        fn stripping_and_masking_keep_times_and_hide_titles(a in calendar()) {
            let stripped = a.clone().stripped_to(Detail::BusyOnly);
            prop_assert_eq!(five_minutes(&stripped), five_minutes(&a));
            prop_assert!(stripped.events().all(|event| event.details.is_none()));
            let private = a.events().filter_map(|event| event.details).filter(|details| details.flags.private);
            prop_assert!(private.into_iter().all(|details| details.subject.is_none()));
        }

        #[test]
        fn listed_events_are_exactly_those_that_touch_the_window(a in calendar()) {
            let listed: Vec<_> = a.events_in(&window()).map(|event| event.to_owned()).collect();
            let expect: Vec<_> = a.events().map(|event| event.to_owned()).filter(|event| window().touches(event.start, event.end)).collect();
            prop_assert_eq!(&listed, &expect);
            prop_assert!(listed.windows(2).all(|pair| pair[0].start <= pair[1].start));
        }
    }
}

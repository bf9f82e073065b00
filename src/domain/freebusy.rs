//! What is known of one mailbox: its events, how much of them may be told, and its working hours.

use std::sync::Arc;

use jiff::Timestamp;

use super::zone::ZoneRules;
use super::{BusyStatus, TimeWindow};

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

/// What is known of one mailbox. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreeBusy {
    /// Sorted by start, then end. Under [`Detail::DigitsOnly`] these are runs of equal slots, without gaps for NoData.
    pub events: Arc<[CalendarEvent]>,
    /// The level that the source granted.
    pub detail: Detail,
    pub working_hours: Option<Arc<WorkingHours>>,
}

impl FreeBusy {
    /// Sorts the events and masks the private ones: whatever a source sends, nothing private enters.
    pub fn new(
        mut events: Vec<CalendarEvent>,
        detail: Detail,
        working_hours: Option<Arc<WorkingHours>>,
    ) -> Self {
        for event in &mut events {
            if let Some(details) = event.details.take() {
                event.details = Some(if details.flags.private {
                    Arc::new((*details).clone().masked())
                } else {
                    details
                });
            }
        }
        sort(&mut events);
        Self {
            events: events.into(),
            detail,
            working_hours,
        }
    }

    /// The events that belong to `window` ([`TimeWindow::touches`]), whole.
    pub fn events_in<'a>(
        &'a self,
        window: &'a TimeWindow,
    ) -> impl Iterator<Item = &'a CalendarEvent> + 'a {
        let after = self
            .events
            .partition_point(|event| event.start < window.end());
        self.events[..after]
            .iter()
            .filter(|event| window.touches(event.start, event.end))
    }

    /// The same, with no more than `detail` of it.
    #[must_use]
    pub fn stripped_to(self, detail: Detail) -> Self {
        if detail >= self.detail {
            return self;
        }
        let events = self
            .events
            .iter()
            .map(|event| CalendarEvent {
                details: None,
                ..event.clone()
            })
            .collect();
        Self {
            events,
            detail,
            working_hours: self.working_hours,
        }
    }

    /// Both calendars in one: every event of each once, the lower of the two detail levels. Order-free, idempotent,
    /// and never less busy than either.
    #[must_use]
    pub fn merged(self, other: Self) -> Self {
        let detail = self.detail.min(other.detail);
        let (left, right) = (self.stripped_to(detail), other.stripped_to(detail));
        let mut events: Vec<_> = left
            .events
            .iter()
            .chain(right.events.iter())
            .cloned()
            .collect();
        sort(&mut events);
        events.dedup();
        Self {
            events: events.into(),
            detail,
            working_hours: left.working_hours.or(right.working_hours),
        }
    }
}

/// By start, then end; the rest only so that equal sets of events have one order.
fn sort(events: &mut [CalendarEvent]) {
    events.sort_by(|a, b| {
        (a.start, a.end, a.status)
            .cmp(&(b.start, b.end, b.status))
            .then_with(|| a.details.cmp(&b.details))
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::busy::slots;
    use jiff::SignedDuration;
    use proptest::prelude::*;

    const STATUSES: [BusyStatus; 6] = [
        BusyStatus::Free,
        BusyStatus::WorkingElsewhere,
        BusyStatus::Tentative,
        BusyStatus::Busy,
        BusyStatus::OutOfOffice,
        BusyStatus::NoData,
    ];

    fn minute(minute: i64) -> Timestamp {
        Timestamp::from_second(1_788_220_800 + minute * 60).unwrap()
    }

    fn window() -> TimeWindow {
        TimeWindow::new(minute(0), minute(600)).unwrap()
    }

    prop_compose! {
        fn event()(start in -100_i64..700, length in 0_i64..200, status in 0_usize..6, titled: bool, private: bool) -> CalendarEvent {
            let flags = EventFlags { private, ..EventFlags::default() };
            let details = titled.then(|| Arc::new(EventDetails { subject: Some("title".into()), flags, ..EventDetails::default() }));
            CalendarEvent { start: minute(start), end: minute(start + length), status: STATUSES[status], details }
        }
    }

    prop_compose! {
        fn calendar()(events in prop::collection::vec(event(), 0..12), digits: bool) -> FreeBusy {
            let detail = if digits { Detail::BusyOnly } else { Detail::Subjects };
            FreeBusy::new(events, Detail::Subjects, None).stripped_to(detail)
        }
    }

    fn five_minutes(calendar: &FreeBusy) -> Vec<BusyStatus> {
        slots(&calendar.events, &window(), SignedDuration::from_mins(5))
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
            prop_assert!(stripped.events.iter().all(|event| event.details.is_none()));
            let private = a.events.iter().filter_map(|event| event.details.as_ref()).filter(|details| details.flags.private);
            prop_assert!(private.into_iter().all(|details| details.subject.is_none()));
        }

        #[test]
        fn listed_events_are_exactly_those_that_touch_the_window(a in calendar()) {
            let listed: Vec<_> = a.events_in(&window()).cloned().collect();
            let expect: Vec<_> = a.events.iter().filter(|event| window().touches(event.start, event.end)).cloned().collect();
            prop_assert_eq!(&listed, &expect);
            prop_assert!(listed.windows(2).all(|pair| pair[0].start <= pair[1].start));
        }
    }
}

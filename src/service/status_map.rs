//! How statuses are shown: an organisation may want "working elsewhere" to look busy, or tentative events to look free.
//! It changes answers after the cache; merged digits follow, because they are computed from what is shown.

use crate::domain::freebusy::Builder;
use crate::domain::{BusyStatus, FreeBusy};

/// What is shown instead of a status. The default shows everything as it is. Each status is mapped once: what one line
/// results in is not mapped by another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusMap {
    working_elsewhere: BusyStatus,
    tentative: BusyStatus,
    no_data: BusyStatus,
}

/// The rule that a map would break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StatusMapError {
    /// Working elsewhere is told as free to callers that do not know the word.
    #[error("what is unknown must not be shown as free or working elsewhere")]
    UnknownAsFree,
    #[error("what is known must not be shown as no data")]
    KnownAsUnknown,
    #[error("a tentative event must not be shown as working elsewhere")]
    TentativeElsewhere,
}

impl Default for StatusMap {
    fn default() -> Self {
        Self {
            working_elsewhere: BusyStatus::WorkingElsewhere,
            tentative: BusyStatus::Tentative,
            no_data: BusyStatus::NoData,
        }
    }
}

impl StatusMap {
    /// The same map with working elsewhere shown as `shown`.
    pub fn working_elsewhere(self, shown: BusyStatus) -> Result<Self, StatusMapError> {
        if shown == BusyStatus::NoData {
            return Err(StatusMapError::KnownAsUnknown);
        }
        Ok(Self {
            working_elsewhere: shown,
            ..self
        })
    }

    /// The same map with tentative shown as `shown`.
    pub fn tentative(self, shown: BusyStatus) -> Result<Self, StatusMapError> {
        match shown {
            BusyStatus::NoData => Err(StatusMapError::KnownAsUnknown),
            BusyStatus::WorkingElsewhere => Err(StatusMapError::TentativeElsewhere),
            BusyStatus::Free
            | BusyStatus::Tentative
            | BusyStatus::Busy
            | BusyStatus::OutOfOffice => Ok(Self {
                tentative: shown,
                ..self
            }),
        }
    }

    /// The same map with no data shown as `shown`. Invariant: an unknown is never shown as free.
    pub fn no_data(self, shown: BusyStatus) -> Result<Self, StatusMapError> {
        match shown {
            BusyStatus::Free | BusyStatus::WorkingElsewhere => Err(StatusMapError::UnknownAsFree),
            BusyStatus::Tentative
            | BusyStatus::Busy
            | BusyStatus::OutOfOffice
            | BusyStatus::NoData => Ok(Self {
                no_data: shown,
                ..self
            }),
        }
    }

    /// Whether everything is shown as it is.
    pub fn is_identity(&self) -> bool {
        *self == Self::default()
    }

    pub fn apply(&self, status: BusyStatus) -> BusyStatus {
        match status {
            BusyStatus::WorkingElsewhere => self.working_elsewhere,
            BusyStatus::Tentative => self.tentative,
            BusyStatus::NoData => self.no_data,
            BusyStatus::Free | BusyStatus::Busy | BusyStatus::OutOfOffice => status,
        }
    }

    /// The calendar as it is shown; not copied where nothing in it changes.
    #[must_use]
    pub fn shown(&self, calendar: FreeBusy) -> FreeBusy {
        let changes = |status| self.apply(status) != status;
        if self.is_identity() || !calendar.events().any(|event| changes(event.status)) {
            return calendar;
        }
        // Sorted anew: events at the same time are ordered by their status.
        let mut events = Builder::default();
        for event in calendar.events() {
            let status = self.apply(event.status);
            events.push(event.starts(), event.ends(), status, event.details.as_ref());
        }
        FreeBusy::build(events, calendar.detail(), calendar.working_hours).owned_by(calendar.owner)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::{CalendarEvent, Detail, EventDetails};

    /// Every map that can be made.
    fn maps() -> Vec<StatusMap> {
        let mut maps = Vec::new();
        for elsewhere in BusyStatus::ALL {
            for tentative in BusyStatus::ALL {
                for no_data in BusyStatus::ALL {
                    let map = StatusMap::default()
                        .working_elsewhere(elsewhere)
                        .and_then(|map| map.tentative(tentative))
                        .and_then(|map| map.no_data(no_data));
                    maps.extend(map);
                }
            }
        }
        maps
    }

    #[test]
    fn an_unknown_is_never_shown_as_free_by_any_map() {
        assert_eq!(maps().len(), 5 * 4 * 4);
        for map in maps() {
            assert!(map.apply(BusyStatus::NoData) > BusyStatus::WorkingElsewhere);
        }
    }

    #[test]
    fn what_must_not_be_is_refused() {
        let map = StatusMap::default();
        for shown in [BusyStatus::Free, BusyStatus::WorkingElsewhere] {
            assert_eq!(map.no_data(shown), Err(StatusMapError::UnknownAsFree));
        }
        let unknown = Err(StatusMapError::KnownAsUnknown);
        assert_eq!(map.tentative(BusyStatus::NoData), unknown);
        assert_eq!(map.working_elsewhere(BusyStatus::NoData), unknown);
    }

    #[test]
    fn statuses_are_mapped_once() {
        let map = StatusMap::default()
            .working_elsewhere(BusyStatus::Tentative)
            .and_then(|map| map.tentative(BusyStatus::Busy))
            .unwrap();
        let shown: Vec<BusyStatus> = BusyStatus::ALL
            .into_iter()
            .map(|status| map.apply(status))
            .collect();
        assert_eq!(
            shown,
            [
                BusyStatus::Free,
                BusyStatus::Tentative,
                BusyStatus::Busy,
                BusyStatus::Busy,
                BusyStatus::OutOfOffice,
                BusyStatus::NoData
            ]
        );
        assert!(!map.is_identity() && StatusMap::default().is_identity());
    }

    fn calendar(events: &[(i64, i64, usize)]) -> FreeBusy {
        let details = std::sync::Arc::new(EventDetails {
            subject: Some("title".into()),
            ..EventDetails::default()
        });
        let events = events.iter().map(|&(start, length, status)| CalendarEvent {
            start: Timestamp::from_second(start * 60).unwrap(),
            end: Timestamp::from_second((start + length) * 60).unwrap(),
            status: BusyStatus::ALL[status],
            details: Some(details.clone()),
        });
        FreeBusy::new(events.collect(), Detail::Subjects, None)
    }

    #[test]
    fn a_calendar_that_does_not_change_is_not_copied() {
        let map = StatusMap::default().tentative(BusyStatus::Busy).unwrap();
        let known = calendar(&[(0, 30, 3), (60, 30, 5)]);
        assert!(is_same(&map.shown(known.clone()), &known));
        let known = calendar(&[(0, 30, 2)]);
        let identity = StatusMap::default().shown(known.clone());
        assert!(is_same(&identity, &known));
        let shown = map.shown(known.clone());
        assert!(!is_same(&shown, &known));
        assert_eq!(shown.to_vec()[0].status, BusyStatus::Busy);
    }

    /// Whether both look at the same memory: subjects are told in place.
    fn is_same(one: &FreeBusy, other: &FreeBusy) -> bool {
        let subject = |calendar: &FreeBusy| {
            let first = calendar.events().next().unwrap();
            first.details.unwrap().subject.unwrap().as_ptr()
        };
        std::ptr::eq(subject(one), subject(other))
    }

    proptest! {
        #[test]
        fn times_stay_and_the_order_holds(
            events in prop::collection::vec((0_i64..20, 0_i64..3, 0_usize..6), 0..20),
            which in 0_usize..80,
        ) {
            let known = calendar(&events);
            let map = maps()[which];
            let shown = map.shown(known.clone());
            // The same as mapping first and sorting then.
            let mut mapped: Vec<_> = known.events().map(|event| (event.start, event.end, map.apply(event.status))).collect();
            mapped.sort();
            let got: Vec<_> = shown.events().map(|event| (event.start, event.end, event.status)).collect();
            prop_assert_eq!(got, mapped);
            prop_assert!(shown.events().all(|event| event.details.is_some()));
        }
    }
}

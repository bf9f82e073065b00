//! Several calendars as one string of digits would tell them: who of them is busy, and with what, is not in it.

use std::collections::BTreeMap;

use super::{Builder, Detail, Event, FreeBusy};
use crate::domain::BusyStatus;

impl FreeBusy {
    /// The strongest status of all these calendars at each moment, as runs that neither overlap nor leave out anything but
    /// free time. Under [`Detail::DigitsOnly`], whatever the calendars grant, and without working hours.
    pub fn runs_of<'a>(calendars: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut edges = Vec::new();
        for calendar in calendars {
            for event in calendar.events() {
                if event.start < event.end && event.status != BusyStatus::Free {
                    edges.push((event.start, event.status, Edge::Begins));
                    edges.push((event.end, event.status, Edge::Ends));
                }
            }
        }
        edges.sort_unstable_by_key(|(at, ..)| *at);
        let mut active: BTreeMap<BusyStatus, usize> = BTreeMap::new();
        let mut runs = Builder::default();
        let mut run: Option<(i64, BusyStatus)> = None;
        for same_time in edges.chunk_by(|a, b| a.0 == b.0) {
            for (_, status, edge) in same_time {
                count(&mut active, *status, *edge);
            }
            let Some((at, ..)) = same_time.first() else {
                continue;
            };
            let strongest = active.last_key_value().map(|(status, _)| *status);
            if strongest == run.map(|(_, status)| status) {
                continue;
            }
            if let Some((start, status)) = run {
                runs.push_seconds(&Event {
                    start,
                    end: *at,
                    status,
                    details: None,
                });
            }
            run = strongest.map(|status| (*at, status));
        }
        Self::build(runs, Detail::DigitsOnly, None)
    }
}

#[derive(Debug, Clone, Copy)]
enum Edge {
    Begins,
    Ends,
}

/// Statuses that nobody has any more leave the map. What begins before it ends at the same time keeps its count above
/// nothing, whatever the order of the edges.
fn count(active: &mut BTreeMap<BusyStatus, usize>, status: BusyStatus, edge: Edge) {
    let people = active.entry(status).or_default();
    match edge {
        Edge::Begins => *people += 1,
        Edge::Ends => *people = people.saturating_sub(1),
    }
    if *people == 0 {
        active.remove(&status);
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};
    use proptest::prelude::*;

    use super::*;
    use crate::domain::busy::slots;
    use crate::domain::{CalendarEvent, EventDetails, TimeWindow};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    prop_compose! {
        fn calendar()(events in prop::collection::vec((0_i64..60, 0_i64..20, 0_usize..6), 0..8)) -> FreeBusy {
            let events = events.into_iter().map(|(start, length, status)| CalendarEvent {
                start: at(start),
                end: at(start + length),
                status: BusyStatus::ALL[status],
                details: Some(EventDetails { subject: Some("title".into()), ..EventDetails::default() }.into()),
            });
            FreeBusy::new(events.collect(), Detail::Subjects, None)
        }
    }

    proptest! {
        #[test]
        fn runs_are_the_strongest_status_of_each_second(calendars in prop::collection::vec(calendar(), 0..5)) {
            let window = TimeWindow::new(at(0), at(90)).unwrap();
            let second = SignedDuration::from_secs(1);
            let all = calendars.iter().flat_map(FreeBusy::events);
            let expect = slots(all, &window, second);
            let runs = FreeBusy::runs_of(&calendars);
            prop_assert_eq!(slots(runs.events(), &window, second), expect);
            prop_assert_eq!(runs.detail(), Detail::DigitsOnly);
            let runs = runs.to_vec();
            for pair in runs.windows(2) {
                let touch = pair[0].end == pair[1].start;
                prop_assert!(pair[0].end < pair[1].start || touch && pair[0].status != pair[1].status);
            }
            prop_assert!(runs.iter().all(|run| run.start < run.end && run.details.is_none() && run.status != BusyStatus::Free));
        }
    }
}

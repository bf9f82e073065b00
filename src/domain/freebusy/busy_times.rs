//! A calendar as somebody sees it who only wants to know when its owner cannot be booked.

use super::FreeBusy;
use crate::domain::TimeWindow;

/// Stretches that room is made for at once.
const USUAL: usize = 64;

impl FreeBusy {
    /// The busy time inside `window`, in Unix seconds: sorted stretches that neither overlap nor touch, cut at the
    /// window's bounds, without events of no length.
    pub fn busy_times(&self, window: &TimeWindow) -> Vec<(i64, i64)> {
        let (first, last) = window.seconds();
        let mut times: Vec<(i64, i64)> = Vec::with_capacity(self.len().min(USUAL));
        for event in self.times_in(window) {
            let (start, end) = (event.start.max(first), event.end.min(last));
            if !event.status.is_busy() || start >= end {
                continue;
            }
            match times.last_mut() {
                Some((_, before)) if start <= *before => *before = end.max(*before),
                Some(_) | None => times.push((start, end)),
            }
        }
        times
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::{BusyStatus, CalendarEvent, Detail};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    proptest! {
        #[test]
        fn busy_times_are_the_busy_seconds(events in prop::collection::vec((-20_i64..60, 0_i64..20, 0_usize..6), 0..10)) {
            let window = TimeWindow::new(at(0), at(40)).unwrap();
            let events: Vec<_> = events.into_iter().map(|(start, length, status)| CalendarEvent {
                start: at(start),
                end: at(start + length),
                status: BusyStatus::ALL[status],
                details: None,
            }).collect();
            let busy_at = |second: i64| events.iter().any(|event| {
                event.status.is_busy() && event.start <= at(second) && at(second) < event.end
            });
            let times = FreeBusy::new(events.clone(), Detail::BusyOnly, None).busy_times(&window);
            for second in 0..40 {
                let told = times.iter().any(|(start, end)| (*start..*end).contains(&second));
                prop_assert_eq!(told, busy_at(second), "second {}", second);
            }
            prop_assert!(times.windows(2).all(|pair| pair[0].1 < pair[1].0));
            prop_assert!(times.iter().all(|(start, end)| 0 <= *start && start < end && *end <= 40));
        }
    }
}

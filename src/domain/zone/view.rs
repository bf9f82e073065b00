//! The wall clock of a zone around one window, computed once and then looked up without further work.

use jiff::Timestamp;

use super::Zone;
use super::seasons::{floor_second, nearest_timestamp};
use crate::domain::TimeWindow;

/// Days by which a [`LocalView`] reaches beyond its window: events that only touch it are told whole.
const VIEW_MARGIN_DAYS: i64 = 40;

/// The most stretches of one [`LocalView`]; of a window of many years it holds the first ones.
const VIEW_STRETCHES: usize = 64;

/// The wall clock of a zone around one window, computed beforehand for many questions about it.
#[derive(Debug, Clone)]
pub struct LocalView {
    zone: Zone,
    /// Start in seconds of Unix time and seconds east of UTC, in order.
    stretches: Box<[(i64, i32)]>,
    /// Seconds of Unix time: from here on the stretches say nothing.
    end: i64,
}

impl LocalView {
    pub(super) fn new(zone: &Zone, window: &TimeWindow) -> Self {
        const MARGIN: i64 = VIEW_MARGIN_DAYS * 86_400;
        let mut start = floor_second(window.start()) - MARGIN;
        let mut end = floor_second(window.end()) + MARGIN;
        let mut stretches = Vec::with_capacity(3);
        loop {
            stretches.push((start, zone.offset_at(nearest_timestamp(start))));
            match zone.next_change(start).filter(|&next| next < end) {
                None => break,
                Some(next) if stretches.len() >= VIEW_STRETCHES => {
                    end = next;
                    break;
                }
                Some(next) => start = next,
            }
        }
        Self {
            zone: zone.clone(),
            stretches: stretches.into(),
            end,
        }
    }

    /// Seconds from 1970-01-01T00:00:00 to what the wall clock shows, as if it were UTC; fractions are cut off.
    #[must_use]
    pub fn local_seconds(&self, timestamp: Timestamp) -> i64 {
        self.local_second(floor_second(timestamp))
    }

    /// The same for an instant in seconds of Unix time.
    #[must_use]
    pub fn local_second(&self, second: i64) -> i64 {
        // There are mostly one or two.
        let mut latest_first = self.stretches.iter().rev();
        let offset = match latest_first.find(|&&(start, _)| start <= second) {
            Some(&(_, offset)) if second < self.end => offset,
            Some(_) | None => self.zone.offset_at(nearest_timestamp(second)),
        };
        second + i64::from(offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::zone::ZoneRules;
    use jiff::ToSpan;
    use jiff::tz::TimeZone;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_view_agrees_with_its_zone_inside_and_outside() {
        let new_york = TimeZone::get("America/New_York").unwrap();
        let zones = [
            Zone::from_rules(ZoneRules::for_year(&new_york, 2026)),
            Zone::iana(new_york),
            Zone::utc(),
        ];
        for zone in zones {
            // Forty days around this window, and four thousand years of which only the first are in the view.
            check(&zone, "2026-03-08T06:00Z", "2026-03-08T08:00Z");
            check(&zone, "1900-01-01T00:00Z", "5900-01-01T00:00Z");
        }
    }

    #[track_caller]
    fn check(zone: &Zone, start: &str, end: &str) {
        let view = zone.local_view(&TimeWindow::new(at(start), at(end)).unwrap());
        let mut instant = at("1890-01-01T00:30:00.5Z");
        while instant < at("2060-01-01T00:00Z") {
            let expect = floor_second(instant) + i64::from(zone.offset_at(instant));
            assert_eq!(view.local_seconds(instant), expect, "at {instant}");
            instant += 389.hours();
        }
    }

    #[test]
    fn fractions_are_cut_off_on_both_sides_of_the_epoch() {
        let window = TimeWindow::new(at("1969-12-01T00:00Z"), at("1970-02-01T00:00Z")).unwrap();
        let view = Zone::utc().local_view(&window);
        assert_eq!(view.local_seconds(at("1969-12-31T23:59:59.5Z")), -1);
        assert_eq!(view.local_seconds(at("1970-01-01T00:00:00.5Z")), 0);
    }
}

//! The next days of all rooms, fetched before anybody asks: in working hours, within the limits of each endpoint, and only
//! while no caller needs it.

use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::future::join_all;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use tokio::time::{Instant, sleep};
use tracing::debug;

use crate::domain::{SmtpAddress, TimeWindow};
use crate::service::Availability;
use crate::service::desk::Desk;

/// How often it is looked whether something has become old.
const ROUND: Duration = Duration::from_mins(1);
/// When people look for rooms: hours of the clock on the wall, Monday to Friday.
const WORKING_HOURS: std::ops::Range<i8> = 7..19;

pub(super) async fn prefetching(rooms: Weak<Availability>) {
    loop {
        let Some(availability) = rooms.upgrade() else {
            return;
        };
        availability.prefetch_rooms().await;
        drop(availability);
        sleep(ROUND).await;
    }
}

impl Availability {
    /// Fetches what has become old of all rooms, if it is a time at which people look for rooms.
    pub async fn prefetch_rooms(self: &Arc<Self>) {
        let settings = &self.directory.settings;
        let now = self.directory.clock.now();
        if settings.prefetch_days == 0 || !is_working_hour(now, &settings.time_zone) {
            return;
        }
        let Some(window) = window(now, settings.prefetch_days, &settings.time_zone) else {
            return;
        };
        let known = self.known_rooms(Instant::now() + ROUND).await;
        let mut places: Vec<Vec<SmtpAddress>> = vec![Vec::new(); self.desks.len()];
        for room in known.catalogue.rooms() {
            let route = self.routes.find(&room.address);
            let place = route.and_then(|route| places.get_mut(route.endpoint));
            if let Some(rooms) = place {
                rooms.push(room.address.clone());
            }
        }
        let desks = self.desks.iter().zip(&places);
        join_all(desks.map(|(desk, rooms)| one_desk(desk, rooms, &window))).await;
    }
}

async fn one_desk(desk: &Desk, rooms: &[SmtpAddress], window: &TimeWindow) {
    if let Err(error) = desk.prefetch(rooms, window).await {
        let name = desk.endpoint().name();
        debug!(endpoint.name = %name, %error, "Rooms are prefetched later");
    }
}

fn is_working_hour(now: Timestamp, zone: &TimeZone) -> bool {
    let local = now.to_zoned(zone.clone());
    !matches!(local.weekday(), Weekday::Saturday | Weekday::Sunday)
        && WORKING_HOURS.contains(&local.hour())
}

/// From the midnight before `now` for so many days of the zone.
fn window(now: Timestamp, days: u16, zone: &TimeZone) -> Option<TimeWindow> {
    let start = now.to_zoned(zone.clone()).start_of_day().ok()?;
    let end = start.checked_add(Span::new().days(days)).ok()?;
    TimeWindow::new(start.timestamp(), end.timestamp()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(now: &str, working: bool, start: &str, end: &str) {
        let zone = jiff::tz::db().get("Europe/Berlin").unwrap();
        let now = now.parse().unwrap();
        assert_eq!(is_working_hour(now, &zone), working, "{now}");
        let window = window(now, 3, &zone).unwrap();
        assert_eq!(window.start(), start.parse().unwrap());
        assert_eq!(window.end(), end.parse().unwrap());
    }

    #[test]
    fn days_and_hours_are_those_of_the_zone() {
        // Friday, 07:00 in Berlin; the clock is put back on the second day after.
        check(
            "2026-10-23T05:00Z",
            true,
            "2026-10-22T22:00Z",
            "2026-10-25T23:00Z",
        );
        check(
            "2026-10-23T04:59Z",
            false,
            "2026-10-22T22:00Z",
            "2026-10-25T23:00Z",
        );
        check(
            "2026-10-24T10:00Z",
            false,
            "2026-10-23T22:00Z",
            "2026-10-26T23:00Z",
        );
        check(
            "2026-10-26T17:59Z",
            true,
            "2026-10-25T23:00Z",
            "2026-10-28T23:00Z",
        );
        check(
            "2026-10-26T18:00Z",
            false,
            "2026-10-25T23:00Z",
            "2026-10-28T23:00Z",
        );
    }
}

//! The next days of all rooms, fetched before anybody asks: in working hours, within the limits of each endpoint, and only
//! while no caller needs it.

use std::collections::HashSet;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::future::join_all;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use tokio::time::{Instant, sleep};
use tracing::debug;

use super::Known;
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
        let rooms = self.rooms_by_place(&known);
        let asked = self.desks.iter().zip(&rooms).enumerate();
        let asked =
            asked.map(|(place, (desk, rooms))| self.prefetch_at(place, desk, rooms, &window));
        join_all(asked).await;
    }

    /// Where rooms are fetched: where they were found lately, or else at the endpoint that tells of them; always one that
    /// callers' questions for them go to.
    fn rooms_by_place(&self, known: &Known) -> Vec<Vec<SmtpAddress>> {
        let state = self.directory.lock();
        let parts = state.parts.iter();
        let told: Vec<HashSet<&SmtpAddress>> =
            parts.map(|part| part.told_rooms().collect()).collect();
        let mut places = vec![Vec::new(); self.desks.len()];
        for room in known.catalogue.rooms().map(|room| &room.address) {
            let Some(route) = self.routes.find(room) else {
                continue;
            };
            let tells = |place: &usize| told.get(*place).is_some_and(|told| told.contains(room));
            let found_at = self.locations.find(room, self.cache.now());
            let place = found_at
                .filter(|place| route.fallbacks.contains(place))
                .or_else(|| route.places().find(tells))
                .unwrap_or(route.endpoint);
            if let Some(rooms) = places.get_mut(place) {
                rooms.push(room.clone());
            }
        }
        places
    }

    async fn prefetch_at(
        &self,
        place: usize,
        desk: &Desk,
        rooms: &[SmtpAddress],
        window: &TimeWindow,
    ) {
        // So that callers' questions go to what was fetched, and not first to who does not have it.
        let found = |room: &SmtpAddress| {
            let route = self.routes.find(room);
            if route.is_some_and(|route| route.endpoint != place) {
                self.locations.remember(room, place, self.cache.now());
            }
        };
        if let Err(error) = desk.prefetch(rooms, window, found).await {
            let name = desk.endpoint().name();
            debug!(endpoint.name = %name, %error, "Rooms are prefetched later");
        }
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

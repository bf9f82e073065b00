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
use crate::domain::{MailboxError, SmtpAddress, TimeWindow};
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
        let mut rooms = self.sought(&known);
        for round in 0..self.desks.len() {
            let desks = self.desks.iter().enumerate();
            let asked = desks.map(|(place, desk)| {
                let here = rooms.iter().filter(|room| room.place(round) == Some(place));
                let here = here.map(|room| room.address.clone()).collect();
                self.prefetch_at((place, desk), here, &window, round)
            });
            let absent: HashSet<SmtpAddress> =
                join_all(asked).await.into_iter().flatten().collect();
            rooms.retain(|room| absent.contains(&room.address));
        }
    }

    /// All rooms with whom callers' questions for them ask, in order: where a room was found lately, and then along its
    /// route. Not where it is told of: a calendar that was left behind would be taken for the room's.
    fn sought(&self, known: &Known) -> Vec<Sought> {
        let rooms = known.catalogue.rooms();
        let sought = rooms.filter_map(|room| {
            let route = self.routes.find(&room.address)?;
            let found_at = self.locations.find(&room.address, self.cache.now());
            let found_at = found_at.filter(|place| route.fallbacks.contains(place));
            let others = route.places().filter(|place| Some(*place) != found_at);
            Some(Sought {
                address: room.address.clone(),
                places: found_at.into_iter().chain(others).collect(),
            })
        });
        sought.collect()
    }

    /// Says which of the rooms are not found there.
    async fn prefetch_at(
        &self,
        (place, desk): (usize, &Desk),
        rooms: Vec<SmtpAddress>,
        window: &TimeWindow,
        round: usize,
    ) -> Vec<SmtpAddress> {
        let mut absent = Vec::new();
        let told = |room: &SmtpAddress, outcome: Result<(), MailboxError>| match outcome {
            // So that callers' questions go to what was fetched, and not first to who does not have it. What is known
            // already is not known anew: its time would never be over.
            Ok(()) if round > 0 => {
                let route = self.routes.find(room);
                let now = self.cache.now();
                if route.is_some_and(|route| route.endpoint != place)
                    && self.locations.find(room, now) != Some(place)
                {
                    self.locations.remember(room, place, now);
                }
            }
            Err(MailboxError::NotFound) => absent.push(room.clone()),
            Ok(()) | Err(_) => {}
        };
        if let Err(error) = desk.prefetch(&rooms, window, told).await {
            let name = desk.endpoint().name();
            debug!(endpoint.name = %name, %error, "Rooms are prefetched later");
        }
        absent
    }
}

/// A room that is to be fetched.
struct Sought {
    address: SmtpAddress,
    /// The endpoints that may have it: each is asked when the one before has not found it.
    places: Vec<usize>,
}

impl Sought {
    fn place(&self, round: usize) -> Option<usize> {
        self.places.get(round).copied()
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

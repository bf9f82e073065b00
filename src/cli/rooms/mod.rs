//! `calbridge rooms`: the rooms that a caller may see, and when each is free next.

mod table;

use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use self::table::Row;
use super::asker::Asker;
use super::ending::{remembered, unless_interrupted};
use super::{CommandError, ConfigFile, Exit, lookup, output};
use crate::domain::{
    Attendee, AttendeeRole, AvailabilityQuery, Caller, Clock, Detail, FreeBusy, Origin, TimeWindow,
};
use crate::server::clock::SystemClock;
use crate::service::Availability;

/// What the command is asked.
#[derive(Debug, Args)]
pub(super) struct Rooms {
    #[command(flatten)]
    file: ConfigFile,
    /// Only rooms that are free all this time; written like the times of `lookup`
    #[arg(long, value_names = ["START", "END"], num_args = 2)]
    free_between: Option<Vec<String>>,
    /// IANA time zone of what is printed, and of times without an offset
    #[arg(long, value_name = "ZONE", default_value = "UTC", value_parser = lookup::zone)]
    zone: TimeZone,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// How far the next free hour is looked for.
const AHEAD: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Meetings begin on the full or the half hour.
const STEP: i64 = 30 * 60;

/// Fails (status 1) where the rooms of an endpoint are not known, or the calendar of any room.
pub(super) async fn run(rooms: &Rooms) -> Result<Exit, CommandError> {
    let now = SystemClock.now();
    let between = match rooms.free_between.as_deref() {
        Some([start, end]) => {
            let window = lookup::window::window(Some(start), Some(end), &rooms.zone, now);
            Some(window.map_err(|error| CommandError::Usage(named(&error)))?)
        }
        Some(_) | None => None,
    };
    let asker = Asker::of(&rooms.file)?;
    let ahead = ahead(now).context("the clock stands at the end of time")?;
    let question = Question {
        availability: &asker.availability,
        caller: Arc::new(asker.caller),
        deadline: asker.deadline,
    };
    let rows = question.rows(ahead, between);
    let all = unless_interrupted(&asker.quarantine, rows).await?;
    let told = all.and_then(|all| tell(rooms, &all, between.is_some()).map(|()| all));
    remembered(&asker.quarantine).await;
    let mut exit = name_unread(&asker.availability);
    let all = told?;
    if all.is_empty() {
        output::complain(&if asker.availability.offers_rooms() {
            "there are no rooms that this account may see"
        } else {
            "rooms are not offered: sharing.room_booking is false"
        });
    }
    for row in all.iter().filter(|row| row.is_unknown()) {
        let error = row.error.as_deref().unwrap_or("unknown");
        output::complain(&format_args!("{}: {error}", row.room.address));
        exit = Exit::Failure;
    }
    Ok(exit)
}

/// Names the endpoints whose rooms nobody knows.
fn name_unread(availability: &Availability) -> Exit {
    let mut exit = Exit::Success;
    if availability.offers_rooms() {
        for endpoint in availability.unread_rooms() {
            output::complain(&format_args!(
                "endpoint {endpoint}: its rooms are not known"
            ));
            exit = Exit::Failure;
        }
    }
    exit
}

/// `is_asked`: only rooms are told that are free then; programs are told of those as well that may be.
fn tell(rooms: &Rooms, all: &[Row], is_asked: bool) -> anyhow::Result<()> {
    let shown = all.iter().filter(|row| row.is_free != Some(false));
    if rooms.json {
        return output::say(&table::json(&shown.collect::<Vec<_>>())?);
    }
    let known = shown.filter(|row| !is_asked || row.is_free == Some(true));
    output::say(&table::Table {
        rows: &known.collect::<Vec<_>>(),
        zone: &rooms.zone,
    })
}

/// The flag of this command, in the words of the other one.
fn named(error: &str) -> String {
    let error = error.replace("--from: ", "").replace("--to: ", "");
    format!("--free-between: {error}")
}

/// A week from the next full or half hour, and an hour more.
fn ahead(now: Timestamp) -> Option<TimeWindow> {
    let start = now.as_second().div_euclid(STEP) * STEP;
    let start = if start == now.as_second() {
        start
    } else {
        start + STEP
    };
    let start = Timestamp::from_second(start).ok()?;
    let end = start.checked_add(AHEAD + HOUR).ok()?;
    TimeWindow::new(start, end).ok()
}

/// Who asks, and where.
struct Question<'a> {
    availability: &'a Availability,
    caller: Arc<Caller>,
    deadline: Instant,
}

impl Question<'_> {
    async fn rows(
        &self,
        ahead: TimeWindow,
        between: Option<TimeWindow>,
    ) -> anyhow::Result<Vec<Row>> {
        let rooms = self
            .availability
            .all_rooms(&self.caller, self.deadline)
            .await?;
        let mut rows: Vec<Row> = rooms
            .into_iter()
            .map(|(room, list)| Row::new(room, list))
            .collect();
        let calendars = self.calendars(&rows, ahead).await;
        for (row, calendar) in rows.iter_mut().zip(calendars) {
            match calendar {
                Ok(calendar) => row.next_free_hour = next_free_hour(&calendar, &ahead),
                Err(error) => row.error = Some(error.to_string()),
            }
        }
        if let Some(between) = between {
            let calendars = self.calendars(&rows, between).await;
            for (row, calendar) in rows.iter_mut().zip(calendars) {
                match calendar {
                    Ok(calendar) => row.is_free = Some(is_free(&calendar, &between)),
                    Err(error) => row.error = Some(error.to_string()),
                }
            }
        }
        Ok(rows)
    }

    async fn calendars(&self, rows: &[Row], window: TimeWindow) -> Vec<crate::domain::Outcome> {
        let attendees = rows.iter().map(|row| Attendee {
            mailbox: Ok(row.room.address.clone()),
            role: AttendeeRole::Room,
            exclude_conflicts: false,
        });
        let query = AvailabilityQuery {
            caller: Arc::clone(&self.caller),
            attendees: attendees.collect(),
            window,
            detail: Detail::BusyOnly,
            origin: Origin::default(),
        };
        let answer = self.availability.answer(&query, self.deadline).await;
        answer.per_mailbox
    }
}

fn is_free(calendar: &FreeBusy, window: &TimeWindow) -> bool {
    let (from, to) = window.seconds();
    busy(calendar).all(|(start, end)| end <= from || start >= to)
}

/// When the first free hour of the window begins, on the full or the half hour.
fn next_free_hour(calendar: &FreeBusy, window: &TimeWindow) -> Option<Timestamp> {
    let (from, to) = window.seconds();
    let mut begin = from;
    let mut all: Vec<_> = busy(calendar).collect();
    all.sort_unstable();
    for (start, end) in all {
        if start < begin + HOUR.as_secs() && end > begin {
            begin = from + (end - from + STEP - 1).div_euclid(STEP) * STEP;
        }
    }
    let fits = begin + HOUR.as_secs() <= to;
    fits.then(|| Timestamp::from_second(begin).ok()).flatten()
}

/// Seconds since 1970, of what takes time.
fn busy(calendar: &FreeBusy) -> impl Iterator<Item = (i64, i64)> {
    let events = calendar.events();
    events
        .filter(|event| event.status.is_busy() && event.end > event.start)
        .map(|event| (event.start, event.end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{BusyStatus, CalendarEvent};

    fn at(text: &str) -> Timestamp {
        format!("2026-09-07T{text}Z").parse().unwrap()
    }

    fn calendar(busy: &str) -> FreeBusy {
        let events = busy.split_whitespace().map(|event| {
            let (start, end) = event.split_once('-').unwrap();
            CalendarEvent {
                start: at(start),
                end: at(end),
                status: BusyStatus::Busy,
                details: None,
            }
        });
        FreeBusy::new(events.collect(), Detail::BusyOnly, None)
    }

    #[track_caller]
    fn check(busy: &str, expect: Option<&str>) {
        let window = TimeWindow::new(at("08:00"), at("12:00")).unwrap();
        let got = next_free_hour(&calendar(busy), &window);
        assert_eq!(got, expect.map(at), "{busy}");
    }

    #[test]
    fn the_next_hour_without_anything() {
        check("", Some("08:00"));
        check("07:00-08:00", Some("08:00"));
        check("08:10-08:20", Some("08:30"));
        check("08:00-09:00 09:00-09:40", Some("10:00"));
        check("08:00-08:30 09:00-09:30", Some("09:30"));
        check("08:00-10:00 08:30-09:00", Some("10:00"));
        check("08:59-09:01 10:15-10:30", Some("10:30"));
        check("09:30-09:30", Some("08:00"));
        check("08:00-11:00", Some("11:00"));
        check("08:00-11:01", None);
        check("07:00-13:00", None);
    }

    #[test]
    fn free_is_what_nothing_touches() {
        let window = TimeWindow::new(at("09:00"), at("10:00")).unwrap();
        let check =
            |busy: &str, free| assert_eq!(is_free(&calendar(busy), &window), free, "{busy}");
        check("", true);
        check("08:00-09:00 10:00-11:00", true);
        check("08:00-09:01", false);
        check("09:59-11:00", false);
        check("09:15-09:15", true);
    }

    #[test]
    fn the_search_begins_on_the_half_hour() {
        let begins = |now: &str| ahead(at(now)).unwrap().start();
        assert_eq!(begins("08:00"), at("08:00"));
        assert_eq!(begins("08:00:01"), at("08:30"));
        assert_eq!(begins("08:30"), at("08:30"));
        assert_eq!(begins("08:31"), at("09:00"));
    }
}

//! Working hours as stretches of a week, and whether a meeting lies in them.

use jiff::Timestamp;
use jiff::civil::Weekday;

use super::{Invited, Known};
use crate::domain::freebusy::WorkingDay;
use crate::domain::zone::Zone;
use crate::domain::{FreeBusy, WorkingHours, WorkingPeriod};

const DAY: i64 = 86_400;
const WEEK: i64 = 7 * DAY;
/// From the beginning of Unix time, a Thursday, back to its Monday.
const FIRST_MONDAY: i64 = 3 * DAY;
/// Monday to Friday, 08:00 to 17:00, for those who have told no hours.
const USUAL: (u16, u16) = (8 * 60, 17 * 60);
/// Servers write a whole day as 0 to 1439.
const LAST_MINUTE: u16 = 1439;

/// When somebody works, week for week, by the clock of their zone.
#[derive(Debug, PartialEq)]
pub(super) struct WorkTime {
    zone: Zone,
    /// Seconds since Monday's midnight: sorted, neither overlapping nor touching.
    stretches: Vec<(i64, i64)>,
}

/// The different hours of all attendees. Members of a list count; of whom nothing is told has the usual hours in `zone`.
pub(super) fn of_all(attendees: &[Invited<'_>], zone: &Zone) -> Vec<WorkTime> {
    let mut all: Vec<WorkTime> = Vec::new();
    let mut add = |hours: WorkTime| {
        if !all.contains(&hours) {
            all.push(hours);
        }
    };
    for invited in attendees {
        match invited.known {
            Known::Mailbox(known) => add(WorkTime::of(Some(known), zone)),
            Known::Group(members) => {
                for member in members {
                    add(WorkTime::of(member.as_ref().ok(), zone));
                }
            }
            Known::TooBigGroup | Known::Nothing => add(WorkTime::of(None, zone)),
        }
    }
    all
}

impl WorkTime {
    fn of(known: Option<&FreeBusy>, zone: &Zone) -> Self {
        known
            .and_then(|known| known.working_hours.as_deref())
            .and_then(Self::told)
            .unwrap_or_else(|| Self::usual(zone))
    }

    /// None where the hours name no time at all, as servers have been seen to send.
    fn told(hours: &WorkingHours) -> Option<Self> {
        let stretches = joined(hours.periods.iter().flat_map(of_period).collect());
        (!stretches.is_empty()).then(|| Self {
            zone: Zone::from_rules(hours.zone),
            stretches,
        })
    }

    fn usual(zone: &Zone) -> Self {
        let period = WorkingPeriod {
            days: vec![WorkingDay::Weekday],
            start_minute: USUAL.0,
            end_minute: USUAL.1,
        };
        Self {
            zone: zone.clone(),
            stretches: joined(of_period(&period)),
        }
    }

    /// Whether all of the time from `start` to `end` is work time. Both are compared on the clock of this zone, so that a
    /// meeting in the night of a clock change may be shorter or longer on it.
    pub(super) fn hold(&self, start: Timestamp, end: Timestamp) -> bool {
        let local = |at: Timestamp| at.as_second() + i64::from(self.zone.offset_at(at));
        let (from, to) = (local(start), local(end));
        let mut at = (from + FIRST_MONDAY).rem_euclid(WEEK);
        let mut left = (to - from).max(1);
        // Stretches do not touch, except over the end of the week.
        while let Some(&(_, stretch_end)) = self
            .stretches
            .iter()
            .find(|(begin, end)| *begin <= at && at < *end)
        {
            left -= stretch_end - at;
            if left <= 0 {
                return true;
            }
            at = stretch_end.rem_euclid(WEEK);
            if at != 0 {
                return false;
            }
        }
        false
    }
}

/// A period's stretches, one for each day; hours that end before they begin end on the next day.
fn of_period(period: &WorkingPeriod) -> Vec<(i64, i64)> {
    let start = i64::from(period.start_minute) * 60;
    let last = if period.end_minute == LAST_MINUTE {
        LAST_MINUTE + 1
    } else {
        period.end_minute
    };
    let mut end = i64::from(last) * 60;
    if end < start {
        end += DAY;
    }
    period
        .days
        .iter()
        .flat_map(|day| weekdays(*day))
        .map(|day| {
            let midnight = i64::from(day.to_monday_zero_offset()) * DAY;
            (midnight + start, midnight + end)
        })
        .collect()
}

fn weekdays(day: WorkingDay) -> Vec<Weekday> {
    use Weekday::{Friday, Monday, Saturday, Sunday, Thursday, Tuesday, Wednesday};
    match day {
        WorkingDay::Day(day) => vec![day],
        WorkingDay::EveryDay => vec![
            Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday,
        ],
        WorkingDay::Weekday => vec![Monday, Tuesday, Wednesday, Thursday, Friday],
        WorkingDay::WeekendDay => vec![Saturday, Sunday],
    }
}

/// Cut at the end of the week, sorted, and joined where they touch.
fn joined(stretches: Vec<(i64, i64)>) -> Vec<(i64, i64)> {
    let mut cut: Vec<_> = stretches
        .into_iter()
        .flat_map(|(start, end)| [(start, end.min(WEEK)), (0, end - WEEK)])
        .filter(|(start, end)| start < end)
        .collect();
    cut.sort_unstable();
    let mut joined: Vec<(i64, i64)> = Vec::with_capacity(cut.len());
    for (start, end) in cut {
        match joined.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            Some(_) | None => joined.push((start, end)),
        }
    }
    joined
}

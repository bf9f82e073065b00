//! Times for a meeting: which half hours suit how many of the attendees, and how well. Computed from what is known of
//! their calendars; nothing is asked and no wire word is known here.
//!
//! Invariant: an attendee of whom nothing is known never counts as free.

mod calendar;
mod work_time;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use jiff::civil::{Date, DateTime, time};
use jiff::{SignedDuration, Timestamp};

use self::calendar::Calendar;
use self::work_time::WorkTime;
use super::zone::Zone;
use super::{BusyStatus, FreeBusy, MailboxError, Outcome, TimeWindow};

/// What is looked for. [`SuggestionOptions::default_in`] has the defaults of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SuggestionOptions {
    /// Where the whole meeting must lie.
    pub window: TimeWindow,
    /// How long the meeting lasts.
    pub duration: SignedDuration,
    /// Per cent above one half of the attendees that must be free for a good time.
    pub good_threshold: u8,
    /// The worst that is worth telling.
    pub minimum: Quality,
    /// Times told for a day, at most.
    pub per_day: usize,
    /// How many of them may lie outside working hours.
    pub per_day_outside: usize,
    /// When the meeting takes place so far: considered although it may not be on the half hour.
    pub current: Option<Timestamp>,
}

impl SuggestionOptions {
    /// An hour, good from three quarters on, fair or better, ten a day and all in working hours.
    #[must_use]
    pub fn default_in(window: TimeWindow) -> Self {
        Self {
            window,
            duration: SignedDuration::from_hours(1),
            good_threshold: 25,
            minimum: Quality::Fair,
            per_day: 10,
            per_day_outside: 0,
            current: None,
        }
    }
}

/// How good a time is, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quality {
    /// Less than half of the attendees are free.
    Poor,
    /// At least half.
    Fair,
    /// At least half and the threshold.
    Good,
    /// All.
    Excellent,
}

/// Somebody invited, and what is known of them.
#[derive(Debug, Clone, Copy)]
pub struct Invited<'a> {
    pub known: Known<'a>,
    /// A time at which they are not free is no suggestion at all.
    pub must_be_free: bool,
}

#[derive(Debug, Clone, Copy)]
pub enum Known<'a> {
    Mailbox(&'a FreeBusy),
    /// A list, by its members: each counts as an attendee.
    Group(&'a [Outcome]),
    TooBigGroup,
    Nothing,
}

impl<'a> From<&'a Outcome> for Known<'a> {
    fn from(outcome: &'a Outcome) -> Self {
        match outcome {
            Ok(known) => Self::Mailbox(known),
            Err(MailboxError::ListTooLong) => Self::TooBigGroup,
            Err(_) => Self::Nothing,
        }
    }
}

/// What one attendee has at a suggested time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conflict {
    /// The strongest status while the meeting lasts.
    Individual(BusyStatus),
    Group(GroupConflict),
    TooBigGroup,
    Unknown,
}

/// How many members of a list have what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GroupConflict {
    pub members: usize,
    pub available: usize,
    pub in_conflict: usize,
    pub unknown: usize,
}

/// A time worth telling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    pub start: Timestamp,
    /// The whole meeting lies in the working hours of everybody.
    pub is_work_time: bool,
    pub quality: Quality,
    /// One for each attendee, in their order.
    pub conflicts: Vec<Conflict>,
}

/// One day of the window on the caller's calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuggestedDay {
    pub date: Date,
    /// Of its best suggestion; poor where there is none.
    pub quality: Quality,
    /// In order of time.
    pub suggestions: Vec<Suggestion>,
}

/// The best times of each day of the window in `zone`, which is also the zone of those who have told no working hours.
///
/// Candidates begin on the half hour of `zone`'s clock; an hour that the clock shows twice is meant in its first
/// reading, one that it leaves out does not exist. Where a day has more times than it may have, those in working hours
/// come first, then the better, then the earlier.
#[must_use]
pub fn suggest(
    options: &SuggestionOptions,
    zone: &Zone,
    attendees: &[Invited<'_>],
) -> Vec<SuggestedDay> {
    let search = Search {
        options,
        zone,
        attendees: attendees
            .iter()
            .map(|invited| (Calendar::of(invited.known), invited.must_be_free))
            .collect(),
        work_times: work_time::of_all(attendees, zone),
    };
    let days = days_of(&options.window, zone).into_iter();
    days.map(|date| search.day(date)).collect()
}

/// The days on the calendar of `zone` of which some part lies in `window`: those that [`suggest`] tells.
pub fn days_of(window: &TimeWindow, zone: &Zone) -> Vec<Date> {
    let local = |at: Timestamp| local_time(zone, at);
    let Some((start, end)) = local(window.start()).zip(local(window.end())) else {
        return Vec::new();
    };
    let midnight = |date: &Date| date.to_datetime(time(0, 0, 0, 0));
    std::iter::successors(Some(start.date()), |date| date.tomorrow().ok())
        .take_while(|date| midnight(date) < end)
        .collect()
}

/// What the wall clock shows.
fn local_time(zone: &Zone, at: Timestamp) -> Option<DateTime> {
    let offset = jiff::tz::Offset::from_seconds(zone.offset_at(at)).ok()?;
    Some(offset.to_datetime(at))
}

struct Search<'a> {
    options: &'a SuggestionOptions,
    zone: &'a Zone,
    attendees: Vec<(Calendar, bool)>,
    work_times: Vec<WorkTime>,
}

impl Search<'_> {
    fn day(&self, date: Date) -> SuggestedDay {
        let options = self.options;
        let mut found: Vec<Suggestion> = self
            .starts(date)
            .into_iter()
            .filter_map(|start| self.judge(start))
            .collect();
        found.sort_by_key(|each| (!each.is_work_time, std::cmp::Reverse(each.quality)));
        let mut outside = options.per_day_outside;
        found.retain(|each| each.is_work_time || take(&mut outside));
        found.truncate(options.per_day);
        found.sort_by_key(|each| each.start);
        SuggestedDay {
            date,
            quality: found
                .iter()
                .map(|each| each.quality)
                .max()
                .unwrap_or(Quality::Poor),
            suggestions: found,
        }
    }

    /// When a meeting of this day might begin, so that all of it lies in the window.
    fn starts(&self, date: Date) -> BTreeSet<Timestamp> {
        let half_hours = (0..48_i8).filter_map(|half| {
            let local = date.at(half / 2, half % 2 * 30, 0, 0);
            let at = self.zone.to_utc(local).ok()?;
            (local_time(self.zone, at) == Some(local)).then_some(at)
        });
        let current = self
            .options
            .current
            .filter(|at| local_time(self.zone, *at).is_some_and(|local| local.date() == date));
        let window = &self.options.window;
        half_hours
            .chain(current)
            .filter(|start| *start >= window.start())
            .filter(|start| self.end(*start).is_some_and(|end| end <= window.end()))
            .collect()
    }

    fn end(&self, start: Timestamp) -> Option<Timestamp> {
        start.checked_add(self.options.duration).ok()
    }

    /// The suggestion that a time makes, if it is worth telling.
    fn judge(&self, start: Timestamp) -> Option<Suggestion> {
        let end = self.end(start)?;
        let is_work_time = self.work_times.iter().all(|hours| hours.hold(start, end));
        if !is_work_time && self.options.per_day_outside == 0 {
            return None;
        }
        let mut tally = Tally::default();
        let mut conflicts = Vec::with_capacity(self.attendees.len());
        for (calendar, must_be_free) in &self.attendees {
            let conflict = calendar.conflict(start, end);
            let free = tally.count(conflict);
            if *must_be_free && !free {
                return None;
            }
            conflicts.push(conflict);
        }
        let quality = tally.quality(self.options.good_threshold);
        (quality >= self.options.minimum).then_some(Suggestion {
            start,
            is_work_time,
            quality,
            conflicts,
        })
    }
}

fn take(left: &mut usize) -> bool {
    let any = *left > 0;
    *left = left.saturating_sub(1);
    any
}

/// How many are free of how many.
#[derive(Default)]
struct Tally {
    free: usize,
    all: usize,
}

impl Tally {
    /// Whether all that this conflict stands for are free.
    fn count(&mut self, conflict: Conflict) -> bool {
        let (free, all) = match conflict {
            Conflict::Individual(status) => (usize::from(calendar::is_free(status)), 1),
            Conflict::Group(group) => (group.available, group.members),
            Conflict::TooBigGroup | Conflict::Unknown => (0, 1),
        };
        self.free += free;
        self.all += all;
        free == all
    }

    fn quality(&self, good_threshold: u8) -> Quality {
        let reaches = |per_cent: usize| self.free * 100 >= self.all * per_cent;
        if self.free == self.all {
            Quality::Excellent
        } else if reaches(50 + usize::from(good_threshold)) {
            Quality::Good
        } else if reaches(50) {
            Quality::Fair
        } else {
            Quality::Poor
        }
    }
}

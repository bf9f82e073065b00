//! A series: one event with its instances, the ones that were taken out, and the ones that were changed. An event that
//! does not recur is a series of one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::{Date, DateTime};
use jiff::{SignedDuration, Span, Timestamp};

use super::event::Event;
use super::moment::{Length, Moment};
use super::rule::{Budget, Rule};
use super::{ReadError, TooManyEvents};
use crate::domain::{BusyStatus, CalendarEvent, EventDetails, TimeWindow};

#[derive(Debug, Clone)]
pub(super) struct Series {
    start: Moment,
    length: Length,
    status: BusyStatus,
    details: Arc<EventDetails>,
    rules: Vec<Rule>,
    /// Further instances: wall-clock time in the series' zone, instant, and a length of their own.
    more: Vec<(DateTime, Timestamp, Option<Length>)>,
    gone: Gone,
}

/// Instances that are not shown: taken out (EXDATE), or shown in another way (RECURRENCE-ID).
#[derive(Debug, Clone, Default)]
struct Gone {
    days: BTreeSet<Date>,
    instants: BTreeSet<Timestamp>,
}

/// All events of a calendar, put together by UID. Cancelled ones vanish here, after they have taken their place in the
/// series.
pub(super) fn group(events: Vec<Event>) -> Result<Vec<Series>, ReadError> {
    let (changes, masters): (Vec<_>, Vec<_>) = events
        .into_iter()
        .partition(|event| event.instead_of.is_some());
    let private: BTreeSet<String> = masters
        .iter()
        .filter(|master| master.details.flags.private)
        .filter_map(|master| master.uid.clone())
        .collect();
    let mut by_uid: BTreeMap<String, Vec<Event>> = BTreeMap::new();
    let mut series = Vec::new();
    for mut change in changes {
        inherit_privacy(&mut change, &private);
        match change.uid.clone() {
            Some(uid) => by_uid.entry(uid).or_default().push(change),
            None => series.extend(changed(change)?),
        }
    }
    for master in masters {
        let changes = master.uid.as_ref().and_then(|uid| by_uid.get(uid));
        series.extend(Series::new(master, changes.map_or(&[], Vec::as_slice))?);
    }
    for change in by_uid.into_values().flat_map(newest) {
        series.extend(changed(change)?);
    }
    Ok(series)
}

/// A changed instance that does not say whether it is private is as private as its series: RFC 5545 would have it public,
/// but who moves one meeting of a private series does not mean to publish it.
fn inherit_privacy(change: &mut Event, private: &BTreeSet<String>) {
    let of_private_series = change.uid.as_ref().is_some_and(|uid| private.contains(uid));
    if of_private_series && !change.has_class {
        let mut details = std::mem::take(&mut change.details);
        details.flags.private = true;
        change.details = details.masked();
    }
}

/// An instance that was changed, as an event of its own.
fn changed(mut change: Event) -> Result<Option<Series>, ReadError> {
    change.details.flags.recurring = true;
    change.details.flags.exception = true;
    Series::new(change, &[])
}

/// Of several changes of one instance the one with the highest SEQUENCE, and of those the last.
fn newest(changes: Vec<Event>) -> Vec<Event> {
    let mut newest: BTreeMap<Option<Timestamp>, Event> = BTreeMap::new();
    for change in changes {
        let of = change.instead_of.as_ref().and_then(Moment::instant);
        let older = newest
            .get(&of)
            .is_none_or(|kept| kept.sequence <= change.sequence);
        if older {
            newest.insert(of, change);
        }
    }
    newest.into_values().collect()
}

impl Series {
    /// None for a cancelled event.
    fn new(event: Event, changes: &[Event]) -> Result<Option<Self>, ReadError> {
        let Some(status) = event.status else {
            return Ok(None);
        };
        let recurs = event.recurs();
        let mut gone = Gone::default();
        for at in &event.except {
            gone.add(&event.start, at, "EXDATE")?;
        }
        for at in changes
            .iter()
            .filter_map(|change| change.instead_of.as_ref())
        {
            gone.add(&event.start, at, "RECURRENCE-ID")?;
        }
        let mut more = Vec::new();
        for (at, length) in event.more {
            let instant = at.instant().ok_or(ReadError::Property("RDATE"))?;
            let local = if event.start.whole_day {
                at.local
            } else {
                event.start.local_of(instant)
            };
            more.push((local, instant, length));
        }
        let mut details = event.details;
        details.flags.recurring |= recurs;
        Ok(Some(Self {
            start: event.start,
            length: event.length,
            status,
            details: Arc::new(details),
            rules: event.rules,
            more,
            gone,
        }))
    }

    /// Adds the instances that touch `window`.
    pub(super) fn expand(
        &self,
        window: &TimeWindow,
        budget: &mut Budget,
        events: &mut Vec<CalendarEvent>,
    ) -> Result<(), TooManyEvents> {
        budget.spend(1)?;
        let mut seen = BTreeSet::new();
        for local in self.times(window, budget)? {
            let first = self.start.instant_of(local);
            let second = self
                .repeats_hours()
                .then(|| self.start.second_instant_of(local))
                .flatten();
            for instant in first.into_iter().chain(second) {
                if seen.insert(instant) {
                    events.extend(self.instance(local, instant, self.length, window));
                }
            }
        }
        for (local, instant, length) in &self.more {
            budget.spend(1)?;
            if seen.insert(*instant) {
                let length = length.unwrap_or(self.length);
                events.extend(self.instance(*local, *instant, length, window));
            }
        }
        Ok(())
    }

    /// The wall-clock times at which instances start that may touch `window`; some too many at both ends.
    fn times(
        &self,
        window: &TimeWindow,
        budget: &mut Budget,
    ) -> Result<BTreeSet<DateTime>, TooManyEvents> {
        let earliest = window
            .start()
            .checked_sub(self.length.at_most())
            .unwrap_or(Timestamp::MIN);
        let from = day_before(self.start.local_of(earliest));
        let to = day_after(self.start.local_of(window.end()));
        let mut times = BTreeSet::new();
        if (from..to).contains(&self.start.local) {
            times.insert(self.start.local);
        }
        if self.start.local < to {
            for rule in &self.rules {
                times.extend(rule.times(&self.start, &(from..to), budget)?);
            }
        }
        Ok(times)
    }

    /// An hourly series goes on through the hour that a clock change repeats.
    fn repeats_hours(&self) -> bool {
        self.rules.iter().any(Rule::is_hourly_or_faster)
    }

    fn instance(
        &self,
        local: DateTime,
        start: Timestamp,
        length: Length,
        window: &TimeWindow,
    ) -> Option<CalendarEvent> {
        if self.gone.holds(local, start) {
            return None;
        }
        let end = length
            .end(&self.start, local, start)
            .unwrap_or(Timestamp::MAX);
        window.touches(start, end).then(|| CalendarEvent {
            start,
            end,
            status: self.status,
            details: Some(Arc::clone(&self.details)),
        })
    }
}

impl Gone {
    /// `at` names an instance of the series by its day or by its instant; a whole-day series has days only.
    fn add(&mut self, series: &Moment, at: &Moment, name: &'static str) -> Result<(), ReadError> {
        if at.whole_day {
            self.days.insert(at.local.date());
            return Ok(());
        }
        let instant = at.instant().ok_or(ReadError::Property(name))?;
        if series.whole_day {
            self.days.insert(series.local_of(instant).date());
        } else {
            self.instants.insert(instant);
        }
        Ok(())
    }

    fn holds(&self, local: DateTime, instant: Timestamp) -> bool {
        self.instants.contains(&instant) || self.days.contains(&local.date())
    }
}

/// Room for every offset a zone can have.
fn day_before(local: DateTime) -> DateTime {
    local
        .checked_sub(Span::new().days(1))
        .unwrap_or(DateTime::MIN)
}

fn day_after(local: DateTime) -> DateTime {
    local
        .checked_add(SignedDuration::from_hours(24))
        .unwrap_or(DateTime::MAX)
}

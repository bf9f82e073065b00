//! One type for every zone a question or a calendar may name, and the local wall clock of a stretch of time.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::pieces::Pieces;
use super::seasons::{floor_second, nearest_timestamp, wall_second};
use super::{ZoneError, ZoneRules};
use crate::domain::TimeWindow;

/// Days by which a [`LocalView`] reaches beyond its window: events that only touch it are told whole.
const VIEW_MARGIN_DAYS: i64 = 40;

/// The most stretches of one [`LocalView`]; of a window of many years it holds the first ones.
const VIEW_STRETCHES: usize = 64;

/// A time zone: which wall clock holds at which instant. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Rules(Pieces),
    Iana(TimeZone),
}

/// The wall clock of a zone around one window, computed beforehand for many questions about it.
#[derive(Debug, Clone)]
pub struct LocalView {
    zone: Zone,
    /// Start in seconds of Unix time and seconds east of UTC, in order.
    stretches: Box<[(i64, i32)]>,
    /// Seconds of Unix time: from here on the stretches say nothing.
    end: i64,
}

impl Zone {
    #[must_use]
    pub fn utc() -> Self {
        Self::from_rules(ZoneRules::UTC)
    }

    #[must_use]
    pub fn from_rules(rules: ZoneRules) -> Self {
        Self(Kind::Rules(Pieces::always(rules)))
    }

    #[must_use]
    pub fn iana(zone: TimeZone) -> Self {
        Self(Kind::Iana(zone))
    }

    /// Rules that hold from a local date on, read from the clock of the rules before. Those without a date hold from
    /// the beginning; where none are without, the earliest hold from the beginning. No rules at all are UTC.
    #[must_use]
    pub fn dated(rules: Vec<(Option<DateTime>, ZoneRules)>) -> Self {
        Self(Kind::Rules(Pieces::dated(rules)))
    }

    /// Seconds east of UTC at this instant: `local = UTC + offset`.
    #[must_use]
    pub fn offset_at(&self, timestamp: Timestamp) -> i32 {
        match &self.0 {
            Kind::Rules(pieces) => pieces.offset_at(floor_second(timestamp)),
            Kind::Iana(zone) => zone.to_offset(timestamp).seconds(),
        }
    }

    /// The instant at which the wall clock shows `local`. A time that the clock leaves out in spring is read with the
    /// offset before the change (02:30 is what becomes 03:30), one that it shows twice in autumn is the first.
    ///
    /// # Errors
    /// [`ZoneError::OutOfRange`] where there is no such instant, which can happen near the first and last year only.
    pub fn to_utc(&self, local: DateTime) -> Result<Timestamp, ZoneError> {
        match &self.0 {
            Kind::Rules(pieces) => {
                let wall = wall_second(local);
                let second = wall - i64::from(pieces.offset_for_wall(wall));
                Timestamp::new(second, local.subsec_nanosecond())
            }
            Kind::Iana(zone) => zone.to_timestamp(local),
        }
        .map_err(|_| ZoneError::OutOfRange)
    }

    /// The wall clock around `window`, for looking up many instants.
    #[must_use]
    pub fn local_view(&self, window: &TimeWindow) -> LocalView {
        const MARGIN: i64 = VIEW_MARGIN_DAYS * 86_400;
        let mut start = floor_second(window.start()) - MARGIN;
        let mut end = floor_second(window.end()) + MARGIN;
        let mut stretches = Vec::with_capacity(3);
        loop {
            stretches.push((start, self.offset_at(nearest_timestamp(start))));
            match self.next_change(start).filter(|&next| next < end) {
                None => break,
                Some(next) if stretches.len() >= VIEW_STRETCHES => {
                    end = next;
                    break;
                }
                Some(next) => start = next,
            }
        }
        LocalView {
            zone: self.clone(),
            stretches: stretches.into(),
            end,
        }
    }

    /// The first second after `second` at which the offset may change.
    fn next_change(&self, second: i64) -> Option<i64> {
        match &self.0 {
            Kind::Rules(pieces) => pieces.next_change(second),
            Kind::Iana(zone) => zone
                .following(nearest_timestamp(second))
                .map(|change| change.timestamp().as_second())
                .find(|&at| at > second),
        }
    }
}

impl LocalView {
    /// Seconds from 1970-01-01T00:00:00 to what the wall clock shows, as if it were UTC; fractions are cut off.
    #[must_use]
    pub fn local_seconds(&self, timestamp: Timestamp) -> i64 {
        let second = floor_second(timestamp);
        let begun = self
            .stretches
            .partition_point(|&(start, _)| start <= second);
        let offset = match begun.checked_sub(1).and_then(|at| self.stretches.get(at)) {
            Some(&(_, offset)) if second < self.end => offset,
            Some(_) | None => self.zone.offset_at(timestamp),
        };
        second + i64::from(offset)
    }
}

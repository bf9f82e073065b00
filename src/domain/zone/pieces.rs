//! Rules that follow one another in time, as one clock. One set of rules for all time is the simplest case.

use std::sync::Arc;

use jiff::civil::DateTime;

use super::ZoneRules;
use super::seasons::wall_second;

/// A day and some hours: no offset is larger.
const LARGEST_OFFSET_SECONDS: i64 = 26 * 3600;

/// Never empty, in order of start; the first holds from the beginning of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pieces(Arc<[Piece]>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    /// Seconds of Unix time.
    start: i64,
    rules: ZoneRules,
}

impl Pieces {
    pub(super) fn always(rules: ZoneRules) -> Self {
        Self(Arc::new([Piece {
            start: i64::MIN,
            rules,
        }]))
    }

    /// See [`super::Zone::dated`].
    pub(super) fn dated(mut rules: Vec<(Option<DateTime>, ZoneRules)>) -> Self {
        rules.sort_by_key(|(date, _)| *date);
        let mut pieces: Vec<Piece> = Vec::with_capacity(rules.len());
        for (date, rules) in rules {
            let start = match (date, pieces.last()) {
                (Some(date), Some(before)) => {
                    let wall = wall_second(date);
                    let offset = Self::always(before.rules).offset_for_wall(wall);
                    before.start.max(wall - i64::from(offset))
                }
                (None, _) | (_, None) => i64::MIN,
            };
            pieces.push(Piece { start, rules });
        }
        if pieces.is_empty() {
            Self::always(ZoneRules::UTC)
        } else {
            Self(pieces.into())
        }
    }

    /// Seconds east of UTC at a second of Unix time.
    pub(super) fn offset_at(&self, second: i64) -> i32 {
        self.rules_at(second)
            .map_or(0, |rules| rules.offset_at(second))
    }

    /// The first second after `second` at which the offset may change.
    pub(super) fn next_change(&self, second: i64) -> Option<i64> {
        let next_piece = self
            .0
            .iter()
            .map(|piece| piece.start)
            .find(|&start| start > second);
        let within = self
            .rules_at(second)
            .and_then(|rules| rules.next_change(second));
        next_piece.into_iter().chain(within).min()
    }

    /// The offset with which to read a second of the wall clock; see [`super::Zone::to_utc`] for gaps and folds.
    pub(super) fn offset_for_wall(&self, wall: i64) -> i32 {
        let mut before_all = 0;
        let mut largest_fitting = None;
        let mut largest = i32::MIN;
        for offset in self.offsets_near(wall) {
            let second = wall - i64::from(offset);
            let in_force = self.offset_at(second);
            if in_force == offset {
                // Of the two readings of a repeated hour, the one with the larger offset is the earlier instant.
                largest_fitting = largest_fitting.max(Some(offset));
            }
            if offset > largest {
                largest = offset;
                before_all = in_force;
            }
        }
        // Nothing fits in a gap; the earliest reading of the wall clock lies before it.
        largest_fitting.unwrap_or(before_all)
    }

    /// All offsets that may be in force while the wall clock shows `wall`.
    fn offsets_near(&self, wall: i64) -> impl Iterator<Item = i32> + '_ {
        let before = wall.saturating_sub(LARGEST_OFFSET_SECONDS);
        let after = wall.saturating_add(LARGEST_OFFSET_SECONDS);
        let started = self.0.partition_point(|piece| piece.start <= before);
        self.0
            .iter()
            .skip(started.saturating_sub(1))
            .take_while(move |piece| piece.start <= after)
            .flat_map(|piece| piece.rules.offsets())
    }

    fn rules_at(&self, second: i64) -> Option<&ZoneRules> {
        let started = self.0.partition_point(|piece| piece.start <= second);
        self.0
            .get(started.saturating_sub(1))
            .map(|piece| &piece.rules)
    }
}

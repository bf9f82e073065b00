//! When the two halves of [`ZoneRules`] begin and end, second by second. Not concerned with other kinds of zones.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::Offset;

use super::{LARGEST_BIAS_MINUTES, ZoneRule, ZoneRules};

const EPOCH: Date = Date::constant(1970, 1, 1);

/// One rule with what it leads to.
struct Change<'a> {
    rule: &'a ZoneRule,
    /// Seconds east of UTC, from the change on.
    to: i32,
    /// Seconds east of UTC, before the change: the clock that the rule's time is read from.
    from: i32,
}

impl ZoneRules {
    /// Seconds east of UTC at a second of Unix time.
    ///
    /// The half in force is the one that began last. Before the first change of all, which rules for one year only
    /// can have, it is the half that this change ends.
    pub(super) fn offset_at(&self, second: i64) -> i32 {
        let Some(changes) = self.changes() else {
            return self.standard_offset();
        };
        let mut latest: Option<(i64, i32)> = None;
        let mut first: Option<(i64, i32)> = None;
        for change in &changes {
            for at in change.instants_near(second) {
                if at <= second {
                    latest = latest.max(Some((at, change.to)));
                } else if first.is_none_or(|(earliest, _)| at < earliest) {
                    first = Some((at, change.from));
                }
            }
        }
        latest
            .or(first)
            .map_or_else(|| self.standard_offset(), |(_, offset)| offset)
    }

    /// The first moment after `second` at which a rule acts.
    pub(super) fn next_change(&self, second: i64) -> Option<i64> {
        let changes = self.changes()?;
        changes
            .iter()
            .flat_map(|change| change.instants_near(second))
            .filter(|&at| at > second)
            .min()
    }

    /// The offsets of the two halves, seconds east of UTC; equal where there is no daylight time.
    pub(super) fn offsets(&self) -> [i32; 2] {
        let standard = self.standard_offset();
        if self.has_daylight_time() {
            [standard, self.offset_with(&self.daylight)]
        } else {
            [standard, standard]
        }
    }

    /// Both changes, or none where there is no daylight time.
    fn changes(&self) -> Option<[Change<'_>; 2]> {
        if !self.has_daylight_time() {
            return None;
        }
        let [standard, daylight] = self.offsets();
        Some([
            Change {
                rule: &self.standard,
                to: standard,
                from: daylight,
            },
            Change {
                rule: &self.daylight,
                to: daylight,
                from: standard,
            },
        ])
    }

    /// Where there is no daylight time, the standard half lasts all the year, its bias included.
    fn standard_offset(&self) -> i32 {
        self.offset_with(&self.standard)
    }

    fn offset_with(&self, half: &ZoneRule) -> i32 {
        let minutes = self.bias_minutes.saturating_add(half.bias_minutes);
        -minutes.clamp(-LARGEST_BIAS_MINUTES, LARGEST_BIAS_MINUTES) * 60
    }
}

impl Change<'_> {
    /// When the rule acts in the year of `second` and the two beside it, or in its only year.
    fn instants_near(&self, second: i64) -> impl Iterator<Item = i64> + '_ {
        let years = self.rule.only_year().map_or_else(
            || {
                let year = year_of(second);
                year.saturating_sub(1)..=year.saturating_add(1)
            },
            |year| year..=year,
        );
        years.filter_map(|year| {
            let wall = wall_second(self.rule.day_in(year)?.to_datetime(self.rule.time));
            Some(wall - i64::from(self.from))
        })
    }
}

/// The whole seconds from 1970-01-01T00:00:00 to `wall` on one and the same clock.
pub(super) fn wall_second(wall: DateTime) -> i64 {
    let time = wall.time();
    wall.date().duration_since(EPOCH).as_secs()
        + i64::from(time.hour()) * 3600
        + i64::from(time.minute()) * 60
        + i64::from(time.second())
}

/// The second in which `timestamp` lies, also before 1970, where the library rounds towards the epoch.
pub(super) fn floor_second(timestamp: Timestamp) -> i64 {
    timestamp.as_second() - i64::from(timestamp.subsec_nanosecond() < 0)
}

/// A second of Unix time as a timestamp, the nearest one there is.
pub(super) fn nearest_timestamp(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or(if second < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

fn year_of(second: i64) -> i16 {
    Offset::UTC.to_datetime(nearest_timestamp(second)).year()
}

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
        if let Some(offset) = Year::of(second).offset_at(&changes, second) {
            return offset;
        }
        self.offset_among(&changes, second)
    }

    /// By all changes around `second`.
    fn offset_among(&self, changes: &[Change<'_>; 2], second: i64) -> i32 {
        let mut latest: Option<(i64, i32)> = None;
        let mut first: Option<(i64, i32)> = None;
        for change in changes {
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
        if let Some(next) = Year::of(second).next_change(&changes, second) {
            return Some(next);
        }
        next_among(&changes, second)
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

/// By all changes around `second`.
fn next_among(changes: &[Change<'_>; 2], second: i64) -> Option<i64> {
    changes
        .iter()
        .flat_map(|change| change.instants_near(second))
        .filter(|&at| at > second)
        .min()
}

impl Change<'_> {
    /// When the rule acts in the years around `second`, or in its only year: the last time before and the first after it
    /// are among them. Around New Year the nearest change may be that of the year before or after.
    fn instants_near(&self, second: i64) -> impl Iterator<Item = i64> + '_ {
        let years = self.rule.only_year().map_or_else(
            || {
                let year = year_of(second);
                year.saturating_sub(2)..=year.saturating_add(2)
            },
            |year| year..=year,
        );
        years.filter_map(|year| self.instant_in(year))
    }

    fn instant_in(&self, year: i16) -> Option<i64> {
        let wall = wall_second(self.rule.day_in(year)?.to_datetime(self.rule.time));
        Some(wall - i64::from(self.from))
    }
}

/// A short cut for most of a year and nearly all rules: what this year's changes say where no change of another year can lie
/// between them and the moment. None elsewhere.
struct Year {
    number: i16,
    /// In UTC. No offset is larger than a day, so that changes of the years before and after lie outside.
    inner: std::ops::Range<i64>,
}

impl Year {
    fn of(second: i64) -> Self {
        const DAY: i64 = 24 * 60 * 60;
        let day = Offset::UTC.to_datetime(nearest_timestamp(second)).date();
        let start = (second.div_euclid(DAY) + 1 - i64::from(day.day_of_year())) * DAY;
        Self {
            number: day.year(),
            inner: start + 2 * DAY..start + 363 * DAY,
        }
    }

    fn offset_at(&self, changes: &[Change<'_>; 2], second: i64) -> Option<i32> {
        let changes = self.instants(changes, second)?.into_iter().flatten();
        let latest = changes.filter(|(at, _)| *at <= second).max()?;
        self.inner.contains(&latest.0).then_some(latest.1)
    }

    fn next_change(&self, changes: &[Change<'_>; 2], second: i64) -> Option<i64> {
        let changes = self.instants(changes, second)?.into_iter().flatten();
        let instants = changes.map(|(at, _)| at);
        let next = instants.filter(|at| *at > second).min()?;
        self.inner.contains(&next).then_some(next)
    }

    /// When both rules act, each with the offset that it leads to.
    fn instants(&self, changes: &[Change<'_>; 2], second: i64) -> Option<[Option<(i64, i32)>; 2]> {
        let is_yearly = |change: &Change<'_>| change.rule.only_year().is_none();
        let is_plain = self.inner.contains(&second) && changes.iter().all(is_yearly);
        let instant = |change: &Change<'_>| Some((change.instant_in(self.number)?, change.to));
        is_plain.then(|| changes.each_ref().map(instant))
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

#[cfg(test)]
mod tests {
    use jiff::civil::{Time, Weekday};
    use proptest::prelude::*;

    use super::*;

    const DAY: i64 = 24 * 60 * 60;

    fn rule(year: impl Strategy<Value = Option<i16>>) -> impl Strategy<Value = ZoneRule> {
        let month = prop_oneof![Just(1_i8), Just(12), 1_i8..=12];
        // 0 and 6 name no day, but where there is a year.
        let order = prop_oneof![3 => Just(1_i8), 3 => Just(5), 3 => 1_i8..=5, 1 => 0_i8..=6];
        let day = (month, order, 0_i8..7, year);
        (day, -720_i32..=720, 0..DAY).prop_map(|((month, day_order, weekday, year), bias, time)| {
            ZoneRule {
                bias_minutes: bias,
                time: Time::midnight() + jiff::SignedDuration::from_secs(time),
                day_order,
                month,
                weekday: Weekday::from_sunday_zero_offset(weekday).unwrap(),
                year,
            }
        })
    }

    /// In years of both lengths, half of them around New Year.
    fn moment() -> impl Strategy<Value = i64> {
        let day = prop_oneof![-3_i64..=3, 0_i64..365];
        (2020_i16..2032, day, 0..DAY).prop_map(|(year, day, time)| {
            let begins = wall_second(Date::constant(year, 1, 1).to_datetime(Time::midnight()));
            begins + day * DAY + time
        })
    }

    fn rules(standard: ZoneRule, daylight: ZoneRule, bias_minutes: i32) -> ZoneRules {
        ZoneRules {
            bias_minutes,
            standard,
            daylight,
        }
    }

    /// The offset and the next change by all instants of nine years.
    fn by_all(rules: &ZoneRules, second: i64) -> (i32, Option<i64>) {
        let Some(changes) = rules.changes() else {
            return (rules.standard_offset(), None);
        };
        let mut all: Vec<(i64, i32, i32)> = Vec::new();
        for change in &changes {
            let years = match change.rule.only_year() {
                Some(year) => year..=year,
                None => year_of(second) - 4..=year_of(second) + 4,
            };
            let at = years.filter_map(|year| change.instant_in(year));
            all.extend(at.map(|at| (at, change.to, change.from)));
        }
        // Of two at once, the first in the order of the rules ends what was, and the larger offset begins.
        all.sort_by_key(|(at, ..)| *at);
        let next = all.iter().find(|(at, ..)| *at > second);
        let latest = all.iter().filter(|(at, ..)| *at <= second);
        let latest = latest.max_by_key(|(at, to, _)| (*at, *to));
        let before_all = next.map(|next| next.2);
        let offset = latest.map(|latest| latest.1).or(before_all);
        (
            offset.unwrap_or(rules.standard_offset()),
            next.map(|next| next.0),
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn the_short_cut_leads_where_the_long_way_does(
            (standard, daylight, bias) in (rule(Just(None)), rule(Just(None)), -720_i32..=720),
            second in moment(),
        ) {
            let rules = rules(standard, daylight, bias);
            let Some(changes) = rules.changes() else {
                return Ok(());
            };
            let year = Year::of(second);
            if let Some(offset) = year.offset_at(&changes, second) {
                prop_assert_eq!(offset, rules.offset_among(&changes, second));
            }
            if let Some(next) = year.next_change(&changes, second) {
                prop_assert_eq!(Some(next), next_among(&changes, second));
            }
        }

        #[test]
        fn the_changes_of_other_years_change_nothing(
            (standard, daylight) in {
                let year = || prop::option::weighted(0.3, 2024_i16..2028);
                (rule(year()), rule(year()))
            },
            bias in -720_i32..=720,
            second in moment(),
        ) {
            let rules = rules(standard, daylight, bias);
            let expected = by_all(&rules, second);
            prop_assert_eq!((rules.offset_at(second), rules.next_change(second)), expected);
        }
    }

    fn yearly(bias_minutes: i32, month: i8, weekday: Weekday, hour: i8) -> ZoneRule {
        ZoneRule {
            bias_minutes,
            time: Time::constant(hour, 0, 0, 0),
            day_order: 5,
            month,
            weekday,
            year: None,
        }
    }

    #[test]
    fn beside_a_rule_for_one_year_the_change_before_new_year_is_not_overlooked() {
        let once = ZoneRule {
            day_order: 5,
            year: Some(2024),
            ..yearly(0, 1, Weekday::Friday, 0)
        };
        let rules = rules(once, yearly(-60, 12, Weekday::Monday, 23), 720);
        // 2030 has begun in UTC, and the daylight time of December 2029 comes eleven hours later.
        let second = 1_893_456_000;
        assert_eq!(rules.offset_at(second), -39_600);
        assert_eq!(rules.next_change(second), Some(second + 11 * 3600));
    }

    #[test]
    fn most_of_a_year_takes_the_short_cut() {
        let standard = yearly(0, 10, Weekday::Sunday, 3);
        let berlin = rules(standard, yearly(-60, 3, Weekday::Sunday, 2), -60);
        let changes = berlin.changes().unwrap();
        let begins = wall_second(Date::constant(2026, 1, 1).to_datetime(Time::midnight()));
        let days = || (0..365).map(|day| begins + day * DAY);
        let short = |day: &i64| Year::of(*day).offset_at(&changes, *day).is_some();
        assert!(days().filter(short).count() > 270);
        let short = |day: &i64| Year::of(*day).next_change(&changes, *day).is_some();
        assert!(days().filter(short).count() > 290);
    }
}

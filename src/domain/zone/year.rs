//! One calendar year of an IANA zone, said in at most two recurring changes. The only place that turns transitions of
//! the IANA database into rules; which instants these rules mean is computed elsewhere.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time, Weekday, time};
use jiff::tz::{Offset, TimeZone};

use super::seasons::{nearest_timestamp, wall_second};
use super::{ZoneRule, ZoneRules};

/// How many years on either side say whether the fourth Sunday of a month is meant, or the last.
const NEIGHBOURS: i16 = 6;

/// The half with the smaller offset is the standard one, whatever the law of the country calls it: so do Windows and
/// the clients of EWS, where Morocco's Ramadan and Ireland's winter are standard time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Year {
    /// The same bias all the year, in minutes.
    Steady { bias: i32 },
    Seasons {
        /// Minutes.
        standard_bias: i32,
        /// Minutes, not added to the standard bias.
        daylight_bias: i32,
        to_standard: YearlyDay,
        to_daylight: YearlyDay,
    },
}

/// A day that comes once a year, and the wall-clock time of the change on it, in the half that ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct YearlyDay {
    pub(super) month: i8,
    pub(super) weekday: Weekday,
    /// Bit N: it is the Nth such weekday of its month; bit 5: it is the last. Never empty.
    orders: u8,
    pub(super) time: Time,
}

/// A stretch of one offset, in seconds of Unix time and seconds east of UTC.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    start: i64,
    end: i64,
    offset: i32,
}

/// `outer` until `from`, `inner` until `until`, then `outer` again; no second change where `until` is the year's end.
#[derive(Debug, Clone, Copy)]
struct Plan {
    outer: i32,
    inner: i32,
    from: i64,
    until: i64,
}

/// The rules of `year`, worded so that they hold in the years around it as well if any wording does.
pub(super) fn rules(zone: &TimeZone, year: i16) -> ZoneRules {
    let mut worded = Year::of(zone, year);
    for step in [1, -1] {
        for distance in 1..=NEIGHBOURS {
            let neighbour = year.saturating_add(step * distance);
            match worded.joined(&Year::of(zone, neighbour)) {
                Some(both) => worded = both,
                None => break,
            }
        }
    }
    worded.to_rules()
}

impl Year {
    /// The year as the zone has it; where it has more than two changes or three offsets, what is wrong for the
    /// shortest time.
    pub(super) fn of(zone: &TimeZone, year: i16) -> Self {
        let stretches = stretches(zone, year);
        match stretches.as_slice() {
            [] => Self::Steady { bias: 0 },
            [only] => Self::Steady {
                bias: bias(only.offset),
            },
            [first, .., last] => Plan::best(&stretches).map_or(
                Self::Steady {
                    bias: bias(first.offset),
                },
                |plan| plan.to_year(year, last.end),
            ),
        }
    }

    /// One wording for both years, if there is one.
    pub(super) fn joined(&self, other: &Self) -> Option<Self> {
        match (*self, *other) {
            (Self::Steady { bias }, Self::Steady { bias: other }) => {
                (bias == other).then_some(*self)
            }
            (
                Self::Seasons {
                    standard_bias,
                    daylight_bias,
                    to_standard,
                    to_daylight,
                },
                Self::Seasons {
                    standard_bias: other_standard,
                    daylight_bias: other_daylight,
                    to_standard: other_autumn,
                    to_daylight: other_spring,
                },
            ) if (standard_bias, daylight_bias) == (other_standard, other_daylight) => {
                Some(Self::Seasons {
                    standard_bias,
                    daylight_bias,
                    to_standard: to_standard.joined(other_autumn)?,
                    to_daylight: to_daylight.joined(other_spring)?,
                })
            }
            (Self::Steady { .. } | Self::Seasons { .. }, _) => None,
        }
    }

    pub(super) fn to_rules(self) -> ZoneRules {
        match self {
            Self::Steady { bias } => ZoneRules::fixed(bias),
            Self::Seasons {
                standard_bias,
                daylight_bias,
                to_standard,
                to_daylight,
            } => ZoneRules {
                bias_minutes: standard_bias,
                standard: to_standard.to_rule(0),
                daylight: to_daylight.to_rule(daylight_bias - standard_bias),
            },
        }
    }
}

impl YearlyDay {
    fn at(wall: DateTime) -> Self {
        let nth = (wall.day() - 1) / 7 + 1;
        let last = wall.day() + 7 > wall.days_in_month();
        Self {
            month: wall.month(),
            weekday: wall.weekday(),
            orders: 1 << nth | u8::from(last) << 5,
            time: wall.time(),
        }
    }

    /// 1 to 5, 5 meaning the last.
    pub(super) fn order(self) -> i8 {
        self.orders.trailing_zeros() as i8
    }

    fn joined(self, other: Self) -> Option<Self> {
        let orders = self.orders & other.orders;
        let same = Self { orders, ..self } == Self { orders, ..other };
        (same && orders != 0).then_some(Self { orders, ..self })
    }

    fn to_rule(self, bias_minutes: i32) -> ZoneRule {
        ZoneRule {
            bias_minutes,
            time: self.time,
            day_order: self.order(),
            month: self.month,
            weekday: self.weekday,
            year: None,
        }
    }
}

impl Plan {
    /// The plan that is wrong for the fewest seconds.
    fn best(stretches: &[Stretch]) -> Option<Self> {
        let mut best: Option<(i64, Self)> = None;
        for (at, from) in stretches.iter().enumerate().skip(1) {
            for until in stretches.iter().skip(at) {
                for (outer, inner) in pairs(stretches) {
                    let plan = Self {
                        outer,
                        inner,
                        from: from.start,
                        until: until.end,
                    };
                    let wrong = plan.wrong_seconds(stretches);
                    if best.is_none_or(|(least, _)| wrong < least) {
                        best = Some((wrong, plan));
                    }
                }
            }
        }
        best.map(|(_, plan)| plan)
    }

    fn wrong_seconds(&self, stretches: &[Stretch]) -> i64 {
        stretches
            .iter()
            .filter(|stretch| {
                let inside = self.from <= stretch.start && stretch.end <= self.until;
                stretch.offset != if inside { self.inner } else { self.outer }
            })
            .map(|stretch| stretch.end - stretch.start)
            .sum()
    }

    fn to_year(self, year: i16, end: i64) -> Year {
        let to_inner = YearlyDay::at(wall_in(year, self.from, self.outer));
        let to_outer = YearlyDay::at(if self.until < end {
            wall_in(year, self.until, self.inner)
        } else {
            new_year(year)
        });
        let outer_is_standard = self.outer < self.inner;
        let (to_standard, to_daylight) = if outer_is_standard {
            (to_outer, to_inner)
        } else {
            (to_inner, to_outer)
        };
        Year::Seasons {
            standard_bias: bias(self.outer.min(self.inner)),
            daylight_bias: bias(self.outer.max(self.inner)),
            to_standard,
            to_daylight,
        }
    }
}

/// All ordered pairs of different offsets.
fn pairs(stretches: &[Stretch]) -> impl Iterator<Item = (i32, i32)> + '_ {
    stretches.iter().flat_map(|outer| {
        stretches
            .iter()
            .map(|inner| (outer.offset, inner.offset))
            .filter(|(outer, inner)| outer != inner)
    })
}

/// The year as the zone's own calendar has it, from New Year to New Year, neighbours of equal offset joined.
fn stretches(zone: &TimeZone, year: i16) -> Vec<Stretch> {
    let start = first_second(zone, year);
    let end = first_second(zone, year.saturating_add(1));
    let mut stretches = vec![Stretch {
        start,
        end,
        offset: zone.to_offset(nearest_timestamp(start)).seconds(),
    }];
    for change in zone.following(nearest_timestamp(start)) {
        let at = change.timestamp().as_second();
        let offset = change.offset().seconds();
        if at >= end {
            break;
        }
        match stretches.last_mut() {
            Some(last) if last.offset != offset => last.end = at,
            Some(_) | None => continue,
        }
        stretches.push(Stretch {
            start: at,
            end,
            offset,
        });
    }
    stretches
}

fn first_second(zone: &TimeZone, year: i16) -> i64 {
    let midnight = new_year(year);
    zone.to_timestamp(midnight)
        .map_or_else(|_| wall_second(midnight), Timestamp::as_second)
}

/// What a clock with this offset shows, kept within the year: a change at the end of 31 December is said a second
/// early, as Windows does.
fn wall_in(year: i16, second: i64, offset: i32) -> DateTime {
    let shown = Offset::UTC.to_datetime(nearest_timestamp(second + i64::from(offset)));
    let last = new_year(year)
        .date()
        .last_of_year()
        .to_datetime(time(23, 59, 59, 0));
    shown.clamp(new_year(year), last)
}

fn new_year(year: i16) -> DateTime {
    Date::new(year, 1, 1)
        .unwrap_or(if year < 0 { Date::MIN } else { Date::MAX })
        .to_datetime(Time::midnight())
}

/// Minutes, `UTC = local + bias`. Offsets with seconds ended with the local mean times of long ago; they are rounded.
fn bias(offset: i32) -> i32 {
    -((offset + 30).div_euclid(60))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::zone::Zone;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    /// Hours east of UTC by the rules of one year, at instants.
    #[track_caller]
    fn check(name: &str, year: i16, cases: &[(&str, i32)]) {
        let told = Zone::from_rules(rules(&zone(name), year));
        for (at, hours) in cases {
            let offset = told.offset_at(at.parse().unwrap());
            assert_eq!(offset, hours * 3600, "{name} at {at}");
        }
    }

    #[test]
    fn a_year_is_the_one_of_the_local_calendar() {
        // The island left out 31 December 1994: its year 1994 ended with the change.
        let kiritimati = zone("Pacific/Kiritimati");
        assert_eq!(rules(&kiritimati, 1994), ZoneRules::fixed(600));
        assert_eq!(rules(&kiritimati, 1995), ZoneRules::fixed(-840));
    }

    #[test]
    fn a_year_with_one_change_begins_with_the_other() {
        check(
            "Europe/Moscow",
            2011,
            &[
                ("2010-12-31T21:00Z", 3),
                ("2011-03-26T22:59:59Z", 3),
                ("2011-03-26T23:00Z", 4),
                ("2011-12-31T19:59:59Z", 4),
            ],
        );
        check(
            "Europe/Moscow",
            2014,
            &[
                // The first hour of this year is the price: by the rules, the clock before it stood at 23:00.
                ("2013-12-31T21:00Z", 4),
                ("2014-10-25T21:59:59Z", 4),
                ("2014-10-25T22:00Z", 3),
                ("2014-12-31T20:59:59Z", 3),
            ],
        );
    }

    #[test]
    fn of_many_changes_the_two_that_are_wrong_for_the_shortest_time_are_told() {
        // Summer time from 16 May to 26 September 2014, but not from 27 June to 31 July.
        check(
            "Africa/Cairo",
            2014,
            &[
                ("2014-05-15T21:59:59Z", 2),
                ("2014-05-15T22:00Z", 3),
                ("2014-07-15T00:00Z", 3),
                ("2014-09-25T20:59:59Z", 3),
                ("2014-09-25T21:00Z", 2),
            ],
        );
    }

    #[test]
    fn a_change_at_the_very_end_of_a_year_is_told_a_second_early() {
        check(
            "Asia/Dhaka",
            2009,
            &[
                ("2009-06-19T16:59:59Z", 6),
                ("2009-06-19T17:00Z", 7),
                ("2009-12-31T16:59:58Z", 7),
                ("2009-12-31T17:00Z", 6),
            ],
        );
    }

    #[test]
    fn the_wording_holds_in_the_years_around() {
        // In 2029 the last Sunday of March is also the fourth.
        let berlin = rules(&zone("Europe/Berlin"), 2029);
        assert_eq!(
            (berlin.daylight.day_order, berlin.standard.day_order),
            (5, 5)
        );
        let new_york = rules(&zone("America/New_York"), 2029);
        assert_eq!(
            (new_york.daylight.day_order, new_york.standard.day_order),
            (2, 1)
        );
    }
}

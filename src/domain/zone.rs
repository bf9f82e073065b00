//! Time zones: the rules that EWS carries, IANA zones and Windows names, behind one type with explicit gaps and folds.
//! No wire format and no clock: codecs read and print, this module computes.

use jiff::civil::{Date, Time, Weekday, time};
use jiff::tz::TimeZone;

pub mod definition;
mod local;
pub mod names;
mod pieces;
mod seasons;
mod view;
pub mod windows;
mod year;

#[cfg(test)]
mod agreement;

pub use local::Zone;
pub use view::LocalView;

/// The largest bias, one day: no place on Earth is further from UTC than 14 hours, and no sum may leave this range.
const LARGEST_BIAS_MINUTES: i32 = 24 * 60;

/// The zone of an EWS `SerializableTimeZone` ([MS-OXWAVLS] section 2.2.4.20): `UTC = local + bias`.
///
/// [`ZoneRules::new`] checks; it is the way in for whatever times are computed with. Written as a literal, the rules
/// are kept as they are, which is what working hours need: they are only passed on, and an odd zone of one mailbox
/// must not cost its whole answer. Even then [`Zone::from_rules`] answers without a panic: a rule that names no day
/// never acts, and a bias beyond a day counts as a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ZoneRules {
    /// Minutes, `UTC = local + bias` (Berlin: -60).
    pub bias_minutes: i32,
    pub standard: ZoneRule,
    pub daylight: ZoneRule,
}

/// When one half of the year begins, and what it adds to the bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ZoneRule {
    /// Minutes, added to the zone's bias while this half lasts.
    pub bias_minutes: i32,
    /// Wall-clock time of the change, in the half that ends.
    pub time: Time,
    /// 1 to 5, 5 meaning the last; with `year`, the day of the month 1 to 31; 0 where there is no daylight time.
    pub day_order: i8,
    /// 1 to 12; 0 where there is no daylight time.
    pub month: i8,
    pub weekday: Weekday,
    /// The rule acts in this year only. Year 0 says nothing, as in the Windows structure that EWS copies.
    pub year: Option<i16>,
}

/// What is wrong with a zone, or with a time in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ZoneError {
    #[error("the time zone bias of {0} minutes is more than a day")]
    Bias(i64),
    #[error("the time zone rule names month {0}")]
    Month(i32),
    #[error("the time zone rule names day order {0}")]
    DayOrder(i32),
    #[error("the time zone rule names a day that does not exist: {year:04}-{month:02}-{day:02}")]
    NoSuchDay { year: i16, month: i8, day: i8 },
    #[error("the time zone rule names year {0}")]
    Year(i32),
    /// For the codecs: [`ZoneRule::time`] itself cannot hold such a time.
    #[error("the time zone rule names a time that is not on the clock")]
    Time,
    #[error("the time lies outside of the years -9999 to 9999")]
    OutOfRange,
}

impl ZoneRules {
    /// UTC in the form that all known servers accept, also those that refuse zeros.
    pub const UTC: Self = Self::fixed(0);

    /// Rules that can be computed with.
    ///
    /// # Errors
    /// A bias, or its sum with one of the halves, beyond 24 hours; and, unless one of the months is 0 (no daylight
    /// time, whatever else stands there): a month beyond 12, a day order other than 1 to 5, with a year a day that
    /// this year does not have.
    pub fn new(
        bias_minutes: i32,
        standard: ZoneRule,
        daylight: ZoneRule,
    ) -> Result<Self, ZoneError> {
        let rules = Self {
            bias_minutes,
            standard,
            daylight,
        };
        rules.check()?;
        Ok(rules)
    }

    /// The same offset all the year, `UTC = local + bias`.
    #[must_use]
    pub const fn fixed(bias_minutes: i32) -> Self {
        Self {
            bias_minutes,
            standard: ZoneRule::idle(3),
            daylight: ZoneRule::idle(10),
        }
    }

    /// The rules of an IANA zone in one year of its calendar: exact where the clocks change twice or never in it and
    /// all offsets are whole minutes. Where they change more often, the two rules that are wrong for the shortest
    /// time. Where they change once, the other rule is New Year's midnight.
    #[must_use]
    pub fn for_year(zone: &TimeZone, year: i16) -> Self {
        year::rules(zone, year)
    }

    /// What [`ZoneRules::new`] checks, for rules written as a literal.
    pub fn check(&self) -> Result<(), ZoneError> {
        let whole = i64::from(self.bias_minutes);
        check_bias(whole)?;
        for rule in [&self.standard, &self.daylight] {
            check_bias(i64::from(rule.bias_minutes))?;
            check_bias(whole + i64::from(rule.bias_minutes))?;
            rule.check_month()?;
        }
        if self.has_months() {
            self.standard.check_day()?;
            self.daylight.check_day()?;
        }
        Ok(())
    }

    /// Whether the two halves differ at all: both rules name a month, and their biases are not equal.
    #[must_use]
    pub fn has_daylight_time(&self) -> bool {
        self.has_months() && self.standard.bias_minutes != self.daylight.bias_minutes
    }

    fn has_months(&self) -> bool {
        self.standard.month != 0 && self.daylight.month != 0
    }
}

impl ZoneRule {
    /// A rule that changes nothing.
    const fn idle(month: i8) -> Self {
        Self {
            bias_minutes: 0,
            time: time(2, 0, 0, 0),
            day_order: 1,
            month,
            weekday: Weekday::Sunday,
            year: None,
        }
    }

    /// The only year of the rule, if it has one.
    fn only_year(&self) -> Option<i16> {
        self.year.filter(|&year| year != 0)
    }

    /// The day on which the rule acts in `year`; none where it names no day.
    fn day_in(&self, year: i16) -> Option<Date> {
        if self.only_year().is_some() {
            return Date::new(year, self.month, self.day_order).ok();
        }
        let nth = match self.day_order {
            5 => -1,
            order @ 1..=4 => order,
            _ => return None,
        };
        Date::new(year, self.month, 1)
            .and_then(|first| first.nth_weekday_of_month(nth, self.weekday))
            .ok()
    }

    fn check_month(&self) -> Result<(), ZoneError> {
        match self.month {
            0..=12 => Ok(()),
            month => Err(ZoneError::Month(month.into())),
        }
    }

    fn check_day(&self) -> Result<(), ZoneError> {
        match (self.only_year(), self.day_order) {
            (None, 1..=5) => Ok(()),
            (Some(year), 1..=31) => {
                Date::new(year, self.month, 1).map_err(|_| ZoneError::Year(year.into()))?;
                Date::new(year, self.month, self.day_order)
                    .map(drop)
                    .map_err(|_| ZoneError::NoSuchDay {
                        year,
                        month: self.month,
                        day: self.day_order,
                    })
            }
            (_, order) => Err(ZoneError::DayOrder(order.into())),
        }
    }
}

fn check_bias(minutes: i64) -> Result<(), ZoneError> {
    if minutes.abs() <= i64::from(LARGEST_BIAS_MINUTES) {
        Ok(())
    } else {
        Err(ZoneError::Bias(minutes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(bias: i32, month: i8, day_order: i8, year: Option<i16>) -> ZoneRule {
        ZoneRule {
            bias_minutes: bias,
            time: time(2, 0, 0, 0),
            day_order,
            month,
            weekday: Weekday::Sunday,
            year,
        }
    }

    /// Berlin's bias with these rules: month, day order and year of standard and daylight time.
    #[track_caller]
    fn check(
        standard: (i8, i8, Option<i16>),
        daylight: (i8, i8, Option<i16>),
        expect: &Result<(), ZoneError>,
    ) {
        let got = ZoneRules::new(
            -60,
            rule(0, standard.0, standard.1, standard.2),
            rule(-60, daylight.0, daylight.1, daylight.2),
        );
        assert_eq!(&got.map(drop), expect);
    }

    #[test]
    fn relative_rules_name_the_first_to_the_fifth_weekday() {
        check((10, 5, None), (3, 1, None), &Ok(()));
        check((10, 0, None), (3, 5, None), &Err(ZoneError::DayOrder(0)));
        check((10, 6, None), (3, 5, None), &Err(ZoneError::DayOrder(6)));
        check((10, 5, None), (3, -1, None), &Err(ZoneError::DayOrder(-1)));
        check((10, 5, None), (13, 5, None), &Err(ZoneError::Month(13)));
        check((-1, 5, None), (3, 5, None), &Err(ZoneError::Month(-1)));
    }

    #[test]
    fn a_year_makes_the_order_a_day_of_the_month() {
        check((10, 25, Some(2026)), (3, 29, Some(2026)), &Ok(()));
        check((10, 25, Some(2026)), (2, 29, Some(2024)), &Ok(()));
        check(
            (10, 25, Some(2026)),
            (2, 29, Some(2026)),
            &Err(ZoneError::NoSuchDay {
                year: 2026,
                month: 2,
                day: 29,
            }),
        );
        check(
            (10, 32, Some(2026)),
            (3, 29, Some(2026)),
            &Err(ZoneError::DayOrder(32)),
        );
        check(
            (10, 0, Some(2026)),
            (3, 29, Some(2026)),
            &Err(ZoneError::DayOrder(0)),
        );
        check(
            (10, 25, Some(12_000)),
            (3, 29, None),
            &Err(ZoneError::Year(12_000)),
        );
        // Year 0 is no year.
        check(
            (10, 25, Some(0)),
            (3, 5, None),
            &Err(ZoneError::DayOrder(25)),
        );
        check((10, 5, Some(0)), (3, 5, None), &Ok(()));
    }

    #[test]
    fn month_zero_means_that_nothing_else_is_read() {
        check((0, 0, None), (0, 0, None), &Ok(()));
        check((0, 1, None), (3, 77, None), &Ok(()));
        check((10, -3, None), (0, 1, Some(2026)), &Ok(()));
        check((0, 1, None), (13, 1, None), &Err(ZoneError::Month(13)));
    }

    #[test]
    fn no_bias_and_no_sum_of_biases_exceeds_a_day() {
        #[track_caller]
        fn check(bias: i32, standard: i32, daylight: i32, expect: &Result<(), ZoneError>) {
            let got = ZoneRules::new(
                bias,
                rule(standard, 10, 5, None),
                rule(daylight, 3, 5, None),
            );
            assert_eq!(&got.map(drop), expect);
        }
        check(1440, 0, -60, &Ok(()));
        check(-1440, 0, 60, &Ok(()));
        check(1441, 0, -60, &Err(ZoneError::Bias(1441)));
        check(100_000, 0, 0, &Err(ZoneError::Bias(100_000)));
        check(1400, 0, 60, &Err(ZoneError::Bias(1460)));
        check(0, -1500, 0, &Err(ZoneError::Bias(-1500)));
        check(i32::MIN, 0, 0, &Err(ZoneError::Bias(i32::MIN.into())));
        check(1, 0, i32::MAX, &Err(ZoneError::Bias(i32::MAX.into())));
    }

    #[test]
    fn our_own_rules_are_sound() {
        assert_eq!(ZoneRules::UTC.check(), Ok(()));
        assert!(!ZoneRules::UTC.has_daylight_time());
        let berlin = ZoneRules::for_year(&TimeZone::get("Europe/Berlin").unwrap(), 2026);
        assert_eq!(berlin.check(), Ok(()));
        let expect = ZoneRules {
            bias_minutes: -60,
            standard: ZoneRule {
                time: time(3, 0, 0, 0),
                ..rule(0, 10, 5, None)
            },
            daylight: rule(-60, 3, 5, None),
        };
        assert_eq!(berlin, expect);
    }
}

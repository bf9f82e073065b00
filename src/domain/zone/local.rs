//! One type for every zone a question or a calendar may name, with one meaning of gaps and folds. For many look-ups in one
//! window see the view beside this file.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::pieces::Pieces;
use super::seasons::{floor_second, nearest_timestamp, wall_second};
use super::{LocalView, ZoneError, ZoneRules};
use crate::domain::TimeWindow;

/// A time zone: which wall clock holds at which instant. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Rules(Pieces),
    Iana(TimeZone),
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
        LocalView::new(self, window)
    }

    /// The first second after `second` at which the offset may change.
    pub(super) fn next_change(&self, second: i64) -> Option<i64> {
        match &self.0 {
            Kind::Rules(pieces) => pieces.next_change(second),
            Kind::Iana(zone) => zone
                .following(nearest_timestamp(second))
                .map(|change| change.timestamp().as_second())
                .find(|&at| at > second),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::ZoneRule;
    use super::*;
    use jiff::civil::{Time, Weekday, time};
    use jiff::{SignedDuration, ToSpan};

    fn rule(bias: i32, time: Time, day_order: i8, month: i8) -> ZoneRule {
        ZoneRule {
            bias_minutes: bias,
            time,
            day_order,
            month,
            weekday: Weekday::Sunday,
            year: None,
        }
    }

    fn rules(bias: i32, standard: ZoneRule, daylight: ZoneRule) -> Zone {
        Zone::from_rules(ZoneRules::new(bias, standard, daylight).unwrap())
    }

    fn berlin() -> Zone {
        let (two, three) = (time(2, 0, 0, 0), time(3, 0, 0, 0));
        rules(-60, rule(0, three, 5, 10), rule(-60, two, 5, 3))
    }

    fn new_york() -> Zone {
        let two = time(2, 0, 0, 0);
        rules(300, rule(0, two, 1, 11), rule(-60, two, 2, 3))
    }

    fn sydney() -> Zone {
        let (two, three) = (time(2, 0, 0, 0), time(3, 0, 0, 0));
        rules(-600, rule(0, three, 1, 4), rule(-60, two, 1, 10))
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// The wall clock at instants of UTC, by `offset_at` and by a view around the instant.
    #[track_caller]
    fn check_local(zone: &Zone, cases: &[(&str, &str)]) {
        for (utc, local) in cases {
            let instant = at(&format!("{utc}Z"));
            let shown = instant + SignedDuration::from_secs(zone.offset_at(instant).into());
            assert_eq!(shown, at(&format!("{local}Z")), "at {utc}");
            let window = TimeWindow::new(instant - 1.hour(), instant + 1.hour()).unwrap();
            let seconds = zone.local_view(&window).local_seconds(instant);
            assert_eq!(seconds, shown.as_second(), "view at {utc}");
        }
    }

    #[track_caller]
    fn check_utc(zone: &Zone, cases: &[(&str, &str)]) {
        for (local, utc) in cases {
            let got = zone.to_utc(local.parse().unwrap()).unwrap();
            assert_eq!(got, at(&format!("{utc}Z")), "local {local}");
        }
    }

    #[test]
    fn clocks_change_in_the_half_that_ends() {
        check_local(
            &berlin(),
            &[
                ("2026-01-01T00:00", "2026-01-01T01:00"),
                ("2026-03-29T00:59:59", "2026-03-29T01:59:59"),
                ("2026-03-29T01:00", "2026-03-29T03:00"),
                ("2026-10-25T00:59:59", "2026-10-25T02:59:59"),
                ("2026-10-25T01:00", "2026-10-25T02:00"),
                ("2026-12-31T23:30", "2027-01-01T00:30"),
                // Before Unix time began, and long after.
                ("1969-07-01T00:00", "1969-07-01T02:00"),
                ("1960-12-01T00:00", "1960-12-01T01:00"),
                ("5026-07-01T00:00", "5026-07-01T02:00"),
            ],
        );
        check_local(
            &new_york(),
            &[
                ("2026-03-08T06:59:59", "2026-03-08T01:59:59"),
                ("2026-03-08T07:00", "2026-03-08T03:00"),
                ("2026-11-01T05:59:59", "2026-11-01T01:59:59"),
                ("2026-11-01T06:00", "2026-11-01T01:00"),
                ("2027-01-01T04:59", "2026-12-31T23:59"),
            ],
        );
        check_local(
            &sydney(),
            &[
                ("2026-01-15T00:00", "2026-01-15T11:00"),
                ("2026-04-04T15:59:59", "2026-04-05T02:59:59"),
                ("2026-04-04T16:00", "2026-04-05T02:00"),
                ("2026-10-03T15:59:59", "2026-10-04T01:59:59"),
                ("2026-10-03T16:00", "2026-10-04T03:00"),
                ("2026-12-31T12:59:59", "2026-12-31T23:59:59"),
                ("2026-12-31T13:00", "2027-01-01T00:00"),
            ],
        );
    }

    #[test]
    fn gaps_use_the_bias_before_and_folds_their_first_reading() {
        check_utc(
            &berlin(),
            &[
                ("2026-03-29T01:59:59", "2026-03-29T00:59:59"),
                ("2026-03-29T02:00", "2026-03-29T01:00"),
                ("2026-03-29T02:30", "2026-03-29T01:30"),
                ("2026-03-29T03:00", "2026-03-29T01:00"),
                ("2026-10-25T01:59:59", "2026-10-24T23:59:59"),
                ("2026-10-25T02:00", "2026-10-25T00:00"),
                ("2026-10-25T02:30:00.25", "2026-10-25T00:30:00.25"),
                ("2026-10-25T03:00", "2026-10-25T02:00"),
            ],
        );
        check_utc(
            &sydney(),
            &[
                ("2026-10-04T02:30", "2026-10-03T16:30"),
                ("2026-04-05T02:30", "2026-04-04T15:30"),
                ("2026-04-05T03:00", "2026-04-04T17:00"),
            ],
        );
    }

    #[test]
    fn forms_without_daylight_time_are_steady() {
        let (midnight, two) = (Time::midnight(), time(2, 0, 0, 0));
        // (standard, daylight) as different clients write a zone without daylight time.
        let forms = [
            (rule(0, midnight, 0, 0), rule(0, midnight, 0, 0)),
            (rule(0, midnight, 1, 0), rule(0, midnight, 1, 0)),
            (rule(0, two, 1, 3), rule(0, two, 1, 10)),
            (rule(0, midnight, 1, 1), rule(0, midnight, 5, 12)),
            (rule(0, two, 5, 10), rule(-60, two, 0, 0)),
            (rule(0, two, 0, 0), rule(-60, two, 5, 3)),
        ];
        for (standard, daylight) in forms {
            check_local(
                &rules(-330, standard, daylight),
                &[
                    ("2026-01-01T00:00", "2026-01-01T05:30"),
                    ("2026-07-01T00:00", "2026-07-01T05:30"),
                ],
            );
        }
        let moved = rules(0, rule(-60, two, 5, 10), rule(-60, two, 5, 3));
        check_local(&moved, &[("2026-07-01T00:00", "2026-07-01T01:00")]);
    }

    #[test]
    fn a_rule_with_a_year_acts_in_that_year_only() {
        let in_year = |rule: ZoneRule, day: i8, year: i16| ZoneRule {
            day_order: day,
            year: Some(year),
            ..rule
        };
        let (two, three) = (time(2, 0, 0, 0), time(3, 0, 0, 0));
        // 29 March and 25 October 2026 are Sundays; that the rules say Saturday must not matter.
        let saturday = |rule: ZoneRule| ZoneRule {
            weekday: Weekday::Saturday,
            ..rule
        };
        let standard = saturday(in_year(rule(0, three, 0, 10), 25, 2026));
        let daylight = saturday(in_year(rule(-60, two, 0, 3), 29, 2026));
        check_local(
            &rules(-60, standard, daylight),
            &[
                ("2025-07-01T00:00", "2025-07-01T01:00"),
                ("2026-03-29T00:59", "2026-03-29T01:59"),
                ("2026-03-29T01:00", "2026-03-29T03:00"),
                ("2026-10-25T01:00", "2026-10-25T02:00"),
                ("2027-07-01T00:00", "2027-07-01T01:00"),
            ],
        );
        // Daylight time was abolished after the spring of 2026, or began before it was put down.
        let kept = rules(-60, in_year(rule(0, three, 0, 10), 26, 2025), daylight);
        check_local(
            &kept,
            &[
                ("2025-01-01T00:00", "2025-01-01T02:00"),
                ("2026-01-01T00:00", "2026-01-01T01:00"),
                ("2030-01-01T00:00", "2030-01-01T02:00"),
            ],
        );
        // One rule for one year, the other for every year.
        check_local(
            &rules(-60, rule(0, three, 5, 10), daylight),
            &[
                ("2025-07-01T00:00", "2025-07-01T01:00"),
                ("2026-07-01T00:00", "2026-07-01T02:00"),
                ("2027-07-01T00:00", "2027-07-01T01:00"),
            ],
        );
    }

    #[test]
    fn odd_but_lawful_rules_are_applied_as_given() {
        let late = time(23, 59, 59, 0);
        // Both changes in one month, at the last second of a day; standard time for a fortnight.
        check_local(
            &rules(0, rule(0, late, 1, 5), rule(-60, late, 3, 5)),
            &[
                ("2026-05-03T22:59:58", "2026-05-03T23:59:58"),
                ("2026-05-03T22:59:59", "2026-05-03T22:59:59"),
                ("2026-05-17T23:59:58", "2026-05-17T23:59:58"),
                ("2026-05-17T23:59:59", "2026-05-18T00:59:59"),
            ],
        );
        // Daylight time that takes an hour away.
        let winter = rules(-60, rule(0, late, 5, 3), rule(60, late, 5, 10));
        check_local(
            &winter,
            &[
                ("2026-01-01T00:00", "2026-01-01T00:00"),
                ("2026-07-01T00:00", "2026-07-01T01:00"),
            ],
        );
        // The standard bias counts as well.
        let shifted = rules(
            -120,
            rule(60, time(3, 0, 0, 0), 5, 10),
            rule(0, time(2, 0, 0, 0), 5, 3),
        );
        check_local(
            &shifted,
            &[
                ("2026-01-01T00:00", "2026-01-01T01:00"),
                ("2026-07-01T00:00", "2026-07-01T02:00"),
            ],
        );
    }

    #[test]
    fn unsound_rules_still_tell_a_time() {
        let never = rule(i32::MAX, Time::midnight(), 9, -4);
        let odd = Zone::from_rules(ZoneRules {
            bias_minutes: i32::MAX,
            standard: rule(0, Time::midnight(), 77, 13),
            daylight: never,
        });
        check_local(&odd, &[("2026-07-01T00:00", "2026-06-30T00:00")]);
        check_utc(&odd, &[("2026-06-30T00:00", "2026-07-01T00:00")]);
    }

    #[test]
    fn dated_rules_follow_one_another() {
        let date = |text: &str| Some(text.parse::<DateTime>().unwrap());
        let steady = ZoneRules::fixed;
        // Out of order on purpose; three hours, then four from 2011 on, then three again.
        let zone = Zone::dated(vec![
            (date("2014-10-26T02:00"), steady(-180)),
            (None, steady(-180)),
            (date("2011-03-27T02:00"), steady(-240)),
        ]);
        check_local(
            &zone,
            &[
                ("1990-01-01T00:00", "1990-01-01T03:00"),
                ("2011-03-26T22:59:59", "2011-03-27T01:59:59"),
                ("2011-03-26T23:00", "2011-03-27T03:00"),
                ("2014-10-25T21:59:59", "2014-10-26T01:59:59"),
                ("2014-10-25T22:00", "2014-10-26T01:00"),
            ],
        );
        check_utc(
            &zone,
            &[
                ("2011-03-27T02:30", "2011-03-26T23:30"),
                ("2014-10-26T01:30", "2014-10-25T21:30"),
                ("2014-10-26T02:30", "2014-10-25T23:30"),
            ],
        );
        assert_eq!(Zone::dated(Vec::new()), Zone::utc());
    }

    #[test]
    fn the_ends_of_time_are_no_danger() {
        let iana = Zone::iana(TimeZone::get("Europe/Berlin").unwrap());
        let dated = Zone::dated(vec![
            (None, ZoneRules::fixed(1440)),
            (Some(DateTime::MAX), ZoneRules::fixed(-1440)),
        ]);
        for zone in [berlin(), sydney(), iana, dated, Zone::utc()] {
            for instant in [Timestamp::MIN, Timestamp::MAX] {
                assert!(zone.offset_at(instant).abs() <= 86_400);
            }
            // There may be an instant or not.
            let _ = zone.to_utc(DateTime::MIN).is_ok();
            let _ = zone.to_utc(DateTime::MAX).is_ok();
            let all = TimeWindow::new(Timestamp::MIN, Timestamp::MAX).unwrap();
            let view = zone.local_view(&all);
            assert!(view.local_seconds(Timestamp::MIN) < view.local_seconds(Timestamp::MAX));
        }
        assert_eq!(berlin().to_utc(DateTime::MIN), Err(ZoneError::OutOfRange));
        for year in [-9999, -1, 0, 9998, 9999, i16::MIN, i16::MAX] {
            let rules = ZoneRules::for_year(&TimeZone::get("Europe/Berlin").unwrap(), year);
            assert_eq!(rules.check(), Ok(()));
        }
    }
}

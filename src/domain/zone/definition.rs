//! Zones as the EWS operation GetServerTimeZones tells them ([MS-OXWGTZ] section 2.2.4): periods, groups of changes
//! that recur every year, and the dates from which each group holds. Computed from the IANA database.

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;

use super::windows::WindowsZone;
use super::year::{Year, YearlyDay};

/// The years that are told. The first group also holds before them, the last one after them.
pub const YEARS: std::ops::RangeInclusive<i16> = 2000..=2037;

/// One zone. A reader who takes the group of a year, and of it one change to a period "Standard" and one to a period
/// "Daylight", gets the rules of that year.
///
/// Exact for every year with two changes or none. In a year with one change, the other is said to be at New Year's
/// midnight, which may be an hour beside the truth. In a year with more changes (countries that break their summer
/// time for Ramadan), the group says the two that are wrong for the shortest time. Days that follow no weekday are
/// told as the weekday they fall on, in a group of that year's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneDefinition {
    /// The Windows id.
    pub id: &'static str,
    /// The Windows display name.
    pub name: &'static str,
    pub periods: Vec<PeriodDefinition>,
    /// In order of time, each one used once, so that also their ids are in order of time.
    pub groups: Vec<TransitionsGroup>,
    pub transitions: Vec<GroupTransition>,
}

/// A bias with a name. Each id stands once in a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeriodDefinition {
    pub id: String,
    /// "Standard" or "Daylight"; readers tell the two apart by these words.
    pub name: &'static str,
    /// Minutes, UTC - local, for the whole period (not relative to the standard one).
    pub bias_minutes: i32,
}

/// The changes of one year.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransitionsGroup {
    /// Digits, of the same number in all groups of a zone: exchangelib sorts the ids as text.
    pub id: String,
    pub changes: GroupChanges,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupChanges {
    /// No change: one plain transition to this period, a "Standard" one.
    None { to_period: String },
    /// Two changes, in the order of the calendar.
    Yearly([RecurringDay; 2]),
}

/// A change on a certain weekday of a month, in every year.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecurringDay {
    pub to_period: String,
    /// After midnight, on the wall clock of the period that ends; less than a day.
    pub time_offset: SignedDuration,
    /// 1 to 12.
    pub month: i8,
    pub weekday: Weekday,
    /// 1 to 4, or -1 for the last.
    pub occurrence: i8,
}

/// From when on a group holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupTransition {
    pub to_group: String,
    /// Local time, midnight of a 1 January; none for the first group, which holds from the beginning.
    pub from: Option<DateTime>,
}

/// The definition of a zone of Windows, computed at the first call.
#[must_use]
pub fn of(zone: &WindowsZone) -> &ZoneDefinition {
    zone.definition
        .get_or_init(|| compute(zone.id, zone.name, &zone.zone))
}

fn compute(id: &'static str, name: &'static str, zone: &TimeZone) -> ZoneDefinition {
    let runs = runs(zone);
    let width = runs.len().saturating_sub(1).to_string().len();
    let mut definition = ZoneDefinition {
        id,
        name,
        periods: Vec::new(),
        groups: Vec::new(),
        transitions: Vec::new(),
    };
    for (number, (first_year, year)) in runs.iter().enumerate() {
        let id = format!("{number:0width$}");
        definition.transitions.push(GroupTransition {
            to_group: id.clone(),
            from: new_year(*first_year).filter(|_| number > 0),
        });
        let changes = definition.changes(year);
        definition.groups.push(TransitionsGroup { id, changes });
    }
    definition
}

/// Years that one wording fits, joined, each with its first year.
fn runs(zone: &TimeZone) -> Vec<(i16, Year)> {
    let mut runs: Vec<(i16, Year)> = Vec::new();
    for number in YEARS {
        let year = Year::of(zone, number);
        match runs.last_mut() {
            Some((_, run)) => match run.joined(&year) {
                Some(joined) => *run = joined,
                None => runs.push((number, year)),
            },
            None => runs.push((number, year)),
        }
    }
    runs
}

impl ZoneDefinition {
    fn changes(&mut self, year: &Year) -> GroupChanges {
        match *year {
            Year::Steady { bias } => GroupChanges::None {
                to_period: self.period("Standard", bias),
            },
            Year::Seasons {
                standard_bias,
                daylight_bias,
                to_standard,
                to_daylight,
            } => {
                let mut days = [
                    recurring(self.period("Standard", standard_bias), to_standard),
                    recurring(self.period("Daylight", daylight_bias), to_daylight),
                ];
                days.sort_by_key(|day| (day.month, day.occurrence.rem_euclid(6)));
                GroupChanges::Yearly(days)
            }
        }
    }

    /// The id of the period with this name and bias, which is added where it is new.
    fn period(&mut self, name: &'static str, bias_minutes: i32) -> String {
        let id = format!("{}/{name}{bias_minutes:+}", self.id);
        if self.periods.iter().all(|period| period.id != id) {
            self.periods.push(PeriodDefinition {
                id: id.clone(),
                name,
                bias_minutes,
            });
        }
        id
    }
}

fn recurring(to_period: String, day: YearlyDay) -> RecurringDay {
    RecurringDay {
        to_period,
        time_offset: day.time.duration_since(Time::midnight()),
        month: day.month,
        weekday: day.weekday,
        occurrence: match day.order() {
            5 => -1,
            nth => nth,
        },
    }
}

fn new_year(year: i16) -> Option<DateTime> {
    Date::new(year, 1, 1)
        .ok()
        .map(|date| date.to_datetime(Time::midnight()))
}

#[cfg(test)]
mod tests {
    use super::super::{Zone, ZoneRule, ZoneRules, windows};
    use super::*;
    use jiff::Timestamp;

    fn named(id: &str) -> &'static ZoneDefinition {
        of(windows::find(id).unwrap())
    }

    /// The rules of a year as exchangelib works them out: groups taken in the order of their ids as text, until one
    /// begins after the year; the first standard period of it; biases relative to that period.
    fn read(definition: &ZoneDefinition, year: i16) -> ZoneRules {
        let mut transitions: Vec<_> = definition.transitions.iter().collect();
        transitions.sort_by_key(|transition| &transition.to_group);
        let group = transitions
            .iter()
            .take_while(|transition| transition.from.is_none_or(|from| from.year() <= year))
            .last()
            .unwrap();
        let group = definition
            .groups
            .iter()
            .find(|candidate| candidate.id == group.to_group)
            .unwrap();
        let period = |id: &str| definition.periods.iter().find(|p| p.id == id).unwrap();
        match &group.changes {
            GroupChanges::None { to_period } => {
                assert_eq!(period(to_period).name, "Standard");
                ZoneRules::fixed(period(to_period).bias_minutes)
            }
            GroupChanges::Yearly(days) => {
                let one = |name: &str| {
                    let mut found = days.iter().filter(|d| period(&d.to_period).name == name);
                    let day = found.next().unwrap();
                    assert!(found.next().is_none(), "two changes to {name}");
                    (day, period(&day.to_period).bias_minutes)
                };
                let (standard, bias) = one("Standard");
                let (daylight, daylight_bias) = one("Daylight");
                ZoneRules::new(
                    bias,
                    rule(standard, 0),
                    rule(daylight, daylight_bias - bias),
                )
                .unwrap()
            }
        }
    }

    fn rule(day: &RecurringDay, bias_minutes: i32) -> ZoneRule {
        ZoneRule {
            bias_minutes,
            time: Time::midnight() + day.time_offset,
            day_order: if day.occurrence == -1 {
                5
            } else {
                day.occurrence
            },
            month: day.month,
            weekday: day.weekday,
            year: None,
        }
    }

    #[test]
    fn a_reader_gets_the_rules_of_every_year() {
        for known in windows::all() {
            let definition = of(known);
            assert_eq!((definition.id, definition.name), (known.id, known.name));
            assert_eq!(definition.groups.len(), definition.transitions.len());
            assert_eq!(definition.transitions[0].from, None);
            for year in YEARS {
                let told = Zone::from_rules(read(definition, year));
                let expect = Zone::from_rules(ZoneRules::for_year(&known.zone, year));
                assert_eq!(
                    changes(&told, year),
                    changes(&expect, year),
                    "{} in {year}",
                    known.id
                );
            }
        }
    }

    /// The offset after New Year, then each change of the year with the offset that follows.
    fn changes(zone: &Zone, year: i16) -> Vec<(i64, i32)> {
        let [start, end] = [year, year + 1].map(|year| {
            let midday = format!("{year}-01-02T12:00Z").parse::<Timestamp>();
            midday.unwrap().as_second()
        });
        std::iter::successors(Some(start), |&at| zone.next_change(at))
            .take_while(|&at| at < end)
            .map(|at| (at, zone.offset_at(Timestamp::from_second(at).unwrap())))
            .collect()
    }

    #[test]
    fn a_zone_that_never_changes_is_one_plain_group() {
        let tokyo = named("Tokyo Standard Time");
        assert_eq!(tokyo.periods.len(), 1);
        assert_eq!(tokyo.periods[0].bias_minutes, -540);
        assert_eq!(
            tokyo.groups,
            [TransitionsGroup {
                id: "0".to_owned(),
                changes: GroupChanges::None {
                    to_period: tokyo.periods[0].id.clone()
                }
            }]
        );
    }

    #[test]
    fn the_changes_are_told_in_wall_clock_time_and_calendar_order() {
        let berlin = named("W. Europe Standard Time");
        let [group] = berlin.groups.as_slice() else {
            panic!("one group for all years");
        };
        let GroupChanges::Yearly([spring, autumn]) = &group.changes else {
            panic!("two changes");
        };
        let said = |day: &RecurringDay| (day.month, day.occurrence, day.time_offset.as_hours());
        assert_eq!((said(spring), said(autumn)), ((3, -1, 2), (10, -1, 3)));
        assert_eq!(spring.to_period, "W. Europe Standard Time/Daylight-120");
        assert_eq!(autumn.to_period, "W. Europe Standard Time/Standard-60");
    }

    #[test]
    fn laws_that_changed_make_groups() {
        let eastern = named("Eastern Standard Time");
        let from: Vec<_> = eastern.transitions.iter().map(|t| t.from).collect();
        assert_eq!(from, [None, Some("2007-01-01T00:00".parse().unwrap())]);
        assert_eq!(eastern.periods.len(), 2);
    }

    #[test]
    fn ids_of_many_groups_sort_as_text() {
        let morocco = named("Morocco Standard Time");
        assert!(morocco.groups.len() > 10);
        assert!(morocco.groups.is_sorted_by(|a, b| a.id < b.id));
        // In 2025 the clocks went back for Ramadan, from 23 February to 6 April.
        let rules = read(morocco, 2025);
        assert_eq!((rules.bias_minutes, rules.daylight.bias_minutes), (0, -60));
        assert_eq!((rules.standard.month, rules.daylight.month), (2, 4));
    }
}

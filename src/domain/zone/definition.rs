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

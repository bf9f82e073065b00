//! Time zones: the rules that EWS carries, IANA zones and Windows names, behind one type with explicit gaps and folds.

use jiff::civil::{Time, Weekday};

/// The zone of an EWS `SerializableTimeZone` ([MS-OXWAVLS] section 2.2.4.20): `UTC = local + bias`.
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
    /// The rule acts in this year only.
    pub year: Option<i16>,
}

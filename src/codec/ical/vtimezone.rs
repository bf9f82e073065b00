//! VTIMEZONE: the rules a file brings with it, turned into a zone by way of the TZif format (RFC 9636), which jiff reads.

use std::collections::BTreeSet;

use calcard::icalendar::{
    ICalendar, ICalendarComponent, ICalendarComponentType, ICalendarProperty, ICalendarValue,
};
use jiff::SignedDuration;
use jiff::civil::{DateTime, date};
use jiff::tz::TimeZone;

use super::moment::{self, Moment};
use super::rule::{Budget, Rule};
use super::{ReadError, entry};

/// Rules are followed this far; after it the last offset holds.
const LAST_YEAR: i16 = 2200;

/// What a zone does at one moment: seconds east of UTC, and whether that is daylight time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Offset {
    seconds: i32,
    daylight: bool,
}

/// From one moment on (Unix seconds) an offset holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Change {
    at: i64,
    to: Offset,
}

pub(super) fn read(
    calendar: &ICalendar,
    component: &ICalendarComponent,
    budget: &mut Budget,
) -> Result<TimeZone, ReadError> {
    let mut changes = Vec::new();
    // The first change of the zone, and what held before it.
    let mut before: Option<(i64, Offset)> = None;
    for observance in entry::children(calendar, component) {
        let daylight = match observance.component_type {
            ICalendarComponentType::Standard => false,
            ICalendarComponentType::Daylight => true,
            _ => continue,
        };
        let from = offset(observance, &ICalendarProperty::Tzoffsetfrom)?;
        let to = Offset {
            seconds: offset(observance, &ICalendarProperty::Tzoffsetto)?,
            daylight,
        };
        for local in onsets(observance, from, budget)? {
            let at = seconds(local) - i64::from(from);
            if before.is_none_or(|(first, _)| at < first) {
                let seconds = from;
                let daylight = !daylight;
                before = Some((at, Offset { seconds, daylight }));
            }
            changes.push(Change { at, to });
        }
    }
    let (_, first) = before.ok_or(ReadError::Property("VTIMEZONE"))?;
    changes.sort_unstable();
    changes.dedup_by_key(|change| change.at);
    TimeZone::tzif("VTIMEZONE", &tzif(first, &changes)?)
        .map_err(|_| ReadError::Property("VTIMEZONE"))
}

/// The wall-clock times at which an observance begins, in the offset before it.
fn onsets(
    observance: &ICalendarComponent,
    from: i32,
    budget: &mut Budget,
) -> Result<BTreeSet<DateTime>, ReadError> {
    let start = observance
        .property(&ICalendarProperty::Dtstart)
        .and_then(|entry| moment::civil(entry.values.first()?.as_partial_date_time()?))
        .ok_or(ReadError::Property("DTSTART of a VTIMEZONE"))?;
    let zone = jiff::tz::Offset::from_seconds(from)
        .map_err(|_| ReadError::Property("TZOFFSETFROM"))?
        .to_time_zone();
    let series = Moment {
        local: start,
        zone,
        whole_day: false,
    };
    let mut onsets = BTreeSet::from([start]);
    let end = date(LAST_YEAR, 1, 1).at(0, 0, 0, 0);
    for entry in &observance.entries {
        match (&entry.name, entry.values.as_slice()) {
            (ICalendarProperty::Rrule, [ICalendarValue::RecurrenceRule(rule)]) => {
                let rule = Rule::read(rule, &series, budget)?;
                let times = rule.times(&series, &(start..end), budget);
                onsets.extend(times.map_err(|_| ReadError::TooMuchWork)?);
            }
            (ICalendarProperty::Rrule, _) => return Err(ReadError::Property("RRULE")),
            (ICalendarProperty::Rdate, values) => {
                for value in values {
                    let at = value.as_partial_date_time().and_then(moment::civil);
                    onsets.insert(at.ok_or(ReadError::Property("RDATE"))?);
                }
            }
            _ => {}
        }
    }
    Ok(onsets)
}

/// Seconds east of UTC.
fn offset(observance: &ICalendarComponent, property: &ICalendarProperty) -> Result<i32, ReadError> {
    let value = observance
        .property(property)
        .and_then(|entry| entry.values.first()?.as_partial_date_time());
    let Some(value) = value else {
        return Err(ReadError::Property("an offset of a VTIMEZONE"));
    };
    let hours = i32::from(value.tz_hour.unwrap_or_default());
    let minutes = i32::from(value.tz_minute.unwrap_or_default());
    let seconds = hours * 3600 + minutes * 60;
    if hours > 23 || minutes > 59 {
        return Err(ReadError::Property("an offset of a VTIMEZONE"));
    }
    Ok(if value.tz_minus { -seconds } else { seconds })
}

fn seconds(local: DateTime) -> i64 {
    let since: SignedDuration = local.duration_since(date(1970, 1, 1).at(0, 0, 0, 0));
    since.as_secs()
}

/// A version 2 file without a footer: an empty 32-bit block, then the 64-bit one.
fn tzif(first: Offset, changes: &[Change]) -> Result<Vec<u8>, ReadError> {
    let mut kinds = vec![first];
    for change in changes {
        if !kinds.contains(&change.to) {
            kinds.push(change.to);
        }
    }
    let mut file = header(0, 1);
    file.extend([0; 6]);
    file.push(0);
    let count = |length: usize| u32::try_from(length).map_err(|_| ReadError::Property("VTIMEZONE"));
    file.extend(header(count(changes.len())?, count(kinds.len())?));
    for change in changes {
        file.extend(change.at.to_be_bytes());
    }
    for change in changes {
        let kind = kinds.iter().position(|kind| *kind == change.to);
        let kind = kind.and_then(|kind| u8::try_from(kind).ok());
        file.push(kind.ok_or(ReadError::Property("VTIMEZONE"))?);
    }
    for kind in kinds {
        file.extend(kind.seconds.to_be_bytes());
        file.extend([u8::from(kind.daylight), 0]);
    }
    file.push(0);
    file.extend(b"\n\n");
    Ok(file)
}

/// `TZif`, version 2, and the six counts; one designation of one byte, which is the empty text.
fn header(times: u32, kinds: u32) -> Vec<u8> {
    let mut header = b"TZif2".to_vec();
    header.extend([0; 15]);
    for count in [0, 0, 0, times, kinds, 1] {
        header.extend(u32::to_be_bytes(count));
    }
    header
}

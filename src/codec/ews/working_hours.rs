//! `WorkingHours`: passed on as the mailbox's server gave them, in the mailbox's own zone.

use super::zone_rules;
use crate::codec::xml::{Cursor, DecodeError, XmlWriter};
use crate::domain::freebusy::WorkingDay;
use crate::domain::{WorkingHours, WorkingPeriod};

/// The content of `WorkingHours`, lenient cursor; None where it cannot be kept exactly. Working hours are a courtesy:
/// odd ones never cost a mailbox its answer.
pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Option<WorkingHours>, DecodeError> {
    let (mut zone, mut periods) = (None, Some(Vec::new()));
    while let Some(element) = cursor.child()? {
        match element.local() {
            "TimeZone" => zone = zone_rules::read_tolerantly(cursor)?,
            "WorkingPeriodArray" => {
                while cursor.child()?.is_some() {
                    let period = read_period(cursor)?;
                    periods = periods.zip(period).map(|(mut all, one): (Vec<_>, _)| {
                        all.push(one);
                        all
                    });
                }
            }
            _ => cursor.skip()?,
        }
    }
    Ok(match (zone, periods) {
        (Some(zone), Some(periods)) if !periods.is_empty() => Some(WorkingHours { zone, periods }),
        _ => None,
    })
}

fn read_period(cursor: &mut Cursor<'_>) -> Result<Option<WorkingPeriod>, DecodeError> {
    let (mut days, mut start, mut end) = (None, None, None);
    while let Some(element) = cursor.child()? {
        let text = cursor.text()?;
        match element.local() {
            "DayOfWeek" => days = text.split_ascii_whitespace().map(parse_day).collect(),
            "StartTimeInMinutes" => {
                start = text.trim().parse().ok().filter(|&minute| minute <= 1440);
            }
            "EndTimeInMinutes" => end = text.trim().parse().ok().filter(|&minute| minute <= 1440),
            _ => {}
        }
    }
    Ok(match (days, start, end) {
        (Some(days), Some(start_minute), Some(end_minute)) => Some(WorkingPeriod {
            days,
            start_minute,
            end_minute,
        }),
        _ => None,
    })
}

fn parse_day(text: &str) -> Option<WorkingDay> {
    Some(match text {
        "Day" => WorkingDay::EveryDay,
        "Weekday" => WorkingDay::Weekday,
        "WeekendDay" => WorkingDay::WeekendDay,
        day => WorkingDay::Day(zone_rules::weekday(day)?),
    })
}

fn day_name(day: WorkingDay) -> &'static str {
    match day {
        WorkingDay::Day(day) => zone_rules::weekday_name(day),
        WorkingDay::EveryDay => "Day",
        WorkingDay::Weekday => "Weekday",
        WorkingDay::WeekendDay => "WeekendDay",
    }
}

/// The element, in the types namespace.
pub(super) fn write(w: &mut XmlWriter, hours: &WorkingHours) {
    w.raw(r#"<WorkingHours xmlns="http://schemas.microsoft.com/exchange/services/2006/types"><TimeZone>"#);
    zone_rules::write(w, &hours.zone);
    w.raw("</TimeZone><WorkingPeriodArray>");
    for period in &hours.periods {
        w.raw("<WorkingPeriod><DayOfWeek>");
        for (place, day) in period.days.iter().enumerate() {
            w.raw(if place == 0 { "" } else { " " }).raw(day_name(*day));
        }
        w.raw("</DayOfWeek><StartTimeInMinutes>")
            .number(period.start_minute);
        w.raw("</StartTimeInMinutes><EndTimeInMinutes>")
            .number(period.end_minute);
        w.raw("</EndTimeInMinutes></WorkingPeriod>");
    }
    w.raw("</WorkingPeriodArray></WorkingHours>");
}

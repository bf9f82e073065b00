//! `TimeZoneContext`: a zone given by Windows id, by display name, or by its periods and transitions.

use jiff::civil::{DateTime, Time, Weekday};
use jiff::{SpanRelativeTo, Unit};

use super::fault::Fault;
use super::zone_rules::read_weekday;
use crate::codec::xml::{Cursor, Element, Foreign, Moment, Ns, Sequence};
use crate::domain::zone::{Zone, ZoneError, ZoneRule, ZoneRules, windows};

/// The content of `t:TimeZoneContext`. A known id wins over a definition that comes with it: clients take both from the
/// same table, and ours is newer.
pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Zone, Fault> {
    let mut outer = Sequence::of(cursor);
    let element = outer.required(cursor, Ns::Types, "TimeZoneDefinition")?;
    let attributes = cursor.attributes(&element, Foreign::Ignored)?;
    let attribute = |wanted: &str| {
        attributes
            .iter()
            .find(|(name, _)| *name == wanted)
            .map(|(_, value)| value.to_string())
    };
    let (id, name) = (attribute("Id"), attribute("Name"));
    let definition = read_definition(cursor)?;
    outer.end(cursor)?;
    let known = id
        .as_deref()
        .and_then(windows::zone)
        .or_else(|| name.as_deref().and_then(windows::by_name))
        .or_else(|| id.as_deref().and_then(windows::by_name));
    match known {
        Some(zone) => Ok(zone),
        None => definition.zone(),
    }
}

/// Periods, groups or transitions of one definition: more than any client sends. They are looked up by their ids, one
/// after another.
const MAX_PARTS: usize = 500;

#[derive(Default)]
struct Definition {
    /// Id and bias in minutes.
    periods: Vec<(String, i32)>,
    groups: Vec<Group>,
    /// Group id and the local time from which it holds.
    transitions: Vec<(String, Option<DateTime>)>,
}

#[derive(Default)]
struct Group {
    id: String,
    /// Period id, and the yearly rule where it is not just "always".
    changes: Vec<(String, Option<YearlyRule>)>,
}

struct YearlyRule {
    time: Time,
    month: i8,
    weekday: Weekday,
    /// 1 to 4, or -1 for the last.
    occurrence: i8,
}

fn read_definition(cursor: &mut Cursor<'_>) -> Result<Definition, Fault> {
    let mut definition = Definition::default();
    let mut parts = Sequence::of(cursor);
    if parts.optional(cursor, Ns::Types, "Periods")?.is_some() {
        while let Some(period) = cursor.child()? {
            check_room(cursor, definition.periods.len())?;
            definition.periods.push(read_period(cursor, &period)?);
            cursor.skip()?;
        }
    }
    if parts
        .optional(cursor, Ns::Types, "TransitionsGroups")?
        .is_some()
    {
        while let Some(group) = cursor.child()? {
            check_room(cursor, definition.groups.len())?;
            let id = attribute(cursor, &group, "Id")?;
            let mut changes = Vec::new();
            while let Some(change) = cursor.child()? {
                check_room(cursor, changes.len())?;
                changes.push(read_change(cursor, &change)?);
            }
            definition.groups.push(Group { id, changes });
        }
    }
    if parts.optional(cursor, Ns::Types, "Transitions")?.is_some() {
        while cursor.child()?.is_some() {
            check_room(cursor, definition.transitions.len())?;
            definition.transitions.push(read_transition(cursor)?);
        }
    }
    parts.end(cursor)?;
    Ok(definition)
}

/// Whether one more part may be read after `count` of its kind.
fn check_room(cursor: &Cursor<'_>, count: usize) -> Result<(), Fault> {
    if count < MAX_PARTS {
        return Ok(());
    }
    let violation = format!("A time zone has more than {MAX_PARTS} parts of one kind.");
    Err(cursor.error(violation).into())
}

fn attribute<'a>(
    cursor: &Cursor<'a>,
    element: &Element<'a>,
    wanted: &str,
) -> Result<String, Fault> {
    let attributes = cursor.attributes(element, Foreign::Ignored)?;
    Ok(attributes
        .iter()
        .find(|(name, _)| *name == wanted)
        .map(|(_, value)| value.to_string())
        .unwrap_or_default())
}

fn read_period<'a>(cursor: &Cursor<'a>, period: &Element<'a>) -> Result<(String, i32), Fault> {
    let bias = attribute(cursor, period, "Bias")?;
    let seconds = duration_seconds(&bias).ok_or_else(|| {
        cursor.error(format!(
            "The 'Bias' attribute is invalid - The value '{bias:.60}' is no duration."
        ))
    })?;
    let minutes =
        i32::try_from(seconds / 60).map_err(|_| Fault::TimeZone(ZoneError::Bias(seconds / 60)))?;
    Ok((attribute(cursor, period, "Id")?, minutes))
}

/// xs:duration, days of 24 hours.
fn duration_seconds(text: &str) -> Option<i64> {
    let span: jiff::Span = text.trim().parse().ok()?;
    let seconds = span
        .total((Unit::Second, SpanRelativeTo::days_are_24_hours()))
        .ok()?;
    Some(seconds as i64)
}

/// `Transition` or `RecurringDayTransition` of a group; other kinds leave the zone unusable.
fn read_change<'a>(
    cursor: &mut Cursor<'a>,
    change: &Element<'a>,
) -> Result<(String, Option<YearlyRule>), Fault> {
    let mut parts = Sequence::of(cursor);
    let to = read_target(cursor, &mut parts)?;
    if change.local() == "Transition" {
        parts.end(cursor)?;
        return Ok((to, None));
    }
    if change.local() != "RecurringDayTransition" {
        return Err(Fault::UnknownTimeZone);
    }
    let seconds = parts.value(
        cursor,
        (Ns::Types, "TimeOffset"),
        "http://www.w3.org/2001/XMLSchema:duration",
        duration_seconds,
    )?;
    let month = parts.int(cursor, Ns::Types, "Month")?;
    let weekday = read_weekday(&mut parts, cursor)?.ok_or(Fault::UnknownTimeZone)?;
    let occurrence = parts.int(cursor, Ns::Types, "Occurrence")?;
    parts.end(cursor)?;
    let in_day = |seconds: i64| (0..86_400).contains(&seconds);
    let time = Some(seconds)
        .filter(|&s| in_day(s))
        .and_then(|s| Time::new((s / 3600) as i8, (s / 60 % 60) as i8, (s % 60) as i8, 0).ok());
    match (time, i8::try_from(month), i8::try_from(occurrence)) {
        (Some(time), Ok(month), Ok(occurrence)) => Ok((
            to,
            Some(YearlyRule {
                time,
                month,
                weekday,
                occurrence,
            }),
        )),
        _ => Err(Fault::UnknownTimeZone),
    }
}

fn read_target<'a>(cursor: &mut Cursor<'a>, parts: &mut Sequence<'a>) -> Result<String, Fault> {
    parts.required(cursor, Ns::Types, "To")?;
    Ok(cursor.text()?.trim().to_owned())
}

fn read_transition(cursor: &mut Cursor<'_>) -> Result<(String, Option<DateTime>), Fault> {
    let mut parts = Sequence::of(cursor);
    let to = read_target(cursor, &mut parts)?;
    let from = parts.optional_value(
        cursor,
        (Ns::Types, "DateTime"),
        "http://www.w3.org/2001/XMLSchema:dateTime",
        Moment::parse,
    )?;
    let from = from.map(|from| match from {
        Moment::Local(local) => local,
        Moment::Instant(instant) => jiff::tz::Offset::UTC.to_datetime(instant),
    });
    parts.end(cursor)?;
    Ok((to, from))
}

impl Definition {
    fn zone(&self) -> Result<Zone, Fault> {
        let mut dated = Vec::new();
        for (group, from) in &self.transitions {
            let group = self
                .groups
                .iter()
                .find(|candidate| candidate.id == *group)
                .ok_or(Fault::UnknownTimeZone)?;
            dated.push((*from, self.rules(group)?));
        }
        match (dated.is_empty(), self.groups.as_slice()) {
            (false, _) => Ok(Zone::dated(dated)),
            (true, [only]) => Ok(Zone::from_rules(self.rules(only)?)),
            (true, _) => Err(Fault::UnknownTimeZone),
        }
    }

    fn rules(&self, group: &Group) -> Result<ZoneRules, Fault> {
        let bias = |id: &str| {
            self.periods
                .iter()
                .find(|(period, _)| period == id)
                .map(|(_, bias)| *bias)
                .ok_or(Fault::UnknownTimeZone)
        };
        match group.changes.as_slice() {
            [(to, None)] => {
                ZoneRules::new(bias(to)?, NO_CHANGE, NO_CHANGE).map_err(Fault::TimeZone)
            }
            [(first, Some(first_rule)), (second, Some(second_rule))] => {
                let (first_bias, second_bias) = (bias(first)?, bias(second)?);
                // The half with the larger bias is standard time.
                let ((standard_bias, standard), (daylight_bias, daylight)) =
                    if first_bias >= second_bias {
                        ((first_bias, first_rule), (second_bias, second_rule))
                    } else {
                        ((second_bias, second_rule), (first_bias, first_rule))
                    };
                ZoneRules::new(
                    standard_bias,
                    standard.rule(0),
                    // What is beyond a day is refused, whatever it is.
                    daylight.rule(daylight_bias.saturating_sub(standard_bias)),
                )
                .map_err(Fault::TimeZone)
            }
            _ => Err(Fault::UnknownTimeZone),
        }
    }
}

const NO_CHANGE: ZoneRule = ZoneRule {
    bias_minutes: 0,
    time: Time::constant(0, 0, 0, 0),
    day_order: 0,
    month: 0,
    weekday: Weekday::Sunday,
    year: None,
};

impl YearlyRule {
    fn rule(&self, bias_minutes: i32) -> ZoneRule {
        let day_order = if self.occurrence == -1 {
            5
        } else {
            self.occurrence
        };
        ZoneRule {
            bias_minutes,
            time: self.time,
            day_order,
            month: self.month,
            weekday: self.weekday,
            year: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::xml::Caps;

    fn read_zone(definition: &str) -> Result<Zone, Fault> {
        let document = format!(
            r#"<t:C xmlns="{0}" xmlns:t="{0}"><TimeZoneDefinition Id="nobody's">{definition}</TimeZoneDefinition></t:C>"#,
            Ns::TYPES
        );
        let mut cursor = Cursor::strict(&document, Caps::REQUEST).unwrap();
        cursor.root().unwrap();
        read(&mut cursor)
    }

    fn change(period: &str, month: u8) -> String {
        format!(
            r#"<RecurringDayTransition><To Kind="Period">{period}</To><TimeOffset>PT2H</TimeOffset><Month>{month}</Month>
            <DayOfWeek>Sunday</DayOfWeek><Occurrence>-1</Occurrence></RecurringDayTransition>"#
        )
    }

    #[test]
    fn a_bias_of_thousands_of_years_is_no_zone() {
        for bias in ["P1491308D", "P7304484D", "P2982617D"] {
            let zone = read_zone(&format!(
                r#"<Periods><Period Bias="{bias}" Name="Standard" Id="s"/><Period Bias="-{bias}" Name="Daylight" Id="d"/></Periods>
                <TransitionsGroups><TransitionsGroup Id="0">{}{}</TransitionsGroup></TransitionsGroups>"#,
                change("d", 3),
                change("s", 10)
            ));
            assert!(matches!(zone, Err(Fault::TimeZone(_))), "{zone:?}");
        }
    }

    #[test]
    fn a_zone_is_not_made_of_thousands_of_parts() {
        let zone = |count: usize| {
            let transition = r#"<Transition><To Kind="Group">0</To></Transition>"#;
            read_zone(&format!(
                r#"<Periods><Period Bias="PT0S" Name="Standard" Id="s"/></Periods><TransitionsGroups><TransitionsGroup Id="0">
                <Transition><To Kind="Period">s</To></Transition></TransitionsGroup></TransitionsGroups><Transitions>{}</Transitions>"#,
                transition.repeat(count)
            ))
        };
        assert!(zone(MAX_PARTS).is_ok());
        assert!(matches!(
            zone(MAX_PARTS + 1),
            Err(Fault::SchemaValidation(_))
        ));
    }
}

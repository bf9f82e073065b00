//! GetServerTimeZones: the zones of Windows, with their periods and transitions on request ([MS-OXWGTZ]).

use std::collections::HashSet;

use super::fault::Fault;
use super::zone_rules::weekday_name;
use crate::codec::xml::{Cursor, Element, Ns, Sequence, XmlWriter, parse_boolean};
use crate::domain::zone::definition::{
    self, GroupChanges, RecurringDay, TransitionsGroup, ZoneDefinition,
};
use crate::domain::zone::windows;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeZonesRequest {
    /// None asks for all zones.
    pub ids: Option<Vec<String>>,
    /// True where the request does not say.
    pub full: bool,
}

/// There are fewer zones than this.
const MAX_IDS: usize = 1000;

impl TimeZonesRequest {
    pub(super) fn read<'a>(cursor: &mut Cursor<'a>, element: &Element<'a>) -> Result<Self, Fault> {
        let attributes = cursor.only_attributes(element, &["ReturnFullTimeZoneData"])?;
        let full = match attributes.first() {
            None => true,
            Some((_, value)) => parse_boolean(value.trim()).ok_or_else(|| {
                cursor.error("The 'ReturnFullTimeZoneData' attribute is invalid.")
            })?,
        };
        let mut parts = Sequence::of(cursor);
        let ids = match parts.optional(cursor, Ns::Messages, "Ids")? {
            Some(_) => Some(read_ids(cursor)?),
            None => None,
        };
        parts.end(cursor)?;
        Ok(Self { ids, full })
    }
}

fn read_ids(cursor: &mut Cursor<'_>) -> Result<Vec<String>, Fault> {
    let mut ids = Vec::new();
    let mut parts = Sequence::of(cursor);
    let first = parts.required(cursor, Ns::Types, "Id")?;
    ids.push(cursor.string(&first)?.trim().to_owned());
    while let Some(id) = parts.optional(cursor, Ns::Types, "Id")? {
        ids.push(cursor.string(&id)?.trim().to_owned());
        if ids.len() > MAX_IDS {
            return Err(cursor
                .error(format!(
                    "The element 'Ids' has more than {MAX_IDS} children."
                ))
                .into());
        }
    }
    parts.end(cursor)?;
    Ok(ids)
}

/// The zones asked for, each once: a definition is long, and an id is short. Ids that nobody knows are left out.
pub fn write_answer(request: &TimeZonesRequest) -> Vec<u8> {
    let mut w = XmlWriter::with_capacity(16 * 1024);
    w.raw(super::OPEN_BODY).raw(concat!(
        r#"<m:GetServerTimeZonesResponse xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages" "#,
        r#"xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"><m:ResponseMessages>"#,
        r#"<m:GetServerTimeZonesResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode>"#,
        "<m:TimeZoneDefinitions>"
    ));
    match &request.ids {
        None => windows::all()
            .iter()
            .for_each(|zone| write_zone(&mut w, definition::of(zone), request.full)),
        Some(ids) => {
            let mut told = HashSet::new();
            let known = ids.iter().filter_map(|id| windows::find(id));
            for zone in known.filter(|zone| told.insert(zone.id)) {
                write_zone(&mut w, definition::of(zone), request.full);
            }
        }
    }
    w.raw("</m:TimeZoneDefinitions></m:GetServerTimeZonesResponseMessage></m:ResponseMessages>");
    w.raw("</m:GetServerTimeZonesResponse>")
        .raw(super::CLOSE_BODY);
    w.into_bytes()
}

fn write_zone(w: &mut XmlWriter, zone: &ZoneDefinition, full: bool) {
    w.raw(r#"<t:TimeZoneDefinition Id=""#)
        .text(zone.id)
        .raw(r#"" Name=""#)
        .text(zone.name);
    if !full {
        w.raw(r#""/>"#);
        return;
    }
    w.raw(r#""><t:Periods>"#);
    for period in &zone.periods {
        w.raw(r#"<t:Period Bias=""#)
            .text(&minutes(i64::from(period.bias_minutes)));
        w.raw(r#"" Name=""#)
            .text(period.name)
            .raw(r#"" Id=""#)
            .text(&period.id)
            .raw(r#""/>"#);
    }
    w.raw("</t:Periods><t:TransitionsGroups>");
    for group in &zone.groups {
        write_group(w, group);
    }
    w.raw("</t:TransitionsGroups><t:Transitions>");
    for transition in &zone.transitions {
        let Some(from) = transition.from else {
            w.raw(r#"<t:Transition><t:To Kind="Group">"#)
                .text(&transition.to_group)
                .raw("</t:To></t:Transition>");
            continue;
        };
        w.raw(r#"<t:AbsoluteDateTransition><t:To Kind="Group">"#)
            .text(&transition.to_group);
        w.raw("</t:To><t:DateTime>")
            .text(&from.to_string())
            .raw("</t:DateTime></t:AbsoluteDateTransition>");
    }
    w.raw("</t:Transitions></t:TimeZoneDefinition>");
}

fn write_group(w: &mut XmlWriter, group: &TransitionsGroup) {
    w.raw(r#"<t:TransitionsGroup Id=""#)
        .text(&group.id)
        .raw(r#"">"#);
    match &group.changes {
        GroupChanges::None { to_period } => {
            w.raw(r#"<t:Transition><t:To Kind="Period">"#)
                .text(to_period)
                .raw("</t:To></t:Transition>");
        }
        GroupChanges::Yearly(changes) => changes.iter().for_each(|change| write_change(w, change)),
    }
    w.raw("</t:TransitionsGroup>");
}

fn write_change(w: &mut XmlWriter, change: &RecurringDay) {
    w.raw(r#"<t:RecurringDayTransition><t:To Kind="Period">"#)
        .text(&change.to_period);
    w.raw("</t:To><t:TimeOffset>")
        .text(&minutes(change.time_offset.as_mins()));
    w.raw("</t:TimeOffset><t:Month>").number(change.month);
    w.raw("</t:Month><t:DayOfWeek>")
        .raw(weekday_name(change.weekday));
    w.raw("</t:DayOfWeek><t:Occurrence>")
        .number(change.occurrence);
    w.raw("</t:Occurrence></t:RecurringDayTransition>");
}

/// xs:duration of whole minutes.
fn minutes(minutes: i64) -> String {
    let sign = if minutes < 0 { "-" } else { "" };
    match (minutes.abs() / 60, minutes.abs() % 60) {
        (0, 0) => "PT0S".into(),
        (hours, 0) => format!("{sign}PT{hours}H"),
        (0, minutes) => format!("{sign}PT{minutes}M"),
        (hours, minutes) => format!("{sign}PT{hours}H{minutes}M"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_that_is_asked_for_twice_is_told_once() {
        let answer = |ids: &[&str]| {
            write_answer(&TimeZonesRequest {
                ids: Some(ids.iter().map(|id| (*id).to_owned()).collect()),
                full: true,
            })
        };
        let once = answer(&["UTC", "Morocco Standard Time"]);
        let often = answer(&[
            "UTC",
            "Morocco Standard Time",
            "utc",
            "MOROCCO standard time",
            "UTC",
        ]);
        assert_eq!(String::from_utf8(often), String::from_utf8(once));
    }
}

//! `SerializableTimeZone`: bias and the two rules of the year, read strictly from callers and tolerantly from servers.

use jiff::civil::{Time, Weekday};

use super::fault::Fault;
use crate::codec::xml::{Cursor, Element, Ns, Sequence, XmlWriter};
use crate::domain::zone::{ZoneError, ZoneRule, ZoneRules};

/// The content of `t:TimeZone` in a request.
pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<ZoneRules, Fault> {
    let mut parts = Sequence::of(cursor);
    let bias = parts.required(cursor, Ns::Types, "Bias")?;
    let bias = cursor.int(&bias)?;
    parts.required(cursor, Ns::Types, "StandardTime")?;
    let standard = read_rule(cursor)?;
    parts.required(cursor, Ns::Types, "DaylightTime")?;
    let daylight = read_rule(cursor)?;
    parts.end(cursor)?;
    // Only now, so that the order of the document decides which schema violation is told.
    ZoneRules::new(bias, standard.into_rule()?, daylight.into_rule()?).map_err(Fault::TimeZone)
}

/// A rule as written: of the right types, not yet of sensible values.
struct RawRule {
    bias: i32,
    time: String,
    day_order: i16,
    month: i16,
    weekday: Option<Weekday>,
    year: Option<String>,
}

fn read_rule(cursor: &mut Cursor<'_>) -> Result<RawRule, Fault> {
    let mut parts = Sequence::of(cursor);
    let bias = parts.required(cursor, Ns::Types, "Bias")?;
    let bias = cursor.int(&bias)?;
    let time = parts.required(cursor, Ns::Types, "Time")?;
    let time = cursor.string(&time)?.trim().to_owned();
    let day_order = parts.required(cursor, Ns::Types, "DayOrder")?;
    let day_order = short(cursor, &day_order)?;
    let month = parts.required(cursor, Ns::Types, "Month")?;
    let month = short(cursor, &month)?;
    let weekday = parts.required(cursor, Ns::Types, "DayOfWeek")?;
    let weekday = read_weekday(cursor, &weekday)?;
    let year = match parts.optional(cursor, Ns::Types, "Year")? {
        Some(element) => Some(cursor.string(&element)?.trim().to_owned()),
        None => None,
    };
    parts.end(cursor)?;
    Ok(RawRule {
        bias,
        time,
        day_order,
        month,
        weekday,
        year,
    })
}

fn short<'a>(cursor: &mut Cursor<'a>, element: &Element<'a>) -> Result<i16, Fault> {
    Ok(
        cursor.value(element, "http://www.w3.org/2001/XMLSchema:short", |text| {
            text.parse().ok()
        })?,
    )
}

/// One of the seven days; None for the groups of days that the schema also allows.
pub(super) fn read_weekday<'a>(
    cursor: &mut Cursor<'a>,
    element: &Element<'a>,
) -> Result<Option<Weekday>, Fault> {
    let datatype = "http://schemas.microsoft.com/exchange/services/2006/types:DayOfWeekType";
    Ok(cursor.value(element, datatype, |text| match text {
        "Day" | "Weekday" | "WeekendDay" => Some(None),
        day => weekday(day).map(Some),
    })?)
}

impl RawRule {
    fn into_rule(self) -> Result<ZoneRule, Fault> {
        let (day_order, month) = (i32::from(self.day_order), i32::from(self.month));
        let year = match self.year.as_deref() {
            None | Some("" | "0") => None,
            Some(text) => Some(
                text.parse::<i16>()
                    .map_err(|_| Fault::TimeZone(ZoneError::Year(0)))?,
            ),
        };
        Ok(ZoneRule {
            bias_minutes: self.bias,
            time: parse_time(&self.time).ok_or(Fault::TimeZone(ZoneError::Time))?,
            day_order: i8::try_from(self.day_order)
                .map_err(|_| Fault::TimeZone(ZoneError::DayOrder(day_order)))?,
            month: i8::try_from(self.month)
                .map_err(|_| Fault::TimeZone(ZoneError::Month(month)))?,
            weekday: match self.weekday {
                Some(weekday) => weekday,
                // A group of days ("Weekday") cannot be counted within a month.
                None if month != 0 && year.is_none() => {
                    return Err(Fault::TimeZone(ZoneError::DayOrder(day_order)));
                }
                None => Weekday::Sunday,
            },
            year,
        })
    }
}

/// `HH:MM:SS`, fractions cut.
fn parse_time(text: &str) -> Option<Time> {
    let mut parts = text.split('.').next()?.split(':');
    let mut next = || parts.next().and_then(|part| part.parse::<i8>().ok());
    let time = Time::new(next()?, next()?, next()?, 0).ok()?;
    parts.next().is_none().then_some(time)
}

pub(super) fn weekday(text: &str) -> Option<Weekday> {
    Some(match text {
        "Sunday" => Weekday::Sunday,
        "Monday" => Weekday::Monday,
        "Tuesday" => Weekday::Tuesday,
        "Wednesday" => Weekday::Wednesday,
        "Thursday" => Weekday::Thursday,
        "Friday" => Weekday::Friday,
        "Saturday" => Weekday::Saturday,
        _ => return None,
    })
}

pub(super) fn weekday_name(weekday: Weekday) -> &'static str {
    match weekday {
        Weekday::Sunday => "Sunday",
        Weekday::Monday => "Monday",
        Weekday::Tuesday => "Tuesday",
        Weekday::Wednesday => "Wednesday",
        Weekday::Thursday => "Thursday",
        Weekday::Friday => "Friday",
        Weekday::Saturday => "Saturday",
    }
}

/// The rules of a server's working hours, lenient cursor; None where they cannot be kept exactly.
pub(super) fn read_tolerantly(
    cursor: &mut Cursor<'_>,
) -> Result<Option<ZoneRules>, crate::codec::xml::DecodeError> {
    let (mut bias, mut standard, mut daylight) = (None, None, None);
    while let Some(element) = cursor.child()? {
        match element.local() {
            "Bias" => bias = cursor.text()?.trim().parse().ok(),
            "StandardTime" => standard = read_rule_tolerantly(cursor)?,
            "DaylightTime" => daylight = read_rule_tolerantly(cursor)?,
            _ => cursor.skip()?,
        }
    }
    Ok(match (bias, standard, daylight) {
        (Some(bias_minutes), Some(standard), Some(daylight)) => Some(ZoneRules {
            bias_minutes,
            standard,
            daylight,
        }),
        _ => None,
    })
}

fn read_rule_tolerantly(
    cursor: &mut Cursor<'_>,
) -> Result<Option<ZoneRule>, crate::codec::xml::DecodeError> {
    let (mut bias, mut time, mut day_order, mut month, mut day, mut year) =
        (None, None, None, None, None, None);
    while let Some(element) = cursor.child()? {
        let text = cursor.text()?;
        let text = text.trim();
        match element.local() {
            "Bias" => bias = text.parse().ok(),
            "Time" => time = parse_time(text),
            "DayOrder" => day_order = text.parse().ok(),
            "Month" => month = text.parse().ok(),
            "DayOfWeek" => day = weekday(text),
            "Year" => year = text.parse().ok().filter(|&year: &i16| year != 0),
            _ => {}
        }
    }
    Ok(match (bias, time, day_order, month, day) {
        (Some(bias_minutes), Some(time), Some(day_order), Some(month), Some(weekday)) => {
            Some(ZoneRule {
                bias_minutes,
                time,
                day_order,
                month,
                weekday,
                year,
            })
        }
        _ => None,
    })
}

/// The three children of a `SerializableTimeZone`; the types namespace must be the default one.
pub(super) fn write(w: &mut XmlWriter, rules: &ZoneRules) {
    w.raw("<Bias>")
        .number(rules.bias_minutes)
        .raw("</Bias><StandardTime>");
    write_rule(w, &rules.standard);
    w.raw("</StandardTime><DaylightTime>");
    write_rule(w, &rules.daylight);
    w.raw("</DaylightTime>");
}

fn write_rule(w: &mut XmlWriter, rule: &ZoneRule) {
    w.raw("<Bias>")
        .number(rule.bias_minutes)
        .raw("</Bias><Time>");
    w.text(&rule.time.strftime("%H:%M:%S").to_string())
        .raw("</Time><DayOrder>");
    w.number(rule.day_order)
        .raw("</DayOrder><Month>")
        .number(rule.month)
        .raw("</Month><DayOfWeek>");
    w.raw(weekday_name(rule.weekday)).raw("</DayOfWeek>");
    if let Some(year) = rule.year {
        w.raw("<Year>").number(year).raw("</Year>");
    }
}

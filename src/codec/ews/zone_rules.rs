//! `SerializableTimeZone`: bias and the two rules of the year, read strictly from callers and tolerantly from servers.

use std::borrow::Cow;
use std::cell::RefCell;

use jiff::civil::{Time, Weekday};

use super::fault::Fault;
use crate::codec::xml::moment::digit_pair;
use crate::codec::xml::{Cursor, DecodeError, Ns, Recalled, Sequence, XmlWriter};
use crate::domain::zone::{ZoneError, ZoneRule, ZoneRules};

thread_local! {
    /// A company has few zones, and nearly every request brings the rules of one of them.
    static ZONES: RefCell<Recalled<ZoneRules>> = RefCell::default();
}

/// The content of `t:TimeZone` in a request.
pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<ZoneRules, Fault> {
    ZONES.with_borrow_mut(|zones| cursor.recalled(zones, read_rules))
}

fn read_rules(cursor: &mut Cursor<'_>) -> Result<ZoneRules, Fault> {
    let mut parts = Sequence::of(cursor);
    let bias = parts.int(cursor, Ns::Types, "Bias")?;
    parts.required(cursor, Ns::Types, "StandardTime")?;
    let standard = read_rule(cursor)?;
    parts.required(cursor, Ns::Types, "DaylightTime")?;
    let daylight = read_rule(cursor)?;
    parts.end(cursor)?;
    // Only now, so that the order of the document decides which schema violation is told.
    ZoneRules::new(bias, standard.into_rule()?, daylight.into_rule()?).map_err(Fault::TimeZone)
}

/// A rule as written: of the right types, not yet of sensible values.
struct RawRule<'a> {
    bias: i32,
    time: Cow<'a, str>,
    day_order: i16,
    month: i16,
    weekday: Option<Weekday>,
    year: Option<Cow<'a, str>>,
}

fn read_rule<'a>(cursor: &mut Cursor<'a>) -> Result<RawRule<'a>, Fault> {
    let mut parts = Sequence::of(cursor);
    let bias = parts.int(cursor, Ns::Types, "Bias")?;
    let time = parts.string(cursor, Ns::Types, "Time")?;
    let day_order = short(&mut parts, cursor, "DayOrder")?;
    let month = short(&mut parts, cursor, "Month")?;
    let weekday = read_weekday(&mut parts, cursor)?;
    let year = parts.optional_string(cursor, Ns::Types, "Year")?;
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

fn short<'a>(
    parts: &mut Sequence<'a>,
    cursor: &mut Cursor<'a>,
    local: &'static str,
) -> Result<i16, DecodeError> {
    let datatype = "http://www.w3.org/2001/XMLSchema:short";
    parts.value(cursor, (Ns::Types, local), datatype, |text| {
        text.parse().ok()
    })
}

/// `DayOfWeek`: one of the seven days; None for the groups of days that the schema also allows.
pub(super) fn read_weekday<'a>(
    parts: &mut Sequence<'a>,
    cursor: &mut Cursor<'a>,
) -> Result<Option<Weekday>, DecodeError> {
    let datatype = "http://schemas.microsoft.com/exchange/services/2006/types:DayOfWeekType";
    let name = (Ns::Types, "DayOfWeek");
    parts.value(cursor, name, datatype, |text| match text {
        "Day" | "Weekday" | "WeekendDay" => Some(None),
        day => weekday(day).map(Some),
    })
}

impl RawRule<'_> {
    fn into_rule(self) -> Result<ZoneRule, Fault> {
        let (day_order, month) = (i32::from(self.day_order), i32::from(self.month));
        let year = match self.year.as_deref().map(str::trim) {
            None | Some("" | "0") => None,
            Some(text) => Some(
                text.parse::<i16>()
                    .map_err(|_| Fault::TimeZone(ZoneError::Year(0)))?,
            ),
        };
        Ok(ZoneRule {
            bias_minutes: self.bias,
            time: parse_time(self.time.trim()).ok_or(Fault::TimeZone(ZoneError::Time))?,
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
    if let [h1, h2, b':', m1, m2, b':', s1, s2] = text.as_bytes()
        && let (Some(hour), Some(minute), Some(second)) =
            (digit_pair(h1, h2), digit_pair(m1, m2), digit_pair(s1, s2))
    {
        return Time::new(hour, minute, second, 0).ok();
    }
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
pub(super) fn read_tolerantly(cursor: &mut Cursor<'_>) -> Result<Option<ZoneRules>, DecodeError> {
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

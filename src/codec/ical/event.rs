//! One VEVENT, read: when it starts, how long it is, how it recurs, and what may be told of it.

use calcard::icalendar::{
    ICalendar, ICalendarComponent, ICalendarComponentType, ICalendarParameterName,
    ICalendarProperty, ICalendarValue,
};

use super::moment::{self, Length, Moment};
use super::rule::{Budget, Rule};
use super::zones::Zones;
use super::{ReadError, entry, status};
use crate::domain::{BusyStatus, EventDetails, EventFlags};

#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) uid: Option<String>,
    pub(super) sequence: i64,
    /// The instance of the series that this event stands for.
    pub(super) instead_of: Option<Moment>,
    pub(super) start: Moment,
    pub(super) length: Length,
    /// None where it was cancelled.
    pub(super) status: Option<BusyStatus>,
    pub(super) details: EventDetails,
    /// It says itself whether it is private.
    pub(super) has_class: bool,
    pub(super) rules: Vec<Rule>,
    pub(super) more: Vec<(Moment, Option<Length>)>,
    pub(super) except: Vec<Moment>,
}

impl Event {
    pub(super) fn recurs(&self) -> bool {
        !self.rules.is_empty() || !self.more.is_empty()
    }
}

pub(super) fn read(
    calendar: &ICalendar,
    component: &ICalendarComponent,
    zones: &mut Zones<'_>,
) -> Result<Event, ReadError> {
    let start = one(component, &ICalendarProperty::Dtstart, "DTSTART", zones)?
        .ok_or(ReadError::Property("DTSTART"))?;
    let length = length(component, &start, zones)?;
    let instead_of = one(
        component,
        &ICalendarProperty::RecurrenceId,
        "RECURRENCE-ID",
        zones,
    )?;
    refuse_this_and_future(component)?;
    let more = all(component, &ICalendarProperty::Rdate, "RDATE", zones)?;
    let except = all(component, &ICalendarProperty::Exdate, "EXDATE", zones)?;
    Ok(Event {
        uid: text(component, &ICalendarProperty::Uid),
        sequence: sequence(component),
        rules: rules(component, &start, zones.budget)?,
        start,
        length,
        instead_of,
        status: status::busy(component),
        details: details(calendar, component),
        has_class: component.has_property(&ICalendarProperty::Class),
        more,
        except: except.into_iter().map(|(at, _)| at).collect(),
    })
}

/// DTEND, else DURATION, else a day for a DATE and nothing for a DATE-TIME (RFC 5545 section 3.6.1).
fn length(
    component: &ICalendarComponent,
    start: &Moment,
    zones: &mut Zones<'_>,
) -> Result<Length, ReadError> {
    if let Some(end) = one(component, &ICalendarProperty::Dtend, "DTEND", zones)? {
        return Length::between(start, &end);
    }
    match component.property(&ICalendarProperty::Duration) {
        Some(entry) => match entry.values.first() {
            Some(ICalendarValue::Duration(duration)) => Length::from_duration(duration),
            _ => Err(ReadError::Property("DURATION")),
        },
        None if start.whole_day => Ok(Length::DAY),
        None => Ok(Length::ZERO),
    }
}

fn rules(
    component: &ICalendarComponent,
    start: &Moment,
    budget: &mut Budget,
) -> Result<Vec<Rule>, ReadError> {
    component
        .properties(&ICalendarProperty::Rrule)
        .map(|entry| match entry.values.first() {
            Some(ICalendarValue::RecurrenceRule(rule)) => Rule::read(rule, start, budget),
            _ => Err(ReadError::Property("RRULE")),
        })
        .collect()
}

/// A change of this and all later instances would have to split the series; no known program writes it any more.
fn refuse_this_and_future(component: &ICalendarComponent) -> Result<(), ReadError> {
    let ranged = component
        .properties(&ICalendarProperty::RecurrenceId)
        .any(|entry| entry.has_parameter(&ICalendarParameterName::Range));
    if ranged {
        return Err(ReadError::Unsupported("RANGE=THISANDFUTURE"));
    }
    Ok(())
}

fn details(calendar: &ICalendar, component: &ICalendarComponent) -> EventDetails {
    let flags = EventFlags {
        meeting: component.has_property(&ICalendarProperty::Attendee)
            || component.has_property(&ICalendarProperty::Organizer),
        recurring: false,
        exception: false,
        reminder_set: entry::children(calendar, component)
            .any(|child| child.component_type == ICalendarComponentType::VAlarm),
        private: status::is_private(component),
    };
    EventDetails {
        id: None,
        subject: text(component, &ICalendarProperty::Summary).map(Into::into),
        location: text(component, &ICalendarProperty::Location).map(Into::into),
        organizer: component
            .property(&ICalendarProperty::Organizer)
            .and_then(entry::person)
            .map(Into::into),
        flags,
    }
    .masked()
}

fn sequence(component: &ICalendarComponent) -> i64 {
    component
        .property(&ICalendarProperty::Sequence)
        .and_then(|entry| entry.values.first()?.as_integer())
        .unwrap_or_default()
}

fn text(component: &ICalendarComponent, property: &ICalendarProperty) -> Option<String> {
    component.property(property).and_then(entry::text)
}

/// The one moment of a property that may stand once.
fn one(
    component: &ICalendarComponent,
    property: &ICalendarProperty,
    name: &'static str,
    zones: &mut Zones<'_>,
) -> Result<Option<Moment>, ReadError> {
    let Some(entry) = component.property(property) else {
        return Ok(None);
    };
    match moment::read(entry, name, zones)?.pop() {
        Some((at, None)) if entry.values.len() == 1 => Ok(Some(at)),
        _ => Err(ReadError::Property(name)),
    }
}

fn all(
    component: &ICalendarComponent,
    property: &ICalendarProperty,
    name: &'static str,
    zones: &mut Zones<'_>,
) -> Result<Vec<(Moment, Option<Length>)>, ReadError> {
    let mut moments = Vec::new();
    for entry in component.properties(property) {
        moments.extend(moment::read(entry, name, zones)?);
    }
    Ok(moments)
}

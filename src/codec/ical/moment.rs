//! A point in time as iCalendar writes it: a wall-clock time with its zone, or a whole day; and how long an event is.

use calcard::common::PartialDateTime;
use calcard::icalendar::{
    ICalendarDuration, ICalendarEntry, ICalendarParameterName, ICalendarParameterValue,
    ICalendarPeriod, ICalendarValue, ICalendarValueType,
};
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};

use super::ReadError;
use super::zones::Zones;

/// Longer events are refused: arithmetic and the search before a window stay bounded. 100 years, in days.
const MAX_DAYS: i64 = 36_525;

/// A wall-clock time in its zone. A DATE is midnight of a whole day.
#[derive(Debug, Clone)]
pub(super) struct Moment {
    pub(super) local: DateTime,
    pub(super) zone: TimeZone,
    pub(super) whole_day: bool,
}

impl Moment {
    /// None beyond the years that can be counted.
    pub(super) fn instant(&self) -> Option<Timestamp> {
        self.instant_of(self.local)
    }

    /// Another wall-clock time of the same series, as an instant. A time that a clock change skips is read with the
    /// offset before the gap, one that comes twice is the first (RFC 5545 section 3.3.5). A whole day starts with its
    /// first instant.
    pub(super) fn instant_of(&self, local: DateTime) -> Option<Timestamp> {
        let zoned = if self.whole_day {
            local
                .date()
                .to_zoned(self.zone.clone())
                .and_then(|zoned| zoned.start_of_day())
        } else {
            self.zone.to_ambiguous_zoned(local).compatible()
        };
        zoned.ok().map(|zoned| zoned.timestamp())
    }

    /// The second instant of a wall-clock time that a clock change repeats.
    pub(super) fn second_instant_of(&self, local: DateTime) -> Option<Timestamp> {
        let ambiguous = self.zone.to_ambiguous_zoned(local);
        if self.whole_day || !ambiguous.is_ambiguous() {
            return None;
        }
        let first = self.instant_of(local)?;
        let second = ambiguous.later().ok()?.timestamp();
        (second > first && self.local_of(second) == local).then_some(second)
    }

    /// The wall-clock time at an instant, in this zone.
    pub(super) fn local_of(&self, instant: Timestamp) -> DateTime {
        self.zone.to_datetime(instant)
    }
}

/// How an event's end follows from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Length {
    /// On the calendar: a day may have 23 or 25 hours (RFC 5545 section 3.3.6).
    days: i64,
    /// By the clock, after the days.
    exact: SignedDuration,
}

impl Length {
    pub(super) const ZERO: Self = Self {
        days: 0,
        exact: SignedDuration::ZERO,
    };
    pub(super) const DAY: Self = Self {
        days: 1,
        exact: SignedDuration::ZERO,
    };

    /// From `DTEND`. For a whole-day event the days count; else the exact duration, which is the same for all instances
    /// of a series (RFC 5545 section 3.8.5.3). An end before the start is no length at all: the event stays. A whole-day
    /// event lasts at least its day: programs that write its first day as its end mean that.
    pub(super) fn between(start: &Moment, end: &Moment) -> Result<Self, ReadError> {
        if start.whole_day && end.whole_day {
            let days = i64::from((end.local.date() - start.local.date()).get_days());
            return Self::new(days.max(1), SignedDuration::ZERO, "DTEND");
        }
        let bounds = start.instant().zip(end.instant());
        let (start, end) = bounds.ok_or(ReadError::Property("DTEND"))?;
        Self::new(0, end.duration_since(start), "DTEND")
    }

    pub(super) fn from_duration(duration: &ICalendarDuration) -> Result<Self, ReadError> {
        if duration.neg {
            return Ok(Self::ZERO);
        }
        let days = i64::from(duration.weeks) * 7 + i64::from(duration.days);
        let seconds = i64::from(duration.hours) * 3600
            + i64::from(duration.minutes) * 60
            + i64::from(duration.seconds);
        Self::new(days, SignedDuration::from_secs(seconds), "DURATION")
    }

    fn new(days: i64, exact: SignedDuration, property: &'static str) -> Result<Self, ReadError> {
        let length = Self {
            days: days.max(0),
            exact: exact.max(SignedDuration::ZERO),
        };
        if length.days > MAX_DAYS || length.exact.as_hours() > MAX_DAYS * 24 {
            return Err(ReadError::Property(property));
        }
        Ok(length)
    }

    /// The end of the instance that starts at `local`, which is the instant `start`.
    pub(super) fn end(
        self,
        series: &Moment,
        local: DateTime,
        start: Timestamp,
    ) -> Option<Timestamp> {
        let days_later = if self.days == 0 {
            start
        } else {
            let local = local.checked_add(Span::new().days(self.days)).ok()?;
            series.instant_of(local)?
        };
        Some(days_later.checked_add(self.exact).ok()?.max(start))
    }

    /// No instance is longer than this, whatever the clock does.
    pub(super) fn at_most(self) -> SignedDuration {
        SignedDuration::from_hours(self.days * 24 + 48) + self.exact
    }
}

/// The moments of a DTSTART, DTEND, RECURRENCE-ID, EXDATE or RDATE, with a length for each PERIOD.
pub(super) fn read(
    entry: &ICalendarEntry,
    property: &'static str,
    zones: &mut Zones<'_>,
) -> Result<Vec<(Moment, Option<Length>)>, ReadError> {
    let tzid = entry.tz_id();
    let whole_day = entry
        .parameters(&ICalendarParameterName::Value)
        .any(|value| *value == ICalendarParameterValue::Value(ICalendarValueType::Date));
    entry
        .values
        .iter()
        .map(|value| match value {
            ICalendarValue::PartialDateTime(at) => {
                Ok((moment(at, whole_day, tzid, property, zones)?, None))
            }
            ICalendarValue::Period(ICalendarPeriod::Range { start, end }) => {
                let start = moment(start, false, tzid, property, zones)?;
                let end = moment(end, false, tzid, property, zones)?;
                let length = Length::between(&start, &end)?;
                Ok((start, Some(length)))
            }
            ICalendarValue::Period(ICalendarPeriod::Duration { start, duration }) => {
                let start = moment(start, false, tzid, property, zones)?;
                Ok((start, Some(Length::from_duration(duration)?)))
            }
            _ => Err(ReadError::Property(property)),
        })
        .collect()
}

fn moment(
    at: &PartialDateTime,
    whole_day: bool,
    tzid: Option<&str>,
    property: &'static str,
    zones: &mut Zones<'_>,
) -> Result<Moment, ReadError> {
    let local = civil(at).ok_or(ReadError::Property(property))?;
    let whole_day = whole_day || !at.has_time();
    // A whole day belongs to no zone but the mailbox's, even where a TZID stands beside it.
    let zone = match tzid {
        _ if at.has_zone() => TimeZone::UTC,
        Some(tzid) if !whole_day => zones.by_id(tzid)?,
        Some(_) | None => zones.of_mailbox()?,
    };
    Ok(Moment {
        local,
        zone,
        whole_day,
    })
}

/// The wall-clock digits; midnight for a DATE. A leap second is the second before it.
pub(super) fn civil(at: &PartialDateTime) -> Option<DateTime> {
    let date = Date::new(
        i16::try_from(at.year?).ok()?,
        i8::try_from(at.month?).ok()?,
        i8::try_from(at.day?).ok()?,
    )
    .ok()?;
    let Some(hour) = at.hour else {
        return Some(date.to_datetime(Time::midnight()));
    };
    let time = Time::new(
        i8::try_from(hour).ok()?,
        i8::try_from(at.minute?).ok()?,
        i8::try_from(at.second.unwrap_or_default()).ok()?.min(59),
        0,
    )
    .ok()?;
    Some(date.to_datetime(time))
}

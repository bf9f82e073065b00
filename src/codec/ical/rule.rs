//! RRULE: the wall-clock times of a series. The crate rrule does the calendar work, in UTC and without zones; the zone
//! is applied by the caller to each time. chrono, which rrule speaks, stays in this file.
//!
//! The work is bounded: old series are entered near the range asked for, a rule whose single period would hold a flood
//! of times is refused unseen, and every step is paid from a [`Budget`].

use std::ops::Range;

use calcard::common::CalendarScale;
use calcard::icalendar::{
    ICalendarFrequency, ICalendarMonth, ICalendarRecurrenceRule, ICalendarSkip, ICalendarWeekday,
};
use chrono::{Datelike, TimeZone as _, Timelike};
use jiff::civil::DateTime;
use jiff::{Span, Timestamp, Unit};
use rrule::{Frequency, NWeekday, RRule, RRuleSet, Tz, Unvalidated};

use super::moment::{self, Moment};
use super::{MAX_EVENTS, ReadError, TooManyEvents};

/// Steps that one question (or the reading of one file) may take.
const MAX_STEPS: u32 = 500_000;
/// The most times that one period of a rule (a year of a yearly rule) may hold.
const MAX_PER_PERIOD: usize = 10_000;
/// What the search for the first time of a rule that has none costs rrule.
const BARREN_STEPS: u32 = 100_000;
/// What one time costs where rrule counts through the seconds or minutes that a rule leaves out.
const COUNTING_STEPS: u32 = 100;

/// Steps left.
#[derive(Debug)]
pub(super) struct Budget(u32);

impl Default for Budget {
    fn default() -> Self {
        Self(MAX_STEPS)
    }
}

impl Budget {
    pub(super) fn spend(&mut self, steps: u32) -> Result<(), TooManyEvents> {
        self.0 = self.0.checked_sub(steps).ok_or(TooManyEvents)?;
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn spent(&self) -> u32 {
        MAX_STEPS - self.0
    }
}

/// One RRULE of a series.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pattern: RRule<Unvalidated>,
    /// Without BY parts: each period holds one time.
    plain: bool,
    /// What each time costs.
    steps: u32,
    /// No time ever follows from it (30 February).
    barren: bool,
    count: Option<u32>,
    until: Option<Until>,
}

#[derive(Debug, Clone, Copy)]
enum Until {
    /// The last wall-clock time.
    Local(DateTime),
    Instant(Timestamp),
}

impl Rule {
    pub(super) fn read(
        parsed: &ICalendarRecurrenceRule,
        start: &Moment,
        budget: &mut Budget,
    ) -> Result<Self, ReadError> {
        let mut rule = Self {
            pattern: translate(parsed)?,
            plain: is_plain(parsed),
            steps: steps(parsed),
            barren: false,
            count: parsed.count,
            until: until(parsed)?,
        };
        if per_period(parsed) > MAX_PER_PERIOD {
            return Err(ReadError::TooMuchWork);
        }
        let first = rule
            .times_from(start.local)
            .ok_or(ReadError::Property("RRULE"))?
            .next();
        if first.is_none() {
            rule.barren = true;
            budget
                .spend(BARREN_STEPS)
                .map_err(|TooManyEvents| ReadError::TooMuchWork)?;
        }
        Ok(rule)
    }

    /// Whether several times a day are meant, by the clock rather than by the calendar.
    pub(super) fn is_hourly_or_faster(&self) -> bool {
        self.pattern.get_freq() >= Frequency::Hourly
    }

    /// The times of the series in `range`, in order. The series' start is not among them where the rule misses it.
    pub(super) fn times(
        &self,
        start: &Moment,
        range: &Range<DateTime>,
        budget: &mut Budget,
    ) -> Result<Vec<DateTime>, TooManyEvents> {
        let mut times = Vec::new();
        let (anchor, mut number) = self.enter(start.local, range.start);
        let Some(iterator) = self.times_from(anchor).filter(|_| !self.barren) else {
            return Ok(times);
        };
        for time in iterator {
            budget.spend(self.steps)?;
            // The start is the first instance and counts, also where the rule would not give it (section 3.8.5.3).
            if number == 0 && time != start.local {
                number = 1;
            }
            number += 1;
            if time >= range.end || self.count.is_some_and(|count| number > u64::from(count)) {
                break;
            }
            if self.is_over(start, time) {
                break;
            }
            if time >= range.start {
                times.push(time);
                if times.len() > MAX_EVENTS {
                    return Err(TooManyEvents);
                }
            }
        }
        Ok(times)
    }

    fn is_over(&self, start: &Moment, time: DateTime) -> bool {
        match self.until {
            None => false,
            Some(Until::Local(last)) => time > last,
            Some(Until::Instant(last)) => start.instant_of(time).is_none_or(|time| time > last),
        }
    }

    /// Where to enter the series so that nothing from `from` on is missed, and how many times come before it. Whole
    /// periods can be skipped without a trace, but for a counted rule only where each holds exactly one time.
    fn enter(&self, start: DateTime, from: DateTime) -> (DateTime, u64) {
        let whole = (start, 0);
        if self.count.is_some() && !self.plain {
            return whole;
        }
        let interval = i64::from(self.pattern.get_interval().max(1));
        let (one, longest) = match self.pattern.get_freq() {
            // Days that a month may lack, and days that follow from the week of the start, do not survive a jump.
            Frequency::Yearly | Frequency::Monthly
                if start.day() > 28 || !self.pattern.get_by_week_no().is_empty() =>
            {
                return whole;
            }
            Frequency::Yearly => (Span::new().years(1), 366 * 86_400),
            Frequency::Monthly => (Span::new().months(1), 31 * 86_400),
            Frequency::Weekly => (Span::new().weeks(1), 7 * 86_400),
            Frequency::Daily => (Span::new().days(1), 86_400),
            Frequency::Hourly => (Span::new().hours(1), 3_600),
            Frequency::Minutely => (Span::new().minutes(1), 60),
            Frequency::Secondly => (Span::new().seconds(1), 1),
        };
        let distance = start
            .until((Unit::Second, from))
            .map_or(0, |span| span.get_seconds());
        let periods = distance / (longest * interval) - 1;
        let skipped = periods
            .checked_mul(interval)
            .filter(|skipped| *skipped > 0)
            .and_then(|skipped| one.checked_mul(skipped).ok())
            .and_then(|skipped| start.checked_add(skipped).ok());
        skipped.map_or(whole, |entered| (entered, periods.unsigned_abs()))
    }

    /// Without end; COUNT and UNTIL are applied by [`Self::times`].
    fn times_from(&self, start: DateTime) -> Option<impl Iterator<Item = DateTime> + use<>> {
        let start = to_chrono(start)?;
        let rule = self.pattern.clone().validate(start).ok()?;
        let set = RRuleSet::new(start).rrule(rule).limit();
        Some((&set).into_iter().map_while(from_chrono))
    }
}

fn translate(parsed: &ICalendarRecurrenceRule) -> Result<RRule<Unvalidated>, ReadError> {
    refuse_unsupported(parsed)?;
    let months = parsed
        .bymonth
        .iter()
        .map(|month| chrono::Month::try_from(month.month()).ok())
        .collect::<Option<Vec<_>>>()
        .ok_or(ReadError::Property("RRULE"))?;
    let days = parsed
        .byday
        .iter()
        .map(|day| NWeekday::new(day.ordwk, weekday(day.weekday)))
        .collect();
    Ok(RRule::new(frequency(parsed.freq))
        .interval(parsed.interval.unwrap_or(1))
        .week_start(parsed.wkst.map_or(rrule::Weekday::Mon, weekday))
        .by_set_pos(parsed.bysetpos.clone())
        .by_month(&months)
        .by_month_day(parsed.bymonthday.clone())
        .by_year_day(parsed.byyearday.clone())
        .by_week_no(parsed.byweekno.clone())
        .by_weekday(days)
        .by_hour(parsed.byhour.clone())
        .by_minute(parsed.byminute.clone())
        .by_second(parsed.bysecond.clone()))
}

/// What RFC 7529 adds, and what rrule is known to answer wrongly.
fn refuse_unsupported(parsed: &ICalendarRecurrenceRule) -> Result<(), ReadError> {
    let leap_month = parsed.bymonth.iter().any(ICalendarMonth::is_leap);
    let other_calendar = parsed
        .rscale
        .as_ref()
        .is_some_and(|scale| *scale != CalendarScale::Gregorian);
    if leap_month || other_calendar || !matches!(parsed.skip, None | Some(ICalendarSkip::Omit)) {
        return Err(ReadError::Unsupported("RSCALE in an RRULE"));
    }
    // "The second Monday" exists in months and years only (section 3.3.10).
    let ordinal = parsed.byday.iter().any(|day| day.ordwk.is_some());
    if ordinal && parsed.freq > ICalendarFrequency::Monthly {
        return Err(ReadError::Unsupported("a numbered BYDAY in this RRULE"));
    }
    // Sets of times within an hour or less: rrule searches for what may not exist, one second after the other.
    if !parsed.bysetpos.is_empty() && parsed.freq > ICalendarFrequency::Daily {
        return Err(ReadError::Unsupported("BYSETPOS in this RRULE"));
    }
    // rrule loses the phase where it jumps over the hours or minutes that are not listed.
    let interval = parsed.interval.unwrap_or(1);
    let filtered = match parsed.freq {
        ICalendarFrequency::Secondly => !parsed.byhour.is_empty() || !parsed.byminute.is_empty(),
        ICalendarFrequency::Minutely => !parsed.byhour.is_empty(),
        ICalendarFrequency::Hourly
        | ICalendarFrequency::Daily
        | ICalendarFrequency::Weekly
        | ICalendarFrequency::Monthly
        | ICalendarFrequency::Yearly => false,
    };
    if filtered && (interval > 60 || 60 % interval != 0) {
        return Err(ReadError::Unsupported(
            "this INTERVAL with BYHOUR or BYMINUTE",
        ));
    }
    Ok(())
}

fn is_plain(parsed: &ICalendarRecurrenceRule) -> bool {
    parsed.bysecond.is_empty()
        && parsed.byminute.is_empty()
        && parsed.byhour.is_empty()
        && parsed.byday.is_empty()
        && parsed.bymonthday.is_empty()
        && parsed.byyearday.is_empty()
        && parsed.byweekno.is_empty()
        && parsed.bymonth.is_empty()
        && parsed.bysetpos.is_empty()
}

fn steps(parsed: &ICalendarRecurrenceRule) -> u32 {
    let filtered =
        !(parsed.bysecond.is_empty() && parsed.byminute.is_empty() && parsed.byhour.is_empty());
    let counts = match parsed.freq {
        ICalendarFrequency::Secondly | ICalendarFrequency::Minutely => filtered,
        ICalendarFrequency::Hourly
        | ICalendarFrequency::Daily
        | ICalendarFrequency::Weekly
        | ICalendarFrequency::Monthly
        | ICalendarFrequency::Yearly => false,
    };
    if counts { COUNTING_STEPS } else { 1 }
}

/// The most times that one period can hold: days of the period times times of the day.
fn per_period(parsed: &ICalendarRecurrenceRule) -> usize {
    let (hours, minutes, seconds) = (
        parsed.byhour.len().max(1),
        parsed.byminute.len().max(1),
        parsed.bysecond.len().max(1),
    );
    let each_day = hours.saturating_mul(minutes).saturating_mul(seconds);
    match parsed.freq {
        ICalendarFrequency::Yearly => each_day.saturating_mul(days_a_year(parsed)),
        ICalendarFrequency::Monthly => each_day.saturating_mul(31),
        ICalendarFrequency::Weekly => each_day.saturating_mul(7),
        ICalendarFrequency::Daily => each_day,
        ICalendarFrequency::Hourly => minutes.saturating_mul(seconds),
        ICalendarFrequency::Minutely => seconds,
        ICalendarFrequency::Secondly => 1,
    }
}

fn days_a_year(parsed: &ICalendarRecurrenceRule) -> usize {
    if parsed.byday.is_empty() && parsed.bymonthday.is_empty() && parsed.byyearday.is_empty() {
        7 * parsed.byweekno.len().max(parsed.bymonth.len()).max(1)
    } else {
        366
    }
}

fn until(parsed: &ICalendarRecurrenceRule) -> Result<Option<Until>, ReadError> {
    let Some(until) = &parsed.until else {
        return Ok(None);
    };
    let local = moment::civil(until).ok_or(ReadError::Property("UNTIL"))?;
    let until = if until.has_zone() {
        let utc = jiff::tz::TimeZone::UTC.to_timestamp(local);
        Until::Instant(utc.map_err(|_| ReadError::Property("UNTIL"))?)
    } else if until.has_time() {
        Until::Local(local)
    } else {
        // A day as the end means the whole day.
        Until::Local(local.date().to_datetime(jiff::civil::time(23, 59, 59, 0)))
    };
    Ok(Some(until))
}

fn frequency(frequency: ICalendarFrequency) -> Frequency {
    match frequency {
        ICalendarFrequency::Yearly => Frequency::Yearly,
        ICalendarFrequency::Monthly => Frequency::Monthly,
        ICalendarFrequency::Weekly => Frequency::Weekly,
        ICalendarFrequency::Daily => Frequency::Daily,
        ICalendarFrequency::Hourly => Frequency::Hourly,
        ICalendarFrequency::Minutely => Frequency::Minutely,
        ICalendarFrequency::Secondly => Frequency::Secondly,
    }
}

fn weekday(day: ICalendarWeekday) -> rrule::Weekday {
    match day {
        ICalendarWeekday::Sunday => rrule::Weekday::Sun,
        ICalendarWeekday::Monday => rrule::Weekday::Mon,
        ICalendarWeekday::Tuesday => rrule::Weekday::Tue,
        ICalendarWeekday::Wednesday => rrule::Weekday::Wed,
        ICalendarWeekday::Thursday => rrule::Weekday::Thu,
        ICalendarWeekday::Friday => rrule::Weekday::Fri,
        ICalendarWeekday::Saturday => rrule::Weekday::Sat,
    }
}

fn to_chrono(local: DateTime) -> Option<chrono::DateTime<Tz>> {
    let part = |value: i8| u32::try_from(value).ok();
    Tz::UTC
        .with_ymd_and_hms(
            i32::from(local.year()),
            part(local.month())?,
            part(local.day())?,
            part(local.hour())?,
            part(local.minute())?,
            part(local.second())?,
        )
        .single()
}

/// None after the year 9999, where the series ends for us.
fn from_chrono(time: chrono::DateTime<Tz>) -> Option<DateTime> {
    let part = |value: u32| i8::try_from(value).ok();
    DateTime::new(
        i16::try_from(time.year()).ok()?,
        part(time.month())?,
        part(time.day())?,
        part(time.hour())?,
        part(time.minute())?,
        part(time.second())?,
        0,
    )
    .ok()
}

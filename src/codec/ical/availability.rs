//! VAVAILABILITY (RFC 7953): the working hours of a mailbox. Written day by day in UTC for one window, so that no reader
//! needs the mailbox's time zone.

use jiff::Timestamp;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;

use super::content::Writer;
use super::freebusy::{FreeBusyHead, Utc};
use crate::domain::freebusy::WorkingDay;
use crate::domain::zone::Zone;
use crate::domain::{TimeWindow, WorkingHours, WorkingPeriod};

/// One VAVAILABILITY component: outside of the AVAILABLE times in it the mailbox is not to be booked.
pub fn write_component(writer: &mut Writer, head: &FreeBusyHead<'_>, hours: &WorkingHours) {
    let (start, end) = head.window.seconds();
    let stamp = Utc(head.stamp.as_second()).to_string();
    let id = format!("{}-{}-{}", Utc(start), Utc(end), head.mailbox);
    writer.begin("VAVAILABILITY");
    writer.property("UID").plain(&format!("availability-{id}"));
    writer.property("DTSTAMP").plain(&stamp);
    writer
        .property("ORGANIZER")
        .plain(&format!("mailto:{}", head.mailbox));
    writer.property("DTSTART").plain(&Utc(start).to_string());
    writer.property("DTEND").plain(&Utc(end).to_string());
    writer.property("BUSYTYPE").plain("BUSY-UNAVAILABLE");
    for (from, to) in available(hours, &head.window) {
        writer.begin("AVAILABLE");
        writer
            .property("UID")
            .plain(&format!("{}-{}", Utc(from), head.mailbox));
        writer.property("DTSTAMP").plain(&stamp);
        writer.property("DTSTART").plain(&Utc(from).to_string());
        writer.property("DTEND").plain(&Utc(to).to_string());
        writer.end("AVAILABLE");
    }
    writer.end("VAVAILABILITY");
}

/// The working times inside a window, in Unix seconds, sorted, without overlaps.
pub fn available(hours: &WorkingHours, window: &TimeWindow) -> Vec<(i64, i64)> {
    let zone = Zone::from_rules(hours.zone);
    let (first, last) = window.seconds();
    let mut times: Vec<(i64, i64)> = days(window)
        .flat_map(|day| hours.periods.iter().map(move |period| (day, period)))
        .filter(|(day, period)| is_working_day(period, day.weekday()))
        .filter_map(|(day, period)| instants(&zone, day, period))
        .map(|(from, to)| (from.max(first), to.min(last)))
        .filter(|(from, to)| from < to)
        .collect();
    times.sort_unstable();
    times.dedup_by(|next, before| {
        let overlaps = next.0 <= before.1;
        if overlaps {
            before.1 = before.1.max(next.1);
        }
        overlaps
    });
    times
}

/// Every day that may have a part in the window, wherever the mailbox is.
fn days(window: &TimeWindow) -> impl Iterator<Item = Date> {
    let date = |instant: Timestamp| TimeZone::UTC.to_datetime(instant).date();
    let first = date(window.start());
    let first = first.yesterday().unwrap_or(first);
    let first = first.yesterday().unwrap_or(first);
    let last = date(window.end());
    let last = last.tomorrow().unwrap_or(last);
    std::iter::successors(Some(first), |day| day.tomorrow().ok())
        .take_while(move |day| *day <= last)
}

fn is_working_day(period: &WorkingPeriod, day: Weekday) -> bool {
    let weekend = matches!(day, Weekday::Saturday | Weekday::Sunday);
    period.days.iter().any(|working| match working {
        WorkingDay::Day(own) => *own == day,
        WorkingDay::EveryDay => true,
        WorkingDay::Weekday => !weekend,
        WorkingDay::WeekendDay => weekend,
    })
}

/// A period that ends before it starts goes on over midnight. A wall-clock time that the day does not have is left out:
/// nobody is said to work then.
fn instants(zone: &Zone, day: Date, period: &WorkingPeriod) -> Option<(i64, i64)> {
    let instant = |day: Date, minute: u16| {
        let (day, minute) = match minute {
            // Servers write a whole day as 0 to 1439.
            1439 | 1440 => (day.tomorrow().ok()?, 0),
            minute => (day, minute),
        };
        let time = Time::new((minute / 60) as i8, (minute % 60) as i8, 0, 0).ok()?;
        zone.to_utc(day.to_datetime(time)).ok()
    };
    let until = if period.end_minute < period.start_minute {
        day.tomorrow().ok()?
    } else {
        day
    };
    let from = instant(day, period.start_minute)?;
    let to = instant(until, period.end_minute)?;
    Some((from.as_second(), to.as_second()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::zone::ZoneRules;

    /// Times as `MM-DDTHH:MM/HH:MM` in UTC, for working days Monday and Friday in Berlin, from 2026-03-27 (a Friday) on.
    #[track_caller]
    fn check(start_minute: u16, end_minute: u16, days: i64, expect: &[&str]) {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let hours = WorkingHours {
            zone: ZoneRules::for_year(&zone, 2026),
            periods: vec![WorkingPeriod {
                days: vec![
                    WorkingDay::Day(Weekday::Monday),
                    WorkingDay::Day(Weekday::Friday),
                ],
                start_minute,
                end_minute,
            }],
        };
        let start: Timestamp = "2026-03-27T00:00:00Z".parse().unwrap();
        let end = Timestamp::from_second(start.as_second() + days * 86_400).unwrap();
        let window = TimeWindow::new(start, end).unwrap();
        let got = available(&hours, &window);
        let text = |second| Timestamp::from_second(second).unwrap().to_string();
        let got: Vec<_> = got
            .iter()
            .map(|(from, to)| format!("{}/{}", &text(*from)[5..16], &text(*to)[11..16]))
            .collect();
        assert_eq!(got, expect);
    }

    #[test]
    fn working_hours_follow_the_clock_of_their_zone() {
        // The clock goes forward on Sunday the 29th.
        check(480, 1020, 7, &["03-27T07:00/16:00", "03-30T06:00/15:00"]);
        check(480, 1020, 3, &["03-27T07:00/16:00"]);
        check(0, 1440, 4, &["03-27T00:00/23:00", "03-29T22:00/22:00"]);
        check(0, 1439, 4, &["03-27T00:00/23:00", "03-29T22:00/22:00"]);
        check(1320, 360, 2, &["03-27T21:00/05:00"]);
        check(480, 480, 7, &[]);
    }

    #[test]
    fn working_hours_are_a_component() {
        let zone = TimeZone::UTC;
        let hours = WorkingHours {
            zone: ZoneRules::for_year(&zone, 2026),
            periods: vec![WorkingPeriod {
                days: vec![WorkingDay::EveryDay],
                start_minute: 540,
                end_minute: 600,
            }],
        };
        let start: Timestamp = "2026-09-01T00:00:00Z".parse().unwrap();
        let head = FreeBusyHead {
            mailbox: "anna@example.com",
            window: TimeWindow::new(start, "2026-09-02T00:00:00Z".parse().unwrap()).unwrap(),
            stamp: start,
            url: None,
        };
        let mut writer = Writer::default();
        write_component(&mut writer, &head, &hours);
        assert_eq!(
            String::from_utf8(writer.finish()).unwrap(),
            "BEGIN:VAVAILABILITY\r\nUID:availability-20260901T000000Z-20260902T000000Z-anna@example.com\r\n\
             DTSTAMP:20260901T000000Z\r\nORGANIZER:mailto:anna@example.com\r\nDTSTART:20260901T000000Z\r\n\
             DTEND:20260902T000000Z\r\nBUSYTYPE:BUSY-UNAVAILABLE\r\n\
             BEGIN:AVAILABLE\r\nUID:20260901T090000Z-anna@example.com\r\nDTSTAMP:20260901T000000Z\r\n\
             DTSTART:20260901T090000Z\r\nDTEND:20260901T100000Z\r\nEND:AVAILABLE\r\nEND:VAVAILABILITY\r\n"
        );
    }
}

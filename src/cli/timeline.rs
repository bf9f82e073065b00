//! A mailbox's days as rows of half hours, for people at a terminal. Draws what it is given; asks nothing.

use std::fmt::{self, Write};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

use crate::domain::freebusy::Event;
use crate::domain::{BusyStatus, Detail, FreeBusy, Outcome, TimeWindow};
use crate::domain::{SmtpAddress, busy};

const SLOT_MINUTES: i64 = 30;
const SLOTS: usize = 48;

/// The drawing of one mailbox: its address, one row for each day, its events. Times are those of `zone`.
pub(super) struct Timeline<'a> {
    pub(super) mailbox: &'a SmtpAddress,
    pub(super) outcome: &'a Outcome,
    pub(super) window: TimeWindow,
    pub(super) zone: &'a TimeZone,
}

/// What the signs of the rows mean.
pub(super) fn legend() -> String {
    let signs: Vec<String> = BusyStatus::ALL
        .into_iter()
        .map(|status| format!("{} {}", sign(status), word(status)))
        .collect();
    signs.join("   ")
}

/// The word for a status, in drawings and in JSON.
pub(super) fn word(status: BusyStatus) -> &'static str {
    match status {
        BusyStatus::Free => "free",
        BusyStatus::WorkingElsewhere => "working-elsewhere",
        BusyStatus::Tentative => "tentative",
        BusyStatus::Busy => "busy",
        BusyStatus::OutOfOffice => "out-of-office",
        BusyStatus::NoData => "no-data",
    }
}

fn sign(status: BusyStatus) -> char {
    match status {
        BusyStatus::Free => '·',
        BusyStatus::WorkingElsewhere => '~',
        BusyStatus::Tentative => '░',
        BusyStatus::Busy => '█',
        BusyStatus::OutOfOffice => '▓',
        BusyStatus::NoData => '?',
    }
}

impl fmt::Display for Timeline<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.mailbox)?;
        match self.outcome {
            Ok(calendar) => self.draw(f, calendar),
            Err(error) => write!(f, "\n  {error} ({})", error.label()),
        }
    }
}

impl Timeline<'_> {
    fn draw(&self, f: &mut fmt::Formatter<'_>, calendar: &FreeBusy) -> fmt::Result {
        write!(f, "\n  {:14} {}", "", hours())?;
        for day in self.days() {
            let row: String = self.row(day, calendar).iter().collect();
            write!(f, "\n  {} {}", day.strftime("%a %Y-%m-%d"), row.trim_end())?;
        }
        match calendar.detail() {
            // The source gave a string of digits; its runs are no events.
            Detail::DigitsOnly => write!(f, "\n  the source tells no single events"),
            Detail::BusyOnly | Detail::Subjects => self.list(f, calendar),
        }
    }

    /// The civil days that the window touches.
    fn days(&self) -> impl Iterator<Item = Date> {
        let last = self.local(self.window.end() - SignedDuration::from_nanos(1));
        let last = last.date();
        let first = self.local(self.window.start()).date();
        std::iter::successors(Some(first), |day| day.tomorrow().ok())
            .take_while(move |day| *day <= last)
    }

    /// The half hours of a day. Blank is what lies outside the window, or in no half hour of this day because the clock
    /// was put forward; where it was put back, one sign stands for both passes, the stronger one.
    fn row(&self, day: Date, calendar: &FreeBusy) -> [char; SLOTS] {
        let mut strongest: [Option<BusyStatus>; SLOTS] = [None; SLOTS];
        if let Some(whole) = self.day(day) {
            let width = SignedDuration::from_mins(SLOT_MINUTES);
            let mut start = whole.start();
            for status in busy::slots(calendar.events(), &whole, width) {
                let minutes = minutes(&self.local(start));
                let end = start + width;
                if let Some(slot) = strongest.get_mut(minutes / SLOT_MINUTES as usize)
                    && self.window.touches(start, end)
                {
                    *slot = (*slot).max(Some(status));
                }
                start = end;
            }
        }
        strongest.map(|status| status.map_or(' ', sign))
    }

    /// From midnight to midnight, which is 23 or 25 hours where the clock changes.
    fn day(&self, day: Date) -> Option<TimeWindow> {
        let start = day.to_zoned(self.zone.clone()).ok()?.timestamp();
        let next = day.tomorrow().ok()?;
        let end = next.to_zoned(self.zone.clone()).ok()?.timestamp();
        TimeWindow::new(start, end).ok()
    }

    fn list(&self, f: &mut fmt::Formatter<'_>, calendar: &FreeBusy) -> fmt::Result {
        let mut is_empty = true;
        for event in calendar.events_in(&self.window) {
            is_empty = false;
            write!(f, "\n  {} {:13}", self.span(&event), word(event.status))?;
            write_details(f, &event)?;
        }
        if is_empty {
            write!(f, "\n  no events")?;
        }
        Ok(())
    }

    /// `2026-09-07 09:00 - 10:30`; the end has its date where it is another one.
    fn span(&self, event: &Event<'_>) -> String {
        let (start, end) = (self.local(event.starts()), self.local(event.ends()));
        let format = if start.date() == end.date() {
            "           %H:%M"
        } else {
            "%Y-%m-%d %H:%M"
        };
        format!(
            "{} - {}",
            start.strftime("%Y-%m-%d %H:%M"),
            end.strftime(format.trim_start())
        )
    }

    fn local(&self, instant: Timestamp) -> Zoned {
        instant.to_zoned(self.zone.clone())
    }
}

fn write_details(f: &mut fmt::Formatter<'_>, event: &Event<'_>) -> fmt::Result {
    let Some(details) = &event.details else {
        return Ok(());
    };
    if details.flags.private {
        return write!(f, "  (private)");
    }
    if let Some(subject) = details.subject.filter(|text| !text.is_empty()) {
        write!(f, "  {}", printable(subject))?;
    }
    if let Some(place) = details.location.filter(|text| !text.is_empty()) {
        write!(f, "  @ {}", printable(place))?;
    }
    Ok(())
}

/// Somebody else's text, without the control characters that could steer a terminal.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// The numbers above the rows, every third hour.
fn hours() -> String {
    let mut line = String::new();
    for hour in (0..24).step_by(3) {
        let _ = write!(line, "{hour:<6}");
    }
    line + "24"
}

fn minutes(local: &Zoned) -> usize {
    usize::try_from(i32::from(local.hour()) * 60 + i32::from(local.minute())).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::{CalendarEvent, EventDetails, EventFlags, MailboxError};

    /// Events written `start end status [subject]`, times in UTC, one a line.
    fn calendar(events: &str, detail: Detail) -> FreeBusy {
        let events = events.lines().map(|line| {
            let mut words = line.trim().splitn(4, ' ');
            let mut next = || words.next().unwrap();
            CalendarEvent {
                start: next().parse().unwrap(),
                end: next().parse().unwrap(),
                status: match next() {
                    "busy" => BusyStatus::Busy,
                    "tentative" => BusyStatus::Tentative,
                    _ => BusyStatus::OutOfOffice,
                },
                details: words.next().map(details),
            }
        });
        FreeBusy::new(events.collect(), detail, None)
    }

    fn details(subject: &str) -> Arc<EventDetails> {
        Arc::new(EventDetails {
            subject: Some(subject.into()),
            location: Some("Room 1".into()),
            flags: EventFlags {
                private: subject == "secret",
                ..EventFlags::default()
            },
            ..EventDetails::default()
        })
    }

    fn draw(calendar: FreeBusy, window: (&str, &str), zone: &str) -> String {
        draw_outcome(&Ok(calendar), window, zone)
    }

    fn draw_outcome(outcome: &Outcome, window: (&str, &str), zone: &str) -> String {
        let (start, end) = window;
        let window = TimeWindow::new(start.parse().unwrap(), end.parse().unwrap()).unwrap();
        Timeline {
            mailbox: &SmtpAddress::parse("anna@example.com").unwrap(),
            outcome,
            window,
            zone: &jiff::tz::db().get(zone).unwrap(),
        }
        .to_string()
    }

    #[test]
    fn a_day_with_details() {
        let outcome = calendar(
            "2026-09-07T07:00Z 2026-09-07T08:30Z busy Plan\u{1b}[2J\n\
             2026-09-07T08:00Z 2026-09-07T09:00Z tentative secret\n\
             2026-09-07T20:00Z 2026-09-08T04:00Z away",
            Detail::Subjects,
        );
        let day = ("2026-09-06T22:00Z", "2026-09-07T22:00Z");
        assert_eq!(
            draw(outcome, day, "Europe/Berlin"),
            "anna@example.com
                 0     3     6     9     12    15    18    21    24
  Mon 2026-09-07 ··················███░······················▓▓▓▓
  2026-09-07 09:00 - 10:30 busy           Plan [2J  @ Room 1
  2026-09-07 10:00 - 11:00 tentative      (private)
  2026-09-07 22:00 - 2026-09-08 06:00 out-of-office"
        );
    }

    #[test]
    fn what_lies_outside_the_window_is_blank() {
        let outcome = calendar("", Detail::BusyOnly);
        let window = ("2026-09-07T06:00Z", "2026-09-08T03:00Z");
        assert_eq!(
            draw(outcome, window, "UTC"),
            "anna@example.com
                 0     3     6     9     12    15    18    21    24
  Mon 2026-09-07             ····································
  Tue 2026-09-08 ······
  no events"
        );
    }

    #[test]
    fn days_of_a_clock_change() {
        // Put forward: 02:00 to 03:00 does not exist. Put back: it comes twice, and the second pass is busy.
        let forward = ("2026-03-28T23:00Z", "2026-03-29T22:00Z");
        let drawn = draw(calendar("", Detail::BusyOnly), forward, "Europe/Berlin");
        let row = drawn.lines().nth(2).unwrap();
        assert_eq!(row, format!("  Sun 2026-03-29 ····  {}", "·".repeat(42)));

        let back = ("2026-10-24T22:00Z", "2026-10-25T23:00Z");
        let second_pass = "2026-10-25T01:00Z 2026-10-25T01:30Z busy";
        let drawn = draw(
            calendar(second_pass, Detail::BusyOnly),
            back,
            "Europe/Berlin",
        );
        let row = drawn.lines().nth(2).unwrap();
        assert_eq!(row, format!("  Sun 2026-10-25 ····█{}", "·".repeat(43)));
    }

    #[test]
    fn an_error_is_told_and_not_drawn() {
        let window = ("2026-09-07T00:00Z", "2026-09-08T00:00Z");
        assert_eq!(
            draw_outcome(&Err(MailboxError::NotFound), window, "UTC"),
            "anna@example.com\n  the mailbox was not found (not_found)"
        );
    }

    #[test]
    fn digits_are_drawn_and_not_listed() {
        let outcome = calendar(
            "2026-09-07T00:00Z 2026-09-07T01:00Z busy",
            Detail::DigitsOnly,
        );
        let drawn = draw(outcome, ("2026-09-07T00:00Z", "2026-09-07T02:00Z"), "UTC");
        let last: Vec<&str> = drawn.lines().skip(2).collect();
        assert_eq!(
            last,
            [
                "  Mon 2026-09-07 ██··",
                "  the source tells no single events"
            ]
        );
    }
}

//! How busy somebody is, the one order of strength, and slots of some minutes filled with the strongest status.

use jiff::SignedDuration;

use super::TimeWindow;
use super::freebusy::Event;

/// In order of strength: where several meet in a slot, the later one in this list wins ([MS-OXWAVLS] section 2.2.4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BusyStatus {
    Free,
    WorkingElsewhere,
    Tentative,
    Busy,
    OutOfOffice,
    /// Nothing is known. The strongest, because an unknown must never be shown as free.
    NoData,
}

impl BusyStatus {
    /// In order of strength.
    pub const ALL: [Self; 6] = [
        Self::Free,
        Self::WorkingElsewhere,
        Self::Tentative,
        Self::Busy,
        Self::OutOfOffice,
        Self::NoData,
    ];

    /// Whether somebody with this status cannot be booked. Protocols that know only free and busy show exactly this
    /// much; what is not known is not free.
    pub fn is_busy(self) -> bool {
        match self {
            Self::Free | Self::WorkingElsewhere => false,
            Self::Tentative | Self::Busy | Self::OutOfOffice | Self::NoData => true,
        }
    }
}

/// The strongest status in each slot of `interval`, the first slot starting where the window starts, the last one
/// covering what remains. A slot is filled by whatever overlaps it, however little; events without length fill none.
pub fn slots<'a>(
    events: impl Iterator<Item = Event<'a>>,
    window: &TimeWindow,
    interval: SignedDuration,
) -> Vec<BusyStatus> {
    let mut slots = vec![BusyStatus::Free; slot_count(window, interval)];
    fill(&mut slots, events, (window, interval), |status| status);
    slots
}

/// How many slots of `interval` cover a window.
pub fn slot_count(window: &TimeWindow, interval: SignedDuration) -> usize {
    let width = interval.as_secs().max(1);
    let (origin, end) = window.seconds();
    ((end - origin + width - 1) / width) as usize
}

/// The same as [`slots`] into slots that are there and free, each status as `shown`, which keeps the order of strength.
pub fn fill<'a, T: Copy + Ord>(
    slots: &mut [T],
    events: impl Iterator<Item = Event<'a>>,
    (window, interval): (&TimeWindow, SignedDuration),
    shown: impl Fn(BusyStatus) -> T,
) {
    let width = interval.as_secs().max(1) as u64;
    let (origin, end) = window.seconds();
    for event in events {
        let (start, stop) = (event.start.max(origin), event.end.min(end));
        // What has no length inside of the window may have one outside; neither fills a slot.
        if start >= stop || event.status == BusyStatus::Free {
            continue;
        }
        let first = (start - origin) as u64 / width;
        let last = ((stop - origin) as u64).div_ceil(width);
        let shown = shown(event.status);
        for slot in slots
            .get_mut(first as usize..last as usize)
            .unwrap_or_default()
        {
            *slot = (*slot).max(shown);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{CalendarEvent, Detail, FreeBusy};
    use jiff::Timestamp;

    fn at(text: &str) -> Timestamp {
        format!("2026-09-01T{text}Z").parse().unwrap()
    }

    /// Events as `HH:MM-HH:MM letter`, result as letters, by an interval in minutes from 08:00 to `end`.
    #[track_caller]
    fn check(events: &str, end: &str, minutes: i64, expect: &str) {
        let events: Vec<CalendarEvent> = events
            .split_terminator(';')
            .map(|text| {
                let (times, letter) = text.trim().split_once(' ').unwrap();
                let (start, end) = times.split_once('-').unwrap();
                CalendarEvent {
                    start: at(start),
                    end: at(end),
                    status: status(letter),
                    details: None,
                }
            })
            .collect();
        let window = TimeWindow::new(at("08:00"), at(end)).unwrap();
        let calendar = FreeBusy::new(events, Detail::BusyOnly, None);
        let got = slots(
            calendar.events(),
            &window,
            SignedDuration::from_mins(minutes),
        );
        assert_eq!(got.iter().map(|&s| letter(s)).collect::<String>(), expect);
    }

    const LETTERS: [(BusyStatus, char); 6] = [
        (BusyStatus::Free, '.'),
        (BusyStatus::WorkingElsewhere, 'w'),
        (BusyStatus::Tentative, 't'),
        (BusyStatus::Busy, 'b'),
        (BusyStatus::OutOfOffice, 'o'),
        (BusyStatus::NoData, '?'),
    ];

    fn status(letter: &str) -> BusyStatus {
        LETTERS
            .iter()
            .find(|(_, l)| letter.starts_with(*l))
            .unwrap()
            .0
    }

    fn letter(status: BusyStatus) -> char {
        LETTERS.iter().find(|(s, _)| *s == status).unwrap().1
    }

    #[test]
    fn the_documented_example() {
        // Four hours by 60: out of office for one, busy for ninety minutes, then free.
        check("08:00-09:00 o; 09:00-10:30 b", "12:00", 60, "obb.");
    }

    #[test]
    fn the_strongest_wins_however_short() {
        check(
            "08:00-09:00 t; 08:59-09:01 b; 08:10-08:11 o",
            "10:00",
            30,
            "obb.",
        );
        check("08:00-10:00 b; 09:00-09:30 ?", "10:00", 30, "bb?b");
    }

    #[test]
    fn slots_are_half_open() {
        check(
            "07:00-08:00 b; 08:30-09:00 b; 10:00-11:00 b",
            "10:00",
            30,
            ".b..",
        );
    }

    #[test]
    fn events_without_length_fill_nothing() {
        check("08:30-08:30 b", "10:00", 30, "....");
    }

    #[test]
    fn the_last_slot_covers_the_rest() {
        check("08:59-09:30 b", "09:10", 60, "bb");
        check("", "08:05", 60, ".");
        check("", "09:00", 7, ".........");
    }
}

//! From the events of a calendar to the entries of an answer. With details each event is told by itself and whole; what
//! has none is told as blocks of busy time, cut to the window.

use crate::codec::connector::answer::{Entry, Status};
use crate::domain::freebusy::Event;
use crate::domain::zone::LocalView;
use crate::domain::{BusyStatus, Detail, FreeBusy, TimeWindow};

/// How one question wants its events.
pub(super) struct Telling<'a> {
    pub(super) window: &'a TimeWindow,
    /// The wall clock of the question.
    pub(super) clock: &'a LocalView,
}

impl Telling<'_> {
    /// In the order of their starts. `owner` stands for an organizer that is not known.
    pub(super) fn entries<'a>(&self, known: &'a FreeBusy, owner: &'a str) -> Vec<Entry<'a>> {
        if known.detail() < Detail::Subjects {
            let blocks = known.busy_times(self.window).into_iter();
            return blocks.map(|block| self.block(block, owner)).collect();
        }
        let mut entries = Vec::new();
        let mut block: Option<(i64, i64)> = None;
        let (first, last) = self.window.seconds();
        for event in known.events_in(self.window).filter(takes_time) {
            if let Some(entry) = self.appointment(&event, owner) {
                entries.push((event.start, entry));
                continue;
            }
            let (start, end) = (event.start.max(first), event.end.min(last));
            block = match block {
                // What touches is one block, and events come in the order of their starts.
                Some((begun, until)) if start <= until => Some((begun, until.max(end))),
                Some(whole) => {
                    entries.push((whole.0, self.block(whole, owner)));
                    Some((start, end))
                }
                None => Some((start, end)),
            };
        }
        entries.extend(block.map(|block| (block.0, self.block(block, owner))));
        entries.sort_by_key(|(start, _)| *start);
        entries.into_iter().map(|(_, entry)| entry).collect()
    }

    /// None where nothing but its time may be told, or is known.
    fn appointment<'a>(&self, event: &Event<'a>, owner: &'a str) -> Option<Entry<'a>> {
        let details = event.details?;
        let said = |text: Option<&'a str>| text.unwrap_or_default();
        let says_something = [details.subject, details.location, details.organizer]
            .iter()
            .flatten()
            .any(|text| !text.is_empty());
        (says_something || details.flags.private).then(|| Entry {
            subject: said(details.subject),
            start: self.clock.local_second(event.start),
            end: self.clock.local_second(event.end),
            location: said(details.location),
            organizer: details.organizer.unwrap_or(owner),
            status: Status::from(event.status),
        })
    }

    /// Whatever it consists of: whoever may not see what it is may not see how sure it is.
    fn block<'a>(&self, (start, end): (i64, i64), owner: &'a str) -> Entry<'a> {
        Entry {
            subject: "",
            start: self.clock.local_second(start),
            end: self.clock.local_second(end),
            location: "",
            organizer: owner,
            status: Status::Accepted,
        }
    }
}

/// Whether an event keeps anybody from anything. What is unknown does.
fn takes_time(event: &Event<'_>) -> bool {
    event.start < event.end && is_busy(event.status)
}

/// What this face calls busy.
pub(super) fn is_busy(status: BusyStatus) -> bool {
    match status {
        BusyStatus::Free | BusyStatus::WorkingElsewhere => false,
        BusyStatus::Tentative | BusyStatus::Busy | BusyStatus::OutOfOffice | BusyStatus::NoData => {
            true
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::busy::slots;
    use crate::domain::zone::Zone;
    use crate::domain::{CalendarEvent, EventDetails, EventFlags};

    fn minute(minute: i64) -> Timestamp {
        Timestamp::from_second(minute * 60).unwrap()
    }

    fn window() -> TimeWindow {
        TimeWindow::new(minute(0), minute(600)).unwrap()
    }

    /// Events as `start-end letter [title]`, minutes; a title `!` is private.
    fn calendar(events: &str) -> FreeBusy {
        let events = events.split_terminator(';').map(|text| {
            let words: Vec<&str> = text.split_whitespace().collect();
            let (start, end) = words[0].rsplit_once('-').unwrap();
            let status = match words[1] {
                "." => BusyStatus::Free,
                "w" => BusyStatus::WorkingElsewhere,
                "t" => BusyStatus::Tentative,
                "b" => BusyStatus::Busy,
                "o" => BusyStatus::OutOfOffice,
                _ => BusyStatus::NoData,
            };
            let details = words.get(2).map(|title| {
                Arc::new(EventDetails {
                    subject: Some((*title).into()),
                    organizer: Some("Org".into()),
                    flags: EventFlags {
                        private: *title == "!",
                        ..EventFlags::default()
                    },
                    ..EventDetails::default()
                })
            });
            CalendarEvent {
                start: minute(start.parse().unwrap()),
                end: minute(end.parse().unwrap()),
                status,
                details,
            }
        });
        FreeBusy::new(events.collect(), Detail::Subjects, None)
    }

    fn told(known: &FreeBusy) -> String {
        let clock = Zone::utc().local_view(&window());
        let telling = Telling {
            window: &window(),
            clock: &clock,
        };
        let entries = telling.entries(known, "Own");
        let texts: Vec<String> = entries
            .iter()
            .map(|entry| {
                let status = if entry.status == Status::Accepted {
                    1
                } else {
                    3
                };
                let (start, end) = (entry.start / 60, entry.end / 60);
                format!(
                    "{start}-{end}{}:{}={status}",
                    entry.subject, entry.organizer
                )
            })
            .collect();
        texts.join(" ")
    }

    #[track_caller]
    fn check(events: &str, expect: &str) {
        assert_eq!(told(&calendar(events)), expect, "{events}");
    }

    #[test]
    fn blocks_are_merged_and_cut() {
        check(
            "60-120 b;120-150 o;140-200 t;300-400 ?",
            "60-200:Own=1 300-400:Own=1",
        );
        check("-60-30 b;590-700 t", "0-30:Own=1 590-600:Own=1");
        check("-60-0 b;600-700 b;100-200 .;200-300 w;50-50 b", "");
    }

    #[test]
    fn appointments_are_told_whole_and_once() {
        check("-60-30 b A;590-700 t B", "-60-30A:Org=1 590-700B:Org=3");
        // It touches two blocks, and covers the window in the second case.
        check(
            "0-60 b;60-120 b A;120-180 b",
            "0-60:Own=1 60-120A:Org=1 120-180:Own=1",
        );
        check("-100-900 b Trip", "-100-900Trip:Org=1");
        check("10-20 t !;30-40 . A;50-60 w B", "10-20:Own=3");
    }

    #[test]
    fn a_block_keeps_what_no_appointment_explains() {
        check("100-300 b;150-200 b A", "100-300:Own=1 150-200A:Org=1");
    }

    #[test]
    fn without_the_right_nothing_is_told_but_blocks() {
        let known = calendar("10-20 t A;20-30 b !;40-50 b B");
        assert_eq!(
            told(&known.stripped_to(Detail::BusyOnly)),
            "10-30:Own=1 40-50:Own=1"
        );
    }

    proptest! {
        #[test]
        fn busy_minutes_are_those_of_the_calendar(events in prop::collection::vec((-50_i64..650, 0_i64..120, 0_usize..6, any::<bool>()), 0..10)) {
            let events = events.into_iter().map(|(start, length, status, titled)| CalendarEvent {
                start: minute(start),
                end: minute(start + length),
                status: BusyStatus::ALL[status],
                details: titled.then(|| Arc::new(EventDetails { subject: Some("x".into()), ..EventDetails::default() })),
            });
            let known = FreeBusy::new(events.collect(), Detail::Subjects, None);
            let clock = Zone::utc().local_view(&window());
            let entries = Telling { window: &window(), clock: &clock }.entries(&known, "");
            let slots = slots(known.events().filter(|event| is_busy(event.status)), &window(), jiff::SignedDuration::from_mins(1));
            for (slot, status) in slots.iter().enumerate() {
                let at = slot as i64 * 60;
                let shown = entries.iter().any(|entry| entry.start <= at && at < entry.end);
                prop_assert_eq!(shown, *status != BusyStatus::Free, "minute {}", slot);
            }
        }
    }
}

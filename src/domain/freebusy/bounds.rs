//! How much of one mailbox is listed in an answer. A hundred mailboxes with all that anybody could put into them would be
//! an answer of hundreds of megabytes, whichever face it goes through.

use super::{Detail, Details, EventId, FreeBusy};
use crate::domain::{MailboxError, Outcome, TimeWindow};

/// Events of one mailbox that are listed at most, as with Exchange, and about how many bytes of subjects, locations and
/// identifiers; more is [`MailboxError::TooManyEvents`].
pub const MAX_LISTED: usize = 1_000;
const MAX_TEXT: usize = 1 << 20;

/// The same for all mailboxes of one answer of the faces that are not EWS: half of what a hundred mailboxes could have,
/// and as much text as four.
const MAX_LISTED_IN_ALL: usize = 50_000;
const MAX_TEXT_IN_ALL: usize = 4 << 20;

/// What one answer has room for. Mailboxes take of it in the order of the question; one that does not fit, by itself or
/// any more, is [`MailboxError::TooManyEvents`] and never shortened, and a smaller one after it may fit.
#[derive(Debug)]
pub struct Listing {
    entries: usize,
    text: usize,
}

impl Default for Listing {
    fn default() -> Self {
        Self {
            entries: MAX_LISTED_IN_ALL,
            text: MAX_TEXT_IN_ALL,
        }
    }
}

impl Listing {
    /// Takes the room of one mailbox: what is listed of it, and its bytes of text.
    pub fn take(&mut self, entries: usize, text: usize) -> Result<(), MailboxError> {
        let fits = entries <= MAX_LISTED.min(self.entries) && text <= MAX_TEXT.min(self.text);
        if !fits {
            return Err(MailboxError::TooManyEvents);
        }
        self.entries -= entries;
        self.text -= text;
        Ok(())
    }
}

impl FreeBusy {
    /// How many bytes of text are told with the events of the window: counted, because a calendar may have all of its
    /// text in one of its days.
    pub fn text_told_in(&self, window: &TimeWindow) -> usize {
        if self.detail() < Detail::Subjects {
            return 0;
        }
        let told = self.events_in(window).filter_map(|event| event.details);
        told.map(|details| text_of(&details)).sum()
    }

    /// Whether it has more in the window than is listed of one mailbox, each event being listed.
    fn is_too_much_in(&self, window: &TimeWindow) -> bool {
        // Nearly every calendar has less in all, and needs no look at the window.
        if self.len() <= MAX_LISTED && self.events.most_text() <= MAX_TEXT {
            return false;
        }
        let (about, _) = self.size_in(window);
        self.text_told_in(window) > MAX_TEXT
            || about > MAX_LISTED && self.times_in(window).count() > MAX_LISTED
    }
}

fn text_of(details: &Details<'_>) -> usize {
    let texts = [details.subject, details.location, details.organizer];
    let id = details.id.as_ref().map_or(0, |id| match id {
        EventId::Text(text) => text.len(),
        EventId::Hexadecimal(id) => 2 * id.len(),
    });
    texts.into_iter().flatten().map(str::len).sum::<usize>() + id
}

/// Puts the error in the place of what has more in the window than is listed.
pub fn refuse_too_much(outcome: &mut Outcome, window: &TimeWindow) {
    if outcome
        .as_ref()
        .is_ok_and(|known| known.is_too_much_in(window))
    {
        *outcome = Err(MailboxError::TooManyEvents);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;

    use super::*;
    use crate::domain::{BusyStatus, CalendarEvent, EventDetails};

    /// A thousand events of a minute, of which only one has a subject, of 100 bytes, and only the last ten an id: the bytes
    /// told in a window from one minute to another.
    #[track_caller]
    fn check_text((from, to): (i64, i64), expect: usize) {
        let at = |minute: i64| Timestamp::from_second(minute * 60).unwrap();
        let events = (0..1_000).map(|minute| CalendarEvent {
            start: at(minute),
            end: at(minute + 1),
            status: BusyStatus::Busy,
            details: Some(Arc::new(EventDetails {
                subject: (minute == 500).then(|| "x".repeat(100).into()),
                id: (minute >= 990).then(|| "AB".repeat(70).into()),
                ..EventDetails::default()
            })),
        });
        let known = FreeBusy::new(events.collect(), Detail::Subjects, None);
        assert!(known.events.most_text() >= 100 + 10 * 140);
        let window = TimeWindow::new(at(from), at(to)).unwrap();
        assert_eq!(known.text_told_in(&window), expect);
        let times = known.stripped_to(Detail::BusyOnly);
        assert_eq!(times.text_told_in(&window), 0);
    }

    #[test]
    fn the_text_of_a_window_is_its_own() {
        check_text((0, 500), 0);
        check_text((500, 501), 100);
        check_text((400, 600), 100);
        check_text((990, 995), 5 * 140);
        check_text((0, 1_000), 100 + 10 * 140);
    }

    /// Subjects of 4 KiB stand in one part of a calendar, and nowhere else.
    #[test]
    fn text_elsewhere_costs_a_window_nothing_and_text_in_it_counts() {
        let at = |minute: i64| Timestamp::from_second(minute * 60).unwrap();
        let events = (0..10_000).map(|minute| CalendarEvent {
            start: at(minute),
            end: at(minute + 1),
            status: BusyStatus::Busy,
            details: (minute < 300).then(|| {
                Arc::new(EventDetails {
                    subject: Some("x".repeat(4_096).into()),
                    ..EventDetails::default()
                })
            }),
        });
        let known = FreeBusy::new(events.collect(), Detail::Subjects, None);
        for (from, to, expect) in [(0, 300, true), (0, 200, false), (5_000, 5_999, false)] {
            let window = TimeWindow::new(at(from), at(to)).unwrap();
            let mut outcome = Ok(known.clone());
            refuse_too_much(&mut outcome, &window);
            assert_eq!(outcome.is_err(), expect, "{from} to {to}");
        }
    }

    /// `events` of a minute with subjects of so many bytes, one after the other from 0 on, in a window of `minutes`.
    #[track_caller]
    fn check(events: usize, subject: usize, detail: Detail, minutes: i64, expect: bool) {
        let at = |minute: i64| Timestamp::from_second(minute * 60).unwrap();
        let events = (0..events).map(|minute| CalendarEvent {
            start: at(minute as i64),
            end: at(minute as i64 + 1),
            status: BusyStatus::Busy,
            details: (subject > 0).then(|| {
                Arc::new(EventDetails {
                    subject: Some("x".repeat(subject).into()),
                    ..EventDetails::default()
                })
            }),
        });
        let known = FreeBusy::new(events.collect(), Detail::Subjects, None).stripped_to(detail);
        let window = TimeWindow::new(at(0), at(minutes)).unwrap();
        let mut outcome = Ok(known);
        refuse_too_much(&mut outcome, &window);
        let refused = outcome.is_err_and(|error| error == MailboxError::TooManyEvents);
        assert_eq!(refused, expect);
    }

    #[test]
    fn a_thousand_events_of_the_window_are_listed() {
        check(1_000, 0, Detail::BusyOnly, 5_000, false);
        check(1_001, 0, Detail::BusyOnly, 5_000, true);
        check(5_000, 0, Detail::BusyOnly, 1_000, false);
        check(1_001, 1, Detail::Subjects, 5_000, true);
    }

    #[test]
    fn texts_count_where_they_are_told() {
        check(500, 1_000, Detail::Subjects, 5_000, false);
        check(500, 4_000, Detail::Subjects, 5_000, true);
        check(500, 4_000, Detail::BusyOnly, 5_000, false);
        check(500, 4_000, Detail::Subjects, 50, false);
    }

    #[test]
    fn an_answer_has_room_for_so_much_of_all_mailboxes() {
        let too_many = Err(MailboxError::TooManyEvents);
        let mut listing = Listing::default();
        assert_eq!(listing.take(MAX_LISTED + 1, 0), too_many);
        assert_eq!(listing.take(0, MAX_TEXT + 1), too_many);
        for _ in 0..49 {
            assert_eq!(listing.take(MAX_LISTED, 0), Ok(()));
        }
        assert_eq!(listing.take(999, 3), Ok(()));
        assert_eq!(listing.take(2, 0), too_many);
        assert_eq!(listing.take(1, 0), Ok(()));
        let mut listing = Listing::default();
        for _ in 0..4 {
            assert_eq!(listing.take(1, MAX_TEXT), Ok(()));
        }
        assert_eq!(listing.take(1, 1), too_many);
        assert_eq!(listing.take(1, 0), Ok(()));
    }
}

//! How much of one mailbox is listed in an answer. A hundred mailboxes with all that anybody could put into them would be
//! an answer of hundreds of megabytes, whichever face it goes through.

use super::{Detail, FreeBusy};
use crate::domain::{MailboxError, Outcome, TimeWindow};

/// Events of one mailbox that are listed at most, as with Exchange, and about how many bytes of subjects, locations and
/// identifiers; more is [`MailboxError::TooManyEvents`].
pub const MAX_LISTED: usize = 1_000;
const MAX_TEXT: usize = 1 << 20;

impl FreeBusy {
    /// Whether it has more in the window than is listed of one mailbox, each event being listed.
    pub fn is_too_much_in(&self, window: &TimeWindow) -> bool {
        let (about, text) = self.size_in(window);
        self.detail() == Detail::Subjects && text > MAX_TEXT
            || about > MAX_LISTED && self.times_in(window).count() > MAX_LISTED
    }
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
}

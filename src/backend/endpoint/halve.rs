//! A mailbox that has more events in a window than the server hands out at once, asked by halves of the window down to
//! single days. Knows nothing of why a server refuses.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::Endpoint;
use crate::backend::Ask;
use crate::domain::{FreeBusy, MailboxError, Outcome, SmtpAddress, TimeWindow};

/// The most calls that are made for the crowded mailboxes of one call.
const MOST_CALLS: usize = 32;
const DAY: i64 = 24 * 60 * 60;

impl Endpoint {
    /// Replaces each `TooManyEvents` in `outcomes`, the answers to `ask`, by what the halves of the window say. One half
    /// that stays unknown leaves all of the mailbox unknown.
    pub(super) async fn ask_crowded_again(
        &self,
        ask: &Ask,
        outcomes: &mut BTreeMap<SmtpAddress, Outcome>,
        deadline: Instant,
    ) {
        let crowded: Vec<_> = outcomes
            .iter()
            .filter(|(_, outcome)| **outcome == Err(MailboxError::TooManyEvents))
            .map(|(mailbox, _)| mailbox.clone())
            .collect();
        if crowded.is_empty() {
            return;
        }
        let mut known: BTreeMap<SmtpAddress, Result<Option<FreeBusy>, MailboxError>> = crowded
            .iter()
            .map(|mailbox| (mailbox.clone(), Ok(None)))
            .collect();
        let mut pieces = Vec::new();
        push_halves(&mut pieces, ask.window, crowded, &mut known);
        let mut calls = 0;
        while let Some((window, mailboxes)) = pieces.pop() {
            // A mailbox that cannot become known any more is not asked for.
            let mailboxes: Vec<_> = mailboxes
                .into_iter()
                .filter(|mailbox| matches!(known.get(mailbox), Some(Ok(_))))
                .collect();
            if mailboxes.is_empty() {
                continue;
            }
            if calls == MOST_CALLS {
                give_up(&mailboxes, &mut known);
                continue;
            }
            calls += 1;
            let piece = Ask {
                mailboxes,
                window,
                ..ask.clone()
            };
            let answers = self.answered(&piece, deadline).await;
            let again = join_piece(answers, &mut known);
            push_halves(&mut pieces, window, again, &mut known);
        }
        for (mailbox, outcome) in known {
            // Without any piece nothing was learned.
            let outcome = outcome.and_then(|known| known.ok_or(MailboxError::TooManyEvents));
            outcomes.insert(mailbox, outcome);
        }
    }
}

/// Adds the answers of a piece to what is known; returns the mailboxes that have too many events in it as well.
fn join_piece(
    answers: BTreeMap<SmtpAddress, Outcome>,
    known: &mut BTreeMap<SmtpAddress, Result<Option<FreeBusy>, MailboxError>>,
) -> Vec<SmtpAddress> {
    let mut again = Vec::new();
    for (mailbox, outcome) in answers {
        match outcome {
            Err(MailboxError::TooManyEvents) => again.push(mailbox),
            Err(error) => {
                known.insert(mailbox, Err(error));
            }
            Ok(piece) => {
                if let Some(Ok(sum)) = known.get_mut(&mailbox) {
                    *sum = Some(match sum.take() {
                        Some(before) => before.merged(piece),
                        None => piece,
                    });
                }
            }
        }
    }
    again
}

/// The earlier half comes on top, so that a mailbox that is crowded every day is given up after one way down.
fn push_halves(
    pieces: &mut Vec<(TimeWindow, Vec<SmtpAddress>)>,
    window: TimeWindow,
    mailboxes: Vec<SmtpAddress>,
    known: &mut BTreeMap<SmtpAddress, Result<Option<FreeBusy>, MailboxError>>,
) {
    if mailboxes.is_empty() {
        return;
    }
    match halves(&window) {
        Some((first, second)) => {
            pieces.push((second, mailboxes.clone()));
            pieces.push((first, mailboxes));
        }
        None => give_up(&mailboxes, known),
    }
}

fn give_up(
    mailboxes: &[SmtpAddress],
    known: &mut BTreeMap<SmtpAddress, Result<Option<FreeBusy>, MailboxError>>,
) {
    for mailbox in mailboxes {
        known.insert(mailbox.clone(), Err(MailboxError::TooManyEvents));
    }
}

/// Both halves of a window, cut at a midnight UTC because backends ask for whole days; None for a single day.
fn halves(window: &TimeWindow) -> Option<(TimeWindow, TimeWindow)> {
    let days = window.whole_days();
    let count = days.duration().as_secs() / DAY;
    let first = (count + 1) / 2;
    let cut: Timestamp = days
        .start()
        .checked_add(SignedDuration::from_secs(first * DAY))
        .ok()?;
    let first = TimeWindow::new(window.start(), cut).ok()?;
    let second = TimeWindow::new(cut, window.end()).ok()?;
    Some((first, second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(start: &str, end: &str, cut: Option<&str>) {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let window = TimeWindow::new(at(start), at(end)).unwrap();
        let got = halves(&window);
        assert_eq!(got.map(|(first, _)| first.end()), cut.map(at));
        if let Some((first, second)) = got {
            assert_eq!((first.start(), second.end()), (window.start(), at(end)));
            assert_eq!(first.end(), second.start());
        }
    }

    #[test]
    fn windows_are_halved_at_midnights_down_to_a_day() {
        check(
            "2026-09-01T00:00Z",
            "2026-09-29T00:00Z",
            Some("2026-09-15T00:00Z"),
        );
        check(
            "2026-09-01T22:00Z",
            "2026-09-04T01:00Z",
            Some("2026-09-03T00:00Z"),
        );
        check(
            "2026-09-01T23:00Z",
            "2026-09-02T01:00Z",
            Some("2026-09-02T00:00Z"),
        );
        check("2026-09-01T00:00Z", "2026-09-02T00:00Z", None);
        check("2026-09-01T03:00Z", "2026-09-01T04:00Z", None);
    }
}

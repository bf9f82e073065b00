//! A question cut into what one call may ask for, and the answers put together again. Pure.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::backend::{Ask, Limits};
use crate::domain::{FreeBusy, Outcome, SmtpAddress, TimeWindow};

const DAY: i64 = 24 * 60 * 60;

/// One call for each piece of the window and each group of mailboxes; each mailbox is asked for once.
pub(super) fn split(mailboxes: &[SmtpAddress], window: &TimeWindow, limits: Limits) -> Vec<Ask> {
    let mailboxes: Vec<_> = mailboxes
        .iter()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .cloned()
        .collect();
    let mut asks = Vec::new();
    for window in split_days(window, limits.days_per_call) {
        for group in mailboxes.chunks(limits.mailboxes_per_call) {
            asks.push(Ask::new(group.to_vec(), window));
        }
    }
    asks
}

/// Cuts at midnights UTC, so that no piece touches more than `days` days: backends widen a window to whole days.
fn split_days(window: &TimeWindow, days: u16) -> Vec<TimeWindow> {
    let start = window.start().as_second();
    let until_cut = start.div_euclid(DAY) * DAY + i64::from(days) * DAY - start;
    let head = Timestamp::from_second(start + until_cut).unwrap_or(Timestamp::MAX);
    if head >= window.end() {
        return vec![*window];
    }
    let mut pieces = Vec::new();
    pieces.extend(TimeWindow::new(window.start(), head));
    if let Ok(rest) = TimeWindow::new(head, window.end()) {
        pieces.extend(rest.split(SignedDuration::from_secs(i64::from(days) * DAY)));
    }
    pieces
}

/// Puts the pieces together: never half free.
pub(super) fn join(answers: Vec<BTreeMap<SmtpAddress, Outcome>>) -> BTreeMap<SmtpAddress, Outcome> {
    let mut joined: BTreeMap<SmtpAddress, Outcome> = BTreeMap::new();
    for (mailbox, outcome) in answers.into_iter().flatten() {
        match joined.entry(mailbox) {
            Entry::Vacant(place) => {
                place.insert(outcome);
            }
            Entry::Occupied(mut place) => {
                let known = place.get().clone();
                *place.get_mut() = both(known, outcome);
            }
        }
    }
    joined
}

fn both(first: Outcome, second: Outcome) -> Outcome {
    let (first, second): (FreeBusy, FreeBusy) = (first?, second?);
    Ok(first.merged(second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_split(start: &str, end: &str, days: u16, expect: &[&str]) {
        let pieces = split_days(&TimeWindow::new(at(start), at(end)).unwrap(), days);
        let cuts: Vec<_> = pieces.iter().map(|p| p.start().to_string()).collect();
        assert_eq!(cuts, expect);
        assert_eq!(pieces.last().map(TimeWindow::end), Some(at(end)));
        assert!(pieces.windows(2).all(|p| p[0].end() == p[1].start()));
    }

    #[test]
    fn windows_are_cut_at_midnights() {
        check_split(
            "2026-09-01T00:00Z",
            "2026-10-13T00:00Z",
            42,
            &["2026-09-01T00:00:00Z"],
        );
        check_split(
            "2026-09-01T22:00Z",
            "2026-11-02T22:00Z",
            42,
            &["2026-09-01T22:00:00Z", "2026-10-13T00:00:00Z"],
        );
        check_split(
            "2026-09-01T05:00Z",
            "2026-09-03T05:00Z",
            1,
            &[
                "2026-09-01T05:00:00Z",
                "2026-09-02T00:00:00Z",
                "2026-09-03T00:00:00Z",
            ],
        );
        check_split(
            "1969-12-31T23:00Z",
            "1970-01-01T01:00Z",
            1,
            &["1969-12-31T23:00:00Z", "1970-01-01T00:00:00Z"],
        );
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }
}

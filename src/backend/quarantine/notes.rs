//! Notes of logins beside each other: which of two holds, which are too old, and what becomes of those that are dated in
//! the future because the clock was put back. Arithmetic only; in doubt, a login is left alone for longer.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use jiff::{SignedDuration, Timestamp};

use super::{Known, Mark};

/// What is older says nothing any more.
const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_hours(30 * 24);

pub(super) type Notes = BTreeMap<Mark, Known>;

/// What holds at `now` of what was read and of what this process knows.
pub(super) fn merged(mut read: Notes, own: Notes, now: Timestamp) -> Notes {
    for (mark, known) in own {
        add(&mut read, mark, known, now);
    }
    read.retain(|_, known| now.duration_since(known.noted) < FORGOTTEN_AFTER);
    for known in read.values_mut() {
        known.bring_to(now);
    }
    read
}

/// Adds what is known of a login, unless what is there holds.
pub(super) fn add(all: &mut Notes, mark: Mark, known: Known, now: Timestamp) {
    match all.entry(mark) {
        Entry::Vacant(free) => {
            free.insert(known);
        }
        Entry::Occupied(mut held) => {
            if known.replaces(held.get(), now) {
                held.insert(known);
            }
        }
    }
}

pub(super) fn is_any_ahead(all: &Notes, now: Timestamp) -> bool {
    all.values().any(|known| known.is_ahead(now))
}

impl Known {
    /// Noted before the clock was put back.
    fn is_ahead(&self, now: Timestamp) -> bool {
        self.noted > now
    }

    fn replaces(&self, held: &Self, now: Timestamp) -> bool {
        if self.is_ahead(now) == held.is_ahead(now) {
            return self.noted >= held.noted;
        }
        // Nobody can say which came first.
        self.end(now) > held.end(now)
    }

    fn end(&self, now: Timestamp) -> Option<Timestamp> {
        let mut known = self.clone();
        known.bring_to(now);
        known.refused_until
    }

    /// As if it had just been noted, where it is dated in the future: the login is left alone for as long as it was to be
    /// then, and a success, whose age nobody knows, speaks for it no more.
    fn bring_to(&mut self, now: Timestamp) {
        if !self.is_ahead(now) {
            return;
        }
        let left = |until: Timestamp| until.duration_since(self.noted);
        let until = |until| now.checked_add(left(until)).unwrap_or(now);
        self.refused_until = self.refused_until.map(until);
        self.last_success = None;
        self.noted = now;
    }
}

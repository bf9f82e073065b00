//! What is remembered of one mailbox at one endpoint, and for how long each part of it serves.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Found;
use crate::domain::{FreeBusy, MailboxError, Outcome, TimeWindow};
use crate::service::settings::CacheLifetimes;

/// Windows that one mailbox is remembered for: a question about next year never evicts this week.
const MAX_COVERS: usize = 4;

#[derive(Debug, Clone, Default)]
pub(super) struct Entry {
    /// Disjoint, each with its own age.
    covers: Vec<Cover>,
    failure: Option<Failure>,
    /// When the question was asked that was last answered with a "no": what was asked before it is worth nothing.
    no_since: Option<Timestamp>,
}

/// Everything that touches a window.
#[derive(Debug, Clone)]
struct Cover {
    window: TimeWindow,
    known: FreeBusy,
    /// When it was asked for: what changed while the endpoint answered may be missing.
    fetched: Timestamp,
}

#[derive(Debug, Clone)]
struct Failure {
    error: MailboxError,
    window: TimeWindow,
    /// When the question was asked that failed, and when that was known.
    asked: Timestamp,
    at: Timestamp,
}

impl Entry {
    pub(super) fn find(
        &self,
        window: &TimeWindow,
        lifetimes: &CacheLifetimes,
        now: Timestamp,
    ) -> Found {
        let cover = self
            .covers
            .iter()
            .find(|cover| cover.window.contains(window));
        let age = cover.map(|cover| age(cover.fetched, now));
        if let (Some(cover), Some(age)) = (cover, age)
            && age < lifetimes.fresh_for
        {
            return Found::Fresh(cover.known.clone());
        }
        let failure = self
            .failure
            .as_ref()
            .filter(|failure| failure.holds(window, lifetimes, now));
        match (cover, age, failure) {
            (Some(cover), Some(age), failure)
                if age < lifetimes.fresh_for + lifetimes.stale_while_revalidate =>
            {
                Found::Stale {
                    known: cover.known.clone(),
                    refresh: failure.is_none(),
                }
            }
            (_, _, Some(failure)) => match self.rescue(window, lifetimes, now) {
                Some(known) if failure.error.is_transient() => Found::Rescued(known),
                _ => Found::Failed(failure.error),
            },
            _ => Found::Missing,
        }
    }

    pub(super) fn rescue(
        &self,
        window: &TimeWindow,
        lifetimes: &CacheLifetimes,
        now: Timestamp,
    ) -> Option<FreeBusy> {
        let covers = self
            .covers
            .iter()
            .filter(|cover| cover.window.contains(window));
        covers
            .filter(|cover| age(cover.fetched, now) < lifetimes.stale_if_error)
            .map(|cover| cover.known.clone())
            .next()
    }

    /// What came at `now` of a question of the time `asked`. Answers may arrive in another order than they were asked
    /// for: what was asked for later is what counts.
    pub(super) fn store(
        &mut self,
        window: &TimeWindow,
        outcome: &Outcome,
        asked: Timestamp,
        now: Timestamp,
    ) {
        self.forget_what_is_later_than(now);
        match outcome {
            Ok(_) if self.no_since.is_some_and(|no| no > asked) => {}
            Ok(known) => {
                self.failure.take_if(|failure| failure.asked <= asked);
                self.no_since = None;
                self.cover(&Cover {
                    window: *window,
                    known: known.clone(),
                    fetched: asked,
                });
            }
            // These say nothing about the mailbox.
            Err(MailboxError::InvalidAddress | MailboxError::Loop) => {}
            Err(error) => {
                // An endpoint that says no is believed at once: nothing that was seen before may serve.
                if !error.is_transient() && *error != MailboxError::TooManyEvents {
                    self.covers.retain(|cover| cover.fetched > asked);
                    self.no_since = self.no_since.max(Some(asked));
                }
                self.fail(Failure {
                    error: *error,
                    window: *window,
                    asked,
                    at: now,
                });
            }
        }
    }

    /// Where the clock was put back, what it said before serves nobody, and must not count as later.
    fn forget_what_is_later_than(&mut self, now: Timestamp) {
        self.covers.retain(|cover| cover.fetched <= now);
        self.failure.take_if(|failure| failure.at > now);
        self.no_since.take_if(|no| *no > now);
    }

    /// Unless more is known of a later question.
    fn fail(&mut self, new: Failure) {
        let failed_later = self.failure.as_ref().map(|failure| failure.asked);
        let known_later = self.covers.iter().map(|cover| cover.fetched).max();
        if failed_later.max(known_later) <= Some(new.asked) {
            self.failure = Some(new);
        }
    }

    /// The newest knowledge wins where windows overlap; older covers keep what lies beside it.
    fn cover(&mut self, new: &Cover) {
        let (newer, older): (Vec<_>, Vec<_>) = std::mem::take(&mut self.covers)
            .into_iter()
            .partition(|cover| cover.fetched > new.fetched);
        self.covers = older
            .into_iter()
            .flat_map(|old| old.beside(&new.window))
            .collect();
        let mut pieces = vec![new.clone()];
        for cover in &newer {
            pieces = pieces
                .into_iter()
                .flat_map(|piece| piece.beside(&cover.window))
                .collect();
        }
        for cover in newer.into_iter().chain(pieces) {
            self.add(cover);
        }
        self.covers.shrink_to_fit();
    }

    /// In the place of the oldest one where there are too many.
    fn add(&mut self, new: Cover) {
        while self.covers.len() >= MAX_COVERS {
            let oldest = (0..self.covers.len())
                .min_by_key(|&place| self.covers.get(place).map(|cover| cover.fetched));
            self.covers.remove(oldest.unwrap_or(0));
        }
        self.covers.push(new);
    }

    /// Bytes on the heap and of the entry itself.
    pub(super) fn held_bytes(&self) -> usize {
        let covers: usize = self.covers.iter().map(Cover::held_bytes).sum();
        size_of::<Self>() + self.covers.capacity() * size_of::<Cover>() + covers
    }
}

impl Cover {
    /// What remains of this cover outside of `window`.
    fn beside(self, window: &TimeWindow) -> impl Iterator<Item = Self> + use<> {
        let before = TimeWindow::new(self.window.start(), self.window.end().min(window.start()));
        let after = TimeWindow::new(self.window.start().max(window.end()), self.window.end());
        let (known, fetched) = (self.known, self.fetched);
        [before, after]
            .into_iter()
            .flatten()
            .map(move |window| Self {
                window,
                known: known.clone(),
                fetched,
            })
    }

    fn held_bytes(&self) -> usize {
        let hours = self.known.working_hours.as_ref().map_or(0, |hours| {
            size_of_val(&**hours)
                + hours
                    .periods
                    .iter()
                    .map(|period| size_of_val(period) + period.days.len())
                    .sum::<usize>()
        });
        self.known.held_bytes() + hours
    }
}

impl Failure {
    fn holds(&self, window: &TimeWindow, lifetimes: &CacheLifetimes, now: Timestamp) -> bool {
        let (lifetime, everywhere) = match self.error {
            MailboxError::NotFound => (lifetimes.unknown_for, true),
            MailboxError::NoAccess | MailboxError::NoCalendar | MailboxError::ListTooLong => {
                (lifetimes.refused_for, true)
            }
            MailboxError::Timeout
            | MailboxError::Throttled
            | MailboxError::EndpointFailed
            | MailboxError::MailboxUnavailable
            | MailboxError::GenerationFailed => (lifetimes.outage_for, true),
            // A shorter window may do.
            MailboxError::TooManyEvents => (lifetimes.outage_for, false),
            // Says nothing about the mailbox.
            MailboxError::InvalidAddress | MailboxError::Loop => (Duration::ZERO, false),
        };
        age(self.at, now) < lifetime && (everywhere || window.contains(&self.window))
    }
}

/// Time since; where the clock was put back nothing counts as fresh.
fn age(since: Timestamp, now: Timestamp) -> Duration {
    let age: SignedDuration = now.duration_since(since);
    age.try_into().unwrap_or(Duration::MAX / 2)
}

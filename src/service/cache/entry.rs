//! What is remembered of one mailbox at one endpoint, and for how long each part of it serves.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Found;
use crate::domain::memory::block;
use crate::domain::{Detail, FreeBusy, MailboxError, Outcome, TimeWindow};
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
        let coverage = self.coverage(window);
        let age = coverage.as_ref().map(|coverage| coverage.age(now));
        if let (Some(coverage), Some(age)) = (&coverage, age)
            && age < lifetimes.fresh_for
        {
            return Found::Fresh(coverage.known());
        }
        let failure = self
            .failure
            .as_ref()
            .filter(|failure| failure.holds(window, lifetimes, now));
        match (&coverage, age, failure) {
            (Some(coverage), Some(age), failure)
                if age < lifetimes.fresh_for + lifetimes.stale_while_revalidate =>
            {
                Found::Stale {
                    known: coverage.known(),
                    refresh: failure.is_none(),
                }
            }
            (_, _, Some(failure)) => match self.rescue(window, lifetimes, now) {
                Some(known) if failure.error.is_outage() => Found::Rescued(known),
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
        let coverage = self.coverage(window)?;
        (coverage.age(now) < lifetimes.stale_if_error).then(|| coverage.known())
    }

    /// What there is about a window: one cover, or several that adjoin.
    fn coverage(&self, window: &TimeWindow) -> Option<Coverage<'_>> {
        if let Some(cover) = self
            .covers
            .iter()
            .find(|cover| cover.window.contains(window))
        {
            return Some(Coverage::One(cover));
        }
        let mut covers: Vec<_> = self.covers.iter().collect();
        covers.sort_by_key(|cover| cover.window.start());
        let mut reached = window.start();
        let mut used = Vec::new();
        for cover in covers {
            if cover.window.end() <= reached {
                continue;
            }
            if cover.window.start() > reached || reached >= window.end() {
                break;
            }
            reached = cover.window.end();
            used.push(cover);
        }
        (reached >= window.end()).then_some(Coverage::Several(used))
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

    /// The newest knowledge wins where windows overlap; older covers keep what lies beside it, but tell no more of it than
    /// is granted now.
    fn cover(&mut self, new: &Cover) {
        let (newer, older): (Vec<_>, Vec<_>) = std::mem::take(&mut self.covers)
            .into_iter()
            .partition(|cover| cover.fetched > new.fetched);
        self.covers = older
            .into_iter()
            .flat_map(|old| old.beside(&new.window))
            .map(|old| old.granted_as(new))
            .collect();
        let new = newer.iter().fold(new.clone(), Cover::granted_as);
        let mut pieces = vec![new];
        for cover in &newer {
            pieces = pieces
                .into_iter()
                .flat_map(|piece| piece.beside(&cover.window))
                .collect();
        }
        for cover in newer.into_iter().chain(pieces) {
            self.add(cover);
        }
        // To a block of its size; an allocator may leave a grown one as it is.
        let mut exact = Vec::with_capacity(self.covers.len());
        exact.append(&mut self.covers);
        self.covers = exact;
    }

    /// Where there are too many, two that adjoin become one, with the age of the older; else the oldest one goes.
    fn add(&mut self, new: Cover) {
        while self.covers.len() >= MAX_COVERS {
            if self.join_neighbours() {
                continue;
            }
            let oldest = (0..self.covers.len())
                .min_by_key(|&place| self.covers.get(place).map(|cover| cover.fetched));
            self.covers.remove(oldest.unwrap_or(0));
        }
        self.covers.push(new);
    }

    fn join_neighbours(&mut self) -> bool {
        self.covers.sort_by_key(|cover| cover.window.start());
        let adjoining = |pair: &[Cover]| matches!(pair, [left, right] if left.window.end() == right.window.start());
        let Some(place) = self.covers.windows(2).position(adjoining) else {
            return false;
        };
        let right = self.covers.remove(place + 1);
        let left = self.covers.remove(place);
        let Ok(window) = TimeWindow::new(left.window.start(), right.window.end()) else {
            return true;
        };
        let (known, fetched) = (joined(&[&left, &right]), left.fetched.min(right.fetched));
        self.covers.push(Cover {
            window,
            known,
            fetched,
        });
        true
    }

    /// Bytes on the heap, those of the entry itself included, as an allocator gives them.
    pub(super) fn held_bytes(&self) -> usize {
        let covers: usize = self.covers.iter().map(Cover::held_bytes).sum();
        // Shared blocks begin with two counters.
        block(size_of::<Self>() + 2 * size_of::<usize>())
            + block(self.covers.capacity() * size_of::<Cover>())
            + covers
    }
}

/// What is known of a window.
enum Coverage<'a> {
    One(&'a Cover),
    /// By start, without gaps.
    Several(Vec<&'a Cover>),
}

impl Coverage<'_> {
    /// That of its oldest part.
    fn age(&self, now: Timestamp) -> Duration {
        match self {
            Self::One(cover) => age(cover.fetched, now),
            Self::Several(covers) => covers
                .iter()
                .map(|cover| age(cover.fetched, now))
                .max()
                .unwrap_or(Duration::MAX / 2),
        }
    }

    /// With the time of its oldest part.
    fn known(&self) -> FreeBusy {
        match self {
            Self::One(cover) => cover.known.clone().asked_at(cover.fetched),
            Self::Several(covers) => {
                let oldest = covers.iter().map(|cover| cover.fetched).min();
                joined(covers).asked_at(oldest.unwrap_or_default())
            }
        }
    }
}

/// Several covers in one; of each only what touches its own window, because another one knows better about the rest.
fn joined(covers: &[&Cover]) -> FreeBusy {
    let newest = covers.iter().max_by_key(|cover| cover.fetched);
    let working_hours = newest.and_then(|cover| cover.known.working_hours.clone());
    let detail = covers
        .iter()
        .map(|cover| cover.known.detail())
        .min()
        .unwrap_or(Detail::DigitsOnly);
    // An event on a border is known to both sides, and is the same only where both say as much of it.
    let known: Vec<_> = covers
        .iter()
        .map(|cover| (cover.known.clone().stripped_to(detail), cover.window))
        .collect();
    let events = known
        .iter()
        .flat_map(|(known, window)| known.events_in(window));
    let owner = newest.and_then(|cover| cover.known.owner.clone());
    FreeBusy::union(events, detail, working_hours).owned_by(owner)
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

    /// The same as far as the right goes by which a later one was granted. Digits alone say nothing of a right: a server
    /// gives them of lists, and where it cannot give more. Nor does a calendar without events, in which there are no
    /// details to be seen.
    fn granted_as(self, later: &Self) -> Self {
        match later.known.detail() {
            Detail::BusyOnly if !later.known.is_empty() => Self {
                known: self.known.stripped_to(Detail::BusyOnly),
                ..self
            },
            Detail::DigitsOnly | Detail::BusyOnly | Detail::Subjects => self,
        }
    }

    fn held_bytes(&self) -> usize {
        let owner = self.known.owner.as_ref().map_or(0, |owner| {
            let names = [&owner.display_name, &owner.common_name].into_iter();
            let names = names.flatten().map(|name| block(name.len()));
            block(size_of_val(&**owner) + 2 * size_of::<usize>()) + names.sum::<usize>()
        });
        let hours = self.known.working_hours.as_ref().map_or(0, |hours| {
            let periods = hours.periods.iter();
            block(size_of_val(&**hours) + 2 * size_of::<usize>())
                + block(size_of_val(&*hours.periods))
                + periods
                    .map(|period| block(period.days.len()))
                    .sum::<usize>()
        });
        self.known.held_bytes() + hours + owner
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

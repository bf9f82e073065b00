//! The desk of one endpoint: answers from the cache, lets equal questions wait for the same call, and collects what is
//! missing into few calls.
//!
//! Invariant: every mailbox asked for gets exactly one answer by the deadline; a caller who hangs up takes nobody's
//! answer along, because calls belong to the desk and not to a caller.

mod flight;
mod prefetch;
mod widen;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::cache::{Cache, Found};
use super::settings::{CacheLifetimes, Widen};
use crate::backend::endpoint::Endpoint;
use crate::domain::via::Via;
use crate::domain::{FreeBusy, MailboxError, Outcome, SmtpAddress, TimeWindow, Trace};
use crate::metrics::{CacheResult, EndpointMetrics};
use flight::{Flights, Span};

/// What the desk says of one mailbox.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    pub outcome: Outcome,
    pub from: CacheResult,
    /// The calls that were waited for.
    pub trip: Option<Trip>,
}

/// What it took to ask the endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trip {
    /// Calls, those for other mailboxes of the same batch included.
    pub calls: u32,
    /// The role accounts that made them.
    pub accounts: Vec<SmtpAddress>,
    /// From the first call to the last answer.
    pub took: Duration,
}

impl Trip {
    /// Both, one after the other; each account once.
    pub fn joined(first: Option<Self>, then: Option<Self>) -> Option<Self> {
        let (mut first, then) = match (first, then) {
            (Some(first), Some(then)) => (first, then),
            (first, then) => return first.or(then),
        };
        first.calls += then.calls;
        first.took += then.took;
        for account in then.accounts {
            if !first.accounts.contains(&account) {
                first.accounts.push(account);
            }
        }
        Some(first)
    }
}

/// Who asks, as far as it decides with whom a call may be shared, and what the endpoint is told of it.
#[derive(Debug, Clone, Default)]
pub struct Passage {
    /// The gateways that the question came through.
    pub via: Via,
    /// Present where the question shares its calls with no other one; each such question has its own number.
    pub alone: Option<uuid::Uuid>,
    /// A shared call is part of the trace of whoever was the first.
    pub trace: Option<Trace>,
}

pub struct Desk {
    /// The endpoint's number in the cache.
    seat: u32,
    endpoint: Arc<Endpoint>,
    cache: Arc<Cache>,
    lifetimes: CacheLifetimes,
    widen: Widen,
    flights: Arc<Flights>,
    metrics: EndpointMetrics,
}

impl Desk {
    pub fn new(
        seat: u32,
        endpoint: Arc<Endpoint>,
        cache: Arc<Cache>,
        keep: (CacheLifetimes, Widen),
        metrics: EndpointMetrics,
    ) -> Self {
        let (lifetimes, widen) = keep;
        let flights = Arc::new(Flights::new(seat, endpoint.clone(), cache.clone()));
        Self {
            seat,
            endpoint,
            cache,
            lifetimes,
            widen,
            flights,
            metrics,
        }
    }

    /// The same, so that callers of both share calls, where both are for the same endpoint and cache.
    #[must_use]
    pub fn sharing_flights_of(mut self, before: &Self) -> Self {
        if Arc::ptr_eq(&self.endpoint, &before.endpoint) && Arc::ptr_eq(&self.cache, &before.cache)
        {
            self.flights = Arc::clone(&before.flights);
        }
        self
    }

    /// The endpoint's number in the cache.
    pub fn seat(&self) -> u32 {
        self.seat
    }

    pub fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }

    /// How long what it tells may serve.
    pub(super) fn lifetimes(&self) -> &CacheLifetimes {
        &self.lifetimes
    }

    /// Counts mailboxes of a question as answered here, finally.
    pub(super) fn count(&self, result: &'static str, mailboxes: usize) {
        self.metrics.mailbox_lookups(result, mailboxes);
    }

    /// What is known of each mailbox, in the order asked, without waiting for the endpoint; None where it has to be waited
    /// for, see [`Desk::fetch`].
    pub fn look<'a>(
        &self,
        mailboxes: impl Iterator<Item = &'a SmtpAddress>,
        window: &TimeWindow,
        passage: &Passage,
    ) -> Vec<Option<Told>> {
        let keep = (&self.lifetimes, self.cache.now());
        let mut old = Vec::new();
        let look = |mailbox: &SmtpAddress| {
            let found = self.cache.find(self.seat, mailbox, window, keep);
            if let Found::Stale { refresh: true, .. } = found {
                old.push(mailbox.clone());
            }
            from_cache(found)
        };
        let told: Vec<_> = mailboxes.map(look).collect();
        if !old.is_empty() {
            // Nobody waits for these, so that nobody can wait for themselves: one call does for all.
            let together = Passage {
                alone: None,
                ..passage.clone()
            };
            self.refresh(old, window, &together);
        }
        told
    }

    /// Fills the places of `told` that [`Desk::look`] left empty, all of them.
    pub async fn fetch(
        &self,
        mailboxes: &[&SmtpAddress],
        told: &mut [Option<Told>],
        window: &TimeWindow,
        (passage, deadline): (&Passage, Instant),
    ) {
        let is_missing = |(place, told): (usize, &Option<Told>)| told.is_none().then_some(place);
        let missing: Vec<_> = told.iter().enumerate().filter_map(is_missing).collect();
        let over = (window, passage, deadline);
        self.ask_missing(mailboxes, &missing, told, over).await;
        let unanswered = || Told {
            outcome: Err(MailboxError::EndpointFailed),
            from: CacheResult::Miss,
            trip: None,
        };
        for slot in told {
            slot.get_or_insert_with(unanswered);
        }
    }

    /// Counts where the answers of a question came from. Neighbours together: all threads count in the same places.
    pub(super) fn count_lookups(&self, told: &[Option<Told>]) {
        let from = |told: &Option<Told>| told.as_ref().map(|told| told.from);
        for alike in told.chunk_by(|one, next| from(one) == from(next)) {
            if let Some(from) = alike.first().and_then(from) {
                self.metrics.cache_lookups(from, alike.len());
            }
        }
    }

    async fn ask_missing(
        &self,
        mailboxes: &[&SmtpAddress],
        missing: &[usize],
        told: &mut [Option<Told>],
        (window, passage, deadline): (&TimeWindow, &Passage, Instant),
    ) {
        let span = Span {
            asked: *window,
            fetched: self.widened(window),
            exact: false,
        };
        let over = (span, passage, deadline);
        let crowded = self.ask_over(over, mailboxes, missing, told).await;
        if !crowded.is_empty() {
            // A crowded day that others asked about, or nobody, must not cost an answer about another one.
            let over = (Span::exactly(*window), passage, deadline);
            self.ask_over(over, mailboxes, &crowded, told).await;
        }
    }

    /// Fills the places of `missing` with what flights bring. Those that have too many events in a window other than the
    /// one asked for are returned.
    async fn ask_over(
        &self,
        (span, passage, deadline): (Span, &Passage, Instant),
        mailboxes: &[&SmtpAddress],
        missing: &[usize],
        told: &mut [Option<Told>],
    ) -> Vec<usize> {
        let absent = missing
            .iter()
            .filter_map(|place| mailboxes.get(*place))
            .map(|mailbox| (*mailbox).clone())
            .collect();
        let tickets = self.flights.board(absent, span, passage);
        let mut crowded = Vec::new();
        for (place, ticket) in missing.iter().zip(tickets) {
            let from = if ticket.shared {
                CacheResult::Shared
            } else {
                CacheResult::Miss
            };
            let is_other = ticket.window() != span.asked;
            let mailbox = mailboxes.get(*place);
            let older = |mailbox| self.older(mailbox, &span.asked);
            let has_older = || mailbox.and_then(|mailbox| older(mailbox)).is_some();
            let (outcome, trip) = ticket.outcome(deadline, has_older).await;
            if is_other && outcome == Err(MailboxError::TooManyEvents) {
                crowded.push(*place);
            }
            if let (Some(slot), Some(mailbox)) = (told.get_mut(*place), mailbox) {
                let before = slot.take().and_then(|told| told.trip);
                let brought = Told {
                    outcome,
                    from,
                    trip: Trip::joined(before, trip),
                };
                *slot = Some(self.rescued(mailbox, &span.asked, brought));
            }
        }
        crowded
    }

    /// An old answer is better than an outage; but it never stands in for a "no".
    fn rescued(&self, mailbox: &SmtpAddress, window: &TimeWindow, brought: Told) -> Told {
        let failed = brought
            .outcome
            .as_ref()
            .is_err_and(|error| error.is_outage());
        match failed.then(|| self.older(mailbox, window)).flatten() {
            Some(known) => Told {
                outcome: Ok(known),
                from: CacheResult::StaleOnError,
                ..brought
            },
            None => brought,
        }
    }

    /// What may be told while the endpoint fails.
    fn older(&self, mailbox: &SmtpAddress, window: &TimeWindow) -> Option<FreeBusy> {
        self.cache
            .rescue(self.seat, mailbox, window, &self.lifetimes)
    }

    /// Asks again for what is stale. As much as new questions ask for only where that much is known: where it is not, it
    /// may have been more than the endpoint hands out at once, and would be again.
    fn refresh(&self, mailboxes: Vec<SmtpAddress>, window: &TimeWindow, passage: &Passage) {
        let wide = self.widened(window);
        let keep = (&self.lifetimes, self.cache.now());
        let (whole, part): (Vec<_>, Vec<_>) = mailboxes.into_iter().partition(|mailbox| {
            let found = self.cache.find(self.seat, mailbox, &wide, keep);
            matches!(found, Found::Stale { refresh: true, .. })
        });
        for (mailboxes, fetched) in [(whole, wide), (part, *window)] {
            let span = Span {
                asked: *window,
                fetched,
                exact: false,
            };
            drop(self.flights.board(mailboxes, span, passage));
        }
    }

    /// What is fetched for a question about `window`.
    fn widened(&self, window: &TimeWindow) -> TimeWindow {
        widen::widened(
            window,
            self.widen,
            self.endpoint.guard().limits.days_per_call,
        )
    }
}

fn from_cache(found: Found) -> Option<Told> {
    let known = |known: FreeBusy, from| {
        Some(Told {
            outcome: Ok(known),
            from,
            trip: None,
        })
    };
    match found {
        Found::Fresh(calendar) => known(calendar, CacheResult::Hit),
        Found::Stale {
            known: calendar, ..
        } => known(calendar, CacheResult::Stale),
        Found::Rescued(calendar) => known(calendar, CacheResult::StaleOnError),
        Found::Failed(error) => Some(Told {
            outcome: Err(error),
            from: CacheResult::Negative,
            trip: None,
        }),
        Found::Missing => None,
    }
}

#[cfg(test)]
mod tests;

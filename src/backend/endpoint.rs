//! An endpoint: a named source of calendars behind a guard that is composed here, once for every kind of source.
//! Asking never fails: each mailbox has an outcome. No cache, no routing; knows nothing of the kind of source.
//!
//! A question is cut into calls by what one call may ask for (`pieces`); each call has a permit, a deadline and the
//! leave of the breaker (`calls`, `breaker`), is made again where a failure may pass (`retry`) and twice where it
//! is slow (`hedge`); a call that one mailbox spoils is cut in halves (`bisect`), and so is the window of a mailbox
//! that has too many events (`halve`).

mod background;
mod bisect;
mod breaker;
mod budget;
mod calls;
mod halve;
mod hedge;
mod pieces;
mod recovery;
mod retry;
pub mod rooms;
mod span;
mod state;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tracing::{Instrument, Span, debug, warn, warn_span};

use self::bisect::{Fruitless, failed};
use self::calls::Calls;
use self::retry::Part;
pub use self::state::{EndpointState, LastError};
use super::examine::AccountFinding;
use super::expiry::Expiry;
use super::instance::Instance;
use super::settings::EndpointSettings;
use super::{Ask, Backend, EndpointError, Limits, Trail};
use crate::domain::{
    DomainPattern, MailboxError, Outcome, RoomEntry, SmtpAddress, TimeWindow, Trace, Via,
};

/// A named source of calendars for some mail domains.
pub struct Endpoint {
    domains: Vec<DomainPattern>,
    guard: Guard,
    calls: Calls,
    fruitless: Fruitless,
    /// Held by the call that tries, for nobody, whether it is well again; when the last one ended.
    trial: Mutex<Option<Instant>>,
    written_rooms: Vec<RoomEntry>,
    /// Room lists that the last reading of them could not tell, in the order in which the next one asks for them.
    later_lists: std::sync::Mutex<Vec<SmtpAddress>>,
}

/// The bounds within which an endpoint is asked.
#[derive(Debug, Clone, Copy)]
pub struct Guard {
    /// How long one question may take, waiting for a permit included.
    pub timeout: Duration,
    /// Calls in flight at once, at least one.
    pub max_concurrency: usize,
    /// Where the backend's own limits are lower, those hold.
    pub limits: Limits,
    /// A call that takes longer is made a second time by another role account.
    pub hedge_after: Option<Duration>,
    /// How long the breaker stays open at first.
    pub probe_interval: Duration,
}

impl Default for Guard {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(20),
            max_concurrency: 4,
            limits: Limits::default(),
            hedge_after: None,
            probe_interval: EndpointSettings::DEFAULT_PROBE_INTERVAL,
        }
    }
}

impl From<&EndpointSettings> for Guard {
    fn from(settings: &EndpointSettings) -> Self {
        Self {
            timeout: settings.timeout,
            max_concurrency: settings.max_concurrency,
            limits: settings.limits,
            hedge_after: settings.hedge_after,
            probe_interval: settings.probe_interval,
        }
    }
}

/// What an endpoint said, and how it came to say it.
#[derive(Debug, Clone)]
pub struct Asked {
    /// One for every mailbox asked.
    pub outcomes: BTreeMap<SmtpAddress, Outcome>,
    /// Calls to the source that it took; none where the endpoint refused to ask.
    pub calls: u32,
    /// The role accounts that made them, in the order of first use.
    pub accounts: Vec<SmtpAddress>,
    pub took: Duration,
}

/// Where a question comes from, as the server in the south is told.
#[derive(Debug, Clone, Copy)]
pub struct Way<'a> {
    pub via: &'a Via,
    pub trace: Option<&'a Trace>,
    /// Where what is done is noted, for those who wait for it.
    pub trail: Option<&'a Trail>,
}

impl<'a> From<&'a Via> for Way<'a> {
    fn from(via: &'a Via) -> Self {
        Self {
            via,
            trace: None,
            trail: None,
        }
    }
}

impl Endpoint {
    pub fn new(
        name: &str,
        domains: impl IntoIterator<Item: Into<DomainPattern>>,
        guard: Guard,
        backend: Arc<dyn Backend>,
        instance: &Instance,
    ) -> Self {
        let own = backend.limits();
        let limits = Limits {
            mailboxes_per_call: guard
                .limits
                .mailboxes_per_call
                .clamp(1, own.mailboxes_per_call.max(1)),
            days_per_call: guard
                .limits
                .days_per_call
                .clamp(1, own.days_per_call.max(1)),
        };
        Self {
            domains: domains.into_iter().map(Into::into).collect(),
            guard: Guard { limits, ..guard },
            calls: Calls::new(name, &guard, backend, instance),
            fruitless: Fruitless::default(),
            trial: Mutex::new(None),
            written_rooms: Vec::new(),
            later_lists: std::sync::Mutex::default(),
        }
    }

    pub fn name(&self) -> &Arc<str> {
        &self.calls.name
    }

    /// What one call asks for at most.
    pub fn limits(&self) -> Limits {
        self.guard.limits
    }

    /// How it is doing now.
    pub fn state(&self) -> EndpointState {
        EndpointState {
            breaker: self.calls.breaker.state(),
            in_flight: self.calls.in_flight(),
            consecutive_failures: self.calls.breaker.failures(),
            last_error: self.calls.record.last_error(),
            last_success: self.calls.record.last_success(),
            accounts: self.calls.backend.accounts(),
        }
    }

    pub fn domains(&self) -> &[DomainPattern] {
        &self.domains
    }

    /// The bounds within which it is asked; the limits are those of the backend where they are lower.
    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    /// Brings the gauges up to date that change with time alone; the rest is counted when it happens.
    pub fn tell_metrics(&self) {
        self.calls.tell_breaker();
        self.calls.tell_accounts();
    }

    /// What it logs in with that expires, as far as that is known.
    pub fn expiries(&self) -> &[Expiry] {
        self.calls.backend.expiries()
    }

    /// Makes one call by each role account that is not quarantined, about `mailbox` or else the first account's own;
    /// whatever the breaker says. Refusals are remembered as those of any call.
    pub async fn examine(
        &self,
        mailbox: Option<&SmtpAddress>,
        deadline: Instant,
    ) -> Vec<AccountFinding> {
        let examined = self.calls.backend.examine(mailbox, deadline);
        examined.instrument(self.span()).await
    }

    /// What is known of each mailbox; there is an outcome for every one asked. A mailbox that failed in one part of the
    /// window is an error as a whole. The events may reach beyond the window.
    pub async fn ask(
        &self,
        mailboxes: &[SmtpAddress],
        window: TimeWindow,
        deadline: Instant,
    ) -> BTreeMap<SmtpAddress, Outcome> {
        self.ask_via(mailboxes, window, &Via::default(), deadline)
            .await
            .outcomes
    }

    /// The same for a question that has come through other instances, and how it was answered.
    pub async fn ask_via(
        &self,
        mailboxes: &[SmtpAddress],
        window: TimeWindow,
        way: impl Into<Way<'_>>,
        deadline: Instant,
    ) -> Asked {
        let way = way.into();
        let started = Instant::now();
        let deadline = self.deadline(deadline);
        let trail = way.trail.cloned().unwrap_or_default();
        let mut asks = pieces::split(mailboxes, &window, self.guard.limits);
        for ask in &mut asks {
            ask.via = way.via.clone();
            ask.trace = way.trace.cloned();
            ask.trail = trail.clone();
        }
        let calls = asks.iter().map(|ask| self.piece(ask, deadline));
        let answers = join_all(calls).instrument(self.span()).await;
        Asked {
            outcomes: pieces::join(answers),
            calls: trail.calls(),
            accounts: trail.accounts(),
            took: started.elapsed(),
        }
    }

    /// The mailbox's display name, or None where there is no such mailbox.
    pub async fn resolve(
        &self,
        mailbox: &SmtpAddress,
        deadline: Instant,
    ) -> Result<Option<Arc<str>>, EndpointError> {
        let deadline = self.deadline(deadline);
        let backend = &self.calls.backend;
        let work = async |_| backend.resolve(mailbox, deadline).await;
        let result = self.calls.guarded(deadline, work);
        let result = result.instrument(self.span()).await;
        result.inspect_err(|error| self.warn(error))
    }

    /// Whether the source can be used now; not logged, and asked whatever the breaker says.
    pub async fn probe(&self, deadline: Instant) -> Result<(), EndpointError> {
        let deadline = self.deadline(deadline);
        self.calls.probe(deadline).instrument(self.span()).await
    }

    /// The answers to one piece of a question, crowded mailboxes included.
    async fn piece(&self, ask: &Ask, deadline: Instant) -> BTreeMap<SmtpAddress, Outcome> {
        let mut outcomes = self.answered(ask, deadline).await;
        self.ask_crowded_again(ask, &mut outcomes, deadline).await;
        outcomes
    }

    /// An outcome for each mailbox of `ask`: from one call, or from its parts where it failed.
    async fn answered(&self, ask: &Ask, deadline: Instant) -> BTreeMap<SmtpAddress, Outcome> {
        match self.calls.free_busy(ask, Part::Whole, deadline).await {
            Ok(answers) => self.complete(ask, answers),
            Err(error) => {
                self.warn(&error);
                if self.is_worth_cutting(ask, &error) {
                    self.bisect(ask, error, deadline).await
                } else {
                    failed(&ask.mailboxes, &error)
                }
            }
        }
    }

    /// Invariant: a mailbox that is missing from an answer is unknown, never free.
    fn complete(
        &self,
        ask: &Ask,
        mut answers: BTreeMap<SmtpAddress, Outcome>,
    ) -> BTreeMap<SmtpAddress, Outcome> {
        let mut missing = 0;
        let outcomes = ask
            .mailboxes
            .iter()
            .map(|mailbox| {
                let outcome = answers.remove(mailbox).unwrap_or_else(|| {
                    missing += 1;
                    Err(MailboxError::EndpointFailed)
                });
                (mailbox.clone(), outcome)
            })
            .collect();
        if missing > 0 {
            warn!(endpoint.name = %self.name(), missing, "Endpoint `{}` left out mailboxes", self.name());
        }
        outcomes
    }

    fn deadline(&self, deadline: Instant) -> Instant {
        deadline.min(Instant::now() + self.guard.timeout)
    }

    fn span(&self) -> Span {
        warn_span!("endpoint", endpoint.name = %self.name())
    }

    fn warn(&self, error: &EndpointError) {
        let name = self.name();
        if error.was_made() {
            warn!(endpoint.name = %name, error = error.label(), "Endpoint `{name}` failed: {error}");
        } else {
            // It was told when the breaker opened, or when the accounts were refused.
            debug!(endpoint.name = %name, "Endpoint `{name}` was not asked: {error}");
        }
    }
}

#[cfg(test)]
mod tests;

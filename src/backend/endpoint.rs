//! An endpoint: a named source of calendars behind a guard that keeps the deadline, bounds the calls in flight and
//! splits a question by what one call may ask for. Asking never fails: each mailbox has an outcome. No cache, no
//! routing; knows nothing of the kind of source.

mod pieces;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument, Span, warn, warn_span};

use super::instance::Instance;
use super::settings::EndpointSettings;
use super::{Ask, Backend, EndpointError, Limits, Trail};
use crate::domain::{DomainPattern, MailboxError, Outcome, SmtpAddress, TimeWindow, Via};

/// A named source of calendars for some mail domains.
pub struct Endpoint {
    name: Arc<str>,
    domains: Vec<DomainPattern>,
    backend: Arc<dyn Backend>,
    guard: Guard,
    permits: Semaphore,
    instance: Instance,
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
        let max_concurrency = guard.max_concurrency.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            name: name.into(),
            domains: domains.into_iter().map(Into::into).collect(),
            backend,
            guard: Guard { limits, ..guard },
            permits: Semaphore::new(max_concurrency),
            instance: instance.clone(),
        }
    }

    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    pub fn domains(&self) -> &[DomainPattern] {
        &self.domains
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
        via: &Via,
        deadline: Instant,
    ) -> Asked {
        let started = Instant::now();
        let deadline = self.deadline(deadline);
        let trail = Trail::default();
        let mut asks = pieces::split(mailboxes, &window, self.guard.limits);
        for ask in &mut asks {
            ask.via = via.clone();
            ask.trail = trail.clone();
        }
        let calls = asks.iter().map(|ask| self.call(ask, deadline));
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
        let work = self.backend.resolve(mailbox, deadline);
        let result = self.guarded(work, deadline).instrument(self.span()).await;
        result.inspect_err(|error| self.warn(error))
    }

    /// Whether the source can be used now; not logged.
    pub async fn probe(&self, deadline: Instant) -> Result<(), EndpointError> {
        let deadline = self.deadline(deadline);
        let work = self.backend.probe(deadline);
        self.guarded(work, deadline).instrument(self.span()).await
    }

    async fn call(&self, ask: &Ask, deadline: Instant) -> BTreeMap<SmtpAddress, Outcome> {
        let work = self.backend.free_busy(ask, deadline);
        match self.guarded(work, deadline).await {
            Ok(answers) => self.complete(ask, answers),
            Err(error) => {
                self.warn(&error);
                let outcome = MailboxError::from(&error);
                let failed = |mailbox: &SmtpAddress| (mailbox.clone(), Err(outcome));
                ask.mailboxes.iter().map(failed).collect()
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
            warn!(endpoint.name = %self.name, missing, "Endpoint `{}` left out mailboxes", self.name);
        }
        outcomes
    }

    /// Within the deadline and the permits: waiting for one counts.
    async fn guarded<T>(
        &self,
        work: impl Future<Output = Result<T, EndpointError>>,
        deadline: Instant,
    ) -> Result<T, EndpointError> {
        let started = Instant::now();
        let guarded = async {
            // The semaphore is never closed; if it were, the call would go unbounded rather than fail.
            let _permit = self.permits.acquire().await.ok();
            work.await
        };
        timeout_at(deadline, guarded)
            .await
            .unwrap_or_else(|_| Err(EndpointError::Timeout(started.elapsed())))
    }

    fn deadline(&self, deadline: Instant) -> Instant {
        deadline.min(Instant::now() + self.guard.timeout)
    }

    fn span(&self) -> Span {
        warn_span!("endpoint", endpoint.name = %self.name)
    }

    fn warn(&self, error: &EndpointError) {
        warn!(
            endpoint.name = %self.name,
            error = error.label(),
            "Endpoint `{}` failed: {error}",
            self.name
        );
    }
}

#[cfg(test)]
mod tests;

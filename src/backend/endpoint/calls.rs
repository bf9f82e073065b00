//! The calls to one backend, each within its bounds: a permit, the breaker, the deadline; made again or twice where that
//! is worth it. Asks exactly what it is told to ask.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, Semaphore};
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{info, warn};
use uuid::Uuid;

use super::Guard;
use super::background::Callers;
use super::breaker::{Breaker, Pass, Subject, Verdict};
use super::budget::Budget;
use super::hedge::Hedge;
use super::retry::{Part, Pauses};
use super::span::CallSpan;
use super::state::Record;
use crate::backend::instance::Instance;
use crate::backend::{AccountCondition, Ask, Backend, EndpointError};
use crate::domain::{MailboxError, Outcome, SmtpAddress};
use crate::metrics::{BreakerState, EndpointMetrics};

/// Calls that are made again, in a hundred.
const RETRY_PERCENT: u32 = 20;
const FIRST_RETRIES: u32 = 5;
const MOST_RETRIES_IN_A_ROW: u32 = 10;

pub(super) struct Calls {
    pub(super) name: Arc<str>,
    pub(super) backend: Arc<dyn Backend>,
    pub(super) permits: Semaphore,
    pub(super) breaker: Breaker,
    pub(super) record: Record,
    pub(super) metrics: EndpointMetrics,
    pub(super) callers: Callers,
    /// Held by the call that is made in the background.
    pub(super) background: Mutex<()>,
    max_concurrency: usize,
    timeout: Duration,
    retries: Budget,
    hedge: Option<Hedge>,
}

impl Calls {
    pub(super) fn new(
        name: &str,
        guard: &Guard,
        backend: Arc<dyn Backend>,
        instance: &Instance,
    ) -> Self {
        let max_concurrency = guard.max_concurrency.clamp(1, Semaphore::MAX_PERMITS);
        let metrics = instance.metrics(name);
        let expiries = backend.expiries().iter();
        let expiries = expiries.map(|each| (each.credential.label(), each.at.as_second()));
        metrics.credential_expiries(&expiries.collect::<Vec<_>>());
        Self {
            name: name.into(),
            backend,
            permits: Semaphore::new(max_concurrency),
            breaker: Breaker::new(guard.probe_interval),
            record: Record::new(Arc::clone(&instance.clock)),
            metrics,
            callers: Callers::new(),
            background: Mutex::new(()),
            max_concurrency,
            timeout: guard.timeout,
            retries: Budget::new(RETRY_PERCENT, FIRST_RETRIES, MOST_RETRIES_IN_A_ROW),
            hedge: guard.hedge_after.map(Hedge::new),
        }
    }

    /// Calls that are being made now.
    pub(super) fn in_flight(&self) -> usize {
        self.max_concurrency
            .saturating_sub(self.permits.available_permits())
    }

    /// Asks, and asks again where the failure may pass, while the time and the budget last.
    pub(super) async fn free_busy(
        &self,
        ask: &Ask,
        part: Part,
        deadline: Instant,
    ) -> Result<BTreeMap<SmtpAddress, Outcome>, EndpointError> {
        self.retries.earn();
        let mut pauses = Pauses::new();
        loop {
            let error = match self.free_busy_once(ask, deadline).await {
                Ok(answers) => return Ok(answers),
                Err(error) => error,
            };
            let left = deadline.saturating_duration_since(Instant::now());
            let Some(pause) = pauses.after(&error, part, left) else {
                return Err(error);
            };
            if self.breaker.check().is_err() || !self.retries.spend() {
                return Err(error);
            }
            if error.was_made() {
                self.metrics.retried();
            }
            if MailboxError::from(&error) == MailboxError::Throttled {
                ask.trail.rest(pause).await;
            } else {
                sleep(pause).await;
            }
        }
    }

    async fn free_busy_once(
        &self,
        ask: &Ask,
        deadline: Instant,
    ) -> Result<BTreeMap<SmtpAddress, Outcome>, EndpointError> {
        let mailboxes = ask.mailboxes.len();
        let trace = ask.trace.as_ref().map(|trace| trace.within(Uuid::new_v4()));
        let ask = &Ask {
            trace,
            ..ask.clone()
        };
        self.guarded(deadline, async |decides| {
            let span = CallSpan::begin(&self.name, ask.trace.as_ref(), deadline);
            let result = match &self.hedge {
                // The call that decides is made once: the endpoint may be ill.
                Some(hedge) if !decides => self.hedged(hedge, ask, deadline).await,
                Some(_) | None => self.backend.free_busy(ask, deadline).await,
            };
            span.end(&result);
            if was_made(&result) {
                self.metrics.batch_size(mailboxes);
            }
            result
        })
        .await
    }

    /// One call to the backend: with a permit, waiting for which counts, if the breaker lets it through, and until the
    /// deadline. `work` is told whether the breaker depends on it.
    pub(super) async fn guarded<T>(
        &self,
        deadline: Instant,
        work: impl AsyncFnOnce(bool) -> Result<T, EndpointError>,
    ) -> Result<T, EndpointError> {
        self.guarded_about(Subject::Endpoint, deadline, work).await
    }

    /// The same, where the call may be about one thing among many.
    pub(super) async fn guarded_about<T>(
        &self,
        subject: Subject,
        deadline: Instant,
        work: impl AsyncFnOnce(bool) -> Result<T, EndpointError>,
    ) -> Result<T, EndpointError> {
        let started = Instant::now();
        let _present = self.callers.enter();
        // Before the wait for a permit, so that nobody waits behind calls that hang, and after it.
        self.breaker.check().inspect_err(|e| self.not_made(e))?;
        let permit = timeout_at(deadline, self.permits.acquire()).await;
        // The semaphore is never closed; if it were, the call would go unbounded rather than fail.
        let _permit = permit.map_err(|_| EndpointError::Timeout(started.elapsed()))?;
        if Instant::now() >= deadline {
            // A call that has no time would only be a burden.
            return Err(EndpointError::Timeout(started.elapsed()));
        }
        let pass = self.breaker.admit().inspect_err(|e| self.not_made(e))?;
        self.tell_breaker();
        let begun = Instant::now();
        let result = timeout_at(deadline, work(pass.decides()))
            .await
            .unwrap_or_else(|_| Err(EndpointError::Timeout(started.elapsed())));
        self.conclude((pass, subject), &result, begun.elapsed());
        result
    }

    /// One call to see whether the endpoint is well, made whatever the breaker says.
    pub(super) async fn probe(&self, deadline: Instant) -> Result<(), EndpointError> {
        let started = Instant::now();
        let result = timeout_at(deadline, self.backend.probe(deadline))
            .await
            .unwrap_or_else(|_| Err(EndpointError::Timeout(started.elapsed())));
        let verdict = Verdict::of(&result, started.elapsed(), self.timeout);
        let before = self.breaker.state();
        self.breaker.note(verdict, &text(&result));
        self.learned(before, &result);
        result
    }

    /// What a call that has ended means for the breaker, the record and the metrics.
    pub(super) fn conclude<T>(
        &self,
        (pass, subject): (Pass<'_>, Subject),
        result: &Result<T, EndpointError>,
        elapsed: Duration,
    ) {
        match result {
            Ok(_) => self.metrics.upstream_call("ok", elapsed),
            Err(error) if !error.was_made() => self.not_made(error),
            Err(error) => self.metrics.upstream_call(error.label(), elapsed),
        }
        if matches!(result, Err(EndpointError::Throttled { .. })) {
            self.metrics.throttled();
        }
        let before = self.breaker.state();
        let verdict = subject.verdict(result, elapsed, self.timeout);
        pass.report(verdict, &text(result));
        self.learned(before, result);
    }

    /// A call that was wanted and never sent: nothing is known of the server by it.
    pub(super) fn not_made(&self, error: &EndpointError) {
        self.metrics.call_not_made(error.label());
    }

    fn learned<T>(&self, before: BreakerState, result: &Result<T, EndpointError>) {
        match result {
            Ok(_) => self.record.success(),
            Err(error) if error.was_made() => self.record.failure(error),
            Err(_) => {}
        }
        let (name, now) = (&self.name, self.breaker.state());
        if before == BreakerState::Closed && now == BreakerState::Open {
            let failures = self.breaker.failures();
            warn!(endpoint.name = %name, failures, "Endpoint `{name}` is not asked for a while: it failed {failures} times in a row");
        } else if before != BreakerState::Closed && now == BreakerState::Closed {
            info!(endpoint.name = %name, "Endpoint `{name}` answers again");
        }
        self.tell_breaker();
        self.tell_accounts();
    }

    pub(super) fn tell_breaker(&self) {
        self.metrics.breaker(self.breaker.state());
    }

    pub(super) fn tell_accounts(&self) {
        let accounts = self.backend.accounts();
        for condition in AccountCondition::ALL {
            let count = accounts.iter().filter(|a| a.condition == condition).count();
            self.metrics.role_accounts(condition.label(), count);
        }
    }
}

fn was_made<T>(result: &Result<T, EndpointError>) -> bool {
    result.as_ref().err().is_none_or(EndpointError::was_made)
}

fn text<T>(result: &Result<T, EndpointError>) -> String {
    result
        .as_ref()
        .err()
        .map(ToString::to_string)
        .unwrap_or_default()
}

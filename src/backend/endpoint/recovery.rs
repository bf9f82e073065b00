//! An endpoint that nobody asks would never be known to be well again: it is tried without a caller, too. Who is to try, and
//! when, stays the breaker's decision.

use tokio::time::Instant;
use tracing::{Instrument, debug};

use super::Endpoint;
use crate::metrics::BreakerState;

impl Endpoint {
    /// Whether the endpoint was left alone long enough, and nobody tries it yet.
    pub fn waits_for_a_trial(&self) -> bool {
        let last = self.trial.try_lock();
        last.is_ok_and(|last| self.is_due(*last))
    }

    /// Makes the one call that decides whether the endpoint is asked again, where it [waits for one](Self::waits_for_a_trial):
    /// as a caller's question would, with a permit and a role account that is not quarantined. One at a time.
    pub async fn try_again(&self) {
        let Ok(mut last) = self.trial.try_lock() else {
            return;
        };
        if !self.is_due(*last) {
            return;
        }
        let deadline = self.deadline(Instant::now() + self.guard.timeout);
        let backend = &self.calls.backend;
        let work = async |_| backend.probe(deadline).await;
        let result = self.calls.guarded(deadline, work);
        if let Err(error) = result.instrument(self.span()).await {
            debug!(endpoint.name = %self.name(), error = error.label(), "Endpoint `{}` is still not well", self.name());
        }
        *last = Some(Instant::now());
    }

    /// A trial that decided nothing, because the server asks for patience, leaves the breaker open to the next call: that is
    /// for callers, but no reason to go on at once without one.
    fn is_due(&self, last: Option<Instant>) -> bool {
        let breaker = &self.calls.breaker;
        let is_ill = breaker.state() != BreakerState::Closed;
        let has_waited = last.is_none_or(|at| at.elapsed() >= self.guard.probe_interval);
        is_ill && has_waited && breaker.check().is_ok()
    }
}

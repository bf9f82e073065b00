//! Counts requests and connections for the metrics: each counts as open until it is dropped. Decides nothing, and logs only
//! the requests that nobody else sees the end of.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use crate::metrics::labels::NONE;
use crate::metrics::{InFlight, Metrics};

/// A request from its head to its answer.
pub(super) struct CountedRequest<'a> {
    metrics: &'a Metrics,
    _in_flight: InFlight,
    started: Instant,
    id: Uuid,
    ended: bool,
}

impl<'a> CountedRequest<'a> {
    pub(super) fn begin(metrics: &'a Metrics, id: Uuid) -> Self {
        Self {
            metrics,
            _in_flight: metrics.in_flight(),
            started: Instant::now(),
            id,
            ended: false,
        }
    }

    /// How long it has lasted.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// It lasted for `took`.
    pub(super) fn end(
        mut self,
        (face, operation): (&'static str, &'static str),
        outcome: &'static str,
        took: Duration,
    ) {
        self.ended = true;
        self.metrics.request(face, operation, outcome, took);
    }
}

impl Drop for CountedRequest<'_> {
    /// hyper drops a request's work when its caller hangs up.
    fn drop(&mut self) {
        if !self.ended {
            let elapsed = self.started.elapsed();
            self.metrics.request(NONE, NONE, "abandoned", elapsed);
            let duration_ms = elapsed.as_millis() as u64;
            tracing::info!(duration_ms, request_id = %self.id, "A request ended without an answer: its caller hung up");
        }
    }
}

/// A connection from its admission to its close.
pub(super) struct CountedConnection(Arc<Metrics>);

impl CountedConnection {
    pub(super) fn open(metrics: &Arc<Metrics>) -> Self {
        metrics.connections(1);
        Self(Arc::clone(metrics))
    }
}

impl Drop for CountedConnection {
    fn drop(&mut self) {
        self.0.connections(-1);
    }
}

//! Counts requests and connections for the metrics: each counts as open until it is dropped. Decides nothing.

use std::sync::Arc;

use tokio::time::Instant;

use crate::metrics::labels::NONE;
use crate::metrics::{InFlight, Metrics};

/// A request from its head to its answer.
pub(super) struct CountedRequest<'a> {
    metrics: &'a Metrics,
    _in_flight: InFlight,
    started: Instant,
    ended: bool,
}

impl<'a> CountedRequest<'a> {
    pub(super) fn begin(metrics: &'a Metrics) -> Self {
        Self {
            metrics,
            _in_flight: metrics.in_flight(),
            started: Instant::now(),
            ended: false,
        }
    }

    pub(super) fn started(&self) -> Instant {
        self.started
    }

    pub(super) fn end(
        mut self,
        face: &'static str,
        operation: &'static str,
        outcome: &'static str,
    ) {
        self.ended = true;
        let elapsed = self.started.elapsed();
        self.metrics.request(face, operation, outcome, elapsed);
    }
}

impl Drop for CountedRequest<'_> {
    /// hyper drops a request's work when its caller hangs up.
    fn drop(&mut self) {
        if !self.ended {
            let elapsed = self.started.elapsed();
            self.metrics.request(NONE, NONE, "abandoned", elapsed);
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

//! The span of a call to an endpoint, told when it has ended, for whoever records spans. Names no mailbox and no account.

use std::sync::Arc;

use tokio::time::Instant;
use tracing::trace;

use crate::backend::EndpointError;
use crate::domain::Trace;

/// A call from its begin to its end, which is when it is dropped.
pub(super) struct CallSpan<'a> {
    endpoint: &'a Arc<str>,
    trace: Option<&'a Trace>,
    begun: Instant,
    deadline: Instant,
    outcome: Option<&'static str>,
}

impl<'a> CallSpan<'a> {
    /// `trace` is the call's own span; None where the call belongs to no trace.
    pub(super) fn begin(
        endpoint: &'a Arc<str>,
        trace: Option<&'a Trace>,
        deadline: Instant,
    ) -> Self {
        Self {
            endpoint,
            trace: trace.filter(|trace| trace.is_recorded()),
            begun: Instant::now(),
            deadline,
            outcome: None,
        }
    }

    pub(super) fn end<T>(mut self, result: &Result<T, EndpointError>) {
        self.outcome = Some(result.as_ref().map_or_else(EndpointError::label, |_| "ok"));
    }
}

impl Drop for CallSpan<'_> {
    /// Who has no outcome was not waited for any more.
    fn drop(&mut self) {
        let Some(span) = self.trace else {
            return;
        };
        let now = Instant::now();
        let is_late = now >= self.deadline;
        let unended = if is_late { "timeout" } else { "abandoned" };
        let outcome = self.outcome.unwrap_or(unended);
        trace!(
            target: Trace::SPANS,
            kind = "client",
            name = "free_busy",
            trace_id = span.number(),
            span_id = span.span(),
            parent_id = span.parent(),
            took_us = now.duration_since(self.begun).as_micros() as u64,
            failed = outcome != "ok",
            calbridge.endpoint = &**self.endpoint,
            calbridge.outcome = outcome,
        );
    }
}

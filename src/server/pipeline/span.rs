//! The span of a request, told when it has ended, for whoever records spans. Like the log it names no person: the route's
//! template, never the path.

use std::time::Duration;

use http::Method;
use tracing::{Level, enabled, trace};
use uuid::Uuid;

use super::Outgoing;
use crate::domain::Trace;
use crate::metrics::labels::NONE;

/// Without a caller's trace, one begins with the request.
pub(super) fn tell(
    method: &Method,
    outgoing: &Outgoing,
    took: Duration,
    (id, trace): (Uuid, Option<&Trace>),
) {
    if !enabled!(target: Trace::SPANS, Level::TRACE) {
        return;
    }
    let trace = trace.cloned().unwrap_or_else(|| Trace::begun_by(id));
    if !trace.is_recorded() {
        return;
    }
    let method = known(method);
    let route = outgoing.route.as_deref().unwrap_or(NONE);
    let status = outgoing.response.status();
    trace!(
        target: Trace::SPANS,
        kind = "server",
        name = %format_args!("{method} {route}"),
        trace_id = trace.number(),
        span_id = trace.span(),
        parent_id = trace.parent(),
        took_us = took.as_micros() as u64,
        failed = status.is_server_error(),
        http.request.method = method,
        http.route = route,
        http.response.status_code = status.as_u16(),
        calbridge.face = outgoing.face,
        calbridge.operation = outgoing.operation,
        calbridge.outcome = outgoing.outcome,
        calbridge.request_id = %id,
    );
}

/// A caller may write any word there, and as many as it likes.
fn known(method: &Method) -> &str {
    match *method {
        Method::GET
        | Method::HEAD
        | Method::POST
        | Method::PUT
        | Method::DELETE
        | Method::OPTIONS
        | Method::PATCH
        | Method::TRACE
        | Method::CONNECT => method.as_str(),
        _ => "_OTHER",
    }
}

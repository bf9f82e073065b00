//! What the gateway counts, for Prometheus. Every family is made here and stands in `docs/metrics.md`; nothing here
//! knows what is counted, reads a clock or opens a socket.
//!
//! Labels are words of [`labels`] and the names of configured endpoints, so the number of series is bounded by the
//! configuration. Who asks, and for whom, is never a label. Each instance has a registry of its own.

mod endpoint;
mod family;
pub mod labels;
mod reloads;
mod requests;

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use prometheus::{IntCounter, IntGauge, IntGaugeVec, Registry, TextEncoder};

pub use self::endpoint::EndpointMetrics;
pub use self::labels::{BreakerState, CacheResult};

use self::labels::Words;

use self::endpoint::EndpointFamilies;
use self::family::{Families, Forget};
use self::reloads::Reloads;
use self::requests::Requests;

/// The media type of [`Metrics::render`].
pub const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All that one gateway counts. Counters stand at zero from the start.
pub struct Metrics {
    registry: Registry,
    requests: Requests,
    in_flight: IntGauge,
    refused_addresses: IntCounter,
    login_failures: IntCounter,
    own_token_requests: Words<IntCounter>,
    audit_lost: IntCounter,
    connections: IntGauge,
    connections_opened: IntCounter,
    cache_entries: IntGauge,
    cache_bytes: IntGauge,
    reloads: Reloads,
    certificates: IntGaugeVec,
    per_endpoint: EndpointFamilies,
    forgetters: Vec<Forget>,
    endpoints: RwLock<HashMap<Box<str>, EndpointMetrics>>,
    /// For mailboxes that live at no endpoint.
    nowhere: EndpointMetrics,
}

/// One request that is being answered; it counts until it is dropped.
#[derive(Debug)]
pub struct InFlight(IntGauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    pub fn new<N: AsRef<str>>(endpoint_names: &[N]) -> Self {
        let registry = family::registry();
        let families = Families::new(&registry);
        let per_endpoint = EndpointFamilies::new(&families);
        let endpoints = endpoint_names
            .iter()
            .map(AsRef::as_ref)
            .map(|name| (name.into(), EndpointMetrics::new(&per_endpoint, name)))
            .collect();
        let nowhere = EndpointMetrics::nowhere(&per_endpoint);
        build_info(&families);
        Self {
            requests: Requests::new(&families),
            in_flight: families.gauge("requests_in_flight", "Requests that are being answered now."),
            refused_addresses: families.counter(
                "allowlist_refusals_total",
                "Connections and requests refused because access.allow does not have their address.",
            ),
            login_failures: families.counter(
                "login_failures_total",
                "Requests with a credential that was wrong.",
            ),
            own_token_requests: own_token_requests(&families),
            audit_lost: families.counter(
                "audit_lines_lost_total",
                "Lines of the audit log that could not be written.",
            ),
            connections: families.gauge("connections", "Connections of callers that are open now."),
            connections_opened: families.counter(
                "connections_opened_total",
                "Connections of callers that were taken.",
            ),
            cache_entries: families.gauge("cache_entries", "Mailboxes held in the cache."),
            cache_bytes: families.gauge("cache_bytes", "Bytes that the cached mailboxes take."),
            reloads: Reloads::new(&families),
            certificates: certificates(&families),
            per_endpoint,
            endpoints: RwLock::new(endpoints),
            nowhere,
            forgetters: families.into_forgetters(),
            registry,
        }
    }

    /// The counters of one endpoint, resolved once. For a name that was not given to [`Metrics::new`], those of
    /// mailboxes without an endpoint.
    pub fn endpoint(&self, name: &str) -> EndpointMetrics {
        self.of(name)
    }

    /// Makes the counters of endpoints that are new, at zero, and takes those of endpoints that are gone out of the
    /// answer.
    pub fn endpoints_are<N: AsRef<str>>(&self, names: &[N]) {
        let mut endpoints = self
            .endpoints
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let is_named = |known: &str| names.iter().any(|name| name.as_ref() == known);
        endpoints.retain(|name, _| {
            let stays = is_named(name);
            if !stays {
                self.forgetters.iter().for_each(|forget| forget(name));
            }
            stays
        });
        for name in names.iter().map(AsRef::as_ref) {
            endpoints
                .entry(name.into())
                .or_insert_with(|| EndpointMetrics::new(&self.per_endpoint, name));
        }
    }

    /// When the certificate of a listener (`server`, `ops`) expires, in seconds since 1970; None where it has none.
    pub fn certificate_expiry(&self, listener: &'static str, at: Option<i64>) {
        match at {
            Some(at) => self.certificates.with_label_values(&[listener]).set(at),
            // There was none to take away.
            None => drop(self.certificates.remove_label_values(&[listener])),
        }
    }

    /// A configuration was read, `at` seconds after 1970; `result` is `applied` or `refused`.
    pub fn configuration_read(&self, result: &'static str, at: i64) {
        self.reloads.count(result, at);
    }

    /// Certificates whose files had changed were read without the rest of the configuration.
    pub fn certificates_read(&self, are_used: bool) {
        self.reloads.count_certificates(are_used);
    }

    /// The configuration that the gateway started with, read `at` seconds after 1970.
    pub fn started_at(&self, at: i64) {
        self.reloads.start(at);
    }

    /// A request that was answered. `outcome` is one of [`labels::REQUEST_OUTCOMES`], `face` and `operation` are a pair
    /// of [`labels::OPERATIONS`]; anything else is counted as `other`.
    pub fn request(
        &self,
        face: &'static str,
        operation: &'static str,
        outcome: &'static str,
        elapsed: Duration,
    ) {
        self.requests.count(face, operation, outcome, elapsed);
    }

    /// Counts a request as in flight until the guard is dropped.
    #[must_use]
    pub fn in_flight(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    /// A connection or request refused for its address.
    pub fn denied(&self) {
        self.refused_addresses.inc();
    }

    /// A request with a wrong credential.
    pub fn login_failed(&self) {
        self.login_failures.inc();
    }

    /// A request for a token; `outcome` is one of [`labels::OWN_TOKEN_OUTCOMES`].
    pub fn own_token_request(&self, outcome: &'static str) {
        self.own_token_requests.get(outcome).inc();
    }

    /// Lines of the audit log that will never be written.
    pub fn audit_lost(&self, lines: u64) {
        self.audit_lost.inc_by(lines);
    }

    /// Connections opened (above zero) or closed (below).
    pub fn connections(&self, delta: i64) {
        self.connections.add(delta);
        self.connections_opened
            .inc_by(u64::try_from(delta).unwrap_or(0));
    }

    /// What the cache holds now.
    pub fn cache_size(&self, entries: u64, bytes: u64) {
        self.cache_entries.set(entries as i64);
        self.cache_bytes.set(bytes as i64);
    }

    /// See [`EndpointMetrics::mailbox_lookups`].
    pub fn mailbox_lookup(&self, endpoint: &str, result: &'static str) {
        self.of(endpoint).mailbox_lookups(result, 1);
    }

    /// See [`EndpointMetrics::cache_lookups`].
    pub fn cache_lookup(&self, endpoint: &str, result: CacheResult) {
        self.of(endpoint).cache_lookups(result, 1);
    }

    /// See [`EndpointMetrics::upstream_call`].
    pub fn upstream_call(&self, endpoint: &str, outcome: &'static str, elapsed: Duration) {
        self.of(endpoint).upstream_call(outcome, elapsed);
    }

    /// See [`EndpointMetrics::batch_size`].
    pub fn batch_size(&self, endpoint: &str, mailboxes: usize) {
        self.of(endpoint).batch_size(mailboxes);
    }

    /// See [`EndpointMetrics::throttled`].
    pub fn throttled(&self, endpoint: &str) {
        self.of(endpoint).throttled();
    }

    /// See [`EndpointMetrics::retried`].
    pub fn retried(&self, endpoint: &str) {
        self.of(endpoint).retried();
    }

    /// See [`EndpointMetrics::hedged`].
    pub fn hedged(&self, endpoint: &str) {
        self.of(endpoint).hedged();
    }

    /// See [`EndpointMetrics::breaker`].
    pub fn breaker(&self, endpoint: &str, state: BreakerState) {
        self.of(endpoint).breaker(state);
    }

    /// See [`EndpointMetrics::role_accounts`].
    pub fn role_accounts(&self, endpoint: &str, state: &'static str, count: usize) {
        self.of(endpoint).role_accounts(state, count);
    }

    /// Everything in Prometheus' text format, [`TEXT_FORMAT`].
    pub fn render(&self) -> String {
        // It writes to memory and every family has a name and a series: nothing is left that could fail.
        TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .unwrap_or_default()
    }

    fn of(&self, endpoint: &str) -> EndpointMetrics {
        let endpoints = self
            .endpoints
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        endpoints.get(endpoint).unwrap_or(&self.nowhere).clone()
    }
}

fn own_token_requests(families: &Families<'_>) -> Words<IntCounter> {
    let total = families.counters(
        "own_token_requests_total",
        "Requests to the own token endpoint.",
        &["outcome"],
    );
    Words::new(labels::OWN_TOKEN_OUTCOMES, |outcome| {
        total.with_label_values(&[outcome])
    })
}

/// Callers always need one; when it ends is told when the metrics are read.
fn certificates(families: &Families<'_>) -> IntGaugeVec {
    let ends = families.gauges(
        "tls_certificate_expiry_timestamp_seconds",
        "When the certificate of a listener expires, in seconds since 1970.",
        &["listener"],
    );
    ends.with_label_values(&["server"]).set(0);
    ends
}

fn build_info(families: &Families<'_>) {
    families
        .gauges(
            "build_info",
            "Always 1; the label says which version runs.",
            &["version"],
        )
        .with_label_values(&[env!("CARGO_PKG_VERSION")])
        .set(1);
}

#[cfg(test)]
mod tests;

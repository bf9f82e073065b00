//! What is counted for one endpoint: mailboxes looked up, the cache in front of it, the calls to it, its state.

use std::sync::Arc;
use std::time::Duration;

use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec};

use super::family::{self, Families};
use super::labels::{BreakerState, CacheResult, MAILBOX_RESULTS, NONE, UPSTREAM_OUTCOMES, Words};

/// Seconds. From a server next door to the longest deadline.
const SECONDS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0,
];
/// Mailboxes. Exchange takes 100 in one call.
const MAILBOXES: &[f64] = &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0];

/// The counters of one endpoint, already resolved: counting costs an atomic addition. Cheap to clone.
#[derive(Clone)]
pub struct EndpointMetrics(Arc<Counters>);

struct Counters {
    mailboxes: Words<IntCounter>,
    cache: Words<IntCounter>,
    calls: Words<IntCounter>,
    seconds: Histogram,
    batches: Histogram,
    throttled: IntCounter,
    retries: IntCounter,
    hedges: IntCounter,
    breaker: [(BreakerState, IntGauge); 3],
    ready: IntGauge,
    resting: IntGauge,
    quarantined: IntGauge,
}

impl EndpointMetrics {
    pub(super) fn new(families: &EndpointFamilies, name: &str) -> Self {
        let word = |family: &IntCounterVec, words| {
            Words::new(words, |word| family.with_label_values(&[name, word]))
        };
        let cache = CacheResult::ALL.map(CacheResult::label);
        let accounts = |state| families.accounts.with_label_values(&[name, state]);
        let made = Self(Arc::new(Counters {
            mailboxes: word(&families.mailboxes, MAILBOX_RESULTS),
            cache: word(&families.cache, &cache),
            calls: word(&families.calls, UPSTREAM_OUTCOMES),
            seconds: families.seconds.with_label_values(&[name]),
            batches: families.batches.with_label_values(&[name]),
            throttled: families.throttled.with_label_values(&[name]),
            retries: families.retries.with_label_values(&[name]),
            hedges: families.hedges.with_label_values(&[name]),
            breaker: BreakerState::ALL.map(|state| {
                let gauge = families.breaker.with_label_values(&[name, state.label()]);
                (state, gauge)
            }),
            ready: accounts("ready"),
            resting: accounts("resting"),
            quarantined: accounts("quarantined"),
        }));
        made.breaker(BreakerState::Closed);
        made
    }

    /// For mailboxes that live at no endpoint: only their lookups are told to anybody.
    pub(super) fn nowhere(families: &EndpointFamilies) -> Self {
        let told = EndpointFamilies {
            mailboxes: families.mailboxes.clone(),
            ..EndpointFamilies::untold()
        };
        Self::new(&told, NONE)
    }

    /// Counters that nobody reads, for what runs without a server.
    #[must_use]
    pub fn untold() -> Self {
        Self::new(&EndpointFamilies::untold(), NONE)
    }

    /// A mailbox of a question; `result` is one of [`super::labels::MAILBOX_RESULTS`].
    pub fn mailbox_lookup(&self, result: &'static str) {
        self.0.mailboxes.get(result).inc();
    }

    /// What the cache had for a mailbox.
    pub fn cache_lookup(&self, result: CacheResult) {
        self.0.cache.get(result.label()).inc();
    }

    /// A call to the endpoint that ended; `outcome` is one of [`super::labels::UPSTREAM_OUTCOMES`].
    pub fn upstream_call(&self, outcome: &'static str, elapsed: Duration) {
        self.0.calls.get(outcome).inc();
        self.0.seconds.observe(elapsed.as_secs_f64());
    }

    /// How many mailboxes a call asks for.
    pub fn batch_size(&self, mailboxes: usize) {
        self.0
            .batches
            .observe(u32::try_from(mailboxes).map_or(f64::INFINITY, f64::from));
    }

    /// The endpoint asked us to slow down.
    pub fn throttled(&self) {
        self.0.throttled.inc();
    }

    /// A call was made again.
    pub fn retried(&self) {
        self.0.retries.inc();
    }

    /// A slow call was made a second time beside the first.
    pub fn hedged(&self) {
        self.0.hedges.inc();
    }

    /// The state of the circuit breaker, closed from the start.
    pub fn breaker(&self, state: BreakerState) {
        for (each, gauge) in &self.0.breaker {
            gauge.set(i64::from(*each == state));
        }
    }

    /// How many role accounts can be used, rest because the server throttled them, or were refused.
    pub fn role_accounts(&self, ready: usize, resting: usize, quarantined: usize) {
        self.0.ready.set(ready as i64);
        self.0.resting.set(resting as i64);
        self.0.quarantined.set(quarantined as i64);
    }
}

/// The families with an `endpoint` label.
pub(super) struct EndpointFamilies {
    mailboxes: IntCounterVec,
    cache: IntCounterVec,
    calls: IntCounterVec,
    seconds: HistogramVec,
    batches: HistogramVec,
    throttled: IntCounterVec,
    retries: IntCounterVec,
    hedges: IntCounterVec,
    breaker: IntGaugeVec,
    accounts: IntGaugeVec,
}

impl EndpointFamilies {
    pub(super) fn new(families: &Families<'_>) -> Self {
        let counters = |name, help, labels: &[&str]| families.counters(name, help, labels);
        Self {
            mailboxes: counters(
                "mailbox_lookups_total",
                "Mailboxes asked for, by what was answered.",
                &["endpoint", "result"],
            ),
            cache: counters(
                "cache_lookups_total",
                "Mailboxes looked for in the cache, by what it had.",
                &["endpoint", "result"],
            ),
            calls: counters(
                "upstream_calls_total",
                "Calls to the endpoint, by how they ended.",
                &["endpoint", "outcome"],
            ),
            seconds: families.histograms(
                "upstream_call_duration_seconds",
                "Time that calls to the endpoint took.",
                &["endpoint"],
                SECONDS,
            ),
            batches: families.histograms(
                "upstream_batch_mailboxes",
                "Mailboxes that one call to the endpoint asked for.",
                &["endpoint"],
                MAILBOXES,
            ),
            throttled: counters(
                "upstream_throttled_total",
                "Calls that the endpoint answered with a wish to slow down.",
                &["endpoint"],
            ),
            retries: counters(
                "upstream_retries_total",
                "Calls to the endpoint that were made again after a failure.",
                &["endpoint"],
            ),
            hedges: counters(
                "upstream_hedges_total",
                "Slow calls to the endpoint that were made a second time beside the first.",
                &["endpoint"],
            ),
            breaker: families.gauges(
                "breaker_state",
                "1 for the state that the endpoint's circuit breaker is in, else 0.",
                &["endpoint", "state"],
            ),
            accounts: families.gauges(
                "role_accounts",
                "Role accounts of the endpoint, by whether they can be used.",
                &["endpoint", "state"],
            ),
        }
    }

    /// In a registry that nobody reads.
    fn untold() -> Self {
        Self::new(&Families::new(&family::registry()))
    }
}

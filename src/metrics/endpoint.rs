//! What is counted for one endpoint: mailboxes looked up, the cache in front of it, the calls to it, its state.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec};

use super::family::{self, Families};
use super::labels::{
    ACCOUNT_STATES, BreakerState, CacheResult, EXPIRING_CREDENTIALS, MAILBOX_RESULTS, NONE,
    TOKEN_OUTCOMES, UPSTREAM_OUTCOMES, Words,
};

/// Seconds. From a server next door to the longest deadline.
const SECONDS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0,
];
/// Calls whose times are remembered for the status page.
const RECENT: usize = 60;
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
    /// The latest calls.
    recent: Mutex<VecDeque<Duration>>,
    throttled: IntCounter,
    retries: IntCounter,
    hedges: IntCounter,
    breaker: [(BreakerState, IntGauge); 3],
    accounts: Words<IntGauge>,
    tokens: Tokens,
    expiries: Expiries,
}

/// Counters of those endpoints only that use tokens: most do not.
struct Tokens {
    endpoint: Box<str>,
    family: IntCounterVec,
    counters: OnceLock<Words<IntCounter>>,
}

/// Gauges that stand only where there is something to tell.
struct Expiries {
    endpoint: Box<str>,
    token: IntGaugeVec,
    credential: IntGaugeVec,
}

impl EndpointMetrics {
    pub(super) fn new(families: &EndpointFamilies, name: &str) -> Self {
        let word = |family: &IntCounterVec, words| {
            Words::new(words, |word| family.with_label_values(&[name, word]))
        };
        let cache = CacheResult::ALL.map(CacheResult::label);
        let made = Self(Arc::new(Counters {
            mailboxes: word(&families.mailboxes, MAILBOX_RESULTS),
            cache: word(&families.cache, &cache),
            calls: word(&families.calls, UPSTREAM_OUTCOMES),
            seconds: families.seconds.with_label_values(&[name]),
            batches: families.batches.with_label_values(&[name]),
            recent: Mutex::default(),
            throttled: families.throttled.with_label_values(&[name]),
            retries: families.retries.with_label_values(&[name]),
            hedges: families.hedges.with_label_values(&[name]),
            breaker: BreakerState::ALL.map(|state| {
                let gauge = families.breaker.with_label_values(&[name, state.label()]);
                (state, gauge)
            }),
            accounts: Words::new(ACCOUNT_STATES, |state| {
                families.accounts.with_label_values(&[name, state])
            }),
            tokens: Tokens {
                endpoint: name.into(),
                family: families.tokens.clone(),
                counters: OnceLock::new(),
            },
            expiries: Expiries {
                endpoint: name.into(),
                token: families.token_expiry.clone(),
                credential: families.credential_expiry.clone(),
            },
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

    /// So many mailboxes of a question; `result` is one of [`super::labels::MAILBOX_RESULTS`].
    pub fn mailbox_lookups(&self, result: &'static str, mailboxes: usize) {
        self.0.mailboxes.get(result).inc_by(mailboxes as u64);
    }

    /// What the cache had for so many mailboxes.
    pub fn cache_lookups(&self, result: CacheResult, mailboxes: usize) {
        self.0.cache.get(result.label()).inc_by(mailboxes as u64);
    }

    /// A call to the endpoint that ended; `outcome` is one of [`super::labels::UPSTREAM_OUTCOMES`].
    pub fn upstream_call(&self, outcome: &'static str, elapsed: Duration) {
        self.0.calls.get(outcome).inc();
        self.0.seconds.observe(elapsed.as_secs_f64());
        let mut recent = self.0.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() >= RECENT {
            recent.pop_front();
        }
        recent.push_back(elapsed);
    }

    /// A call that was wanted and never sent; `outcome` as above.
    pub fn call_not_made(&self, outcome: &'static str) {
        self.0.calls.get(outcome).inc();
    }

    /// The times of the latest calls, the latest last.
    pub fn recent_calls(&self) -> Vec<Duration> {
        let recent = self.0.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.iter().copied().collect()
    }

    /// The mailboxes that were answered without asking the endpoint, and all that could have been.
    pub fn from_cache(&self) -> (u64, u64) {
        let count = |result: CacheResult| self.0.cache.get(result.label()).get();
        let asked = count(CacheResult::Miss) + count(CacheResult::Shared);
        let all = CacheResult::ALL.into_iter().map(count).sum();
        (all - asked, all)
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

    /// How many role accounts are in this state, one of [`super::labels::ACCOUNT_STATES`].
    pub fn role_accounts(&self, state: &'static str, count: usize) {
        self.0.accounts.get(state).set(count as i64);
    }

    /// A token was asked for; `outcome` is one of [`super::labels::TOKEN_OUTCOMES`].
    pub fn token_request(&self, outcome: &'static str) {
        self.token_counters().get(outcome).inc();
    }

    /// Lets the counters of token requests stand at zero from now on.
    pub fn uses_tokens(&self) {
        self.token_counters();
    }

    fn token_counters(&self) -> &Words<IntCounter> {
        let tokens = &self.0.tokens;
        tokens.counters.get_or_init(|| {
            Words::new(TOKEN_OUTCOMES, |word| {
                tokens.family.with_label_values(&[&*tokens.endpoint, word])
            })
        })
    }

    /// When the token expires, in seconds since 1970.
    pub fn token_expiry(&self, at: i64) {
        let expiries = &self.0.expiries;
        let token = expiries.token.with_label_values(&[&*expiries.endpoint]);
        token.set(at);
    }

    /// When which credentials expire, in seconds since 1970, each of [`super::labels::EXPIRING_CREDENTIALS`]; what is not
    /// among them is told no more.
    pub fn credential_expiries(&self, known: &[(&'static str, i64)]) {
        let expiries = &self.0.expiries;
        for word in EXPIRING_CREDENTIALS {
            let labels = [&*expiries.endpoint, word];
            match known.iter().find(|(credential, _)| credential == word) {
                Some((_, at)) => expiries.credential.with_label_values(&labels).set(*at),
                None => {
                    // There was none to take away.
                    let _ = expiries.credential.remove_label_values(&labels);
                }
            }
        }
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
    tokens: IntCounterVec,
    token_expiry: IntGaugeVec,
    credential_expiry: IntGaugeVec,
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
            tokens: token_requests(families),
            token_expiry: token_expiry(families),
            credential_expiry: secret_expiry(families),
        }
    }

    /// In a registry that nobody reads.
    fn untold() -> Self {
        Self::new(&Families::new(&family::registry()))
    }
}

fn token_requests(families: &Families<'_>) -> IntCounterVec {
    families.counters(
        "token_requests_total",
        "Tokens that the endpoint's token endpoint was asked for, by what came of it.",
        &["endpoint", "outcome"],
    )
}

fn token_expiry(families: &Families<'_>) -> IntGaugeVec {
    families.gauges(
        "token_expiry_timestamp_seconds",
        "When the endpoint's token expires; it is replaced before.",
        &["endpoint"],
    )
}

fn secret_expiry(families: &Families<'_>) -> IntGaugeVec {
    families.gauges(
        "secret_expiry_timestamp_seconds",
        "When what calbridge proves itself with at a token endpoint expires, where that is known.",
        &["endpoint", "credential"],
    )
}

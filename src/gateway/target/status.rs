//! How the gateway is, in words for the status page. Decides nothing.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::backend::AccountCondition;
use crate::backend::endpoint::Endpoint;
use crate::gateway::not_used::Refusal;
use crate::gateway::reload::Reloader;
use crate::gateway::world::World;
use crate::metrics::BreakerState;
use crate::server::ops::{
    AccountStatus, DeniedNetwork, EndpointStatus, ErrorStatus, ExpiryStatus, RefusalStatus,
    Sparkline, Status, Tone,
};

/// The field of the sparkline, and what is left free at its top and bottom.
const WIDTH: f64 = 240.0;
const HEIGHT: f64 = 48.0;
const MARGIN: f64 = 3.0;

const TO_LOOK_AT: &str = "Ready, with something to look at";

pub(super) fn status(reloader: &Reloader, ready: bool) -> Status {
    let world = reloader.world();
    let (cache_entries, cache_bytes) = world.availability.cache_size();
    let now = reloader.now();
    let endpoints = world.availability.endpoints();
    let endpoints: Vec<_> = endpoints.map(|each| of(each, reloader, now)).collect();
    let denied = reloader.denied().into_iter().map(|denial| DeniedNetwork {
        network: denial.network.to_string(),
        last: clock(denial.last),
        count: denial.times,
    });
    let (refusals, expiries) = (refusals(reloader, now), expiries(reloader, &world, now));
    let (tone, headline, summary) = overall(&endpoints, ready, &concerns(&refusals, &expiries));
    Status {
        version: env!("CARGO_PKG_VERSION"),
        now: clock(now),
        tone,
        headline,
        summary,
        cache_entries,
        cache_bytes: bytes(cache_bytes),
        cache_answers: cache_answers(&world, reloader),
        expiries,
        refusals,
        denied: denied.collect(),
        endpoints,
    }
}

/// The worst of all. `concerns`: what is to be looked at although nobody may notice it yet, a sentence each.
fn overall(
    endpoints: &[EndpointStatus],
    ready: bool,
    concerns: &[String],
) -> (Tone, &'static str, String) {
    let (tone, headline, summary) = of_all(endpoints, ready);
    match (tone, concerns) {
        (tone, []) => (tone, headline, summary),
        (Tone::Good, concerns) => (Tone::Warn, TO_LOOK_AT, concerns.join(" ")),
        (tone, concerns) => (tone, headline, format!("{summary} {}", concerns.join(" "))),
    }
}

fn concerns(refusals: &[RefusalStatus], expiries: &[ExpiryStatus]) -> Vec<String> {
    let refused = refusals.iter().map(|refusal| {
        format!(
            "{} (refused {}); what served before serves on.",
            refusal.what, refusal.at
        )
    });
    let urgent = expiries.iter().filter(|expiry| expiry.tone() == Tone::Bad);
    let urgent: Vec<_> = urgent.map(|expiry| expiry.what.as_str()).collect();
    let renew = (!urgent.is_empty()).then(|| format!("Renew: {}.", urgent.join(", ")));
    refused.chain(renew).collect()
}

fn of_all(endpoints: &[EndpointStatus], ready: bool) -> (Tone, &'static str, String) {
    let open = endpoints.iter().filter(|each| each.tone == Tone::Bad);
    let open: Vec<&str> = open.map(|each| each.name.as_str()).collect();
    let troubled = endpoints.iter().filter(|each| each.tone == Tone::Warn);
    let troubled: Vec<&str> = troubled.map(|each| each.name.as_str()).collect();
    match (open.as_slice(), troubled.as_slice()) {
        (all, _) if all.len() == endpoints.len() => (
            Tone::Bad,
            "Not ready",
            "No endpoint is asked: every mailbox is answered with an error.".to_owned(),
        ),
        _ if !ready => (
            Tone::Bad,
            "Not ready",
            "The certificate that callers are shown has expired.".to_owned(),
        ),
        ([], []) => (
            Tone::Good,
            "Everything is well",
            "All endpoints are asked.".to_owned(),
        ),
        ([], names) => (
            Tone::Warn,
            TO_LOOK_AT,
            format!("Look at: {}.", names.join(", ")),
        ),
        (names, _) => (
            Tone::Warn,
            "Ready in part",
            format!(
                "Mailboxes of {} are answered from the cache or with an error; the others are asked for as usual.",
                names.join(", ")
            ),
        ),
    }
}

fn of(endpoint: &Endpoint, reloader: &Reloader, now: Timestamp) -> EndpointStatus {
    let state = endpoint.state();
    let accounts = state.accounts.iter().map(|account| AccountStatus {
        address: account.address.to_string(),
        usable: account.condition == AccountCondition::Ready,
        state: account.condition.label(),
        left: account.left.map_or_else(|| "-".to_owned(), duration),
        in_flight: account.in_flight,
    });
    let accounts: Vec<_> = accounts.collect();
    let last_error = state.last_error.as_ref();
    // Of the same moment, the success counts: what failed was made again.
    let failing = last_error.is_some_and(|error| state.last_success.is_none_or(|at| at < error.at));
    let (tone, word) = match state.breaker {
        BreakerState::Open => (Tone::Bad, "not asked"),
        BreakerState::HalfOpen => (Tone::Warn, "tried again"),
        BreakerState::Closed if !state.has_account() => (Tone::Bad, "all accounts refused"),
        BreakerState::Closed if failing => (Tone::Warn, "failing"),
        BreakerState::Closed if accounts.iter().any(|each| !each.usable) => {
            (Tone::Warn, "asked by some accounts")
        }
        BreakerState::Closed => (Tone::Good, "healthy"),
    };
    let domains: Vec<_> = endpoint.domains().iter().map(ToString::to_string).collect();
    EndpointStatus {
        name: endpoint.name().to_string(),
        domains: domains.join(", "),
        tone,
        state: word,
        breaker: breaker(state.breaker, state.consecutive_failures),
        in_flight: state.in_flight,
        last_success: state
            .last_success
            .map_or_else(|| "none yet".to_owned(), |at| moment(at, now)),
        last_error: last_error.map(|error| ErrorStatus {
            at: moment(error.at, now),
            text: sentence(&error.text),
        }),
        failing,
        spark: spark(&reloader.counters(endpoint.name()).recent_calls()),
        accounts,
    }
}

fn breaker(state: BreakerState, failures: u32) -> String {
    let state = match state {
        BreakerState::Closed => "closed: it is asked",
        BreakerState::HalfOpen => "half open: one call tries whether it is back",
        BreakerState::Open => "open: it kept failing and is left alone for a while",
    };
    match failures {
        0 => state.to_owned(),
        1 => format!("{state} (1 failure)"),
        failures => format!("{state} ({failures} failures in a row)"),
    }
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    let end = if text.ends_with('.') { "" } else { "." };
    format!("{}{}{end}", first.unwrap_or_default(), letters.as_str())
}

/// Both lines begin at the left edge and end at the right one, also for a single call.
fn spark(calls: &[Duration]) -> Sparkline {
    let (Some(most), Some(last)) = (calls.iter().max(), calls.last()) else {
        return Sparkline::default();
    };
    let scale = most.as_secs_f64().max(f64::MIN_POSITIVE);
    // There are sixty at most.
    let steps = u32::try_from(calls.len().saturating_sub(1)).unwrap_or(u32::MAX);
    let step = WIDTH / f64::from(steps.max(1));
    let single = (calls.len() == 1).then_some(last);
    let mut line = String::new();
    for (place, call) in (0_u32..).zip(calls.iter().chain(single)) {
        let x = step * f64::from(place);
        let room = HEIGHT - 2.0 * MARGIN;
        let y = MARGIN + room * (1.0 - call.as_secs_f64() / scale);
        // Writing to a String does not fail.
        let _ = write!(line, "{x:.1},{y:.1} ");
    }
    let line = line.trim_end().to_owned();
    Sparkline {
        area: format!("0,{HEIGHT} {line} {WIDTH},{HEIGHT}"),
        line,
        calls: calls.len(),
        most: milliseconds(*most),
        last: milliseconds(*last),
    }
}

fn milliseconds(time: Duration) -> String {
    let milliseconds = time.as_secs_f64() * 1000.0;
    if milliseconds < 10.0 {
        format!("{milliseconds:.1} ms")
    } else if milliseconds < 10_000.0 {
        format!("{milliseconds:.0} ms")
    } else {
        format!("{:.0} s", time.as_secs_f64())
    }
}

fn bytes(count: u64) -> String {
    match count {
        ..1_024 => format!("{count} bytes"),
        1_024..1_048_576 => tenths(count, 1_024, "KiB"),
        1_048_576.. => tenths(count, 1_048_576, "MiB"),
    }
}

fn tenths(count: u64, unit: u64, name: &str) -> String {
    let tenths = count.saturating_mul(10) / unit;
    format!("{}.{} {name}", tenths / 10, tenths % 10)
}

fn cache_answers(world: &World, reloader: &Reloader) -> String {
    let endpoints = world.availability.endpoints();
    let counted = endpoints.map(|endpoint| reloader.counters(endpoint.name()).from_cache());
    let (cached, all) = counted.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    match all {
        0 => "nothing".to_owned(),
        all => format!("{} %", cached.saturating_mul(100) / all),
    }
}

fn refusals(reloader: &Reloader, now: Timestamp) -> Vec<RefusalStatus> {
    let tell = |what, refusal: Option<Arc<Refusal>>| {
        refusal.map(|refusal| RefusalStatus {
            what,
            at: moment(refusal.at, now),
            problems: refusal.problems.clone(),
        })
    };
    let configuration = tell(
        "The configuration as last read is not in use",
        reloader.refused_configuration(),
    );
    let certificates = tell(
        "The changed certificates cannot be used",
        reloader.refused_certificates(),
    );
    configuration.into_iter().chain(certificates).collect()
}

fn expiries(reloader: &Reloader, world: &World, now: Timestamp) -> Vec<ExpiryStatus> {
    let mut expiries = Vec::new();
    let mut tell = |what: String, at: Option<Timestamp>| {
        expiries.extend(at.map(|at| ExpiryStatus {
            what,
            on: at.strftime("%Y-%m-%d").to_string(),
            days: days(at, now),
        }));
    };
    for (place, shown) in reloader.certificates().iter().enumerate() {
        let what = if place == 0 {
            "certificate for callers".to_owned()
        } else {
            format!("certificate for {}", shown.names.join(", "))
        };
        tell(what, shown.ends);
    }
    if let Some(shown) = reloader.ops_certificate() {
        tell("certificate of this listener".to_owned(), shown.ends);
    }
    for endpoint in world.availability.endpoints() {
        for known in endpoint.expiries() {
            let credential = known.credential.label().replace('_', " ");
            let what = format!("{credential} of {}", endpoint.name());
            tell(what, Some(known.at));
        }
    }
    expiries.sort_by_key(|expiry| expiry.days);
    expiries
}

/// Whole days that are left, below zero from the very moment on.
fn days(until: Timestamp, now: Timestamp) -> i64 {
    until.duration_since(now).as_secs().div_euclid(24 * 3_600)
}

/// As `2026-09-07 08:00:00, 5 min ago`.
fn moment(at: Timestamp, now: Timestamp) -> String {
    let ago = Duration::try_from(now.duration_since(at)).unwrap_or_default();
    format!("{}, {} ago", clock(at), duration(ago))
}

fn duration(time: Duration) -> String {
    match time.as_secs() {
        seconds @ ..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h", seconds / 3_600),
        seconds @ 172_800.. => format!("{} days", seconds / 86_400),
    }
}

fn clock(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests;

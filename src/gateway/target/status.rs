//! How the gateway is, in words for the status page. Decides nothing.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;

use crate::backend::AccountCondition;
use crate::backend::endpoint::Endpoint;
use crate::gateway::reload::Reloader;
use crate::gateway::world::World;
use crate::metrics::BreakerState;
use crate::server::ops::{
    AccountStatus, DeniedNetwork, EndpointStatus, ExpiryStatus, Sparkline, Status,
};

/// Points of the line are so far apart.
const STEP: usize = 4;
const HEIGHT: f64 = 22.0;

pub(super) fn status(reloader: &Reloader, ready: bool) -> Status {
    let world = reloader.world();
    let (cache_entries, cache_bytes) = world.availability.cache_size();
    let endpoints = world.availability.endpoints();
    let denied = reloader.denied().into_iter().map(|denial| DeniedNetwork {
        network: denial.network.to_string(),
        last: clock(denial.last),
        count: denial.connections,
    });
    let now = reloader.now();
    Status {
        version: env!("CARGO_PKG_VERSION"),
        now: clock(now),
        ready,
        endpoints: endpoints.map(|endpoint| of(endpoint, reloader)).collect(),
        cache_entries,
        cache_bytes,
        expiries: expiries(reloader, &world, now),
        denied: denied.collect(),
    }
}

fn of(endpoint: &Endpoint, reloader: &Reloader) -> EndpointStatus {
    let state = endpoint.state();
    let accounts = state.accounts.iter().map(|account| AccountStatus {
        address: account.address.to_string(),
        usable: account.condition == AccountCondition::Ready,
        state: account.condition.label(),
        left: account
            .left
            .map_or_else(|| "-".to_owned(), |left| format!("{} s", left.as_secs())),
        in_flight: account.in_flight,
    });
    let last_error = state.last_error.as_ref();
    EndpointStatus {
        name: endpoint.name().to_string(),
        usable: state.breaker != BreakerState::Open,
        state: match state.breaker {
            BreakerState::Closed => "asked",
            BreakerState::HalfOpen => "tried again",
            BreakerState::Open => "not asked: it keeps failing",
        },
        in_flight: state.in_flight,
        last_success: state
            .last_success
            .map_or_else(|| "none yet".to_owned(), clock),
        last_error: last_error.map_or_else(
            || "none".to_owned(),
            |error| format!("{}: {}", clock(error.at), error.text),
        ),
        spark: spark(&reloader.counters(endpoint.name()).recent_calls()),
        accounts: accounts.collect(),
    }
}

fn spark(calls: &[Duration]) -> Sparkline {
    let most = calls.iter().max().copied().unwrap_or_default();
    let scale = most.as_secs_f64().max(0.001);
    let mut points = String::new();
    for (place, call) in calls.iter().enumerate() {
        let y = 1.0 + HEIGHT * (1.0 - call.as_secs_f64() / scale);
        // Writing to a String does not fail.
        let _ = write!(points, "{},{y:.1} ", place * STEP);
    }
    Sparkline {
        points: points.trim_end().to_owned(),
        width: calls.len().saturating_sub(1).max(1) * STEP,
        most: u64::try_from(most.as_millis()).unwrap_or(u64::MAX),
    }
}

fn expiries(reloader: &Reloader, world: &World, now: Timestamp) -> Vec<ExpiryStatus> {
    let mut expiries = Vec::new();
    let mut tell = |what: String, at: Option<Timestamp>| {
        expiries.extend(at.map(|at| ExpiryStatus {
            what,
            on: at.strftime("%Y-%m-%d").to_string(),
            days: at.duration_since(now).as_hours() / 24,
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
            let what = format!("{} of {}", known.credential.label(), endpoint.name());
            tell(what, Some(known.at));
        }
    }
    expiries
}

fn clock(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

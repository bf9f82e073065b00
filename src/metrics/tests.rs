//! What the metrics show after what was counted. The text format as a whole is tested over a socket.

use std::time::Duration;

use super::*;
use crate::metrics::labels::{MAILBOX_RESULTS, UPSTREAM_OUTCOMES};

fn metrics() -> Metrics {
    Metrics::new(&["hq", "cloud"])
}

#[track_caller]
fn check(metrics: &Metrics, series: &str, expect: &str) {
    let text = metrics.render();
    let line = format!("{series} {expect}");
    let found: Vec<&str> = text
        .lines()
        .filter(|found| found.split(' ').next() == Some(series))
        .collect();
    assert_eq!(found, [line], "{series}");
}

/// Lines that are series, not comments.
fn series(metrics: &Metrics) -> usize {
    let text = metrics.render();
    text.lines().filter(|line| !line.starts_with('#')).count()
}

#[test]
fn counters_stand_at_zero_from_the_start() {
    let metrics = metrics();
    check(
        &metrics,
        r#"calbridge_requests_total{face="ews",operation="GetUserAvailability",outcome="answered"}"#,
        "0",
    );
    check(
        &metrics,
        r#"calbridge_mailbox_lookups_total{endpoint="cloud",result="no_access"}"#,
        "0",
    );
    check(
        &metrics,
        r#"calbridge_mailbox_lookups_total{endpoint="none",result="not_found"}"#,
        "0",
    );
    check(
        &metrics,
        r#"calbridge_cache_lookups_total{endpoint="hq",result="stale_on_error"}"#,
        "0",
    );
    check(
        &metrics,
        r#"calbridge_upstream_calls_total{endpoint="hq",outcome="tls"}"#,
        "0",
    );
    check(
        &metrics,
        r#"calbridge_upstream_call_duration_seconds_count{endpoint="hq"}"#,
        "0",
    );
    check(
        &metrics,
        r#"calbridge_breaker_state{endpoint="hq",state="closed"}"#,
        "1",
    );
    check(&metrics, "calbridge_login_failures_total", "0");
    check(&metrics, "calbridge_allowlist_refusals_total", "0");
    check(
        &metrics,
        concat!(
            "calbridge_build_info{version=\"",
            env!("CARGO_PKG_VERSION"),
            "\"}"
        ),
        "1",
    );
}

#[test]
fn requests_are_counted_by_face_operation_and_outcome() {
    let metrics = metrics();
    metrics.request(
        "ews",
        "ResolveNames",
        "fault",
        Duration::from_nanos(3_906_250),
    );
    metrics.request(
        "ews",
        "ResolveNames",
        "fault",
        Duration::from_micros(31_250),
    );
    check(
        &metrics,
        r#"calbridge_requests_total{face="ews",operation="ResolveNames",outcome="fault"}"#,
        "2",
    );
    check(
        &metrics,
        r#"calbridge_requests_total{face="ews",operation="ResolveNames",outcome="answered"}"#,
        "0",
    );
    let bucket =
        |le| format!(r#"calbridge_request_duration_seconds_bucket{{face="ews",le="{le}"}}"#);
    check(&metrics, &bucket("0.0025"), "0");
    check(&metrics, &bucket("0.005"), "1");
    check(&metrics, &bucket("+Inf"), "2");
    check(
        &metrics,
        r#"calbridge_request_duration_seconds_sum{face="ews"}"#,
        "0.03515625",
    );
}

#[test]
fn who_is_turned_away_is_counted_for_the_face_and_takes_no_time() {
    let metrics = metrics();
    for outcome in ["busy", "denied", "abandoned"] {
        metrics.request("ews", "none", outcome, Duration::from_secs(1));
    }
    metrics.request("ews", "none", "timeout", Duration::from_secs(30));
    // No face says so, but it must be counted somewhere.
    metrics.request("ews", "ResolveNames", "busy", Duration::from_secs(1));
    let total = |outcome| {
        format!(r#"calbridge_requests_total{{face="ews",operation="none",outcome="{outcome}"}}"#)
    };
    check(&metrics, &total("busy"), "2");
    check(&metrics, &total("denied"), "1");
    check(&metrics, &total("timeout"), "1");
    check(
        &metrics,
        r#"calbridge_request_duration_seconds_sum{face="ews"}"#,
        "30",
    );
    let text = metrics.render();
    assert!(!text.contains(r#"operation="ResolveNames",outcome="busy""#));
}

#[test]
fn certificates_that_are_not_used_show_until_others_are() {
    let metrics = Metrics::new::<&str>(&[]);
    let good = "calbridge_config_last_reload_successful";
    metrics.started_at(1);
    for (read, expect) in [
        (None, "1"),
        (Some(false), "0"),
        (Some(true), "1"),
        (Some(false), "0"),
    ] {
        if let Some(are_used) = read {
            metrics.certificates_read(are_used);
        }
        check(&metrics, good, expect);
    }
    metrics.configuration_read("applied", 2);
    check(&metrics, good, "1");
    metrics.configuration_read("refused", 3);
    metrics.certificates_read(true);
    check(&metrics, good, "0");
    let refused = "calbridge_config_reloads_total{result=\"certificates_refused\"}";
    check(&metrics, refused, "2");
}

#[test]
fn requests_in_flight_and_connections_go_up_and_down() {
    let metrics = metrics();
    let (one, two) = (metrics.in_flight(), metrics.in_flight());
    check(&metrics, "calbridge_requests_in_flight", "2");
    drop(one);
    check(&metrics, "calbridge_requests_in_flight", "1");
    drop(two);
    check(&metrics, "calbridge_requests_in_flight", "0");
    metrics.connections(3);
    metrics.connections(-1);
    check(&metrics, "calbridge_connections", "2");
    check(&metrics, "calbridge_connections_opened_total", "3");
}

#[test]
fn an_endpoint_counts_for_itself_under_its_name_and_by_its_handle() {
    let metrics = metrics();
    let hq = metrics.endpoint("hq");
    hq.cache_lookups(CacheResult::Shared, 1);
    metrics.cache_lookup("hq", CacheResult::Shared);
    metrics.cache_lookup("cloud", CacheResult::Hit);
    check(
        &metrics,
        r#"calbridge_cache_lookups_total{endpoint="hq",result="shared"}"#,
        "2",
    );
    check(
        &metrics,
        r#"calbridge_cache_lookups_total{endpoint="hq",result="hit"}"#,
        "0",
    );
    hq.batch_size(60);
    hq.upstream_call("timeout", Duration::from_secs(3));
    check(
        &metrics,
        r#"calbridge_upstream_batch_mailboxes_bucket{endpoint="hq",le="50"}"#,
        "0",
    );
    check(
        &metrics,
        r#"calbridge_upstream_batch_mailboxes_bucket{endpoint="hq",le="100"}"#,
        "1",
    );
    check(
        &metrics,
        r#"calbridge_upstream_calls_total{endpoint="hq",outcome="timeout"}"#,
        "1",
    );
    check(
        &metrics,
        r#"calbridge_upstream_call_duration_seconds_sum{endpoint="hq"}"#,
        "3",
    );
}

#[test]
fn an_endpoint_counts_what_it_does_about_failures_and_its_accounts() {
    let metrics = metrics();
    let hq = metrics.endpoint("hq");
    hq.throttled();
    hq.retried();
    hq.retried();
    hq.hedged();
    check(
        &metrics,
        r#"calbridge_upstream_throttled_total{endpoint="hq"}"#,
        "1",
    );
    check(
        &metrics,
        r#"calbridge_upstream_retries_total{endpoint="hq"}"#,
        "2",
    );
    check(
        &metrics,
        r#"calbridge_upstream_hedges_total{endpoint="hq"}"#,
        "1",
    );
    for (state, count) in [("ready", 3), ("resting", 1), ("quarantined", 2)] {
        hq.role_accounts(state, count);
    }
    check(
        &metrics,
        r#"calbridge_role_accounts{endpoint="hq",state="ready"}"#,
        "3",
    );
    check(
        &metrics,
        r#"calbridge_role_accounts{endpoint="hq",state="resting"}"#,
        "1",
    );
    check(
        &metrics,
        r#"calbridge_role_accounts{endpoint="hq",state="quarantined"}"#,
        "2",
    );
}

#[test]
fn a_breaker_is_in_one_state() {
    let metrics = metrics();
    for state in [
        BreakerState::Open,
        BreakerState::HalfOpen,
        BreakerState::Closed,
    ] {
        metrics.breaker("hq", state);
        for each in BreakerState::ALL {
            let name = format!(
                r#"calbridge_breaker_state{{endpoint="hq",state="{}"}}"#,
                each.label()
            );
            check(&metrics, &name, if each == state { "1" } else { "0" });
        }
    }
}

#[test]
fn no_word_from_outside_adds_a_series() {
    let metrics = metrics();
    let before = series(&metrics);
    metrics.request("unheard", "of", "at all", Duration::ZERO);
    metrics.request("ews", "GetUserAvailability", "unheard of", Duration::ZERO);
    metrics.mailbox_lookup("unheard of", "not_found");
    metrics.mailbox_lookup("hq", "unheard of");
    metrics.upstream_call("unheard of", "ok", Duration::ZERO);
    metrics.upstream_call("hq", "unheard of", Duration::ZERO);
    metrics.breaker("unheard of", BreakerState::Open);
    assert_eq!(series(&metrics), before);
    check(
        &metrics,
        r#"calbridge_requests_total{face="other",operation="other",outcome="other"}"#,
        "1",
    );
    check(
        &metrics,
        r#"calbridge_requests_total{face="ews",operation="none",outcome="other"}"#,
        "1",
    );
    check(
        &metrics,
        r#"calbridge_mailbox_lookups_total{endpoint="none",result="not_found"}"#,
        "1",
    );
    check(
        &metrics,
        r#"calbridge_mailbox_lookups_total{endpoint="hq",result="other"}"#,
        "1",
    );
    check(
        &metrics,
        r#"calbridge_upstream_calls_total{endpoint="hq",outcome="other"}"#,
        "1",
    );
}

#[test]
fn twenty_endpoints_make_a_bounded_number_of_series() {
    let names: Vec<String> = (0..20).map(|number| format!("endpoint-{number}")).collect();
    let metrics = Metrics::new(&names);
    for name in &names {
        for result in MAILBOX_RESULTS {
            metrics.mailbox_lookup(name, result);
        }
        for outcome in UPSTREAM_OUTCOMES {
            metrics.upstream_call(name, outcome, Duration::from_secs(1));
        }
        metrics.batch_size(name, 7);
    }
    let count = series(&metrics);
    // The bound that docs/metrics.md states.
    assert!((1_000..2_000).contains(&count), "{count} series");
}

#[test]
fn instances_count_apart() {
    let (one, two) = (metrics(), metrics());
    one.login_failed();
    one.denied();
    one.cache_size(7, 4_096);
    check(&one, "calbridge_login_failures_total", "1");
    check(&one, "calbridge_allowlist_refusals_total", "1");
    check(&one, "calbridge_cache_entries", "7");
    check(&one, "calbridge_cache_bytes", "4096");
    check(&two, "calbridge_login_failures_total", "0");
    check(&two, "calbridge_cache_bytes", "0");
    EndpointMetrics::untold().throttled();
}

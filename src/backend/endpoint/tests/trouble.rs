//! Retries, back-offs and the breaker: how often a source in trouble is asked, and what callers are told meanwhile.

use super::scripted::*;
use super::*;
use crate::metrics::{BreakerState, Metrics};
use futures_util::future::join_all;
use std::sync::atomic::AtomicBool;
use tokio::time::advance;

fn anna() -> [SmtpAddress; 1] {
    [mailbox("anna")]
}

async fn ask(endpoint: &Endpoint) -> Outcome {
    let mut outcomes = endpoint.ask(&anna(), weeks(), soon()).await;
    outcomes.remove(&mailbox("anna")).unwrap()
}

/// Fails with `error` until call number `from`.
fn well_from(from: usize, error: EndpointError) -> Arc<Scripted> {
    Scripted::new(move |number, ask| {
        let answer = if number < from {
            Err(error.clone())
        } else {
            all_known(ask)
        };
        Reply(AT_ONCE, answer)
    })
}

fn throttled(seconds: u64) -> EndpointError {
    EndpointError::Throttled {
        back_off: Some(Duration::from_secs(seconds)),
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_passes_is_not_seen_by_callers() {
    let source = well_from(2, EndpointError::Status(502));
    let endpoint = plain(&source);
    let asked = endpoint
        .ask_via(&anna(), weeks(), &Via::default(), soon())
        .await;
    assert_eq!(count_known(&asked.outcomes), 1);
    assert_eq!((asked.calls, source.calls()), (3, 3));
    assert_eq!(asked.accounts, [mailbox("first")]);
    assert!(asked.took < Duration::from_secs(1), "{:?}", asked.took);
    let source = well_from(3, EndpointError::Status(502));
    assert_eq!(
        ask(&plain(&source)).await,
        Err(MailboxError::EndpointFailed)
    );
    assert_eq!(source.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_back_off_is_waited_for_where_it_fits_into_the_deadline() {
    let source = well_from(1, throttled(3));
    let started = Instant::now();
    assert!(ask(&plain(&source)).await.is_ok());
    assert_eq!(started.elapsed().as_secs(), 3);
    let source = well_from(1, throttled(6));
    let started = Instant::now();
    assert_eq!(ask(&plain(&source)).await, Err(MailboxError::Throttled));
    assert_eq!(started.elapsed(), AT_ONCE);
    assert_eq!(source.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn retries_are_a_share_of_the_calls() {
    // A fault that passes does not open the breaker: the server answers.
    let source = Scripted::new(|_, _| {
        let fault = EndpointError::Fault {
            code: "ErrorADUnavailable".into(),
            text: "".into(),
            transient: true,
        };
        Reply(AT_ONCE, Err(fault))
    });
    let endpoint = plain(&source);
    for _ in 0..200 {
        ask(&endpoint).await.unwrap_err();
    }
    let calls = source.calls();
    assert!((240..=246).contains(&calls), "{calls}");
}

#[tokio::test(start_paused = true)]
async fn a_dead_source_is_asked_five_times_then_once_each_interval() {
    let well = Arc::new(AtomicBool::new(false));
    let source = Scripted::new({
        let well = Arc::clone(&well);
        move |_, ask| {
            let answer = if well.load(Ordering::SeqCst) {
                all_known(ask)
            } else {
                Err(EndpointError::Connect("refused".into()))
            };
            Reply(AT_ONCE, answer)
        }
    });
    let endpoint = plain(&source);
    for _ in 0..100 {
        assert_eq!(ask(&endpoint).await, Err(MailboxError::EndpointFailed));
    }
    assert_eq!(source.calls(), 5);
    let state = endpoint.state();
    assert_eq!(state.breaker, BreakerState::Open);
    assert_eq!(state.consecutive_failures, 5);
    let error = state.last_error.unwrap();
    assert_eq!(
        (error.label, &*error.text),
        ("connect", "no connection: refused")
    );
    assert_eq!(error.at, at("2026-09-01T08:00Z"));
    assert_eq!(state.last_success, None);
    for (probe, seconds) in [5, 10, 20, 40, 60, 60].into_iter().enumerate() {
        advance(Duration::from_secs(seconds)).await;
        join_all((0..20).map(|_| ask(&endpoint))).await;
        assert_eq!(source.calls(), 6 + probe, "one call decides");
    }
    well.store(true, Ordering::SeqCst);
    assert!(
        ask(&endpoint).await.is_err(),
        "not before the interval ends"
    );
    advance(Duration::from_mins(1)).await;
    assert!(ask(&endpoint).await.is_ok());
    let state = endpoint.state();
    assert_eq!(state.breaker, BreakerState::Closed);
    assert_eq!(state.last_success, Some(at("2026-09-01T08:00Z")));
    assert_eq!((state.in_flight, state.accounts.len()), (0, 2));
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_permit_fails_when_the_breaker_opens() {
    let source = Scripted::new(|_, _| {
        let error = EndpointError::BadAnswer("garbage".into());
        Reply(Duration::from_millis(500), Err(error))
    });
    let guard = Guard {
        max_concurrency: 1,
        ..Guard::default()
    };
    let endpoint = guarded(&source, guard);
    let started = Instant::now();
    let outcomes = join_all((0..50).map(|_| ask(&endpoint))).await;
    assert!(outcomes.iter().all(Result::is_err));
    assert_eq!(source.calls(), 5);
    assert_eq!(started.elapsed(), Duration::from_millis(2_500));
}

#[tokio::test(start_paused = true)]
async fn a_source_that_hangs_opens_the_breaker_and_a_hurried_caller_does_not() {
    let source = Scripted::new(|_, ask| Reply(NEVER, all_known(ask)));
    let endpoint = plain(&source);
    for _ in 0..10 {
        let hurry = Instant::now() + Duration::from_millis(100);
        let outcomes = endpoint.ask(&anna(), weeks(), hurry).await;
        assert_eq!(outcomes[&mailbox("anna")], Err(MailboxError::Timeout));
    }
    assert_eq!(endpoint.state().breaker, BreakerState::Closed);
    for _ in 0..5 {
        assert_eq!(ask(&endpoint).await, Err(MailboxError::Timeout));
    }
    assert_eq!(ask(&endpoint).await, Err(MailboxError::EndpointFailed));
    assert_eq!(source.calls(), 15);
}

#[tokio::test(start_paused = true)]
async fn a_probe_is_made_whatever_the_breaker_says_and_closes_it() {
    let source = well_from(5, EndpointError::Connect("refused".into()));
    let endpoint = plain(&source);
    for _ in 0..3 {
        ask(&endpoint).await.unwrap_err();
    }
    assert_eq!(endpoint.state().breaker, BreakerState::Open);
    assert!(endpoint.probe(soon()).await.is_ok());
    assert!(ask(&endpoint).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn without_callers_it_is_tried_when_its_time_has_come_and_not_before() {
    let source = well_from(5, EndpointError::Connect("refused".into()));
    let endpoint = plain(&source);
    assert!(!endpoint.waits_for_a_trial(), "it is well");
    for _ in 0..3 {
        ask(&endpoint).await.unwrap_err();
    }
    let refused = EndpointError::Connect("refused".into());
    *source.ill_probes.lock().unwrap() = vec![throttled(60), refused];
    let left = || source.ill_probes.lock().unwrap().len();
    // Ill: left alone for twice as long. Then it asks for patience, which decides nothing.
    for (seconds, expect) in [(4, 2), (1, 1), (9, 1), (1, 0), (4, 0)] {
        advance(Duration::from_secs(seconds)).await;
        endpoint.try_again().await;
        assert_eq!(left(), expect);
        assert_ne!(endpoint.state().breaker, BreakerState::Closed);
        assert!(!endpoint.waits_for_a_trial());
    }
    advance(Duration::from_secs(1)).await;
    assert!(endpoint.waits_for_a_trial());
    endpoint.try_again().await;
    assert_eq!(endpoint.state().breaker, BreakerState::Closed);
    assert!(ask(&endpoint).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_leaves_takes_nothing_along() {
    let source = Scripted::new(|number, ask| {
        let after = if number == 5 { NEVER } else { AT_ONCE };
        let answer = if number < 5 {
            Err(EndpointError::BadAnswer("garbage".into()))
        } else {
            all_known(ask)
        };
        Reply(after, answer)
    });
    let endpoint = plain(&source);
    for _ in 0..5 {
        ask(&endpoint).await.unwrap_err();
    }
    advance(Duration::from_secs(5)).await;
    let left = tokio::time::timeout(Duration::from_secs(1), ask(&endpoint)).await;
    assert!(left.is_err(), "the call that decides was given up");
    assert!(ask(&endpoint).await.is_ok(), "the next one decides");
    assert_eq!(endpoint.state().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn what_happens_is_counted() {
    let source = Scripted::new(|number, ask| match number {
        0 => Reply(AT_ONCE, Err(EndpointError::Status(502))),
        1 | 4 => Reply(AT_ONCE, all_known(ask)),
        2 => Reply(AT_ONCE, Err(throttled(60))),
        3 => Reply(NEVER, all_known(ask)),
        _ => Reply(AT_ONCE, Err(EndpointError::Tls("".into()))),
    });
    let metrics = Arc::new(Metrics::new(&["hq"]));
    let guard = Guard {
        hedge_after: Some(Duration::from_secs(1)),
        ..Guard::default()
    };
    let endpoint = guarded_in(&source, guard, &instance().counting(Arc::clone(&metrics)));
    for _ in 0..9 {
        let _ = ask(&endpoint).await;
    }
    let text = metrics.render();
    for line in [
        r#"upstream_calls_total{endpoint="hq",outcome="ok"} 2"#,
        r#"upstream_calls_total{endpoint="hq",outcome="status"} 1"#,
        r#"upstream_calls_total{endpoint="hq",outcome="throttled"} 1"#,
        r#"upstream_calls_total{endpoint="hq",outcome="tls"} 5"#,
        r#"upstream_throttled_total{endpoint="hq"} 1"#,
        r#"upstream_retries_total{endpoint="hq"} 1"#,
        r#"upstream_hedges_total{endpoint="hq"} 1"#,
        r#"breaker_state{endpoint="hq",state="open"} 1"#,
        r#"role_accounts{endpoint="hq",state="ready"} 2"#,
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    advance(Duration::from_secs(5)).await;
    endpoint.tell_metrics();
    let half_open = r#"breaker_state{endpoint="hq",state="half_open"} 1"#;
    assert!(metrics.render().contains(half_open), "time alone is told");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_never_sent_says_nothing_of_the_endpoint() {
    let late = EndpointError::Timeout(Duration::from_secs(5));
    for why in [late, throttled(60), EndpointError::NoAccount("".into())] {
        let outcome = MailboxError::from(&why);
        let unsent = move |_, _: &Ask| {
            let error = EndpointError::NotAsked(Arc::new(why.clone()));
            Reply(Duration::from_secs(4), Err(error))
        };
        let metrics = Arc::new(Metrics::new(&["hq"]));
        let counting = instance().counting(Arc::clone(&metrics));
        let endpoint = guarded_in(&Scripted::new(unsent), Guard::default(), &counting);
        for _ in 0..10 {
            assert_eq!(ask(&endpoint).await, Err(outcome));
        }
        let state = endpoint.state();
        assert_eq!(state.breaker, BreakerState::Closed);
        assert_eq!((state.consecutive_failures, state.last_error), (0, None));
        let text = metrics.render();
        for line in [
            r#"upstream_calls_total{endpoint="hq",outcome="no_account"} 10"#,
            r#"upstream_call_duration_seconds_count{endpoint="hq"} 0"#,
            r#"upstream_batch_mailboxes_count{endpoint="hq"} 0"#,
            r#"upstream_throttled_total{endpoint="hq"} 0"#,
            r#"upstream_retries_total{endpoint="hq"} 0"#,
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_breaker_keeps_back_is_counted_as_such() {
    let source = well_from(5, EndpointError::Tls("".into()));
    let metrics = Arc::new(Metrics::new(&["hq"]));
    let counting = instance().counting(Arc::clone(&metrics));
    let endpoint = guarded_in(&source, Guard::default(), &counting);
    for _ in 0..12 {
        assert_eq!(ask(&endpoint).await, Err(MailboxError::EndpointFailed));
    }
    let text = metrics.render();
    for line in [
        r#"upstream_calls_total{endpoint="hq",outcome="tls"} 5"#,
        r#"upstream_calls_total{endpoint="hq",outcome="breaker_open"} 7"#,
        r#"upstream_call_duration_seconds_count{endpoint="hq"} 5"#,
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

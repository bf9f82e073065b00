//! Servers that fall ill and get well: what each mailbox is answered meanwhile, how often the server is asked, and how
//! soon it is trusted again. Real sockets and real time; the intervals are short.

use super::*;
use calbridge::metrics::BreakerState;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::interval;

/// Longer than all questions to an open breaker take together, also on a slow machine.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);
/// Of one question to a server that hangs.
const SHORT: Duration = Duration::from_millis(600);
/// Of one question to a server that wants to be left alone: shorter than any back-off here.
const TOO_SHORT_TO_REST: Duration = Duration::from_millis(2500);
/// Of one question to any other server: never reached.
const LONG: Duration = Duration::from_secs(15);
/// For a slow machine, beyond what is promised.
const SLACK: Duration = Duration::from_secs(5);
const QUESTIONS: usize = 30;

fn impatient(upstream: &Upstream, timeout: Duration) -> EndpointSettings {
    EndpointSettings {
        timeout,
        probe_interval: PROBE_INTERVAL,
        ..settings(ews_settings(upstream))
    }
}

async fn ask(endpoint: &Endpoint) -> Outcome {
    let anna = mailbox("anna@example.com");
    let mut outcomes = endpoint
        .ask(std::slice::from_ref(&anna), day(), soon())
        .await;
    outcomes.remove(&anna).unwrap()
}

/// What is promised of one kind of failure.
struct Promise {
    /// What the first question is answered.
    first: MailboxError,
    /// What the questions after it may be answered as well.
    later: MailboxError,
    /// Calls for all questions together.
    most_calls: usize,
    /// From the moment that the server is well.
    back_within: Duration,
    /// Of one question.
    timeout: Duration,
}

impl Default for Promise {
    /// Of a failure that opens the breaker; one probe may fall into the questions.
    fn default() -> Self {
        Self {
            first: MailboxError::EndpointFailed,
            later: MailboxError::EndpointFailed,
            most_calls: 6,
            back_within: PROBE_INTERVAL * 2,
            timeout: LONG,
        }
    }
}

impl Promise {
    /// Of a server that asks to be left alone for some time.
    fn patience(seconds: u64) -> Self {
        Self {
            first: MailboxError::Throttled,
            later: MailboxError::Throttled,
            most_calls: 1,
            back_within: Duration::from_secs(seconds),
            timeout: TOO_SHORT_TO_REST,
        }
    }
}

/// A server that is well, then answers `illness` to everything, then is well again.
async fn check(illness: impl Fn() -> Reply + Send + Sync + 'static, promise: Promise) {
    let ill = Arc::new(AtomicBool::new(false));
    let state = Arc::clone(&ill);
    let upstream = Upstream::start(move |_, request| {
        if state.load(Ordering::SeqCst) {
            illness()
        } else {
            busy_for_all(request)
        }
    })
    .await;
    let endpoint = build::endpoint(impatient(&upstream, promise.timeout), &instance()).unwrap();
    assert!(ask(&endpoint).await.is_ok());
    ill.store(true, Ordering::SeqCst);
    check_illness(&endpoint, &promise).await;
    let calls = upstream.requests().len() - 1;
    assert!(calls <= promise.most_calls, "{calls} calls");
    ill.store(false, Ordering::SeqCst);
    check_recovery(&endpoint, promise.back_within).await;
}

async fn check_illness(endpoint: &Endpoint, promise: &Promise) {
    assert_eq!(ask(endpoint).await, Err(promise.first));
    for _ in 1..QUESTIONS {
        let error = ask(endpoint).await.unwrap_err();
        assert!(
            error == promise.first || error == promise.later,
            "{error:?}"
        );
    }
}

async fn check_recovery(endpoint: &Endpoint, within: Duration) {
    let well_since = Instant::now();
    let mut tick = interval(Duration::from_millis(20));
    while ask(endpoint).await.is_err() {
        let waited = well_since.elapsed();
        assert!(waited < within + SLACK, "still failing after {waited:?}");
        tick.tick().await;
    }
    let state = endpoint.state();
    assert_eq!(state.breaker, BreakerState::Closed);
    assert_eq!(state.consecutive_failures, 0);
    assert!(state.last_error.is_some() && state.last_success.is_some());
}

#[tokio::test]
async fn a_server_that_hangs() {
    check(
        || Reply::Hang,
        Promise {
            first: MailboxError::Timeout,
            timeout: SHORT,
            ..Promise::default()
        },
    )
    .await;
}

#[tokio::test]
async fn a_connection_that_breaks_in_mid_body() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 5000\r\n\r\n";
    let bytes = format!("{head}{}", &golden("e2016-one-event")[..300]);
    let reset = move || Reply::Reset(bytes.clone().into_bytes());
    check(reset, Promise::default()).await;
}

#[tokio::test]
async fn truncated_xml() {
    let whole = golden("e2016-one-event");
    let truncated = move || Reply::xml(200, &whole.as_bytes()[..whole.len() - 80]);
    check(truncated, Promise::default()).await;
}

/// When the account is tried again is the pool's matter, whose tests move the clock.
#[tokio::test]
async fn a_refused_login() {
    let upstream = Upstream::start(|number, request| {
        if number > 0 {
            Reply::status(401, &[("WWW-Authenticate", "Basic")])
        } else {
            busy_for_all(request)
        }
    })
    .await;
    let endpoint = build::endpoint(impatient(&upstream, LONG), &instance()).unwrap();
    assert!(ask(&endpoint).await.is_ok());
    check_illness(&endpoint, &Promise::default()).await;
    assert_eq!(
        upstream.requests().len(),
        2,
        "one call that worked, one that was refused"
    );
    let account = &endpoint.state().accounts[0];
    assert_eq!(account.condition, AccountCondition::Quarantined);
    // A password that has just worked is tried again so soon.
    assert!(account.left.unwrap() <= Duration::from_mins(1));
}

#[tokio::test]
async fn a_forbidden_call() {
    let promise = Promise {
        // The server answers: the breaker is not for that. Nothing is tried twice, though.
        most_calls: QUESTIONS,
        back_within: Duration::ZERO,
        ..Promise::default()
    };
    check(|| Reply::status(403, &[]), promise).await;
}

#[tokio::test]
async fn too_many_requests() {
    let hint = || Reply::status(429, &[("Retry-After", "3")]);
    tokio::join!(
        check(hint, Promise::patience(3)),
        check(|| Reply::status(429, &[]), Promise::patience(5)),
    );
}

#[tokio::test]
async fn an_unavailable_service() {
    let hint = || Reply::status(503, &[("Retry-After", "3")]);
    tokio::join!(
        check(hint, Promise::patience(3)),
        check(|| Reply::status(503, &[]), Promise::patience(5)),
    );
}

#[tokio::test]
async fn a_busy_server_with_a_back_off() {
    let fault = golden("fault-server-busy");
    assert!(fault.contains("90500"));
    let fault = fault.replace("90500", "3000");
    let busy = move || Reply::xml(500, fault.clone());
    check(busy, Promise::patience(3)).await;
}

#[tokio::test]
async fn a_back_off_that_fits_is_waited_for() {
    let fault = golden("fault-server-busy").replace("90500", "100");
    let upstream = Upstream::start(move |number, request| {
        if number == 0 {
            Reply::xml(500, fault.clone())
        } else {
            busy_for_all(request)
        }
    })
    .await;
    let endpoint = endpoint(&upstream);
    let started = Instant::now();
    assert!(ask(&endpoint).await.is_ok());
    assert!(started.elapsed() >= Duration::from_millis(100));
    assert_eq!(upstream.requests().len(), 2);
}

#[tokio::test]
async fn a_server_error_with_a_page() {
    let page = || {
        let kind = ("Content-Type", "text/html".to_owned());
        Reply::Answer(500, vec![kind], b"<html>Runtime Error</html>".to_vec())
    };
    check(page, Promise::default()).await;
}

#[tokio::test]
async fn ten_mebibytes_of_garbage() {
    let garbage = || Reply::xml(200, vec![b'x'; 10 << 20]);
    check(garbage, Promise::default()).await;
}

#[tokio::test]
async fn a_certificate_for_another_name() {
    let good = Upstream::start(|_, request| busy_for_all(request)).await;
    let bad = Upstream::start_as("other.example", |_, _| Reply::Hang).await;
    let target = Arc::new(AtomicU16::new(bad.port));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let forwarder = tokio::spawn(forward(listener, Arc::clone(&target)));
    let authorities = [&good, &bad].map(|u| std::fs::read_to_string(&u.authority).unwrap());
    std::fs::write(&good.authority, authorities.concat()).unwrap();
    let mut ews = ews_settings(&good);
    ews.url = format!("https://127.0.0.1:{port}/EWS/Exchange.asmx");
    let settings = EndpointSettings {
        kind: BackendSettings::Ews(ews),
        ..impatient(&good, LONG)
    };
    let endpoint = build::endpoint(settings, &instance()).unwrap();
    check_illness(&endpoint, &Promise::default()).await;
    assert!(bad.requests().is_empty(), "no password was sent");
    assert_eq!(endpoint.state().last_error.unwrap().label, "tls");
    target.store(good.port, Ordering::SeqCst);
    check_recovery(&endpoint, PROBE_INTERVAL * 2).await;
    forwarder.abort();
}

/// Carries each connection to the port that stands in `target` by then.
async fn forward(listener: TcpListener, target: Arc<AtomicU16>) {
    loop {
        let (mut from, _) = listener.accept().await.unwrap();
        let port = target.load(Ordering::SeqCst);
        tokio::spawn(async move {
            let mut to = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let _ = tokio::io::copy_bidirectional(&mut from, &mut to).await;
        });
    }
}

#[tokio::test]
async fn a_host_name_that_is_not_found() {
    let upstream = Upstream::start(|_, _| Reply::Hang).await;
    let mut ews = ews_settings(&upstream);
    // With an empty label the resolver gives up without asking anybody.
    ews.proxy = Some("http://proxy..invalid:3128".into());
    let settings = EndpointSettings {
        kind: BackendSettings::Ews(ews),
        probe_interval: Duration::from_mins(1),
        ..impatient(&upstream, LONG)
    };
    let endpoint = build::endpoint(settings, &instance()).unwrap();
    check_illness(&endpoint, &Promise::default()).await;
    let state = endpoint.state();
    assert_eq!(state.breaker, BreakerState::Open);
    assert_eq!(state.consecutive_failures, 5, "then it is not tried");
    assert_eq!(state.last_error.unwrap().label, "connect");
}

#[tokio::test]
async fn one_mailbox_that_spoils_an_answer_spoils_no_other() {
    let upstream = Upstream::start(|_, request| {
        if request.body.contains("m13@example.com") {
            Reply::xml(200, "<s:Envelope><s:Body>")
        } else {
            busy_for_all(request)
        }
    })
    .await;
    let names: Vec<_> = (0..20)
        .map(|n| mailbox(&format!("m{n:02}@example.com")))
        .collect();
    let outcomes = endpoint(&upstream).ask(&names, day(), soon()).await;
    let failed: Vec<_> = outcomes.iter().filter(|(_, o)| o.is_err()).collect();
    assert_eq!(failed, [(&names[13], &Err(MailboxError::EndpointFailed))]);
    let calls = upstream.requests().len();
    assert!(calls <= 1 + 2 * 5, "{calls}");
}

#[tokio::test]
async fn a_slow_call_is_made_again_by_another_account() {
    let upstream = Upstream::start(|_, request| {
        if request.user() == "first@example.com" {
            Reply::Hang
        } else {
            busy_for_all(request)
        }
    })
    .await;
    let mut ews = ews_settings(&upstream);
    ews.role_accounts = vec![account("first"), account("second")];
    let hedging = EndpointSettings {
        hedge_after: Some(Duration::from_millis(100)),
        ..settings(ews)
    };
    let endpoint = build::endpoint(hedging, &instance()).unwrap();
    let started = Instant::now();
    assert!(ask(&endpoint).await.is_ok());
    assert!(started.elapsed() < Duration::from_secs(10));
    let users: Vec<_> = upstream.requests().iter().map(Request::user).collect();
    assert_eq!(users, ["first@example.com", "second@example.com"]);
}

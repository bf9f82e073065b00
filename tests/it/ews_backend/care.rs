//! What a server meets at most: calls without pause where it asks for no pause, one password from several endpoints, and
//! calls whose callers have gone.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

fn refuse() -> Reply {
    Reply::status(401, &[("WWW-Authenticate", "Basic realm=\"x\"")])
}

fn busy_for(milliseconds: &str) -> Reply {
    let fault = golden("fault-server-busy");
    Reply::xml(500, fault.replace("90500", milliseconds))
}

/// Requests of one question by one account to a server that answers so to everything.
async fn requests_of_one_question(reply: impl Fn() -> Reply + Send + Sync + 'static) -> usize {
    let upstream = Upstream::start(move |_, _| reply()).await;
    let backend = backend(ews_settings(&upstream));
    let error = ask_anna(&backend).await.unwrap_err();
    assert_eq!(error.label(), "throttled");
    upstream.requests().len()
}

#[tokio::test]
async fn a_back_off_of_nothing_is_no_invitation_to_ask_at_once() {
    let after = |value: &'static str| move || Reply::status(503, &[("Retry-After", value)]);
    assert_eq!(requests_of_one_question(after("0")).await, 1);
    let past = "Sun, 06 Nov 1994 08:49:37 GMT";
    assert_eq!(requests_of_one_question(after(past)).await, 1);
    assert_eq!(requests_of_one_question(|| busy_for("0")).await, 1);
}

#[tokio::test]
async fn one_question_waits_for_few_short_rests() {
    assert_eq!(requests_of_one_question(|| busy_for("1")).await, 4);
}

#[tokio::test]
async fn the_doctor_waits_for_no_rest() {
    let upstream = Upstream::start(|_, _| busy_for("1")).await;
    let endpoint = endpoint(&upstream);
    let findings = endpoint.examine(None, soon()).await;
    assert!(matches!(
        findings[0].seen,
        Seen::Failed(EndpointError::Throttled { .. })
    ));
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test]
async fn a_wrong_password_in_five_endpoints_is_tried_once() {
    let refusal = || Reply::After(Duration::from_millis(200), Box::new(refuse));
    let upstream = Upstream::start(move |_, _| refusal()).await;
    let instance = instance();
    let endpoints: Vec<_> = (0..5)
        .map(|_| build::endpoint(settings(ews_settings(&upstream)), &instance).unwrap())
        .collect();
    let name = mailbox("anna@example.com");
    let asked = endpoints
        .iter()
        .map(|endpoint| endpoint.ask(std::slice::from_ref(&name), day(), soon()));
    for outcomes in futures_util::future::join_all(asked).await {
        assert!(outcomes[&name].is_err());
    }
    assert_eq!(upstream.requests().len(), 1);
}

/// The most calls that such a server has had at once: it takes half a second for each, and counts those whose callers
/// have gone.
async fn most_at_once(concurrency: usize) -> usize {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let told = Arc::clone(&most);
    let upstream = Upstream::start(move |number, request| {
        let answer = busy_for_all(request);
        if number == 0 {
            return answer;
        }
        let count = now.fetch_add(1, Ordering::SeqCst) + 1;
        most.fetch_max(count, Ordering::SeqCst);
        let now = Arc::clone(&now);
        let done = move || {
            now.fetch_sub(1, Ordering::SeqCst);
            answer
        };
        Reply::After(Duration::from_millis(500), Box::new(done))
    })
    .await;
    let mut ews = ews_settings(&upstream);
    ews.role_accounts[0].max_concurrency = concurrency;
    let backend = backend(ews);
    ask_anna(&backend).await.unwrap();
    // Callers with little patience, one wave after the other.
    for _ in 0..12 {
        let ask = Ask::new(vec![mailbox("anna@example.com")], day());
        let soon = Instant::now() + Duration::from_millis(100);
        let wave = (0..6).map(|_| backend.free_busy(&ask, soon));
        for answer in futures_util::future::join_all(wave).await {
            let error = MailboxError::from(&answer.unwrap_err());
            assert_eq!(error, MailboxError::Timeout);
        }
    }
    assert!(upstream.requests().len() > 1 + concurrency);
    told.load(Ordering::SeqCst)
}

#[tokio::test]
async fn calls_whose_callers_have_gone_count_among_those_of_their_account() {
    for concurrency in [1, 3] {
        assert_eq!(most_at_once(concurrency).await, concurrency);
    }
}

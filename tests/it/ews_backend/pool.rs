//! The pool under many lookups: wrong passwords are tried once, a server that bears few calls gets few, and nobody sees it.

use std::collections::HashMap;
use std::sync::Mutex;

use super::*;

/// An endpoint with these accounts; `calls` at once.
fn endpoint_of(upstream: &Upstream, names: &[&str], calls: usize) -> Endpoint {
    let mut ews = ews_settings(upstream);
    ews.role_accounts = names.iter().map(|name| account(name)).collect();
    let mut settings = settings(ews);
    settings.max_concurrency = calls;
    build::endpoint(settings, &instance()).unwrap()
}

/// The outcomes of that many lookups, all at the same time, each of its own mailbox.
async fn look_up(endpoint: &Endpoint, count: usize) -> Vec<Outcome> {
    let each = (0..count).map(async |number| {
        let name = mailbox(&format!("user{number}@example.com"));
        let mut outcomes = endpoint
            .ask(std::slice::from_ref(&name), day(), soon())
            .await;
        outcomes.remove(&name).unwrap()
    });
    futures_util::future::join_all(each).await
}

fn attempts(upstream: &Upstream) -> HashMap<String, usize> {
    let mut attempts = HashMap::new();
    for request in upstream.requests() {
        *attempts.entry(request.user()).or_default() += 1;
    }
    attempts
}

fn refuse() -> Reply {
    Reply::status(401, &[("WWW-Authenticate", "Basic realm=\"x\"")])
}

#[tokio::test]
async fn a_wrong_password_among_three_is_tried_once_in_two_hundred_lookups() {
    let upstream = Upstream::start(|_, request| {
        if request.user() == "two@example.com" {
            refuse()
        } else {
            busy_for_all(request)
        }
    })
    .await;
    let endpoint = endpoint_of(&upstream, &["one", "two", "three"], 12);
    let outcomes = look_up(&endpoint, 200).await;
    assert!(outcomes.iter().all(Result::is_ok));
    let attempts = attempts(&upstream);
    assert_eq!(attempts["two@example.com"], 1);
    assert_eq!(attempts.values().sum::<usize>(), 201);
}

#[tokio::test]
async fn three_wrong_passwords_are_three_attempts_in_all() {
    let upstream = Upstream::start(|_, _| refuse()).await;
    let endpoint = endpoint_of(&upstream, &["one", "two", "three"], 12);
    let outcomes = look_up(&endpoint, 200).await;
    assert!(
        outcomes
            .iter()
            .all(|outcome| *outcome == Err(MailboxError::EndpointFailed))
    );
    assert_eq!(upstream.requests().len(), 3);
    let states = endpoint.state().accounts;
    assert!(
        states
            .iter()
            .all(|state| state.condition == AccountCondition::Quarantined)
    );
    let text = endpoint.state().last_error.unwrap().text;
    assert!(text.contains("was refused (401"), "{text}");
    let findings = endpoint.examine(None, soon()).await;
    assert!(
        findings
            .iter()
            .all(|finding| matches!(finding.seen, Seen::Quarantined { .. }))
    );
    assert_eq!(
        upstream.requests().len(),
        3,
        "the doctor tries none of them"
    );
}

#[tokio::test]
async fn a_restart_does_not_try_a_refused_password_again() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::start(|_, _| refuse()).await;
    for password in [PASSWORD, PASSWORD, "Another-password-9f41"] {
        let instance = instance().remembering(Quarantine::open(folder.path()).unwrap());
        let mut ews = ews_settings(&upstream);
        ews.role_accounts[0].password = Some(password.into());
        let endpoint = build::endpoint(settings(ews), &instance).unwrap();
        assert!(look_up(&endpoint, 1).await[0].is_err());
    }
    assert_eq!(upstream.requests().len(), 2, "one for each password");
}

#[tokio::test]
async fn a_refusal_that_comes_after_the_deadline_is_heard() {
    // The directory takes its time: five callers give up before it says no.
    let upstream =
        Upstream::start(|_, _| Reply::After(Duration::from_millis(900), Box::new(refuse))).await;
    let endpoint = endpoint_of(&upstream, &["one"], 12);
    let name = mailbox("anna@example.com");
    let quarantined = || {
        let accounts = endpoint.state().accounts;
        accounts[0].condition == AccountCondition::Quarantined
    };
    let give_up = Instant::now() + Duration::from_secs(20);
    let mut asked = 0;
    while !quarantined() {
        assert!(Instant::now() < give_up, "never heard");
        let soon = Instant::now() + Duration::from_millis(200);
        let outcomes = endpoint.ask(std::slice::from_ref(&name), day(), soon).await;
        assert!(outcomes[&name].is_err());
        asked += 1;
    }
    assert!(asked > 1, "the first callers have given up");
    let attempts = upstream.requests().len();
    assert_eq!(attempts, 1, "one for the password, whoever waits for it");
    // Whoever comes later is told at once.
    let outcomes = endpoint
        .ask(std::slice::from_ref(&name), day(), soon())
        .await;
    assert!(outcomes[&name].is_err());
    assert_eq!(upstream.requests().len(), attempts);
}

#[tokio::test]
async fn who_only_waits_behind_a_trial_sends_nothing_and_tells_that_nobody_answers() {
    let upstream =
        Upstream::start(|_, _| Reply::After(Duration::from_mins(1), Box::new(refuse))).await;
    let backend = backend(ews_settings(&upstream));
    let ask = Ask::new(vec![mailbox("anna@example.com")], day());
    let impatient = async || {
        let deadline = Instant::now() + Duration::from_millis(300);
        backend.free_busy(&ask, deadline).await.unwrap_err()
    };
    while upstream.requests().is_empty() {
        let _ = impatient().await;
    }
    let calls = ask.trail.calls();
    let waited = impatient().await;
    assert!(matches!(&waited, EndpointError::Timeout(_)), "{waited:?}");
    assert_eq!(ask.trail.calls(), calls);
    assert_eq!(upstream.requests().len(), 1);
}

/// Longer than a first trial goes on by itself, so this test takes as long.
#[tokio::test]
async fn a_refusal_is_heard_as_long_as_its_caller_waits() {
    let slow = Duration::from_millis(10_500);
    let upstream = Upstream::start(move |_, _| Reply::After(slow, Box::new(refuse))).await;
    let endpoint = endpoint_of(&upstream, &["one"], 12);
    let name = mailbox("anna@example.com");
    let deadline = Instant::now() + Duration::from_secs(19);
    endpoint
        .ask(std::slice::from_ref(&name), day(), deadline)
        .await;
    let account = &endpoint.state().accounts[0];
    assert_eq!(account.condition, AccountCondition::Quarantined);
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test]
async fn a_late_refusal_of_a_password_that_has_worked_is_heard() {
    let upstream = Upstream::start(|number, request| match number {
        0 => busy_for_all(request),
        _ => Reply::After(Duration::from_millis(900), Box::new(refuse)),
    })
    .await;
    let endpoint = endpoint_of(&upstream, &["one"], 12);
    assert!(look_up(&endpoint, 1).await[0].is_ok());
    let name = mailbox("anna@example.com");
    let soon = Instant::now() + Duration::from_millis(200);
    let outcomes = endpoint.ask(std::slice::from_ref(&name), day(), soon).await;
    assert!(outcomes[&name].is_err());
    let is_known = || endpoint.state().accounts[0].condition == AccountCondition::Quarantined;
    assert!(!is_known(), "the caller has given up before");
    let give_up = Instant::now() + Duration::from_secs(20);
    while !is_known() {
        assert!(Instant::now() < give_up, "never heard");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(upstream.requests().len(), 2);
}

#[tokio::test]
async fn the_doctor_tells_what_each_account_sees() {
    let upstream = Upstream::start(|_, request| match request.user().as_str() {
        "one@example.com" => busy_for_all(request),
        "two@example.com" => Reply::xml(200, golden("e2010-unsorted")),
        _ => refuse(),
    })
    .await;
    let endpoint = endpoint_of(&upstream, &["one", "two", "three"], 12);
    let about = mailbox("anna@example.com");
    let findings = endpoint.examine(Some(&about), soon()).await;
    let seen: Vec<_> = findings.iter().map(|finding| &finding.seen).collect();
    assert!(matches!(seen[0], Seen::Calendar(_)), "{seen:?}");
    assert!(matches!(seen[1], Seen::Calendar(_)), "{seen:?}");
    assert!(
        matches!(seen[2], Seen::Failed(EndpointError::Unauthorized { .. })),
        "{seen:?}"
    );
    // One is told of times, two of subjects.
    assert!(details_differ(&findings));
    let again = endpoint.examine(Some(&about), soon()).await;
    assert!(matches!(again[2].seen, Seen::Quarantined { .. }));
}

#[tokio::test]
async fn accounts_are_compared_by_one_calendar_that_is_not_their_own() {
    // Everybody sees the subjects of their own calendar; `three` sees them in those of others, too.
    let upstream = Upstream::start(|_, request| {
        let user = request.user();
        let about_one = request.body.contains(">one@example.com<");
        if user == "three@example.com" || (user == "one@example.com" && about_one) {
            Reply::xml(200, golden("e2010-unsorted"))
        } else {
            busy_for_all(request)
        }
    })
    .await;
    for (names, expect) in [
        (&["one", "two"][..], false),
        (&["one", "two", "four"], false),
        (&["one", "two", "three"], true),
    ] {
        let before = upstream.requests().len();
        let findings = endpoint_of(&upstream, names, 12)
            .examine(None, soon())
            .await;
        assert_eq!(details_differ(&findings), expect, "{names:?}");
        let requests = upstream.requests();
        let about_one = |request: &&Request| request.body.contains(">one@example.com<");
        let asked = requests.iter().skip(before).filter(about_one).count();
        assert_eq!(asked, names.len());
    }
}

/// A server that lets each account make two calls at once, takes a tenth of a second for each, and is busy for more.
async fn narrow(back_off: &'static str) -> Upstream {
    let in_flight: Arc<Mutex<HashMap<String, usize>>> = Arc::default();
    Upstream::start(move |_, request| {
        let user = request.user();
        let mut now = in_flight.lock().unwrap();
        let count = now.entry(user.clone()).or_default();
        if *count >= 2 {
            let fault = golden("fault-server-busy");
            let fault = fault.replace("90500", back_off);
            return Reply::xml(500, fault);
        }
        *count += 1;
        let in_flight = Arc::clone(&in_flight);
        let answer = busy_for_all(request);
        Reply::After(
            Duration::from_millis(100),
            Box::new(move || {
                *in_flight.lock().unwrap().get_mut(&user).unwrap() -= 1;
                answer
            }),
        )
    })
    .await
}

/// How long that many lookups take once the endpoint has found out what the server bears. None of them fails.
async fn time(names: &[&str], back_off: &'static str) -> Duration {
    let upstream = narrow(back_off).await;
    let endpoint = endpoint_of(&upstream, names, names.len() * 4);
    let first = look_up(&endpoint, 24).await;
    assert!(first.iter().all(Result::is_ok), "{first:?}");
    let begun = Instant::now();
    let outcomes = look_up(&endpoint, 80).await;
    let took = begun.elapsed();
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    took
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_throttled_accounts_do_the_work_of_four_or_more() {
    for back_off in ["", "150"] {
        let one = time(&["a"], back_off).await;
        let five = time(&["a", "b", "c", "d", "e"], back_off).await;
        assert!(five * 4 <= one, "one {one:?}, five {five:?}, {back_off:?}");
    }
}

/// EWS is switched off for one account: its share of the lookups goes by the other one, and it is left alone.
#[tokio::test]
async fn an_account_that_gets_403_beside_one_that_is_answered_costs_no_lookup() {
    let upstream = Upstream::start(|_, request| {
        if request.user() == "one@example.com" {
            Reply::status(403, &[])
        } else {
            busy_for_all(request)
        }
    })
    .await;
    let endpoint = endpoint_of(&upstream, &["one", "two"], 1);
    for round in 0..4 {
        let outcomes = look_up(&endpoint, 5).await;
        assert!(outcomes.iter().all(Result::is_ok), "{round}: {outcomes:?}");
    }
    assert_eq!(attempts(&upstream)["one@example.com"], 1);
    let conditions = endpoint.state().accounts;
    let conditions: Vec<_> = conditions.iter().map(|state| state.condition).collect();
    let expect = [AccountCondition::Forbidden, AccountCondition::Ready];
    assert_eq!(conditions, expect);
}

/// A proxy that forbids everything says nothing about the accounts.
#[tokio::test]
async fn a_403_for_all_shuts_no_account_out() {
    let upstream = Upstream::start(|_, _| Reply::status(403, &[])).await;
    let endpoint = endpoint_of(&upstream, &["one", "two"], 12);
    for round in 1..=2 {
        let outcomes = look_up(&endpoint, 1).await;
        assert_eq!(outcomes, [Err(MailboxError::EndpointFailed)]);
        assert_eq!(upstream.requests().len(), 2 * round, "each account once");
        let state = endpoint.state();
        let error = state.last_error.unwrap();
        assert_eq!(error.label, "forbidden", "{}", error.text);
        assert!(
            error.text.contains("Set-CASMailbox -EwsEnabled"),
            "{}",
            error.text
        );
        let ready =
            |state: &calbridge::backend::AccountState| state.condition == AccountCondition::Ready;
        assert!(state.accounts.iter().all(ready));
    }
}

//! Role accounts and schema levels: who makes a call, who is left alone, and which request is sent.

use super::*;

/// Two accounts, `first` and `second`.
fn two_accounts(upstream: &Upstream) -> Ews {
    let mut settings = ews_settings(upstream);
    settings.role_accounts = vec![account("first"), account("second")];
    backend(settings)
}

fn users(upstream: &Upstream) -> Vec<String> {
    upstream.requests().iter().map(Request::user).collect()
}

#[tokio::test]
async fn a_refused_account_is_tried_once() {
    let upstream =
        Upstream::start(|_, _| Reply::status(401, &[("WWW-Authenticate", "Basic realm=\"x\"")]))
            .await;
    let backend = backend(ews_settings(&upstream));
    let first = ask_anna(&backend).await.unwrap_err();
    assert_eq!(first.label(), "unauthorized");
    assert!(first.to_string().contains("svc@example.com"), "{first}");
    assert!(first.to_string().contains("password is wrong"), "{first}");
    let second = ask_anna(&backend).await.unwrap_err();
    assert_eq!(second.label(), "no_account");
    assert!(
        second.to_string().contains("svc@example.com was refused"),
        "{second}"
    );
    assert!(backend.probe(soon()).await.is_err());
    assert_eq!(upstream.requests().len(), 1);
    for text in [first.to_string(), second.to_string()] {
        assert!(
            !text.contains("ssword:") && !text.contains("anna"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn many_first_calls_at_once_try_a_wrong_password_once() {
    let upstream = Upstream::start(|_, _| Reply::status(401, &[])).await;
    let backend = backend(ews_settings(&upstream));
    let calls = (0..10).map(|_| ask_anna(&backend));
    let answers = futures_util::future::join_all(calls).await;
    assert!(answers.iter().all(Result::is_err));
    assert_eq!(upstream.requests().len(), 1);
}

/// The first account of two is told no once; the second answers that question and all that follow.
async fn check_second_takes_over(no: impl Fn() -> Reply + Send + Sync + 'static) {
    let upstream = Upstream::start(move |_, request| {
        if request.user() == "first@example.com" {
            no()
        } else {
            busy_for_all(request)
        }
    })
    .await;
    let backend = two_accounts(&upstream);
    for _ in 0..3 {
        ask_anna(&backend).await.unwrap();
    }
    let users = users(&upstream);
    let first = users.iter().filter(|u| *u == "first@example.com").count();
    assert_eq!((users.len(), first), (4, 1));
}

#[tokio::test]
async fn a_second_account_takes_over_from_a_refused_one() {
    check_second_takes_over(|| Reply::status(401, &[("WWW-Authenticate", "Basic")])).await;
}

#[tokio::test]
async fn a_server_without_basic_is_named_with_the_cure() {
    let error = answer_to(|| {
        let offers = [
            ("WWW-Authenticate", "Negotiate"),
            ("WWW-Authenticate", "NTLM"),
        ];
        Reply::status(401, &offers)
    })
    .await;
    assert!(
        error
            .to_string()
            .contains("only NTLM/Negotiate; enable Basic authentication"),
        "{error}"
    );
}

#[tokio::test]
async fn a_throttled_account_rests_and_the_other_works() {
    check_second_takes_over(|| Reply::xml(500, golden("fault-server-busy"))).await;
}

/// What a call that was never made failed with.
#[track_caller]
fn unmade(error: EndpointError) -> EndpointError {
    match error {
        EndpointError::NotAsked(why) => (*why).clone(),
        made => panic!("{made}"),
    }
}

/// The back-off of the first answer, and that the server is left alone after it.
async fn check_throttled(reply: impl Fn() -> Reply + Send + Sync + 'static, expect: Option<u64>) {
    let upstream = Upstream::start(move |_, _| reply()).await;
    let backend = backend(ews_settings(&upstream));
    let first = ask_anna(&backend).await.unwrap_err();
    let EndpointError::Throttled { back_off } = first else {
        panic!("{first}");
    };
    let rest = Duration::from_millis(expect.unwrap_or(5_000));
    let told = back_off.unwrap();
    assert!(
        told <= rest && told + Duration::from_secs(4) > rest,
        "{told:?}"
    );
    let second = unmade(ask_anna(&backend).await.unwrap_err());
    let EndpointError::Throttled {
        back_off: Some(left),
    } = second
    else {
        panic!("{second}");
    };
    assert!(
        left <= rest && left + Duration::from_secs(4) > rest,
        "{left:?}"
    );
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test]
async fn throttling_is_told_by_fault_or_header() {
    check_throttled(
        || Reply::xml(500, golden("fault-server-busy")),
        Some(90_500),
    )
    .await;
    check_throttled(
        || Reply::xml(200, golden("fault-server-busy")),
        Some(90_500),
    )
    .await;
    check_throttled(
        || Reply::status(503, &[("Retry-After", "120")]),
        Some(120_000),
    )
    .await;
    check_throttled(|| Reply::status(429, &[("Retry-After", "7")]), Some(7_000)).await;
    check_throttled(|| Reply::status(503, &[]), None).await;
    // The test's clock stands at 08:00.
    let date = "Tue, 01 Sep 2026 08:01:30 GMT";
    check_throttled(
        move || Reply::status(503, &[("Retry-After", date)]),
        Some(90_000),
    )
    .await;
}

#[tokio::test]
async fn a_throttled_mailbox_is_told_and_its_account_rests() {
    let upstream = Upstream::start(|_, _| Reply::xml(200, golden("mailbox-server-busy"))).await;
    let backend = backend(ews_settings(&upstream));
    let outcomes = ask_anna(&backend).await.unwrap();
    assert_eq!(
        outcomes[&mailbox("anna@example.com")],
        Err(MailboxError::Throttled)
    );
    let resting = unmade(ask_anna(&backend).await.unwrap_err());
    let EndpointError::Throttled { back_off } = resting else {
        panic!("the account rests");
    };
    assert!(back_off.unwrap() > Duration::from_secs(50));
}

/// The schema levels asked, in order.
fn levels(upstream: &Upstream) -> Vec<String> {
    let level = |request: &Request| {
        let (_, after) = request
            .body
            .split_once("RequestServerVersion Version=\"")
            .unwrap();
        after.split('"').next().unwrap().to_owned()
    };
    upstream.requests().iter().map(level).collect()
}

#[tokio::test]
async fn an_older_schema_is_tried_and_remembered() {
    let upstream = Upstream::start(|_, request| {
        if request.body.contains("Exchange2013_SP1") {
            Reply::xml(500, golden("fault-server-version"))
        } else {
            busy_for_all(request)
        }
    })
    .await;
    let backend = backend(ews_settings(&upstream));
    ask_anna(&backend).await.unwrap();
    ask_anna(&backend).await.unwrap();
    assert_eq!(
        levels(&upstream),
        ["Exchange2013_SP1", "Exchange2010_SP1", "Exchange2010_SP1"]
    );
}

#[tokio::test]
async fn a_server_that_knows_no_schema_is_asked_by_each_once() {
    let upstream = Upstream::start(|_, _| Reply::xml(500, golden("fault-server-version"))).await;
    let backend = backend(ews_settings(&upstream));
    let error = ask_anna(&backend).await.unwrap_err();
    assert!(
        error.to_string().contains("ErrorInvalidServerVersion"),
        "{error}"
    );
    assert_eq!(
        levels(&upstream),
        ["Exchange2013_SP1", "Exchange2010_SP1", "Exchange2007_SP1"]
    );
}

#[tokio::test]
async fn cookies_are_kept_by_account() {
    let upstream = Upstream::start(|_, request| {
        let Reply::Answer(status, mut headers, body) = busy_for_all(request) else {
            panic!("an answer");
        };
        let user = request.user();
        headers.push((
            "Set-Cookie",
            format!("exchangecookie={}; path=/", &user[..5]),
        ));
        Reply::Answer(status, headers, body)
    })
    .await;
    let backend = two_accounts(&upstream);
    for _ in 0..6 {
        ask_anna(&backend).await.unwrap();
    }
    let mut kept = 0;
    for request in upstream.requests() {
        if let Some(cookie) = request.header("cookie") {
            assert_eq!(cookie, format!("exchangecookie={}", &request.user()[..5]));
            kept += 1;
        }
    }
    assert_eq!(kept, 4);
}

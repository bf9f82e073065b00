//! OAuth 2.0 at an endpoint: what the token endpoint and the server are told, when tokens are replaced, and what is said
//! where there is none.

mod assertion;
mod lives;

use std::sync::Mutex;

use calbridge::backend::settings::{ClientCredential, OAuth2Settings};

use super::*;

const SECRET: &str = "Tokens~client~secret~7c1e";

/// An endpoint that gets its tokens at `tokens`, with these mailboxes to ask as.
fn by_token(upstream: &Upstream, tokens: &Upstream, names: &[&str]) -> EwsSettings {
    let mut ews = ews_settings(upstream);
    ews.role_accounts = names
        .iter()
        .map(|name| RoleAccountSettings {
            password: None,
            ..account(name)
        })
        .collect();
    ews.auth = AuthSettings::OAuth2(Box::new(OAuth2Settings {
        token_url: format!("https://127.0.0.1:{}/t/oauth2/v2.0/token", tokens.port),
        token_ca_certificate: Some(tokens.authority.clone()),
        client_id: "the-client".into(),
        credential: ClientCredential::Secret {
            secret: SECRET.into(),
            expires: None,
        },
        scope: OAuth2Settings::DEFAULT_SCOPE.into(),
    }));
    ews
}

/// Gives `Issued-token-51d7-0`, `Issued-token-51d7-1`, ..., each good for so many seconds.
fn grant(number: usize, seconds: u64) -> Reply {
    Reply::json(
        200,
        format!(
            r#"{{"token_type":"Bearer","expires_in":{seconds},"access_token":"Issued-token-51d7-{number}"}}"#
        ),
    )
}

/// Microsoft's way to say no.
fn azure(code: u32) -> Reply {
    Reply::json(
        401,
        format!(
            r#"{{"error":"invalid_client","error_description":"AADSTS{code}: No. Trace ID: 5e1f","error_codes":[{code}],"trace_id":"5e1f"}}"#
        ),
    )
}

/// What an endpoint says whose token endpoint answers so to everything.
async fn refused_token(
    reply: impl Fn() -> Reply + Send + Sync + 'static,
) -> (EndpointError, usize) {
    let tokens = Upstream::start(move |_, _| reply()).await;
    let upstream = Upstream::start(|_, request| busy_for_all(request)).await;
    let backend = backend(by_token(&upstream, &tokens, &["svc", "svc2"]));
    let first = ask_anna(&backend).await.unwrap_err();
    let second = ask_anna(&backend).await.unwrap_err();
    assert_eq!(first.to_string(), second.to_string());
    assert_eq!(upstream.requests().len(), 0);
    assert!(!first.to_string().contains(SECRET), "{first}");
    (first, tokens.requests().len())
}

#[tokio::test]
async fn calls_carry_the_token_the_anchor_and_the_impersonation() {
    let tokens = Upstream::start(|number, _| grant(number, 3600)).await;
    let upstream = Upstream::start(|_, request| busy_for_all(request)).await;
    let backend = backend(by_token(&upstream, &tokens, &["svc", "svc2"]));
    for _ in 0..4 {
        ask_anna(&backend).await.unwrap();
    }
    let asked = tokens.requests();
    assert_eq!(asked.len(), 1, "one token for all");
    let form = asked[0].form();
    let field = |name: &str| form.get(name).map(String::as_str);
    assert_eq!(field("grant_type"), Some("client_credentials"));
    assert_eq!(field("client_id"), Some("the-client"));
    assert_eq!(field("client_secret"), Some(SECRET));
    assert_eq!(
        field("scope"),
        Some("https://outlook.office365.com/.default")
    );
    assert!(asked[0].head.starts_with("POST /t/oauth2/v2.0/token "));
    let mut anchors = Vec::new();
    for request in upstream.requests() {
        assert_eq!(request.token(), "Issued-token-51d7-0");
        let anchor = request.header("x-anchormailbox").unwrap().to_owned();
        let named = format!(
            "<t:ExchangeImpersonation><t:ConnectingSID><t:SmtpAddress>{anchor}</t:SmtpAddress></t:ConnectingSID></t:ExchangeImpersonation></soap:Header>"
        );
        assert!(request.body.contains(&named), "{}", request.body);
        anchors.push(anchor);
    }
    anchors.sort();
    anchors.dedup();
    assert_eq!(anchors, ["svc2@example.com", "svc@example.com"]);
}

#[tokio::test]
async fn a_token_that_exchange_refuses_is_replaced_once() {
    let tokens = Upstream::start(|number, _| grant(number, 3600)).await;
    let upstream = Upstream::start(|_, request| match request.token() {
        "Issued-token-51d7-0" => Reply::status(
            401,
            &[("WWW-Authenticate", "Bearer error=\"invalid_token\"")],
        ),
        _ => busy_for_all(request),
    })
    .await;
    let backend = backend(by_token(&upstream, &tokens, &["svc", "svc2"]));
    let calls = (0..8).map(|_| ask_anna(&backend));
    let answers = futures_util::future::join_all(calls).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(tokens.requests().len(), 2);
}

#[tokio::test]
async fn a_server_that_refuses_every_token_makes_no_loop() {
    let tokens = Upstream::start(|number, _| grant(number, 3600)).await;
    let upstream = Upstream::start(|_, _| {
        let why = "2000003;reason=\"The audience claim value is invalid.\";error_category=\"invalid_resource\"";
        Reply::status(401, &[("x-ms-diagnostics", why)])
    })
    .await;
    let backend = backend(by_token(&upstream, &tokens, &["svc", "svc2"]));
    for _ in 0..5 {
        let error = ask_anna(&backend).await.unwrap_err();
        assert!(
            error.to_string().contains("audience claim value"),
            "{error}"
        );
    }
    assert_eq!(tokens.requests().len(), 2);
    assert_eq!(
        upstream.requests().len(),
        3,
        "one of the accounts twice, for the new token"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_of_two_seconds_cost_no_lookup_under_load() {
    type Issued = Arc<Mutex<Vec<std::time::Instant>>>;
    let issued: Issued = Arc::default();
    let (giving, checking) = (Arc::clone(&issued), Arc::clone(&issued));
    let tokens = Upstream::start(move |number, _| {
        giving.lock().unwrap().push(std::time::Instant::now());
        grant(number, 2)
    })
    .await;
    let upstream = Upstream::start(move |_, request| {
        let number: usize = request
            .token()
            .strip_prefix("Issued-token-51d7-")
            .unwrap()
            .parse()
            .unwrap();
        let age = checking.lock().unwrap()[number].elapsed();
        if age < Duration::from_secs(2) {
            busy_for_all(request)
        } else {
            Reply::status(401, &[])
        }
    })
    .await;
    let backend = backend(by_token(&upstream, &tokens, &["svc", "svc2"]));
    let lookups = (0..4).map(async |_| {
        let mut done = 0;
        while issued.lock().unwrap().len() < 4 {
            ask_anna(&backend).await.unwrap();
            done += 1;
        }
        done
    });
    let done: usize = futures_util::future::join_all(lookups)
        .await
        .into_iter()
        .sum();
    assert!(done > 50, "only {done} lookups");
    let issued = issued.lock().unwrap();
    for pair in issued.windows(2) {
        let age = pair[1] - pair[0];
        assert!(
            age > Duration::from_millis(1_200),
            "one request for each token: {age:?}"
        );
    }
    let refused = upstream.requests().len() - done;
    assert_eq!(refused, 0, "no call went with a token that had expired");
}

#[tokio::test]
async fn an_old_token_serves_while_there_is_no_new_one() {
    let tokens = Upstream::start(|number, _| match number {
        0 => grant(0, 3),
        _ => azure(7_000_222),
    })
    .await;
    let upstream = Upstream::start(|_, request| busy_for_all(request)).await;
    let backend = backend(by_token(&upstream, &tokens, &["svc"]));
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut with_the_old_one = 0;
    let error = loop {
        assert!(Instant::now() < deadline, "the token never expires");
        match ask_anna(&backend).await {
            Ok(_) if tokens.requests().len() > 1 => with_the_old_one += 1,
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(with_the_old_one > 0);
    assert!(error.to_string().contains("AADSTS7000222"), "{error}");
    assert_eq!(tokens.requests().len(), 2, "not asked again at once");
}

#[tokio::test]
async fn refusals_of_azure_are_told_with_what_to_do() {
    for (code, reason, cure) in [
        (7_000_222, "secret_expired", "create a new one"),
        (7_000_215, "wrong_secret", "not its ID"),
        (700_016, "unknown_application", "auth.client_id"),
        (90_002, "unknown_tenant", "auth.token_url"),
        (65_001, "no_consent", "Grant admin consent"),
        (53_003, "conditional_access", "exclude the workload"),
    ] {
        let (error, asked) = refused_token(move || azure(code)).await;
        let EndpointError::Token {
            reason: told,
            text,
            transient,
        } = &error
        else {
            panic!("{error}");
        };
        assert_eq!((*told, *transient, asked), (reason, false, 1));
        assert!(
            text.contains(&format!("AADSTS{code}")) && text.contains(cure),
            "{text}"
        );
    }
}

#[tokio::test]
async fn what_is_no_token_is_named() {
    let check = async |reply: fn() -> Reply, expect: &str, label: &str, most: usize| {
        let (error, asked) = refused_token(reply).await;
        let EndpointError::Token { reason, text, .. } = &error else {
            panic!("{error}");
        };
        assert_eq!(*reason, label, "{text}");
        assert!(text.contains(expect), "{text}");
        assert!(asked <= most, "asked {asked} times");
    };
    let html = || {
        let kind = ("Content-Type", "text/html".to_owned());
        Reply::Answer(200, vec![kind], b"<html>Sign in</html>".to_vec())
    };
    check(html, "a web page", "not_a_token_endpoint", 1).await;
    check(
        || Reply::json(404, "gone"),
        "HTTP status 404",
        "not_a_token_endpoint",
        1,
    )
    .await;
    check(
        || Reply::json(200, "{}"),
        "not that of OAuth 2.0",
        "bad_answer",
        1,
    )
    .await;
    check(
        || Reply::json(200, "[7"),
        "not that of OAuth 2.0",
        "bad_answer",
        1,
    )
    .await;
    check(
        || Reply::json(200, " ".repeat(300 << 10)),
        "longer than 256 KiB",
        "bad_answer",
        1,
    )
    .await;
    check(
        || Reply::status(302, &[("Location", "/x")]),
        "redirects",
        "redirect",
        1,
    )
    .await;
    check(|| Reply::status(503, &[]), "HTTP status 503", "status", 3).await;
    let echo = || {
        let body = format!(r#"{{"error":"odd","error_description":"you sent {SECRET}"}}"#);
        Reply::json(400, body)
    };
    check(echo, "you sent (secret)", "refused", 1).await;
}

#[tokio::test]
async fn a_token_endpoint_that_never_answers_costs_the_time_of_the_question_only() {
    let tokens = Upstream::start(|_, _| Reply::Hang).await;
    let upstream = Upstream::start(|_, request| busy_for_all(request)).await;
    let backend = backend(by_token(&upstream, &tokens, &["svc"]));
    let ask = Ask::new(vec![mailbox("anna@example.com")], day());
    let deadline = Instant::now() + Duration::from_millis(300);
    let error = backend.free_busy(&ask, deadline).await.unwrap_err();
    assert_eq!(error.label(), "timeout");
    assert!(tokens.requests().len() <= 1);
}

#[tokio::test]
async fn ews_that_is_blocked_in_the_cloud_is_explained_and_not_tried_again() {
    let tokens = Upstream::start(|number, _| grant(number, 3600)).await;
    let upstream = Upstream::start(|_, _| Reply::status(403, &[])).await;
    let backend = backend(by_token(&upstream, &tokens, &["svc", "svc2"]));
    for label in ["forbidden", "no_account", "no_account"] {
        let error = ask_anna(&backend).await.unwrap_err();
        assert_eq!(error.label(), label);
        assert!(error.to_string().contains("EwsAllowedAppIDs"), "{error}");
        assert!(!error.is_transient());
    }
    assert_eq!(upstream.requests().len(), 2, "each account once");
    assert_eq!(tokens.requests().len(), 1);
}

#[tokio::test]
async fn an_account_that_may_not_be_impersonated_makes_way() {
    let tokens = Upstream::start(|number, _| grant(number, 3600)).await;
    let upstream = Upstream::start(|_, request| {
        if request.header("x-anchormailbox") == Some("svc@example.com") {
            let fault = golden("fault-server-busy");
            Reply::xml(
                500,
                fault.replace("ErrorServerBusy", "ErrorImpersonateUserDenied"),
            )
        } else {
            busy_for_all(request)
        }
    })
    .await;
    let backend = backend(by_token(&upstream, &tokens, &["svc", "svc2"]));
    for _ in 0..4 {
        ask_anna(&backend).await.unwrap();
    }
    assert!(upstream.requests().len() <= 5);
}

//! Tokens that are too short-lived to be of use, oddly written, refused without a reason, or told back.

use std::sync::atomic::{AtomicBool, Ordering};

use calbridge::backend::reach::reach_tokens;

use super::*;

fn answer(lifetime: &str) -> Reply {
    Reply::json(
        200,
        format!(
            r#"{{"token_type":"Bearer","expires_in":{lifetime},"access_token":"Issued-token-51d7-0"}}"#
        ),
    )
}

#[tokio::test]
async fn a_token_that_has_expired_when_it_comes_makes_no_loop() {
    for lifetime in ["0", "\"0\""] {
        let (error, asked) = refused_token(move || answer(lifetime)).await;
        assert!(error.to_string().contains("less than a second"), "{error}");
        assert_eq!(asked, 1, "{lifetime}");
    }
}

#[tokio::test]
async fn a_token_that_comes_later_than_it_lives_is_used_once() {
    let tokens = Upstream::start(|number, _| {
        Reply::After(
            Duration::from_millis(1_100),
            Box::new(move || grant(number, 1)),
        )
    })
    .await;
    let upstream = Upstream::start(|_, request| busy_for_all(request)).await;
    let backend = backend(by_token(&upstream, &tokens, &["svc"]));
    let answers = tokio::join!(ask_anna(&backend), ask_anna(&backend), ask_anna(&backend));
    for answer in [answers.0, answers.1, answers.2] {
        answer.unwrap();
    }
    // The first call of an account goes alone; those that wait for it share the second token.
    assert_eq!(tokens.requests().len(), 2);
}

#[tokio::test]
async fn a_lifetime_may_be_written_as_a_string() {
    let tokens = Upstream::start(|_, _| answer("\"3599\"")).await;
    let upstream = Upstream::start(|_, request| busy_for_all(request)).await;
    let backend = backend(by_token(&upstream, &tokens, &["svc"]));
    for _ in 0..3 {
        ask_anna(&backend).await.unwrap();
    }
    assert_eq!(tokens.requests().len(), 1);
}

#[tokio::test]
async fn a_lifetime_that_is_no_number_is_a_bad_answer() {
    for lifetime in ["\"soon\"", "-1", "\"\""] {
        let (error, asked) = refused_token(move || answer(lifetime)).await;
        assert!(
            error.to_string().contains("not that of OAuth 2.0"),
            "{lifetime}: {error}"
        );
        assert_eq!(asked, 1, "{lifetime}");
    }
}

#[tokio::test]
async fn a_token_refused_by_mistake_serves_while_there_is_no_new_one() {
    let tokens = Upstream::start(|number, _| match number {
        0 => grant(0, 3600),
        _ => azure(7_000_222),
    })
    .await;
    let refusing = Arc::new(AtomicBool::new(false));
    let switch = Arc::clone(&refusing);
    let upstream = Upstream::start(move |_, request| {
        if switch.swap(false, Ordering::SeqCst) {
            Reply::status(401, &[])
        } else {
            busy_for_all(request)
        }
    })
    .await;
    let backend = backend(by_token(&upstream, &tokens, &["svc"]));
    ask_anna(&backend).await.unwrap();
    refusing.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        ask_anna(&backend).await.unwrap();
    }
    assert_eq!(tokens.requests().len(), 2, "a new one was asked for");
    let sent = upstream.requests();
    assert_eq!(sent.len(), 5);
    assert!(
        sent.iter()
            .all(|request| request.token() == "Issued-token-51d7-0")
    );
}

#[tokio::test]
async fn a_proof_is_not_told_back_in_any_form() {
    let tokens = Upstream::start(|_, request| {
        let words = request.body.split('&').collect::<Vec<_>>().join(" ");
        let body = format!(r#"{{"error":"odd","error_description":"{words}"}}"#);
        Reply::json(400, body)
    })
    .await;
    let upstream = Upstream::start(|_, request| busy_for_all(request)).await;
    let mut ews = by_token(&upstream, &tokens, &["svc"]);
    let AuthSettings::OAuth2(oauth2) = &mut ews.auth else {
        panic!("by token");
    };
    oauth2.credential = ClientCredential::Secret {
        secret: "p/Q8+x%&=".into(),
        expires: None,
    };
    let error = ask_anna(&backend(ews)).await.unwrap_err().to_string();
    assert!(error.contains("client_secret=(secret)"), "{error}");
    assert!(!error.contains("Q8"), "{error}");
}

#[tokio::test]
async fn another_application_is_tried_at_once() {
    let tokens = Upstream::start(|number, _| grant(number, 3600)).await;
    let upstream = Upstream::start(|_, _| Reply::status(401, &[])).await;
    let instance = instance();
    let ask_as = async |client: &str| {
        let mut ews = by_token(&upstream, &tokens, &["svc"]);
        if let AuthSettings::OAuth2(oauth2) = &mut ews.auth {
            oauth2.client_id = client.into();
        }
        let before = upstream.requests().len();
        let backend = Ews::new("hq", ews, &instance).unwrap();
        ask_anna(&backend).await.unwrap_err();
        upstream.requests().len() - before
    };
    assert_eq!(ask_as("the-client").await, 2, "with a new token once more");
    assert_eq!(ask_as("the-client").await, 0, "it is known");
    assert_eq!(ask_as("another-client").await, 2);
}

#[tokio::test]
async fn a_token_endpoint_can_be_tried_without_an_account() {
    let tokens = Upstream::start(|number, _| match number {
        0 => grant(0, 3600),
        _ => azure(7_000_222),
    })
    .await;
    let upstream = Upstream::start(|_, request| busy_for_all(request)).await;
    let ews = by_token(&upstream, &tokens, &["svc"]);
    let now = clock().0;
    assert!(matches!(reach_tokens(&ews, now).await, Some(Ok(()))));
    let Some(Err(error)) = reach_tokens(&ews, now).await else {
        panic!("no token");
    };
    assert!(error.to_string().contains("AADSTS7000222"), "{error}");
    assert_eq!((tokens.requests().len(), upstream.requests().len()), (2, 0));
    assert!(reach_tokens(&ews_settings(&upstream), now).await.is_none());
}

/// RFC 6749 section 7.1: a token of a kind that is not understood must not be used.
#[tokio::test]
async fn a_token_of_another_kind_is_not_used() {
    for (kind, is_used) in [
        ("mac", false),
        ("DPoP", false),
        ("pop", false),
        ("bearer", true),
        ("BEARER", true),
    ] {
        let body = format!(
            r#"{{"token_type":"{kind}","expires_in":3600,"access_token":"Issued-token-51d7-0"}}"#
        );
        let tokens = Upstream::start(move |_, _| Reply::json(200, body.clone())).await;
        let upstream = Upstream::start(|_, request| busy_for_all(request)).await;
        let backend = backend(by_token(&upstream, &tokens, &["svc"]));
        match ask_anna(&backend).await {
            Ok(_) => assert!(is_used, "{kind}"),
            Err(EndpointError::Token { reason, text, .. }) => {
                assert!(!is_used, "{kind}: {text}");
                assert_eq!(reason, "bad_answer");
                assert!(text.contains("Bearer"), "{text}");
            }
            Err(error) => panic!("{kind}: {error}"),
        }
        assert_eq!(upstream.requests().len(), usize::from(is_used), "{kind}");
    }
}

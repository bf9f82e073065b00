//! The login as callers see it: many at once, too many, and how long a wrong password takes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use argon2::Argon2;
use argon2::password_hash::PasswordHasher;
use futures_util::future::join_all;

use crate::server_faces::Echo;
use crate::world::{ACCOUNT, PASSWORD, TestServer};

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_equal_logins_cost_one_verification() {
    let server = TestServer::start(Arc::new(Echo)).await;
    let client = server.client().build().unwrap();
    let calls = (0..100).map(|_| {
        let call = client
            .post(server.url())
            .basic_auth(ACCOUNT, Some(PASSWORD));
        call.body("<a/>").send()
    });
    for answer in join_all(calls).await {
        assert_eq!(answer.unwrap().status(), 200);
    }
    assert_eq!(server.login.verifications(), 1);
    let absent = client.post(server.url()).body("<a/>").send().await.unwrap();
    assert_eq!(absent.status(), 401);
    assert_eq!(server.login.verifications(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_queue_logins_are_told_to_come_back() {
    let server = TestServer::with(Arc::new(Echo), |s| {
        s.limits.login_queue = 0;
        s.access.login_failures = std::num::NonZeroU32::new(1000).unwrap();
        // At the cost that production has, so that verifications overlap.
        let hash = Argon2::default()
            .hash_password(PASSWORD.as_bytes())
            .unwrap();
        s.access.role_accounts[0].password_hash = hash.to_string();
    })
    .await;
    let client = server.client().build().unwrap();
    let calls = (0..90).map(|index| {
        let call = client.post(server.url());
        let call = call.basic_auth(ACCOUNT, Some(format!("guess {index}")));
        call.body("<a/>").send()
    });
    let mut turned_away = 0;
    for answer in join_all(calls).await {
        let answer = answer.unwrap();
        match answer.status().as_u16() {
            401 => {}
            503 => {
                assert_eq!(answer.headers()["retry-after"], "1");
                turned_away += 1;
            }
            other => panic!("{other}"),
        }
    }
    assert!(turned_away > 0);
    assert_eq!(server.login.verifications(), 90 - turned_away);
    let right = client
        .post(server.url())
        .basic_auth(ACCOUNT, Some(PASSWORD));
    assert_eq!(right.body("<a/>").send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn wrong_passwords_are_answered_late_and_alike() {
    let server = TestServer::start(Arc::new(Echo)).await;
    let client = server.client().build().unwrap();
    for (user, password) in [(ACCOUNT, "wrong"), ("nobody@example.com", PASSWORD)] {
        let started = Instant::now();
        let call = client.post(server.url()).basic_auth(user, Some(password));
        let answer = call.body("<a/>").send().await.unwrap();
        assert_eq!(answer.status(), 401);
        assert_eq!(
            answer.headers()["www-authenticate"],
            "Basic realm=\"localhost\""
        );
        assert!(started.elapsed() >= Duration::from_millis(250));
        assert!(answer.bytes().await.unwrap().is_empty());
    }
}

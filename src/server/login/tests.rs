//! The login without sockets; time stands still unless a test moves it.

use argon2::password_hash::PasswordHasher;
use argon2::{Algorithm, Argon2, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;

use super::*;
use crate::domain::{Detail, SmtpAddress};

const ANNA: &str = "anna@example.com";

/// Cheap parameters: the tests count runs, they do not need each to be slow.
fn hash(password: &str) -> String {
    let params = Params::new(64, 1, 1, None).unwrap();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password(password.as_bytes())
        .unwrap()
        .to_string()
}

fn account(address: &str, password_hash: String) -> InboundAccount {
    let address = SmtpAddress::parse(address).unwrap();
    InboundAccount {
        password_hash,
        caller: Caller::of_account(address.clone(), Detail::BusyOnly),
        address,
    }
}

fn login(queue: usize) -> Arc<Login> {
    Login::new(&[account(ANNA, hash("right"))], queue).unwrap()
}

fn basic(user: &str, password: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let token = STANDARD.encode(format!("{user}:{password}"));
    headers.insert(AUTHORIZATION, format!("Basic {token}").parse().unwrap());
    headers
}

#[tokio::test]
async fn the_right_password_makes_the_caller() {
    let login = login(8);
    let caller = login.caller(&basic("Anna@Example.com", "right")).await;
    assert_eq!(caller.unwrap().account().unwrap().as_str(), ANNA);
    for (user, password) in [
        (ANNA, "wrong"),
        (ANNA, ""),
        ("bert@example.com", "right"),
        ("", "right"),
    ] {
        let denied = login.caller(&basic(user, password)).await.unwrap_err();
        assert_eq!(denied, Denied::Wrong, "{user}");
    }
    let denied = login.caller(&HeaderMap::new()).await.unwrap_err();
    assert_eq!(denied, Denied::Absent);
}

#[tokio::test]
async fn an_unknown_account_costs_one_verification_too() {
    let login = login(8);
    let _ = login.caller(&basic("nobody@example.com", "x")).await;
    assert_eq!(login.verifications(), 1);
    let _ = login.caller(&basic("no address", "x")).await;
    assert_eq!(login.verifications(), 2);
    let known = &login.accounts[ANNA].hash;
    assert_eq!(login.nobody.params, known.params);
    assert_eq!(login.nobody.algorithm, known.algorithm);
    assert_ne!(login.nobody.hash, known.hash);
}

#[tokio::test(start_paused = true)]
async fn success_counts_for_a_minute_and_failure_for_seconds() {
    let login = login(8);
    let (right, wrong) = (basic(ANNA, "right"), basic(ANNA, "wrong"));
    for _ in 0..3 {
        assert!(login.caller(&right).await.is_ok());
        assert!(login.caller(&wrong).await.is_err());
    }
    assert_eq!(login.verifications(), 2);
    tokio::time::advance(FAILURE_LIFETIME).await;
    assert!(login.caller(&right).await.is_ok());
    assert!(login.caller(&wrong).await.is_err());
    assert_eq!(login.verifications(), 3);
    tokio::time::advance(SUCCESS_LIFETIME).await;
    assert!(login.caller(&right).await.is_ok());
    assert_eq!(login.verifications(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_credentials_share_one_verification() {
    let login = login(4);
    let calls = (0..100).map(|_| {
        let login = Arc::clone(&login);
        tokio::spawn(async move { login.caller(&basic(ANNA, "right")).await })
    });
    for call in calls.collect::<Vec<_>>() {
        assert!(call.await.unwrap().is_ok());
    }
    assert_eq!(login.verifications(), 1);
}

#[tokio::test]
async fn a_verification_outlives_the_asker_that_began_it() {
    let login = login(4);
    let cores = login.cores.available_permits() as u32;
    let held = login.cores.acquire_many(cores).await.unwrap();
    {
        let headers = basic(ANNA, "right");
        let mut first = std::pin::pin!(login.caller(&headers));
        // Polled until the verification waits for a core, then dropped: the asker hangs up.
        while login.places.available_permits() == cores as usize + 4 {
            assert!(futures_util::poll!(&mut first).is_pending());
            tokio::task::yield_now().await;
        }
    }
    drop(held);
    assert!(login.caller(&basic(ANNA, "right")).await.is_ok());
    assert_eq!(login.verifications(), 1);
}

#[tokio::test]
async fn beyond_the_queue_callers_are_told_to_come_back() {
    let login = login(0);
    let cores = login.cores.available_permits();
    let held = login.places.acquire_many(cores as u32).await.unwrap();
    let denied = login.caller(&basic(ANNA, "right")).await.unwrap_err();
    assert_eq!(denied, Denied::Overloaded);
    drop(held);
    // Being turned away is not remembered.
    assert!(login.caller(&basic(ANNA, "right")).await.is_ok());
}

#[test]
fn a_hash_that_is_not_argon2id_names_its_place() {
    for bad in [
        "",
        "plain",
        "$argon2id$v=19$m=64,t=1,p=1",
        "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ",
        &hash("x").replace("argon2id", "argon2i"),
        "$scrypt$ln=4,r=8,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ] {
        let accounts = [account(ANNA, hash("x")), account(ANNA, bad.to_owned())];
        let error = Login::new(&accounts, 1).err().expect(bad);
        assert!(error.to_string().contains("role_account[1]"), "{error}");
    }
}

#[tokio::test]
async fn without_accounts_nobody_gets_in() {
    let login = Login::new(&[], 1).unwrap();
    assert!(login.caller(&basic(ANNA, "right")).await.is_err());
    assert_eq!(login.verifications(), 1);
}

//! The login without sockets; time stands still unless a test moves it.

mod remembered;

use argon2::password_hash::PasswordHasher;
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;

use super::passwords::{FAILURE_LIFETIME, SUCCESS_LIFETIME};
use super::*;
use crate::domain::{Detail, SmtpAddress};

const ANNA: &str = "anna@example.com";
const HERE: &str = "192.0.2.1";

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
        password: None,
        caller: Caller::of_account(address.clone(), Detail::BusyOnly),
        address,
    }
}

fn access(accounts: Vec<InboundAccount>) -> AccessSettings {
    AccessSettings {
        role_accounts: accounts,
        ..AccessSettings::default()
    }
}

fn login(queue: usize) -> Arc<Login> {
    Login::new(&access(vec![account(ANNA, hash("right"))]), queue, None).unwrap()
}

fn from<'a>(client: &str, headers: &'a HeaderMap) -> Shown<'a> {
    Shown {
        headers,
        client: client.parse().unwrap(),
        certificate: None,
        recent: None,
    }
}

fn basic(user: &str, password: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let token = STANDARD.encode(format!("{user}:{password}"));
    headers.insert(AUTHORIZATION, format!("Basic {token}").parse().unwrap());
    headers
}

/// Logs in with the right password.
async fn anna(login: &Arc<Login>) -> Result<Arc<Caller>, Denied> {
    login.caller(&from(HERE, &basic(ANNA, "right"))).await
}

#[tokio::test]
async fn the_right_password_makes_the_caller() {
    let login = login(8);
    let caller = login
        .caller(&from(HERE, &basic("Anna@Example.com", "right")))
        .await;
    assert_eq!(caller.unwrap().account().unwrap().as_str(), ANNA);
    for (user, password) in [
        (ANNA, "wrong"),
        (ANNA, ""),
        ("bert@example.com", "right"),
        ("", "right"),
    ] {
        let denied = login
            .caller(&from(HERE, &basic(user, password)))
            .await
            .unwrap_err();
        assert_eq!(denied, Denied::Wrong, "{user}");
    }
    let denied = login
        .caller(&from(HERE, &HeaderMap::new()))
        .await
        .unwrap_err();
    assert_eq!(denied, Denied::Absent);
}

#[tokio::test]
async fn an_unknown_account_costs_one_verification_too() {
    let login = login(8);
    let _ = login
        .caller(&from(HERE, &basic("nobody@example.com", "x")))
        .await;
    assert_eq!(login.verifications(), 1);
    let _ = login.caller(&from(HERE, &basic("no address", "x"))).await;
    assert_eq!(login.verifications(), 2);
    let (known, nobody) = login.accounts.hashes(ANNA);
    assert_eq!(nobody.params, known.params);
    assert_eq!(nobody.algorithm, known.algorithm);
    assert_ne!(nobody.hash, known.hash);
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_credentials_share_one_verification() {
    let login = login(4);
    let calls = (0..100).map(|_| {
        let login = Arc::clone(&login);
        tokio::spawn(async move { anna(&login).await })
    });
    for call in calls.collect::<Vec<_>>() {
        assert!(call.await.unwrap().is_ok());
    }
    assert_eq!(login.verifications(), 1);
}

#[tokio::test]
async fn a_verification_outlives_the_asker_that_began_it() {
    let login = login(4);
    let cores = login.kept.passwords.cores.available_permits() as u32;
    let held = login
        .kept
        .passwords
        .cores
        .acquire_many(cores)
        .await
        .unwrap();
    {
        let headers = basic(ANNA, "right");
        let shown = from(HERE, &headers);
        let mut first = std::pin::pin!(login.caller(&shown));
        // Polled until the verification waits for a core, then dropped: the asker hangs up.
        while login.kept.passwords.places.available_permits() == cores as usize + 4 {
            assert!(futures_util::poll!(&mut first).is_pending());
            tokio::task::yield_now().await;
        }
    }
    drop(held);
    assert!(anna(&login).await.is_ok());
    assert_eq!(login.verifications(), 1);
}

#[tokio::test]
async fn beyond_the_queue_callers_are_told_to_come_back() {
    let login = login(0);
    let cores = login.kept.passwords.cores.available_permits();
    let held = login
        .kept
        .passwords
        .places
        .acquire_many(cores as u32)
        .await
        .unwrap();
    let denied = anna(&login).await.unwrap_err();
    assert_eq!(denied, Denied::Overloaded);
    drop(held);
    // Being turned away is not remembered.
    assert!(anna(&login).await.is_ok());
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
        let error = Login::new(&access(accounts.into()), 1, None)
            .err()
            .expect(bad);
        assert!(error.to_string().contains("role_account[1]"), "{error}");
    }
}

#[tokio::test]
async fn without_accounts_nobody_gets_in() {
    let login = Login::new(&access(Vec::new()), 1, None).unwrap();
    assert!(anna(&login).await.is_err());
    assert_eq!(login.verifications(), 1);
}

async fn ask(login: &Arc<Login>, client: &str, password: &str) -> Option<Denied> {
    login
        .caller(&from(client, &basic(ANNA, password)))
        .await
        .err()
}

#[tokio::test(start_paused = true)]
async fn guesses_are_bounded_and_the_rightful_caller_is_not_shut_out() {
    let login = login(8);
    assert_eq!(ask(&login, HERE, "right").await, None);
    let mut wrong = 0;
    let mut limited = 0;
    for guess in 0..10_000 {
        match ask(&login, HERE, &format!("guess {guess}")).await {
            Some(Denied::Wrong) => wrong += 1,
            Some(Denied::Limited(left)) => {
                assert!(!left.is_zero() && left < Duration::from_mins(1));
                limited += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(wrong + limited, 10_000);
    // Twenty at once, one more that finds the limit, and what a slow machine gives back meanwhile.
    assert!((21..60).contains(&wrong), "{wrong}");
    assert_eq!(login.verifications(), wrong + 1);
    // The verdict has run out, the address and the account are blocked, and still the right password is listened to.
    tokio::time::advance(SUCCESS_LIFETIME).await;
    for guess in 0..40 {
        ask(&login, HERE, &format!("more {guess}")).await;
    }
    assert!(matches!(
        ask(&login, HERE, "x").await,
        Some(Denied::Limited(_))
    ));
    assert_eq!(ask(&login, HERE, "right").await, None);
    assert_eq!(ask(&login, "198.51.100.1", "right").await, None);
}

#[tokio::test]
async fn whoever_is_right_the_first_time_costs_no_failure() {
    let many = (0..100).map(|n| account(&format!("role{n}@example.com"), hash("right")));
    let login = Login::new(&access(many.collect()), 8, None).unwrap();
    for n in 0..100 {
        let headers = basic(&format!("role{n}@example.com"), "right");
        assert!(login.caller(&from(HERE, &headers)).await.is_ok(), "{n}");
    }
}

#[tokio::test]
async fn what_was_found_goes_on_under_the_next_configuration() {
    let right = hash("right");
    let first = Login::new(&access(vec![account(ANNA, right.clone())]), 8, None).unwrap();
    assert_eq!(ask(&first, HERE, "right").await, None);
    let same = Login::new(&access(vec![account(ANNA, right)]), 8, Some(first.kept())).unwrap();
    assert_eq!(ask(&same, HERE, "right").await, None);
    assert_eq!(same.verifications(), 1);
    // Another hash, and what was found about the old one is worth nothing.
    let changed = access(vec![account(ANNA, hash("new"))]);
    let changed = Login::new(&changed, 8, Some(same.kept())).unwrap();
    assert_eq!(ask(&changed, HERE, "right").await, Some(Denied::Wrong));
    assert_eq!(ask(&changed, HERE, "new").await, None);
    assert_eq!(changed.verifications(), 3);
    // So is an account that is gone.
    let gone = Login::new(&access(Vec::new()), 8, Some(changed.kept())).unwrap();
    assert_eq!(ask(&gone, HERE, "new").await, Some(Denied::Wrong));
}

fn clients(secret: &str) -> AccessSettings {
    AccessSettings {
        clients: vec![ClientAccount {
            id: "google".to_owned(),
            secret_hash: hash(secret),
            caller: Caller::new(CallerId::Client("google".into()), Detail::BusyOnly),
        }],
        login_failures: NonZeroU32::new(3).unwrap(),
        ..AccessSettings::default()
    }
}

fn readings(secrets: &[&str]) -> Vec<(String, SecretString)> {
    let secrets = secrets.iter();
    secrets
        .map(|secret| ("google".to_owned(), (*secret).into()))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn both_readings_of_a_secret_are_one_attempt() {
    let login = Login::new(&clients("a+b"), 8, None).unwrap();
    let here = HERE.parse().unwrap();
    // More often than there may be failures: the first reading's is none.
    for run in 1..=6 {
        let holder = login.client(readings(&["a b", "a+b"]), here).await;
        assert_eq!(holder.unwrap().client, "google");
        // The reading that was right is tried first from then on.
        assert_eq!(login.verifications(), 1 + run);
        tokio::time::advance(SUCCESS_LIFETIME).await;
    }
    let limited_after = async |login: &Login, readings_of: fn(u32) -> Vec<String>| {
        for guess in 0.. {
            let texts = readings_of(guess);
            let texts: Vec<_> = texts.iter().map(String::as_str).collect();
            match login.client(readings(&texts), here).await {
                Err(Denied::Wrong) => {}
                Err(Denied::Limited(_)) => return guess,
                other => panic!("{other:?}"),
            }
        }
        0
    };
    let two = limited_after(&login, |n| vec![format!("{n} x"), format!("{n}+x")]).await;
    let login = Login::new(&clients("a+b"), 8, None).unwrap();
    let one = limited_after(&login, |n| vec![format!("{n}x")]).await;
    assert_eq!((one, two), (4, 4));
}

#[tokio::test(start_paused = true)]
async fn other_bounds_do_not_forget_who_was_right() {
    let settings = access(vec![account(ANNA, hash("right"))]);
    let first = Login::new(&settings, 8, None).unwrap();
    assert_eq!(ask(&first, HERE, "right").await, None);
    let fewer = AccessSettings {
        login_failures: NonZeroU32::new(1).unwrap(),
        ..settings
    };
    let next = Login::new(&fewer, 4, Some(first.kept())).unwrap();
    while !matches!(ask(&next, HERE, "wrong").await, Some(Denied::Limited(_))) {
        tokio::time::advance(FAILURE_LIFETIME).await;
    }
    tokio::time::advance(SUCCESS_LIFETIME).await;
    let mut guesses = 0;
    while !matches!(
        ask(&next, HERE, &format!("guess {guesses}")).await,
        Some(Denied::Limited(_))
    ) {
        guesses += 1;
    }
    assert_eq!(ask(&next, HERE, "right").await, None);
}

#[tokio::test]
async fn a_stranger_elsewhere_does_not_lock_the_caller_out_after_a_restart() {
    let login = login(8);
    let mut guess = 0;
    while !matches!(
        ask(&login, "198.51.100.7", &format!("guess {guess}")).await,
        Some(Denied::Limited(_))
    ) {
        guess += 1;
    }
    assert_eq!(ask(&login, HERE, "right").await, None);
}

#[tokio::test]
async fn a_token_ends_with_the_secret_that_it_was_given_for() {
    let settings = clients("old");
    let login = Login::new(&settings, 8, None).unwrap();
    let holder = login.client(readings(&["old"]), HERE.parse().unwrap());
    let token = login
        .issuer()
        .unwrap()
        .issue(&holder.await.unwrap())
        .unwrap();
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
    let same = Login::new(&settings, 8, Some(login.kept())).unwrap();
    assert!(same.caller(&from(HERE, &headers)).await.is_ok());
    let rotated = Login::new(&clients("new"), 8, Some(login.kept())).unwrap();
    let denied = rotated.caller(&from(HERE, &headers)).await;
    assert_eq!(denied.err(), Some(Denied::InvalidToken));
}

#[tokio::test(start_paused = true)]
async fn a_password_that_is_configured_in_plain_is_listened_to_after_a_restart() {
    let configured = InboundAccount {
        password: Some("right".into()),
        ..account(ANNA, hash("right"))
    };
    for (account, is_heard) in [(configured, true), (account(ANNA, hash("right")), false)] {
        let login = Login::new(&access(vec![account]), 8, None).unwrap();
        let mut guesses = 0;
        while !matches!(
            ask(&login, HERE, &format!("guess {guesses}")).await,
            Some(Denied::Limited(_))
        ) {
            guesses += 1;
        }
        let runs = login.verifications();
        assert_eq!(ask(&login, HERE, "right").await.is_none(), is_heard);
        assert_eq!(login.verifications() - runs, u64::from(is_heard));
    }
}

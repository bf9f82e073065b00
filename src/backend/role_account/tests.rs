//! The pool of role accounts under a clock that the tests move.

mod late;
mod learnt;

use secrecy::SecretString;

use super::state::{LONGEST_ASKED_REST, QUARANTINE, REST, SHORT_QUARANTINE};
use super::*;
use crate::backend::AccountCondition;
use crate::domain::FixedClock;
use tokio::time::{advance, timeout};

fn instance() -> Instance {
    Instance::new(Arc::new(FixedClock("2026-09-01T08:00Z".parse().unwrap())))
}

fn pool(names: &[&str]) -> Arc<RoleAccounts<()>> {
    pool_of(names, &instance())
}

fn pool_of(names: &[&str], instance: &Instance) -> Arc<RoleAccounts<()>> {
    let mark = |name: &str| {
        let secret = SecretString::from("secret of the pool");
        instance
            .quarantine
            .mark("https://mail.x.example/", name, &secret)
    };
    let accounts = names
        .iter()
        .map(|name| Account {
            address: SmtpAddress::parse(name).unwrap(),
            login: (),
            max_concurrency: 8,
            mark: mark(name),
            stakes: Stakes::LockOut,
        })
        .collect();
    RoleAccounts::new(accounts, instance)
}

async fn lease(pool: &Arc<RoleAccounts<()>>) -> Result<Lease<()>, EndpointError> {
    pool.lease(&mut Tried::default()).await
}

async fn accept_all(pool: &Arc<RoleAccounts<()>>, count: usize) {
    let mut tried = Tried::default();
    for _ in 0..count {
        pool.lease(&mut tried).await.unwrap().served().await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_least_used_account_is_next() {
    let pool = pool(&["a@x.example", "b@x.example", "c@x.example"]);
    accept_all(&pool, 3).await;
    let first = lease(&pool).await.unwrap();
    let second = lease(&pool).await.unwrap();
    let third = lease(&pool).await.unwrap();
    let mut got = [&first, &second, &third].map(|l| l.address().to_string());
    got.sort();
    assert_eq!(got, ["a@x.example", "b@x.example", "c@x.example"]);
    let free = second.address().clone();
    drop(second);
    assert_eq!(lease(&pool).await.unwrap().address(), &free);
}

#[tokio::test(start_paused = true)]
async fn one_call_uses_no_account_twice() {
    let pool = pool(&["a@x.example", "b@x.example"]);
    let mut tried = Tried::default();
    pool.lease(&mut tried).await.unwrap().served().await;
    pool.lease(&mut tried).await.unwrap().served().await;
    assert!(pool.lease(&mut tried).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_refused_account_is_left_alone_for_half_an_hour_then_for_an_hour() {
    let pool = pool(&["a@x.example"]);
    let hint: Arc<str> = "wrong password".into();
    for minutes in [30, 60, 120] {
        lease(&pool).await.unwrap().refused(&hint).await;
        let Err(EndpointError::NoAccount(text)) = lease(&pool).await else {
            panic!("expected a quarantine");
        };
        assert!(text.contains("a@x.example was refused (401: wrong password)"));
        advance(Duration::from_secs(minutes * 60 - 1)).await;
        assert!(lease(&pool).await.is_err());
        advance(Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_password_that_has_worked_within_the_hour_is_tried_sooner() {
    let pool = pool(&["a@x.example"]);
    let hint: Arc<str> = "the directory cannot be reached".into();
    for round in ["first", "after a success that forgets the refusals"] {
        lease(&pool).await.unwrap().served().await;
        // After an hour of refusals the success says nothing any more.
        for seconds in [60, 120, 240, 480, 960, 1_920, 3_840] {
            let pause = lease(&pool).await.unwrap().refused(&hint).await;
            assert_eq!(pause.as_secs(), seconds, "{round}");
            advance(Duration::from_millis(seconds * 1_000 - 1)).await;
            assert!(lease(&pool).await.is_err(), "{round}: {seconds}");
            advance(Duration::from_millis(1)).await;
        }
    }
    lease(&pool).await.unwrap().served().await;
    advance(Duration::from_hours(1)).await;
    assert_eq!(lease(&pool).await.unwrap().refused(&hint).await, QUARANTINE);
}

#[tokio::test(start_paused = true)]
async fn an_account_without_a_password_is_tried_again_within_minutes() {
    let mut pool = pool(&["a@x.example"]);
    let account = &mut Arc::get_mut(&mut pool).unwrap().accounts[0];
    Arc::get_mut(account).unwrap().stakes = Stakes::None;
    for seconds in [60, 120, 240, 300, 300] {
        let pause = lease(&pool).await.unwrap().refused(&"no".into()).await;
        assert_eq!(pause.as_secs(), seconds);
        advance(pause).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_bears_fewer_calls_is_asked_fewer_at_once() {
    let pool = pool(&["a@x.example"]);
    accept_all(&pool, 1).await;
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(lease(&pool).await.unwrap());
    }
    let rest = held.pop().unwrap().throttled(None);
    assert_eq!(rest, Duration::ZERO, "three calls of it go on");
    let waits = timeout(Duration::from_secs(1), lease(&pool)).await;
    assert!(waits.is_err(), "a fourth is too many");
    held.pop();
    held.push(lease(&pool).await.unwrap());
    advance(Duration::from_mins(1)).await;
    let _fourth = lease(&pool).await.unwrap();
    let waits = timeout(Duration::from_secs(1), lease(&pool)).await;
    assert!(waits.is_err(), "one more each minute");
}

#[tokio::test(start_paused = true)]
async fn an_account_that_is_shut_out_is_left_alone_for_minutes() {
    let pool = pool(&["a@x.example"]);
    let hint: Arc<str> = "403: not on the list".into();
    for minutes in [5, 10, 20, 40, 60, 60] {
        let pause = lease(&pool).await.unwrap().forbidden(&hint);
        assert_eq!(pause, Duration::from_mins(minutes));
        assert!(matches!(
            lease(&pool).await,
            Err(EndpointError::Forbidden(_))
        ));
        assert_eq!(pool.states()[0].condition, AccountCondition::Forbidden);
        advance(pause).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_account_makes_no_more_calls_at_once_than_it_may() {
    let pool = pool(&["a@x.example", "b@x.example"]);
    accept_all(&pool, 2).await;
    let mut held = Vec::new();
    for _ in 0..16 {
        held.push(lease(&pool).await.unwrap());
    }
    assert_eq!(pool.states().iter().map(|a| a.in_flight).sum::<usize>(), 16);
    let waits = timeout(Duration::from_secs(1), lease(&pool)).await;
    assert!(waits.is_err(), "both make eight calls");
    let (next, ()) = tokio::join!(lease(&pool), async { drop(held.pop()) });
    assert!(next.is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_account_to_be_avoided_is_not_used() {
    let pool = pool(&["a@x.example", "b@x.example"]);
    accept_all(&pool, 2).await;
    let avoid = [SmtpAddress::parse("a@x.example").unwrap()];
    for _ in 0..4 {
        let lease = pool.lease(&mut pool.without(&avoid)).await.unwrap();
        assert_ne!(lease.address(), &avoid[0]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_state_of_each_account_is_told() {
    let pool = pool(&["a@x.example", "b@x.example", "c@x.example"]);
    let mut tried = Tried::default();
    pool.lease(&mut tried)
        .await
        .unwrap()
        .refused(&"no".into())
        .await;
    let rest = pool.lease(&mut tried).await.unwrap().throttled(None);
    assert_eq!(rest, REST);
    let _held = pool.lease(&mut tried).await.unwrap();
    let told: Vec<_> = pool
        .states()
        .into_iter()
        .map(|account| (account.condition, account.left, account.in_flight))
        .collect();
    assert_eq!(
        told,
        [
            (AccountCondition::Quarantined, Some(QUARANTINE), 0),
            (AccountCondition::Resting, Some(REST), 0),
            (AccountCondition::Ready, None, 1),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn refusals_of_calls_in_flight_together_count_once() {
    let pool = pool(&["a@x.example"]);
    accept_all(&pool, 1).await;
    let (first, second) = (lease(&pool).await.unwrap(), lease(&pool).await.unwrap());
    let hint: Arc<str> = "no".into();
    assert_eq!(first.refused(&hint).await, SHORT_QUARANTINE);
    assert_eq!(second.refused(&hint).await, SHORT_QUARANTINE);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_older_than_a_refusal_does_not_speak_for_the_login() {
    let pool = pool(&["a@x.example"]);
    accept_all(&pool, 1).await;
    let (old, new) = (lease(&pool).await.unwrap(), lease(&pool).await.unwrap());
    let pause = new.refused(&"no".into()).await;
    old.served().await;
    drop((old, new));
    advance(pause).await;
    let trial = lease(&pool).await.unwrap();
    let waits = timeout(Duration::from_secs(1), lease(&pool)).await;
    assert!(waits.is_err(), "one call at a time");
    assert_eq!(trial.refused(&"no".into()).await, pause * 2);
}

#[tokio::test(start_paused = true)]
async fn an_account_not_accepted_yet_makes_one_call_at_a_time() {
    let pool = pool(&["a@x.example"]);
    let first = lease(&pool).await.unwrap();
    assert!(
        timeout(Duration::from_secs(1), lease(&pool)).await.is_err(),
        "the second waits"
    );
    first.served().await;
    let second = lease(&pool).await.unwrap();
    drop((first, second));

    let pool = self::pool(&["b@x.example"]);
    let first = lease(&pool).await.unwrap();
    let (second, ()) = tokio::join!(lease(&pool), async {
        first.refused(&"no".into()).await;
    });
    assert!(matches!(second, Err(EndpointError::NoAccount(_))));
}

#[tokio::test(start_paused = true)]
async fn a_throttled_account_rests_while_others_work() {
    let pool = pool(&["a@x.example", "b@x.example"]);
    accept_all(&pool, 2).await;
    let resting = lease(&pool).await.unwrap();
    resting.throttled(Some(Duration::from_secs(42)));
    let name = resting.address().clone();
    drop(resting);
    for _ in 0..4 {
        assert_ne!(lease(&pool).await.unwrap().address(), &name);
    }
    let other = lease(&pool).await.unwrap();
    other.throttled(Some(Duration::from_secs(50)));
    drop(other);
    let Err(EndpointError::Throttled { back_off }) = lease(&pool).await else {
        panic!("all rest");
    };
    assert_eq!(back_off, Some(Duration::from_secs(42)));
    advance(Duration::from_secs(42)).await;
    assert_eq!(lease(&pool).await.unwrap().address(), &name);
}

#[tokio::test(start_paused = true)]
async fn without_a_hint_the_rest_doubles_up_to_a_minute() {
    let pool = pool(&["a@x.example"]);
    for seconds in [5, 10, 20, 40, 60, 60] {
        lease(&pool).await.unwrap().throttled(None);
        advance(Duration::from_secs(seconds - 1)).await;
        assert!(lease(&pool).await.is_err(), "{seconds}");
        advance(Duration::from_secs(1)).await;
    }
    let none = Some(Duration::ZERO);
    let rest = lease(&pool).await.unwrap().throttled(none);
    assert_eq!(
        rest.as_secs(),
        60,
        "a rest of nothing is none that was asked for"
    );
    advance(rest).await;
    lease(&pool).await.unwrap().throttled(Some(Duration::MAX));
    advance(LONGEST_ASKED_REST).await;
    assert!(lease(&pool).await.is_ok());
}

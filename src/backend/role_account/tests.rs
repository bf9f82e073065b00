//! The pool of role accounts under a clock that the tests move.

use super::*;
use tokio::time::{advance, timeout};

fn pool(names: &[&str]) -> RoleAccounts<()> {
    let accounts = names
        .iter()
        .map(|name| (SmtpAddress::parse(name).unwrap(), ()))
        .collect();
    RoleAccounts::new(accounts)
}

async fn lease(pool: &RoleAccounts<()>) -> Result<Lease<'_, ()>, EndpointError> {
    pool.lease(&mut Tried::default()).await
}

async fn accept_all(pool: &RoleAccounts<()>, count: usize) {
    let mut tried = Tried::default();
    for _ in 0..count {
        pool.lease(&mut tried).await.unwrap().served();
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
    pool.lease(&mut tried).await.unwrap().served();
    pool.lease(&mut tried).await.unwrap().served();
    assert!(pool.lease(&mut tried).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_refused_account_is_left_alone_for_half_an_hour_then_for_an_hour() {
    let pool = pool(&["a@x.example"]);
    let hint: Arc<str> = "wrong password".into();
    for minutes in [30, 60, 120] {
        lease(&pool).await.unwrap().refused(&hint);
        let Err(EndpointError::NoAccount(text)) = lease(&pool).await else {
            panic!("expected a quarantine");
        };
        assert!(text.contains("a@x.example was refused (401: wrong password)"));
        advance(Duration::from_secs(minutes * 60 - 1)).await;
        assert!(lease(&pool).await.is_err());
        advance(Duration::from_secs(1)).await;
    }
    lease(&pool).await.unwrap().served();
    let pause = lease(&pool).await.unwrap().refused(&hint);
    assert_eq!(pause, QUARANTINE, "a success forgets the refusals");
}

#[tokio::test(start_paused = true)]
async fn refusals_of_calls_in_flight_together_count_once() {
    let pool = pool(&["a@x.example"]);
    accept_all(&pool, 1).await;
    let (first, second) = (lease(&pool).await.unwrap(), lease(&pool).await.unwrap());
    let hint: Arc<str> = "no".into();
    assert_eq!(first.refused(&hint), QUARANTINE);
    assert_eq!(second.refused(&hint), QUARANTINE);
}

#[tokio::test(start_paused = true)]
async fn an_account_not_accepted_yet_makes_one_call_at_a_time() {
    let pool = pool(&["a@x.example"]);
    let first = lease(&pool).await.unwrap();
    assert!(
        timeout(Duration::from_secs(1), lease(&pool)).await.is_err(),
        "the second waits"
    );
    first.served();
    let second = lease(&pool).await.unwrap();
    drop((first, second));

    let pool = self::pool(&["b@x.example"]);
    let first = lease(&pool).await.unwrap();
    let (second, ()) = tokio::join!(lease(&pool), async {
        first.refused(&"no".into());
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
async fn without_a_hint_the_rest_doubles_up_to_five_minutes() {
    let pool = pool(&["a@x.example"]);
    for seconds in [10, 20, 40, 80, 160, 300, 300] {
        lease(&pool).await.unwrap().throttled(None);
        advance(Duration::from_secs(seconds - 1)).await;
        assert!(lease(&pool).await.is_err(), "{seconds}");
        advance(Duration::from_secs(1)).await;
    }
    lease(&pool).await.unwrap().throttled(Some(Duration::MAX));
    advance(LONGEST_ASKED_REST).await;
    assert!(lease(&pool).await.is_ok());
}

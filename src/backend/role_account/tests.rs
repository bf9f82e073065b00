//! The pool of role accounts under a clock that the tests move.

use super::*;
use tokio::time::{advance, timeout};

fn pool(names: &[&str]) -> RoleAccounts<()> {
    let accounts = names
        .iter()
        .map(|name| Account {
            address: SmtpAddress::parse(name).unwrap(),
            login: (),
            max_concurrency: 8,
        })
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
}

#[tokio::test(start_paused = true)]
async fn a_password_that_has_worked_gets_some_chances_more() {
    let pool = pool(&["a@x.example"]);
    let hint: Arc<str> = "the directory cannot be reached".into();
    for round in ["first", "after a success that forgets the refusals"] {
        lease(&pool).await.unwrap().served();
        for seconds in [5, 60, 300, 1_800, 3_600] {
            let pause = lease(&pool).await.unwrap().refused(&hint);
            assert_eq!(pause.as_secs(), seconds, "{round}");
            advance(Duration::from_millis(seconds * 1_000 - 1)).await;
            assert!(lease(&pool).await.is_err(), "{round}: {seconds}");
            advance(Duration::from_millis(1)).await;
        }
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
    pool.lease(&mut tried).await.unwrap().refused(&"no".into());
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
    assert_eq!(first.refused(&hint), SECOND_CHANCES[0]);
    assert_eq!(second.refused(&hint), SECOND_CHANCES[0]);
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
async fn without_a_hint_the_rest_doubles_up_to_a_minute() {
    let pool = pool(&["a@x.example"]);
    for seconds in [5, 10, 20, 40, 60, 60] {
        lease(&pool).await.unwrap().throttled(None);
        advance(Duration::from_secs(seconds - 1)).await;
        assert!(lease(&pool).await.is_err(), "{seconds}");
        advance(Duration::from_secs(1)).await;
    }
    lease(&pool).await.unwrap().throttled(Some(Duration::MAX));
    advance(LONGEST_ASKED_REST).await;
    assert!(lease(&pool).await.is_ok());
}

//! Calls that go on after their callers have given up: they count as any other, and their password waits for its answer.

use super::*;
use crate::backend::role_account::state::{HELD, PROVEN_FOR};
use tokio::task::JoinSet;

#[tokio::test(start_paused = true)]
async fn a_late_call_is_in_flight_and_no_other_goes_beside_it_for_some_seconds() {
    let pool = pool(&["a@x.example"]);
    accept_all(&pool, 1).await;
    tokio::time::advance(PROVEN_FOR).await;
    let mut calls = JoinSet::<()>::new();
    let late = lease(&pool).await.unwrap();
    assert!(late.given_up(late.number(), calls.spawn(std::future::pending())));
    assert_eq!(pool.states()[0].in_flight, 1);
    let waits = timeout(HELD.mul_f32(0.99), lease(&pool)).await;
    assert!(waits.is_err(), "the password is on its way");
    let second = timeout(Duration::from_secs(2), lease(&pool)).await.unwrap();
    let second = second.unwrap();
    let waits = timeout(Duration::from_secs(9), lease(&pool)).await;
    assert!(waits.is_err(), "one beside it");
    second.served().await;
    let mut held = vec![second];
    for _ in 0..6 {
        held.push(lease(&pool).await.unwrap());
    }
    let waits = timeout(Duration::from_secs(9), lease(&pool)).await;
    assert!(waits.is_err(), "it is one of the eight");
    drop(late);
    assert!(lease(&pool).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_answer_to_a_late_call_lets_others_go() {
    let pool = pool(&["a@x.example"]);
    accept_all(&pool, 1).await;
    tokio::time::advance(PROVEN_FOR).await;
    let mut calls = JoinSet::<()>::new();
    let late = lease(&pool).await.unwrap();
    assert!(late.given_up(late.number(), calls.spawn(std::future::pending())));
    let begun = Instant::now();
    let (next, ()) = tokio::join!(lease(&pool), async move {
        drop(late);
    });
    assert!(next.is_ok());
    assert!(begun.elapsed() < HELD);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_makes_way_holds_up_no_other_where_the_login_was_just_taken() {
    let pool = pool(&["a@x.example"]);
    accept_all(&pool, 1).await;
    let mut calls = JoinSet::<()>::new();
    let late = lease(&pool).await.unwrap();
    assert!(late.given_up(late.number(), calls.spawn(std::future::pending())));
    let begun = Instant::now();
    assert!(lease(&pool).await.is_ok());
    assert_eq!(begun.elapsed(), Duration::ZERO);
    drop(late);
}

#[tokio::test(start_paused = true)]
async fn an_account_whose_caller_gave_up_makes_one_call_at_a_time_until_it_is_taken_again() {
    let pool = pool(&["a@x.example"]);
    accept_all(&pool, 1).await;
    let mut calls = tokio::task::JoinSet::<()>::new();
    let (first, second) = (lease(&pool).await.unwrap(), lease(&pool).await.unwrap());
    let more = (0..12).map(|_| calls.spawn(std::future::pending()));
    let heard = more
        .filter(|call| first.given_up(first.number(), call.clone()))
        .count();
    assert_eq!(heard, 8, "no more than so many are listened to");
    drop(first);
    let waits = timeout(Duration::from_secs(1), lease(&pool)).await;
    assert!(waits.is_err(), "the password may be wrong by now");
    second.served().await;
    assert!(lease(&pool).await.is_ok());
}

//! Calls that go on after their callers have given up: they count as any other, and a password that is not known to work
//! waits for its answer.

use super::*;
use crate::backend::role_account::state::{ASK_AGAIN, PROVEN_FOR};
use tokio::task::JoinSet;

/// A pool of one account for eight calls at once, whose login was taken so long ago, and calls that never end.
async fn taken(ago: Duration) -> (Arc<RoleAccounts<()>>, JoinSet<()>) {
    let pool = pool(&["a@x.example"]);
    accept_all(&pool, 1).await;
    advance(ago).await;
    (pool, JoinSet::new())
}

/// A call whose caller gives up, and whether it is still listened to.
async fn late(pool: &Arc<RoleAccounts<()>>, calls: &mut JoinSet<()>) -> (Lease<()>, bool) {
    let lease = soon(pool).await;
    let is_heard = lease.given_up(lease.number(), calls.spawn(std::future::pending()));
    (lease, is_heard)
}

async fn soon(pool: &Arc<RoleAccounts<()>>) -> Lease<()> {
    let lease = timeout(Duration::from_mins(1), lease(pool)).await;
    lease.expect("a call may go").unwrap()
}

async fn is_free(pool: &Arc<RoleAccounts<()>>) -> bool {
    timeout(Duration::ZERO, lease(pool)).await.is_ok()
}

#[tokio::test(start_paused = true)]
async fn no_call_goes_beside_a_late_one_where_the_login_has_not_worked_for_an_hour() {
    let (pool, mut calls) = taken(PROVEN_FOR).await;
    let (late, is_heard) = late(&pool, &mut calls).await;
    assert!(is_heard);
    assert_eq!(pool.states()[0].in_flight, 1);
    let waits = timeout(Duration::from_mins(1), lease(&pool)).await;
    assert!(waits.is_err(), "the password is on its way");
    let begun = Instant::now();
    let (next, ()) = tokio::join!(lease(&pool), async move { drop(late) });
    assert!(next.is_ok());
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_that_the_login_is_right_lets_all_others_go() {
    let (pool, mut calls) = taken(PROVEN_FOR).await;
    let (late, _) = late(&pool, &mut calls).await;
    late.accepted().await;
    let mut held = Vec::new();
    while held.len() < 7 {
        held.push(soon(&pool).await);
    }
    assert!(!is_free(&pool).await, "the late one is one of the eight");
    drop(late);
    assert!(is_free(&pool).await);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_makes_way_holds_up_no_other_where_the_login_was_just_taken() {
    let (pool, mut calls) = taken(Duration::from_mins(59)).await;
    let (_late, _) = late(&pool, &mut calls).await;
    assert!(is_free(&pool).await);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_lets_all_calls_hang_is_asked_again_each_second() {
    let (pool, mut calls) = taken(Duration::ZERO).await;
    let mut hanging = Vec::new();
    for _ in 0..8 {
        let (late, is_heard) = late(&pool, &mut calls).await;
        assert!(is_heard);
        hanging.push(late);
    }
    for _ in 0..3 {
        let begun = Instant::now();
        let (one_more, is_heard) = late(&pool, &mut calls).await;
        assert_eq!(begun.elapsed(), ASK_AGAIN);
        assert!(!is_heard, "eight are enough");
        assert!(!is_free(&pool).await);
        drop(one_more);
    }
    hanging.pop();
    calls.abort_all();
    while calls.join_next().await.is_some() {}
    assert!(is_free(&pool).await);
}

#[tokio::test(start_paused = true)]
async fn a_login_that_is_not_known_to_work_is_on_trial_again_after_a_call_without_a_word() {
    for (ago, at_once) in [(PROVEN_FOR, 1), (Duration::ZERO, 8)] {
        let (pool, _calls) = taken(ago).await;
        soon(&pool).await.unheard();
        let mut held = vec![soon(&pool).await];
        while is_free(&pool).await {
            held.push(soon(&pool).await);
        }
        assert_eq!(held.len(), at_once);
    }
}

#[tokio::test(start_paused = true)]
async fn a_trial_without_a_word_of_the_server_ends_soon_and_each_next_one_later() {
    let pool = pool(&["a@x.example"]);
    let trial = async |seconds| {
        let lease = soon(&pool).await;
        assert_eq!(lease.patience(), Duration::from_secs(seconds));
        lease
    };
    for _ in 0..2 {
        for seconds in [10, 20, 40, 80, 120, 120] {
            trial(seconds).await.unheard();
        }
        trial(120).await.accepted().await;
        let taken = trial(120).await;
        assert_eq!(taken.refused(&"no".into()).await, SHORT_QUARANTINE);
        drop(taken);
        advance(SHORT_QUARANTINE).await;
    }
    trial(10).await.accepted().await;
    advance(PROVEN_FOR).await;
    trial(10).await;
}

//! What a pool learns of others: of its earlier lives, and of other processes by the state directory.

use super::*;
use crate::backend::quarantine::{Known, Quarantine};

#[tokio::test(start_paused = true)]
async fn a_quarantine_outlives_the_pool_and_ends_with_another_secret() {
    let instance = instance();
    let hint: Arc<str> = "the password is wrong".into();
    let names = ["a@x.example"];
    let pool = pool_of(&names, &instance);
    lease(&pool).await.unwrap().refused(&hint).await;
    let rebuilt = pool_of(&names, &instance);
    let Err(EndpointError::NoAccount(text)) = lease(&rebuilt).await else {
        panic!("it is known");
    };
    assert!(text.contains("401: the password is wrong"), "{text}");
    advance(QUARANTINE).await;
    let again = lease(&rebuilt).await.unwrap().refused(&hint).await;
    assert_eq!(again, QUARANTINE * 2, "the second refusal");
    let mut changed = pool_of(&names, &instance);
    let secret = SecretString::from("Another-secret-b2e0");
    let account = &mut Arc::get_mut(&mut changed).unwrap().accounts[0];
    Arc::get_mut(account).unwrap().mark =
        instance
            .quarantine
            .mark("https://mail.x.example/", names[0], &secret);
    assert!(lease(&changed).await.is_ok());
}

#[tokio::test]
async fn no_call_goes_before_what_is_on_disk_is_known() {
    let folder = tempfile::TempDir::new().unwrap();
    let open = || {
        let quarantine = Quarantine::open(folder.path());
        instance().remembering(quarantine.unwrap())
    };
    let names = ["a@x.example", "b@x.example"];
    let before = pool_of(&names, &open());
    let mut tried = Tried::default();
    for _ in names {
        let lease = before.lease(&mut tried).await.unwrap();
        lease.refused(&"no".into()).await;
    }
    let fresh = pool_of(&names, &open());
    let leases = tokio::join!(lease(&fresh), lease(&fresh), lease(&fresh));
    for lease in [leases.0, leases.1, leases.2] {
        assert!(matches!(lease, Err(EndpointError::NoAccount(_))));
    }
}

#[tokio::test(start_paused = true)]
async fn a_success_is_known_to_the_next_pool() {
    let instance = instance();
    let pool = pool_of(&["a@x.example"], &instance);
    lease(&pool).await.unwrap().served().await;
    let rebuilt = pool_of(&["a@x.example"], &instance);
    let pause = lease(&rebuilt).await.unwrap().refused(&"no".into()).await;
    assert_eq!(pause, SHORT_QUARANTINE);
}

#[tokio::test(start_paused = true)]
async fn what_is_learnt_neither_shortens_a_quarantine_nor_speaks_for_a_login_from_the_future() {
    let clock: jiff::Timestamp = "2026-09-01T08:00Z".parse().unwrap();
    let known = |seconds| Known {
        refused_until: Some(clock + Duration::from_secs(seconds)),
        pause_seconds: seconds,
        last_success: Some(clock + Duration::from_hours(1)),
        noted: clock,
        ..Default::default()
    };
    let now = Instant::now();
    let hint: Arc<str> = "no".into();
    let mut state = State::new();
    state.learn(&known(60), now, clock);
    advance(Duration::from_mins(1)).await;
    let now = Instant::now();
    assert!(state.is_open(now));
    assert_eq!(
        state.refused(&hint, Stakes::LockOut, now),
        QUARANTINE,
        "no success within the hour is known"
    );
    let left = |state: &State| state.closed.as_ref().unwrap().until - now;
    state.learn(&known(120), now, clock);
    assert_eq!(left(&state), QUARANTINE);
    state.learn(&known(7_200), now, clock);
    assert_eq!(left(&state), Duration::from_hours(2));
}

#[tokio::test(start_paused = true)]
async fn while_the_notes_are_looked_at_an_account_that_works_is_used() {
    let folder = tempfile::TempDir::new().unwrap();
    let quarantine = Quarantine::open(folder.path());
    let pool = pool_of(
        &["a@x.example", "b@x.example"],
        &instance().remembering(quarantine.unwrap()),
    );
    accept_all(&pool, 1).await;
    // A broken file is put aside under the lock, which somebody holds: the look takes as long.
    std::fs::write(folder.path().join("role-accounts.json"), "{").unwrap();
    let lock = std::fs::File::open(folder.path().join("role-accounts.lock")).unwrap();
    lock.lock().unwrap();
    advance(RECALL).await;
    let leases: Vec<_> = (0..4)
        .map(|_| {
            let pool = Arc::clone(&pool);
            tokio::spawn(async move { lease(&pool).await })
        })
        .collect();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    let waiting = leases.iter().filter(|lease| !lease.is_finished()).count();
    lock.unlock().unwrap();
    assert_eq!(waiting, 1, "whose turn the other account is");
    for lease in leases {
        assert!(lease.await.unwrap().is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn a_password_that_is_being_tried_elsewhere_waits_for_what_comes_of_it() {
    let instance = instance();
    let names = ["a@x.example"];
    let (one, two) = (pool_of(&names, &instance), pool_of(&names, &instance));
    let tried = lease(&one).await.unwrap();
    let waits = timeout(Duration::from_mins(1), lease(&two)).await;
    assert!(waits.is_err(), "it is on trial");
    let (second, ()) = tokio::join!(lease(&two), async {
        tried.refused(&"no".into()).await;
        drop(tried);
    });
    assert!(matches!(second, Err(EndpointError::NoAccount(_))));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_elsewhere_is_known_at_once() {
    let instance = instance();
    let names = ["a@x.example"];
    let (one, two) = (pool_of(&names, &instance), pool_of(&names, &instance));
    // What others have noted was looked at this very moment.
    drop(lease(&two).await.unwrap());
    lease(&one).await.unwrap().refused(&"no".into()).await;
    assert!(lease(&two).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn another_account_works_while_one_is_tried_elsewhere() {
    let instance = instance();
    let one = pool_of(&["a@x.example"], &instance);
    let two = pool_of(&["a@x.example", "b@x.example"], &instance);
    let _tried = lease(&one).await.unwrap();
    let other = lease(&two).await.unwrap();
    assert_eq!(other.address().as_str(), "b@x.example");
}

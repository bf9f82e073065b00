//! A state directory that does not answer, as one on a network may: nobody waits for it long, and what was noted is
//! written when it answers again.

use std::time::{Duration, Instant};

use super::*;

#[tokio::test]
async fn answers_do_not_wait_for_a_directory_that_is_stuck() {
    let folder = TempDir::new().unwrap();
    let quarantine = Quarantine::open(folder.path()).unwrap();
    let lock = fs::File::open(folder.path().join("role-accounts.lock")).unwrap();
    lock.lock().unwrap();
    let logins: Vec<_> = ["a", "b"].map(|user| mark(&quarantine, user, "x")).into();
    let begun = Instant::now();
    for login in &logins {
        note(&quarantine, login.clone(), refused()).await;
        assert_eq!(quarantine.recall(login), Some(refused()), "known at once");
    }
    assert!(begun.elapsed() < Duration::from_secs(8), "a second each");
    assert!(!quarantine.written(Duration::from_millis(10)).await);
    lock.unlock().unwrap();
    assert!(quarantine.written(Duration::from_secs(20)).await);
    let other = Quarantine::open(folder.path()).unwrap();
    for login in &logins {
        assert_eq!(recall(&other, login).await, Some(refused()));
    }
}

#[tokio::test]
async fn a_look_at_a_directory_that_is_stuck_ends() {
    let folder = TempDir::new().unwrap();
    let quarantine = Quarantine::open(folder.path()).unwrap();
    let login = mark(&quarantine, "a", "x");
    // A broken file is set aside under the lock, which somebody holds.
    fs::write(folder.path().join("role-accounts.json"), "{").unwrap();
    let lock = fs::File::open(folder.path().join("role-accounts.lock")).unwrap();
    lock.lock().unwrap();
    let look = tokio::time::timeout(Duration::from_secs(20), recall(&quarantine, &login));
    assert_eq!(look.await, Ok(None));
    lock.unlock().unwrap();
}

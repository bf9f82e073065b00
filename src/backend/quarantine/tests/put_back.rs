//! Notes of the future, from before the clock was put back.

use super::*;

/// The clock was ahead by years when this was noted.
fn ahead() -> Known {
    Known {
        refused_until: Some(at("2030-01-01T00:30:00Z")),
        last_success: Some(at("2029-12-31T23:59:00Z")),
        noted: at("2030-01-01T00:00:00Z"),
        ..refused()
    }
}

#[tokio::test]
async fn a_note_of_the_future_ends_no_other_and_lasts_no_longer_than_it_was_to() {
    let folder = TempDir::new().unwrap();
    let quarantine = Quarantine::open(folder.path()).unwrap();
    let (strange, login) = (mark(&quarantine, "a", "x"), mark(&quarantine, "b", "x"));
    note(&quarantine, strange.clone(), ahead()).await;
    // The clock is put back.
    note(&quarantine, login.clone(), refused()).await;
    let other = Quarantine::open(folder.path()).unwrap();
    for quarantine in [quarantine, other] {
        assert_eq!(recall(&quarantine, &login).await, Some(refused()));
        let known = recall(&quarantine, &strange).await;
        assert_eq!(known, Some(refused()), "as if noted then, without success");
    }
}

#[tokio::test]
async fn the_end_of_a_quarantine_does_not_move_with_the_clock_that_was_put_back() {
    let folder = TempDir::new().unwrap();
    let open = || Quarantine::open(folder.path()).unwrap();
    let (one, other) = (open(), Quarantine::in_memory());
    for quarantine in [&one, &other] {
        let login = mark(quarantine, "a", "x");
        note(quarantine, login.clone(), ahead()).await;
        for now in ["2026-09-01T08:00:00Z", "2026-09-01T08:20:00Z"] {
            assert_eq!(
                recall_at(now, quarantine, &login).await,
                Some(refused()),
                "{now}"
            );
        }
    }
    let known = recall(&open(), &mark(&one, "a", "x")).await;
    assert_eq!(known, Some(refused()), "after a restart");
}

#[tokio::test]
async fn where_nobody_can_say_which_note_is_newer_the_longer_quarantine_holds() {
    let success = |known: Known| Known {
        refused_until: None,
        ..known
    };
    for (first, second) in [(ahead(), success(refused())), (success(ahead()), refused())] {
        let folder = TempDir::new().unwrap();
        let one = Quarantine::open(folder.path()).unwrap();
        let two = Quarantine::open(folder.path()).unwrap();
        let login = mark(&one, "a", "x");
        note(&one, login.clone(), first).await;
        let now = clock("2026-09-01T08:00:01Z");
        two.note(login.clone(), second, &now).await;
        for quarantine in [one, two] {
            let known = recall(&quarantine, &login).await.unwrap();
            assert!(known.refused_until >= refused().refused_until, "{known:?}");
        }
    }
}

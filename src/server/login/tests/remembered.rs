//! How long what was found about a password counts, everywhere and on one connection.

use super::*;

#[tokio::test(start_paused = true)]
async fn success_counts_for_a_minute_and_failure_for_seconds() {
    let login = login(8);
    let (right, wrong) = (basic(ANNA, "right"), basic(ANNA, "wrong"));
    for _ in 0..3 {
        assert!(login.caller(&from(HERE, &right)).await.is_ok());
        assert!(login.caller(&from(HERE, &wrong)).await.is_err());
    }
    assert_eq!(login.verifications(), 2);
    tokio::time::advance(FAILURE_LIFETIME).await;
    assert!(login.caller(&from(HERE, &right)).await.is_ok());
    assert!(login.caller(&from(HERE, &wrong)).await.is_err());
    assert_eq!(login.verifications(), 3);
    tokio::time::advance(SUCCESS_LIFETIME).await;
    assert!(login.caller(&from(HERE, &right)).await.is_ok());
    assert_eq!(login.verifications(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_known_for_a_second_by_the_very_header_that_was_right() {
    let bob = account("bob@example.com", hash("other"));
    let accounts = vec![account(ANNA, hash("right")), bob];
    let login = Login::new(&access(accounts), 8, None).unwrap();
    let (right, others) = (basic(ANNA, "right"), basic("bob@example.com", "other"));
    let recent = &Recent::default();
    let ask = async |login: &Arc<Login>, headers: &HeaderMap| {
        let shown = Shown {
            recent: Some(recent),
            ..from(HERE, headers)
        };
        let caller = login.caller(&shown).await?;
        Ok(caller.account().map(ToString::to_string))
    };
    let anna = Ok(Some(ANNA.to_owned()));
    assert_eq!(ask(&login, &right).await, anna);
    // The verdict of the minute before ends within the second.
    let left = Duration::from_millis(500);
    tokio::time::advance(SUCCESS_LIFETIME.saturating_sub(left)).await;
    assert_eq!(ask(&login, &right).await, anna);
    tokio::time::advance(left).await;
    assert_eq!(ask(&login, &right).await, anna);
    assert_eq!(login.verifications(), 1);
    for _ in 0..2 {
        let bob = ask(&login, &others).await;
        assert_eq!(bob, Ok(Some("bob@example.com".to_owned())));
        assert_eq!(ask(&login, &right).await, anna);
    }
    for wrong in [
        basic(ANNA, "right2"),
        basic(ANNA, "wrong"),
        basic("anna", "right"),
    ] {
        assert_eq!(ask(&login, &wrong).await, Err(Denied::Wrong));
    }
    let mut twice = right.clone();
    twice.append(AUTHORIZATION, right[AUTHORIZATION].clone());
    assert_eq!(ask(&login, &twice).await, Err(Denied::Absent));
    assert_eq!(ask(&login, &HeaderMap::new()).await, Err(Denied::Absent));
    let without = Login::new(&access(Vec::new()), 8, Some(login.kept())).unwrap();
    assert_eq!(ask(&without, &right).await, Err(Denied::Wrong));
    // The verdict ends while the connection is known, and then the connection is known no longer.
    tokio::time::advance(SUCCESS_LIFETIME).await;
    let before = login.verifications();
    assert_eq!(ask(&login, &right).await, anna);
    tokio::time::advance(SUCCESS_LIFETIME.saturating_sub(left)).await;
    assert_eq!(ask(&login, &right).await, anna);
    assert_eq!(login.verifications(), before + 1);
    tokio::time::advance(crate::server::login::recent::LIFETIME).await;
    assert_eq!(ask(&login, &right).await, anna);
    assert_eq!(login.verifications(), before + 2);
}

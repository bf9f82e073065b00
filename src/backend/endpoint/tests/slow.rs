//! Slow sources: hedging, and what is answered when the time is up.

use super::scripted::*;
use super::*;

const HEDGE_AFTER: Duration = Duration::from_secs(1);

fn hedging(source: &Arc<Scripted>) -> Endpoint {
    let guard = Guard {
        hedge_after: Some(HEDGE_AFTER),
        ..Guard::default()
    };
    guarded(source, guard)
}

/// The account that is asked first takes `slow`, the other one answers at once.
fn first_is_slow(accounts: &[&str], slow: Duration) -> Arc<Scripted> {
    Scripted::with_accounts(accounts, move |_, ask| {
        let after = if ask.avoid.is_empty() { slow } else { AT_ONCE };
        Reply(after, all_known(ask))
    })
}

async fn ask(endpoint: &Endpoint) -> Asked {
    let names = [mailbox("anna")];
    endpoint
        .ask_via(&names, weeks(), &Via::default(), soon())
        .await
}

#[tokio::test(start_paused = true)]
async fn a_slow_call_is_made_again_by_another_account() {
    let source = first_is_slow(&["first", "second"], NEVER);
    let asked = ask(&hedging(&source)).await;
    assert_eq!(count_known(&asked.outcomes), 1);
    assert_eq!(asked.took, HEDGE_AFTER);
    assert_eq!(asked.accounts, ["first", "second"].map(mailbox));
    assert_eq!(asked.calls, 2);
    assert_eq!(source.asked()[1].avoid, [mailbox("first")]);
}

#[tokio::test(start_paused = true)]
async fn a_call_in_time_is_made_once() {
    let source = first_is_slow(&["first", "second"], HEDGE_AFTER / 2);
    assert_eq!(ask(&hedging(&source)).await.calls, 1);
}

#[tokio::test(start_paused = true)]
async fn the_first_answer_wins_and_a_failure_is_no_answer() {
    let source = Scripted::new(|number, ask| match number {
        0 => Reply(HEDGE_AFTER * 2, all_known(ask)),
        _ => Reply(AT_ONCE, Err(EndpointError::Connect("".into()))),
    });
    let asked = ask(&hedging(&source)).await;
    assert_eq!(count_known(&asked.outcomes), 1);
    assert_eq!((asked.took, asked.calls), (HEDGE_AFTER * 2, 2));
    let source = Scripted::new(|number, ask| match number {
        0 => Reply(HEDGE_AFTER * 2, Err(EndpointError::Tls("".into()))),
        _ => Reply(HEDGE_AFTER * 2, all_known(ask)),
    });
    let asked = ask(&hedging(&source)).await;
    assert_eq!(count_known(&asked.outcomes), 1);
    assert_eq!(asked.took, HEDGE_AFTER * 3);
}

#[tokio::test(start_paused = true)]
async fn without_another_account_or_permit_nothing_is_made_twice() {
    let source = first_is_slow(&["only"], HEDGE_AFTER * 2);
    assert_eq!(ask(&hedging(&source)).await.calls, 1);
    let source = first_is_slow(&["first", "second"], HEDGE_AFTER * 2);
    let guard = Guard {
        hedge_after: Some(HEDGE_AFTER),
        max_concurrency: 1,
        ..Guard::default()
    };
    assert_eq!(ask(&guarded(&source, guard)).await.calls, 1);
}

#[tokio::test(start_paused = true)]
async fn at_most_five_in_a_hundred_calls_are_made_twice() {
    let source = first_is_slow(&["first", "second"], HEDGE_AFTER * 2);
    let endpoint = hedging(&source);
    let mut asked = 0;
    for (questions, twice) in [(1, 1), (39, 1), (40, 2), (199, 9), (200, 10)] {
        while asked < questions {
            ask(&endpoint).await;
            asked += 1;
        }
        assert_eq!(source.calls(), questions + twice);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_there_in_time_is_answered() {
    let source = Scripted::new(|_, ask| {
        let late = ask.mailboxes.contains(&mailbox("m012"))
            || ask.window.start() > at("2026-10-01T00:00Z");
        Reply(if late { NEVER } else { AT_ONCE }, all_known(ask))
    });
    let guard = Guard {
        limits: Limits {
            mailboxes_per_call: 10,
            days_per_call: 62,
        },
        max_concurrency: 2,
        ..Guard::default()
    };
    let endpoint = guarded(&source, guard);
    let started = Instant::now();
    let outcomes = endpoint.ask(&names(30), weeks(), soon()).await;
    assert_eq!(started.elapsed(), Duration::from_secs(5));
    assert_eq!(count_known(&outcomes), 20);
    assert_eq!(outcomes[&mailbox("m010")], Err(MailboxError::Timeout));
    let long = window("2026-08-25T00:00Z", "2026-11-25T00:00Z");
    let outcomes = endpoint.ask(&names(10), long, soon()).await;
    assert_eq!(count_known(&outcomes), 0, "one piece is missing");
    assert!(outcomes.values().all(|o| *o == Err(MailboxError::Timeout)));
}

#[tokio::test(start_paused = true)]
async fn when_the_time_is_up_nothing_is_asked() {
    let source = Scripted::new(|_, ask| Reply(AT_ONCE, all_known(ask)));
    let endpoint = plain(&source);
    let outcomes = endpoint.ask(&names(3), weeks(), Instant::now()).await;
    assert!(outcomes.values().all(|o| *o == Err(MailboxError::Timeout)));
    assert_eq!((outcomes.len(), source.calls()), (3, 0));
}

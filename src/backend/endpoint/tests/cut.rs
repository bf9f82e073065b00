//! Calls that one mailbox spoils, and mailboxes with too many events.

use super::scripted::*;
use super::*;

fn bad_answer() -> EndpointError {
    EndpointError::BadAnswer("2 mailboxes asked, 1 answered".into())
}

fn fault(code: &str, transient: bool) -> EndpointError {
    EndpointError::Fault {
        code: code.into(),
        text: "no".into(),
        transient,
    }
}

/// Fails every call that asks for one of `spoilt`.
fn spoilt_by(spoilt: &'static [&'static str], error: EndpointError) -> Arc<Scripted> {
    Scripted::new(move |_, ask| {
        let mut asked = ask.mailboxes.iter();
        let answer = if asked.any(|mailbox| spoilt.contains(&mailbox.local_part())) {
            Err(error.clone())
        } else {
            all_known(ask)
        };
        Reply(AT_ONCE, answer)
    })
}

async fn ask(source: &Arc<Scripted>, count: usize) -> BTreeMap<SmtpAddress, Outcome> {
    let outcomes = plain(source).ask(&names(count), weeks(), soon()).await;
    assert_eq!(outcomes.len(), count);
    outcomes
}

#[tokio::test(start_paused = true)]
async fn one_mailbox_that_spoils_a_call_is_found_wherever_it_stands() {
    for spoilt in [&["m000"], &["m042"], &["m099"]] {
        let source = spoilt_by(spoilt, bad_answer());
        let outcomes = ask(&source, 100).await;
        assert_eq!(count_known(&outcomes), 99);
        assert_eq!(
            outcomes[&mailbox(spoilt[0])],
            Err(MailboxError::EndpointFailed)
        );
        let calls = source.calls();
        assert!((13..=15).contains(&calls), "{calls}");
    }
}

#[tokio::test(start_paused = true)]
async fn two_mailboxes_are_found_in_different_halves() {
    let source = spoilt_by(&["m007", "m070"], fault("ErrorInvalidRequest", false));
    assert_eq!(count_known(&ask(&source, 100).await), 98);
    assert!(source.calls() <= 29, "{}", source.calls());
}

#[tokio::test(start_paused = true)]
async fn both_of_two_may_be_bad() {
    let source = spoilt_by(&["m000", "m001"], bad_answer());
    assert_eq!(count_known(&ask(&source, 2).await), 0);
    assert_eq!(source.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_fault_that_passes_is_waited_for_before_a_call_is_cut() {
    let source = Scripted::new(|number, ask| {
        let error = fault("ErrorInternalServerError", true);
        Reply(
            AT_ONCE,
            if number < 2 {
                Err(error)
            } else {
                all_known(ask)
            },
        )
    });
    assert_eq!(count_known(&ask(&source, 100).await), 100);
    assert_eq!(source.calls(), 3, "the whole call, three times");
    let source = spoilt_by(&["m042"], fault("ErrorInternalServerError", true));
    assert_eq!(count_known(&ask(&source, 100).await), 99);
    assert!(source.calls() <= 17, "{}", source.calls());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_answers_nothing_is_left_in_peace() {
    let source = Scripted::new(|_, _| Reply(AT_ONCE, Err(fault("ErrorInvalidRequest", false))));
    let endpoint = plain(&source);
    let ask = async || endpoint.ask(&names(100), weeks(), soon()).await;
    assert_eq!(count_known(&ask().await), 0);
    assert_eq!(source.calls(), 7, "the call, its halves and their halves");
    ask().await;
    assert_eq!(source.calls(), 8, "it is not cut again so soon");
    tokio::time::advance(Duration::from_mins(1)).await;
    ask().await;
    assert_eq!(source.calls(), 15);
}

#[tokio::test(start_paused = true)]
async fn what_no_mailbox_can_cause_is_not_cut() {
    for error in [
        fault("ErrorAccessDenied", false),
        fault("ErrorInvalidServerVersion", false),
        EndpointError::Forbidden("".into()),
        EndpointError::Tls("".into()),
    ] {
        let source = spoilt_by(&["m001"], error);
        assert_eq!(count_known(&ask(&source, 100).await), 0);
        assert_eq!(source.calls(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn no_calls_are_made_after_the_deadline() {
    let source = Scripted::new(|_, ask| {
        let spoilt = ask.mailboxes.contains(&mailbox("m000"));
        let answer = if spoilt {
            Err(bad_answer())
        } else {
            all_known(ask)
        };
        Reply(Duration::from_secs(2), answer)
    });
    let outcomes = ask(&source, 100).await;
    let known = count_known(&outcomes);
    assert_eq!(known, 50, "one half was answered in time");
    assert_eq!(outcomes[&mailbox("m010")], Err(MailboxError::Timeout));
    assert_eq!(source.calls(), 5);
}

/// `crowded` has too many events in more than `days` days.
fn crowded(days: i64) -> Arc<Scripted> {
    Scripted::new(move |_, ask| {
        let mut answers = all_known(ask).unwrap();
        let asked = ask.window.whole_days().duration().as_hours() / 24;
        if let Some(outcome) = answers.get_mut(&mailbox("crowded"))
            && asked > days
        {
            *outcome = Err(MailboxError::TooManyEvents);
        }
        Reply(AT_ONCE, Ok(answers))
    })
}

async fn ask_crowded(source: &Arc<Scripted>) -> BTreeMap<SmtpAddress, Outcome> {
    let names = ["anna", "crowded"].map(mailbox);
    plain(source).ask(&names, weeks(), soon()).await
}

#[tokio::test(start_paused = true)]
async fn a_crowded_mailbox_is_asked_by_halves_of_the_window() {
    let source = crowded(11);
    let outcomes = ask_crowded(&source).await;
    assert_eq!(count_known(&outcomes), 2);
    let known = outcomes[&mailbox("crowded")].as_ref().unwrap();
    assert_eq!(known.len(), 1, "the event of two pieces stands once");
    let asked = source.asked();
    assert_eq!(asked.len(), 1 + 2 + 4);
    let alone = asked[1..].iter().all(|ask| ask.mailboxes.len() == 1);
    assert!(alone, "nobody else is asked again");
}

#[tokio::test(start_paused = true)]
async fn a_mailbox_that_is_crowded_every_day_is_given_up_soon() {
    let source = crowded(0);
    let outcomes = ask_crowded(&source).await;
    assert_eq!(count_known(&outcomes), 1);
    assert_eq!(
        outcomes[&mailbox("crowded")],
        Err(MailboxError::TooManyEvents)
    );
    assert_eq!(source.calls(), 1 + 6, "42, 21, 11, 6, 3, 2 and 1 days");
}

#[tokio::test(start_paused = true)]
async fn the_halves_of_a_window_have_a_bound() {
    let source = crowded(1);
    let outcomes = ask_crowded(&source).await;
    assert_eq!(
        outcomes[&mailbox("crowded")],
        Err(MailboxError::TooManyEvents)
    );
    assert_eq!(source.calls(), 1 + 32);
}

#[tokio::test(start_paused = true)]
async fn a_half_that_stays_unknown_leaves_all_unknown() {
    let source = Scripted::new(|number, ask| {
        let outcome = match number {
            0 => Err(MailboxError::TooManyEvents),
            1 => Ok(busy(&ask.window)),
            _ => Err(MailboxError::MailboxUnavailable),
        };
        Reply(AT_ONCE, Ok([(mailbox("m000"), outcome)].into()))
    });
    assert_eq!(
        ask(&source, 1).await[&mailbox("m000")],
        Err(MailboxError::MailboxUnavailable)
    );
}

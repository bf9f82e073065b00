//! Asking for the members of lists: few calls of one question, and none for what was said a little while ago.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::caller::query;
use super::stub::{Stub, address, caller, endpoint, service, soon};
use crate::domain::{Detail, FreeBusy, Listed, Outcome};
use crate::service::Availability;
use crate::service::cache::DropScope;
use crate::service::directory::Members;
use crate::service::settings::ServiceSettings;

/// A source with a list of one member.
fn source() -> Arc<Stub> {
    let anna = Listed::parse("anna@x.example").unwrap();
    let stub = Stub {
        groups: BTreeMap::from([(address("team@x.example"), vec![anna])]),
        ..Stub::default()
    };
    Arc::new(stub)
}

fn over(stub: &Arc<Stub>) -> Arc<Availability> {
    let endpoints = vec![endpoint("one", "x.example", stub, 50)];
    service(endpoints, &ServiceSettings::default())
}

/// The members of `mailboxes`, all of which tell merged times alone, and what the source was asked for that.
async fn members(
    service: &Availability,
    stub: &Stub,
    mailboxes: &[&str],
) -> (Vec<Members>, Vec<String>) {
    let digits = || -> Outcome { Ok(FreeBusy::new(Vec::new(), Detail::DigitsOnly, None)) };
    let outcomes: Vec<_> = mailboxes.iter().map(|_| digits()).collect();
    let attendees = query(mailboxes).attendees;
    let caller = caller();
    let told = service.members(&caller, &attendees, &outcomes, soon());
    let told = told.await;
    let mut asked: Vec<_> = std::mem::take(&mut *stub.expanded.lock().unwrap())
        .iter()
        .map(|list| list.local_part().to_owned())
        .collect();
    asked.sort();
    (told, asked)
}

#[tokio::test]
async fn what_was_said_is_remembered_for_a_while() {
    let (stub, none) = (source(), Vec::<String>::new());
    let service = over(&stub);
    let mailboxes = ["team@x.example", "bert@x.example"];
    let anna = Members::Told(vec![Ok(address("anna@x.example"))]);
    let told = vec![anna, Members::Single];
    let asked = members(&service, &stub, &mailboxes).await;
    assert_eq!(asked, (told.clone(), vec!["bert".into(), "team".into()]));
    // Also that it is no list.
    let asked = members(&service, &stub, &mailboxes).await;
    assert_eq!(asked, (told.clone(), none.clone()));
    service.drop_cached(&DropScope::All);
    let (again, asked) = members(&service, &stub, &mailboxes).await;
    assert_eq!((again, asked.len()), (told, 2));
}

#[tokio::test]
async fn a_failure_is_not_remembered_and_a_refusal_is() {
    let stub = source();
    let service = over(&stub);
    let team = &["team@x.example"][..];
    let single = vec![Members::Single];
    stub.fails.store(true, Ordering::SeqCst);
    let (told, asked) = members(&service, &stub, team).await;
    assert_eq!((told, asked.is_empty()), (single.clone(), false));
    stub.fails.store(false, Ordering::SeqCst);
    stub.refuses.store(true, Ordering::SeqCst);
    let asked = members(&service, &stub, team).await;
    assert_eq!(asked, (single.clone(), vec!["team".to_owned()]));
    let asked = members(&service, &stub, team).await;
    assert_eq!(asked, (single, Vec::new()));
}

#[tokio::test]
async fn a_question_makes_few_calls_and_the_next_ones_go_on() {
    let stub = source();
    let service = over(&stub);
    let mut names: Vec<_> = (0..44).map(|n| format!("p{n:02}@x.example")).collect();
    names.push("team@x.example".into());
    let mailboxes: Vec<_> = names.iter().map(String::as_str).collect();
    for (expect, is_told) in [(20, false), (20, false), (5, true), (0, true)] {
        let (told, asked) = members(&service, &stub, &mailboxes).await;
        assert_eq!(asked.len(), expect);
        let is_list = matches!(told.last(), Some(Members::Told(_)));
        assert_eq!(is_list, is_told, "{told:?}");
    }
    assert_eq!(stub.expanding.1.load(Ordering::SeqCst), 4);
}

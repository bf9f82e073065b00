//! What callers are told, by rights, aliases and settings.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::stub::{Stub, address, caller, endpoint, endpoint_with, list, room, service, soon};
use crate::domain::{
    Attendee, AttendeeRole, AvailabilityQuery, Caller, Detail, DomainPattern, Listed, MailDomain,
    MailboxError, MailboxPattern, Origin, Outcome, RoomEntry, TimeWindow,
};
use crate::service::Availability;
use crate::service::directory::DirectoryError;
use crate::service::explain::Policy;
use crate::service::settings::{AliasSettings, ServiceSettings};

pub(super) fn source() -> Arc<Stub> {
    let mut stub = Arc::into_inner(Stub::with(vec![
        list(
            "HQ <hq@x.example>",
            &["Aurora <a@x.example>", "Boss's room <boss@x.example>"],
        ),
        list(
            "Secret <secret@x.example>",
            &["Boss's room <boss@x.example>"],
        ),
    ]))
    .unwrap();
    stub.people = vec![
        Listed::parse("Auguste Example <auguste@x.example>").unwrap(),
        Listed::parse("Aurora <a@x.example>").unwrap(),
        Listed::parse("HQ <hq@x.example>").unwrap(),
        Listed::parse("August Elsewhere <august@elsewhere.example>").unwrap(),
    ];
    Arc::new(stub)
}

fn over(change: impl FnOnce(&mut ServiceSettings)) -> Arc<Availability> {
    let mut settings = ServiceSettings::default();
    settings.permit.deny = vec![MailboxPattern::parse("boss@x.example").unwrap()];
    change(&mut settings);
    service(vec![endpoint("one", "x.example", &source(), 4)], &settings)
}

async fn lists(service: &Availability, caller: &Caller) -> Vec<String> {
    let lists = service.room_lists(caller, soon()).await.unwrap();
    lists.iter().map(|list| list.address.to_string()).collect()
}

/// The addresses that `entry` stands for.
async fn resolved(service: &Availability, entry: &str) -> Vec<String> {
    match service.resolve_names(&caller(), entry, soon()).await {
        Ok((found, more)) => {
            assert!(!more);
            let found = found.iter().map(|one| one.listed.address.to_string());
            found.collect()
        }
        Err(error) => {
            assert_eq!(error, DirectoryError::Unknown);
            Vec::new()
        }
    }
}

#[tokio::test]
async fn rules_of_sharing_hold_for_rooms_and_lists() {
    let service = over(|_| {});
    // The other list has no room that may be told.
    assert_eq!(lists(&service, &caller()).await, ["hq@x.example"]);
    let rooms = service
        .rooms(&caller(), &address("hq@x.example"), soon())
        .await;
    assert_eq!(rooms.unwrap(), [room("Aurora <a@x.example>")]);
    for unknown in ["secret@x.example", "a@x.example", "hq@elsewhere.example"] {
        let rooms = service.rooms(&caller(), &address(unknown), soon()).await;
        assert_eq!(rooms, Err(DirectoryError::Unknown), "{unknown}");
    }
    assert_eq!(resolved(&service, "aur").await, ["a@x.example"]);
    assert!(resolved(&service, "boss").await.is_empty());
    assert!(resolved(&service, "boss@x.example").await.is_empty());
    assert!(resolved(&service, "secret@x.example").await.is_empty());
    assert_eq!(
        resolved(&service, "smtp:hq@x.example").await,
        ["hq@x.example"]
    );
}

#[tokio::test]
async fn a_caller_sees_its_own_domains_only() {
    let service = over(|_| {});
    let mut elsewhere = caller();
    elsewhere.domains = Some(vec![DomainPattern::parse("elsewhere.example").unwrap()]);
    assert!(lists(&service, &elsewhere).await.is_empty());
    let rooms = service
        .rooms(&elsewhere, &address("hq@x.example"), soon())
        .await;
    assert_eq!(rooms, Err(DirectoryError::Unknown));
    for entry in ["aurora", "a@x.example", "hq@x.example"] {
        let found = service.resolve_names(&elsewhere, entry, soon()).await;
        assert_eq!(found, Err(DirectoryError::Unknown), "{entry}");
    }
}

#[tokio::test]
async fn rooms_are_told_in_the_callers_words() {
    let service = over(|settings| {
        let domain = |text| MailDomain::parse(text).unwrap();
        settings.routing.aliases = vec![AliasSettings {
            external: domain("g.example"),
            internal: domain("x.example"),
        }];
    });
    assert_eq!(lists(&service, &caller()).await, ["hq@g.example"]);
    for (list, expect) in [
        ("hq@g.example", "a@g.example"),
        ("hq@x.example", "a@x.example"),
    ] {
        let rooms = service.rooms(&caller(), &address(list), soon()).await;
        assert_eq!(rooms.unwrap()[0].address, address(expect), "{list}");
    }
    assert_eq!(resolved(&service, "aurora").await, ["a@g.example"]);
    assert_eq!(resolved(&service, "a@g.example").await, ["a@g.example"]);
}

#[tokio::test]
async fn people_are_found_by_name_only_where_the_directory_is_open() {
    let closed = over(|_| {});
    assert!(resolved(&closed, "august").await.is_empty());
    assert_eq!(
        resolved(&closed, "auguste@x.example").await,
        ["auguste@x.example"]
    );
    let open = over(|settings| settings.sharing.directory = true);
    // Rooms and people; nobody of a domain that is not asked for, and no list.
    assert_eq!(
        resolved(&open, "au").await,
        ["auguste@x.example", "a@x.example"]
    );
    assert!(resolved(&open, "hq").await.is_empty());
}

#[tokio::test]
async fn without_room_booking_there_are_no_rooms() {
    let service = over(|settings| {
        settings.sharing.room_booking = false;
        settings.sharing.directory = true;
    });
    service.refresh_rooms().await;
    assert!(lists(&service, &caller()).await.is_empty());
    let rooms = service
        .rooms(&caller(), &address("hq@x.example"), soon())
        .await;
    assert_eq!(rooms, Err(DirectoryError::Unknown));
    assert_eq!(service.all_rooms(&caller(), soon()).await, Ok(Vec::new()));
    assert_eq!(resolved(&service, "au").await, ["auguste@x.example"]);
    assert!(resolved(&service, "hq@x.example").await.is_empty());
    // A room is a mailbox like any other: by its address, and its times.
    assert_eq!(resolved(&service, "a@x.example").await, ["a@x.example"]);
}

pub(super) fn query(mailboxes: &[&str]) -> AvailabilityQuery {
    let attendee = |text: &&str| Attendee {
        mailbox: Ok(address(text)),
        role: AttendeeRole::Required,
        exclude_conflicts: false,
    };
    let start = super::stub::now();
    AvailabilityQuery {
        caller: Arc::new(caller()),
        attendees: mailboxes.iter().map(attendee).collect(),
        window: TimeWindow::new(start, start + jiff::SignedDuration::from_hours(2)).unwrap(),
        detail: Detail::Subjects,
        origin: Origin::default(),
    }
}

#[tokio::test]
async fn rooms_that_are_not_offered_tell_their_times_alone() {
    for (room_booking, has_subject, list) in [
        (true, true, None),
        (false, false, Some(MailboxError::NotFound)),
    ] {
        let service = over(|settings| settings.sharing.room_booking = room_booking);
        service.refresh_rooms().await;
        let query = query(&["a@x.example", "auguste@x.example", "hq@x.example"]);
        for told in all_ways(&service, &query).await {
            assert_eq!(has_details(&told[0]), has_subject, "the room");
            assert!(has_details(&told[1]), "a person");
            assert_eq!(told[2].as_ref().err().copied(), list, "the list");
        }
    }
}

/// The answers to a question in each of the ways in which faces ask.
pub(super) async fn all_ways(
    service: &Availability,
    query: &AvailabilityQuery,
) -> [Vec<Outcome>; 3] {
    let dated = service.answer_dated(query, soon()).await;
    let (explained, why) = service.answer_explained(query, soon()).await;
    for (outcome, why) in explained.per_mailbox.iter().zip(why) {
        if let (Ok(known), Policy::Told { most, .. }) = (outcome, why.policy) {
            assert!([most, Detail::DigitsOnly].contains(&known.detail()));
        }
    }
    [
        service.answer(query, soon()).await.per_mailbox,
        dated.into_iter().map(|dated| dated.outcome).collect(),
        explained.per_mailbox,
    ]
}

pub(super) fn has_details(outcome: &Outcome) -> bool {
    let known = outcome.as_ref().unwrap();
    assert!(!known.is_empty());
    known.detail() == Detail::Subjects
}

#[tokio::test]
async fn an_endpoint_that_has_not_told_its_rooms_tells_nobodys_details() {
    // Without room booking: whether the source fails or answers; whether details are told then.
    for (fails, tells) in [(false, true), (true, false)] {
        let stub = source();
        stub.fails.store(fails, Ordering::SeqCst);
        let mut settings = ServiceSettings::default();
        settings.sharing.room_booking = false;
        settings.sharing.directory = true;
        let endpoints = vec![
            endpoint("one", "x.example", &stub, 4),
            endpoint("two", "y.example", &Stub::with(Vec::new()), 4),
        ];
        let service = service(endpoints, &settings);
        let question = query(&["auguste@x.example", "berta@y.example"]);
        // Nothing was read yet.
        for told in all_ways(&service, &question).await {
            assert!(!has_details(&told[0]) && !has_details(&told[1]));
        }
        service.refresh_rooms().await;
        for told in all_ways(&service, &question).await {
            assert_eq!(has_details(&told[0]), tells, "{fails}");
            assert!(has_details(&told[1]), "another endpoint's");
        }
        let of_list = service.resolve_names(&caller(), "hq", soon()).await;
        let by_address = service
            .resolve(&caller(), &address("hq@x.example"), soon())
            .await;
        let person = service.resolve_names(&caller(), "auguste", soon()).await;
        if tells {
            assert_eq!(person.unwrap().0.len(), 1);
        } else {
            let nothing = DirectoryError::Unavailable;
            assert_eq!((of_list, person), (Err(nothing), Err(nothing)));
            assert_eq!(by_address, Err(nothing));
        }
        // What was told once stays, whatever becomes of the source.
        stub.fails.store(false, Ordering::SeqCst);
        service.refresh_rooms().await;
        stub.fails.store(true, Ordering::SeqCst);
        service.refresh_rooms().await;
        for told in all_ways(&service, &question).await {
            assert!(has_details(&told[0]));
        }
    }
}

#[tokio::test]
async fn whom_unread_rooms_hide_is_told_of_later() {
    // Nothing of rooms was read, and nobody reads them for this question.
    let service = over(|settings| {
        settings.sharing.room_booking = false;
        settings.routing.aliases = vec![AliasSettings {
            external: MailDomain::parse("g.example").unwrap(),
            internal: MailDomain::parse("x.example").unwrap(),
        }];
    });
    let later = Err(DirectoryError::Unavailable);
    for (entry, expect) in [
        ("auguste@x.example", later.clone()),
        ("auguste@g.example", later.clone()),
        ("hq@x.example", later),
        // Whom the caller may not ask for, and who is asked for nowhere.
        ("boss@x.example", Err(DirectoryError::Unknown)),
        ("auguste@elsewhere.example", Err(DirectoryError::Unknown)),
    ] {
        let found = service.resolve_names(&caller(), entry, soon()).await;
        assert_eq!(found, expect, "{entry}");
    }
    service.refresh_rooms().await;
    assert_eq!(
        resolved(&service, "auguste@x.example").await,
        ["auguste@x.example"]
    );
    assert!(resolved(&service, "hq@x.example").await.is_empty());
}

#[tokio::test]
async fn nobody_waits_for_rooms_that_change_nothing() {
    let stub = source();
    stub.hangs.store(true, Ordering::SeqCst);
    let mut settings = ServiceSettings::default();
    settings.sharing.room_booking = false;
    let service = service(vec![endpoint("one", "x.example", &stub, 4)], &settings);
    for unknown in ["nobody", "boss", "nobody@elsewhere.example"] {
        let found = service.resolve_names(&caller(), unknown, soon()).await;
        assert_eq!(found, Err(DirectoryError::Unknown), "{unknown}");
    }
    assert_eq!(stub.refreshes.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn that_there_are_others_is_told_with_somebody_only() {
    for (entry, expect) in [
        ("auguste", Ok((1, true))),
        // Of another domain, which this caller hears nothing of.
        ("august e", Err(DirectoryError::Unknown)),
        ("aurora", Ok((1, false))),
    ] {
        let mut stub = Arc::into_inner(source()).unwrap();
        stub.more = true;
        let mut settings = ServiceSettings::default();
        settings.sharing.directory = true;
        let one = endpoint("one", "x.example", &Arc::new(stub), 4);
        let service = service(vec![one], &settings);
        let found = service.resolve_names(&caller(), entry, soon()).await;
        let found = found.map(|(found, more)| (found.len(), more));
        assert_eq!(found, expect, "{entry}");
    }
}

/// A list and a room that are told under an alias, beside others.
fn over_aliases(room_booking: bool) -> Arc<Availability> {
    let halls = list(
        "Halls <halls@g.example>",
        &["a@g.example", "b@x.example", "c@nowhere.example"],
    );
    let mut settings = ServiceSettings::default();
    settings.sharing.room_booking = room_booking;
    settings.routing.aliases = vec![AliasSettings {
        external: MailDomain::parse("g.example").unwrap(),
        internal: MailDomain::parse("x.example").unwrap(),
    }];
    let written = RoomEntry {
        room: room("d@g.example"),
        list: Some(Listed::parse("halls@g.example").unwrap()),
    };
    let stub = Stub::with(vec![halls]);
    let one = endpoint_with("one", "x.example", &stub, (4, vec![written]));
    service(vec![one], &settings)
}

#[tokio::test]
async fn what_is_told_under_an_alias_is_known() {
    let service = over_aliases(true);
    assert_eq!(lists(&service, &caller()).await, ["halls@g.example"]);
    for domain in ["g.example", "x.example"] {
        let halls = address(&format!("halls@{domain}"));
        let told = service.rooms(&caller(), &halls, soon()).await.unwrap();
        let expect = ["a", "b", "d"].map(|local| room(&format!("{local}@{domain}")));
        assert_eq!(told, expect);
    }
    assert_eq!(
        resolved(&service, "halls@g.example").await,
        ["halls@g.example"]
    );
    assert!(service.asks_for(&address("a@g.example")));
    assert!(!service.asks_for(&address("c@nowhere.example")));
}

#[tokio::test]
async fn what_is_told_under_an_alias_is_hidden() {
    for room_booking in [true, false] {
        let service = over_aliases(room_booking);
        service.refresh_rooms().await;
        let question = query(&["a@x.example", "d@g.example", "halls@x.example"]);
        for told in all_ways(&service, &question).await {
            assert_eq!(has_details(&told[0]), room_booking);
            assert_eq!(has_details(&told[1]), room_booking);
            assert_eq!(told[2].is_ok(), room_booking);
        }
    }
}

//! What a source that refuses for good to tell of rooms means where rooms are not offered: nobody knows which mailboxes are
//! rooms, unless the configuration names them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::caller::{all_ways, has_details, query, source};
use super::details::passing;
use super::stub::{Stub, address, caller, endpoint_with, room, service, soon};
use crate::domain::{Listed, MailboxError, RoomEntry};
use crate::service::Availability;
use crate::service::directory::DirectoryError;
use crate::service::settings::ServiceSettings;

/// With the rooms read, as far as they are told. The configuration names rooms as `Name <room@x.example>`, with ` in list@x.example` where they stand in a list.
async fn over(stub: &Arc<Stub>, written: &[&str], room_booking: bool) -> Arc<Availability> {
    let service = unread(stub, written, room_booking);
    // Nothing is to be tried again soon.
    assert!(service.refresh_rooms().await);
    service
}

/// The same before the rooms are read.
fn unread(stub: &Arc<Stub>, written: &[&str], room_booking: bool) -> Arc<Availability> {
    let entry = |text: &&str| match text.split_once(" in ") {
        Some((text, list)) => RoomEntry {
            room: room(text),
            list: Some(Listed::parse(list).unwrap()),
        },
        None => RoomEntry {
            room: room(text),
            list: None,
        },
    };
    let written = written.iter().map(entry).collect();
    let mut settings = ServiceSettings::default();
    settings.sharing.room_booking = room_booking;
    settings.sharing.directory = true;
    let endpoint = endpoint_with("one", "x.example", stub, (4, written));
    service(vec![endpoint], &settings)
}

#[tokio::test]
async fn details_are_told_of_nobody_unless_rooms_are_written_down() {
    // The rooms of the configuration, and whether details are told: of a room that is written down, and of a person.
    for (written, room_booking, of_room, of_person) in [
        (&[][..], false, false, false),
        (&["Aurora <a@x.example>"][..], false, false, true),
        (&[], true, true, true),
    ] {
        let stub = source();
        stub.refuses.store(true, Ordering::SeqCst);
        let service = over(&stub, written, room_booking).await;
        for told in all_ways(&service, &query(&["a@x.example", "auguste@x.example"])).await {
            assert_eq!(has_details(&told[0]), of_room, "{written:?}");
            assert_eq!(has_details(&told[1]), of_person, "{written:?}");
        }
        // Rooms and lists of rooms may be among those who would be found.
        let found = service.resolve_names(&caller(), "auguste", soon()).await;
        assert_eq!(found.is_ok(), of_person, "{found:?}");
        let person = address("auguste@x.example");
        let known = service.resolve(&caller(), &person, soon()).await;
        // By its exact address a list would be found as people are.
        assert_eq!(known.unwrap().is_some(), of_person);
    }
}

#[tokio::test]
async fn what_was_told_before_a_refusal_counts() {
    let stub = source();
    let service = over(&stub, &[], false).await;
    stub.refuses.store(true, Ordering::SeqCst);
    assert!(service.refresh_rooms().await);
    for told in all_ways(&service, &query(&["a@x.example", "auguste@x.example"])).await {
        assert!(!has_details(&told[0]) && has_details(&told[1]));
    }
}

#[tokio::test]
async fn a_list_whose_rooms_are_not_told_is_hidden_all_the_same() {
    for (room_booking, is_lost) in [(false, false), (true, false), (false, true), (true, true)] {
        let stub = source();
        let untold = if is_lost {
            &stub.lost_list
        } else {
            &stub.refused_list
        };
        *untold.lock().unwrap() = Some(address("secret@x.example"));
        let service = over(&stub, &[], room_booking).await;
        let question = query(&["secret@x.example", "boss@x.example", "auguste@x.example"]);
        for told in all_ways(&service, &question).await {
            let list = told[0].as_ref().err();
            assert_eq!(list, (!room_booking).then_some(&MailboxError::NotFound));
            assert_eq!(has_details(&told[2]), room_booking);
        }
        let lists = service.room_lists(&caller(), soon()).await.unwrap();
        let names: Vec<_> = lists.iter().map(|list| &*list.name).collect();
        assert_eq!(names, if room_booking { &["HQ"][..] } else { &[] });
        let (caller, list) = (caller(), address("secret@x.example"));
        let rooms = service.rooms(&caller, &list, soon()).await;
        assert_eq!(rooms, Err(DirectoryError::Unknown));
    }
}

#[tokio::test]
async fn a_list_that_cannot_be_read_now_hides_what_was_never_told() {
    for error in passing() {
        let stub = source();
        let secret = address("secret@x.example");
        let odd = [(secret.clone(), error.clone())];
        *stub.odd_lists.lock().unwrap() = odd.clone().into();
        let service = unread(&stub, &[], false);
        let question = query(&["boss@x.example", "auguste@x.example", "secret@x.example"]);
        let check = async |of_person: bool| {
            for told in all_ways(&service, &question).await {
                assert!(!has_details(&told[0]), "{error}");
                assert_eq!(has_details(&told[1]), of_person, "{error}");
                assert_eq!(told[2], Err(MailboxError::NotFound), "{error}");
            }
        };
        // The boss's room stands in another list, too; another room could stand in this one alone.
        assert!(!service.refresh_rooms().await);
        check(false).await;
        stub.odd_lists.lock().unwrap().clear();
        assert!(service.refresh_rooms().await);
        check(true).await;
        // All of its rooms were told: they are still known.
        *stub.odd_lists.lock().unwrap() = odd.into();
        for _ in 0..2 {
            assert!(!service.refresh_rooms().await);
            check(true).await;
        }
        // Of a list that was refused in between, nobody knows them any more.
        stub.odd_lists.lock().unwrap().clear();
        *stub.refused_list.lock().unwrap() = Some(secret.clone());
        assert!(service.refresh_rooms().await);
        *stub.refused_list.lock().unwrap() = None;
        *stub.odd_lists.lock().unwrap() = [(secret, error.clone())].into();
        assert!(!service.refresh_rooms().await);
        check(false).await;
    }
}

#[tokio::test]
async fn what_is_written_stands_for_the_list_that_it_names_alone() {
    // One list is refused, another is not found.
    for (written, are_people_told) in [
        (&["Aurora <a@x.example>"][..], false),
        (&["Boss's room <boss@x.example> in hq@x.example"], false),
        (&["Boss's room <boss@x.example> in secret@x.example"], false),
        (
            &[
                "Boss's room <boss@x.example> in secret@x.example",
                "Aurora <a@x.example> in hq@x.example",
            ],
            true,
        ),
    ] {
        let stub = source();
        *stub.refused_list.lock().unwrap() = Some(address("secret@x.example"));
        *stub.lost_list.lock().unwrap() = Some(address("hq@x.example"));
        let service = over(&stub, written, false).await;
        let question = query(&["boss@x.example", "auguste@x.example", "secret@x.example"]);
        for told in all_ways(&service, &question).await {
            assert!(!has_details(&told[0]), "{written:?}");
            assert_eq!(has_details(&told[1]), are_people_told, "{written:?}");
            assert_eq!(told[2], Err(MailboxError::NotFound), "{written:?}");
        }
    }
}

#[tokio::test]
async fn whatever_may_be_a_hidden_list_is_not_answered() {
    let (busy, absent, long) = (
        Some(MailboxError::EndpointFailed),
        Some(MailboxError::NotFound),
        Some(MailboxError::ListTooLong),
    );
    let written = &["Boss's room <boss@x.example>"][..];
    // Whether rooms are offered and written down, what becomes of the lists, and what is said of a list of rooms, a
    // mailbox that tells merged times alone, a list that is too long, the room, and a person.
    for (room_booking, written, lists, expect) in [
        (false, &[][..], "unread", [busy, busy, busy, busy, None]),
        // A room that is known as one is no list.
        (false, written, "unread", [busy, busy, busy, None, None]),
        (
            false,
            &[],
            "refused",
            [absent, absent, absent, absent, None],
        ),
        (false, written, "refused", [None, None, long, None, None]),
        (false, &[], "told", [absent, None, long, None, None]),
        (true, &[], "unread", [None, None, long, None, None]),
        (true, &[], "refused", [None, None, long, None, None]),
    ] {
        let mut stub = Arc::into_inner(source()).unwrap();
        let merged = ["hq@x.example", "digits@x.example", "boss@x.example"];
        stub.merged = merged.map(address).to_vec();
        let stub = Arc::new(stub);
        stub.refuses.store(lists == "refused", Ordering::SeqCst);
        let service = unread(&stub, written, room_booking);
        if lists != "unread" {
            assert!(service.refresh_rooms().await);
        }
        let mailboxes = [
            "hq@x.example",
            "digits@x.example",
            "crowd@x.example",
            "boss@x.example",
            "auguste@x.example",
        ];
        for told in all_ways(&service, &query(&mailboxes)).await {
            let errors = told.iter().map(|told| told.as_ref().err().copied());
            assert_eq!(errors.collect::<Vec<_>>(), expect, "{written:?} {lists}");
        }
    }
}

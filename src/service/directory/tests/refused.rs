//! What a source that refuses for good to tell of rooms means where rooms are not offered: nobody knows which mailboxes are
//! rooms, unless the configuration names them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::caller::{all_ways, has_details, query, source};
use super::stub::{Stub, address, caller, endpoint_with, room, service, soon};
use crate::domain::{Listed, MailboxError, RoomEntry};
use crate::service::Availability;
use crate::service::directory::DirectoryError;
use crate::service::settings::ServiceSettings;

/// The configuration names rooms as `Name <room@x.example>`, with ` in list@x.example` where they stand in a list.
async fn over(stub: &Arc<Stub>, written: &[&str], room_booking: bool) -> Arc<Availability> {
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
    let service = service(vec![endpoint], &settings);
    // Nothing is to be tried again soon.
    assert!(service.refresh_rooms().await);
    service
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
        assert!(known.unwrap().is_some());
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

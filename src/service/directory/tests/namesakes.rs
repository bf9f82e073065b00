//! Rooms and lists of rooms by other addresses than the one that their server tells: hidden where rooms are not offered,
//! as far as anybody can know.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::caller::{all_ways, has_details, query, source};
use super::stub::{address, caller, endpoint, service, soon};
use crate::domain::{Detail, FreeBusy, Listed, MailboxError, Outcome};
use crate::service::Availability;
use crate::service::directory::{DirectoryError, Members};
use crate::service::settings::ServiceSettings;

/// An endpoint that is asked for all domains; its rooms are of `x.example`. `second` is another address of a list of rooms.
async fn over(room_booking: bool) -> Arc<Availability> {
    let mut stub = Arc::into_inner(source()).unwrap();
    let listed = |text| Listed::parse(text).unwrap();
    stub.people = ["Aurora <a@y.example>", "Auguste <auguste@y.example>"]
        .map(listed)
        .to_vec();
    stub.groups = BTreeMap::from([
        (address("second@x.example"), vec![listed("a@x.example")]),
        (address("third@x.example"), vec![listed("boss@y.example")]),
        (address("team@x.example"), vec![listed("anna@x.example")]),
    ]);
    let mut settings = ServiceSettings::default();
    settings.sharing.room_booking = room_booking;
    settings.sharing.directory = true;
    settings.routing.default = Some(0);
    let service = service(
        vec![endpoint("one", "x.example", &Arc::new(stub), 4)],
        &settings,
    );
    assert!(service.refresh_rooms().await);
    service
}

#[tokio::test]
async fn what_is_called_like_a_room_is_taken_for_it() {
    for room_booking in [true, false] {
        let service = over(room_booking).await;
        let question = query(&["a@y.example", "auguste@y.example", "hq@y.example"]);
        for told in all_ways(&service, &question).await {
            assert_eq!(has_details(&told[0]), room_booking, "the room");
            assert!(has_details(&told[1]), "a person");
            let list = told[2].as_ref().err();
            assert_eq!(list, (!room_booking).then_some(&MailboxError::NotFound));
        }
        let list = address("hq@y.example");
        let known = service.resolve(&caller(), &list, soon()).await.unwrap();
        assert_eq!(known.is_some(), room_booking);
        for (entry, is_found) in [
            ("hq@y.example", room_booking),
            ("auror", room_booking),
            ("auguste", true),
        ] {
            let found = service.resolve_names(&caller(), entry, soon()).await;
            let nothing = found.as_ref().err();
            let expect = (!is_found).then_some(&DirectoryError::Unknown);
            assert_eq!(nothing, expect, "{entry}, {room_booking}");
        }
    }
}

#[tokio::test]
async fn lists_with_rooms_among_their_members_are_not_expanded() {
    for room_booking in [true, false] {
        let service = over(room_booking).await;
        let mailboxes = ["second@x.example", "third@x.example", "team@x.example"];
        let digits = || -> Outcome { Ok(FreeBusy::new(Vec::new(), Detail::DigitsOnly, None)) };
        let outcomes = [digits(), digits(), digits()];
        let attendees = query(&mailboxes).attendees;
        let caller = caller();
        let told = service.members(&caller, &attendees, &outcomes, soon());
        let told = told.await;
        let are_lists = told.iter().map(|one| *one != Members::Single);
        let are_lists: Vec<_> = are_lists.collect();
        assert_eq!(are_lists, [room_booking, room_booking, true]);
    }
}

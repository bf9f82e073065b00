//! A list that is too long for clients: the rules for it hold for each part, and whoever asks for it means all of it.

use std::sync::Arc;

use super::caller::query;
use super::stub::{Stub, address, caller, endpoint, list, service, soon};
use crate::domain::{MailboxError, MailboxPattern, Outcome};
use crate::service::Availability;
use crate::service::directory::Members;
use crate::service::settings::ServiceSettings;

const PARTS: [&str; 3] = ["tower@x.example", "tower+2@x.example", "tower+3@x.example"];

fn rooms() -> Vec<String> {
    (0..250).map(|n| format!("room{n:03}@x.example")).collect()
}

/// A list of 250 rooms, which are all approved where `only` approves any.
fn over(deny: &[&str], only: Option<&[&str]>) -> Arc<Availability> {
    let rooms = rooms();
    let rooms: Vec<&str> = rooms.iter().map(String::as_str).collect();
    let stub = Stub::with(vec![list("Tower <tower@x.example>", &rooms)]);
    let patterns = |texts: &[&str]| -> Vec<MailboxPattern> {
        let patterns = texts.iter().map(|text| MailboxPattern::parse(text));
        patterns.map(Result::unwrap).collect()
    };
    let mut settings = ServiceSettings::default();
    settings.permit.deny = patterns(deny);
    settings.permit.only = only.map(|only| patterns(&[only, &rooms[..]].concat()));
    service(vec![endpoint("one", "x.example", &stub, 4)], &settings)
}

/// What stands behind each part, of which no endpoint knows anything as a mailbox.
async fn members(service: &Availability) -> Vec<Members> {
    let unknown = || -> Outcome { Err(MailboxError::NotFound) };
    let outcomes: Vec<_> = PARTS.iter().map(|_| unknown()).collect();
    let attendees = query(&PARTS).attendees;
    let caller = caller();
    let told = service.members(&caller, &attendees, &outcomes, soon());
    told.await
}

#[tokio::test]
async fn rules_for_a_list_hold_for_its_parts() {
    // Denied and approved lists, and the parts that are there for callers.
    for (deny, only, expect) in [
        (&[][..], None, &PARTS[..]),
        (&PARTS[..1], None, &[]),
        (&PARTS[1..2], None, &[PARTS[0], PARTS[2]]),
        (&[], Some(&PARTS[..1]), &PARTS),
        (&[], Some(&[]), &[]),
        (&[], Some(&PARTS[1..2]), &[]),
        (&PARTS[..1], Some(&PARTS), &[]),
    ] {
        let row = format!("deny {deny:?}, only {only:?}");
        let (service, caller) = (over(deny, only), caller());
        let told = service.room_lists(&caller, soon()).await.unwrap();
        let told: Vec<_> = told.iter().map(|list| list.address.as_str()).collect();
        assert_eq!(told, expect, "{row}");
        let all = service.all_rooms(&caller, soon()).await.unwrap();
        let mut of_rooms: Vec<_> = all.into_iter().filter_map(|(_, list)| list).collect();
        of_rooms.dedup();
        let of_rooms: Vec<_> = of_rooms.iter().map(|list| list.address.as_str()).collect();
        assert_eq!(of_rooms, expect, "{row}");
        let members = members(&service).await;
        for (part, members) in PARTS.iter().zip(members) {
            let is_there = expect.contains(part);
            let rooms = service.rooms(&caller, &address(part), soon()).await;
            assert_eq!(rooms.is_ok(), is_there, "{row}: {part}");
            let found = service.resolve_names(&caller, part, soon()).await;
            assert_eq!(found.is_ok(), is_there, "{row}: {part}");
            assert_eq!(members != Members::Single, is_there, "{row}: {part}");
        }
    }
}

#[tokio::test]
async fn whoever_asks_for_a_long_list_means_all_of_it() {
    let service = over(&[], None);
    service.refresh_rooms().await;
    let told = members(&service).await;
    let count = |members: &Members| match members {
        Members::Told(rooms) => Some(rooms.len()),
        Members::TooMany | Members::Single | Members::Untold => None,
    };
    assert_eq!(told[0], Members::TooMany);
    assert_eq!((count(&told[1]), count(&told[2])), (Some(100), Some(50)));
}

#[tokio::test]
async fn rooms_that_a_caller_may_not_see_are_not_counted() {
    let service = over(&["room100@x.example", "room200@x.example"], None);
    service.refresh_rooms().await;
    let told = members(&service).await;
    for (part, members) in PARTS.iter().zip(told).skip(1) {
        let rooms = service.rooms(&caller(), &address(part), soon()).await;
        let rooms = rooms.unwrap().into_iter().map(|room| Ok(room.address));
        assert_eq!(members, Members::Told(rooms.collect()), "{part}");
    }
}

//! Many rooms, several endpoints, and endpoints that fail.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use super::stub::{Stub, address, caller, endpoint, guarded, list, room, service, soon};
use crate::backend::Limits;
use crate::backend::endpoint::Guard;
use crate::domain::{
    Attendee, AttendeeRole, AvailabilityQuery, Detail, Listed, Origin, RoomEntry, RoomList,
    TimeWindow,
};
use crate::service::directory::DirectoryError;
use crate::service::settings::ServiceSettings;

/// Twenty lists of fifty rooms each at `domain`.
fn thousand(domain: &str) -> Arc<Stub> {
    let lists = (0..20).map(|number| RoomList {
        listed: Listed::parse(&format!("House {number:02} <house{number}@{domain}>")).unwrap(),
        rooms: (0..50)
            .map(|n| room(&format!("Room {number}.{n} <room{number}-{n}@{domain}>")))
            .collect(),
    });
    Stub::with(lists.collect())
}

#[tokio::test]
async fn two_thousand_rooms_of_two_endpoints_are_one_catalogue() {
    let (one, two) = (thousand("one.example"), thousand("two.example"));
    let endpoints = vec![
        endpoint("one", "one.example", &one, 4),
        endpoint("two", "two.example", &two, 4),
    ];
    let service = service(endpoints, &ServiceSettings::default());
    let lists = service.room_lists(&caller(), soon()).await.unwrap();
    assert_eq!(lists.len(), 40);
    let mut rooms = 0;
    for list in &lists {
        let told = service.rooms(&caller(), &list.address, soon()).await;
        rooms += told.unwrap().len();
    }
    assert_eq!(rooms, 2_000);
    // Everything came from one reading.
    assert_eq!(one.refreshes.load(Ordering::SeqCst), 1);
    let found = service.resolve_names(&caller(), "room", soon()).await;
    let (found, more) = found.unwrap();
    assert_eq!((found.len(), more), (100, true));
}

#[tokio::test]
async fn a_cold_question_for_a_hundred_rooms_makes_few_calls() {
    // Of each endpoint's hundred rooms, which stand in two lists.
    for (limit, calls) in [(100, 1), (30, 4), (7, 15)] {
        let (one, two) = (thousand("one.example"), thousand("two.example"));
        let limited = |name: &str, stub: &Arc<Stub>| {
            let limits = Limits {
                mailboxes_per_call: limit,
                ..Limits::default()
            };
            let guard = Guard {
                limits,
                ..Guard::default()
            };
            Arc::new(guarded(name, &format!("{name}.example"), stub, guard))
        };
        let endpoints = vec![limited("one", &one), limited("two", &two)];
        let service = service(endpoints, &ServiceSettings::default());
        let rooms = |half: &'static str| {
            let of_list = move |list: usize| (0..50).map(move |n| format!("room{list}-{n}@{half}"));
            [3, 4].into_iter().flat_map(of_list)
        };
        let query = query_of(rooms("one.example").chain(rooms("two.example")));
        for expect in [calls, 0] {
            let answer = service.answer(&query, soon()).await;
            assert_eq!(answer.per_mailbox.len(), 200);
            assert!(answer.per_mailbox.iter().all(Result::is_ok));
            for stub in [&one, &two] {
                assert_eq!(stub.take_asked().len(), expect, "{limit} in one call");
            }
        }
    }
}

/// Whether these rooms are free for a day.
fn query_of(rooms: impl Iterator<Item = String>) -> AvailabilityQuery {
    let attendee = |text: String| Attendee {
        mailbox: Ok(address(&text)),
        role: AttendeeRole::Room,
        exclude_conflicts: false,
    };
    let start = super::stub::now();
    AvailabilityQuery {
        caller: Arc::new(caller()),
        attendees: rooms.map(attendee).collect(),
        window: TimeWindow::new(start, start + jiff::SignedDuration::from_hours(24)).unwrap(),
        detail: Detail::BusyOnly,
        origin: Origin::default(),
    }
}

#[tokio::test]
async fn what_was_known_stays_while_an_endpoint_fails() {
    let stub = Stub::with(vec![list("HQ <hq@x.example>", &["a@x.example"])]);
    let service = service(
        vec![endpoint("one", "x.example", &stub, 4)],
        &ServiceSettings::default(),
    );
    assert!(service.refresh_rooms().await);
    stub.fails.store(true, Ordering::SeqCst);
    assert!(!service.refresh_rooms().await);
    assert_eq!(
        service.room_lists(&caller(), soon()).await.unwrap().len(),
        1
    );
    stub.fails.store(false, Ordering::SeqCst);
    stub.lists.lock().unwrap().clear();
    assert!(service.refresh_rooms().await);
    assert!(
        service
            .room_lists(&caller(), soon())
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn nothing_known_is_not_told_as_no_rooms() {
    let stub = Stub::with(vec![list("HQ <hq@x.example>", &["a@x.example"])]);
    stub.fails.store(true, Ordering::SeqCst);
    let service = service(
        vec![endpoint("one", "x.example", &stub, 4)],
        &ServiceSettings::default(),
    );
    let unavailable = DirectoryError::Unavailable;
    assert_eq!(
        service.room_lists(&caller(), soon()).await,
        Err(unavailable)
    );
    let rooms = service
        .rooms(&caller(), &address("hq@x.example"), soon())
        .await;
    assert_eq!(rooms, Err(unavailable));
    let found = service.resolve_names(&caller(), "a", soon()).await;
    assert_eq!(found, Err(unavailable));
}

#[tokio::test]
async fn rooms_that_are_written_down_are_there_at_once() {
    let stub = Stub::with(vec![list("HQ <hq@x.example>", &["Aurora <a@x.example>"])]);
    stub.fails.store(true, Ordering::SeqCst);
    let mut entry = RoomEntry {
        room: room("a@x.example"),
        list: Some(Listed::parse("hq@x.example").unwrap()),
    };
    entry.room.details.capacity = Some(8);
    let one = Arc::into_inner(endpoint("one", "x.example", &stub, 4)).unwrap();
    let one = Arc::new(one.with_rooms(vec![entry]));
    let service = service(vec![one], &ServiceSettings::default());
    let list = address("hq@x.example");
    let rooms = async || service.rooms(&caller(), &list, soon()).await.unwrap();
    assert_eq!(&*rooms().await[0].name, "a@x.example");
    stub.fails.store(false, Ordering::SeqCst);
    service.refresh_rooms().await;
    let known = rooms().await;
    assert_eq!(&*known[0].name, "Aurora");
    assert_eq!(known[0].details.capacity, Some(8));
}

#[tokio::test(start_paused = true)]
async fn a_source_that_has_told_nothing_yet_is_asked_each_minute() {
    let stub = Stub::with(Vec::new());
    stub.fails.store(true, Ordering::SeqCst);
    let service = service(
        vec![endpoint("one", "x.example", &stub, 4)],
        &ServiceSettings::default(),
    );
    service.keep_rooms();
    // The clock stands still but for this.
    tokio::time::sleep(Duration::from_mins(40) + Duration::from_secs(10)).await;
    assert_eq!(stub.refreshes.load(Ordering::SeqCst), 41);
}

#[tokio::test(start_paused = true)]
async fn the_catalogue_is_read_again_from_time_to_time() {
    let stub = Stub::with(Vec::new());
    let service = service(
        vec![endpoint("one", "x.example", &stub, 4)],
        &ServiceSettings::default(),
    );
    service.keep_rooms();
    let mut readings = 0;
    let mut next = async |minutes: u64| {
        readings += 1;
        let (begun, pause) = (Instant::now(), Duration::from_mins(minutes));
        while stub.refreshes.load(Ordering::SeqCst) < readings {
            assert!(
                begun.elapsed() < pause + Duration::from_secs(2),
                "{readings}"
            );
            // The pause between two looks at the condition.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert!(
            begun.elapsed() + Duration::from_secs(1) > pause,
            "{readings}"
        );
    };
    next(0).await;
    for _ in 0..2 {
        next(60).await;
        stub.fails.store(true, Ordering::SeqCst);
        next(60).await;
        // It failed: again after a minute, and less and less often as long as it fails.
        for minutes in [1, 2, 4, 8, 16, 32, 60, 60] {
            next(minutes).await;
        }
        stub.fails.store(false, Ordering::SeqCst);
        next(60).await;
    }
}

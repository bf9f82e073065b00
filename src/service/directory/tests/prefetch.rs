//! The prefetch against an endpoint that makes one call at a time: by the order of the calls, not by time.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::stub::{Stub, address, caller, endpoint, list, service, soon};
use crate::domain::{
    Attendee, AttendeeRole, AvailabilityQuery, Detail, Origin, SmtpAddress, TimeWindow,
};
use crate::service::Availability;
use crate::service::cache::DropScope;
use crate::service::settings::{EndpointService, ServiceSettings};

fn source(rooms: usize) -> Arc<Stub> {
    let names: Vec<String> = (0..rooms)
        .map(|n| format!("room{n:03}@x.example"))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Stub::with(vec![list("HQ <hq@x.example>", &names)])
}

fn prefetching(stub: &Arc<Stub>) -> Arc<Availability> {
    let mut settings = ServiceSettings::default();
    settings.rooms.prefetch_days = 3;
    service(vec![endpoint("one", "x.example", stub, 1)], &settings)
}

/// The prefetch of so many rooms has begun, and its first call does not end: the endpoint makes one call at a time.
async fn begun(rooms: usize) -> (Arc<Stub>, Arc<Availability>, JoinHandle<()>) {
    let stub = source(rooms);
    let service = prefetching(&stub);
    service.refresh_rooms().await;
    stub.holds.store(true, Ordering::SeqCst);
    let background = tokio::spawn({
        let service = Arc::clone(&service);
        async move { service.prefetch_rooms().await }
    });
    assert_eq!(calls(&stub, 1).await[0].len(), 100);
    (stub, service, background)
}

fn question(mailbox: &str) -> AvailabilityQuery {
    let start = super::stub::now();
    AvailabilityQuery {
        caller: Arc::new(caller()),
        attendees: Arc::new([Attendee {
            mailbox: Ok(address(mailbox)),
            role: AttendeeRole::Required,
            exclude_conflicts: false,
        }]),
        window: TimeWindow::new(start, start + jiff::SignedDuration::from_hours(2)).unwrap(),
        detail: Detail::BusyOnly,
        origin: Origin::default(),
    }
}

/// Lets other tasks run until there were so many calls; gives up after ten seconds of a clock that stands still otherwise.
async fn calls(stub: &Stub, count: usize) -> Vec<Vec<SmtpAddress>> {
    for _ in 0..10_000 {
        let asked = stub.asked.lock().unwrap().clone();
        if asked.len() >= count {
            return asked;
        }
        sleep(Duration::from_millis(1)).await;
    }
    panic!("only {:?}", stub.asked.lock().unwrap());
}

#[tokio::test]
async fn all_rooms_are_fetched_by_full_calls_and_once() {
    let stub = source(250);
    let service = prefetching(&stub);
    service.prefetch_rooms().await;
    let asked = stub.take_asked();
    let sizes: Vec<_> = asked.iter().map(Vec::len).collect();
    assert_eq!(sizes, [100, 100, 50]);
    // What is fresh is neither fetched again nor asked for by callers.
    service.prefetch_rooms().await;
    let answer = service.answer(&question("room017@x.example"), soon()).await;
    assert!(answer.per_mailbox[0].is_ok());
    assert!(stub.take_asked().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_caller_is_never_behind_the_prefetch() {
    let (stub, service, background) = begun(250).await;
    for mailbox in ["anna@x.example", "room003@x.example", "room249@x.example"] {
        let before = stub.asked.lock().unwrap().len();
        let answer = service.answer(&question(mailbox), soon()).await;
        assert!(answer.per_mailbox[0].is_ok(), "{mailbox}");
        let asked = stub.asked.lock().unwrap().clone();
        // The next call after the caller has come is the caller's.
        assert_eq!(asked[before], [address(mailbox)], "{mailbox}");
        // Then the prefetch begins again where it was.
        let asked = calls(&stub, before + 2).await;
        assert_eq!(asked[before + 1].len(), 100, "{mailbox}");
    }
    let before = stub.asked.lock().unwrap().len();
    stub.holds.store(false, Ordering::SeqCst);
    stub.let_go.notify_one();
    background.await.unwrap();
    let sizes: Vec<_> = stub.take_asked()[before..].iter().map(Vec::len).collect();
    // One of the last fifty was fetched for a caller meanwhile; he had the whole week of it.
    assert_eq!(sizes, [100, 49]);
}

#[tokio::test(start_paused = true)]
async fn after_each_interruption_the_prefetch_pauses_longer() {
    let (stub, service, background) = begun(100).await;
    let mut begun = stub.asked.lock().unwrap().len();
    for (number, seconds) in [1, 2, 4, 8, 16, 30, 30].into_iter().enumerate() {
        let person = format!("p{number}@x.example");
        let answer = service.answer(&question(&person), soon()).await;
        assert!(answer.per_mailbox[0].is_ok());
        begun += 1;
        sleep(Duration::from_millis(seconds * 1_000 - 10)).await;
        assert_eq!(stub.asked.lock().unwrap().len(), begun, "{seconds} s");
        sleep(Duration::from_millis(20)).await;
        begun += 1;
        assert_eq!(stub.asked.lock().unwrap().len(), begun, "{seconds} s");
    }
    stub.let_go.notify_one();
    background.await.unwrap();
    assert_eq!(stub.take_asked().len(), begun);
}

#[tokio::test]
async fn outside_working_hours_nothing_is_fetched() {
    let stub = source(5);
    let mut settings = ServiceSettings::default();
    settings.rooms.prefetch_days = 3;
    settings.rooms.time_zone = jiff::tz::db().get("Australia/Sydney").unwrap();
    let service = service(vec![endpoint("one", "x.example", &stub, 1)], &settings);
    service.prefetch_rooms().await;
    assert!(stub.take_asked().is_empty());
}

#[tokio::test]
async fn rooms_are_fetched_where_they_are_told_if_callers_are_sent_there() {
    let (hq, cloud, other) = (source(2), source(4), source(5));
    let mut settings = ServiceSettings::default();
    settings.rooms.prefetch_days = 3;
    settings.endpoints = vec![EndpointService {
        fallback: Some(1),
        ..EndpointService::default()
    }];
    let endpoints = vec![
        endpoint("hq", "x.example", &hq, 1),
        endpoint("cloud", "cloud.example", &cloud, 1),
        // It tells a room that it is never asked for.
        endpoint("other", "other.example", &other, 1),
    ];
    let service = service(endpoints, &settings);
    service.prefetch_rooms().await;
    let numbers = |stub: &Arc<Stub>| -> Vec<String> {
        let asked = stub.take_asked().into_iter().flatten();
        let mut asked: Vec<_> = asked.map(|room| room.local_part().to_owned()).collect();
        asked.sort();
        asked
    };
    assert_eq!(numbers(&hq), ["room000", "room001", "room004"]);
    assert_eq!(numbers(&cloud), ["room002", "room003"]);
    assert!(numbers(&other).is_empty());
    // The first question of a caller asks neither of them.
    for room in ["room000@x.example", "room003@x.example"] {
        let answer = service.answer(&question(room), soon()).await;
        assert!(answer.per_mailbox[0].is_ok(), "{room}");
        assert!(hq.take_asked().is_empty(), "{room}");
        assert!(cloud.take_asked().is_empty(), "{room}");
    }
    // And where they were found lately they are fetched again.
    let forget = DropScope::All;
    service.drop_cached(&forget);
    service.prefetch_rooms().await;
    assert_eq!(numbers(&cloud), ["room002", "room003"]);
}

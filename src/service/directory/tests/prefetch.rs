//! The prefetch against an endpoint that makes one call at a time: by the order of the calls, not by time.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::stub::{Stub, address, caller, endpoint, list, service, soon};
use crate::backend::instance::Instance;
use crate::domain::{
    Attendee, AttendeeRole, AvailabilityQuery, Clock, Detail, Origin, SmtpAddress, TimeWindow,
};
use crate::service::Availability;
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

/// Callers ask the first for rooms at `x.example`, and the second for those that it does not find.
fn in_a_row(hq: &Arc<Stub>, cloud: &Arc<Stub>, clock: Arc<dyn Clock>) -> Arc<Availability> {
    let mut settings = ServiceSettings::default();
    settings.rooms.prefetch_days = 3;
    settings.endpoints = vec![EndpointService {
        fallback: Some(1),
        ..EndpointService::default()
    }];
    let endpoints = vec![
        endpoint("hq", "x.example", hq, 1),
        endpoint("cloud", "cloud.example", cloud, 1),
    ];
    Arc::new(Availability::new(
        endpoints,
        &settings,
        &Instance::new(clock),
    ))
}

struct HandClock(Mutex<Timestamp>);

impl HandClock {
    fn at_ten() -> Arc<Self> {
        Arc::new(Self(Mutex::new(super::stub::now())))
    }

    fn advance(&self, minutes: i64) {
        *self.0.lock().unwrap() += jiff::SignedDuration::from_mins(minutes);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// The numbers of the rooms that were asked for.
fn numbers(stub: &Stub) -> Vec<String> {
    let asked = stub.take_asked().into_iter().flatten();
    let asked = asked.map(|room| room.local_part().replace("room00", ""));
    let mut asked: Vec<_> = asked.collect();
    asked.sort();
    asked
}

#[tokio::test]
async fn rooms_are_fetched_where_callers_questions_end() {
    let (hq, cloud) = (source(2), source(4));
    let moved = ["room001@x.example", "room003@x.example"].map(address);
    *hq.absent.lock().unwrap() = moved.to_vec();
    let clock = HandClock::at_ten();
    let service = in_a_row(&hq, &cloud, clock.clone());
    service.prefetch_rooms().await;
    assert_eq!(numbers(&hq), ["0", "1", "2", "3"]);
    assert_eq!(numbers(&cloud), ["1", "3"]);
    // The first question of a caller asks neither of them.
    for room in ["room000@x.example", "room003@x.example"] {
        let answer = service.answer(&question(room), soon()).await;
        assert!(answer.per_mailbox[0].is_ok(), "{room}");
        assert!(numbers(&hq).is_empty() && numbers(&cloud).is_empty());
    }
    let fetched = async |minutes: i64| {
        clock.advance(minutes);
        service.prefetch_rooms().await;
        (numbers(&hq).concat(), numbers(&cloud).concat())
    };
    let both = |hq: &str, cloud: &str| (hq.to_owned(), cloud.to_owned());
    // Where they were found they are fetched again, for an hour.
    assert_eq!(fetched(30).await, both("02", "13"));
    hq.absent.lock().unwrap().remove(0);
    assert_eq!(fetched(29).await, both("02", "13"));
    assert_eq!(fetched(2).await, both("0123", "3"));
}

#[tokio::test]
async fn a_room_that_the_first_does_not_find_is_fetched_as_soon_as_the_next_is_well() {
    let (hq, cloud) = (source(2), source(0));
    *hq.absent.lock().unwrap() = vec![address("room001@x.example")];
    let service = in_a_row(&hq, &cloud, HandClock::at_ten());
    cloud.is_down.store(true, Ordering::SeqCst);
    service.prefetch_rooms().await;
    assert_eq!(
        (numbers(&hq).concat(), numbers(&cloud).concat()),
        ("01".into(), "1".into())
    );
    cloud.is_down.store(false, Ordering::SeqCst);
    service.prefetch_rooms().await;
    // The first need not say it again.
    assert_eq!(
        (numbers(&hq).concat(), numbers(&cloud).concat()),
        (String::new(), "1".into())
    );
}

#[tokio::test]
async fn a_fallback_is_never_asked_unless_the_first_says_that_a_room_is_not_there() {
    let (hq, cloud) = (source(0), source(4));
    let service = in_a_row(&hq, &cloud, HandClock::at_ten());
    // Its server tells no rooms, and is down.
    hq.is_down.store(true, Ordering::SeqCst);
    service.prefetch_rooms().await;
    assert!(!numbers(&hq).is_empty());
    assert!(numbers(&cloud).is_empty());
    hq.is_down.store(false, Ordering::SeqCst);
    let answer = service.answer(&question("room000@x.example"), soon()).await;
    assert!(answer.per_mailbox[0].is_ok());
    assert_eq!(numbers(&hq), ["0"]);
    assert!(numbers(&cloud).is_empty());
    service.prefetch_rooms().await;
    assert_eq!(numbers(&hq).concat().replace('0', ""), "123");
    assert!(numbers(&cloud).is_empty());
}

//! What single rooms and lists of which the server tells nothing mean for the others.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::stub::{Stub, address, caller, endpoint, list, refusal, service, soon};
use crate::backend::EndpointError;
use crate::domain::SmtpAddress;
use crate::metrics::BreakerState;
use crate::service::Availability;
use crate::service::directory::DirectoryError;
use crate::service::settings::ServiceSettings;

fn over(stub: &Arc<Stub>) -> Arc<Availability> {
    let endpoints = vec![endpoint("one", "x.example", stub, 4)];
    service(endpoints, &ServiceSettings::default())
}

fn odd_answer() -> EndpointError {
    EndpointError::BadAnswer("the answer has no response code".into())
}

/// The building of each room, by address.
async fn buildings(service: &Availability) -> Vec<Option<String>> {
    let rooms = service.all_rooms(&caller(), soon()).await.unwrap();
    let rooms = rooms.into_iter();
    rooms
        .map(|(room, _)| room.details.building.map(|text| text.to_string()))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_room_that_is_not_told_of_holds_up_no_other() {
    for error in [refusal(), odd_answer()] {
        let rooms = ["a@x.example", "b@x.example", "c@x.example"];
        let mut stub =
            Arc::into_inner(Stub::with(vec![list("HQ <hq@x.example>", &rooms)])).unwrap();
        stub.secretive.insert(address("a@x.example"), error.clone());
        let stub = Arc::new(stub);
        let service = over(&stub);
        service.keep_rooms();
        let annex = || Some("Annex".to_owned());
        let until = Instant::now() + Duration::from_mins(5);
        while buildings(&service).await != [None, annex(), annex()] {
            assert!(Instant::now() < until, "{error}");
            // The pause between two looks at the condition.
            sleep(Duration::from_secs(1)).await;
        }
        // Nobody is asked again soon.
        sleep(Duration::from_hours(3)).await;
        assert_eq!(*stub.detailed.lock().unwrap(), rooms.map(address));
    }
}

#[tokio::test]
async fn a_list_that_is_not_told_of_holds_up_no_other() {
    for error in [refusal(), odd_answer()] {
        let lists = vec![
            list("Annex <annex@x.example>", &["a@x.example"]),
            list("HQ <hq@x.example>", &["b@x.example"]),
        ];
        let stub = Stub::with(lists);
        let names = async |service: &Availability| -> Vec<String> {
            assert!(service.refresh_rooms().await);
            let lists = service.room_lists(&caller(), soon()).await.unwrap();
            lists.iter().map(|list| list.name.to_string()).collect()
        };
        let odd = [(address("annex@x.example"), error)].into();
        let before = over(&stub);
        assert_eq!(names(&before).await, ["Annex", "HQ"]);
        *stub.odd_lists.lock().unwrap() = odd;
        assert_eq!(names(&over(&stub)).await, ["HQ"]);
        // What was told before stays, and once.
        assert_eq!(names(&before).await, ["Annex", "HQ"]);
        assert_eq!(names(&before).await, ["Annex", "HQ"]);
        assert_eq!(buildings(&before).await.len(), 2);
        // Until the list is no longer named.
        stub.lists.lock().unwrap().remove(0);
        assert_eq!(names(&before).await, ["HQ"]);
    }
}

/// What a server says when it may say something else a little later.
pub(super) fn passing() -> [EndpointError; 4] {
    let fault = |code: &str| EndpointError::Fault {
        code: code.into(),
        text: "not now".into(),
        transient: true,
    };
    [
        fault("ErrorInternalServerError"),
        fault("ErrorTimeoutExpired"),
        EndpointError::Timeout(Duration::from_secs(30)),
        EndpointError::Status(504),
    ]
}

#[tokio::test]
async fn a_list_that_cannot_be_read_now_costs_no_other() {
    for error in passing() {
        let lists = vec![
            list("Annex <annex@x.example>", &["a@x.example"]),
            list("HQ <hq@x.example>", &["b@x.example"]),
        ];
        let stub = Stub::with(lists);
        let annex = address("annex@x.example");
        let names = async |service: &Availability| -> Vec<String> {
            let lists = service.room_lists(&caller(), soon()).await.unwrap();
            lists.iter().map(|list| list.name.to_string()).collect()
        };
        let rooms = async |service: &Availability| {
            let rooms = service.rooms(&caller(), &annex, soon()).await;
            rooms.map(|rooms| rooms.len())
        };
        let before = over(&stub);
        assert!(before.refresh_rooms().await);
        *stub.odd_lists.lock().unwrap() = [(annex.clone(), error.clone())].into();
        let fresh = over(&stub);
        for service in [&before, &fresh, &before] {
            assert!(!service.refresh_rooms().await, "again soon after {error}");
        }
        assert_eq!(names(&before).await, ["Annex", "HQ"], "{error}");
        assert_eq!(rooms(&before).await, Ok(1));
        assert_eq!(names(&fresh).await, ["HQ"], "{error}");
        assert_eq!(rooms(&fresh).await, Err(DirectoryError::Unavailable));
        let nobody = address("nobody@x.example");
        let nothing = fresh.rooms(&caller(), &nobody, soon()).await;
        assert_eq!(nothing, Err(DirectoryError::Unknown));
        stub.odd_lists.lock().unwrap().clear();
        assert!(fresh.refresh_rooms().await);
        assert_eq!(names(&fresh).await, ["Annex", "HQ"], "{error}");
    }
}

#[tokio::test]
async fn nothing_but_lists_that_cannot_be_read_now_is_not_told_as_no_lists() {
    let [error, ..] = passing();
    let hq = list("HQ <hq@x.example>", &["a@x.example"]);
    let stub = Stub::with(vec![hq]);
    *stub.odd_lists.lock().unwrap() = [(address("hq@x.example"), error)].into();
    let lists = over(&stub).room_lists(&caller(), soon()).await;
    assert_eq!(lists, Err(DirectoryError::Unavailable));
}

#[tokio::test]
async fn a_server_that_fails_over_its_lists_is_not_asked_for_all_of_them() {
    for error in passing() {
        let (odd, good) = many("list");
        let lists = [&good].into_iter().chain(&odd);
        let stub = Stub::with(lists.map(|one| list(one, &["a@x.example"])).collect());
        let odd = odd.iter().map(|list| (address(list), error.clone()));
        *stub.odd_lists.lock().unwrap() = odd.collect();
        let service = over(&stub);
        // As often as would open the breaker if each counted.
        for reading in 1..=3 {
            assert!(!service.refresh_rooms().await, "{error}");
            let asked = stub.lists_asked.load(Ordering::SeqCst);
            assert_eq!(asked, 4 * reading, "{error}");
            assert_eq!(breaker(&service), [BreakerState::Closed], "{error}");
        }
        let lists = service.room_lists(&caller(), soon()).await.unwrap();
        assert_eq!(lists.len(), 1, "{error}");
    }
}

#[tokio::test]
async fn failures_of_lists_count_in_a_row() {
    let names: Vec<String> = (0..10)
        .map(|number| format!("l{number}@x.example"))
        .collect();
    let lists = names.iter().map(|name| list(name, &["a@x.example"]));
    let stub = Stub::with(lists.collect());
    let odd = names.iter().step_by(2);
    let odd = odd.map(|list| {
        (
            address(list),
            EndpointError::Timeout(Duration::from_secs(30)),
        )
    });
    *stub.odd_lists.lock().unwrap() = odd.collect();
    let service = over(&stub);
    assert!(!service.refresh_rooms().await);
    let lists = service.room_lists(&caller(), soon()).await.unwrap();
    assert_eq!(lists.len(), 5);
}

#[tokio::test]
async fn lists_that_fail_do_not_keep_the_others_from_being_asked_for() {
    let (odd, good) = many("list");
    let lists = odd.iter().chain([&good]);
    let stub = Stub::with(lists.map(|one| list(one, &["a@x.example"])).collect());
    let late = EndpointError::Timeout(Duration::from_secs(30));
    let odd: Vec<_> = odd
        .iter()
        .map(|list| (address(list), late.clone()))
        .collect();
    *stub.odd_lists.lock().unwrap() = odd.iter().cloned().collect();
    let service = over(&stub);
    let told = async || -> Vec<SmtpAddress> {
        assert!(!service.refresh_rooms().await);
        let lists = service.room_lists(&caller(), soon()).await;
        let lists = lists.into_iter().flatten();
        lists.map(|list| list.address.clone()).collect()
    };
    // Three fail, the next three, and then it is the good one's turn.
    assert!(told().await.is_empty());
    assert!(told().await.is_empty());
    assert_eq!(told().await, [address(&good)]);
    // Whichever is well again is found soon, though the others go on to fail.
    for (list, _) in &odd {
        let others = odd.iter().filter(|(other, _)| other != list).cloned();
        *stub.odd_lists.lock().unwrap() = others.collect();
        let mut readings = 0;
        while !told().await.contains(list) {
            readings += 1;
            assert!(readings < 3, "{list}");
        }
    }
}

#[tokio::test]
async fn what_was_read_before_the_breaker_opened_counts() {
    let names = ["one@x.example", "two@x.example", "three@x.example"];
    let stub = Stub::with(names.map(|one| list(one, &["a@x.example"])).to_vec());
    let open = EndpointError::BreakerOpen("callers' calls failed".into());
    *stub.odd_lists.lock().unwrap() = [(address(names[1]), open)].into();
    let service = over(&stub);
    assert!(!service.refresh_rooms().await);
    assert_eq!(stub.lists_asked.load(Ordering::SeqCst), 2);
    let lists = service.room_lists(&caller(), soon()).await.unwrap();
    let lists: Vec<_> = lists.iter().map(|list| list.address.clone()).collect();
    assert_eq!(lists, [address(names[0])]);
    for unread in &names[1..] {
        let rooms = service.rooms(&caller(), &address(unread), soon()).await;
        assert_eq!(rooms, Err(DirectoryError::Unavailable));
    }
}

#[tokio::test]
async fn what_concerns_the_server_ends_the_reading() {
    for error in [
        EndpointError::Connect("refused".into()),
        EndpointError::NoAccount("all rest".into()),
        EndpointError::Throttled { back_off: None },
    ] {
        let lists = ["one@x.example", "two@x.example"];
        let stub = Stub::with(lists.map(|one| list(one, &["a@x.example"])).to_vec());
        *stub.odd_lists.lock().unwrap() = [(address(lists[0]), error.clone())].into();
        let service = over(&stub);
        assert!(!service.refresh_rooms().await, "{error}");
        assert_eq!(stub.lists_asked.load(Ordering::SeqCst), 1, "{error}");
        let told = service.room_lists(&caller(), soon()).await;
        assert_eq!(told, Err(DirectoryError::Unavailable), "{error}");
    }
}

/// The state of the breaker of each endpoint.
fn breaker(service: &Availability) -> Vec<BreakerState> {
    let endpoints = service.endpoints();
    endpoints.map(|endpoint| endpoint.state().breaker).collect()
}

/// As many that the breaker would open if each counted, and a good one behind them.
fn many(what: &str) -> (Vec<String>, String) {
    let odd = (0..6).map(|number| format!("{what}{number}@x.example"));
    (odd.collect(), format!("{what}9@x.example"))
}

#[tokio::test(start_paused = true)]
async fn rooms_that_nobody_can_read_do_not_make_an_endpoint_ill() {
    let (odd, good) = many("room");
    let rooms: Vec<_> = odd.iter().chain([&good]).map(String::as_str).collect();
    let mut stub = Arc::into_inner(Stub::with(vec![list("HQ <hq@x.example>", &rooms)])).unwrap();
    let odd = odd.iter().map(|room| (address(room), odd_answer()));
    stub.secretive.extend(odd);
    let service = over(&Arc::new(stub));
    service.keep_rooms();
    let until = Instant::now() + Duration::from_secs(30);
    while buildings(&service).await.last() != Some(&Some("Annex".to_owned())) {
        assert!(Instant::now() < until, "the good room is never asked for");
        // The pause between two looks at the condition.
        sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(breaker(&service), [BreakerState::Closed]);
}

#[tokio::test]
async fn lists_that_nobody_can_read_do_not_make_an_endpoint_ill() {
    let (odd, good) = many("list");
    let named = odd.iter().chain([&good]);
    let lists = named.map(|address| list(&format!("HQ <{address}>"), &["a@x.example"]));
    let stub = Stub::with(lists.collect());
    let odd = odd.iter().map(|list| (address(list), odd_answer()));
    *stub.odd_lists.lock().unwrap() = odd.collect();
    let service = over(&stub);
    assert!(service.refresh_rooms().await);
    let told = service.room_lists(&caller(), soon()).await.unwrap();
    let told: Vec<_> = told.iter().map(|list| list.address.clone()).collect();
    assert_eq!(told, [address(&good)]);
    assert_eq!(breaker(&service), [BreakerState::Closed]);
}

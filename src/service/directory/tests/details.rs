//! What single rooms and lists of which the server tells nothing mean for the others.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::stub::{Stub, address, caller, endpoint, list, refusal, service, soon};
use crate::backend::EndpointError;
use crate::metrics::BreakerState;
use crate::service::Availability;
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

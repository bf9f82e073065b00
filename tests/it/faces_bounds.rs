//! No face lists more of one mailbox than Exchange would, however much its calendar holds, and no question makes the
//! gateway say the same thing a hundred times.

use std::sync::Arc;

use calbridge::domain::{CalendarEvent, EventDetails};
use calbridge::service::settings::{ServiceSettings, SharingSettings};
use jiff::Timestamp;
use serde_json::Value;

use crate::faces_world::{DETAILS_KEY, KEY, client, start};
use crate::gateway_world::{MemoryBackend, Question, ask, busy, texts, with_details};
use crate::world::{ACCOUNT, PASSWORD, TestServer};

/// Apart: each event is busy time of its own. Dense: they touch, and are one stretch of busy time.
const APART: &str = "apart@example.com";
const DENSE: &str = "dense@example.com";
/// A few events with the longest subjects of all.
const WORDY: &str = "wordy@example.com";
const MOST: &str = "most@example.com";

struct World {
    client: reqwest::Client,
    base: String,
    backend: Arc<MemoryBackend>,
    _server: TestServer,
}

impl World {
    async fn new() -> Self {
        Self::with(&ServiceSettings::default()).await
    }

    async fn with(settings: &ServiceSettings) -> Self {
        let backend = MemoryBackend::new();
        backend.put(APART, events(1_001, 120));
        backend.put(DENSE, events(1_001, 60));
        backend.put(MOST, events(1_000, 120));
        let long = |event: CalendarEvent| {
            let subject = Some("Budget ".repeat(20_000).into());
            let details = EventDetails {
                subject,
                ..EventDetails::default()
            };
            with_details(event, details)
        };
        let wordy = events(20, 120).into_iter().map(long);
        backend.put(WORDY, wordy.collect());
        let server = start(Arc::clone(&backend), settings).await;
        let (client, base) = client(&server);
        Self {
            client,
            base,
            backend,
            _server: server,
        }
    }

    async fn ask(&self, request: reqwest::RequestBuilder) -> (u16, String) {
        let request = request.basic_auth(ACCOUNT, Some(PASSWORD));
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.text().await.unwrap())
    }

    async fn get(&self, path: &str) -> (u16, String) {
        self.ask(self.client.get(format!("{}{path}", self.base)))
            .await
    }

    async fn post(&self, path: &str, kind: &str, body: String) -> String {
        let request = self.client.post(format!("{}{path}", self.base));
        let (status, text) = self
            .ask(request.header("content-type", kind).body(body))
            .await;
        assert_eq!(status, 200, "{text}");
        text
    }

    async fn ews(&self, question: Question<'_>) -> String {
        let kind = "text/xml; charset=utf-8";
        self.post("/EWS/Exchange.asmx", kind, question.xml()).await
    }

    async fn availability(&self, addresses: &str) -> Value {
        let window = "from=2026-09-01T00:00:00Z&to=2026-09-02T00:00:00Z";
        let (status, text) = self
            .get(&format!("/v1/availability?{addresses}&{window}"))
            .await;
        assert_eq!(status, 200);
        serde_json::from_str(&text).unwrap()
    }
}

/// Events of a minute from the first of September 2026 on, one every so many seconds.
fn events(count: i64, every: i64) -> Vec<CalendarEvent> {
    let one = busy("2026-09-01T00:00", "2026-09-01T00:01");
    let later = |at: Timestamp, n: i64| Timestamp::from_second(at.as_second() + n * every).unwrap();
    let events = (0..count).map(|n| CalendarEvent {
        start: later(one.start, n),
        end: later(one.end, n),
        ..one.clone()
    });
    events.collect()
}

fn whole_day() -> Question<'static> {
    Question {
        start: "2026-09-01T00:00:00",
        end: "2026-09-03T00:00:00",
        ..ask()
    }
}

#[tokio::test]
async fn ews_lists_a_thousand_events() {
    let world = World::new().await;
    for (mailboxes, view, expect) in [
        (APART, "Detailed", "ErrorFreeBusyGenerationFailed"),
        (DENSE, "FreeBusyMerged", "ErrorFreeBusyGenerationFailed"),
        (WORDY, "Detailed", "ErrorFreeBusyGenerationFailed"),
        (WORDY, "FreeBusy", "NoError"),
        (APART, "MergedOnly", "NoError"),
        (MOST, "Detailed", "NoError"),
    ] {
        let question = Question {
            mailboxes,
            view,
            ..whole_day()
        };
        let answer = world.ews(question).await;
        assert_eq!(
            texts(&answer, "ResponseCode"),
            [expect],
            "{mailboxes} {view}"
        );
        assert_eq!(
            texts(&answer, "StartTime").len(),
            match (expect, mailboxes, view) {
                ("NoError", MOST, _) => 1_000,
                ("NoError", WORDY, _) => 20,
                _ => 0,
            },
            "{mailboxes} {view}"
        );
    }
}

#[tokio::test]
async fn v1_lists_a_thousand_events_of_each_mailbox_once() {
    let world = World::new().await;
    // The thousand-and-first begins on the next day.
    for (address, is_listed) in [(DENSE, false), (WORDY, false), (MOST, true)] {
        let answer = world.availability(&format!("address={address}")).await;
        let mailbox = &answer["mailboxes"][0];
        assert_eq!(mailbox["events"].is_array(), is_listed, "{address}");
        let code = mailbox["error"]["code"].as_str();
        assert_eq!(code, (!is_listed).then_some("too_many_events"), "{address}");
    }
    let often = "address=most@example.com&address=x&address=Most@Example.com&address=x&".repeat(20);
    let answer = world.availability(often.trim_end_matches('&')).await;
    let mailboxes = answer["mailboxes"].as_array().unwrap();
    let addresses: Vec<_> = mailboxes
        .iter()
        .map(|mailbox| mailbox["address"].as_str().unwrap())
        .collect();
    assert_eq!(addresses, [MOST, "x"]);
}

#[tokio::test]
async fn busy_periods_count_where_only_periods_are_listed() {
    let world = World::new().await;
    for (address, is_listed) in [(APART, false), (DENSE, true), (WORDY, true), (MOST, true)] {
        let message = format!("%5B1,0,%5B{address}%5D,20260901/20260904,0,UTC%5D");
        let form = "application/x-www-form-urlencoded";
        let path = "/lookup/ExchangeQuerier.aspx";
        let page = world.post(path, form, format!("text={message}")).await;
        assert_eq!(page.contains("_ME_AddData"), is_listed, "{address}");
        let path = format!("/lookup/ExchangeQuerierAsIcal.aspx?text={message}");
        let (status, text) = world.get(&path).await;
        assert_eq!(status, if is_listed { 200 } else { 502 }, "{text}");
        let body = format!(
            r#"{{"timeMin":"2026-09-01T00:00:00Z","timeMax":"2026-09-04T00:00:00Z","items":[{{"id":"{address}"}}]}}"#
        );
        let answer = world
            .post("/calendar/v3/freeBusy", "application/json", body)
            .await;
        let answer: Value = serde_json::from_str(&answer).unwrap();
        let calendar = &answer["calendars"][address];
        assert_eq!(calendar["errors"].is_null(), is_listed, "{answer}");
        assert_eq!(calendar["busy"].as_array().unwrap().is_empty(), !is_listed);
    }
}

#[tokio::test]
async fn v1_tells_runs_of_what_has_too_many_events_where_only_times_are_told() {
    let settings = ServiceSettings {
        sharing: SharingSettings {
            event_details: false,
            ..SharingSettings::default()
        },
        ..ServiceSettings::default()
    };
    let world = World::with(&settings).await;
    for (address, detail, events) in [
        (MOST, "busy", Some(720)),
        (DENSE, "merged", Some(1)),
        (APART, "merged", None),
    ] {
        let days = if address == MOST { 1 } else { 3 };
        let end = format!("2026-09-0{}T00:00:00Z", 1 + days);
        let path = format!("/v1/availability?address={address}&from=2026-09-01T00:00:00Z&to={end}");
        let (_, text) = world.get(&path).await;
        let answer: Value = serde_json::from_str(&text).unwrap();
        let mailbox = &answer["mailboxes"][0];
        assert_eq!(mailbox["events"].as_array().map(Vec::len), events);
        let told = (
            mailbox["detail"].as_str(),
            mailbox["error"]["code"].as_str(),
        );
        let expect = match events {
            Some(_) => (Some(detail), None),
            None => (None, Some("too_many_events")),
        };
        assert_eq!(told, expect, "{address}");
    }
}

/// Sixty mailboxes with as much as is listed of one: fifty of them fit.
#[tokio::test]
async fn an_answer_about_many_mailboxes_has_a_bound_and_cuts_no_mailbox() {
    let world = World::new().await;
    let mailboxes: Vec<_> = (0..60).map(|n| format!("full{n}@example.com")).collect();
    for mailbox in &mailboxes {
        world.backend.put(mailbox, events(1_000, 120));
    }
    let addresses: Vec<_> = mailboxes.iter().map(|m| format!("address={m}")).collect();
    let path = format!(
        "/v1/availability?{}&from=2026-09-01T00:00:00Z&to=2026-09-04T00:00:00Z",
        addresses.join("&")
    );
    let answer: Value = serde_json::from_str(&world.get(&path).await.1).unwrap();
    for (place, mailbox) in answer["mailboxes"].as_array().unwrap().iter().enumerate() {
        let told = mailbox["events"].as_array().map(Vec::len);
        assert_eq!(told, (place < 50).then_some(1_000), "{place}");
        let code = mailbox["error"]["code"].as_str();
        assert_eq!(code, (place >= 50).then_some("too_many_events"), "{place}");
    }
    let list = mailboxes.join(",");
    let message = format!("%5B1,0,%5B{list}%5D,20260901/20260904,0,UTC%5D");
    let form = "application/x-www-form-urlencoded";
    for directory in ["lookup", "details"] {
        let path = format!("/{directory}/ExchangeQuerier.aspx");
        let page = world.post(&path, form, format!("text={message}")).await;
        let count = |text: &str| page.matches(text).count();
        assert_eq!(count("&quot;20&quot;,["), 50, "{directory}");
        assert_eq!(count("&quot;0&quot;,[]"), 10, "{directory}");
        assert_eq!(count("[&quot;&quot;,&quot;2026090"), 50_000, "{directory}");
    }
    let path = format!("/lookup/ExchangeQuerierAsIcal.aspx?text={message}");
    let (status, text) = world.get(&path).await;
    assert_eq!(status, 502, "{text}");
    let items: Vec<_> = mailboxes
        .iter()
        .map(|m| format!(r#"{{"id":"{m}"}}"#))
        .collect();
    let body = format!(
        r#"{{"timeMin":"2026-09-01T00:00:00Z","timeMax":"2026-09-04T00:00:00Z","items":[{}]}}"#,
        items.join(",")
    );
    let json = "application/json";
    let answer = world.post("/calendar/v3/freeBusy", json, body).await;
    let answer: Value = serde_json::from_str(&answer).unwrap();
    for (place, mailbox) in mailboxes.iter().enumerate() {
        let calendar = &answer["calendars"][mailbox];
        let told = calendar["busy"].as_array().unwrap().len();
        assert_eq!(told, if place < 50 { 1_000 } else { 0 }, "{mailbox}");
        let reason = calendar["errors"][0]["reason"].as_str();
        let expect = (place >= 50).then_some("tooManyCalendarsRequested");
        assert_eq!(reason, expect, "{mailbox}");
    }
}

#[tokio::test]
async fn links_list_a_thousand_periods() {
    let world = World::new().await;
    for (key, address, status) in [
        (KEY, APART, 502),
        (KEY, DENSE, 200),
        (DETAILS_KEY, DENSE, 502),
        (KEY, MOST, 200),
        (KEY, WORDY, 200),
        (DETAILS_KEY, WORDY, 502),
    ] {
        let got = world.get(&format!("/freebusy/{key}/{address}.ifb")).await;
        assert_eq!(got.0, status, "{address}: {}", got.1);
    }
}

#[tokio::test]
async fn suggestions_have_room_for_a_hundred_attendees() {
    let world = World::new().await;
    let mailboxes: Vec<_> = (0..100).map(|n| format!("m{n}@example.com")).collect();
    let mailboxes = mailboxes.join(" ");
    let question = Question {
        mailboxes: &mailboxes,
        free_busy: false,
        suggestions: true,
        search: "<t:MaximumResultsByDay>10</t:MaximumResultsByDay>\
                 <t:MaximumNonWorkHourResultsByDay>48</t:MaximumNonWorkHourResultsByDay>\
                 <t:MinimumSuggestionQuality>Poor</t:MinimumSuggestionQuality>",
        search_window: ("2026-09-01T00:00:00", "2026-11-02T00:00:00"),
        ..ask()
    };
    let more = Question {
        search: "<t:MaximumResultsByDay>11</t:MaximumResultsByDay>",
        ..question.clone()
    };
    let answer = world.ews(question).await;
    assert_eq!(texts(&answer, "MeetingTime").len(), 62 * 10);
    assert!(answer.len() < 10 << 20, "{}", answer.len());
    // 64,000 conflicts of a hundred attendees are 640 times, and are told to be so few.
    let request = world
        .client
        .post(format!("{}/EWS/Exchange.asmx", world.base));
    let request = request.header("content-type", "text/xml; charset=utf-8");
    let (status, refused) = world.ask(request.body(more.xml())).await;
    assert_eq!(status, 500);
    assert!(
        refused.contains(
            "The value of SuggestionsViewOptions.MaximumResultsByDay is invalid: at most 10 are allowed for 100 attendees on the 62 days"
        ),
        "{refused}"
    );
}

//! The same calendars asked through every face: whatever the protocol, the busy time is the same.

use calbridge::codec::ical::freebusy;
use calbridge::domain::{BusyStatus, CalendarEvent};
use calbridge::service::settings::ServiceSettings;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::Value;

use crate::faces_world::{KEY, client, start};
use crate::gateway_world::{MemoryBackend, Question, ask, texts};
use crate::world::{ACCOUNT, PASSWORD};

const QUESTIONS: usize = 200;
const DAY: i64 = 86_400;
/// 2026-09-01T00:00:00Z.
const FIRST: i64 = 1_788_220_800;

/// Sorted, disjoint, inside the window, in Unix seconds.
type Busy = Vec<(i64, i64)>;

/// Events and a window of whole days.
#[derive(Debug)]
struct Case {
    events: Vec<CalendarEvent>,
    start: i64,
    end: i64,
}

impl Case {
    fn text(&self) -> (String, String) {
        (
            instant(self.start).to_string(),
            instant(self.end).to_string(),
        )
    }

    /// Cut at the window, joined where they touch.
    fn normal(&self, mut busy: Busy) -> Busy {
        busy.sort_unstable();
        let mut normal: Busy = Vec::new();
        for (start, end) in busy {
            let (start, end) = (start.max(self.start), end.min(self.end));
            match normal.last_mut() {
                _ if start >= end => {}
                Some((_, before)) if start <= *before => *before = end.max(*before),
                Some(_) | None => normal.push((start, end)),
            }
        }
        normal
    }

    /// What the calendar says, without any face.
    fn expected(&self) -> Busy {
        let busy = self.events.iter().filter(|event| {
            !matches!(
                event.status,
                BusyStatus::Free | BusyStatus::WorkingElsewhere
            )
        });
        let busy = busy.map(|event| (event.start.as_second(), event.end.as_second()));
        self.normal(busy.collect())
    }
}

fn instant(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn cases() -> impl Strategy<Value = Case> {
    let event =
        (-40_i64..700, 0_i64..60, 0_usize..6).prop_map(|(start, length, status)| CalendarEvent {
            start: instant(FIRST + start * 3600 / 2),
            end: instant(FIRST + start * 3600 / 2 + length * 900),
            status: BusyStatus::ALL[status],
            details: None,
        });
    let events = prop::collection::vec(event, 0..25);
    (events, 0_i64..10, 1_i64..20).prop_map(|(events, start, days)| Case {
        events,
        start: FIRST + start * DAY,
        end: FIRST + (start + days) * DAY,
    })
}

struct Asker {
    client: reqwest::Client,
    base: String,
}

impl Asker {
    async fn text(&self, request: reqwest::RequestBuilder) -> String {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        response.text().await.unwrap()
    }

    async fn ews(&self, case: &Case) -> Busy {
        let (start, end) = case.text();
        let question = Question {
            start: &start,
            end: &end,
            view: "Detailed",
            ..ask()
        };
        let request = self
            .client
            .post(format!("{}/EWS/Exchange.asmx", self.base))
            .basic_auth(ACCOUNT, Some(PASSWORD))
            .header("content-type", "text/xml; charset=utf-8")
            .body(question.xml());
        let answer = self.text(request).await;
        let events = answer
            .split_once("<CalendarEventArray")
            .map_or("", |(_, rest)| rest);
        let events = events.split("</CalendarEventArray").next().unwrap();
        let local = |text: &String| {
            let at: DateTime = text.parse().unwrap();
            TimeZone::UTC.to_timestamp(at).unwrap().as_second()
        };
        let starts = texts(events, "StartTime");
        let (ends, types) = (texts(events, "EndTime"), texts(events, "BusyType"));
        assert_eq!((starts.len(), ends.len()), (types.len(), types.len()));
        let times = starts.iter().map(local).zip(ends.iter().map(local));
        let busy = times
            .zip(types)
            .filter(|(_, word)| word != "Free" && word != "WorkingElsewhere");
        busy.map(|(times, _)| times).collect()
    }

    async fn connector(&self, case: &Case) -> Busy {
        let form = format!(
            "text=%5B1%2C0%2C%5Banna%40example.com%5D%2C{}%2C20260101T000000%2CUTC%5D",
            days(case)
        );
        let request = self
            .client
            .post(format!("{}/lookup/ExchangeQuerier.aspx", self.base))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form);
        let page = self.text(request).await;
        let value = page.split("name=\"text\" value=\"").nth(1).unwrap();
        let value = value.split('"').next().unwrap().replace("&quot;", "\"");
        let payload: Value = serde_json::from_str(&value.replace("&amp;", "&")).unwrap();
        let user = payload[2][3]
            .as_array()
            .unwrap_or_else(|| panic!("{payload}"));
        assert_eq!(user[2], "20", "the mailbox is known");
        let entries = user[3].as_array().unwrap().iter();
        let time = |text: &Value| {
            let at = DateTime::strptime("%Y%m%dT%H%M%S", text.as_str().unwrap()).unwrap();
            TimeZone::UTC.to_timestamp(at).unwrap().as_second()
        };
        entries
            .map(|entry| (time(&entry[1]), time(&entry[2])))
            .collect()
    }

    async fn as_ical(&self, case: &Case) -> Busy {
        let query = format!(
            "?text=%5B1%2C0%2C%5Banna%40example.com%5D%2C{}%2C20260101T000000%2CUTC%5D",
            days(case)
        );
        let url = format!("{}/lookup/ExchangeQuerierAsIcal.aspx{query}", self.base);
        periods(&self.text(self.client.get(url)).await)
    }

    async fn link(&self, case: &Case) -> Busy {
        let (start, end) = case.text();
        let base = &self.base;
        let url = format!("{base}/freebusy/{KEY}/anna@example.com.ifb?start={start}&end={end}");
        periods(&self.text(self.client.get(url)).await)
    }

    async fn google(&self, case: &Case) -> Busy {
        let (start, end) = case.text();
        let body = serde_json::json!({"timeMin": start, "timeMax": end, "timeZone": "Asia/Kathmandu", "items": [{"id": "anna@example.com"}]});
        let request = self
            .client
            .post(format!("{}/calendar/v3/freeBusy", self.base))
            .basic_auth(ACCOUNT, Some(PASSWORD))
            .body(body.to_string());
        let answer: Value = serde_json::from_str(&self.text(request).await).unwrap();
        let calendar = &answer["calendars"]["anna@example.com"];
        assert!(calendar["errors"].is_null());
        times(&calendar["busy"])
    }

    async fn own(&self, case: &Case) -> Busy {
        let (start, end) = case.text();
        let base = &self.base;
        let url = format!("{base}/v1/availability?address=anna@example.com&from={start}&to={end}");
        let request = self.client.get(url).basic_auth(ACCOUNT, Some(PASSWORD));
        let answer: Value = serde_json::from_str(&self.text(request).await).unwrap();
        let mailbox = &answer["mailboxes"][0];
        assert!(mailbox["error"].is_null());
        times(&mailbox["events"])
    }
}

fn days(case: &Case) -> String {
    let day = |second| {
        instant(second)
            .to_zoned(TimeZone::UTC)
            .strftime("%Y%m%d")
            .to_string()
    };
    format!("{}%2F{}", day(case.start), day(case.end))
}

fn periods(document: &str) -> Busy {
    let read = freebusy::read(document).unwrap();
    read.periods
        .iter()
        .map(|period| (period.start, period.end))
        .collect()
}

fn times(list: &Value) -> Busy {
    let time = |text: &Value| {
        text.as_str()
            .unwrap()
            .parse::<Timestamp>()
            .unwrap()
            .as_second()
    };
    let list = list.as_array().unwrap().iter();
    list.map(|period| (time(&period["start"]), time(&period["end"])))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_face_tells_the_same_busy_time() {
    let backend = MemoryBackend::new();
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        TestRng::deterministic_rng(RngAlgorithm::ChaCha),
    );
    let mut busy_seconds = 0;
    let server = start(backend.clone(), &without_cache()).await;
    let (client, base) = client(&server);
    let asker = Asker { client, base };
    for _ in 0..QUESTIONS {
        let case = cases().new_tree(&mut runner).unwrap().current();
        backend.put("anna@example.com", case.events.clone());
        let expected = case.expected();
        let told = [
            ("EWS", asker.ews(&case).await),
            ("connector", asker.connector(&case).await),
            ("connector as iCalendar", asker.as_ical(&case).await),
            (".ifb", asker.link(&case).await),
            ("freeBusy", asker.google(&case).await),
            ("/v1/availability", asker.own(&case).await),
        ];
        for (face, busy) in told {
            assert_eq!(case.normal(busy), expected, "{face}: {case:?}");
        }
        busy_seconds += expected.iter().map(|(start, end)| end - start).sum::<i64>();
    }
    assert!(
        busy_seconds > 100 * DAY,
        "the questions are about something: {busy_seconds}"
    );
}

/// Each question changes the calendar.
fn without_cache() -> ServiceSettings {
    let mut settings = ServiceSettings::default();
    let none = std::time::Duration::ZERO;
    settings.cache.lifetimes.fresh_for = none;
    settings.cache.lifetimes.stale_while_revalidate = none;
    settings
}

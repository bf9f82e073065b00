//! Free/busy links and the JSON faces over real sockets: who gets what, what is refused and how, and what caches are told.

use std::sync::Arc;

use calbridge::codec::ical::freebusy;
use calbridge::domain::{EventDetails, MailboxError};
use calbridge::service::settings::ServiceSettings;
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};

use crate::faces_world::{DETAILS_KEY, ELSEWHERE_KEY, KEY, NOW, ONE_KEY, client, start};
use crate::gateway_world::{MemoryBackend, busy, with_details};
use crate::world::{ACCOUNT, PASSWORD, TestServer};

struct World {
    client: Client,
    base: String,
    backend: Arc<MemoryBackend>,
    _server: TestServer,
}

impl World {
    async fn new() -> Self {
        let backend = MemoryBackend::new();
        let details = EventDetails {
            subject: Some("Budget; \"2027\", Ä".into()),
            location: Some("Room 7".into()),
            ..EventDetails::default()
        };
        let event = busy("2026-09-02T09:00", "2026-09-02T10:00");
        backend.put("anna@example.com", vec![with_details(event, details)]);
        backend.put("bernd@example.com", Vec::new());
        backend.put_outcome("broken@example.com", Err(MailboxError::GenerationFailed));
        backend.put_outcome("closed@example.com", Err(MailboxError::NoAccess));
        let server = start(Arc::clone(&backend), &ServiceSettings::default()).await;
        let (client, base) = client(&server);
        Self {
            client,
            base,
            backend,
            _server: server,
        }
    }

    async fn get(&self, path: &str) -> Response {
        self.ask(Method::GET, path, &[]).await
    }

    async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Response {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }

    async fn free_busy(&self, body: &str) -> (u16, Value) {
        let request = self
            .client
            .post(format!("{}/calendar/v3/freeBusy?alt=json", self.base))
            .basic_auth(ACCOUNT, Some(PASSWORD))
            .body(body.to_owned());
        json_of(request.send().await.unwrap()).await
    }

    async fn availability(&self, query: &str) -> (u16, Value) {
        let url = format!("{}/v1/availability?{query}", self.base);
        let request = self.client.get(url).basic_auth(ACCOUNT, Some(PASSWORD));
        json_of(request.send().await.unwrap()).await
    }
}

async fn json_of(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    assert_eq!(
        header(&response, "content-type"),
        "application/json; charset=UTF-8"
    );
    (
        status,
        serde_json::from_str(&response.text().await.unwrap()).unwrap(),
    )
}

fn header(response: &Response, name: &str) -> String {
    let value = response.headers().get(name);
    value.map_or(String::new(), |value| value.to_str().unwrap().to_owned())
}

/// Everything of an answer that does not differ from request to request.
async fn fingerprint(response: Response) -> (u16, Vec<(String, String)>, String) {
    let changing = ["request-id", "date"];
    let headers = response.headers().iter();
    let mut headers: Vec<_> = headers
        .filter(|(name, _)| !changing.contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    headers.sort();
    (
        response.status().as_u16(),
        headers,
        response.text().await.unwrap(),
    )
}

const ANNA: &str = "anna@example.com";

#[tokio::test]
async fn a_link_publishes_busy_time_and_only_with_leave_details() {
    let world = World::new().await;
    for (key, details) in [(KEY, false), (DETAILS_KEY, true), (ONE_KEY, false)] {
        for ending in ["ifb", "vfb", "ICS"] {
            let response = world
                .get(&format!("/FreeBusy/{key}/Anna@example.com.{ending}"))
                .await;
            assert_eq!(response.status(), 200);
            let kind = header(&response, "content-type");
            assert_eq!(
                kind,
                "text/calendar; charset=utf-8; component=VFREEBUSY; method=PUBLISH"
            );
            let document = freebusy::read(&response.text().await.unwrap()).unwrap();
            assert_eq!(
                (document.mailbox.as_str(), document.periods.len()),
                (ANNA, 1)
            );
            assert_eq!(document.start.to_string(), "2026-08-31T00:00:00Z");
            let told = document.periods[0].summary.as_deref();
            assert_eq!(told, details.then_some("Budget; \"2027\", Ä"));
            assert_eq!(document.periods[0].location.is_some(), details);
        }
    }
    let empty = world
        .get(&format!("/freebusy/{KEY}/bernd%40example.com.ifb"))
        .await;
    let document = freebusy::read(&empty.text().await.unwrap()).unwrap();
    assert!(document.periods.is_empty());
}

#[tokio::test]
async fn without_its_key_a_link_is_not_there() {
    let world = World::new().await;
    for method in "GET POST PUT OPTIONS HEAD PROPFIND X".split(' ') {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let nothing = world.ask(method.clone(), "/no/such/path", &[]).await;
        let nothing = fingerprint(nothing).await;
        assert_eq!(nothing.0, 404);
        let wrong = KEY.replace('6', "7");
        let paths = [
            format!("/freebusy/{wrong}/{ANNA}.ifb"),
            format!("/freebusy/{ELSEWHERE_KEY}/{ANNA}.ifb"),
            format!("/freebusy/{ONE_KEY}/bernd@example.com.ifb"),
            format!("/freebusy/{KEY}/{ANNA}"),
            format!("/freebusy/{KEY}/{ANNA}.txt"),
            format!("/freebusy/{KEY}/*.ifb"),
            format!("/freebusy/{KEY}/*@example.com.ifb"),
            format!("/freebusy/{KEY}/%25@example.com.ifb"),
            format!("/freebusy/{KEY}/anna@foreign.example.ifb"),
            format!("/freebusy/{KEY}/an%FFna@example.com.ifb"),
            format!("/freebusy/{KEY}/"),
            format!("/freebusy//{ANNA}.ifb"),
            "/freebusy/".to_owned(),
        ];
        for path in paths {
            for header in [("content-encoding", "gzip"), ("accept", "*/*")] {
                let got = world.ask(method.clone(), &path, &[header]).await;
                assert_eq!(fingerprint(got).await, nothing, "{method} {path}");
            }
        }
    }
    // A right key, and a mailbox that is not there or may not be told of.
    let nothing = fingerprint(world.get("/no/such/path").await).await;
    for name in ["nobody@example.com", "closed@example.com"] {
        let got = fingerprint(world.get(&format!("/freebusy/{KEY}/{name}.ifb")).await).await;
        assert_eq!(got, nothing, "{name}");
    }
    let refused = world
        .ask(Method::POST, &format!("/freebusy/{KEY}/{ANNA}.ifb"), &[])
        .await;
    assert_eq!(
        (refused.status().as_u16(), header(&refused, "allow")),
        (405, "GET".into())
    );
}

#[tokio::test]
async fn what_cannot_be_told_is_never_an_empty_document() {
    let world = World::new().await;
    let failed = world
        .get(&format!("/freebusy/{KEY}/broken@example.com.ifb"))
        .await;
    assert_eq!(failed.status(), 502);
    assert_eq!(header(&failed, "cache-control"), "no-store");
    assert_eq!(
        failed.text().await.unwrap(),
        "the calendar could not be read.\n"
    );
    let start = format!("/freebusy/{KEY}/{ANNA}.ifb");
    for (query, name) in [
        ("start=tomorrow", "start"),
        ("end=2026-02-30", "end"),
        ("start=2026-09-02&end=2026-09-01", "end"),
        ("start=2026-09-01&end=2027-09-01", "start"),
        ("availability=yes", "availability"),
        ("start=%FF", "query"),
    ] {
        let refused = world.get(&format!("{start}?{query}")).await;
        assert_eq!(refused.status(), 400, "{query}");
        let text = refused.text().await.unwrap();
        assert!(text.contains(name), "{query}: {text}");
    }
}

#[tokio::test]
async fn caches_are_told_what_they_need() {
    let world = World::new().await;
    let path = format!("/freebusy/{KEY}/{ANNA}.ifb");
    let first = world.get(&path).await;
    let tag = header(&first, "etag");
    assert!(tag.starts_with("W/\""), "{tag}");
    assert_eq!(
        header(&first, "last-modified"),
        "Tue, 01 Sep 2026 12:00:00 GMT",
        "{NOW}"
    );
    assert_eq!(header(&first, "cache-control"), "private, max-age=60");
    let length = first.text().await.unwrap().len();
    assert!(!world.backend.take_asked().is_empty());
    for method in [Method::GET, Method::HEAD] {
        let again = [("if-none-match", tag.as_str())];
        let again = world.ask(method.clone(), &path, &again).await;
        let validators = (again.status().as_u16(), header(&again, "etag"));
        assert_eq!(validators, (304, tag.clone()));
        assert_eq!(header(&again, "vary"), "Accept-Encoding");
        assert_eq!(header(&again, "content-length"), "", "{method}");
        assert_eq!(again.text().await.unwrap(), "");
    }
    // The calendar was read in this very second: another one may have been told in it before.
    let date = [("if-modified-since", "Tue, 01 Sep 2026 12:00:00 GMT")];
    let again = world.ask(Method::GET, &path, &date).await;
    assert_eq!(again.status(), 200);
    let other = world
        .ask(Method::GET, &path, &[("if-none-match", "\"other\"")])
        .await;
    assert_eq!(other.status(), 200);
    let head = world.ask(Method::HEAD, &path, &[]).await;
    assert_eq!(
        (head.status().as_u16(), header(&head, "content-length")),
        (200, length.to_string())
    );
    assert_eq!(header(&head, "etag"), tag);
    // All the rest came from the cache.
    assert!(world.backend.take_asked().is_empty());
}

#[tokio::test]
async fn free_busy_is_answered_as_google_answers_it() {
    let world = World::new().await;
    let bounds = r#""timeMin":"2026-09-02T00:00:00Z","timeMax":"2026-09-03T00:00:00Z""#;
    let items = r#"[{"id":"Anna@Example.com"},{"id":"nobody@example.com"},{"id":"*"},{"id":"broken@example.com"},{"id":"x@foreign.example"},{"id":"bernd@example.com"}]"#;
    let (status, answer) = world
        .free_busy(&format!(
            r#"{{{bounds},"calendarExpansionMax":5,"items":{items}}}"#
        ))
        .await;
    let failed =
        |reason: &str| json!({"errors": [{"domain": "global", "reason": reason}], "busy": []});
    assert_eq!(
        (status, &answer["calendars"]),
        (
            200,
            &json!({
                "Anna@Example.com": {"busy": [{"start": "2026-09-02T09:00:00Z", "end": "2026-09-02T10:00:00Z"}]},
                "nobody@example.com": failed("notFound"),
                "*": failed("notFound"),
                "broken@example.com": failed("internalError"),
                "x@foreign.example": failed("notFound"),
                "bernd@example.com": failed("tooManyCalendarsRequested"),
            })
        )
    );
    let many = vec![r#"{"id":"anna@example.com"}"#; 10_000].join(",");
    for (body, reason) in [
        ("{", "parseError"),
        ("{}", "required"),
        (
            r#"{"timeMin":"2026-09-02","timeMax":"2026-09-03T00:00:00Z"}"#,
            "invalid",
        ),
        (
            r#"{"timeMin":"2026-09-03T00:00:00Z","timeMax":"2026-09-02T00:00:00Z"}"#,
            "timeRangeEmpty",
        ),
        (
            r#"{"timeMin":"2026-09-03T00:00:00Z","timeMax":"2027-09-02T00:00:00Z"}"#,
            "timeRangeTooLong",
        ),
        (
            &format!(r#"{{{bounds},"timeZone":"Mars/Base"}}"#),
            "invalid",
        ),
        (
            &format!(r#"{{{bounds},"items":[{many}]}}"#),
            "tooManyCalendarsRequested",
        ),
    ] {
        let (status, answer) = world.free_busy(body).await;
        let got = &answer["error"]["errors"][0]["reason"];
        assert_eq!((status, got), (400, &json!(reason)), "{answer}");
    }
}

#[tokio::test]
async fn availability_tells_details_errors_and_age() {
    let world = World::new().await;
    let window = "from=2026-09-02T00:00:00Z&to=2026-09-03T02:00:00%2B02:00";
    let (status, answer) = world
        .availability(&format!(
            "address={ANNA}&address=broken@example.com&address=*&{window}"
        ))
        .await;
    assert_eq!(status, 200);
    assert_eq!(
        answer,
        json!({
            "from": "2026-09-02T00:00:00Z", "to": "2026-09-03T00:00:00Z",
            "mailboxes": [
                {
                    "address": ANNA, "detail": "subjects",
                    "events": [{"start": "2026-09-02T09:00:00Z", "end": "2026-09-02T10:00:00Z", "status": "busy", "subject": "Budget; \"2027\", Ä", "location": "Room 7"}],
                    "asOf": NOW, "ageSeconds": 0, "freshForSeconds": 60,
                },
                {"address": "broken@example.com", "error": {"code": "generation_failed", "message": "the calendar could not be read", "transient": true}},
                {"address": "*", "error": {"code": "invalid_address", "message": "the text is not a valid SMTP address", "transient": false}},
            ],
        })
    );
    let many = format!("address={ANNA}&").repeat(101);
    for (query, reason) in [
        (window.to_owned(), "required"),
        (format!("address={ANNA}"), "required"),
        (format!("address={ANNA}&from=x&to=y"), "invalid"),
        (format!("address=%FF&{window}"), "badRequest"),
        (format!("{many}{window}"), "tooManyCalendarsRequested"),
        (
            format!("address={ANNA}&from=2026-09-02T00:00:00Z&to=2026-09-02T00:00:00Z"),
            "timeRangeEmpty",
        ),
    ] {
        let (status, answer) = world.availability(&query).await;
        let got = &answer["error"]["errors"][0]["reason"];
        assert_eq!((status, got), (400, &json!(reason)), "{query}");
    }
}

#[tokio::test]
async fn refusals_of_the_server_are_in_the_words_of_the_face() {
    let world = World::new().await;
    for (method, path, status, reason) in [
        (Method::GET, "/v1/availability?address=x", 401, "required"),
        (Method::POST, "/calendar/v3/freeBusy", 401, "required"),
        (
            Method::GET,
            "/calendar/v3/freeBusy",
            405,
            "httpMethodNotAllowed",
        ),
        (
            Method::POST,
            "/v1/availability",
            405,
            "httpMethodNotAllowed",
        ),
    ] {
        let response = world.ask(method, path, &[]).await;
        let challenge = header(&response, "www-authenticate");
        assert_eq!(challenge.starts_with("Basic"), status == 401, "{path}");
        let (got, answer) = json_of(response).await;
        let told = &answer["error"]["errors"][0]["reason"];
        assert_eq!(
            (got, told, &answer["error"]["code"]),
            (status, &json!(reason), &json!(status)),
            "{path}"
        );
    }
    let (status, description) = json_of(world.get("/v1/openapi.json").await).await;
    assert_eq!(
        (status, description["info"]["title"].as_str()),
        (200, Some("calbridge"))
    );
}

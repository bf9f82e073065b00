//! The metrics as a scraper and an administrator meet them: names and units, the list in the documentation, and what
//! requests over real sockets count.

use std::sync::Arc;
use std::time::Duration;

use calbridge::backend::AccountCondition;
use calbridge::codec::token_refusal::TokenTrouble;
use calbridge::domain::MailboxError;
use calbridge::metrics::labels::{
    ACCOUNT_STATES, EXPIRING_CREDENTIALS, MAILBOX_RESULTS, OPERATIONS, REQUEST_OUTCOMES,
    TOKEN_OUTCOMES, UPSTREAM_OUTCOMES,
};
use calbridge::metrics::{CacheResult, Metrics};
use calbridge::server::settings::ServerSettings;
use calbridge::service::settings::SharingSettings;

use crate::gateway_world::{MemoryBackend, ask, endpoint, envelope, gateway};
use crate::metrics_text::{Family, keep, parse, value};
use crate::server_faces::{Echo, by_hand};
use crate::world::{PATIENCE, TestServer, basic, logged_in, post, request};

/// The only labels; none of them ever says who asks or for whom.
const LABELS: [&str; 10] = [
    "credential",
    "endpoint",
    "face",
    "le",
    "listener",
    "operation",
    "outcome",
    "result",
    "state",
    "version",
];

#[test]
fn names_types_and_units_follow_the_rules() {
    let metrics = Metrics::new(&["hq"]);
    metrics.upstream_call("hq", "ok", Duration::from_millis(7));
    metrics.batch_size("hq", 3);
    let text = metrics.render();
    keep(&text);
    for (name, family) in parse(&text) {
        let bare = name.strip_prefix("calbridge_").unwrap();
        assert!(
            bare.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'),
            "{name}"
        );
        assert!(family.help.ends_with('.'), "{name}: {}", family.help);
        assert!(!family.series.is_empty(), "{name} has no series");
        assert_eq!(family.kind == "counter", name.ends_with("_total"), "{name}");
        match family.kind.as_str() {
            "counter" | "gauge" => {}
            "histogram" => {
                assert!(
                    name.ends_with("_seconds") || name.ends_with("_mailboxes"),
                    "{name}"
                );
                buckets_add_up(&name, &family);
            }
            other => panic!("{name} is a {other}"),
        }
        for (series, value) in &family.series {
            assert!(value.is_finite() && *value >= 0.0, "{series:?}");
            assert!(
                series
                    .labels
                    .keys()
                    .all(|label| LABELS.contains(&label.as_str())),
                "{series:?}"
            );
        }
    }
}

/// Within the labels of a histogram, each bucket has at least what the one before has, and the last has all.
fn buckets_add_up(name: &str, family: &Family) {
    let mut before = 0.0;
    for (series, value) in &family.series {
        match series.labels.get("le") {
            Some(_) => {
                assert!(*value >= before, "{series:?}");
                before = *value;
            }
            None if series.name == format!("{name}_count") => {
                assert!((*value - before).abs() < f64::EPSILON, "{series:?}");
                before = 0.0;
            }
            None => {}
        }
    }
}

#[test]
fn every_word_that_is_counted_has_its_series() {
    for error in MailboxError::ALL {
        assert!(MAILBOX_RESULTS.contains(&error.label()), "{error:?}");
    }
    for trouble in TokenTrouble::ALL {
        assert!(TOKEN_OUTCOMES.contains(&trouble.label()), "{trouble:?}");
    }
    for condition in AccountCondition::ALL {
        assert!(ACCOUNT_STATES.contains(&condition.label()), "{condition:?}");
    }
}

#[test]
fn the_documentation_explains_every_word() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md");
    let documented = std::fs::read_to_string(file).unwrap();
    let words = [
        REQUEST_OUTCOMES,
        MAILBOX_RESULTS,
        UPSTREAM_OUTCOMES,
        ACCOUNT_STATES,
        TOKEN_OUTCOMES,
        EXPIRING_CREDENTIALS,
    ]
    .concat();
    let cache = CacheResult::ALL.map(CacheResult::label);
    for word in words
        .into_iter()
        .chain(cache)
        .chain(OPERATIONS.iter().map(|(_, operation)| *operation))
    {
        assert!(
            documented.contains(&format!("`{word}`")),
            "{word} is not explained"
        );
    }
}

/// The counted requests of the test faces, whose name no metric knows.
fn counted(server: &TestServer, outcome: &str) -> f64 {
    let series = format!(
        r#"calbridge_requests_total{{face="other",operation="other",outcome="{outcome}"}}"#
    );
    value(&server.metrics.render(), &series)
}

fn plain(server: &TestServer, name: &str) -> f64 {
    value(&server.metrics.render(), name)
}

#[expect(clippy::float_cmp, reason = "small whole numbers")]
#[tokio::test]
async fn requests_are_counted_by_how_they_ended() {
    let server = TestServer::start(Arc::new(Echo)).await;
    let mut connection = server.connect().await;
    assert_eq!(connection.ask(post("<a/>")).await.status, 200);
    assert_eq!(
        connection.ask(request("POST", "", "<a/>")).await.status,
        401
    );
    let wrong = format!(
        "Authorization: {}\r\n",
        basic("nobody@example.com", "wrong")
    );
    assert_eq!(
        connection.ask(request("POST", &wrong, "<a/>")).await.status,
        401
    );
    assert_eq!(connection.ask(request("PUT", "", "")).await.status, 405);
    assert_eq!(connection.ask(post("panic")).await.status, 500);
    assert_eq!(counted(&server, "answered"), 1.0);
    assert_eq!(counted(&server, "unauthorized"), 2.0);
    assert_eq!(plain(&server, "calbridge_login_failures_total"), 1.0);
    assert_eq!(counted(&server, "bad_request"), 1.0);
    let broken = r#"calbridge_requests_total{face="none",operation="none",outcome="broken"}"#;
    assert_eq!(plain(&server, broken), 1.0);
    assert_eq!(plain(&server, "calbridge_connections"), 1.0);
    assert_eq!(plain(&server, "calbridge_connections_opened_total"), 1.0);
    assert_eq!(plain(&server, "calbridge_requests_in_flight"), 0.0);
    assert_eq!(plain(&server, "calbridge_allowlist_refusals_total"), 0.0);
}

#[expect(clippy::float_cmp, reason = "small whole numbers")]
#[tokio::test]
async fn the_ews_face_says_which_operation_was_asked_for() {
    let endpoint = endpoint("hq", &["example.com"], MemoryBackend::new(), PATIENCE);
    let server = gateway(vec![endpoint], SharingSettings::default(), |_| {}).await;
    let mut connection = server.connect().await;
    let headers = format!(
        "Authorization: {}\r\nContent-Type: text/xml\r\n",
        logged_in()
    );
    let mut statuses = Vec::new();
    let nonsense = envelope("", "<m:Nonsense/>");
    for body in [ask().xml(), ask().xml(), nonsense, "no XML".to_owned()] {
        let answer = connection.ask(request("POST", &headers, &body)).await;
        statuses.push(answer.status);
    }
    assert_eq!(statuses, [200, 200, 500, 500]);
    let asked = |operation: &str, outcome: &str| {
        let labels = format!(r#"face="ews",operation="{operation}",outcome="{outcome}""#);
        plain(&server, &format!("calbridge_requests_total{{{labels}}}"))
    };
    assert_eq!(asked("GetUserAvailability", "answered"), 2.0);
    assert_eq!(asked("GetUserAvailability", "fault"), 0.0);
    assert_eq!(asked("none", "fault"), 2.0);
    let seconds = r#"calbridge_request_duration_seconds_count{face="ews"}"#;
    assert_eq!(plain(&server, seconds), 4.0);
    assert!(!server.metrics.render().contains('@'));
}

#[expect(clippy::float_cmp, reason = "small whole numbers")]
#[tokio::test]
async fn refused_addresses_are_counted() {
    let refuse = |settings: &mut ServerSettings| {
        settings.access.allow = vec!["192.0.2.0/24".parse().unwrap()];
    };
    let server = TestServer::with(Arc::new(Echo), refuse).await;
    let tcp = tokio::net::TcpStream::connect(server.address)
        .await
        .unwrap();
    assert!(server.handshake(tcp).await.is_err());
    assert_eq!(plain(&server, "calbridge_allowlist_refusals_total"), 1.0);
    assert_eq!(plain(&server, "calbridge_connections_opened_total"), 0.0);
}

#[expect(clippy::float_cmp, reason = "small whole numbers")]
#[tokio::test]
async fn who_hangs_up_and_who_is_too_many_is_counted() {
    let (face, mut calls) = by_hand();
    let mut server = TestServer::with(face, |s| s.limits.max_in_flight = 1).await;
    let mut first = server.connect().await;
    first.send(post("<a/>")).await;
    let waiting = calls.next().await;
    assert_eq!(plain(&server, "calbridge_requests_in_flight"), 1.0);
    let mut second = server.connect().await;
    assert_eq!(second.ask(post("<b/>")).await.status, 500);
    assert_eq!(counted(&server, "busy"), 1.0);
    drop(first);
    waiting.abandoned().await;
    drop(second);
    server.stop();
    server.stopped().await;
    let abandoned = r#"calbridge_requests_total{face="none",operation="none",outcome="abandoned"}"#;
    assert_eq!(plain(&server, abandoned), 1.0);
    assert_eq!(plain(&server, "calbridge_requests_in_flight"), 0.0);
    assert_eq!(plain(&server, "calbridge_connections"), 0.0);
    assert_eq!(plain(&server, "calbridge_connections_opened_total"), 2.0);
}

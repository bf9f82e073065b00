//! What the server logs at info: one line per request, and nothing of the caller.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tracing::subscriber::{DefaultGuard, NoSubscriber};
use tracing::{Dispatch, Level};

use crate::server_faces::{Echo, by_hand};
use crate::world::{ACCOUNT, PASSWORD, TestServer, basic, post, request};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// What this thread logs up to `level`, as long as the guards live.
fn listen(level: Level) -> (Lines, (Dispatch, DefaultGuard)) {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    // With a single subscriber, tracing lets any thread of any test decide that nobody listens; with two it asks both.
    let second = Dispatch::new(NoSubscriber::default());
    (
        lines,
        (second, tracing::subscriber::set_default(subscriber)),
    )
}

// One thread, so that the subscriber of the test sees all of the server.
#[tokio::test]
async fn a_request_is_one_line_without_a_person() {
    let (lines, _guards) = listen(Level::INFO);
    let server = TestServer::start(Arc::new(Echo)).await;
    let mut connection = server.connect().await;
    let answer = connection.ask(post("<secret-subject/>")).await;
    connection.ask(request("POST", "", "<a/>")).await;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let named = format!("Traceparent: 00-{trace}-b7ad6b7169203331-01\r\nTracestate: k=v\r\n");
    let traced = connection
        .ask(post("<b/>").replacen("\r\n", &format!("\r\n{named}"), 1))
        .await;
    connection.ask(post("panic")).await;
    let id = answer.header("request-id").unwrap();
    let text = lines.text();
    let line = text.lines().find(|line| line.contains(id)).unwrap();
    for part in [
        "INFO",
        "face=\"echo\"",
        "route=\"/ews/exchange.asmx\"",
        "method=POST",
        "status=200",
        "duration_ms=",
    ] {
        assert!(line.contains(part), "{part} in {line}");
    }
    assert!(!line.contains("trace_id"), "{line}");
    let traced = traced.header("request-id").unwrap();
    let line = text.lines().find(|line| line.contains(traced)).unwrap();
    assert!(line.contains(&format!("trace_id={trace}")), "{line}");
    // Neither the refusal nor anything secret; the panic is told by its request's id alone.
    assert!(!text.contains("status=401"), "{text}");
    assert_eq!(
        text.lines().filter(|line| line.contains("ERROR")).count(),
        1,
        "{text}"
    );
    for secret in [
        ACCOUNT,
        "interop",
        PASSWORD,
        "Basic",
        "127.0.0.1",
        "secret-subject",
        "Exchange.asmx",
    ] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn who_is_turned_away_or_gives_up_has_a_line_too() {
    let (lines, _guards) = listen(Level::INFO);
    let (face, mut calls) = by_hand();
    let server = TestServer::with(face, |s| {
        s.limits.max_in_flight = 1;
        s.limits.deadline = Duration::from_secs(1);
    })
    .await;
    let (mut first, mut second) = (server.connect().await, server.connect().await);
    first.send(post("<a/>")).await;
    let waiting = calls.next().await;
    let busy = second.ask(post("<b/>")).await;
    let late = first.answer().await;
    assert_eq!((busy.status, late.status), (500, 503));
    waiting.abandoned().await;
    first.send(post("<c/>")).await;
    let waiting = calls.next().await;
    let given_up = waiting.call.request_id.to_string();
    drop(first);
    waiting.abandoned().await;
    let text = lines.text();
    let line = |id: &str| text.lines().find(|line| line.contains(id)).unwrap_or("");
    let busy = line(busy.header("request-id").unwrap());
    assert!(busy.contains(" INFO ") && busy.contains("status=500"));
    let late = line(late.header("request-id").unwrap());
    assert!(late.contains(" INFO ") && late.contains("status=503"));
    assert!(line(&given_up).contains("its caller hung up"), "{text}");
    assert_eq!(text.lines().count(), 3, "{text}");
}

#[tokio::test]
async fn a_login_that_is_denied_is_told_with_its_network_alone() {
    let (lines, _guards) = listen(Level::DEBUG);
    let server = TestServer::start(Arc::new(Echo)).await;
    let mut connection = server.connect().await;
    let wrong = basic(ACCOUNT, "not-the-password");
    let headers = format!("Authorization: {wrong}\r\n");
    let denied = connection.ask(request("POST", &headers, "<a/>")).await;
    assert_eq!(denied.status, 401);
    connection.ask(request("POST", "", "<a/>")).await;
    let text = lines.text();
    let told: Vec<_> = text
        .lines()
        .filter(|line| line.contains("Denied a login"))
        .collect();
    assert_eq!(told.len(), 1, "{text}");
    assert!(told[0].contains("DEBUG") && told[0].contains("network=127.0.0.0/24"));
    for secret in [ACCOUNT, "interop", "not-the-password", "127.0.0.1"] {
        assert!(!told[0].contains(secret), "{secret} in {told:?}");
    }
}

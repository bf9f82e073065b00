//! What the server logs at info: one line per request, and nothing of the caller.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use tracing::subscriber::NoSubscriber;
use tracing::{Dispatch, Level};

use crate::server_faces::Echo;
use crate::world::{ACCOUNT, PASSWORD, TestServer, post, request};

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

// One thread, so that the subscriber of the test sees all of the server.
#[tokio::test]
async fn a_request_is_one_line_without_a_person() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(Level::INFO)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    // With a single subscriber, tracing lets any thread of any test decide that nobody listens; with two it asks both.
    let _second = Dispatch::new(NoSubscriber::default());
    let _guard = tracing::subscriber::set_default(subscriber);
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

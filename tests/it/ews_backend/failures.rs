//! Servers that answer wrongly: each failure has its name, nothing of it is shown as free, and nobody asked is named.

use super::*;
use flate2::{Compression, write::GzEncoder};
use std::io::Write;
use std::sync::Mutex;

#[track_caller]
fn check(error: &EndpointError, label: &str, text: &str) {
    assert_eq!(error.label(), label, "{error}");
    assert!(error.to_string().contains(text), "{error}");
    assert!(!error.to_string().contains("anna"), "{error}");
}

#[tokio::test]
async fn statuses_are_named() {
    check(
        &answer_to(|| Reply::status(403, &[])).await,
        "forbidden",
        "Set-CASMailbox",
    );
    check(
        &answer_to(|| Reply::status(404, &[])).await,
        "status",
        "404",
    );
    check(
        &answer_to(|| Reply::status(415, &[])).await,
        "status",
        "415",
    );
    check(
        &answer_to(|| Reply::status(456, &[])).await,
        "status",
        "456",
    );
    let to = [(
        "Location",
        "https://login.example.net/?user=anna@example.com",
    )];
    let error = answer_to(move || Reply::status(302, &to)).await;
    check(&error, "redirect", "login.example.net");
    let to = [("Location", "/ews/genericerrorpage.htm")];
    let error = answer_to(move || Reply::status(302, &to)).await;
    check(&error, "redirect", "127.0.0.1");
    assert!(error.is_transient());
}

#[tokio::test]
async fn faults_are_read_whatever_the_status() {
    let error = answer_to(|| Reply::xml(200, golden("gromox-fault"))).await;
    check(&error, "fault", "E-3021");
    let error = answer_to(|| Reply::xml(500, golden("fault-access-denied"))).await;
    check(&error, "fault", "ErrorAccessDenied");
    let error = answer_to(|| Reply::xml(500, "<html>Runtime Error</html>")).await;
    check(&error, "status", "500");
}

#[tokio::test]
async fn answers_that_are_not_ews_are_named() {
    let error = answer_to(|| Reply::xml(200, "<html><body>Sign in</body></html>")).await;
    check(&error, "bad_answer", "is the URL right?");
    let page = || {
        let kind = ("Content-Type", "text/html; charset=utf-8".to_owned());
        Reply::Answer(200, vec![kind], b"<!DOCTYPE html><html></html>".to_vec())
    };
    check(&answer_to(page).await, "bad_answer", "is the URL right?");
    let error = answer_to(|| Reply::xml(200, vec![b'x'; 10 << 20])).await;
    check(&error, "bad_answer", "is the URL right?");
    check(
        &answer_to(|| Reply::xml(200, "")).await,
        "bad_answer",
        "is the URL right?",
    );
}

#[tokio::test]
async fn broken_answers_are_errors_as_a_whole() {
    let truncated = || {
        let whole = golden("e2016-one-event");
        Reply::xml(200, &whole.as_bytes()[..whole.len() - 80])
    };
    check(&answer_to(truncated).await, "bad_answer", "");
    let two = || Reply::xml(200, golden("e2016-two-mailboxes"));
    check(
        &answer_to(two).await,
        "bad_answer",
        "1 mailboxes asked, 2 answered",
    );
    let not_http = || Reply::Reset(b"220 mail ESMTP\r\n\r\n".to_vec());
    let error = answer_to(not_http).await;
    assert!(matches!(error.label(), "bad_answer" | "connect"), "{error}");
}

#[tokio::test]
async fn long_answers_are_read_like_short_ones() {
    let padded = |request: &Request| {
        let Reply::Answer(status, headers, mut body) = busy_for_all(request) else {
            panic!("an answer");
        };
        body.resize(body.len() + (300 << 10), b' ');
        Reply::Answer(status, headers, body)
    };
    let upstream = Upstream::start(move |_, request| padded(request)).await;
    let outcomes = ask_anna(&backend(ews_settings(&upstream))).await.unwrap();
    let anna = outcomes[&mailbox("anna@example.com")].as_ref().unwrap();
    assert_eq!(anna.len(), 1);
    let broken = || {
        let mut body = golden("e2016-one-event").into_bytes();
        body.truncate(body.len() - 80);
        body.resize(body.len() + (300 << 10), b' ');
        Reply::xml(200, body)
    };
    check(&answer_to(broken).await, "bad_answer", "");
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let huge = || {
        let kind = ("Content-Type", "text/xml; charset=utf-8".to_owned());
        Reply::Answer(200, vec![kind], vec![b' '; (32 << 20) + 1])
    };
    check(&answer_to(huge).await, "bad_answer", "longer than 32 MiB");
}

/// An XML answer, compressed.
fn gzip(body: &[u8]) -> Reply {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).unwrap();
    let headers = [
        ("Content-Type", "text/xml; charset=utf-8"),
        ("Content-Encoding", "gzip"),
    ];
    let headers = headers.map(|(n, v)| (n, v.to_owned()));
    Reply::Answer(200, headers.into(), encoder.finish().unwrap())
}

#[tokio::test]
async fn compressed_answers_are_read_and_bombs_are_cut_off() {
    let upstream = Upstream::start(|_, _| gzip(golden("e2016-one-event").as_bytes())).await;
    assert!(ask_anna(&backend(ews_settings(&upstream))).await.is_ok());
    let error = answer_to(|| gzip(&vec![b' '; (32 << 20) + 1])).await;
    check(&error, "bad_answer", "longer than 32 MiB");
    let broken = || {
        let Reply::Answer(status, headers, body) = gzip(b"<a/>") else {
            panic!("an answer");
        };
        Reply::Answer(status, headers, body.into_iter().rev().collect())
    };
    check(&answer_to(broken).await, "bad_answer", "");
}

#[tokio::test]
async fn a_reset_in_mid_body_is_a_broken_connection() {
    let head =
        "HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset=utf-8\r\nContent-Length: 5000\r\n\r\n";
    let bytes = format!("{head}{}", &golden("e2016-one-event")[..300]);
    let error = answer_to(move || Reply::Reset(bytes.clone().into_bytes())).await;
    check(&error, "connect", "");
    assert!(error.is_transient());
}

#[tokio::test]
async fn a_server_that_hangs_times_out_at_the_deadline() {
    let upstream = Upstream::start(|_, _| Reply::Hang).await;
    let endpoint = endpoint(&upstream);
    let anna = [mailbox("anna@example.com")];
    let started = Instant::now();
    let deadline = started + Duration::from_millis(300);
    let outcomes = endpoint.ask(&anna, day(), deadline).await;
    assert_eq!(outcomes[&anna[0]], Err(MailboxError::Timeout));
    let took = started.elapsed();
    assert!(
        took >= Duration::from_millis(300) && took < Duration::from_secs(5),
        "{took:?}"
    );
    let backend = backend(ews_settings(&upstream));
    let resolved = backend.resolve(&anna[0], Instant::now() + Duration::from_millis(100));
    check(
        &resolved.await.unwrap_err(),
        "timeout",
        "no answer within 0.1 s",
    );
}

#[tokio::test]
async fn a_failing_server_gives_every_mailbox_an_error() {
    let upstream = Upstream::start(|_, _| Reply::status(500, &[])).await;
    let names = ["anna", "bert"].map(|n| mailbox(&format!("{n}@example.com")));
    let outcomes = endpoint(&upstream).ask(&names, day(), soon()).await;
    assert_eq!(outcomes.len(), 2);
    assert!(
        outcomes
            .values()
            .all(|o| *o == Err(MailboxError::EndpointFailed))
    );
}

#[tokio::test]
async fn the_log_names_the_endpoint_and_the_role_account_but_nobody_asked() {
    let log = Log::default();
    let _guard = log.listen(tracing::Level::INFO);
    let upstream = Upstream::start(|_, request| {
        if request.user() == "first@example.com" {
            Reply::status(401, &[("WWW-Authenticate", "Basic")])
        } else {
            Reply::xml(500, golden("fault-access-denied"))
        }
    })
    .await;
    let mut ews = ews_settings(&upstream);
    ews.role_accounts = vec![account("first"), account("second")];
    let endpoint = build::endpoint(settings(ews), &instance()).unwrap();
    let anna = [mailbox("anna@example.com")];
    endpoint.ask(&anna, day(), soon()).await;
    let log = log.text();
    assert!(
        log.contains("Endpoint `hq` failed: fault ErrorAccessDenied"),
        "{log}"
    );
    assert!(log.contains("first@example.com"), "{log}");
    assert!(!log.contains("anna") && !log.contains("ssword:"), "{log}");
}

/// What this thread logs while it is listened to.
#[derive(Default)]
pub(super) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub(super) fn listen(&self, level: tracing::Level) -> tracing::subscriber::DefaultGuard {
        let sink = Arc::clone(&self.0);
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_ansi(false)
            .with_writer(move || Sink(Arc::clone(&sink)))
            .finish();
        tracing::subscriber::set_default(subscriber)
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// Where a test's log goes.
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

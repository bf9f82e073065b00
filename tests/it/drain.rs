//! SIGTERM under load, with the real binary: `calbridge serve` over a folder of calendars, and callers that never rest.
//!
//! What is promised: a request that was sent as a whole before the signal gets its whole answer. One that was sent
//! later gets its whole answer, or its connection is refused or ends without a byte of one: then the caller knows that
//! nothing was done and asks elsewhere. No answer is ever cut, and nothing but right answers is given.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::gateway_world::{Question, ask, texts};
use crate::installation::{files, install};
use crate::program::Program;
use crate::world::{Answer, PASSWORD, PATH, Raw, client_config, keep_answer, logged_in};

const CLIENTS: usize = 8;
/// Answers before the signal.
const BEFORE: usize = 200;

/// Every Tuesday from 9 to 10, and once from 14 to 15:30, UTC.
const ANNA: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//calbridge//tests//EN\r\n\
    BEGIN:VEVENT\r\nUID:1\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:20260106T090000Z\r\nDTEND:20260106T100000Z\r\n\
    RRULE:FREQ=WEEKLY\r\nSUMMARY:Weekly\r\nEND:VEVENT\r\n\
    BEGIN:VEVENT\r\nUID:2\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:20260901T140000Z\r\nDTEND:20260901T153000Z\r\n\
    SUMMARY:Once\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

/// The first of September 2026 is a Tuesday: by the hour from 8 to 18.
const ANNA_DIGITS: &str = "0200002200";

/// A running `calbridge serve` and how to reach it.
struct Served {
    program: Program,
    door: Door,
    _folder: tempfile::TempDir,
}

/// How to reach the server, and whether it has been asked to stop.
#[derive(Clone)]
struct Door {
    address: SocketAddr,
    certificate: CertificateDer<'static>,
    /// Set before the signal is sent: whoever sees it unset after sending has sent before the signal.
    signalled: Arc<AtomicBool>,
}

fn serve() -> Served {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    std::fs::create_dir(folder.path().join("calendars")).unwrap();
    write("calendars/anna@example.com.ics", ANNA);
    let files = files("example.com", "UTC");
    let installed = install(folder.path(), "127.0.0.1:0", PASSWORD, &files);
    let program = Program::serve(&installed.file);
    let door = Door {
        address: program.address(),
        certificate: installed.certificate,
        signalled: Arc::default(),
    };
    Served {
        program,
        door,
        _folder: folder,
    }
}

/// Anna twice and somebody whom nobody knows.
fn request() -> String {
    let mailboxes = "anna@example.com nobody@example.com anna@example.com";
    let body = Question { mailboxes, ..ask() }.xml();
    format!(
        "POST {PATH} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {}\r\n\
         Content-Type: text/xml; charset=utf-8\r\nContent-Length: {}\r\n\r\n{body}",
        logged_in(),
        body.len()
    )
}

#[track_caller]
fn check(answer: &Answer) {
    keep_answer(&answer.body);
    let text = answer.text();
    assert_eq!(answer.status, 200, "{text}");
    let codes = ["NoError", "ErrorMailRecipientNotFound", "NoError"];
    assert_eq!(texts(text, "ResponseCode"), codes, "{text}");
    assert_eq!(texts(text, "MergedFreeBusy"), [ANNA_DIGITS; 2], "{text}");
}

impl Door {
    fn has_signalled(&self) -> bool {
        self.signalled.load(Ordering::SeqCst)
    }

    async fn open(&self) -> std::io::Result<Raw<TlsStream<TcpStream>>> {
        let tcp = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        let connector = TlsConnector::from(client_config(&self.certificate, &[b"http/1.1"]));
        connector.connect(name, tcp).await.map(Raw::new)
    }
}

/// What became of the requests of one caller.
#[derive(Debug, Default)]
struct Tally {
    /// Sent before the signal. All of them were answered.
    before: usize,
    /// Sent after the signal and answered.
    after: usize,
    /// Sent after the signal and not begun.
    unanswered: usize,
}

/// Asks without a rest on connections that it keeps, until the server is gone.
async fn caller(door: Door, answered: mpsc::UnboundedSender<()>) -> Tally {
    let request = request();
    let mut tally = Tally::default();
    loop {
        let mut connection = match door.open().await {
            Ok(connection) => connection,
            Err(error) => {
                assert!(door.has_signalled(), "refused before the signal: {error}");
                return tally;
            }
        };
        loop {
            let sent = send(&mut connection, &request).await;
            let was_before = !door.has_signalled();
            assert!(sent || !was_before, "closed before the signal");
            let Some(answer) = connection.answer_unless_closed().await else {
                assert!(!was_before, "a request sent before the signal was lost");
                tally.unanswered += 1;
                break;
            };
            check(&answer);
            let _ = answered.send(());
            if was_before {
                tally.before += 1;
            } else {
                tally.after += 1;
            }
            if answer.closes() {
                assert!(door.has_signalled(), "told to leave before the signal");
                assert!(connection.closed().await.is_empty());
                break;
            }
        }
    }
}

/// Whether the whole request was taken.
async fn send(connection: &mut Raw<TlsStream<TcpStream>>, request: &str) -> bool {
    let stream = &mut connection.stream;
    stream.write_all(request.as_bytes()).await.is_ok() && stream.flush().await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_under_load_loses_no_request() {
    let mut served = serve();
    let (sender, mut answered) = mpsc::unbounded_channel();
    let callers: Vec<_> = (0..CLIENTS)
        .map(|_| tokio::spawn(caller(served.door.clone(), sender.clone())))
        .collect();
    drop(sender);
    // In flight for certain: its head has come, the last byte of its body comes after the signal.
    let request = request();
    let mut slow = served.door.open().await.unwrap();
    slow.send(&request[..request.len() - 1]).await;
    let trigger = served.program.trigger();
    for _ in 0..BEFORE {
        answered.recv().await.expect("a caller has failed");
    }
    served.door.signalled.store(true, Ordering::SeqCst);
    trigger.pull();
    while TcpStream::connect(served.door.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    slow.send(&request[request.len() - 1..]).await;
    let last = slow.answer().await;
    check(&last);
    assert!(last.closes() && slow.closed().await.is_empty());
    let mut before = 0;
    for caller in callers {
        let tally = caller.await.unwrap();
        assert!(tally.before > 0, "{tally:?}");
        before += tally.before;
    }
    assert!(before >= BEFORE);
    let status = tokio::task::spawn_blocking(move || served.program.stopped());
    assert_eq!(status.await.unwrap().code(), Some(0));
}

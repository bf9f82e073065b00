//! `calbridge cache` as a process, and `calbridge serve` with its ops listener.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use calbridge::service::cache::DropScope;

use crate::ops::Ops;
use crate::process::configuration;
use crate::program::Program;

/// The configuration of the tests of `serve`, with more at its end.
fn with(folder: &Path, more: &str) -> PathBuf {
    let file = configuration(folder, "127.0.0.1:0");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{text}{more}")).unwrap();
    file
}

fn ops_at(address: SocketAddr) -> String {
    format!("[ops]\nlisten = \"{address}\"\n")
}

/// Runs the command on a thread of its own: the listener that it asks lives on this one.
async fn run(file: &Path, arguments: &[&str], errors: bool) -> (ExitStatus, Vec<String>) {
    let file = file.to_str().unwrap().to_owned();
    let arguments: Vec<String> = arguments.iter().map(|&text| text.to_owned()).collect();
    let stream = if errors {
        Program::stderr
    } else {
        Program::stdout
    };
    tokio::task::spawn_blocking(move || {
        let mut all = vec!["cache", "--config", &file, "drop"];
        all.extend(arguments.iter().map(String::as_str));
        Program::start(&all, stream).wait()
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn each_scope_reaches_the_running_gateway() {
    let ops = Ops::start();
    let folder = tempfile::tempdir().unwrap();
    let file = with(folder.path(), &ops_at(ops.address));
    for (arguments, line) in [
        (
            &["--mailbox", "Anna@Example.com"][..],
            "dropped 42 mailboxes",
        ),
        (&["--domain", "example.com"], "dropped 43 mailboxes"),
        (&["--all"], "dropped 44 mailboxes"),
    ] {
        let (status, lines) = run(&file, arguments, false).await;
        assert_eq!((status.code(), lines), (Some(0), vec![line.to_owned()]));
    }
    let dropped = ops.dropped();
    assert!(
        matches!(
            dropped.as_slice(),
            [DropScope::Mailbox(_), DropScope::Domain(_), DropScope::All]
        ),
        "{dropped:?}"
    );
}

#[tokio::test]
async fn what_keeps_the_command_from_its_work_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let said = async |more: &str, arguments: &[&str], code: i32| {
        let file = with(folder.path(), more);
        let (status, lines) = run(&file, arguments, true).await;
        let text = lines.join("\n");
        assert_eq!(status.code(), Some(code), "{text}");
        text
    };
    let text = said("", &["--all"], 2).await;
    assert!(text.contains("[ops] listen"), "{text}");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    drop(taken);
    let text = said(&ops_at(address), &["--all"], 1).await;
    assert!(
        text.contains(&format!("nobody listens on {address}")),
        "{text}"
    );
    let text = said("", &[], 2).await;
    assert!(
        text.contains("--mailbox") && text.contains("--all"),
        "{text}"
    );
    let text = said("", &["--all", "--domain", "example.com"], 2).await;
    assert!(text.contains("cannot be used with"), "{text}");
    let text = said("", &["--mailbox", "nobody"], 2).await;
    assert!(text.contains("local-part@domain"), "{text}");
}

#[tokio::test]
async fn another_server_is_not_taken_for_the_gateway() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap();
    let answers = std::thread::spawn(move || {
        let (mut stream, _) = other.accept().unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"}") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>")
            .unwrap();
        String::from_utf8(head).unwrap()
    });
    let folder = tempfile::tempdir().unwrap();
    let file = with(folder.path(), &ops_at(address));
    let (status, lines) = run(&file, &["--all"], true).await;
    assert_eq!(status.code(), Some(1));
    let text = lines.join("\n");
    assert!(
        text.contains("is not calbridge") && text.contains("200"),
        "{text}"
    );
    let asked = answers.join().unwrap();
    assert!(
        asked.starts_with("POST /cache/drop HTTP/1.1\r\n"),
        "{asked}"
    );
}

/// A started gateway with its ops listener, and the addresses of both.
struct Served {
    program: Program,
    public: SocketAddr,
    ops: SocketAddr,
}

impl Served {
    fn start(folder: &Path) -> Self {
        let file = with(folder, "[ops]\nlisten = \"127.0.0.1:0\"\n");
        let program = Program::serve(&file);
        let (public, ops) = (program.address(), program.address());
        Self {
            program,
            public,
            ops,
        }
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.ops).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.ops);
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

#[test]
fn serve_listens_for_its_operators_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let mut served = Served::start(folder.path());
    let ready = served.get("/readyz?verbose");
    assert!(ready.starts_with("HTTP/1.1 200 OK\r\n"), "{ready}");
    assert!(ready.contains("[+] endpoint hq: "), "{ready}");
    let metrics = served.get("/metrics");
    let closed = r#"calbridge_breaker_state{endpoint="hq",state="closed"} 1"#;
    assert!(metrics.contains(closed), "{metrics}");
    let account = r#"calbridge_role_accounts{endpoint="hq",state="ready"} 1"#;
    assert!(metrics.contains(account), "{metrics}");
    assert_eq!(served.program.terminate().code(), Some(0));
}

#[test]
fn the_end_can_be_watched() {
    let folder = tempfile::tempdir().unwrap();
    let mut served = Served::start(folder.path());
    // A caller who has not yet said a word is still given the time of a handshake.
    let holding = TcpStream::connect(served.public).unwrap();
    served.program.trigger().pull();
    let mut answer = served.get("/readyz?verbose");
    while answer.starts_with("HTTP/1.1 200") {
        answer = served.get("/readyz?verbose");
    }
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("[-] listener: stopping\n"), "{answer}");
    assert!(served.get("/livez").starts_with("HTTP/1.1 200"));
    drop(holding);
    assert_eq!(served.program.stopped().code(), Some(0));
    assert!(TcpStream::connect(served.ops).is_err());
}

#[test]
fn an_ops_address_in_use_is_a_failure_and_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = with(folder.path(), &ops_at(address));
    let (status, lines) = Program::serve(&file).wait();
    let text = lines.join("\n");
    assert_eq!(status.code(), Some(1), "{text}");
    assert!(
        text.contains(&format!("ops.listen: cannot listen on {address}")),
        "{text}"
    );
}

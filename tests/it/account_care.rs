//! Role accounts are tried no more often than they must be, whoever starts the service or types a command, and however
//! often: a directory counts all attempts together.

use std::fs::File;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use assert_cmd::Command;
use calbridge::config;
use calbridge::gateway::{BuildError, Gateway};
use calbridge::server::SystemClock;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::ews_backend::{busy_for_all, golden};
use crate::installation::{certify, head};
use crate::logs;
use crate::upstream::{Reply, Request, Upstream};

const PATIENCE: Duration = Duration::from_secs(30);
pub(crate) const RECORDS: &str = "state/role-accounts.json";

/// A configuration whose only endpoint is this server. `more` follows the endpoint's own keys.
pub(crate) fn installation(upstream: &Upstream, more: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    certify(folder.path(), "Program-secret-61d0");
    let text = configuration(upstream, 0, more);
    std::fs::write(folder.path().join("calbridge.toml"), text).unwrap();
    folder
}

pub(crate) fn configuration(upstream: &Upstream, port: u16, more: &str) -> String {
    let head = head(&format!("127.0.0.1:{port}"));
    let head = head.replacen("[access]", "state_directory = \"state\"\n[access]", 1);
    format!(
        r#"{head}[[endpoint]]
name = "hq"
kind = "ews"
domains = ["example.com"]
url = "https://127.0.0.1:{}/EWS/Exchange.asmx"
ca_certificate = "{}"
{more}
"#,
        upstream.port,
        upstream.authority.display()
    )
}

pub(crate) const ACCOUNT: &str =
    r#"role_account = [{ address = "svc@example.com", password_file = "secret" }]"#;

async fn refusing() -> Upstream {
    Upstream::start(|_, _| Reply::status(401, &[("WWW-Authenticate", "Basic realm=\"x\"")])).await
}

/// Waits until something has come true.
pub(crate) async fn until(mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "in vain");
        // The pause between two looks at the condition.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub(crate) async fn built(folder: &TempDir, text: &str) -> Result<Gateway, BuildError> {
    let file = folder.path().join("calbridge.toml");
    let config = config::load_text(text, &file, &|_| None).unwrap();
    Gateway::build(config, Arc::new(SystemClock)).await
}

/// What a command prints, and its exit status.
pub(crate) async fn command(folder: &Path, arguments: &[&str]) -> (String, Option<i32>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_calbridge"));
    command
        .args(arguments)
        .arg("--config")
        .arg(folder.join("calbridge.toml"))
        .env_clear()
        .timeout(Duration::from_mins(1));
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = output.await.unwrap();
    logs::keep_output(&output);
    let text = [output.stdout, output.stderr].concat();
    (String::from_utf8(text).unwrap(), output.status.code())
}

/// The requests that came with a login.
pub(crate) fn attempts(upstream: &Upstream) -> usize {
    let requests = upstream.requests();
    let logins = requests
        .iter()
        .filter(|request| request.header("authorization").is_some());
    logins.count()
}

#[tokio::test]
async fn a_start_that_fails_tries_no_account() {
    let upstream = refusing().await;
    let folder = installation(&upstream, ACCOUNT);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    for _ in 0..3 {
        let failed = built(&folder, &configuration(&upstream, port, ACCOUNT)).await;
        assert!(failed.err().unwrap().refused_address().is_some());
    }
    // One that goes well asks at once, so whatever the others have sent is here by then.
    let gateway = built(&folder, &configuration(&upstream, 0, ACCOUNT))
        .await
        .unwrap();
    let stop = CancellationToken::new();
    let run = tokio::spawn(gateway.run(stop.clone()));
    let records = folder.path().join(RECORDS);
    until(|| records.exists()).await;
    assert_eq!(attempts(&upstream), 1);
    stop.cancel();
    run.await.unwrap();
}

/// Three accounts: the last is tried only when what became of the first two is noted.
const THREE: &str = r#"role_account = [{ address = "a@example.com", password_file = "secret" }, { address = "b@example.com", password_file = "secret" }, { address = "c@example.com", password_file = "secret" }]"#;

/// A gateway that has been refused at least twice while somebody else holds the lock of the state directory, so that one
/// note is being written and the others wait behind it.
async fn with_notes_waiting(folder: &TempDir, upstream: &Upstream, text: &str) -> (Gateway, File) {
    let gateway = built(folder, text).await.unwrap();
    let lock = File::open(folder.path().join("state/role-accounts.lock")).unwrap();
    lock.lock().unwrap();
    until(|| attempts(upstream) == 3).await;
    (gateway, lock)
}

#[tokio::test]
async fn a_stop_waits_for_all_notes_of_refused_accounts() {
    let upstream = refusing().await;
    let folder = installation(&upstream, THREE);
    let text = configuration(&upstream, 0, THREE);
    let (gateway, lock) = with_notes_waiting(&folder, &upstream, &text).await;
    let stop = CancellationToken::new();
    let mut run = tokio::spawn(gateway.run(stop.clone()));
    stop.cancel();
    let waits = tokio::time::timeout(Duration::from_millis(200), &mut run).await;
    assert!(waits.is_err(), "notes are not on disk yet");
    lock.unlock().unwrap();
    run.await.unwrap();
    let records = std::fs::read_to_string(folder.path().join(RECORDS)).unwrap();
    assert!(records.matches("refused_until").count() >= 2, "{records}");
}

#[tokio::test]
async fn a_stop_waits_no_longer_than_the_drain_for_a_directory_that_is_stuck() {
    let upstream = refusing().await;
    let folder = installation(&upstream, THREE);
    let text = configuration(&upstream, 0, THREE);
    let text = text.replacen("[access]", "drain = \"1s\"\n[access]", 1);
    let (gateway, lock) = with_notes_waiting(&folder, &upstream, &text).await;
    let stop = CancellationToken::new();
    stop.cancel();
    let run = tokio::time::timeout(Duration::from_secs(20), gateway.run(stop));
    run.await.expect("a stop that is bounded");
    assert!(!folder.path().join(RECORDS).exists());
    lock.unlock().unwrap();
}

#[tokio::test]
async fn commands_do_not_try_a_refused_password_again() {
    let upstream = refusing().await;
    let folder = installation(&upstream, ACCOUNT);
    let path = folder.path();
    let online: &[&str] = &["check", "--online"];
    for (arguments, expect) in [
        (&["lookup", "anna@example.com"][..], "anna@example.com"),
        (&["lookup", "anna@example.com"], "anna@example.com"),
        (&["rooms"], "the rooms are not known"),
        (
            online,
            "svc@example.com was refused before and is not tried for 1",
        ),
        (
            online,
            "svc@example.com was refused before and is not tried for 1",
        ),
    ] {
        let (text, status) = command(path, arguments).await;
        assert!(text.contains(expect), "{text}");
        assert_eq!(status, Some(1), "{arguments:?}: {text}");
        assert_eq!(attempts(&upstream), 1, "{arguments:?}");
    }
    // Another password is another login.
    std::fs::write(path.join("secret"), "Program-secret-61d0-2").unwrap();
    let (text, _) = command(path, online).await;
    assert!(text.contains("svc@example.com was refused (401)"), "{text}");
    assert_eq!(attempts(&upstream), 2);
}

#[tokio::test]
async fn a_command_that_cannot_know_who_was_refused_says_so() {
    let upstream = refusing().await;
    let folder = installation(&upstream, ACCOUNT);
    // A directory is in the place of a file.
    std::fs::create_dir_all(folder.path().join("state/role-accounts.lock")).unwrap();
    let (text, status) = command(folder.path(), &["lookup", "anna@example.com"]).await;
    assert!(text.contains("warning: server.state_directory: "), "{text}");
    assert_eq!((status, attempts(&upstream)), (Some(1), 1));
    let file = folder.path().join("calbridge.toml");
    let without = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, without.replace("state_directory = \"state\"\n", "")).unwrap();
    let (text, _) = command(folder.path(), &["check", "--online"]).await;
    assert!(text.contains("warn  gateway: state: "), "{text}");
}

#[tokio::test]
async fn the_doctor_tells_why_there_is_no_token_and_when_the_secret_ends() {
    let upstream = refusing().await;
    let tokens = refusing_tokens().await;
    for (expires, expect) in [
        ("2001-01-01", "FAIL  endpoint hq: secret: The client secret"),
        (
            "2999-01-01",
            "ok    endpoint hq: secret: valid until 2999-01-01",
        ),
    ] {
        let before = tokens.requests().len();
        let folder = installation(&upstream, &application(&tokens, 2, expires));
        let (text, status) = command(folder.path(), &["check", "--online"]).await;
        assert_eq!(status, Some(1));
        for told in [
            expect,
            "AADSTS7000215: the client secret is wrong",
            "docs/errors.md",
        ] {
            assert!(text.contains(told), "{told}: {text}");
        }
        assert!(!text.contains("Program-secret"), "{text}");
        assert_eq!(
            tokens.requests().len() - before,
            1,
            "one attempt for both accounts"
        );
    }
    assert_eq!(attempts(&upstream), 0);
}

/// A token endpoint that says no, as Azure does.
async fn refusing_tokens() -> Upstream {
    Upstream::start(|_, _| {
        let body = r#"{"error":"invalid_client","error_description":"AADSTS7000215: No.","error_codes":[7000215]}"#;
        Reply::json(401, body)
    })
    .await
}

/// What an endpoint has of an application with so many role accounts.
fn application(tokens: &Upstream, accounts: usize, expires: &str) -> String {
    let accounts =
        (1..=accounts).map(|number| format!("{{ address = \"svc{number}@example.com\" }}"));
    let accounts = accounts.collect::<Vec<_>>().join(", ");
    format!(
        r#"role_account = [{accounts}]
[endpoint.auth]
kind = "oauth2"
token_url = "https://127.0.0.1:{}/token"
token_ca_certificate = "{}"
client_id = "the-client"
client_secret_file = "secret"
client_secret_expires = {expires}"#,
        tokens.port,
        tokens.authority.display()
    )
}

#[tokio::test]
async fn the_doctor_asks_for_a_token_though_the_server_cannot_be_reached() {
    let upstream = refusing().await;
    let tokens = refusing_tokens().await;
    let folder = installation(&upstream, &application(&tokens, 1, "2001-01-01"));
    let file = folder.path().join("calbridge.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    // Nothing listens there.
    let elsewhere = text.replace(
        &format!("127.0.0.1:{}/EWS", upstream.port),
        "127.0.0.1:1/EWS",
    );
    std::fs::write(&file, elsewhere).unwrap();
    let (told, status) = command(folder.path(), &["check", "--online"]).await;
    assert_eq!(status, Some(1));
    for expect in [
        "FAIL  endpoint hq: tcp: ",
        "FAIL  endpoint hq: secret: The client secret",
        "FAIL  endpoint hq: token: ",
        "AADSTS7000215: the client secret is wrong",
    ] {
        assert!(told.contains(expect), "{expect}: {told}");
    }
    assert_eq!(tokens.requests().len(), 1);
}

#[tokio::test]
async fn the_doctor_says_when_role_accounts_see_different_details() {
    let line = "role accounts of this endpoint see different details";
    for (two_sees_subjects, expect) in [(true, true), (false, false)] {
        let answer = move |request: &Request| {
            if request.header("authorization").is_none() {
                return Reply::status(401, &[("WWW-Authenticate", "Basic realm=\"x\"")]);
            }
            if two_sees_subjects && request.user() == "two@example.com" {
                Reply::xml(200, golden("e2010-unsorted"))
            } else {
                busy_for_all(request)
            }
        };
        let upstream = Upstream::start(move |_, request| answer(request)).await;
        let accounts = r#"role_account = [{ address = "one@example.com", password_file = "secret" }, { address = "two@example.com", password_file = "secret" }]"#;
        let folder = installation(&upstream, accounts);
        let arguments = ["check", "--online", "--mailbox", "anna@example.com"];
        let (told, _) = command(folder.path(), &arguments).await;
        assert!(told.contains("two@example.com logs in"), "{told}");
        assert_eq!(told.contains(line), expect, "{told}");
    }
}

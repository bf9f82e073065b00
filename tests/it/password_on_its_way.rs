//! The end of a process while a password is on its way: the directory counts the attempt, so its outcome is waited for, or
//! each start would send the password again.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::account_care::{
    ACCOUNT, RECORDS, attempts, built, command, configuration, installation, until,
};
use crate::logs;
use crate::upstream::{Reply, Upstream};

/// How long the server takes to refuse a password: longer than the short deadline of the tests.
const SLOW: Duration = Duration::from_millis(1_500);

fn refusal() -> Reply {
    Reply::status(401, &[("WWW-Authenticate", "Basic realm=\"x\"")])
}

async fn slow_to_refuse() -> Upstream {
    Upstream::start(|_, request| match request.header("authorization") {
        Some(_) => Reply::After(SLOW, Box::new(refusal)),
        None => refusal(),
    })
    .await
}

/// Three accounts, of which the next is tried when the one before was refused.
const THREE: &str = r#"role_account = [{ address = "a@example.com", password_file = "secret" }, { address = "b@example.com", password_file = "secret" }, { address = "c@example.com", password_file = "secret" }]"#;

fn refused(folder: &Path) -> usize {
    let records = std::fs::read_to_string(folder.join(RECORDS)).unwrap_or_default();
    records.matches("refused_until").count()
}

#[tokio::test]
async fn a_stop_waits_for_what_comes_of_a_password() {
    let upstream = slow_to_refuse().await;
    let folder = installation(&upstream, THREE);
    let gateway = built(&folder, &configuration(&upstream, 0, THREE))
        .await
        .unwrap();
    until(|| attempts(&upstream) == 1).await;
    let stop = CancellationToken::new();
    stop.cancel();
    gateway.run(stop).await;
    assert_eq!(refused(folder.path()), 1, "what was on its way is known");
    assert_eq!(
        attempts(&upstream),
        1,
        "and nothing else is sent on the way out"
    );
}

#[tokio::test]
async fn a_stop_waits_no_longer_than_the_drain_for_a_server_that_says_nothing() {
    let upstream = Upstream::start(|_, _| Reply::Hang).await;
    let folder = installation(&upstream, ACCOUNT);
    let text = configuration(&upstream, 0, ACCOUNT);
    let text = text.replacen("[access]", "drain = \"1s\"\n[access]", 1);
    let gateway = built(&folder, &text).await.unwrap();
    until(|| attempts(&upstream) == 1).await;
    let stop = CancellationToken::new();
    stop.cancel();
    let run = tokio::time::timeout(Duration::from_secs(20), gateway.run(stop));
    run.await.expect("a stop that is bounded");
}

#[tokio::test]
async fn a_command_waits_for_what_comes_of_a_password() {
    let upstream = slow_to_refuse().await;
    let folder = installation(&upstream, ACCOUNT);
    let file = folder.path().join("calbridge.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let short = text.replacen("[access]", "deadline = \"700ms\"\n[access]", 1);
    std::fs::write(&file, short).unwrap();
    let waits = "waiting until a server says whether it takes a password";
    let (text, status) = command(folder.path(), &["lookup", "anna@example.com"]).await;
    assert!(
        text.contains("anna@example.com") && text.contains(waits),
        "{text}"
    );
    assert_eq!((status, refused(folder.path())), (Some(1), 1), "{text}");
    for arguments in [&["lookup", "anna@example.com"][..], &["rooms"]] {
        let (text, _) = command(folder.path(), arguments).await;
        assert!(!text.contains(waits), "{text}");
        assert_eq!(attempts(&upstream), 1, "{arguments:?}");
    }
}

#[tokio::test]
async fn a_command_that_is_interrupted_waits_for_what_comes_of_a_password() {
    for arguments in [&["check", "--online"][..], &["lookup", "anna@example.com"]] {
        let upstream = slow_to_refuse().await;
        let folder = installation(&upstream, ACCOUNT);
        let child = Command::new(env!("CARGO_BIN_EXE_calbridge"))
            .args(arguments)
            .arg("--config")
            .arg(folder.path().join("calbridge.toml"))
            .env_clear()
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        until(|| attempts(&upstream) == 1).await;
        let interrupted = Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status();
        assert!(interrupted.unwrap().success());
        let output = tokio::task::spawn_blocking(|| child.wait_with_output().unwrap());
        let output = output.await.unwrap();
        logs::keep_output(&output);
        assert_eq!(refused(folder.path()), 1, "{arguments:?}");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert_eq!(attempts(&upstream), 1, "{arguments:?}");
    }
}

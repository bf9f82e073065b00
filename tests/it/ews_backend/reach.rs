//! Getting to the server: names, ports, TLS, certificates and proxies.

use super::*;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

async fn fails(settings: EwsSettings) -> EndpointError {
    ask_anna(&backend(settings)).await.unwrap_err()
}

#[track_caller]
fn check(error: &EndpointError, label: &str, text: &str) {
    assert_eq!(error.label(), label, "{error}");
    assert!(error.to_string().contains(text), "{error}");
}

#[tokio::test]
async fn a_refused_connection_is_named() {
    let upstream = Upstream::start(|_, _| Reply::Hang).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let mut settings = ews_settings(&upstream);
    settings.url = format!("https://127.0.0.1:{port}/EWS/Exchange.asmx");
    check(&fails(settings).await, "connect", "refused the connection");
}

#[tokio::test]
async fn an_unknown_host_is_named() {
    let upstream = Upstream::start(|_, _| Reply::Hang).await;
    let mut settings = ews_settings(&upstream);
    // With an empty label the resolver gives up without asking anybody.
    settings.proxy = Some("http://proxy..invalid:3128".into());
    check(
        &fails(settings).await,
        "connect",
        "the host name of the server, or of the proxy, was not found",
    );
}

#[tokio::test]
async fn certificates_are_checked() {
    let upstream = Upstream::start(|_, request| busy_for_all(request)).await;
    let mut settings = ews_settings(&upstream);
    settings.ca_certificate = None;
    check(&fails(settings).await, "tls", "unknown authority");
    let other = Upstream::start(|_, _| Reply::Hang).await;
    let mut settings = ews_settings(&upstream);
    settings.ca_certificate = Some(other.authority.clone());
    check(&fails(settings).await, "tls", "ca_certificate");
    assert!(upstream.requests().is_empty(), "nothing was sent");

    let named = Upstream::start_as("mail.example.net", |_, request| busy_for_all(request)).await;
    check(
        &fails(ews_settings(&named)).await,
        "tls",
        "another host name",
    );
    assert!(named.requests().is_empty(), "nothing was sent");
}

/// A server that reads a TLS hello and answers with these bytes.
async fn raw_server(answer: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut hello = [0; 4096];
        let _ = socket.read(&mut hello).await;
        let _ = socket.write_all(answer).await;
        let _ = socket.shutdown().await;
        let _ = socket.read_to_end(&mut Vec::new()).await;
    });
    port
}

async fn check_raw(answer: &'static [u8], text: &str) {
    let upstream = Upstream::start(|_, _| Reply::Hang).await;
    let mut settings = ews_settings(&upstream);
    let port = raw_server(answer).await;
    settings.url = format!("https://127.0.0.1:{port}/EWS/Exchange.asmx");
    check(&fails(settings).await, "tls", text);
}

/// A ServerHello of TLS 1.0 that chooses RSA with 3DES.
const TLS10_HELLO: &[u8] = &[
    0x16, 3, 1, 0, 42, 2, 0, 0, 38, 3, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
    17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 0, 0, 0x0a, 0,
];

#[tokio::test]
async fn servers_with_old_tls_are_named_with_the_cure() {
    check_raw(&[0x15, 3, 1, 0, 2, 2, 70], "enable TLS 1.2").await;
    check_raw(TLS10_HELLO, "enable TLS 1.2").await;
    check_raw(&[0x15, 3, 3, 0, 2, 2, 40], "no cipher suite in common").await;
    check_raw(&[], "enable TLS 1.2").await;
    check_raw(b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak TLS").await;
}

/// A proxy that knows CONNECT, and how often it was used.
async fn proxy() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let used = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&used);
    tokio::spawn(async move {
        loop {
            let (mut near, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(near.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap();
            let target = head.split(' ').nth(1).unwrap();
            assert!(head.starts_with("CONNECT ") && !head.contains("Authorization"));
            count.fetch_add(1, Ordering::SeqCst);
            let mut far = TcpStream::connect(target).await.unwrap();
            near.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            tokio::spawn(async move { copy_bidirectional(&mut near, &mut far).await });
        }
    });
    (url, used)
}

#[tokio::test]
async fn the_configured_proxy_is_used() {
    let upstream = Upstream::start(|_, request| busy_for_all(request)).await;
    let (url, used) = proxy().await;
    let mut settings = ews_settings(&upstream);
    settings.proxy = Some(url);
    ask_anna(&backend(settings)).await.unwrap();
    assert_eq!(used.load(Ordering::SeqCst), 1);
}

/// Runs one test of this binary again, with proxies in its environment that nobody listens at.
#[test]
fn proxies_of_the_environment_are_ignored() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["ews_backend::gromox_is_read", "--exact"]);
    for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        command.env(name, "http://127.0.0.1:9");
    }
    let output = command
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
}

#[tokio::test]
async fn connections_are_kept() {
    let upstream = Upstream::start(|_, request| busy_for_all(request)).await;
    let (url, used) = proxy().await;
    let mut settings = ews_settings(&upstream);
    settings.proxy = Some(url);
    let backend = backend(settings);
    for _ in 0..3 {
        ask_anna(&backend).await.unwrap();
    }
    assert_eq!(upstream.requests().len(), 3);
    assert_eq!(
        used.load(Ordering::SeqCst),
        1,
        "one connection for three calls"
    );
}

fn build_error(change: impl FnOnce(&mut EwsSettings)) -> String {
    let mut ews = EwsSettings {
        auth: AuthSettings::Basic,
        url: "https://mail.example.com/EWS/Exchange.asmx".into(),
        ca_certificate: None,
        proxy: None,
        role_accounts: vec![account("svc")],
    };
    change(&mut ews);
    match build::endpoint(settings(ews), &instance()) {
        Ok(_) => "built".into(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn wrong_settings_name_the_endpoint_and_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let check = |error: String, expect: &[&str]| {
        for part in expect {
            assert!(error.contains(part), "{error}");
        }
    };
    let missing = folder.path().join("missing.pem");
    let error = build_error(|ews| ews.ca_certificate = Some(missing));
    check(
        error,
        &[
            "endpoint `hq`",
            "ca_certificate",
            "missing.pem",
            "cannot be read",
        ],
    );
    let empty = file("empty.pem", "no certificate here\n");
    let error = build_error(|ews| ews.ca_certificate = Some(empty));
    check(
        error,
        &["endpoint `hq`", "empty.pem", "no BEGIN CERTIFICATE"],
    );
    let bad = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let bad = file("bad.pem", bad);
    let error = build_error(|ews| ews.ca_certificate = Some(bad));
    check(
        error,
        &["endpoint `hq`", "bad.pem", "not a PEM file of certificates"],
    );
    let error = build_error(|ews| ews.proxy = Some("socks://user:geheim@x".into()));
    check(error.clone(), &["endpoint `hq`: proxy"]);
    assert!(!error.contains("geheim"));
    check(
        build_error(|ews| ews.url = "http://x/".into()),
        &["endpoint `hq`: url"],
    );
    check(
        build_error(|ews| ews.role_accounts.clear()),
        &["role_account: at least one"],
    );
    check(
        build_error(|ews| ews.role_accounts[0].username = Some("a:b".into())),
        &["svc@example.com", "colon"],
    );
    assert_eq!(build_error(|_| ()), "built");
}

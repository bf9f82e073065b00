//! What changes the gateway over the ops listener, and who may: reloads, the login, TLS.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use calbridge::face::OwnLogin;
use calbridge::metrics::Metrics;
use calbridge::server::StartError;
use calbridge::server::ops::OpsServer;
use calbridge::server::settings::OpsSettings;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::time::timeout;

use crate::ops::{Noted, Ops};
use crate::world::{PATIENCE, role_account, settings};

#[tokio::test]
async fn a_reload_is_answered_with_what_became_of_it() {
    let ops = Ops::start();
    let ask = async |headers: &str| {
        let headers = format!("Host: localhost\r\n{headers}");
        ops.ask("POST /reload", &headers, "").await
    };
    assert_eq!(ask("").await.status, 403);
    let foreign = "X-Calbridge-Ops: 1\r\nOrigin: http://elsewhere.example\r\n";
    assert_eq!(ask(foreign).await.status, 403);
    assert_eq!(ops.target.reloads.lock().unwrap().0, 0);
    let applied = ask("X-Calbridge-Ops: 1\r\n").await;
    assert_eq!(applied.status, 200);
    assert!(
        applied.text().contains(r#""rebuilt":["cloud"]"#),
        "{}",
        applied.text()
    );
    let problems = ["line 3: key: bad", "line 5: other: bad"].map(String::from);
    ops.target.reloads.lock().unwrap().1 = problems.into();
    let refused = ask("X-Calbridge-Ops: 1\r\n").await;
    assert_eq!(refused.status, 422);
    let problems = r#""problems":["line 3: key: bad","line 5: other: bad"]"#;
    assert!(refused.text().contains(problems), "{}", refused.text());
    let got = ops.get("/reload").await;
    assert_eq!((got.status, got.header("allow")), (405, Some("POST")));
}

#[tokio::test]
async fn a_reload_goes_on_when_its_caller_hangs_up() {
    let ops = Ops::start();
    ops.target.slow.store(true, Ordering::Relaxed);
    let head = "POST /reload HTTP/1.1\r\nHost: localhost\r\nX-Calbridge-Ops: 1\r\n";
    let mut connection = ops.connect().await;
    connection
        .send(format!("{head}Content-Length: 0\r\n\r\n"))
        .await;
    timeout(PATIENCE, ops.target.begun.notified())
        .await
        .unwrap();
    drop(connection);
    // By now, the listener has noticed: it has answered somebody else since.
    for _ in 0..3 {
        assert_eq!(ops.get("/livez").await.status, 200);
    }
    ops.target.leave.notify_one();
    let ended = async {
        while ops.target.reloads.lock().unwrap().0 == 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, ended).await.unwrap();
}

/// With a login and TLS; the certificate that it shows.
fn guarded() -> (Ops, CertificateDer<'static>) {
    let folder = tempfile::tempdir().unwrap();
    let callers = settings(folder.path());
    let account = role_account("operator@example.com", "right");
    let ops = OpsSettings {
        hosts: vec!["ops.example.com".to_owned()],
        login: Some(OwnLogin {
            key: "ops.login.password_hash".to_owned(),
            user: "operator".to_owned(),
            password_hash: account.password_hash,
        }),
        tls: Some(callers.certificate.clone()),
        ..OpsSettings::plain("127.0.0.1:0".parse().unwrap())
    };
    let pem = std::fs::read(callers.certificate.certificate).unwrap();
    let certificate = PemObject::from_pem_slice(&pem).unwrap();
    (Ops::with(&ops), certificate)
}

#[tokio::test]
async fn a_login_is_asked_of_everybody_but_probes() {
    let (ops, certificate) = guarded();
    let root = reqwest::Certificate::from_der(&certificate).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([root]).no_proxy();
    let client = client.build().unwrap();
    let url = |path: &str| format!("https://127.0.0.1:{}{path}", ops.address.port());
    let get = async |path: &str, password: Option<&str>| {
        let mut request = client.get(url(path)).header("host", "ops.example.com");
        if let Some(password) = password {
            request = request.basic_auth("operator", Some(password));
        }
        request.send().await.unwrap()
    };
    assert_eq!(get("/livez", None).await.status(), 200);
    assert_eq!(get("/readyz", None).await.status(), 200);
    for path in ["/readyz?verbose", "/metrics", "/", "/nowhere"] {
        let answer = get(path, None).await;
        assert_eq!(answer.status(), 401, "{path}");
        let challenge = answer.headers()["www-authenticate"].to_str().unwrap();
        assert!(challenge.starts_with("Basic realm="), "{challenge}");
        assert_eq!(get(path, Some("wrong")).await.status(), 401, "{path}");
    }
    let metrics = get("/metrics", Some("right")).await;
    assert_eq!(metrics.status(), 200);
    let metrics = metrics.text().await.unwrap();
    assert!(
        metrics.contains("calbridge_login_failures_total 4\n"),
        "{metrics}"
    );
    let page = get("/", Some("right")).await.text().await.unwrap();
    assert!(page.contains("line 7 is wrong"), "{page}");
    let post = |password: &str| {
        let request = client.post(url("/reload")).header("x-calbridge-ops", "1");
        request.basic_auth("operator", Some(password)).send()
    };
    assert_eq!(post("wrong").await.unwrap().status(), 401);
    assert_eq!(ops.target.reloads.lock().unwrap().0, 0);
    assert_eq!(post("right").await.unwrap().status(), 200);
    // Plain HTTP is not spoken.
    let plain = client.get(format!("http://{}/livez", ops.address));
    assert!(plain.send().await.is_err());
}

#[tokio::test]
async fn the_page_escapes_what_it_is_told_and_allows_no_script() {
    let ops = Ops::start();
    let page = ops.get("/").await;
    assert_eq!(page.status, 200);
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'; style-src 'self'; img-src 'self'; form-action"),
        "{policy}"
    );
    let text = page.text();
    assert!(
        !text.contains("<script") && !text.contains("<hq>"),
        "{text}"
    );
    assert!(
        !text.contains("style=") && !text.contains("https://"),
        "{text}"
    );
    assert!(text.contains("hq") && text.contains("1.2.3"), "{text}");
    // Without a login, no calendar is shown, whoever asks.
    assert!(text.contains("[ops.login]"), "{text}");
    assert!(!text.contains("line 7 is wrong"), "{text}");
    let refused = ops.get("/?mailbox=anna@example.com").await;
    assert!(
        !refused.text().contains("has no answer"),
        "{}",
        refused.text()
    );
    assert!(
        ops.get("/setup")
            .await
            .text()
            .contains("https://interop.example.com/autodiscover/autodiscover.xml")
    );
    // The directory in it may be all that keeps strangers out.
    assert!(
        !ops.get("/setup")
            .await
            .text()
            .contains("FreeBusyURL=hidden")
    );
    let icon = ops.get("/icon.svg").await;
    assert_eq!(icon.header("content-type"), Some("image/svg+xml"));
    let style = ops.get("/style.css").await;
    assert_eq!(
        style.header("content-type"),
        Some("text/css; charset=utf-8")
    );
    assert_eq!(
        ops.ask("POST /", "Host: localhost\r\n", "").await.status,
        405
    );
}

#[tokio::test]
async fn a_look_up_is_a_plain_request_of_somebody_who_has_logged_in() {
    let (ops, certificate) = guarded();
    let root = reqwest::Certificate::from_der(&certificate).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([root]).no_proxy();
    let client = client.build().unwrap();
    let ask = async |query: &str| {
        let url = format!("https://127.0.0.1:{}/{query}", ops.address.port());
        let request = client.get(url).basic_auth("operator", Some("right"));
        request.send().await.unwrap().text().await.unwrap()
    };
    let today = "anna@example.com has no answer on 2026-09-07";
    assert!(ask("?mailbox=anna%40example.com").await.contains(today));
    let other = "anna@example.com has no answer on 2026-10-01";
    assert!(
        ask("?mailbox=anna%40example.com&day=2026-10-01")
            .await
            .contains(other)
    );
    assert!(
        ask("?mailbox=nobody")
            .await
            .contains("no address of a mailbox")
    );
    assert!(
        ask("?mailbox=a%40b.example&day=today")
            .await
            .contains("no day")
    );
    let escaped = ask("?mailbox=%3Cb%3E").await;
    assert!(!escaped.contains("<b>\""), "{escaped}");
    assert!(ask("setup").await.contains("FreeBusyURL=hidden"));
}

#[tokio::test]
async fn an_address_in_use_names_the_key() {
    let ops = Ops::start();
    let listen = ops.address;
    let metrics = Arc::new(Metrics::new::<&str>(&[]));
    let second = OpsServer::bind(
        &OpsSettings::plain(listen),
        Arc::new(Noted::default()),
        metrics,
    );
    let error: StartError = second.err().unwrap();
    assert!(error.is_address_in_use());
    let text = error.to_string();
    assert!(
        text.starts_with(&format!("ops.listen: cannot listen on {listen}")),
        "{text}"
    );
}

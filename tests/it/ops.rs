//! The ops listener over real sockets: health, metrics, dropping cached answers, and what it takes to be let in.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use calbridge::domain::SmtpAddress;
use calbridge::metrics::Metrics;
use calbridge::server::ops::{
    CertificateReadiness, EndpointReadiness, EndpointStatus, ErrorStatus, LookUp, OpsServer,
    OpsTarget, Readiness, RefusalStatus, Registry, Reloaded, Setup, Status,
};
use calbridge::server::settings::OpsSettings;
use calbridge::service::cache::DropScope;
use jiff::civil::Date;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::metrics_text;
use crate::world::{Answer, PATIENCE, Raw};

/// Notes what it is told; two endpoints, of which the second can fail and the first has failed.
#[derive(Default)]
pub(crate) struct Noted {
    dropped: Mutex<Vec<DropScope>>,
    pub(crate) failing: AtomicBool,
    pub(crate) expired: AtomicBool,
    metrics: Mutex<Option<Arc<Metrics>>>,
    /// How often a reload was wished for, and what it is refused for.
    pub(crate) reloads: Mutex<(usize, Vec<String>)>,
    /// A reload waits for `leave` and says that it has begun.
    pub(crate) slow: AtomicBool,
    pub(crate) begun: Notify,
    pub(crate) leave: Notify,
}

#[async_trait]
impl OpsTarget for Noted {
    fn drop_cached(&self, scope: &DropScope) -> u64 {
        let mut dropped = self.dropped.lock().unwrap();
        dropped.push(scope.clone());
        41 + dropped.len() as u64
    }

    fn ready(&self) -> Readiness {
        let endpoint = |name: &str, usable| EndpointReadiness {
            name: name.into(),
            usable,
            state: if usable {
                "usable"
            } else {
                "circuit breaker open"
            },
        };
        let failing = self.failing.load(Ordering::Relaxed);
        Readiness {
            has_newest_configuration: !failing,
            has_newest_certificates: !failing,
            certificates: vec![CertificateReadiness {
                names: "localhost".to_owned(),
                valid: !self.expired.load(Ordering::Relaxed),
                ends: "2026-09-07".to_owned(),
            }],
            endpoints: vec![endpoint("cloud", false), endpoint("hq", !failing)],
        }
    }

    fn status(&self) -> Status {
        Status {
            version: "1.2.3",
            endpoints: vec![EndpointStatus {
                name: "<hq>".to_owned(),
                state: "healthy",
                last_error: Some(ErrorStatus {
                    at: "now".to_owned(),
                    text: "\"<script>\"".to_owned(),
                }),
                ..EndpointStatus::default()
            }],
            refusals: vec![RefusalStatus {
                what: "Refused",
                at: "now".to_owned(),
                problems: vec!["line 7 is wrong".to_owned()],
            }],
            ..Status::default()
        }
    }

    fn today(&self) -> Date {
        jiff::civil::date(2026, 9, 7)
    }

    async fn look_up(&self, mailbox: &SmtpAddress, day: Date) -> Option<LookUp> {
        let error = Some(format!("{mailbox} has no answer on {day}"));
        Some(LookUp {
            error,
            ..LookUp::default()
        })
    }

    fn setup(&self) -> Setup {
        Setup {
            base_url: "https://interop.example.com/".to_owned(),
            domains: vec!["notes.example".to_owned()],
            registry: Registry::File("FreeBusyURL=hidden".to_owned()),
            ..Setup::default()
        }
    }

    async fn reload(&self) -> Reloaded {
        if self.slow.load(Ordering::Relaxed) {
            self.begun.notify_one();
            self.leave.notified().await;
        }
        let mut reloads = self.reloads.lock().unwrap();
        reloads.0 += 1;
        match &*reloads.1 {
            [] => Reloaded::Applied(serde_json::json!({
                "kept": ["hq"], "rebuilt": ["cloud"], "new": [], "removed": ["old"], "warnings": ["odd"],
            })),
            problems => Reloaded::Refused(problems.to_vec()),
        }
    }

    fn refresh_metrics(&self) {
        if let Some(metrics) = &*self.metrics.lock().unwrap() {
            metrics.cache_size(3, 1_000);
        }
    }
}

/// A listener that runs until it is dropped.
pub(crate) struct Ops {
    pub(crate) address: SocketAddr,
    pub(crate) target: Arc<Noted>,
    pub(crate) stopping: CancellationToken,
    stop: CancellationToken,
    run: Option<JoinHandle<()>>,
}

impl Ops {
    pub(crate) fn start() -> Self {
        Self::with(&OpsSettings::plain("127.0.0.1:0".parse().unwrap()))
    }

    pub(crate) fn with(settings: &OpsSettings) -> Self {
        let target = Arc::new(Noted::default());
        let metrics = Arc::new(Metrics::new(&["cloud", "hq"]));
        *target.metrics.lock().unwrap() = Some(Arc::clone(&metrics));
        let told: Arc<dyn OpsTarget> = Arc::clone(&target) as _;
        let server = OpsServer::bind(settings, told, metrics).unwrap();
        let (stopping, stop) = (CancellationToken::new(), CancellationToken::new());
        Self {
            address: server.address(),
            target,
            run: Some(tokio::spawn(server.run(stopping.clone(), stop.clone()))),
            stopping,
            stop,
        }
    }

    pub(crate) async fn connect(&self) -> Raw<TcpStream> {
        Raw::new(TcpStream::connect(self.address).await.unwrap())
    }

    /// One request on a connection of its own; `headers` end in CRLF each.
    pub(crate) async fn ask(&self, target: &str, headers: &str, body: &str) -> Answer {
        let (method, _) = target.split_once(' ').unwrap();
        let length = body.len();
        let mut connection = self.connect().await;
        let head = format!("{target} HTTP/1.1\r\n{headers}Content-Length: {length}\r\n\r\n{body}");
        connection.send(head).await;
        let answer = connection.answer_to(method).await;
        assert!(connection.closed().await.is_empty());
        answer
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path}"), "Host: localhost\r\n", "")
            .await
    }

    /// With all that a POST needs.
    async fn drop_cached(&self, query: &str, headers: &str, body: &str) -> Answer {
        let headers = format!("Host: 127.0.0.1\r\nX-Calbridge-Ops: 1\r\n{headers}");
        self.ask(&format!("POST /cache/drop{query}"), &headers, body)
            .await
    }

    pub(crate) fn dropped(&self) -> Vec<DropScope> {
        self.target.dropped.lock().unwrap().clone()
    }
}

impl Drop for Ops {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[expect(clippy::float_cmp, reason = "small whole numbers")]
#[tokio::test]
async fn metrics_are_brought_up_to_date_and_can_be_read() {
    let ops = Ops::start();
    let answer = ops.get("/metrics").await;
    assert_eq!(answer.status, 200);
    let expect = "text/plain; version=0.0.4; charset=utf-8";
    assert_eq!(answer.header("content-type"), Some(expect));
    assert_eq!(
        metrics_text::value(answer.text(), "calbridge_cache_bytes"),
        1_000.0
    );
    let open = r#"calbridge_breaker_state{endpoint="cloud",state="closed"}"#;
    assert_eq!(metrics_text::value(answer.text(), open), 1.0);
    let head = ops.ask("HEAD /metrics", "Host: localhost\r\n", "").await;
    assert_eq!(head.status, 200);
    let length = head.header("content-length").unwrap();
    assert_eq!(length, answer.body.len().to_string());
}

#[tokio::test]
async fn each_scope_can_be_dropped() {
    let ops = Ops::start();
    let answer = ops.drop_cached("?mailbox=Anna@Example.com", "", "").await;
    assert_eq!((answer.status, answer.text()), (200, "{\"dropped\":42}\n"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    assert_eq!(
        ops.drop_cached("", form, "domain=example.com").await.status,
        200
    );
    let json = "Content-Type: application/json\r\n";
    let answer = ops.drop_cached("", json, r#"{"all": true}"#).await;
    assert_eq!((answer.status, answer.text()), (200, "{\"dropped\":44}\n"));
    let shown: Vec<String> = ops
        .dropped()
        .iter()
        .map(|scope| format!("{scope:?}"))
        .collect();
    assert_eq!(
        shown,
        [
            r#"Mailbox("anna@example.com")"#,
            r#"Domain(MailDomain("example.com"))"#,
            "All"
        ]
    );
}

#[tokio::test]
async fn what_is_not_said_properly_drops_nothing() {
    let ops = Ops::start();
    let json = "Content-Type: application/json\r\n";
    let large = format!(r#"{{"mailbox": "{}"}}"#, "a".repeat(5_000));
    for (query, headers, body, status) in [
        ("", "", "", 400),
        ("?all=true&domain=example.com", "", "", 400),
        ("?all=true", json, r#"{"all": true}"#, 400),
        ("", json, r#"{"everything": true}"#, 400),
        ("", json, "{", 400),
        ("?mailbox=nobody", "", "", 400),
        ("", "", "all=true", 415),
        ("", json, &large, 413),
    ] {
        let answer = ops.drop_cached(query, headers, body).await;
        assert_eq!(answer.status, status, "{query} {body}");
        let said: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert!(said["error"].is_string(), "{said}");
    }
    assert_eq!(ops.dropped(), []);
}

#[tokio::test]
async fn a_page_in_a_browser_is_not_let_in() {
    let ops = Ops::start();
    let address = ops.address;
    let wanted = "X-Calbridge-Ops: 1\r\n";
    let refused = [
        // No header that only a program or an own page can send.
        ("Host: localhost\r\n".to_owned(), 403),
        ("Host: localhost\r\nX-Calbridge-Ops: 0\r\n".to_owned(), 403),
        // DNS rebinding: the page's own name points here.
        (format!("Host: evil.example\r\n{wanted}"), 421),
        (
            format!("Host: evil.example:{}\r\n{wanted}", address.port()),
            421,
        ),
        (wanted.to_owned(), 421),
        (
            format!("Host: localhost\r\nHost: evil.example\r\n{wanted}"),
            421,
        ),
        // A page of another origin.
        (
            format!("Host: {address}\r\nOrigin: https://evil.example\r\n{wanted}"),
            403,
        ),
        (format!("Host: {address}\r\nOrigin: null\r\n{wanted}"), 403),
        (
            format!("Host: {address}\r\nOrigin: http://127.0.0.1:1\r\n{wanted}"),
            403,
        ),
    ];
    for (headers, status) in refused {
        let answer = ops.ask("POST /cache/drop?all=true", &headers, "").await;
        assert_eq!(answer.status, status, "{headers}");
        assert!(answer.header("access-control-allow-origin").is_none());
    }
    assert_eq!(ops.dropped(), []);
    let own = format!("Host: {address}\r\nOrigin: http://{address}\r\n{wanted}");
    assert_eq!(
        ops.ask("POST /cache/drop?all=true", &own, "").await.status,
        200
    );
    assert_eq!(ops.dropped(), [DropScope::All]);
    // What is read is guarded as well.
    for path in ["/metrics", "/readyz", "/livez"] {
        let answer = ops
            .ask(&format!("GET {path}"), "Host: evil.example\r\n", "")
            .await;
        assert_eq!(answer.status, 421);
        let text = ops
            .ask(
                &format!("GET http://evil.example{path}"),
                "Host: localhost\r\n",
                "",
            )
            .await;
        assert_eq!(text.status, 421);
    }
}

#[tokio::test]
async fn other_paths_and_methods_are_refused() {
    let ops = Ops::start();
    for (target, status, allow) in [
        ("GET /nowhere", 404, None),
        ("POST /", 405, Some("GET, HEAD")),
        ("GET /EWS/Exchange.asmx", 404, None),
        ("GET /metrics/", 404, None),
        ("GET /cache/drop?all=true", 405, Some("POST")),
        ("OPTIONS /cache/drop", 405, Some("POST")),
        ("POST /metrics", 405, Some("GET, HEAD")),
        ("DELETE /readyz", 405, Some("GET, HEAD")),
    ] {
        let headers = "Host: localhost\r\nX-Calbridge-Ops: 1\r\n";
        let answer = ops.ask(target, headers, "").await;
        assert_eq!(
            (answer.status, answer.header("allow")),
            (status, allow),
            "{target}"
        );
    }
    assert_eq!(ops.dropped(), []);
}

#[tokio::test]
async fn what_is_not_http_is_closed() {
    let ops = Ops::start();
    let mut connection = ops.connect().await;
    connection.send(b"\x16\x03\x01\x00\x05hello\r\n\r\n").await;
    let said = connection.closed().await;
    assert!(
        said.is_empty() || said.starts_with(b"HTTP/1.1 400"),
        "{said:?}"
    );
    let mut connection = ops.connect().await;
    let endless = format!(
        "GET /livez HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n",
        "x".repeat(40_000)
    );
    connection.send(endless).await;
    let said = connection.closed().await;
    assert!(
        said.is_empty() || said.starts_with(b"HTTP/1.1 431"),
        "{said:?}"
    );
    assert_eq!(ops.get("/livez").await.status, 200);
}

#[tokio::test]
async fn a_stop_waits_only_briefly_for_a_peer_that_hangs() {
    let mut ops = Ops::start();
    let mut hanging = ops.connect().await;
    hanging.send("GET /livez HTTP/1.1\r\n").await;
    assert_eq!(ops.get("/livez").await.status, 200);
    ops.stop.cancel();
    let run = ops.run.take().unwrap();
    timeout(PATIENCE, run).await.unwrap().unwrap();
    assert!(hanging.closed().await.is_empty());
    assert!(TcpStream::connect(ops.address).await.is_err());
}

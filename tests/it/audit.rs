//! A gateway before a scripted server, from its configuration: what the audit log says of who asked for whom, that it may
//! be rotated, and how a trace and the id of a request travel.

mod loss;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::hmac;
use calbridge::config;
use calbridge::config::Config;
use calbridge::gateway::Gateway;
use calbridge::gateway::reload::Reloader;
use calbridge::server::SystemClock;
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::gateway_world::{Question, ask, texts};
use crate::installation::{certify, head};
use crate::upstream::{Reply, Upstream};
use crate::world::{ACCOUNT, PASSWORD, PATH, PATIENCE, trusting};

const KEY: &str = "Audit-key-4b1f-of-the-tests";
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

struct Running {
    folder: TempDir,
    upstream: Upstream,
    url: String,
    caller: reqwest::Client,
    stop: CancellationToken,
    run: JoinHandle<()>,
    ops: SocketAddr,
    reloader: Arc<Reloader>,
}

impl Running {
    /// `audit` is what stands in `[audit]`.
    async fn start(audit: &str) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), audit, |_| {}).await
    }

    async fn start_in(folder: TempDir, audit: &str, change: impl FnOnce(&mut Config)) -> Self {
        let certificate = certify(folder.path(), PASSWORD);
        std::fs::write(folder.path().join("key"), format!("{KEY}\n")).unwrap();
        let upstream = Upstream::start(|_, _| Reply::status(404, &[])).await;
        let text = configuration(audit, &upstream);
        let file = folder.path().join("calbridge.toml");
        std::fs::write(&file, text).unwrap();
        let mut config = config::load(&file).unwrap();
        change(&mut config);
        let gateway = Gateway::build_from(file, config, Arc::new(SystemClock)).await;
        let gateway = gateway.unwrap();
        let public = gateway.addresses()[0];
        let stop = CancellationToken::new();
        Self {
            folder,
            upstream,
            ops: gateway.ops_address().unwrap(),
            reloader: gateway.reloader(),
            url: format!("https://localhost:{}{PATH}", public.port()),
            caller: trusting(&certificate, public).build().unwrap(),
            run: tokio::spawn(gateway.run(stop.clone())),
            stop,
        }
    }

    /// `traces` are values of `traceparent`; one with an equals sign is of `tracestate`.
    async fn post(&self, body: String, traces: &[&str]) -> reqwest::Response {
        let request = self
            .caller
            .post(&self.url)
            .basic_auth(ACCOUNT, Some(PASSWORD));
        let mut request = request.header("content-type", "text/xml");
        for trace in traces {
            let is_state = trace.contains('=');
            let name = if is_state {
                "tracestate"
            } else {
                "traceparent"
            };
            request = request.header(name, *trace);
        }
        request.body(body).send().await.unwrap()
    }

    /// Asks for these mailboxes; the id of the request.
    async fn ask(&self, mailboxes: &str, traces: &[&str]) -> String {
        let question = Question { mailboxes, ..ask() };
        let answer = self.post(question.xml(), traces).await;
        assert_eq!(answer.status(), 200);
        answer.headers()["request-id"].to_str().unwrap().to_owned()
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("audit.jsonl")
    }

    /// The trace that the server was told last.
    fn told(&self) -> Vec<String> {
        let last = self.upstream.requests().pop().unwrap();
        let header = last.header("traceparent").unwrap();
        header.split('-').map(str::to_owned).collect()
    }

    async fn end(self) -> TempDir {
        self.stop.cancel();
        timeout(PATIENCE, self.run).await.unwrap().unwrap();
        self.folder
    }
}

fn configuration(audit: &str, upstream: &Upstream) -> String {
    let more = format!(
        r#"[ops]
listen = "127.0.0.1:0"
[audit]
{audit}
[[endpoint]]
name = "hq"
kind = "ews"
domains = ["example.com"]
url = "{}"
ca_certificate = "{}"
role_account = [{{ address = "svc@example.com", password_file = "secret" }}]
"#,
        upstream.url(),
        upstream.authority.display()
    );
    head("127.0.0.1:0") + &more
}

/// All lines, when there are so many.
async fn lines(file: &Path, count: usize) -> Vec<Value> {
    let enough = async {
        loop {
            let text = std::fs::read_to_string(file).unwrap_or_default();
            if text.lines().count() >= count {
                return text;
            }
            tokio::task::yield_now().await;
        }
    };
    let text = timeout(PATIENCE, enough).await.unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
async fn each_mailbox_has_a_line_and_the_file_may_be_rotated() {
    let gateway = Running::start("file = \"audit.jsonl\"\nmailboxes = \"clear\"").await;
    let id = gateway
        .ask("anna@example.com bob@elsewhere.example nonsense", &[])
        .await;
    let noted = lines(&gateway.log(), 3).await;
    let trace = id.replace('-', "");
    let expect = |mailbox: Option<&str>, outcome: &str, cache: Option<&str>| {
        let mut line = serde_json::json!({
            "request_id": id, "trace_id": trace, "face": "ews", "caller": ACCOUNT, "address": "127.0.0.1",
            "from": "2026-09-01T08:00:00Z", "to": "2026-09-01T18:00:00Z", "outcome": outcome, "cache": cache,
        });
        if let Some(mailbox) = mailbox {
            line["mailbox"] = mailbox.into();
        }
        line
    };
    let without_time = noted.into_iter().map(|mut line| {
        let time = line.as_object_mut().unwrap().remove("time").unwrap();
        assert!(time.as_str().unwrap().ends_with('Z'), "{time}");
        line
    });
    let expect = [
        expect(Some("anna@example.com"), "endpoint_failed", Some("miss")),
        expect(Some("bob@elsewhere.example"), "not_found", None),
        expect(None, "invalid_address", None),
    ];
    assert_eq!(without_time.collect::<Vec<_>>(), expect);
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(gateway.log()).unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);

    let rotated = gateway.folder.path().join("audit.jsonl.1");
    std::fs::rename(gateway.log(), &rotated).unwrap();
    gateway.ask("carl@elsewhere.example", &[]).await;
    let noted = lines(&gateway.log(), 1).await;
    assert_eq!(noted[0]["mailbox"], "carl@elsewhere.example");
    assert_eq!(lines(&rotated, 3).await.len(), 3);
    // Nothing that was noted is lost at the end.
    gateway.ask("dora@elsewhere.example", &[]).await;
    let folder = gateway.end().await;
    assert_eq!(lines(&folder.path().join("audit.jsonl"), 2).await.len(), 2);
}

#[tokio::test]
async fn mailboxes_are_hashed_under_the_key_where_that_is_the_policy() {
    let policy = "file = \"audit.jsonl\"\nmailboxes = \"hash\"\nkey_file = \"key\"";
    let gateway = Running::start(policy).await;
    gateway.ask("Anna@Elsewhere.example", &[]).await;
    let noted = lines(&gateway.log(), 1).await;
    let key = hmac::Key::new(hmac::HMAC_SHA256, KEY.as_bytes());
    let tag = hmac::sign(&key, b"anna@elsewhere.example");
    let digits = tag.as_ref().iter().map(|byte| format!("{byte:02x}"));
    assert_eq!(noted[0]["mailbox_hash"], digits.collect::<String>());
    let text = std::fs::read_to_string(gateway.log()).unwrap();
    assert!(!text.to_lowercase().contains("anna") && !text.contains(KEY));
    gateway.end().await;
}

#[tokio::test]
async fn a_trace_is_taken_over_and_sent_on() {
    let gateway = Running::start("file = \"audit.jsonl\"\nmailboxes = \"clear\"").await;
    let given = format!("00-{TRACE}-b7ad6b7169203331-01");
    gateway.ask("anna@example.com", &[&given]).await;
    let told = gateway.told();
    assert_eq!([&told[0], &told[1], &told[3]], ["00", TRACE, "01"]);
    assert_ne!(told[2], "b7ad6b7169203331");
    assert_eq!(lines(&gateway.log(), 1).await[0]["trace_id"], TRACE);
    // The call is known at the server by a name that begins as the span does.
    let last = gateway.upstream.requests().pop().unwrap();
    let name = last.header("client-request-id").unwrap().replace('-', "");
    assert!(name.starts_with(&told[2]), "{name} {told:?}");
    // What is none, or two, is not taken over: a trace begins here, and is known by the request's id.
    for (mailbox, traces) in [
        ("bob@example.com", vec![]),
        ("carl@example.com", vec!["00-nonsense"]),
        ("dora@example.com", vec![given.as_str(), given.as_str()]),
    ] {
        let id = gateway.ask(mailbox, &traces).await;
        let told = gateway.told();
        assert_eq!(
            [&told[1], &told[3]],
            [&id.replace('-', ""), "00"],
            "{mailbox}"
        );
    }
    gateway.end().await;
}

#[tokio::test]
async fn what_others_keep_along_a_trace_is_sent_on_with_it() {
    let gateway = Running::start("file = \"audit.jsonl\"\nmailboxes = \"clear\"").await;
    let given = format!("00-{TRACE}-b7ad6b7169203331-01");
    let long = format!("long={}", "x".repeat(200));
    let many = vec!["k=v"; 33].join(",");
    let full = format!("{long},{long},{}", vec!["key=value-of-it"; 20].join(","));
    let kept = vec!["key=value-of-it"; 20].join(",");
    for (number, headers, expect) in [
        (
            1,
            vec![&*given, "rojo=00f067", "congo=t61, a@b=c"],
            Some("rojo=00f067,congo=t61,a@b=c"),
        ),
        (2, vec!["rojo=00f067"], None),
        (3, vec![&*given], None),
        (4, vec![&*given, "Rojo=1"], None),
        (5, vec![&*given, &many], None),
        (6, vec![&*given, &full], Some(&*kept)),
    ] {
        gateway
            .ask(&format!("m{number}@example.com"), &headers)
            .await;
        let last = gateway.upstream.requests().pop().unwrap();
        assert_eq!(last.header("tracestate"), expect, "{headers:?}");
    }
    gateway.end().await;
}

#[tokio::test]
async fn a_fault_has_the_id_of_its_request() {
    let gateway = Running::start("file = \"audit.jsonl\"\nmailboxes = \"clear\"").await;
    for body in [
        "<nonsense/>".to_owned(),
        ask()
            .xml()
            .replace("GetUserAvailabilityRequest", "GetFolders"),
    ] {
        let answer = gateway.post(body, &[]).await;
        assert_eq!(answer.status(), 500);
        let id = answer.headers()["request-id"].to_str().unwrap().to_owned();
        let text = answer.text().await.unwrap();
        assert!(text.contains(r#"Name="RequestId""#), "{text}");
        assert_eq!(texts(&text, "Value").last(), Some(&id), "{text}");
    }
    gateway.end().await;
}

//! The whole gateway from its configuration: what callers ask shows in the metrics of its ops listener, and what the
//! listener is told changes what callers get.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use calbridge::config;
use calbridge::gateway::Gateway;
use calbridge::server::SystemClock;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::gateway_world::{Question, ask, texts};
use crate::installation::{certify, files, head};
use crate::metrics_text;
use crate::world::{ACCOUNT, PASSWORD, PATH, PATIENCE, trusting};

const EVENT: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//calbridge//tests//EN\r\nBEGIN:VEVENT\r\nUID:1\r\n\
    DTSTAMP:20260101T000000Z\r\nDTSTART:20260901T090000Z\r\nDTEND:20260901T100000Z\r\nSUMMARY:Once\r\n\
    END:VEVENT\r\nEND:VCALENDAR\r\n";

/// A gateway over a folder of calendars that remembers for an hour.
struct Running {
    folder: TempDir,
    public: SocketAddr,
    ops: SocketAddr,
    caller: reqwest::Client,
    operator: reqwest::Client,
    stop: CancellationToken,
    run: JoinHandle<()>,
}

impl Running {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let certificate = certify(folder.path(), PASSWORD);
        std::fs::create_dir(folder.path().join("calendars")).unwrap();
        let file = folder.path().join("calbridge.toml");
        let config = config::load_text(&configuration(), &file, &|_| None).unwrap();
        let gateway = Gateway::build(config, Arc::new(SystemClock)).await.unwrap();
        let (public, ops) = (gateway.addresses()[0], gateway.ops_address().unwrap());
        let stop = CancellationToken::new();
        Self {
            folder,
            public,
            ops,
            caller: trusting(&certificate, public).build().unwrap(),
            operator: trusting(&certificate, ops).build().unwrap(),
            run: tokio::spawn(gateway.run(stop.clone())),
            stop,
        }
    }

    fn calendar(&self, mailbox: &str) {
        let folder: &Path = self.folder.path();
        std::fs::write(
            folder.join("calendars").join(format!("{mailbox}.ics")),
            EVENT,
        )
        .unwrap();
    }

    /// The digits of each mailbox that has any; blanks between the mailboxes.
    async fn ask(&self, mailboxes: &str) -> Vec<String> {
        let question = Question { mailboxes, ..ask() };
        let request = self
            .caller
            .post(format!("https://localhost:{}{PATH}", self.public.port()));
        let request = request
            .basic_auth(ACCOUNT, Some(PASSWORD))
            .header("content-type", "text/xml");
        let answer = request.body(question.xml()).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        texts(&answer.text().await.unwrap(), "MergedFreeBusy")
    }

    async fn drop_cached(&self, query: &str) -> String {
        let request = self
            .operator
            .post(format!("http://{}/cache/drop?{query}", self.ops));
        let answer = request.header("x-calbridge-ops", "1").send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.text().await.unwrap()
    }

    async fn metrics(&self) -> String {
        let answer = self
            .operator
            .get(format!("http://{}/metrics", self.ops))
            .send()
            .await
            .unwrap();
        answer.text().await.unwrap()
    }
}

fn configuration() -> String {
    let more = r#"[ops]
listen = "127.0.0.1:0"
[cache]
fresh_for = "1h"
unknown_for = "1h"
"#;
    [&head("127.0.0.1:0"), more, &files("files.example", "UTC")].concat()
}

#[expect(clippy::float_cmp, reason = "small whole numbers")]
#[tokio::test]
async fn what_callers_ask_is_counted_and_can_be_forgotten() {
    let gateway = Running::start().await;
    gateway.calendar("anna@files.example");
    let digits = "0200000000";
    let mailboxes = "anna@files.example bob@files.example carl@elsewhere.example nonsense";
    assert_eq!(gateway.ask(mailboxes).await, [digits]);
    assert_eq!(gateway.ask(mailboxes).await, [digits]);

    let page = gateway.metrics().await;
    let count = |series: &str| metrics_text::value(&page, &format!("calbridge_{series}"));
    let looked_up = |endpoint: &str, result: &str| {
        count(&format!(
            r#"mailbox_lookups_total{{endpoint="{endpoint}",result="{result}"}}"#
        ))
    };
    assert_eq!(looked_up("files", "found"), 2.0);
    assert_eq!(looked_up("files", "not_found"), 2.0);
    assert_eq!(looked_up("none", "not_found"), 2.0);
    assert_eq!(looked_up("none", "invalid_address"), 2.0);
    let cached = |result: &str| {
        count(&format!(
            r#"cache_lookups_total{{endpoint="files",result="{result}"}}"#
        ))
    };
    assert_eq!(
        (cached("miss"), cached("hit"), cached("negative")),
        (2.0, 1.0, 1.0)
    );
    assert_eq!(
        count(r#"upstream_batch_mailboxes_count{endpoint="files"}"#),
        1.0
    );
    assert_eq!(
        count(r#"upstream_batch_mailboxes_sum{endpoint="files"}"#),
        2.0
    );
    assert_eq!(count("cache_entries"), 2.0);
    assert!(count("cache_bytes") > 0.0);
    let asked = r#"requests_total{face="ews",operation="GetUserAvailability",outcome="answered"}"#;
    assert_eq!(count(asked), 2.0);
    for word in ["anna", "bob", "carl", "nonsense", "interop", "@"] {
        assert!(!page.contains(word), "{word}");
    }

    forgets(&gateway, digits).await;

    gateway.stop.cancel();
    timeout(PATIENCE, gateway.run).await.unwrap().unwrap();
}

#[tokio::test]
async fn an_endpoint_that_nobody_asks_is_known_to_be_well_again() {
    let gateway = Running::start().await;
    let (there, away) = ("calendars", "elsewhere");
    let folder = gateway.folder.path();
    std::fs::rename(folder.join(there), folder.join(away)).unwrap();
    let is = async |state: &str| {
        let series = format!(r#"calbridge_breaker_state{{endpoint="files",state="{state}"}} 1"#);
        gateway.metrics().await.contains(&series)
    };
    let mut number = 0;
    while !is("open").await {
        number += 1;
        gateway.ask(&format!("m{number}@files.example")).await;
        assert!(number < 20, "the breaker does not open");
    }
    std::fs::rename(folder.join(away), folder.join(there)).unwrap();
    let closed = async { while !is("closed").await {} };
    timeout(PATIENCE, closed).await.unwrap();
    gateway.stop.cancel();
    timeout(PATIENCE, gateway.run).await.unwrap().unwrap();
}

/// What is dropped is asked for again.
#[expect(clippy::float_cmp, reason = "small whole numbers")]
async fn forgets(gateway: &Running, digits: &str) {
    gateway.calendar("bob@files.example");
    assert_eq!(gateway.ask("bob@files.example").await, [""; 0]);
    assert_eq!(
        gateway.drop_cached("mailbox=bob@files.example").await,
        "{\"dropped\":1}\n"
    );
    assert_eq!(gateway.ask("bob@files.example").await, [digits]);
    assert_eq!(
        gateway.drop_cached("domain=elsewhere.example").await,
        "{\"dropped\":0}\n"
    );
    assert_eq!(
        gateway.drop_cached("domain=files.example").await,
        "{\"dropped\":2}\n"
    );
    assert_eq!(
        metrics_text::value(&gateway.metrics().await, "calbridge_cache_entries"),
        0.0
    );
}

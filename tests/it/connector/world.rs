//! A gateway with one virtual directory over a folder of calendar files, and the answer's page taken apart as a browser
//! would.

use std::path::Path;
use std::sync::Arc;

use calbridge::config;
use calbridge::gateway::Gateway;
use calbridge::server::SystemClock;
use reqwest::header::HeaderMap;
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::installation::{certify, head};
use crate::world::{PASSWORD, trusting};

/// Runs until it is dropped.
pub(super) struct World {
    pub(super) folder: TempDir,
    pub(super) client: reqwest::Client,
    pub(super) url: String,
    stop: CancellationToken,
    _run: JoinHandle<()>,
}

/// Lines of `[[freebusy_url]]` that most tests have.
pub(super) const DIRECTORY: &str = r#"
[[freebusy_url]]
directory = "GCalExchangeLookup"
allow = ["127.0.0.1"]
domains = ["example.org", "example.com"]
google_domain = "example.org"
"#;

/// A login for those who run the gateway: `ops`, with the password of everybody.
pub(super) const OPS: &str = r#"
[ops]
listen = "127.0.0.1:0"
login = { user = "ops", password_file = "secret" }
"#;

impl World {
    /// `more`: what stands after the endpoint of example.org, example.com and ex.acme.com.
    pub(super) async fn start(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let certificate = certify(folder.path(), PASSWORD);
        std::fs::create_dir(folder.path().join("calendars")).unwrap();
        let text = [&head("127.0.0.1:0"), FILES, more].concat();
        let file = folder.path().join("calbridge.toml");
        let config = config::load_text(&text, &file, &|_| None).unwrap();
        let gateway = Gateway::build(config, Arc::new(SystemClock)).await.unwrap();
        let public = gateway.addresses()[0];
        let stop = CancellationToken::new();
        Self {
            folder,
            client: trusting(&certificate, public).build().unwrap(),
            url: format!("https://localhost:{}", public.port()),
            _run: tokio::spawn(gateway.run(stop.clone())),
            stop,
        }
    }

    pub(super) async fn usual() -> Self {
        Self::start(DIRECTORY).await
    }

    /// A calendar file with these lines between `VERSION` and `END:VCALENDAR`, LF at their ends.
    pub(super) fn calendar(&self, mailbox: &str, lines: &str) {
        let text = format!(
            "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//calbridge//tests//EN\n{lines}END:VCALENDAR\n"
        );
        std::fs::write(self.file(mailbox), text.replace('\n', "\r\n")).unwrap();
    }

    pub(super) fn file(&self, mailbox: &str) -> std::path::PathBuf {
        let folder: &Path = self.folder.path();
        folder.join("calendars").join(format!("{mailbox}.ics"))
    }

    pub(super) fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.get(format!("{}{path}", self.url))
    }

    pub(super) fn post(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.post(format!("{}{path}", self.url))
    }

    /// An answer without what differs from one to the next.
    pub(super) async fn told(request: reqwest::RequestBuilder) -> (u16, HeaderMap, String) {
        let answer = Page::of(request.send().await.unwrap()).await;
        let mut headers = answer.headers;
        for changing in ["date", "request-id"] {
            headers.remove(changing);
        }
        (answer.status, headers, answer.html)
    }

    /// The page that a message is answered with.
    pub(super) async fn ask(&self, message: &str) -> Page {
        let request = self.post("/GCalExchangeLookup/ExchangeQuerier.aspx");
        Page::of(request.form(&[("text", message)]).send().await.unwrap()).await
    }

    /// The list of mailboxes in the answer to a question for these addresses on two days of 2008, UTC.
    pub(super) async fn users(&self, addresses: &str) -> Value {
        let message = format!("[1,7,[{addresses}],20080102/20080104,0,UTC]");
        self.ask(&message).await.json()[2][3].take()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

const FILES: &str = r#"[[endpoint]]
name = "files"
kind = "calendar-files"
domains = ["example.org", "example.com", "ex.acme.com", "hidden.example"]
directory = "calendars"
time_zone = "UTC"
"#;

/// An answer as a browser sees it.
pub(super) struct Page {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) html: String,
}

impl Page {
    pub(super) async fn of(response: reqwest::Response) -> Self {
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            html: response.text().await.unwrap(),
        }
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap().to_str().unwrap()
    }

    /// Where the form goes.
    pub(super) fn action(&self) -> String {
        self.attribute("<form id=\"Form1\" method=\"POST\" action=\"")
    }

    /// The value of the one field.
    pub(super) fn payload(&self) -> String {
        assert_eq!(self.html.matches("<input").count(), 1);
        self.attribute("<input name=\"text\" value=\"")
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.payload()).unwrap()
    }

    /// The first three items of an error, the fourth being text.
    pub(super) fn error(&self) -> [String; 3] {
        let json = self.json();
        let items: Vec<&str> = json
            .as_array()
            .unwrap()
            .iter()
            .map(|i| i.as_str().unwrap())
            .collect();
        assert_eq!(items.len(), 4, "{json}");
        [items[0].into(), items[1].into(), items[2].into()]
    }

    fn attribute(&self, before: &str) -> String {
        let (_, rest) = self.html.split_once(before).unwrap();
        let (value, _) = rest.split_once('"').unwrap();
        assert!(!value.contains(['<', '>']));
        let value = value.replace("&quot;", "\"").replace("&lt;", "<");
        value.replace("&gt;", ">").replace("&amp;", "&")
    }
}

/// A VEVENT in UTC, times as `20080102T093000`; `more` lines end in LF.
pub(super) fn event(start: &str, end: &str, more: &str) -> String {
    format!(
        "BEGIN:VEVENT\nUID:{start}-{end}\nDTSTAMP:20080101T000000Z\nDTSTART:{start}Z\nDTEND:{end}Z\n{more}END:VEVENT\n"
    )
}

/// Fields of a form or a query, as browsers write them.
pub(super) trait Fields {
    fn form<N: AsRef<str>, V: AsRef<str>>(self, fields: &[(N, V)]) -> Self;
    fn query<N: AsRef<str>, V: AsRef<str>>(self, fields: &[(N, V)]) -> Self;
}

impl Fields for reqwest::RequestBuilder {
    fn form<N: AsRef<str>, V: AsRef<str>>(self, fields: &[(N, V)]) -> Self {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        let body = body.extend_pairs(fields.iter().map(|(name, value)| (name, value)));
        self.header("content-type", "application/x-www-form-urlencoded")
            .body(body.finish())
    }

    fn query<N: AsRef<str>, V: AsRef<str>>(self, fields: &[(N, V)]) -> Self {
        if fields.is_empty() {
            return self;
        }
        let (client, request) = self.build_split();
        let mut request = request.unwrap();
        let pairs = fields.iter().map(|(name, value)| (name, value));
        request.url_mut().query_pairs_mut().extend_pairs(pairs);
        Self::from_parts(client, request)
    }
}

//! The number of series of a gateway that runs: whoever asks, for whomever, from wherever, adds none.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::gateway_world::{Question, ask, envelope};
use crate::installation::certify;
use crate::metrics_text::{self, parse};
use crate::program::Program;
use crate::world::{ACCOUNT, PASSWORD, PATH, PATIENCE, role_account, trusting};

const ENDPOINTS: usize = 20;
const MAILBOXES: usize = 10_000;
const NETWORKS: u8 = 50;
/// As docs/metrics.md states them, without OAuth 2.0 and where every endpoint uses it.
const BOUND: usize = 2_000;
const BOUND_WITH_TOKENS: usize = 2_600;

/// An endpoint with a folder that nobody has a calendar in.
fn with_folder(number: usize) -> String {
    format!(
        "[[endpoint]]\nname = \"site-{number}\"\nkind = \"calendar-files\"\n\
         domains = [\"site-{number}.example\"]\ndirectory = \"calendars\"\ntime_zone = \"UTC\"\n"
    )
}

/// One that gets no token, because nobody is there.
fn with_tokens(number: usize) -> String {
    format!(
        r#"[[endpoint]]
name = "site-{number}"
kind = "ews"
domains = ["site-{number}.example"]
url = "https://127.0.0.1:1/EWS/Exchange.asmx"
[endpoint.auth]
kind = "oauth2"
token_url = "https://127.0.0.1:1/token"
client_id = "11111111-2222-3333-4444-555555555555"
client_secret_file = "secret"
client_secret_expires = 2099-01-01
[[endpoint.role_account]]
address = "interop@site-{number}.example"
"#
    )
}

fn configuration(folder: &Path, endpoint: impl Fn(usize) -> String) -> PathBuf {
    let hash = role_account(ACCOUNT, PASSWORD).password_hash;
    let mut text = format!(
        r#"[server]
listen = ["127.0.0.1:0"]
public_url = "https://localhost"
tls = {{ certificate = "server.pem", private_key = "server.key" }}
[ops]
listen = "127.0.0.1:0"
[access]
allow = ["127.0.0.1"]
role_account = [{{ address = "{ACCOUNT}", password_hash = "{hash}" }}]
"#
    );
    for number in 0..ENDPOINTS {
        text += &endpoint(number);
    }
    let file = folder.join("calbridge.toml");
    std::fs::write(&file, text).unwrap();
    file
}

/// A gateway that runs, its caller and whoever reads its metrics.
struct Served {
    public: SocketAddr,
    ops: SocketAddr,
    client: reqwest::Client,
    _program: Program,
    _folder: TempDir,
}

impl Served {
    fn start(endpoint: impl Fn(usize) -> String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let certificate = certify(folder.path(), "Series-secret-2b7e");
        std::fs::create_dir(folder.path().join("calendars")).unwrap();
        let program = Program::serve(&configuration(folder.path(), endpoint));
        let (public, ops) = (program.address(), program.address());
        let client = trusting(&certificate, public).timeout(PATIENCE);
        Self {
            public,
            ops,
            client: client.build().unwrap(),
            _program: program,
            _folder: folder,
        }
    }

    async fn post(&self, path: &str, user: &str, body: String) -> reqwest::Response {
        let url = format!("https://localhost:{}{path}", self.public.port());
        let request = self.client.post(url).basic_auth(user, Some(PASSWORD));
        let request = request.header("content-type", "text/xml").body(body);
        request.send().await.unwrap()
    }

    async fn metrics(&self) -> String {
        let answer = self.client.get(format!("http://{}/metrics", self.ops));
        answer.send().await.unwrap().text().await.unwrap()
    }
}

/// Each mailbox of the world once, a hundred in a question, five at each endpoint.
fn questions() -> impl Iterator<Item = String> {
    (0..MAILBOXES / 100).map(|question| {
        let mailboxes = (0..100).map(|number| {
            let person = question * 100 + number;
            format!("person-{person}@site-{}.example", number % ENDPOINTS)
        });
        let mailboxes = mailboxes.collect::<Vec<_>>().join(" ");
        let mailboxes = &*mailboxes;
        Question { mailboxes, ..ask() }.xml()
    })
}

/// A connection from another network that is closed unanswered.
async fn knock(from: IpAddr, at: SocketAddr) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(from, 0)).unwrap();
    let stream = socket.connect(at).await.unwrap();
    let mut byte = [0];
    loop {
        stream.readable().await.unwrap();
        match stream.try_read(&mut byte) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Ok(0) | Err(_) => return,
            Ok(_) => panic!("{from} was answered"),
        }
    }
}

/// All series of ours, each once.
fn series(text: &str) -> BTreeSet<metrics_text::Series> {
    let ours: String = text
        .lines()
        .filter(|line| line.trim_start_matches("# HELP ").contains("calbridge_"))
        .fold(String::new(), |all, line| all + line + "\n");
    let families = parse(&ours);
    let all = families.into_values().flat_map(|family| family.series);
    all.map(|(series, _)| series).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_mailboxes_and_fifty_denied_networks_add_no_series() {
    let served = Served::start(with_folder);
    let before = series(&served.metrics().await);
    for body in questions() {
        assert_eq!(served.post(PATH, ACCOUNT, body).await.status(), 200);
    }
    for number in 0..10 {
        let operation = envelope("", &format!("<m:Operation{number}/>"));
        assert_eq!(served.post(PATH, ACCOUNT, operation).await.status(), 500);
        let path = format!("/path-{number}");
        let answer = served.post(&path, ACCOUNT, String::new()).await;
        assert_eq!(answer.status(), 404);
    }
    let stranger = served.post(PATH, "stranger@example.com", ask().xml());
    assert_eq!(stranger.await.status(), 401);
    for network in 1..=NETWORKS {
        knock(Ipv4Addr::new(127, 0, network, 1).into(), served.public).await;
    }
    let text = served.metrics().await;
    let after = series(&text);
    assert_eq!(after, before);
    assert!((1_000..BOUND).contains(&after.len()), "{}", after.len());
    let refused = "\ncalbridge_allowlist_refusals_total 50\n";
    assert!(text.contains(refused), "{text}");
    let looked_up = |number: usize| {
        let labels = format!(r#"{{endpoint="site-{number}",result="not_found"}}"#);
        let name = format!("calbridge_mailbox_lookups_total{labels} ");
        let line = text.lines().find_map(|line| line.strip_prefix(&*name));
        line.unwrap().parse::<usize>().unwrap()
    };
    assert!((0..ENDPOINTS).all(|number| looked_up(number) == MAILBOXES / ENDPOINTS));
    assert!(!text.contains("person-") && !text.contains("127.0."));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endpoints_that_want_tokens_have_more_series_and_get_none_by_failing() {
    let served = Served::start(with_tokens);
    let before = series(&served.metrics().await);
    let question = questions().next().unwrap();
    let answer = served.post(PATH, ACCOUNT, question).await;
    assert_eq!(answer.status(), 200);
    let text = served.metrics().await;
    let after = series(&text);
    assert_eq!(after, before);
    // The token that is got at last adds when it expires, one series for each endpoint.
    let most = after.len() + ENDPOINTS;
    assert!((BOUND..BOUND_WITH_TOKENS).contains(&most), "{most}");
    let failed = (0..ENDPOINTS).all(|number| {
        let name = format!("calbridge_token_requests_total{{endpoint=\"site-{number}\",");
        let mut series = text.lines().filter(|line| line.starts_with(&name));
        series.any(|line| !line.ends_with(" 0"))
    });
    assert!(failed, "{text}");
}

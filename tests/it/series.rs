//! The number of series of a gateway that runs: whoever asks, for whomever, from wherever, adds none.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use crate::gateway_world::{Question, ask, envelope};
use crate::metrics_text::{self, parse};
use crate::process;
use crate::program::Program;
use crate::world::{ACCOUNT, PASSWORD, PATH, PATIENCE, role_account};

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
client_secret_file = "client-secret"
client_secret_expires = 2099-01-01
[[endpoint.role_account]]
address = "interop@site-{number}.example"
"#
    )
}

fn configuration(folder: &Path, endpoint: impl Fn(usize) -> String) {
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
    std::fs::write(folder.join("calbridge.toml"), text).unwrap();
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

async fn metrics(client: &reqwest::Client, ops: SocketAddr) -> String {
    let answer = client.get(format!("http://{ops}/metrics")).send().await;
    answer.unwrap().text().await.unwrap()
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
    let folder = tempfile::tempdir().unwrap();
    process::configuration(folder.path(), "127.0.0.1:0");
    std::fs::create_dir(folder.path().join("calendars")).unwrap();
    configuration(folder.path(), with_folder);
    let file = folder.path().join("calbridge.toml");
    let arguments = ["serve", "--config", file.to_str().unwrap()];
    let program = Program::start(&arguments, Program::stderr);
    let public = process::address(&program.lines_until("address="));
    let ops = process::address(&program.lines_until("address="));
    let certificate = std::fs::read(folder.path().join("server.pem")).unwrap();
    let client = reqwest::Client::builder()
        .tls_certs_only([reqwest::Certificate::from_pem(&certificate).unwrap()])
        .no_proxy()
        .timeout(PATIENCE)
        .resolve("localhost", public)
        .build()
        .unwrap();
    let post = |path: &str, user: &str, body: String| {
        client
            .post(format!("https://localhost:{}{path}", public.port()))
            .basic_auth(user, Some(PASSWORD))
            .header("content-type", "text/xml")
            .body(body)
            .send()
    };
    let before = series(&metrics(&client, ops).await);
    for body in questions() {
        assert_eq!(post(PATH, ACCOUNT, body).await.unwrap().status(), 200);
    }
    for number in 0..10 {
        let operation = envelope("", &format!("<m:Operation{number}/>"));
        assert_eq!(post(PATH, ACCOUNT, operation).await.unwrap().status(), 500);
        let path = format!("/path-{number}");
        let answer = post(&path, ACCOUNT, String::new()).await.unwrap();
        assert_eq!(answer.status(), 404);
    }
    let stranger = post(PATH, "stranger@example.com", ask().xml()).await;
    assert_eq!(stranger.unwrap().status(), 401);
    for network in 1..=NETWORKS {
        knock(Ipv4Addr::new(127, 0, network, 1).into(), public).await;
    }
    let text = metrics(&client, ops).await;
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
    let folder = tempfile::tempdir().unwrap();
    process::configuration(folder.path(), "127.0.0.1:0");
    std::fs::write(folder.path().join("client-secret"), "Series-secret-2b7e").unwrap();
    configuration(folder.path(), with_tokens);
    let file = folder.path().join("calbridge.toml");
    let arguments = ["serve", "--config", file.to_str().unwrap()];
    let program = Program::start(&arguments, Program::stderr);
    let public = process::address(&program.lines_until("address="));
    let ops = process::address(&program.lines_until("address="));
    let certificate = std::fs::read(folder.path().join("server.pem")).unwrap();
    let client = reqwest::Client::builder()
        .tls_certs_only([reqwest::Certificate::from_pem(&certificate).unwrap()])
        .no_proxy()
        .timeout(PATIENCE)
        .resolve("localhost", public)
        .build()
        .unwrap();
    let before = series(&metrics(&client, ops).await);
    let answer = client
        .post(format!("https://localhost:{}{PATH}", public.port()))
        .basic_auth(ACCOUNT, Some(PASSWORD))
        .header("content-type", "text/xml")
        .body(questions().next().unwrap())
        .send()
        .await;
    assert_eq!(answer.unwrap().status(), 200);
    let text = metrics(&client, ops).await;
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

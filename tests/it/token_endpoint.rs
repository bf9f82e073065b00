//! The own token endpoint over a real socket: both ways to show a secret, errors, discovery, and what a token opens.

use std::sync::Arc;
use std::time::{Duration, Instant};

use calbridge::domain::{Caller, CallerId, Detail};
use calbridge::server::settings::{ClientAccount, ServerSettings};
use reqwest::{Client, RequestBuilder};
use serde_json::Value;

use crate::server_faces::Echo;
use crate::world::{ACCOUNT, PASSWORD, TestServer, role_account};

const SECRET: &str = "s3cret+with/plus";
const FORM: &str = "application/x-www-form-urlencoded";

pub(crate) fn client_account(id: &str, secret: &str) -> ClientAccount {
    ClientAccount {
        id: id.to_owned(),
        secret_hash: role_account("x@example.com", secret).password_hash,
        caller: Caller::new(CallerId::Client(id.into()), Detail::Subjects),
    }
}

fn with_client(settings: &mut ServerSettings) {
    settings.access.issuer = "https://localhost".into();
    settings.access.clients = vec![client_account("google", SECRET)];
}

struct World {
    server: TestServer,
    client: Client,
}

impl World {
    async fn start() -> Self {
        let server = TestServer::with(Arc::new(Echo), with_client).await;
        let client = server.client().build().unwrap();
        Self { server, client }
    }

    fn at(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.server.address.port())
    }

    fn ask(&self, path: &str, form: &str) -> RequestBuilder {
        let post = self.client.post(self.at(path));
        post.header("content-type", FORM).body(form.to_owned())
    }

    async fn token(&self) -> String {
        let form = form("google", SECRET);
        let answer = self.ask("/oauth2/v2.0/token", &form).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let answer = json(answer).await;
        answer["access_token"].as_str().unwrap().to_owned()
    }
}

fn form(id: &str, secret: &str) -> String {
    let secret = secret.replace('+', "%2B");
    format!(
        "grant_type=client_credentials&client_id={id}&client_secret={secret}&scope=https%3A%2F%2Fx%2F.default"
    )
}

async fn json(answer: reqwest::Response) -> Value {
    serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
}

#[tokio::test]
async fn a_token_is_given_for_the_secret_and_opens_the_door() {
    let world = World::start().await;
    for path in ["/oauth2/v2.0/token", "/Contoso.example/OAuth2/v2.0/token"] {
        let answer = world
            .ask(path, &form("GOOGLE", SECRET))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["cache-control"], "no-store");
        let told = json(answer).await;
        assert_eq!(
            (&told["token_type"], &told["expires_in"]),
            (&"Bearer".into(), &900.into())
        );
        let token = told["access_token"].as_str().unwrap();
        let call = world.client.post(world.server.url()).bearer_auth(token);
        let answer = call.body("<a/>").send().await.unwrap();
        assert_eq!(answer.text().await.unwrap(), "POST google <a/>");
    }
    // Basic goes on beside it.
    let call = world
        .client
        .post(world.server.url())
        .basic_auth(ACCOUNT, Some(PASSWORD));
    assert_eq!(call.body("<a/>").send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn the_secret_may_stand_in_the_header_encoded_or_not() {
    let world = World::start().await;
    let encoded = SECRET.replace('+', "%2B").replace('/', "%2F");
    for secret in [SECRET, &encoded] {
        let call = world.ask("/oauth2/v2.0/token", "grant_type=client_credentials");
        let answer = call
            .basic_auth("google", Some(secret))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200, "{secret}");
    }
    let call = world.ask("/oauth2/v2.0/token", "grant_type=client_credentials");
    let answer = call
        .basic_auth("google", Some("wrong"))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 401);
    assert!(
        answer.headers()["www-authenticate"]
            .to_str()
            .unwrap()
            .starts_with("Basic ")
    );
}

#[tokio::test]
async fn an_unknown_client_and_a_wrong_secret_are_told_the_same() {
    let world = World::start().await;
    let mut told = Vec::new();
    for (id, secret) in [("google", "wrong"), ("nobody", SECRET)] {
        let answer = world
            .ask("/oauth2/v2.0/token", &form(id, secret))
            .send()
            .await
            .unwrap();
        let status = answer.status().as_u16();
        let names: Vec<_> = answer.headers().keys().map(ToString::to_string).collect();
        let mut body = json(answer).await;
        for varies in [
            "error_description",
            "timestamp",
            "trace_id",
            "correlation_id",
        ] {
            assert!(body[varies].is_string(), "{varies}");
            body[varies] = Value::Null;
        }
        told.push((status, names, body));
    }
    assert_eq!(told[0], told[1]);
    assert_eq!(
        (told[0].0, told[0].2["error"].as_str()),
        (401, Some("invalid_client"))
    );
    assert_eq!(world.server.login.verifications(), 2);
}

#[tokio::test]
async fn what_is_no_request_for_a_token_is_told_so() {
    let world = World::start().await;
    let check = async |form: &str, status: u16, error: &str| {
        let answer = world.ask("/oauth2/v2.0/token", form).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{form}");
        assert_eq!(json(answer).await["error"], error, "{form}");
    };
    check("", 400, "invalid_request").await;
    check(
        "grant_type=password&username=a",
        400,
        "unsupported_grant_type",
    )
    .await;
    check(
        "grant_type=client_credentials&client_id=google",
        400,
        "invalid_request",
    )
    .await;
    let get = world
        .client
        .get(world.at("/oauth2/v2.0/token"))
        .send()
        .await
        .unwrap();
    assert_eq!(get.status(), 405);
    assert_eq!(world.server.login.verifications(), 0);
    let metrics = world.server.metrics.render();
    assert!(
        metrics.contains("calbridge_own_token_requests_total{outcome=\"invalid_request\"} 2"),
        "{metrics}"
    );
}

#[tokio::test]
async fn discovery_leads_to_the_endpoint_and_the_key() {
    let world = World::start().await;
    for (path, base) in [
        ("/.well-known/openid-configuration", "https://localhost"),
        (
            "/contoso/v2.0/.well-known/openid-configuration",
            "https://localhost/contoso",
        ),
        (
            "/contoso/.well-known/openid-configuration",
            "https://localhost/contoso",
        ),
    ] {
        let found = json(world.client.get(world.at(path)).send().await.unwrap()).await;
        assert_eq!(found["issuer"], "https://localhost");
        assert_eq!(found["token_endpoint"], format!("{base}/oauth2/v2.0/token"));
        assert_eq!(
            found["authorization_endpoint"],
            format!("{base}/oauth2/v2.0/authorize")
        );
        let keys = found["jwks_uri"]
            .as_str()
            .unwrap()
            .replace("https://localhost", "");
        let keys = json(world.client.get(world.at(&keys)).send().await.unwrap()).await;
        assert_eq!(keys["keys"][0]["alg"], "ES256");
        assert!(keys["keys"][0].get("d").is_none());
        // The token is signed by what the document shows.
        let token = world.token().await;
        let header = jsonwebtoken::decode_header(&token).unwrap();
        assert_eq!(header.kid.as_deref(), keys["keys"][0]["kid"].as_str());
    }
}

#[tokio::test]
async fn discovery_takes_every_tenant_that_the_endpoint_takes() {
    let world = World::start().await;
    let long = "t".repeat(100);
    for (tenant, base) in [
        ("%3Cscript%3E", "https://localhost/%3Cscript%3E"),
        ("a%2Fb%22c", "https://localhost/a%2Fb%22c"),
        (long.as_str(), &format!("https://localhost/{long}")),
    ] {
        let at = format!("/{tenant}/v2.0/.well-known/openid-configuration");
        let found = json(world.client.get(world.at(&at)).send().await.unwrap()).await;
        let endpoint = found["token_endpoint"].as_str().unwrap();
        assert_eq!(endpoint, format!("{base}/oauth2/v2.0/token"));
        let path = endpoint.replace("https://localhost", "");
        let answer = world.ask(&path, &form("google", SECRET)).send().await;
        assert_eq!(answer.unwrap().status(), 200, "{tenant}");
    }
}

#[tokio::test]
async fn only_a_secret_that_was_compared_is_told_late() {
    let world = World::start().await;
    let path = "/oauth2/v2.0/token";
    let took = async |request: RequestBuilder| {
        let start = Instant::now();
        assert_eq!(request.send().await.unwrap().status(), 401);
        start.elapsed()
    };
    let late = Duration::from_millis(300);
    let wrong = world.ask(path, &form("google", "wrong"));
    assert!(took(wrong).await >= late);
    // A busy machine may take its time, but not each time.
    for round in 1.. {
        let unreadable = world.ask(path, "grant_type=client_credentials");
        if took(unreadable.header("authorization", "Basic ?")).await < late {
            break;
        }
        assert!(round < 10, "what is compared with nothing is held back");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret_that_is_held_back_keeps_nobody_out() {
    let server = TestServer::with(Arc::new(Echo), |settings| {
        with_client(settings);
        settings.limits.max_in_flight = 1;
    })
    .await;
    let client = server.client().build().unwrap();
    let world = World { server, client };
    // The connection is there, and the right login is remembered.
    let call = || {
        let call = world.client.post(world.server.url());
        call.basic_auth(ACCOUNT, Some(PASSWORD)).body("<a/>").send()
    };
    assert_eq!(call().await.unwrap().status(), 200);
    // What is held back for a moment may be over before a busy machine has looked: then it is done again.
    let mut served_meanwhile = false;
    for round in 1..=10 {
        let wrong = world.ask("/oauth2/v2.0/token", &form("google", "wrong"));
        let wrong = tokio::spawn(wrong.send());
        let compared = format!("calbridge_login_failures_total {round}\n");
        while !world.server.metrics.render().contains(&compared) {
            tokio::task::yield_now().await;
        }
        // What the request has taken up is given back within a moment, and long before it is answered.
        while !served_meanwhile && !wrong.is_finished() {
            let served = call().await.unwrap().status() == 200;
            served_meanwhile = served && !wrong.is_finished();
        }
        assert_eq!(wrong.await.unwrap().unwrap().status(), 401);
        if served_meanwhile {
            return;
        }
    }
    panic!("nobody was served while an answer was held back");
}

#[tokio::test]
async fn without_a_client_there_is_no_endpoint() {
    let server = TestServer::start(Arc::new(Echo)).await;
    let client = server.client().build().unwrap();
    for path in ["/oauth2/v2.0/token", "/.well-known/openid-configuration"] {
        let url = format!("https://localhost:{}{path}", server.address.port());
        assert_eq!(client.post(url).send().await.unwrap().status(), 404);
    }
    let absent = client.post(server.url()).body("<a/>").send().await.unwrap();
    let accepted: Vec<_> = absent
        .headers()
        .get_all("www-authenticate")
        .iter()
        .collect();
    assert_eq!(accepted, ["Basic realm=\"localhost\""]);
}

#[tokio::test]
async fn the_answer_names_what_is_accepted() {
    let world = World::start().await;
    let told = async |call: RequestBuilder| {
        let answer = call.body("<a/>").send().await.unwrap();
        assert_eq!(answer.status(), 401);
        let values = answer.headers().get_all("www-authenticate").iter();
        values
            .map(|value| value.to_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let url = world.server.url();
    assert_eq!(
        told(world.client.post(&url)).await,
        ["Basic realm=\"localhost\"", "Bearer realm=\"localhost\""]
    );
    let wrong = "Bearer realm=\"localhost\", error=\"invalid_token\"";
    assert_eq!(
        told(world.client.post(&url).bearer_auth("a.b.c")).await,
        ["Basic realm=\"localhost\"", wrong]
    );
}

#[tokio::test]
async fn a_client_without_its_entry_or_its_secret_is_out_at_once() {
    let pem = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let key = calbridge::server::token::key::TokenKey::from_pem(pem.as_bytes()).unwrap();
    let key = Arc::new(key);
    let instance = async |clients: Vec<ClientAccount>| {
        let key = Arc::clone(&key);
        let server = TestServer::with(Arc::new(Echo), |s| {
            with_client(s);
            s.access.token_key = Some(key);
            s.access.clients = clients;
        })
        .await;
        let client = server.client().build().unwrap();
        World { server, client }
    };
    let google = client_account("google", SECRET);
    let first = instance(vec![google.clone()]).await;
    let other = instance(vec![google]).await;
    let token = first.token().await;
    let rotated = instance(vec![client_account("google", "Another-secret-b2e0")]).await;
    let gone = instance(vec![client_account("other", SECRET)]).await;
    for (world, status) in [(&first, 200), (&other, 200), (&rotated, 401), (&gone, 401)] {
        let call = world.client.post(world.server.url()).bearer_auth(&token);
        assert_eq!(call.body("<a/>").send().await.unwrap().status(), status);
    }
}

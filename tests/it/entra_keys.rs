//! The keys of Entra from an authority on loopback, over real TLS: when they are fetched, how often, and what becomes of
//! callers while they cannot be.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use calbridge::domain::{Caller, CallerId, Clock, Detail};
use calbridge::server::SystemClock;
use calbridge::server::token::entra::EntraSettings;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::{Client, Response};
use serde_json::json;

use crate::server_faces::Echo;
use crate::upstream::{Reply, Request, Upstream};
use crate::world::{PATIENCE, TestServer};

const TENANT: &str = "aaaaaaaa-0000-0000-0000-000000000001";
const APP: &str = "bbbbbbbb-0000-0000-0000-000000000002";

/// A key pair of the authority.
struct Signer {
    signing: EncodingKey,
    /// Its public half, under the name `k1`.
    published: String,
}

impl Signer {
    fn new() -> Arc<Self> {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let pkcs8 = STANDARD.encode(pair.as_der().unwrap().as_ref());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{pkcs8}\n-----END PRIVATE KEY-----\n");
        let n = pair
            .public_key()
            .modulus()
            .big_endian_without_leading_zero();
        let e = pair
            .public_key()
            .exponent()
            .big_endian_without_leading_zero();
        let key = json!({
            "kty": "RSA", "use": "sig", "kid": "k1",
            "n": URL_SAFE_NO_PAD.encode(n), "e": URL_SAFE_NO_PAD.encode(e),
        });
        Arc::new(Self {
            signing: EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap(),
            published: json!({ "keys": [key] }).to_string(),
        })
    }
}

struct World {
    authority: Upstream,
    server: TestServer,
    client: Client,
    signer: Arc<Signer>,
}

impl World {
    /// `script` is what the authority answers, given what it publishes.
    async fn start(script: impl Fn(usize, &str) -> Reply + Send + Sync + 'static) -> Self {
        let signer = Signer::new();
        let published = signer.published.clone();
        let authority = Upstream::start(move |n, _: &Request| script(n, &published)).await;
        let settings = EntraSettings {
            tenant_id: TENANT.to_owned(),
            audiences: vec!["api://calbridge".to_owned()],
            client_ids: vec![APP.to_owned()],
            role: "FreeBusy.Read".to_owned(),
            authority: format!("https://127.0.0.1:{}", authority.port),
            authority_ca: Some(std::fs::read(&authority.authority).unwrap()),
            caller: Caller::new(CallerId::Nobody, Detail::Subjects),
        };
        let server = TestServer::with(Arc::new(Echo), |s| s.access.entra = Some(settings)).await;
        let client = server.client().build().unwrap();
        Self {
            authority,
            server,
            client,
            signer,
        }
    }

    fn token(&self, kid: &str) -> String {
        let now = SystemClock.now().as_second();
        let issuer = format!("https://127.0.0.1:{}/{TENANT}/v2.0", self.authority.port);
        let claims = json!({
            "iss": issuer, "aud": "api://calbridge", "tid": TENANT, "azp": APP, "roles": ["FreeBusy.Read"],
            "nbf": now, "iat": now, "exp": now + 3600, "ver": "2.0",
        });
        let mut header = Header::new(Algorithm::RS256);
        header.kid = Some(kid.to_owned());
        jsonwebtoken::encode(&header, &claims, &self.signer.signing).unwrap()
    }

    async fn ask(&self, kid: &str) -> Response {
        let call = self.client.post(self.server.url());
        let call = call.bearer_auth(self.token(kid)).body("<a/>");
        call.send().await.unwrap()
    }

    fn fetches(&self) -> usize {
        self.authority.requests().len()
    }
}

#[tokio::test]
async fn keys_are_fetched_once_and_strangers_cause_no_more() {
    let world = World::start(|_, published| Reply::json(200, published)).await;
    let answer = world.ask("k1").await;
    assert_eq!(answer.text().await.unwrap(), format!("POST {APP} <a/>"));
    let asked = &world.authority.requests()[0];
    let path = format!("GET /{TENANT}/discovery/v2.0/keys ");
    assert!(asked.head.starts_with(&path), "{}", asked.head);
    for unknown in ["k2", "k3", "k2"] {
        assert_eq!(world.ask(unknown).await.status(), 401, "{unknown}");
    }
    assert_eq!(world.ask("k1").await.status(), 200);
    assert_eq!(world.fetches(), 1);
}

#[tokio::test]
async fn whoever_hangs_up_does_not_end_the_fetch() {
    let released = Arc::new(AtomicBool::new(false));
    let gate = Arc::clone(&released);
    let world = World::start(move |_, published| {
        let (gate, published) = (Arc::clone(&gate), published.to_owned());
        wait_for(gate, published)
    })
    .await;
    {
        let mut first = std::pin::pin!(world.ask("k1"));
        let asked = async {
            while world.fetches() == 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            _ = &mut first => panic!("there are no keys yet"),
            () = asked => {}
        }
    }
    let others = futures_util::future::join_all((0..8).map(|_| world.ask("k1")));
    let release = async { released.store(true, Ordering::SeqCst) };
    let (answers, ()) = tokio::join!(others, release);
    assert!(answers.iter().all(|answer| answer.status() == 200));
    assert_eq!(world.fetches(), 1);
}

/// The keys, as soon as the test says so.
fn wait_for(gate: Arc<AtomicBool>, published: String) -> Reply {
    let step = Duration::from_millis(5);
    Reply::After(
        step,
        Box::new(move || {
            if gate.load(Ordering::SeqCst) {
                Reply::json(200, published)
            } else {
                wait_for(gate, published)
            }
        }),
    )
}

/// What the authority answers first makes the caller come back, is not asked for again at once, and is soon made up for.
async fn check_broken(first: fn() -> Reply) {
    let world = World::start(move |n, published| match n {
        0 => first(),
        _ => Reply::json(200, published),
    })
    .await;
    let refused = world.ask("k1").await;
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(world.ask("k1").await.status(), 503);
    assert_eq!(world.fetches(), 1);
    let recovered = async {
        while world.ask("k1").await.status() != 200 {
            // The pause between two looks at the condition: the floor after an error has to pass first.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, recovered).await.unwrap();
    assert_eq!(world.fetches(), 2);
}

#[tokio::test]
async fn an_answer_in_html_is_none() {
    check_broken(|| Reply::Answer(200, Vec::new(), b"<html>Sign in</html>".to_vec())).await;
}

#[tokio::test]
async fn a_huge_answer_is_none() {
    check_broken(|| Reply::json(200, vec![b' '; 300 << 10])).await;
}

#[tokio::test]
async fn a_set_without_keys_is_none() {
    check_broken(|| Reply::json(200, r#"{"keys":[]}"#)).await;
}

#[tokio::test]
async fn an_authority_that_never_answers_is_not_waited_for() {
    check_broken(|| Reply::Hang).await;
}

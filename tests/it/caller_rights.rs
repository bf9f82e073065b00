//! What callers may ask and be told, seen through EWS: domains, masked subjects, impersonation by OAuth clients, and 429
//! for those who ask or guess too much.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use calbridge::domain::{DomainPattern, EventDetails};
use calbridge::server::settings::ServerSettings;
use calbridge::service::settings::SharingSettings;
use futures_util::StreamExt;
use reqwest::{Client, RequestBuilder, Response};
use tokio::time::timeout;

use crate::gateway_world::{MemoryBackend, ask, busy, endpoint, gateway, texts, with_details};
use crate::token_endpoint::client_account;
use crate::world::{ACCOUNT, PASSWORD, PATIENCE, TestServer, role_account};

struct World {
    server: TestServer,
    client: Client,
}

impl World {
    async fn start(tweak: impl FnOnce(&mut ServerSettings)) -> Self {
        let backend = MemoryBackend::new();
        let details = EventDetails {
            subject: Some("Dentist".into()),
            ..EventDetails::default()
        };
        let event = busy("2026-09-01T09:00", "2026-09-01T10:00");
        backend.put(
            "anna@example.com",
            vec![with_details(event.clone(), details)],
        );
        backend.put("bert@other.example", vec![event]);
        let domains = ["example.com", "other.example"];
        let endpoints = vec![endpoint(
            "memory",
            &domains,
            backend,
            Duration::from_secs(5),
        )];
        let sharing = SharingSettings {
            event_details: true,
            ..SharingSettings::default()
        };
        let server = gateway(endpoints, sharing, tweak).await;
        let client = server.client().build().unwrap();
        Self { server, client }
    }

    fn post(&self, body: String) -> RequestBuilder {
        let post = self.client.post(self.server.url());
        post.header("content-type", "text/xml").body(body)
    }

    /// As the role account.
    async fn ask(&self, body: String) -> Response {
        let call = self.post(body).basic_auth(ACCOUNT, Some(PASSWORD));
        call.send().await.unwrap()
    }

    async fn guess(&self, number: usize) -> Response {
        let guess = format!("guess {number}");
        let call = self.post(ask().xml()).basic_auth(ACCOUNT, Some(guess));
        call.send().await.unwrap()
    }
}

fn detailed(mailboxes: &str) -> String {
    let mut question = ask();
    question.view = "Detailed";
    question.mailboxes = mailboxes;
    question.xml()
}

#[tokio::test]
async fn a_caller_is_told_of_its_own_domains_only() {
    let world = World::start(|s| {
        let own = DomainPattern::parse("example.com").unwrap();
        s.access.role_accounts[0].caller.domains = Some(vec![own]);
    })
    .await;
    let answer = world
        .ask(detailed("anna@example.com bert@other.example"))
        .await;
    let text = answer.text().await.unwrap();
    assert_eq!(
        texts(&text, "ResponseCode"),
        ["NoError", "ErrorNoFreeBusyAccess"],
        "{text}"
    );
    assert_eq!(texts(&text, "BusyType"), ["Busy"]);
}

#[tokio::test]
async fn a_masked_subject_is_the_word() {
    let plain = World::start(|_| {}).await;
    let text = plain
        .ask(detailed("anna@example.com"))
        .await
        .text()
        .await
        .unwrap();
    assert_eq!(texts(&text, "Subject"), ["Dentist"], "{text}");
    let world =
        World::start(|s| s.access.role_accounts[0].caller.mask = Some("Booked".into())).await;
    let text = world
        .ask(detailed("anna@example.com"))
        .await
        .text()
        .await
        .unwrap();
    assert_eq!(texts(&text, "Subject"), ["Booked"], "{text}");
    assert!(!text.contains("Dentist"));
}

#[tokio::test]
async fn an_oauth_client_impersonates_its_own_role_accounts_only() {
    let world = World::start(|s| {
        s.access.issuer = "https://localhost".into();
        let mut google = client_account("google", "secret");
        google.caller.role_accounts = Some(vec![s.access.role_accounts[0].address.clone()]);
        let mut bare = client_account("bare", "secret");
        bare.caller.role_accounts = Some(Vec::new());
        s.access.clients = vec![google, bare];
    })
    .await;
    let token = async |id: &str| {
        let url = world
            .server
            .url()
            .replace(crate::world::PATH, "/oauth2/v2.0/token");
        let form = format!("grant_type=client_credentials&client_id={id}&client_secret=secret");
        let post = world.client.post(url).body(form);
        let post = post.header("content-type", "application/x-www-form-urlencoded");
        let answer = post.send().await.unwrap().text().await.unwrap();
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        answer["access_token"].as_str().unwrap().to_owned()
    };
    let (google, bare) = (token("google").await, token("bare").await);
    for (token, address, code) in [
        (&google, ACCOUNT, "NoError"),
        (&google, "other@example.com", "ErrorImpersonateUserDenied"),
        (&bare, ACCOUNT, "ErrorImpersonateUserDenied"),
    ] {
        let header = format!(
            "<t:ExchangeImpersonation><t:ConnectingSID><t:PrimarySmtpAddress>{address}</t:PrimarySmtpAddress>\
             </t:ConnectingSID></t:ExchangeImpersonation>"
        );
        let mut question = ask();
        question.header = &header;
        let answer = world.post(question.xml()).bearer_auth(token);
        let text = answer.send().await.unwrap().text().await.unwrap();
        assert_eq!(texts(&text, "ResponseCode"), [code], "{address}: {text}");
    }
    // Without the header it has its own rights.
    let own = world.post(ask().xml()).bearer_auth(&bare);
    let text = own.send().await.unwrap().text().await.unwrap();
    assert_eq!(texts(&text, "ResponseCode"), ["NoError"], "{text}");
}

fn seconds_to_wait(answer: &Response) -> u64 {
    let value = answer.headers()["retry-after"].to_str().unwrap();
    value.parse().unwrap()
}

#[tokio::test]
async fn too_many_failures_are_429() {
    let world = World::start(|s| s.access.login_failures = NonZeroU32::new(2).unwrap()).await;
    let mut statuses = Vec::new();
    loop {
        let answer = world.guess(statuses.len()).await;
        statuses.push(answer.status().as_u16());
        if answer.status() == 429 {
            assert!((1..=31).contains(&seconds_to_wait(&answer)));
            break;
        }
    }
    assert_eq!(statuses, [401, 401, 401, 429]);
}

#[tokio::test]
async fn too_many_requests_of_one_caller_are_429() {
    let world = World::start(|s| {
        s.access.rate_limit = Some(NonZeroU32::new(3).unwrap());
        s.access
            .role_accounts
            .push(role_account("second@example.com", "other"));
    })
    .await;
    for _ in 0..3 {
        assert_eq!(world.ask(ask().xml()).await.status(), 200);
    }
    let refused = world.ask(ask().xml()).await;
    assert_eq!(refused.status(), 429);
    assert!((1..=21).contains(&seconds_to_wait(&refused)));
    let other = world
        .post(ask().xml())
        .basic_auth("second@example.com", Some("other"));
    assert_eq!(other.send().await.unwrap().status(), 200);
}

/// Ten thousand guesses over connections that stay open: few cost a verification, and the rightful caller, at the same
/// address, is answered all the while.
#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_wrong_logins_cost_few_verifications_and_nobody_else_anything() {
    let world = World::start(|_| {}).await;
    assert_eq!(world.ask(ask().xml()).await.status(), 200);
    let world = Arc::new(world);
    let guessed = Arc::clone(&world);
    let guesses = futures_util::stream::iter(0..10_000).map(move |number| {
        let world = Arc::clone(&guessed);
        async move { world.guess(number).await.status().as_u16() }
    });
    let guesses = guesses
        .buffer_unordered(32)
        .fold([0_u64; 2], |mut seen, status| async move {
            match status {
                401 => seen[0] += 1,
                429 => seen[1] += 1,
                other => panic!("{other}"),
            }
            seen
        });
    let mut guesses = tokio::spawn(timeout(Duration::from_mins(2), guesses));
    let mut answered = 0;
    let [wrong, limited] = loop {
        tokio::select! {
            seen = &mut guesses => break seen.unwrap().unwrap(),
            answer = timeout(PATIENCE, world.ask(ask().xml())) => {
                assert_eq!(answer.unwrap().status(), 200);
                answered += 1;
            }
        }
    };
    assert_eq!(wrong + limited, 10_000);
    // Twenty at once, as many a minute, those that were on their way, and the right one again each minute.
    assert!((21..200).contains(&wrong), "{wrong}");
    assert!(world.server.login.verifications() <= wrong + 4);
    assert!(answered > 10, "{answered}");
}

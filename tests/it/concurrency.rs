//! Many lookups at once while one of two endpoints hangs: who does not need it does not notice, who needs it is told so
//! at the deadline, and nothing else happens to anybody. Over real TLS sockets and HTTP/2.

use std::sync::Arc;
use std::time::{Duration, Instant};

use calbridge::service::settings::SharingSettings;
use tokio::task::JoinSet;

use crate::gateway_world::{MemoryBackend, Question, ask, busy, endpoint, gateway, texts};
use crate::world::{ACCOUNT, PASSWORD, TestServer, keep_answer};

/// Longer than everything that does not hang takes, even on a busy machine.
const DEADLINE: Duration = Duration::from_secs(3);
const CONNECTIONS: usize = 50;
/// On each connection at the same time.
const STREAMS: usize = 4;

/// What one lookup asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Healthy,
    Mixed,
    Hanging,
}

impl Kind {
    /// Of the four lookups of a connection, two can be answered at once.
    fn of(stream: usize) -> Self {
        match stream {
            0 => Self::Mixed,
            1 => Self::Hanging,
            _ => Self::Healthy,
        }
    }

    /// Each lookup has mailboxes of its own, so that none is answered by another one's call.
    fn mailboxes(self, lookup: usize) -> String {
        let n = lookup;
        match self {
            Self::Healthy => format!("anna{n}@healthy.example ben{n}@healthy.example"),
            Self::Mixed => {
                format!("anna{n}@healthy.example carl{n}@hanging.example ben{n}@healthy.example")
            }
            Self::Hanging => format!("carl{n}@hanging.example dora{n}@hanging.example"),
        }
    }

    fn codes(self) -> &'static [&'static str] {
        match self {
            Self::Healthy => &["NoError", "NoError"],
            Self::Mixed => &["NoError", "ErrorTimeoutExpired", "NoError"],
            Self::Hanging => &["ErrorTimeoutExpired", "ErrorTimeoutExpired"],
        }
    }

    fn digits(self) -> &'static [&'static str] {
        match self {
            Self::Healthy | Self::Mixed => &["2000000000", "0000000002"],
            Self::Hanging => &[],
        }
    }
}

/// A lookup that was answered.
struct Answered {
    kind: Kind,
    status: u16,
    body: String,
    took: Duration,
}

/// Two endpoints, of which one hangs. The other answers only when all lookups that need it are there at the same time.
async fn world(per_endpoint: Duration, per_question: Duration) -> TestServer {
    let healthy = MemoryBackend::together(CONNECTIONS * (STREAMS - 1));
    let event = |from, to| vec![busy(from, to)];
    for lookup in 0..CONNECTIONS * STREAMS {
        healthy.put(
            &format!("anna{lookup}@healthy.example"),
            event("2026-09-01T08:00", "2026-09-01T09:00"),
        );
        healthy.put(
            &format!("ben{lookup}@healthy.example"),
            event("2026-09-01T17:00", "2026-09-01T18:00"),
        );
    }
    let hanging = MemoryBackend::hanging();
    let endpoints = vec![
        endpoint("healthy", &["healthy.example"], healthy, per_endpoint),
        endpoint(
            "hanging",
            &["hanging.example"],
            Arc::clone(&hanging),
            per_endpoint,
        ),
    ];
    gateway(endpoints, SharingSettings::default(), |settings| {
        settings.limits.deadline = per_question;
        settings.limits.max_connections = CONNECTIONS;
    })
    .await
}

/// One connection of HTTP/2, open and logged in.
async fn connect(server: &TestServer) -> reqwest::Client {
    let client = server.client().http2_prior_knowledge().build().unwrap();
    let request = client.get(server.url()).basic_auth(ACCOUNT, Some(PASSWORD));
    assert_eq!(request.send().await.unwrap().status(), 200);
    client
}

async fn look_up(client: reqwest::Client, url: String, lookup: usize) -> Answered {
    let kind = Kind::of(lookup % STREAMS);
    let mailboxes = kind.mailboxes(lookup);
    let question = Question {
        mailboxes: &mailboxes,
        ..ask()
    };
    let begun = Instant::now();
    let request = client
        .post(url)
        .basic_auth(ACCOUNT, Some(PASSWORD))
        .header("Content-Type", "text/xml; charset=utf-8")
        .body(question.xml());
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let body = answer.text().await.unwrap();
    Answered {
        kind,
        status,
        body,
        took: begun.elapsed(),
    }
}

/// All lookups at once.
async fn crowd(server: &TestServer) -> Vec<Answered> {
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        clients.push(connect(server).await);
    }
    let mut lookups = JoinSet::new();
    for (connection, client) in clients.into_iter().enumerate() {
        for stream in 0..STREAMS {
            let lookup = connection * STREAMS + stream;
            lookups.spawn(look_up(client.clone(), server.url(), lookup));
        }
    }
    lookups.join_all().await
}

#[track_caller]
fn check(answered: &Answered) {
    let Answered {
        kind,
        status,
        body,
        took,
    } = answered;
    keep_answer(body.as_bytes());
    assert_eq!(*status, 200, "{kind:?}: {body}");
    assert_eq!(
        texts(body, "ResponseCode"),
        kind.codes(),
        "{kind:?}: {body}"
    );
    assert_eq!(
        texts(body, "MergedFreeBusy"),
        kind.digits(),
        "{kind:?}: {body}"
    );
    let waits = *kind != Kind::Healthy;
    assert_eq!(*took >= DEADLINE, waits, "{kind:?} took {took:?}");
    // At the deadline, not somewhen after it.
    assert!(*took < 2 * DEADLINE, "{kind:?} took {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_hangs_costs_only_its_own_mailboxes_their_answer() {
    let longer = 4 * DEADLINE;
    for (per_endpoint, per_question) in [(DEADLINE, longer), (longer, DEADLINE)] {
        let server = world(per_endpoint, per_question).await;
        let answered = crowd(&server).await;
        assert_eq!(answered.len(), CONNECTIONS * STREAMS);
        answered.iter().for_each(check);
        let healthy = answered.iter().filter(|a| a.kind == Kind::Healthy);
        assert_eq!(healthy.count(), 2 * CONNECTIONS);
    }
}

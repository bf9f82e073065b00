//! A caller that measures: posts bodies one after the other on each of its connections and keeps the time of every
//! answer, from the first byte sent to the last byte read.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Request, StatusCode};

use crate::tls::{Dialer, Sender};

#[derive(clap::Args)]
pub(crate) struct Target {
    /// Loopback address of the server.
    #[arg(long)]
    address: SocketAddr,
    /// PEM: the certification authority to trust.
    #[arg(long)]
    ca: PathBuf,
    /// Value of the Authorization header.
    #[arg(long, env = "LOAD_AUTHORIZATION", hide_env_values = true)]
    authorization: String,
    /// File of request bodies, one a line.
    #[arg(long)]
    bodies: PathBuf,
}

#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    target: Target,
    /// Requests to send; the bodies are used in turn.
    #[arg(long)]
    count: usize,
    /// Where in the file to begin.
    #[arg(long, default_value_t = 0)]
    skip: usize,
    #[arg(long, default_value_t = 1)]
    connections: usize,
}

/// Ready-made parts of all requests to one server.
pub(crate) struct Caller {
    dialer: Dialer,
    host: String,
    authorization: String,
    pub(crate) bodies: Vec<Bytes>,
}

impl Caller {
    pub(crate) fn new(target: &Target) -> anyhow::Result<Self> {
        ensure!(
            target.address.ip().is_loopback(),
            "only loopback addresses are loaded"
        );
        Ok(Self {
            dialer: Dialer::new(target.address, &target.ca)?,
            host: target.address.to_string(),
            authorization: target.authorization.clone(),
            bodies: read_bodies(&target.bodies)?,
        })
    }

    pub(crate) async fn dial(&self) -> anyhow::Result<Sender> {
        self.dialer.dial().await
    }

    /// Posts one body and returns the whole answer, which must be a 200.
    pub(crate) async fn post(&self, sender: &mut Sender, body: Bytes) -> anyhow::Result<Bytes> {
        let request = Request::post("/EWS/Exchange.asmx")
            .header(HOST, &self.host)
            .header(AUTHORIZATION, &self.authorization)
            .header(CONTENT_TYPE, "text/xml; charset=utf-8")
            .body(Full::new(body))?;
        sender.ready().await?;
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        let answer = answer.into_body().collect().await?.to_bytes();
        ensure!(status == StatusCode::OK, "answered with {status}");
        Ok(answer)
    }
}

fn read_bodies(file: &Path) -> anyhow::Result<Vec<Bytes>> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let bodies: Vec<Bytes> = text
        .lines()
        .map(|line| line.to_owned().into_bytes().into())
        .collect();
    ensure!(!bodies.is_empty(), "no bodies in {}", file.display());
    Ok(bodies)
}

/// One thread: the caller should add as little as it can to what it measures.
pub(crate) fn run(options: Options) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(measure(options))
}

async fn measure(options: Options) -> anyhow::Result<()> {
    let caller = Arc::new(Caller::new(&options.target)?);
    let turn = Arc::new(AtomicUsize::new(0));
    let begun = Instant::now();
    let connections: Vec<_> = (0..options.connections)
        .map(|_| {
            let (caller, turn) = (Arc::clone(&caller), Arc::clone(&turn));
            tokio::spawn(connection(caller, turn, options.skip, options.count))
        })
        .collect();
    let mut seen = Seen::default();
    for connection in connections {
        seen.add(connection.await??);
    }
    seen.print(begun.elapsed());
    Ok(())
}

async fn connection(
    caller: Arc<Caller>,
    turn: Arc<AtomicUsize>,
    skip: usize,
    count: usize,
) -> anyhow::Result<Seen> {
    let mut sender = caller.dial().await?;
    let mut seen = Seen::default();
    loop {
        let number = turn.fetch_add(1, Ordering::Relaxed);
        if number >= count {
            return Ok(seen);
        }
        let body = caller.bodies.get((skip + number) % caller.bodies.len());
        let body = body.cloned().unwrap_or_default();
        let begun = Instant::now();
        let answer = caller.post(&mut sender, body).await?;
        seen.times.push(begun.elapsed());
        let answer = String::from_utf8_lossy(&answer);
        seen.mailboxes += answer.matches("<ResponseCode>NoError<").count();
        seen.events += answer.matches("<CalendarEvent>").count();
        seen.bytes += answer.len();
    }
}

/// Times and contents of all answers.
#[derive(Default)]
struct Seen {
    times: Vec<Duration>,
    mailboxes: usize,
    events: usize,
    bytes: usize,
}

impl Seen {
    fn add(&mut self, other: Self) {
        self.times.extend(other.times);
        self.mailboxes += other.mailboxes;
        self.events += other.events;
        self.bytes += other.bytes;
    }

    fn print(mut self, took: Duration) {
        self.times.sort_unstable();
        let rank = |percent: usize| {
            let index = (self.times.len() * percent / 100).min(self.times.len().saturating_sub(1));
            self.times.get(index).map_or(0, Duration::as_nanos) / 1000
        };
        println!(
            r#"{{"requests":{},"seconds":{},"p50_us":{},"p99_us":{},"mailboxes":{},"events":{},"bytes":{}}}"#,
            self.times.len(),
            took.as_secs_f64(),
            rank(50),
            rank(99),
            self.mailboxes,
            self.events,
            self.bytes
        );
    }
}

//! How commands ask a running gateway: over its ops listener.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, anyhow};
use reqwest::{Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{CommandError, ConfigFile};

/// A listener of a gateway that ought to run.
pub(super) struct OpsClient {
    address: SocketAddr,
}

/// The one part of the file that is looked at by [`OpsClient::of`].
#[derive(Debug, Deserialize)]
struct Excerpt {
    ops: Option<Ops>,
}

#[derive(Debug, Deserialize)]
struct Ops {
    listen: Option<SocketAddr>,
}

impl OpsClient {
    /// Reads the file only for where the gateway listens: whether the rest is right is for the gateway to say, which may
    /// see secrets that this user does not.
    pub(super) fn of(file: &ConfigFile) -> Result<Self, CommandError> {
        let path = &file.config;
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("{} cannot be read", path.display()))?;
        let listen = match toml::from_str::<Excerpt>(&text) {
            Ok(excerpt) => excerpt.ops.and_then(|ops| ops.listen),
            // Not to be asked for at all; loading says why, in full.
            Err(_) => file.load()?.ops.map(|ops| ops.listen),
        };
        Self::new(listen)
    }

    /// `listen` as the configuration has it.
    pub(super) fn new(listen: Option<SocketAddr>) -> Result<Self, CommandError> {
        let address = listen
            .filter(|address| address.port() != 0)
            .ok_or_else(|| {
                CommandError::Usage(
                "a running gateway is asked over its ops listener, and the configuration has none: \
                 give [ops] listen an address, as \"127.0.0.1:9464\""
                    .to_owned(),
            )
            })?;
        Ok(Self { address })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Asks for a change. The answer counts whatever its status is, as long as it can be read.
    pub(super) async fn post<A: DeserializeOwned>(
        &self,
        path: &str,
        body: &serde_json::Value,
        patience: Duration,
    ) -> anyhow::Result<A> {
        let client = client(patience)?;
        let request = client
            .post(self.url(path))
            .header("x-calbridge-ops", "1")
            .header("content-type", "application/json")
            .body(body.to_string());
        let answer = self.heard(request.send().await)?;
        let status = answer.status();
        let text = answer.bytes().await?;
        serde_json::from_slice(&text).with_context(|| {
            let address = self.address;
            format!("what listens on {address} (ops.listen) is not calbridge: it answered with HTTP status {status}")
        })
    }

    /// The status and the text of a page.
    pub(super) async fn get(
        &self,
        path: &str,
        patience: Duration,
    ) -> anyhow::Result<(StatusCode, String)> {
        let request = client(patience)?.get(self.url(path));
        let answer = self.heard(request.send().await)?;
        Ok((answer.status(), answer.text().await?))
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn heard(&self, answer: reqwest::Result<Response>) -> anyhow::Result<Response> {
        let address = self.address;
        answer.map_err(|error| {
            if error.is_connect() {
                anyhow!("nobody listens on {address} (ops.listen); is calbridge running with this configuration?")
            } else {
                anyhow!(error.without_url()).context(format!("no answer from {address} (ops.listen)"))
            }
        })
    }
}

/// Plain HTTP to an address of this machine: no certificates, no proxy from the environment.
fn client(patience: Duration) -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .tls_certs_only([])
        .no_proxy()
        .timeout(patience)
        .build()
}

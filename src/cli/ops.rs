//! How commands ask a running gateway: over its ops listener.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, anyhow};
use serde::de::DeserializeOwned;

use super::CommandError;

/// A listener of a gateway that ought to run.
pub(super) struct OpsClient {
    address: SocketAddr,
}

impl OpsClient {
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
        let address = self.address;
        let client = reqwest::Client::builder()
            // Plain HTTP to an address of this machine: no certificates, no proxy from the environment.
            .tls_certs_only([])
            .no_proxy()
            .timeout(patience)
            .build()?;
        let request = client
            .post(format!("http://{address}{path}"))
            .header("x-calbridge-ops", "1")
            .header("content-type", "application/json")
            .body(body.to_string());
        let answer = request.send().await.map_err(|error| {
            if error.is_connect() {
                anyhow!("nobody listens on {address} (ops.listen); is calbridge running with this configuration?")
            } else {
                anyhow!(error.without_url()).context(format!("no answer from {address} (ops.listen)"))
            }
        })?;
        let status = answer.status();
        let text = answer.bytes().await?;
        serde_json::from_slice(&text).with_context(|| {
            format!("what listens on {address} (ops.listen) is not calbridge: it answered with HTTP status {status}")
        })
    }
}

//! The own token endpoint as a client meets it: whether it answers at `server.public_url`, and as which issuer. Shows no
//! secret and gets no token.

use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Certificate, Client, StatusCode};
use serde_json::Value;

use super::report::{Chart, Finding};
use crate::config::Config;

const PATIENCE: Duration = Duration::from_secs(5);
const CHECK: &str = "token endpoint";

/// Nothing where no client is configured: the endpoint does not exist then.
pub(super) async fn findings(config: &Config) -> Vec<Finding> {
    let mut chart = Chart::of("gateway");
    if config.server.access.clients.is_empty() {
        return chart.findings;
    }
    let issuer = config.public_url.as_str().trim_end_matches('/');
    match client(config) {
        Some(client) => look(&mut chart, &client, issuer).await,
        None => chart.fail(
            CHECK,
            "the certificate of server.tls cannot be used to ask it",
            "see the finding about the certificate",
        ),
    }
    chart.findings
}

/// Trusts what callers will be shown beside the machine's roots: whether it is trusted publicly is another question.
fn client(config: &Config) -> Option<Client> {
    let pem = std::fs::read(&config.server.certificate.certificate).ok()?;
    let chain = Certificate::from_pem_bundle(&pem).ok()?;
    let client = Client::builder().no_proxy().timeout(PATIENCE);
    client.tls_certs_merge(chain).build().ok()
}

async fn look(chart: &mut Chart, client: &Client, issuer: &str) {
    let document = client.get(format!("{issuer}/.well-known/openid-configuration"));
    let Ok(answer) = document.send().await else {
        let advice = "calbridge is not running, or access.allow does not have this machine: look from one that may call";
        chart.warn(CHECK, format!("there is no answer at {issuer}"), advice);
        return;
    };
    let status = answer.status();
    let told = json(answer.bytes().await.unwrap_or_default().as_ref());
    let told = told["issuer"].as_str().unwrap_or_default();
    if status != StatusCode::OK || told != issuer {
        chart.fail(
            CHECK,
            format!("{issuer} does not say that it issues tokens (HTTP status {status}, issuer {told:?})"),
            "something else answers at server.public_url, or calbridge runs with another configuration: calbridge reload",
        );
        return;
    }
    // Without a client: the endpoint has to say so, and counts no failure of anybody.
    let request = client
        .post(format!("{issuer}/oauth2/v2.0/token"))
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body("grant_type=client_credentials");
    let refused = match request.send().await {
        Ok(answer) => json(answer.bytes().await.unwrap_or_default().as_ref()),
        Err(_) => Value::Null,
    };
    match refused["error"].as_str() {
        Some("invalid_client" | "invalid_request") => {
            chart.ok(CHECK, format!("it answers as {issuer}"));
        }
        Some(_) | None => chart.fail(
            CHECK,
            format!("{issuer}/oauth2/v2.0/token does not answer as it should"),
            "something between callers and calbridge changes requests: let it pass /oauth2/ unchanged",
        ),
    }
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_default()
}

//! The own token endpoint as a client meets it: whether it answers at `server.public_url`, and as which issuer. Shows no
//! secret and gets no token.

use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Certificate, Client, Response, StatusCode};
use serde_json::Value;

use super::report::{Chart, Finding};
use crate::config::Config;

const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of an answer; ours have some hundred.
const LONGEST: usize = 64 << 10;
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
    let told = json(answer).await;
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
        Ok(answer) => json(answer).await,
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

/// Null where it is none, or longer than the few that are expected: anything may answer there.
async fn json(mut answer: Response) -> Value {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > LONGEST {
            return Value::Null;
        }
    }
    serde_json::from_slice(&body).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn an_answer_without_end_is_not_read_to_the_end() {
        const MOST: usize = 64 << 20;
        const PIECE: usize = 8 << 10;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let _ = socket.read(&mut [0; 4096]).await.unwrap();
            let head = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
            socket.write_all(head).await.unwrap();
            let mut sent = 0;
            while sent < MOST && socket.write_all(&[b' '; PIECE]).await.is_ok() {
                sent += PIECE;
            }
            sent
        });
        let client = Client::builder().no_proxy().build().unwrap();
        let answer = client.get(url).send().await.unwrap();
        assert_eq!(json(answer).await, Value::Null);
        drop(client);
        assert!(server.await.unwrap() < MOST);
    }
}

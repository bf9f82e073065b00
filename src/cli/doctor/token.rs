//! The own token endpoint as a client meets it: whether it answers at `server.public_url`, and as which issuer. Shows no
//! secret and gets no token.

use std::error::Error;
use std::io;
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
    let answer = document.send().await;
    if let Some(why) = answer.as_ref().err().and_then(tls) {
        let advice = "an authority of your own: have this machine trust it to let this be looked at from here, too; \
                      else the certificate, or what stands in front of calbridge, is not what callers expect";
        let text = format!("{issuer} answers, but TLS with it fails from here: {why}");
        chart.warn(CHECK, text, advice);
        return;
    }
    let Ok(answer) = answer else {
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

/// What is wrong with the server's TLS, where that is why there is no answer.
fn tls(error: &reqwest::Error) -> Option<String> {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            return Some(tls.to_string());
        }
        cause = match error.downcast_ref::<io::Error>() {
            Some(io) => io.get_ref().map(|inner| inner as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    None
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
    use std::sync::Arc;

    use rustls::pki_types::PrivatePkcs8KeyDer;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// The chain that calbridge shows names an authority that this machine does not know.
    #[tokio::test]
    async fn a_private_authority_is_no_missing_answer() {
        let made = |names: &[&str]| {
            let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
            rcgen::CertificateParams::new(names).unwrap()
        };
        let (authority_key, key) = (
            rcgen::KeyPair::generate().unwrap(),
            rcgen::KeyPair::generate().unwrap(),
        );
        let issuer = rcgen::Issuer::new(made(&[]), authority_key);
        let leaf = made(&["127.0.0.1"]).signed_by(&key, &issuer).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![leaf.der().clone()],
                PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            )
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("https://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let (socket, _) = listener.accept().await.unwrap();
            acceptor.accept(socket).await.is_ok()
        });
        let client = Client::builder().no_proxy().build().unwrap();
        let mut chart = Chart::of("gateway");
        look(&mut chart, &client, &issuer).await;
        assert!(!server.await.unwrap());
        let told = chart.findings[0].to_string();
        assert!(
            told.contains("answers, but TLS with it fails from here: "),
            "{told}"
        );
        assert!(!told.contains("is not running"), "{told}");
    }

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

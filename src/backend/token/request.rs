//! One request to a token endpoint, and what its answer says. Tried again at once only where the connection or the
//! server failed; bounded in time and length.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use oauth2::basic::{BasicClient, BasicTokenResponse, BasicTokenType};
use oauth2::{
    AuthType, ClientId, ClientSecret, HttpRequest, HttpResponse, RequestTokenError, Scope,
    TokenResponse, TokenUrl,
};
use reqwest::{Client, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use tokio::time::{sleep, timeout};

use super::assertion::{self, Assertion};
use super::echo::Echoes;
use crate::backend::EndpointError;
use crate::backend::build::BuildProblem;
use crate::backend::http::{self, Reach};
use crate::backend::settings::{ClientCredential, OAuth2Settings};
use crate::codec::token_refusal;

/// For one request, body included.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest answer that is read; tokens have some KiB.
const LONGEST_ANSWER: usize = 256 << 10;
/// A token whose lifetime is not told; short enough for any server.
const ASSUMED_LIFETIME: Duration = Duration::from_mins(5);
/// A token that lives shorter is of no use to anybody.
const SHORTEST_LIFETIME: Duration = Duration::from_secs(1);
const LONGEST_LIFETIME: Duration = Duration::from_hours(24);
/// How often more a request is made whose failure may pass at once, and after which pause.
const TRIES: u32 = 2;
const PAUSE: Duration = Duration::from_millis(200);

/// What is asked for, and as whom.
pub(super) struct TokenRequest {
    way: Arc<Way>,
    client_id: ClientId,
    scope: Scope,
}

/// How the token endpoint is reached, and how the application proves itself there.
struct Way {
    client: Client,
    url: TokenUrl,
    proof: Proof,
}

enum Proof {
    Secret(SecretString),
    Certificate(Box<Assertion>),
}

/// A token, and how long it lives from when it was asked for.
pub(super) struct Granted {
    pub(super) token: SecretString,
    pub(super) lifetime: Duration,
}

impl TokenRequest {
    pub(super) fn new(settings: OAuth2Settings, proxy: Option<&str>) -> Result<Self, BuildProblem> {
        let url = TokenUrl::new(settings.token_url).map_err(|_| BuildProblem::TokenUrl)?;
        if url.url().scheme() != "https" || url.url().host_str().is_none() {
            return Err(BuildProblem::TokenUrl);
        }
        let proof = match settings.credential {
            ClientCredential::Secret { secret, .. } => Proof::Secret(secret),
            ClientCredential::Certificate(certificate) => Proof::Certificate(Box::new(
                Assertion::new(&certificate, &settings.client_id, url.as_str())
                    .map_err(BuildProblem::ClientKey)?,
            )),
        };
        let reach = Reach::new(settings.token_ca_certificate.as_deref(), proxy)?;
        let client = reach.client()?;
        Ok(Self {
            way: Arc::new(Way { client, url, proof }),
            client_id: ClientId::new(settings.client_id),
            scope: Scope::new(settings.scope),
        })
    }

    pub(super) async fn ask(&self, now: Timestamp) -> Result<Granted, EndpointError> {
        let mut tries = TRIES;
        let mut pause = PAUSE;
        loop {
            match self.ask_once(now).await {
                Err(error) if tries > 0 && is_worth_a_try(&error) => {
                    tries -= 1;
                    sleep(pause).await;
                    pause *= 3;
                }
                result => return result,
            }
        }
    }

    async fn ask_once(&self, now: Timestamp) -> Result<Granted, EndpointError> {
        let mut client = BasicClient::new(self.client_id.clone())
            .set_token_uri(self.way.url.clone())
            .set_auth_type(AuthType::RequestBody);
        let mut echoes = Echoes::default();
        let mut signed = None;
        match &self.way.proof {
            Proof::Secret(secret) => {
                echoes.add(secret.expose_secret());
                client = client.set_client_secret(ClientSecret::new(secret.expose_secret().into()));
            }
            Proof::Certificate(assertion) => {
                let text = assertion.sign(now);
                let text = text.map_err(|text| broken("assertion", &text, false))?;
                echoes.add(&text);
                // All that another one could not write himself.
                let signature = text.rsplit_once('.').map(|(_, signature)| signature);
                echoes.add(signature.unwrap_or_default());
                signed = Some(text);
            }
        }
        let mut request = client
            .exchange_client_credentials()
            .add_scope(self.scope.clone());
        if let Some(signed) = signed {
            request = request
                .add_extra_param("client_assertion_type", assertion::TYPE)
                .add_extra_param("client_assertion", signed);
        }
        let way = Arc::clone(&self.way);
        let echoes = Arc::new(echoes);
        let transport = move |request| {
            let (way, echoes) = (Arc::clone(&way), Arc::clone(&echoes));
            async move { way.send(request, &echoes).await }
        };
        let answer = request.request_async(&transport).await;
        let answer = answer.map_err(|error| match error {
            RequestTokenError::Request(error) => error.0,
            // What it would repeat may hold a token.
            RequestTokenError::ServerResponse(_)
            | RequestTokenError::Parse(..)
            | RequestTokenError::Other(_) => broken(
                "bad_answer",
                "the token endpoint's answer is not that of OAuth 2.0; is auth.token_url right?",
                false,
            ),
        })?;
        granted(&answer)
    }
}

impl Way {
    /// The whole answer; an error for everything but a 200 that may be a token.
    async fn send(&self, request: HttpRequest, echoes: &Echoes) -> Result<HttpResponse, Failed> {
        let exchange = async {
            let (parts, body) = request.into_parts();
            let request = self.client.post(self.url.as_str()).headers(parts.headers);
            let answer = http::send(request.body(body)).await?;
            let (status, kind) = (answer.status(), html(answer.headers()));
            if status.is_redirection() {
                return Err(broken(
                    "redirect",
                    "the token endpoint redirects; is auth.token_url right?",
                    false,
                ));
            }
            let body = http::body_within(answer, LONGEST_ANSWER).await?;
            if status == StatusCode::OK && !kind {
                let mut answer = HttpResponse::new(with_a_number(&body));
                *answer.status_mut() = status;
                return Ok(answer);
            }
            Err(refusal(status, &body, echoes))
        };
        match timeout(PATIENCE, exchange).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(Failed(on_the_way(error))),
            Err(_) => Err(Failed(on_the_way(EndpointError::Timeout(PATIENCE)))),
        }
    }
}

/// What an answer of OAuth 2.0 gives, where it can be used.
fn granted(answer: &BasicTokenResponse) -> Result<Granted, EndpointError> {
    // RFC 6749 section 7.1: of any other kind, it is not ours to use.
    if *answer.token_type() != BasicTokenType::Bearer {
        let text = "the token endpoint gave a token that is not of the type Bearer";
        return Err(broken("bad_answer", text, false));
    }
    let lifetime = answer.expires_in().unwrap_or(ASSUMED_LIFETIME);
    if lifetime < SHORTEST_LIFETIME {
        let text = "the token endpoint gave a token that is good for less than a second";
        return Err(broken("bad_answer", text, true));
    }
    Ok(Granted {
        token: answer.access_token().secret().as_str().into(),
        lifetime: lifetime.min(LONGEST_LIFETIME),
    })
}

fn refusal(status: StatusCode, body: &[u8], echoes: &Echoes) -> EndpointError {
    let in_trouble = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
    match token_refusal::read(body, &|text| echoes.without(text)) {
        Some(refusal) => {
            let trouble = refusal.trouble;
            broken(
                trouble.label(),
                &refusal.to_string(),
                trouble.is_transient() || in_trouble,
            )
        }
        None if in_trouble => broken(
            "status",
            &format!(
                "the token endpoint is in trouble (HTTP status {})",
                status.as_u16()
            ),
            true,
        ),
        None => broken(
            "not_a_token_endpoint",
            &format!(
                "what answers at auth.token_url is a web page or the like, no token endpoint (HTTP status {})",
                status.as_u16()
            ),
            false,
        ),
    }
}

/// The error of the HTTP client that the `oauth2` crate calls.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Failed(EndpointError);

/// A failure of the way there, as one of the token.
fn on_the_way(error: EndpointError) -> EndpointError {
    match error {
        token @ EndpointError::Token { .. } => token,
        error => {
            let text = error.to_string();
            let text = text.replace("ca_certificate", "auth.token_ca_certificate");
            broken(
                error.label(),
                &format!("the token endpoint: {text}"),
                error.is_transient(),
            )
        }
    }
}

fn broken(reason: &'static str, text: &str, transient: bool) -> EndpointError {
    EndpointError::Token {
        reason,
        text: text.into(),
        transient,
    }
}

/// A broken connection or a server in trouble; not one that was slow, nor one that asks for patience.
fn is_worth_a_try(error: &EndpointError) -> bool {
    matches!(
        error,
        EndpointError::Token {
            reason: "connect" | "status",
            transient: true,
            ..
        }
    )
}

/// The answer with its lifetime as a number: Azure's first version writes it as a string.
fn with_a_number(body: &[u8]) -> Vec<u8> {
    let number = || {
        let mut answer: Map<String, Value> = serde_json::from_slice(body).ok()?;
        let lifetime = answer.get_mut("expires_in")?;
        *lifetime = lifetime.as_str()?.trim().parse::<u64>().ok()?.into();
        serde_json::to_vec(&answer).ok()
    };
    number().unwrap_or_else(|| body.to_vec())
}

fn html(headers: &reqwest::header::HeaderMap) -> bool {
    let kind = headers.get(reqwest::header::CONTENT_TYPE);
    kind.and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.to_ascii_lowercase().starts_with("text/html"))
}

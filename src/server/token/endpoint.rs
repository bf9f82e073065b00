//! The token endpoint (RFC 6749 section 3.2) for the client credentials grant, with the answers and errors of Azure's v2
//! endpoint, which callers of Exchange Online are made for. Any tenant and any scope are taken and mean nothing.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use secrecy::SecretString;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::Issuer;
use crate::domain::Clock;
use crate::face::{Admission, Answer, Call, Face};
use crate::metrics::Metrics;
use crate::server::clock::SystemClock;
use crate::server::login::{Denied, Login};

/// Bytes of a request. Secrets and scopes are short.
const MAX_FORM: usize = 16 << 10;
/// When a caller should come back who was one too many.
const BACK_OFF: Duration = Duration::from_secs(2);

/// `POST /oauth2/v2.0/token`, with or without a tenant in front.
pub(in crate::server) struct TokenEndpoint {
    pub(in crate::server) login: Arc<Login>,
    pub(in crate::server) issuer: Arc<Issuer>,
    pub(in crate::server) metrics: Arc<Metrics>,
}

/// A header that holds no secret.
const UNREADABLE: Refusal = Refusal::Client {
    in_header: true,
    compared: false,
};

/// A client that wants a token, as it may have meant itself.
struct Asked {
    /// RFC 6749 wants identifier and secret percent-encoded in a Basic header, and many clients do not do it: where both
    /// readings differ, both are here.
    credentials: Vec<(String, SecretString)>,
    in_header: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Refusal {
    /// What is missing or wrong, for the caller.
    Request(String),
    Grant,
    Client {
        in_header: bool,
        compared: bool,
    },
    Limited(Duration),
    Busy,
}

impl TokenEndpoint {
    async fn token(&self, call: &Call) -> Result<Value, Refusal> {
        let asked = read(&call.headers, &call.body)?;
        let denied = match self.login.client(asked.credentials, call.client).await {
            Ok(holder) => {
                let lifetime = self.issuer.lifetime();
                let token = self.issuer.issue(&holder).ok_or(Refusal::Busy)?;
                return Ok(json!({
                    "token_type": "Bearer",
                    "expires_in": lifetime,
                    "ext_expires_in": lifetime,
                    "access_token": token,
                }));
            }
            Err(denied) => denied,
        };
        denied.tell(call.client);
        Err(match denied {
            Denied::Limited(left) => Refusal::Limited(left),
            Denied::Overloaded => Refusal::Busy,
            Denied::Wrong | Denied::Absent | Denied::InvalidToken => {
                self.metrics.login_failed();
                Refusal::Client {
                    in_header: asked.in_header,
                    compared: true,
                }
            }
        })
    }
}

#[async_trait]
impl Face for TokenEndpoint {
    fn name(&self) -> &'static str {
        "token"
    }

    fn methods(&self) -> &'static [Method] {
        &[Method::POST]
    }

    fn admission(&self) -> Admission {
        Admission::Open
    }

    async fn answer(&self, call: Call) -> Answer {
        let (outcome, answer) = match self.token(&call).await {
            Ok(token) => ("issued", respond(StatusCode::OK, &token).into()),
            Err(refusal) => {
                let answer = Answer {
                    is_held_back: matches!(refusal, Refusal::Client { compared: true, .. }),
                    ..refusal.response(&call).into()
                };
                (refusal.outcome(), answer)
            }
        };
        self.metrics.own_token_request(outcome);
        answer
    }

    fn busy(&self, _request_id: uuid::Uuid) -> Response<Bytes> {
        let mut response = respond(
            StatusCode::SERVICE_UNAVAILABLE,
            &json!({"error": "temporarily_unavailable", "error_description": "Too many requests at once. Try again."}),
        );
        retry_after(&mut response, BACK_OFF);
        response
    }
}

impl Refusal {
    fn outcome(&self) -> &'static str {
        match self {
            Self::Request(_) => "invalid_request",
            Self::Grant => "unsupported_grant_type",
            Self::Client { .. } => "invalid_client",
            Self::Limited(_) => "limited",
            Self::Busy => "busy",
        }
    }

    fn response(&self, call: &Call) -> Response<Bytes> {
        let (status, error, code, text) = match self {
            Self::Request(text) => (
                StatusCode::BAD_REQUEST,
                "invalid_request",
                900_144,
                text.as_str(),
            ),
            Self::Grant => (
                StatusCode::BAD_REQUEST,
                "unsupported_grant_type",
                70_003,
                "Only the grant type 'client_credentials' is supported here.",
            ),
            // The same for a client that does not exist: who guesses learns nothing about which clients do.
            Self::Client { .. } => (
                StatusCode::UNAUTHORIZED,
                "invalid_client",
                7_000_215,
                "Invalid client or invalid client secret provided.",
            ),
            Self::Limited(_) => (
                StatusCode::TOO_MANY_REQUESTS,
                "temporarily_unavailable",
                90_055,
                "Too many wrong secrets came from this address or for this client.",
            ),
            Self::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "temporarily_unavailable",
                90_033,
                "Too many requests at once. Try again.",
            ),
        };
        let timestamp = SystemClock.now().strftime("%Y-%m-%d %H:%M:%SZ").to_string();
        let id = call.request_id;
        let mut response = respond(
            status,
            &json!({
                "error": error,
                "error_description": format!("AADSTS{code}: {text} Trace ID: {id} Timestamp: {timestamp}"),
                "error_codes": [code],
                "timestamp": timestamp,
                "trace_id": id.to_string(),
                "correlation_id": id.to_string(),
            }),
        );
        match self {
            Self::Client {
                in_header: true, ..
            } => {
                let challenge = HeaderValue::from_static("Basic realm=\"token\"");
                response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
            }
            Self::Limited(left) => retry_after(&mut response, *left),
            Self::Busy => retry_after(&mut response, BACK_OFF),
            Self::Request(_) | Self::Grant | Self::Client { .. } => {}
        }
        response
    }
}

fn respond(status: StatusCode, body: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    headers.insert(CONTENT_TYPE, json);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

fn retry_after(response: &mut Response<Bytes>, after: Duration) {
    let seconds = HeaderValue::from(after.as_secs() + 1);
    response.headers_mut().insert(RETRY_AFTER, seconds);
}

fn read(headers: &HeaderMap, body: &[u8]) -> Result<Asked, Refusal> {
    let form = read_form(headers, body)?;
    match form.get("grant_type").map(String::as_str) {
        None => return Err(missing("grant_type")),
        Some("client_credentials") => {}
        Some(_) => return Err(Refusal::Grant),
    }
    let (id, secret) = (form.get("client_id"), form.get("client_secret"));
    if let Some(line) = headers.get(AUTHORIZATION) {
        if secret.is_some() {
            let text = "The client is to be authenticated in one way, not by header and body.";
            return Err(Refusal::Request(text.to_owned()));
        }
        let credentials = read_header(line).ok_or(UNREADABLE)?;
        if id.is_some_and(|id| credentials.iter().all(|(own, _)| own != id)) {
            let text = "The 'client_id' of header and body differ.";
            return Err(Refusal::Request(text.to_owned()));
        }
        return Ok(Asked {
            credentials,
            in_header: true,
        });
    }
    let id = id.ok_or_else(|| missing("client_id"))?;
    let secret = secret.ok_or_else(|| missing("client_secret"))?;
    Ok(Asked {
        credentials: vec![(id.clone(), secret.clone().into())],
        in_header: false,
    })
}

fn missing(parameter: &str) -> Refusal {
    Refusal::Request(format!(
        "The request body must contain the following parameter: '{parameter}'."
    ))
}

/// RFC 6749 section 3.2: no parameter twice, and one without a value counts as left out.
fn read_form(headers: &HeaderMap, body: &[u8]) -> Result<HashMap<String, String>, Refusal> {
    let content_type = headers
        .get(CONTENT_TYPE)
        .map_or(&b""[..], HeaderValue::as_bytes);
    let media_type = content_type
        .split(|b| *b == b';')
        .next()
        .unwrap_or_default();
    let is_form = media_type
        .trim_ascii()
        .eq_ignore_ascii_case(b"application/x-www-form-urlencoded");
    if !is_form || body.len() > MAX_FORM {
        let text = "The request body must be a short form (application/x-www-form-urlencoded).";
        return Err(Refusal::Request(text.to_owned()));
    }
    let mut form = HashMap::new();
    for (name, value) in form_urlencoded::parse(body) {
        if value.is_empty() {
            continue;
        }
        if form.insert(name.into_owned(), value.into_owned()).is_some() {
            let text = "A parameter stands twice in the request body.";
            return Err(Refusal::Request(text.to_owned()));
        }
    }
    Ok(form)
}

fn read_header(line: &HeaderValue) -> Option<Vec<(String, SecretString)>> {
    let (scheme, token) = line.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let plain = String::from_utf8(STANDARD.decode(token.trim()).ok()?).ok()?;
    let (id, secret) = plain.split_once(':')?;
    let mut readings = vec![(form_decoded(id), form_decoded(secret))];
    if readings[0] != (id.to_owned(), secret.to_owned()) {
        readings.push((id.to_owned(), secret.to_owned()));
    }
    let readings = readings.into_iter();
    Some(readings.map(|(id, secret)| (id, secret.into())).collect())
}

fn form_decoded(text: &str) -> String {
    let spaced = text.replace('+', " ");
    let decoded = percent_encoding::percent_decode_str(&spaced).decode_utf8();
    decoded.map_or_else(|_| text.to_owned(), Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        headers
    }

    const FORM: (&str, &str) = (
        "content-type",
        "application/x-www-form-urlencoded; charset=utf-8",
    );

    fn basic(plain: &str) -> String {
        format!("Basic {}", STANDARD.encode(plain))
    }

    #[track_caller]
    fn check(authorization: Option<&str>, body: &str, expect: Result<&str, Refusal>) {
        let mut pairs = vec![FORM];
        pairs.extend(authorization.map(|value| ("authorization", value)));
        let read = read(&headers(&pairs), body.as_bytes()).map(|asked| {
            let pairs = asked.credentials.iter();
            let pairs: Vec<_> = pairs
                .map(|(id, secret)| format!("{id}={}", secret.expose_secret()))
                .collect();
            pairs.join(" | ")
        });
        assert_eq!(read, expect.map(str::to_owned), "{authorization:?} {body}");
    }

    #[test]
    fn both_ways_to_show_a_secret_are_read() {
        let grant = "grant_type=client_credentials";
        check(
            None,
            &format!("{grant}&client_id=a&client_secret=b%2Bc&scope=x"),
            Ok("a=b+c"),
        );
        check(Some(&basic("a:b")), grant, Ok("a=b"));
        check(
            Some(&basic("a:b%2Bc")),
            &format!("{grant}&client_id=a"),
            Ok("a=b+c | a=b%2Bc"),
        );
        check(Some(&basic("a:b+c")), grant, Ok("a=b c | a=b+c"));
        check(Some(&basic("a:%ff")), grant, Ok("a=%ff"));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let grant = "grant_type=client_credentials";
        check(None, "", Err(missing("grant_type")));
        check(None, "grant_type=", Err(missing("grant_type")));
        check(None, "grant_type=password&username=a", Err(Refusal::Grant));
        check(None, grant, Err(missing("client_id")));
        check(
            None,
            &format!("{grant}&client_id=a"),
            Err(missing("client_secret")),
        );
        let client = Err(UNREADABLE);
        check(Some("Bearer x"), grant, client.clone());
        check(Some("Basic !"), grant, client.clone());
        check(Some(&basic("no colon")), grant, client);
        let is_request = |authorization: Option<&str>, body: &str| {
            let mut pairs = vec![FORM];
            pairs.extend(authorization.map(|value| ("authorization", value)));
            let refused = read(&headers(&pairs), body.as_bytes()).err();
            assert!(matches!(refused, Some(Refusal::Request(_))), "{body}");
        };
        is_request(None, &format!("{grant}&{grant}"));
        is_request(Some(&basic("a:b")), &format!("{grant}&client_secret=b"));
        is_request(Some(&basic("a:b")), &format!("{grant}&client_id=c"));
        is_request(None, &format!("{grant}&x={}", "x".repeat(MAX_FORM)));
        let json = headers(&[("content-type", "application/json")]);
        assert!(matches!(
            read(&json, b"{}").err(),
            Some(Refusal::Request(_))
        ));
    }
}

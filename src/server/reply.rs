//! What is said without a face: refusals, and the headers that every answer carries.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONNECTION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use uuid::Uuid;

use crate::face::no_such_path;

const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("client-request-id");
const MAX_CLIENT_REQUEST_ID: usize = 64;

/// A request that is answered before a face sees it, or in place of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    NoSuchPath,
    AddressNotAllowed,
    Method(&'static [Method]),
    CompressedBody,
    BodyTooLarge,
    BodyTooSlow,
    BodyBroken,
    TooManyHeaders,
    /// With the values of `WWW-Authenticate`.
    NotLoggedIn(Vec<HeaderValue>),
    /// Too much was tried, or asked, in too short a time.
    Limited(Duration),
    ComeBack(Duration),
    /// The face had no answer in time.
    Late(Duration),
    Broken,
}

impl Refusal {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::NoSuchPath => StatusCode::NOT_FOUND,
            Self::AddressNotAllowed => StatusCode::FORBIDDEN,
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::CompressedBody => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyTooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::BodyBroken => StatusCode::BAD_REQUEST,
            Self::TooManyHeaders => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::NotLoggedIn(_) => StatusCode::UNAUTHORIZED,
            Self::Limited(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::ComeBack(_) | Self::Late(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Broken => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// For the metrics, see [`crate::metrics::labels::REQUEST_OUTCOMES`].
    pub(super) fn outcome(&self) -> &'static str {
        match self {
            Self::NoSuchPath => "no_such_path",
            Self::AddressNotAllowed => "denied",
            Self::Method(_)
            | Self::CompressedBody
            | Self::BodyTooLarge
            | Self::BodyTooSlow
            | Self::BodyBroken
            | Self::TooManyHeaders => "bad_request",
            Self::NotLoggedIn(_) => "unauthorized",
            Self::Limited(_) => "limited",
            Self::ComeBack(_) => "busy",
            Self::Late(_) => "timeout",
            Self::Broken => "broken",
        }
    }

    pub(super) fn response(&self) -> Response<Bytes> {
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        match self {
            Self::Method(allowed) => {
                headers.insert(ALLOW, allow(allowed));
            }
            Self::NotLoggedIn(challenges) => {
                for challenge in challenges {
                    headers.append(WWW_AUTHENTICATE, challenge.clone());
                }
                headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            }
            Self::ComeBack(after) | Self::Late(after) | Self::Limited(after) => {
                headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(*after)));
            }
            Self::NoSuchPath => return no_such_path(),
            Self::AddressNotAllowed
            | Self::CompressedBody
            | Self::BodyTooLarge
            | Self::BodyTooSlow
            | Self::BodyBroken
            | Self::TooManyHeaders
            | Self::Broken => {}
        }
        response
    }
}

fn allow(methods: &[Method]) -> HeaderValue {
    let names: Vec<&str> = methods.iter().map(Method::as_str).collect();
    HeaderValue::try_from(names.join(", ")).unwrap_or(HeaderValue::from_static(""))
}

/// Rounded up: who comes back as told must not come too early.
pub(super) fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0 || wait.is_zero())
}

/// A value of `WWW-Authenticate`: `<scheme> realm="<host>"`, with what cannot stand in a quoted string left out.
pub(super) fn challenge(scheme: &str, realm: &str) -> HeaderValue {
    let realm: String = realm
        .chars()
        .filter(|c| (c.is_ascii_graphic() || *c == ' ') && !matches!(c, '"' | '\\'))
        .collect();
    HeaderValue::try_from(format!("{scheme} realm=\"{realm}\""))
        .unwrap_or(HeaderValue::from_static("Basic realm=\"calbridge\""))
}

/// Says to whoever came with a Bearer token that it is not accepted (RFC 6750 section 3).
pub(super) fn invalid_token(challenge: &HeaderValue) -> HeaderValue {
    let text = challenge.to_str().unwrap_or("Bearer");
    HeaderValue::try_from(format!("{text}, error=\"invalid_token\""))
        .unwrap_or(HeaderValue::from_static("Bearer error=\"invalid_token\""))
}

/// The caller's own id of the request, when it is harmless enough to be repeated.
pub(super) fn client_request_id(asked: &HeaderMap) -> Option<HeaderValue> {
    let id = asked.get(CLIENT_REQUEST_ID)?;
    let harmless = (1..=MAX_CLIENT_REQUEST_ID).contains(&id.len())
        && id
            .as_bytes()
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || *b == b'-');
    harmless.then(|| id.clone())
}

/// The headers of every answer.
pub(super) fn sign(headers: &mut HeaderMap, id: Uuid, client_id: Option<HeaderValue>) {
    let mut text = Uuid::encode_buffer();
    if let Ok(id) = HeaderValue::from_str(id.hyphenated().encode_lower(&mut text)) {
        headers.insert(REQUEST_ID, id);
    }
    if let Some(client_id) = client_id {
        headers.insert(CLIENT_REQUEST_ID, client_id);
    }
}

pub(super) fn announce_close(headers: &mut HeaderMap) {
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_client_ids_are_repeated() {
        let check = |id: &str, kept: bool| {
            let mut headers = HeaderMap::new();
            headers.insert(CLIENT_REQUEST_ID, id.parse().unwrap());
            assert_eq!(client_request_id(&headers).is_some(), kept, "{id:?}");
        };
        check("5f1b6ec4-0e2d-4d6a-8c0b-1f6b7c1c2d3e", true);
        check(&"a".repeat(64), true);
        check(&"a".repeat(65), false);
        check("", false);
        check("a b", false);
        check("<script>", false);
        check("a;b", false);
    }

    #[test]
    fn the_realm_is_always_a_quoted_string() {
        assert_eq!(
            challenge("Basic", "interop.example.com"),
            "Basic realm=\"interop.example.com\""
        );
        assert_eq!(
            challenge("Basic", "a\"b\\c\r\nd\u{e9}"),
            "Basic realm=\"abcd\""
        );
    }
}

//! The `Authorization: Bearer` header (RFC 6750 section 2.1), and what is refused of any token before its signature is
//! looked at. Verifies no signature.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use jsonwebtoken::{Header, decode_header};
use serde::Deserialize;

use crate::server::login::Denied;

/// Bytes of a token. Those of Microsoft have two or three thousand.
const MAX_TOKEN: usize = 16 << 10;

/// A token that is not accepted. Why is told to nobody: whoever holds a right one needs no help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) struct InvalidToken;

impl From<InvalidToken> for Denied {
    fn from(InvalidToken: InvalidToken) -> Self {
        Self::InvalidToken
    }
}

/// The token of a request whose one `Authorization` header has the scheme Bearer; a token that cannot be one counts as
/// invalid and not as absent.
pub(in crate::server) fn token_in(headers: &HeaderMap) -> Option<Result<&str, InvalidToken>> {
    let line = only_authorization(headers)?;
    let scheme = line.as_bytes().get(..7)?;
    if !scheme.eq_ignore_ascii_case(b"bearer ") {
        return None;
    }
    let token = line.to_str().ok().and_then(|line| line.get(7..));
    let token = token.map(str::trim).filter(|token| {
        let alphabet = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        token.len() <= MAX_TOKEN && token.bytes().all(alphabet)
    });
    Some(token.ok_or(InvalidToken))
}

/// The value of `Authorization`, if there is one: of two, none is believed.
pub(in crate::server) fn only_authorization(headers: &HeaderMap) -> Option<&HeaderValue> {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    let (line, more) = (lines.next()?, lines.next());
    more.is_none().then_some(line)
}

/// The token's header, unless it wants a key to be taken from itself, names none, or must be understood by an extension
/// (`crit`).
pub(super) fn header_of(token: &str) -> Result<Header, InvalidToken> {
    let header = decode_header(token).map_err(|_| InvalidToken)?;
    let brings_a_key = header.jku.is_some()
        || header.jwk.is_some()
        || header.x5u.is_some()
        || header.x5c.is_some();
    if brings_a_key || header.kid.is_none() || header.crit.is_some() {
        return Err(InvalidToken);
    }
    Ok(header)
}

/// Whom a token claims to be from. Only good for choosing who verifies it.
pub(in crate::server) fn claimed_issuer(token: &str) -> Result<String, InvalidToken> {
    #[derive(Deserialize)]
    struct Claimed {
        iss: String,
    }
    jsonwebtoken::dangerous::insecure_decode_claims::<Claimed>(token)
        .map(|claimed| claimed.iss)
        .map_err(|_| InvalidToken)
}

//! OAuth 2.0 client credentials (RFC 6749 section 4.4): the tokens that calbridge itself gives out, and Bearer tokens
//! (RFC 6750) as far as they are alike whoever issued them.
//!
//! A token names a client and nothing else. What the client may do is looked up in the configuration at each use, so
//! that a right that is taken away is gone at once. A mark of the configured secret goes with it, so that a token ends
//! with the secret that it was given for.

pub(super) mod bearer;
pub(super) mod discovery;
pub(super) mod endpoint;
pub mod entra;
pub mod key;

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use self::bearer::{InvalidToken, header_of};
use self::discovery::Discovery;
use self::endpoint::TokenEndpoint;
use self::key::TokenKey;
use super::clock::SystemClock;
use super::login::Login;
use crate::domain::Clock;
use crate::face::{Face, Routes};
use crate::metrics::Metrics;

/// What the clocks of several instances may differ by, in seconds.
const LEEWAY: u64 = 5;

/// Gives out tokens and knows them again.
pub(super) struct Issuer {
    /// `server.public_url` without a slash at its end; the audience as well.
    pub(super) url: Arc<str>,
    pub(super) key: Arc<TokenKey>,
    lifetime: Duration,
    validation: Validation,
}

/// Whom a token was given to, and for which secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Holder {
    pub(super) client: String,
    /// See [`secret_mark`].
    pub(super) secret: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    azp: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: String,
    ver: String,
    /// See [`secret_mark`].
    sec: String,
}

/// Adds the token endpoint and its documents, where tokens are given out at all.
pub(super) fn routes(routes: Routes, login: &Arc<Login>, metrics: &Arc<Metrics>) -> Routes {
    let Some(issuer) = login.issuer() else {
        return routes;
    };
    let token: Arc<dyn Face> = Arc::new(TokenEndpoint {
        login: Arc::clone(login),
        issuer: Arc::clone(issuer),
        metrics: Arc::clone(metrics),
    });
    let configuration: Arc<dyn Face> = Arc::new(Discovery::Configuration(Arc::clone(issuer)));
    let keys: Arc<dyn Face> = Arc::new(Discovery::Keys(Arc::clone(issuer)));
    routes
        .with("/oauth2/v2.0/token", Arc::clone(&token))
        .with("/{tenant}/oauth2/v2.0/token", token)
        .with(
            "/.well-known/openid-configuration",
            Arc::clone(&configuration),
        )
        .with(
            "/{tenant}/.well-known/openid-configuration",
            Arc::clone(&configuration),
        )
        .with(
            "/{tenant}/v2.0/.well-known/openid-configuration",
            configuration,
        )
        .with("/discovery/v2.0/keys", Arc::clone(&keys))
        .with("/{tenant}/discovery/v2.0/keys", keys)
}

impl Issuer {
    pub(super) fn new(url: Arc<str>, key: Arc<TokenKey>, lifetime: Duration) -> Self {
        let mut validation = Validation::new(Algorithm::ES256);
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        validation.set_issuer(&[&url]);
        validation.set_audience(&[&url]);
        Self {
            url,
            key,
            lifetime,
            validation,
        }
    }

    /// Seconds that a new token is good for.
    pub(super) fn lifetime(&self) -> u64 {
        self.lifetime.as_secs()
    }

    /// A new token for a client that has shown its secret.
    pub(super) fn issue(&self, holder: &Holder) -> Option<String> {
        let now = SystemClock.now().as_second();
        let claims = Claims {
            iss: self.url.to_string(),
            aud: self.url.to_string(),
            sub: holder.client.clone(),
            azp: holder.client.clone(),
            sec: holder.secret.clone(),
            iat: now,
            nbf: now,
            exp: now.saturating_add_unsigned(self.lifetime()),
            jti: Uuid::new_v4().to_string(),
            ver: "2.0".to_owned(),
        };
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(self.key.id.clone());
        jsonwebtoken::encode(&header, &claims, &self.key.signing).ok()
    }

    /// Whom a token of ours was given to.
    pub(super) fn holder_of(&self, token: &str) -> Result<Holder, InvalidToken> {
        let header = header_of(token)?;
        if header.alg != Algorithm::ES256 || header.kid.as_deref() != Some(&self.key.id) {
            return Err(InvalidToken);
        }
        jsonwebtoken::decode::<Claims>(token, &self.key.verifying, &self.validation)
            .map(|token| Holder {
                client: token.claims.sub,
                secret: token.claims.sec,
            })
            .map_err(|_| InvalidToken)
    }
}

/// Tells one configured hash from another, and gives nothing of it away: the hash has a salt that nobody else knows.
pub(super) fn secret_mark(configured_hash: &str) -> String {
    let whole = digest(&SHA256, configured_hash.as_bytes());
    URL_SAFE_NO_PAD.encode(whole.as_ref().get(..12).unwrap_or_default())
}

#[cfg(test)]
mod tests;

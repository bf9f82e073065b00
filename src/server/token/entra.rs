//! Bearer tokens that Microsoft Entra issued for one tenant, verified against the keys that the tenant publishes. The
//! keys are fetched when a token names one that is not known, and not more often than the floor allows.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

use super::bearer::{InvalidToken, header_of};
use crate::domain::Caller;
use crate::server::StartError;

/// What the clock of Microsoft and ours may differ by, in seconds.
const LEEWAY: u64 = 60;
/// Between two fetches of the keys: whoever makes up names of keys causes no more of them.
const FLOOR: Duration = Duration::from_mins(1);
const FETCH_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of a key set; Microsoft's has some fifteen thousand.
const MAX_KEYS: usize = 256 << 10;

/// What `[access.entra]` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntraSettings {
    /// In lower case.
    pub tenant_id: String,
    pub audiences: Vec<String>,
    /// `appid` or `azp` of the applications that may call, in lower case.
    pub client_ids: Vec<String>,
    /// The application role that a token must carry.
    pub role: String,
    /// Without a slash at its end.
    pub authority: String,
    /// PEM: trusted for the authority in place of the machine's roots.
    pub authority_ca: Option<Vec<u8>>,
    /// What a token makes its bearer, but for the id.
    pub caller: Caller,
}

pub(in crate::server) struct Entra {
    pub(in crate::server) settings: EntraSettings,
    issuers: [String; 2],
    validation: Validation,
    keys_at: Url,
    http: reqwest::Client,
    keys: ArcSwap<HashMap<String, DecodingKey>>,
    fetched: Mutex<Option<Instant>>,
}

/// Versions 1.0 and 2.0 of the access token, as far as they are looked at.
#[derive(Debug, Deserialize)]
struct Claims {
    tid: String,
    /// Version 1.0.
    appid: Option<String>,
    /// Version 2.0.
    azp: Option<String>,
    #[serde(default)]
    roles: Vec<String>,
    /// Of tokens that a person asked for.
    scp: Option<String>,
}

impl Entra {
    pub(in crate::server) fn new(settings: EntraSettings) -> Result<Self, StartError> {
        let unusable = |cause: &dyn std::fmt::Display| StartError::Authority {
            reason: cause.to_string(),
        };
        let (authority, tenant) = (&settings.authority, &settings.tenant_id);
        let issuers = [
            format!("https://sts.windows.net/{tenant}/"),
            format!("{authority}/{tenant}/v2.0"),
        ];
        let mut validation = Validation::new(Algorithm::RS256);
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud"]);
        validation.set_issuer(&issuers);
        validation.set_audience(&settings.audiences);
        let keys_at = Url::parse(&format!("{authority}/{tenant}/discovery/v2.0/keys"))
            .map_err(|cause| unusable(&cause))?;
        let mut http = reqwest::Client::builder()
            .https_only(true)
            .redirect(reqwest::redirect::Policy::none())
            .timeout(FETCH_TIMEOUT)
            .no_proxy();
        if let Some(pem) = &settings.authority_ca {
            let trusted =
                reqwest::Certificate::from_pem_bundle(pem).map_err(|cause| unusable(&cause))?;
            http = http.tls_certs_only(trusted);
        }
        Ok(Self {
            http: http.build().map_err(|cause| unusable(&cause))?,
            issuers,
            validation,
            keys_at,
            settings,
            keys: ArcSwap::default(),
            fetched: Mutex::default(),
        })
    }

    /// Whether a token that claims this issuer is to be verified here.
    pub(in crate::server) fn is_issuer(&self, claimed: &str) -> bool {
        self.issuers.iter().any(|issuer| issuer == claimed)
    }

    /// The application that a token was issued to.
    pub(in crate::server) async fn client_of(&self, token: &str) -> Result<String, InvalidToken> {
        let header = header_of(token)?;
        if header.alg != Algorithm::RS256 {
            return Err(InvalidToken);
        }
        let key = self.key(&header.kid.ok_or(InvalidToken)?).await?;
        let claims = jsonwebtoken::decode::<Claims>(token, &key, &self.validation)
            .map_err(|_| InvalidToken)?
            .claims;
        self.judge(claims)
    }

    fn judge(&self, claims: Claims) -> Result<String, InvalidToken> {
        let settings = &self.settings;
        let client = claims.azp.or(claims.appid).ok_or(InvalidToken)?;
        let client = client.to_ascii_lowercase();
        let accepted = claims.tid.eq_ignore_ascii_case(&settings.tenant_id)
            && settings.client_ids.contains(&client)
            && claims.roles.contains(&settings.role)
            // The role is then the person's, and not the application's.
            && claims.scp.is_none();
        if accepted {
            Ok(client)
        } else {
            Err(InvalidToken)
        }
    }

    async fn key(&self, kid: &str) -> Result<DecodingKey, InvalidToken> {
        if let Some(key) = self.keys.load().get(kid) {
            return Ok(key.clone());
        }
        // Others who wait here find what this one fetched.
        let mut fetched = self.fetched.lock().await;
        if !self.keys.load().contains_key(kid) && fetched.is_none_or(|last| last.elapsed() >= FLOOR)
        {
            *fetched = Some(Instant::now());
            match self.fetch().await {
                Ok(keys) => self.keys.store(Arc::new(keys)),
                Err(reason) => {
                    tracing::warn!(reason, "The keys of access.entra could not be fetched");
                }
            }
        }
        self.keys.load().get(kid).cloned().ok_or(InvalidToken)
    }

    async fn fetch(&self) -> Result<HashMap<String, DecodingKey>, &'static str> {
        let call = self.http.get(self.keys_at.clone()).send();
        let mut answer = call.await.map_err(|_| "the authority cannot be reached")?;
        if answer.status() != reqwest::StatusCode::OK {
            return Err("the authority did not answer 200");
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|_| "the answer broke off")? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_KEYS {
                return Err("the answer is too long");
            }
        }
        let set: JwkSet =
            serde_json::from_slice(&body).map_err(|_| "the answer is no set of keys")?;
        let keys: HashMap<_, _> = set.keys.iter().filter_map(usable).collect();
        if keys.is_empty() {
            return Err("the answer has no key that could be used");
        }
        Ok(keys)
    }
}

fn usable(jwk: &Jwk) -> Option<(String, DecodingKey)> {
    let id = jwk.common.key_id.clone()?;
    let is_rsa = matches!(
        jwk.algorithm,
        jsonwebtoken::jwk::AlgorithmParameters::RSA(_)
    );
    let key = is_rsa.then(|| DecodingKey::from_jwk(jwk).ok()).flatten()?;
    Some((id, key))
}

#[cfg(test)]
mod tests;

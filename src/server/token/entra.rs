//! Bearer tokens that Microsoft Entra issued for one tenant, verified against the keys that the tenant publishes. Fetches
//! no keys.

mod keys;

use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::{Algorithm, Validation};
use serde::Deserialize;
use url::Url;

use self::keys::{Keys, NoKey};
use super::bearer::{InvalidToken, header_of};
use crate::domain::Caller;
use crate::server::StartError;
use crate::server::login::Denied;

/// What the clock of Microsoft and ours may differ by, in seconds.
const LEEWAY: u64 = 60;
/// For the whole fetch of the keys.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

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
    keys: Arc<Keys>,
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
        let http = http.build().map_err(|cause| unusable(&cause))?;
        Ok(Self {
            issuers,
            validation,
            settings,
            keys: Arc::new(Keys::new(keys_at, http)),
        })
    }

    /// Whether a token that claims this issuer is to be verified here.
    pub(in crate::server) fn is_issuer(&self, claimed: &str) -> bool {
        self.issuers.iter().any(|issuer| issuer == claimed)
    }

    /// The application that a token was issued to. A caller whose token cannot be judged now is told to come back.
    pub(in crate::server) async fn client_of(&self, token: &str) -> Result<String, Denied> {
        let header = header_of(token)?;
        if header.alg != Algorithm::RS256 {
            return Err(Denied::InvalidToken);
        }
        let key = self.keys.find(&header.kid.ok_or(InvalidToken)?).await;
        let key = key.map_err(|missing| match missing {
            NoKey::Unknown => Denied::InvalidToken,
            NoKey::Unavailable => Denied::Overloaded,
        })?;
        let claims = jsonwebtoken::decode::<Claims>(token, &key, &self.validation)
            .map_err(|_| InvalidToken)?
            .claims;
        Ok(self.judge(claims)?)
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
}

#[cfg(test)]
mod tests;

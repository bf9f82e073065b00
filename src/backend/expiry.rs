//! When the credentials of endpoints expire, and the warnings before that. Reads no clock; sends nothing.

use jiff::{SignedDuration, Timestamp};
use tracing::warn;

use super::settings::{AuthSettings, ClientCredential};

/// From so long before the end it is warned every day.
pub const WARN_BEFORE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A credential that will not be accepted for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiry {
    pub credential: Credential,
    pub at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    ClientSecret,
    ClientCertificate,
}

impl Credential {
    /// For metric labels.
    pub fn label(self) -> &'static str {
        match self {
            Self::ClientSecret => "client_secret",
            Self::ClientCertificate => "client_certificate",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::ClientSecret => "client secret (auth.client_secret_expires)",
            Self::ClientCertificate => "certificate of the application (auth.client_certificate)",
        }
    }
}

impl Expiry {
    pub(super) fn of(auth: &AuthSettings) -> Vec<Self> {
        let AuthSettings::OAuth2(settings) = auth else {
            return Vec::new();
        };
        let expiry = match &settings.credential {
            ClientCredential::Secret { expires, .. } => expires.map(|at| Self {
                credential: Credential::ClientSecret,
                at,
            }),
            ClientCredential::Certificate(certificate) => Some(Self {
                credential: Credential::ClientCertificate,
                at: certificate.expires,
            }),
        };
        expiry.into_iter().collect()
    }

    /// What is to be told of it now; None while there is time enough.
    pub fn warning(&self, endpoint: &str, now: Timestamp) -> Option<String> {
        let left = self.at.duration_since(now);
        let what = self.credential.words();
        if left <= SignedDuration::ZERO {
            Some(format!(
                "The {what} of endpoint `{endpoint}` has expired: nothing can be looked up there"
            ))
        } else if left <= WARN_BEFORE {
            let days = left.as_hours() / 24;
            Some(format!(
                "The {what} of endpoint `{endpoint}` expires in {days} days, at {}: renew it",
                self.at
            ))
        } else {
            None
        }
    }

    /// Logs the warning, where there is one.
    pub fn warn(&self, endpoint: &str, now: Timestamp) {
        if let Some(text) = self.warning(endpoint, now) {
            warn!(endpoint.name = %endpoint, credential = self.credential.label(), "{text}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[track_caller]
    fn check(now: &str, expect: Option<&str>) {
        let expiry = Expiry {
            credential: Credential::ClientSecret,
            at: at("2027-03-01T00:00:00Z"),
        };
        let text = expiry.warning("cloud", at(now));
        match (&text, expect) {
            (None, None) => {}
            (Some(text), Some(expect)) if text.contains(expect) => {}
            _ => panic!("{now}: {text:?}"),
        }
    }

    #[test]
    fn it_is_warned_from_thirty_days_before() {
        check("2027-01-29T23:59:59Z", None);
        check("2027-01-30T00:00:00Z", Some("expires in 30 days"));
        check("2027-02-28T00:00:00Z", Some("expires in 1 days"));
        check("2027-03-01T00:00:00Z", Some("has expired"));
    }
}

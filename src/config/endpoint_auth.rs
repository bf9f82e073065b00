//! `[endpoint.auth]`: how an endpoint's role accounts log in.

use secrecy::SecretString;

use super::certificate;
use super::document::Section;
use super::secret::{self, CLIENT_SECRET, PASSWORD};
use super::surroundings::Surroundings;
use super::values::https_url;
use crate::backend::settings::{
    AssertionAlgorithm, AuthSettings, ClientCertificate, ClientCredential, OAuth2Settings,
};
use crate::backend::token::assertion;

/// What the section says.
pub(super) struct Auth {
    pub(super) settings: AuthSettings,
    /// The password of role accounts that have none of their own.
    pub(super) shared: Option<SecretString>,
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            settings: AuthSettings::Basic,
            shared: None,
        }
    }
}

/// None where a problem has been noted.
pub(super) fn read(section: &Section<'_>, around: &Surroundings<'_>) -> Option<Auth> {
    match section.text("kind") {
        Some(text) if text.value == "oauth2" => Some(Auth {
            settings: AuthSettings::OAuth2(Box::new(oauth2(section, around)?)),
            shared: None,
        }),
        Some(text) if text.value != "basic" => {
            text.problem("must be \"basic\" or \"oauth2\"");
            // Which other keys belong here depends on the kind.
            section.forgive_unknown_keys();
            None
        }
        Some(_) | None => {
            let shared = if PASSWORD.any(section) {
                Some(secret::secret(section, &PASSWORD, around)?)
            } else {
                None
            };
            Some(Auth {
                settings: AuthSettings::Basic,
                shared,
            })
        }
    }
}

fn oauth2(section: &Section<'_>, around: &Surroundings<'_>) -> Option<OAuth2Settings> {
    section.require("token_url");
    section.require("client_id");
    let token_url = section.text("token_url").and_then(|text| https_url(&text));
    let token_ca_certificate = section.text("token_ca_certificate").and_then(|path| {
        let _ = certificate::chain(&path, around)?;
        Some(around.path(path.value))
    });
    let client_id = plain(section, "client_id");
    let scope = if section.has("scope") {
        plain(section, "scope")
    } else {
        Some(OAuth2Settings::DEFAULT_SCOPE.to_owned())
    };
    let credential = credential(section, around);
    Some(OAuth2Settings {
        token_url: token_url?.into(),
        token_ca_certificate,
        client_id: client_id?,
        credential: credential?,
        scope: scope?,
    })
}

fn plain(section: &Section<'_>, key: &'static str) -> Option<String> {
    section.text(key)?.parse(|text| {
        if text.trim().is_empty() || text.contains(char::is_control) {
            Err("must not be empty or have control characters")
        } else {
            Ok((*text).to_owned())
        }
    })
}

/// A secret, or a certificate with its key.
fn credential(section: &Section<'_>, around: &Surroundings<'_>) -> Option<ClientCredential> {
    let has_secret = CLIENT_SECRET.any(section);
    let has_certificate = ["client_certificate", "client_key"]
        .iter()
        .filter(|key| section.has(key))
        .count()
        > 0;
    let expires = section.date("client_secret_expires");
    let algorithm = algorithm(section);
    match (has_secret, has_certificate) {
        (true, false) => Some(ClientCredential::Secret {
            secret: secret::secret(section, &CLIENT_SECRET, around)?,
            expires,
        }),
        (false, true) => {
            certificate(section, around, algorithm?).map(ClientCredential::Certificate)
        }
        (true, true) => {
            section.problem("has a client secret and a client certificate: one of them is needed");
            None
        }
        (false, false) => {
            section.problem(
                "needs a client secret (client_secret_file, client_secret_env or client_secret_credential) or \
                 client_certificate and client_key",
            );
            None
        }
    }
}

fn algorithm(section: &Section<'_>) -> Option<AssertionAlgorithm> {
    let Some(text) = section.text("assertion_algorithm") else {
        return Some(AssertionAlgorithm::Ps256);
    };
    text.parse(|text| match *text {
        "PS256" => Ok(AssertionAlgorithm::Ps256),
        "RS256" => Ok(AssertionAlgorithm::Rs256),
        _ => Err("must be \"PS256\" or \"RS256\""),
    })
}

fn certificate(
    section: &Section<'_>,
    around: &Surroundings<'_>,
    algorithm: AssertionAlgorithm,
) -> Option<ClientCertificate> {
    section.require("client_certificate");
    section.require("client_key");
    let path = section.text("client_certificate");
    let chain = path
        .as_ref()
        .and_then(|path| certificate::chain(path, around));
    let key_path = section.text("client_key")?;
    let key = certificate::private_key(&key_path, around)?;
    let pem = key_path.parse_file(|path| around.file(path))?;
    let pem = SecretString::from(String::from_utf8_lossy(&pem).into_owned());
    key_path.parse(|_| assertion::check_key(&pem))?;
    let (path, chain) = (path?, chain?);
    let leaf = chain.first()?.clone();
    certificate::check_pair(&key_path, chain, key)?;
    let expires =
        path.parse(|_| certificate::expires(&leaf).ok_or("the certificate cannot be read"))?;
    Some(ClientCertificate {
        der: leaf.to_vec(),
        expires,
        key: pem,
        algorithm,
    })
}

//! The signed statement by which an application proves itself with a certificate instead of a secret: RFC 7523 section
//! 2.2, as Microsoft Entra ID wants it.

use aws_lc_rs::digest;
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use uuid::Uuid;

use crate::backend::settings::{AssertionAlgorithm, ClientCertificate};

/// The value of `client_assertion_type`.
pub(super) const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How long a statement is good for; clocks differ by less.
const LIFETIME: SignedDuration = SignedDuration::from_mins(10);

/// What the statements of one application have in common.
pub(super) struct Assertion {
    header: Header,
    key: EncodingKey,
    client_id: String,
    audience: String,
}

#[derive(Serialize)]
struct Claims<'a> {
    aud: &'a str,
    iss: &'a str,
    sub: &'a str,
    jti: String,
    nbf: i64,
    iat: i64,
    exp: i64,
}

/// Whether statements can be signed with this key: the PEM of an RSA key, PKCS#8 or PKCS#1, of 2048 bits or more.
pub fn check_key(pem: &SecretString) -> Result<(), &'static str> {
    let key = encoding_key(pem)?;
    let header = Header::new(Algorithm::PS256);
    // The parser takes keys that the signer does not.
    encode(&header, &(), &key)
        .map(drop)
        .map_err(|_| "the key cannot sign: it must be an RSA key of 2048 bits or more")
}

impl Assertion {
    pub(super) fn new(
        certificate: &ClientCertificate,
        client_id: &str,
        token_url: &str,
    ) -> Result<Self, String> {
        let mut header = Header::new(match certificate.algorithm {
            AssertionAlgorithm::Rs256 => Algorithm::RS256,
            AssertionAlgorithm::Ps256 => Algorithm::PS256,
        });
        let thumbprint = digest::digest(&digest::SHA256, &certificate.der);
        header.x5t_s256 = Some(BASE64_URL_SAFE_NO_PAD.encode(thumbprint.as_ref()));
        Ok(Self {
            header,
            key: encoding_key(&certificate.key)?,
            client_id: client_id.to_owned(),
            audience: token_url.to_owned(),
        })
    }

    /// A statement that is good for one request, made now.
    pub(super) fn sign(&self, now: Timestamp) -> Result<String, String> {
        let end = now
            .checked_add(LIFETIME)
            .map_err(|_| "the clock stands at the end of time")?;
        let claims = Claims {
            aud: &self.audience,
            iss: &self.client_id,
            sub: &self.client_id,
            jti: Uuid::new_v4().to_string(),
            nbf: now.as_second(),
            iat: now.as_second(),
            exp: end.as_second(),
        };
        encode(&self.header, &claims, &self.key)
            .map_err(|error| format!("the assertion cannot be signed: {error}"))
    }
}

fn encoding_key(pem: &SecretString) -> Result<EncodingKey, &'static str> {
    EncodingKey::from_rsa_pem(pem.expose_secret().as_bytes())
        .map_err(|_| "the file holds no RSA key in PEM form (PKCS#8 or PKCS#1)")
}

//! The key that signs calbridge's own tokens: ECDSA on P-256 (ES256), made at the start or given by the administrator.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{DecodingKey, EncodingKey};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};

/// Signs and verifies, and can be shown to others by its public half.
pub struct TokenKey {
    /// The RFC 7638 thumbprint: instances that share the key agree on it without being told.
    pub(super) id: String,
    pub(super) signing: EncodingKey,
    pub(super) verifying: DecodingKey,
    /// As it stands in the key set (RFC 7517).
    pub(super) public: Value,
}

/// Why a file has no key that tokens could be signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenKeyError {
    #[error("has no PEM private key in it (PKCS#8 or SEC1, not encrypted)")]
    NoKey,
    #[error(
        "the key is not one for ECDSA on P-256, as `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256` makes it"
    )]
    Unsuitable,
}

impl TokenKey {
    /// A new key that nobody else has.
    pub(in crate::server) fn generate() -> Result<Self, TokenKeyError> {
        let pair =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        Self::from_der(pair.map_err(|_| TokenKeyError::Unsuitable)?.as_ref())
    }

    /// The first private key of a PEM file.
    pub fn from_pem(pem: &[u8]) -> Result<Self, TokenKeyError> {
        let key = PrivateKeyDer::from_pem_slice(pem).map_err(|_| TokenKeyError::NoKey)?;
        Self::from_der(key.secret_der())
    }

    fn from_der(der: &[u8]) -> Result<Self, TokenKeyError> {
        let unsuitable = |_| TokenKeyError::Unsuitable;
        let pair = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, der)
            .map_err(unsuitable)?;
        let pkcs8 = pair.to_pkcs8v1().map_err(|_| TokenKeyError::Unsuitable)?;
        // An uncompressed point: 4, then both coordinates.
        let point = pair.public_key().as_ref();
        let (Some(x), Some(y)) = (point.get(1..33), point.get(33..65)) else {
            return Err(TokenKeyError::Unsuitable);
        };
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        let thumbprint = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let id = URL_SAFE_NO_PAD.encode(digest(&SHA256, thumbprint.as_bytes()));
        Ok(Self {
            signing: EncodingKey::from_ec_der(pkcs8.as_ref()),
            verifying: DecodingKey::from_ec_components(&x, &y)
                .map_err(|_| TokenKeyError::Unsuitable)?,
            public: json!({
                "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": id, "x": x, "y": y,
            }),
            id,
        })
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_from_a_file_is_the_same_key_every_time() {
        let pem = rcgen::KeyPair::generate().unwrap().serialize_pem();
        let (one, other) = (
            TokenKey::from_pem(pem.as_bytes()).unwrap(),
            TokenKey::from_pem(pem.as_bytes()).unwrap(),
        );
        assert_eq!(one.public, other.public);
        assert_ne!(one.id, TokenKey::generate().unwrap().id);
        assert_eq!(one.public["kid"], one.id.as_str());
        assert!(one.public.get("d").is_none());
    }

    #[test]
    fn what_is_no_such_key_is_refused() {
        let of = |pem: &str| TokenKey::from_pem(pem.as_bytes()).unwrap_err();
        assert_eq!(of(""), TokenKeyError::NoKey);
        assert_eq!(of("hello"), TokenKeyError::NoKey);
        let other = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
        assert_eq!(of(&other.serialize_pem()), TokenKeyError::Unsuitable);
        let other = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        assert_eq!(of(&other.serialize_pem()), TokenKeyError::Unsuitable);
        let debug = format!("{:?}", TokenKey::generate().unwrap());
        assert!(
            debug.contains("id") && !debug.contains("signing"),
            "{debug}"
        );
    }
}

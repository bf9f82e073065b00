//! Tokens as Entra issues them, and those that are refused; the keys are put in place, nothing is fetched.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{DecodingKey, EncodingKey, Header};
use serde_json::{Value, json};

use super::*;
use crate::domain::{CallerId, Clock, Detail};
use crate::server::clock::SystemClock;

const TENANT: &str = "aaaaaaaa-0000-0000-0000-000000000001";
const APP: &str = "bbbbbbbb-0000-0000-0000-000000000002";
const AUTHORITY: &str = "https://login.microsoftonline.com";

struct World {
    entra: Entra,
    signing: EncodingKey,
    /// The public key, in DER.
    public: Vec<u8>,
}

impl World {
    fn new() -> Self {
        let entra = Entra::new(EntraSettings {
            tenant_id: TENANT.to_owned(),
            audiences: vec!["api://calbridge".to_owned()],
            client_ids: vec![APP.to_owned()],
            role: "full_access_as_app".to_owned(),
            authority: AUTHORITY.to_owned(),
            authority_ca: None,
            caller: Caller::new(CallerId::Nobody, Detail::Subjects),
        });
        let entra = entra.unwrap();
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let pkcs8 = STANDARD.encode(pair.as_der().unwrap().as_ref());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{pkcs8}\n-----END PRIVATE KEY-----\n");
        let signing = EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap();
        let public = pair.public_key().as_ref().to_vec();
        entra.keys.put("k1", DecodingKey::from_rsa_der(&public));
        Self {
            entra,
            signing,
            public,
        }
    }

    async fn ask(&self, header: &Header, changed: &[(&str, Value)]) -> Result<String, Denied> {
        let token = jsonwebtoken::encode(header, &claims(changed), &self.signing).unwrap();
        self.entra.client_of(&token).await
    }
}

/// Has a key that is not the issuer's, and all the claims.
struct Forger<'a> {
    world: &'a World,
    signing: EncodingKey,
}

impl Forger<'_> {
    async fn ask(&self, header: &Header) -> Result<String, Denied> {
        let token = jsonwebtoken::encode(header, &claims(&[]), &self.signing).unwrap();
        self.world.entra.client_of(&token).await
    }
}

/// Those of a token that is accepted, but for what is `changed`.
fn claims(changed: &[(&str, Value)]) -> Value {
    let now = SystemClock.now().as_second();
    let mut claims = json!({
        "iss": format!("{AUTHORITY}/{TENANT}/v2.0"), "aud": "api://calbridge", "tid": TENANT, "azp": APP,
        "roles": ["full_access_as_app"], "nbf": now, "iat": now, "exp": now + 3600, "ver": "2.0",
    });
    for (name, value) in changed {
        claims[*name] = value.clone();
    }
    claims
}

fn header(kid: &str) -> Header {
    let mut header = Header::new(Algorithm::RS256);
    header.kid = Some(kid.to_owned());
    header
}

#[tokio::test]
async fn both_versions_are_accepted() {
    let world = World::new();
    assert_eq!(world.ask(&header("k1"), &[]).await.as_deref(), Ok(APP));
    let version_1 = [
        ("iss", json!(format!("https://sts.windows.net/{TENANT}/"))),
        ("azp", Value::Null),
        ("appid", json!(APP.to_uppercase())),
    ];
    assert_eq!(
        world.ask(&header("k1"), &version_1).await.as_deref(),
        Ok(APP)
    );
}

#[tokio::test]
async fn each_claim_counts() {
    let world = World::new();
    let now = SystemClock.now().as_second();
    let other = "cccccccc-0000-0000-0000-000000000003";
    for (name, value) in [
        ("iss", json!(format!("{AUTHORITY}/{other}/v2.0"))),
        ("iss", json!("https://interop.example.com")),
        ("tid", json!(other)),
        ("tid", Value::Null),
        ("aud", json!("https://outlook.office365.com")),
        ("azp", json!(other)),
        ("azp", Value::Null),
        ("roles", json!([])),
        ("roles", json!(["Mail.Read"])),
        ("scp", json!("EWS.AccessAsUser.All")),
        ("exp", json!(now - 120)),
        ("nbf", json!(now + 120)),
        ("nbf", Value::Null),
    ] {
        let got = world.ask(&header("k1"), &[(name, value.clone())]).await;
        assert_eq!(got, Err(Denied::InvalidToken), "{name}: {value}");
    }
}

#[tokio::test]
async fn keys_and_algorithms_are_not_chosen_by_the_token() {
    let world = World::new();
    let refused = async |header: Header| {
        assert_eq!(
            world.ask(&header, &[]).await,
            Err(Denied::InvalidToken),
            "{header:?}"
        );
    };
    refused(header("k2")).await;
    refused(Header::new(Algorithm::RS256)).await;
    let mut jku = header("k1");
    jku.jku = Some("https://attacker.example/keys".to_owned());
    refused(jku).await;
    let mut other = header("k1");
    other.alg = Algorithm::RS384;
    refused(other).await;
    // The public key as the secret of HS256.
    let mut symmetric = header("k1");
    symmetric.alg = Algorithm::HS256;
    let base64 = STANDARD.encode(&world.public);
    let pem = format!("-----BEGIN RSA PUBLIC KEY-----\n{base64}\n-----END RSA PUBLIC KEY-----\n");
    for secret in [&world.public[..], pem.as_bytes(), pem.trim_end().as_bytes()] {
        let signing = EncodingKey::from_secret(secret);
        let forger = Forger {
            world: &world,
            signing,
        };
        // The same claims that are taken under the right signature.
        assert_eq!(world.ask(&header("k1"), &[]).await.as_deref(), Ok(APP));
        assert_eq!(forger.ask(&symmetric).await, Err(Denied::InvalidToken));
    }
    // Another key under the right name.
    let signing = World::new().signing;
    let forger = Forger {
        world: &world,
        signing,
    };
    assert_eq!(forger.ask(&header("k1")).await, Err(Denied::InvalidToken));
}

#[test]
fn issuers_are_told_apart() {
    let entra = World::new().entra;
    assert!(entra.is_issuer(&format!("{AUTHORITY}/{TENANT}/v2.0")));
    assert!(!entra.is_issuer(&format!("{AUTHORITY}/common/v2.0")));
    assert!(!entra.is_issuer("https://interop.example.com"));
}

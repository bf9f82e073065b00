//! Tokens that are not ours, or no longer: each way to forge one has its own test.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};

use super::*;

const URL: &str = "https://interop.example.com";

fn issuer() -> Issuer {
    let key = Arc::new(TokenKey::generate().unwrap());
    Issuer::new(URL.into(), key, Duration::from_mins(15))
}

fn google() -> Holder {
    Holder {
        client: "google".to_owned(),
        secret: secret_mark("$argon2id$a"),
    }
}

fn claims() -> Value {
    let now = SystemClock.now().as_second();
    json!({
        "iss": URL, "aud": URL, "sub": "google", "azp": "google", "iat": now, "nbf": now, "exp": now + 900,
        "jti": "1", "ver": "2.0", "sec": "x",
    })
}

fn header(issuer: &Issuer) -> Header {
    let mut header = Header::new(Algorithm::ES256);
    header.kid = Some(issuer.key.id.clone());
    header
}

/// Signed with the right key, with other claims or another header.
fn signed(issuer: &Issuer, header: &Header, changed: &[(&str, Value)]) -> String {
    let mut claims = claims();
    for (name, value) in changed {
        claims[*name] = value.clone();
    }
    jsonwebtoken::encode(header, &claims, &issuer.key.signing).unwrap()
}

/// Put together by hand.
fn forged(header: &Value, signature: &[u8]) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signature = URL_SAFE_NO_PAD.encode(signature);
    format!("{}.{}.{signature}", part(header), part(&claims()))
}

#[track_caller]
fn check_refused(issuer: &Issuer, token: &str) {
    assert_eq!(issuer.holder_of(token), Err(InvalidToken));
}

#[track_caller]
fn check_claim_refused(name: &str, value: Value) {
    let issuer = issuer();
    let header = header(&issuer);
    assert!(issuer.holder_of(&signed(&issuer, &header, &[])).is_ok());
    check_refused(&issuer, &signed(&issuer, &header, &[(name, value)]));
}

#[test]
fn an_own_token_names_its_client() {
    let issuer = issuer();
    let token = issuer.issue(&google()).unwrap();
    assert_eq!(issuer.holder_of(&token), Ok(google()));
    assert_eq!(bearer::claimed_issuer(&token).as_deref(), Ok(URL));
}

#[test]
fn two_instances_with_one_key_accept_each_others_tokens() {
    let pem = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let instance = || {
        let key = Arc::new(TokenKey::from_pem(pem.as_bytes()).unwrap());
        Issuer::new(URL.into(), key, Duration::from_mins(1))
    };
    let token = instance().issue(&google()).unwrap();
    assert!(instance().holder_of(&token).is_ok());
}

#[test]
fn the_algorithm_none() {
    let issuer = issuer();
    let kid = issuer.key.id.as_str();
    for alg in ["none", "None", "NONE"] {
        check_refused(&issuer, &forged(&json!({"alg": alg, "kid": kid}), b""));
        check_refused(&issuer, &forged(&json!({"alg": alg, "kid": kid}), b"x"));
    }
    let right = issuer.issue(&google()).unwrap();
    let (unsigned, _) = right.rsplit_once('.').unwrap();
    check_refused(&issuer, &format!("{unsigned}."));
    check_refused(&issuer, unsigned);
}

#[test]
fn another_key() {
    let (ours, theirs) = (issuer(), issuer());
    check_refused(&ours, &signed(&theirs, &header(&theirs), &[]));
    // The same under the name of our key.
    check_refused(&ours, &signed(&theirs, &header(&ours), &[]));
}

#[test]
fn a_changed_payload() {
    let issuer = issuer();
    let token = issuer.issue(&google()).unwrap();
    let mut parts = token.split('.');
    let (head, _, signature) = (parts.next().unwrap(), parts.next(), parts.next().unwrap());
    let mut other = claims();
    other["sub"] = json!("somebody-else");
    let payload = URL_SAFE_NO_PAD.encode(other.to_string());
    check_refused(&issuer, &format!("{head}.{payload}.{signature}"));
}

#[test]
fn another_audience() {
    check_claim_refused("aud", json!("https://outlook.office365.com"));
    check_claim_refused("aud", json!(["https://interop.example.com/"]));
    check_claim_refused("aud", Value::Null);
}

#[test]
fn another_issuer() {
    check_claim_refused("iss", json!("https://login.microsoftonline.com/x/v2.0"));
    check_claim_refused("iss", Value::Null);
}

#[test]
fn expired() {
    let now = SystemClock.now().as_second();
    check_claim_refused("exp", json!(now - 60));
    check_claim_refused("exp", Value::Null);
    check_claim_refused("exp", json!("tomorrow"));
}

#[test]
fn not_yet_valid() {
    let now = SystemClock.now().as_second();
    check_claim_refused("nbf", json!(now + 60));
    check_claim_refused("nbf", Value::Null);
}

#[test]
fn hs256_with_the_public_key_as_the_secret() {
    let issuer = issuer();
    let mut header = header(&issuer);
    header.alg = Algorithm::HS256;
    let public = issuer.key.public.to_string();
    let x = issuer.key.public["x"].as_str().unwrap().to_owned();
    for secret in [public.as_bytes(), x.as_bytes(), b""] {
        let key = EncodingKey::from_secret(secret);
        check_refused(
            &issuer,
            &jsonwebtoken::encode(&header, &claims(), &key).unwrap(),
        );
    }
}

#[test]
fn a_missing_or_unknown_kid() {
    let issuer = issuer();
    let mut header = header(&issuer);
    header.kid = None;
    check_refused(&issuer, &signed(&issuer, &header, &[]));
    header.kid = Some("../../etc/passwd".to_owned());
    check_refused(&issuer, &signed(&issuer, &header, &[]));
}

#[test]
fn a_jku_header() {
    let issuer = issuer();
    let mut header = header(&issuer);
    header.jku = Some("https://attacker.example/keys".to_owned());
    check_refused(&issuer, &signed(&issuer, &header, &[]));
}

#[test]
fn an_x5u_header() {
    let issuer = issuer();
    let mut header = header(&issuer);
    header.x5u = Some("https://attacker.example/chain.pem".to_owned());
    check_refused(&issuer, &signed(&issuer, &header, &[]));
}

#[test]
fn an_x5c_header() {
    let issuer = issuer();
    let mut header = header(&issuer);
    header.x5c = Some(vec!["MIIB".to_owned()]);
    check_refused(&issuer, &signed(&issuer, &header, &[]));
}

#[test]
fn a_jwk_header() {
    let (ours, theirs) = (issuer(), issuer());
    let mut header = header(&ours);
    header.jwk = serde_json::from_value(theirs.key.public.clone()).unwrap();
    assert!(header.jwk.is_some());
    check_refused(&ours, &signed(&theirs, &header, &[]));
    // Even our own key is not taken from a token.
    header.jwk = serde_json::from_value(ours.key.public.clone()).unwrap();
    check_refused(&ours, &signed(&ours, &header, &[]));
}

#[test]
fn a_critical_extension() {
    let issuer = issuer();
    let mut header = header(&issuer);
    header.crit = Some(vec!["exp".to_owned()]);
    check_refused(&issuer, &signed(&issuer, &header, &[]));
}

#[test]
fn garbage() {
    let issuer = issuer();
    for token in [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "eyJhbGciOiJFUzI1NiJ9..",
        "\u{e9}.b.c",
    ] {
        check_refused(&issuer, token);
        assert!(bearer::claimed_issuer(token).is_err());
    }
}

#[test]
fn oversize() {
    let headers = |token: &str| {
        let mut headers = http::HeaderMap::new();
        headers.insert("authorization", format!("bEaReR {token}").parse().unwrap());
        headers
    };
    let found = |token: &str| {
        let headers = headers(token);
        bearer::token_in(&headers).map(|token| token.map(str::to_owned))
    };
    assert_eq!(found("a.b.c"), Some(Ok("a.b.c".to_owned())));
    assert_eq!(
        found(&"a".repeat(16 << 10)).map(|token| token.is_ok()),
        Some(true)
    );
    assert_eq!(found(&"a".repeat((16 << 10) + 1)), Some(Err(InvalidToken)));
    assert_eq!(found("a b"), Some(Err(InvalidToken)));
    assert_eq!(found("a=b"), Some(Err(InvalidToken)));
    let mut twice = headers("a.b.c");
    twice.append("authorization", "Bearer a.b.c".parse().unwrap());
    assert_eq!(bearer::token_in(&twice), None);
    let basic: http::HeaderMap = [(http::header::AUTHORIZATION, "Basic x".parse().unwrap())]
        .into_iter()
        .collect();
    assert_eq!(bearer::token_in(&basic), None);
}

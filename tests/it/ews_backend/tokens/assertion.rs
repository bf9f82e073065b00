//! An application that proves itself with a certificate instead of a secret.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use calbridge::backend::settings::{AssertionAlgorithm, ClientCertificate};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};

use super::super::failures::Log;
use super::*;

/// What an application proves itself with.
struct Own {
    key: rcgen::KeyPair,
    certificate: rcgen::Certificate,
}

impl Own {
    fn new() -> Self {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
        let params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self { key, certificate }
    }

    /// In place of the secret of an endpoint; returns where it gets its tokens.
    fn replaces_secret(&self, ews: &mut EwsSettings, algorithm: AssertionAlgorithm) -> String {
        let AuthSettings::OAuth2(oauth2) = &mut ews.auth else {
            panic!("by token");
        };
        oauth2.credential = ClientCredential::Certificate(ClientCertificate {
            der: self.certificate.der().to_vec(),
            expires: at("2027-03-01T00:00Z"),
            key: self.key.serialize_pem().into(),
            algorithm,
        });
        oauth2.token_url.clone()
    }
}

#[tokio::test]
async fn a_statement_is_not_told_back_as_a_whole_nor_its_signature() {
    let own = Own::new();
    let sent: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&sent);
    let tokens = Upstream::start(move |_, request| {
        let statement = request.form()["client_assertion"].clone();
        let signature = statement.rsplit_once('.').unwrap().1.to_owned();
        let body = serde_json::json!({
            "error": format!("odd {statement}"),
            "error_description": format!("you sent {statement}, signed {signature}"),
            "trace_id": format!("for {signature}"),
        });
        seen.lock().unwrap().extend([statement, signature]);
        Reply::json(400, body.to_string())
    })
    .await;
    let upstream = Upstream::start(|_, request| busy_for_all(request)).await;
    let mut ews = by_token(&upstream, &tokens, &["svc"]);
    own.replaces_secret(&mut ews, AssertionAlgorithm::Ps256);
    let log = Log::default();
    let error = {
        let _guard = log.listen(tracing::Level::TRACE);
        ask_anna(&backend(ews)).await.unwrap_err()
    };
    let told = [error.to_string(), format!("{error:?}"), log.text()];
    assert!(
        told[0].contains("you sent (secret), signed (secret)"),
        "{}",
        told[0]
    );
    assert!(told[2].contains("has no token"), "{}", told[2]);
    let sent = sent.lock().unwrap();
    assert_eq!(sent.len(), 2);
    for text in told {
        for secret in &*sent {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

#[tokio::test]
async fn an_application_proves_itself_with_a_certificate() {
    let own = Own::new();
    for (algorithm, expect) in [
        (AssertionAlgorithm::Ps256, Algorithm::PS256),
        (AssertionAlgorithm::Rs256, Algorithm::RS256),
    ] {
        let tokens = Upstream::start(|number, _| grant(number, 3600)).await;
        let upstream = Upstream::start(|_, request| busy_for_all(request)).await;
        let mut ews = by_token(&upstream, &tokens, &["svc"]);
        let url = own.replaces_secret(&mut ews, algorithm);
        ask_anna(&backend(ews)).await.unwrap();
        let form = tokens.requests()[0].form();
        assert_eq!(form.get("client_secret"), None);
        assert_eq!(
            form["client_assertion_type"],
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        );
        let mut validation = Validation::new(expect);
        validation.set_audience(&[url]);
        validation.set_issuer(&["the-client"]);
        // The test's clock stands in September 2026.
        validation.validate_exp = false;
        let public = DecodingKey::from_rsa_pem(own.key.public_key_pem().as_bytes()).unwrap();
        let statement =
            decode::<serde_json::Value>(&form["client_assertion"], &public, &validation).unwrap();
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, own.certificate.der());
        let thumbprint = BASE64_URL_SAFE_NO_PAD.encode(digest.as_ref());
        assert_eq!(statement.header.x5t_s256, Some(thumbprint));
        let claims = statement.claims;
        assert_eq!(claims["sub"], "the-client");
        let moment = clock().0.as_second();
        assert_eq!(claims["nbf"], moment);
        assert_eq!(claims["exp"], moment + 600);
    }
}

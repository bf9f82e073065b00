//! Mutual TLS: a named certificate replaces the password, any other one does not, and a wrong password is wrong with it.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use calbridge::domain::{Caller, CallerId, Detail};
use calbridge::server::settings::CertificateAccount;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use crate::server_faces::Echo;
use crate::world::{ACCOUNT, PASSWORD, TestServer};

struct Authority {
    params: CertificateParams,
    key: KeyPair,
}

/// A certificate and its key, both as PEM, and the fingerprint.
struct Shown {
    pem: String,
    fingerprint: [u8; 32],
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self { params, key }
    }

    fn pem(&self) -> String {
        self.params.self_signed(&self.key).unwrap().pem()
    }

    fn issue(&self, name: &str) -> Shown {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let issuer = Issuer::from_params(&self.params, &self.key);
        let certificate = params.signed_by(&key, &issuer).unwrap();
        Shown {
            pem: certificate.pem() + &key.serialize_pem(),
            fingerprint: digest(&SHA256, certificate.der())
                .as_ref()
                .try_into()
                .unwrap(),
        }
    }
}

async fn serve(ours: &Authority, named: &Shown) -> TestServer {
    let account = CertificateAccount {
        fingerprint: named.fingerprint,
        caller: Caller::new(CallerId::Certificate("edge".into()), Detail::Subjects),
    };
    let pem = ours.pem();
    TestServer::with(Arc::new(Echo), |s| {
        let file = s.certificate.certificate.with_file_name("clients.pem");
        std::fs::write(&file, pem).unwrap();
        s.client_ca = Some(file);
        s.access.client_certificates = vec![account];
    })
    .await
}

fn client(server: &TestServer, shown: Option<&Shown>) -> reqwest::Client {
    let mut builder = server.client();
    if let Some(shown) = shown {
        builder = builder.identity(reqwest::Identity::from_pem(shown.pem.as_bytes()).unwrap());
    }
    builder.build().unwrap()
}

#[tokio::test]
async fn a_named_certificate_replaces_the_password() {
    let ours = Authority::new();
    let (named, other) = (ours.issue("edge.example"), ours.issue("other.example"));
    let server = serve(&ours, &named).await;
    let post = |client: &reqwest::Client| client.post(server.url()).body("<a/>");
    let with_named = client(&server, Some(&named));
    let answer = post(&with_named).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "POST edge <a/>");
    // A password that is sent all the same must be right, and counts.
    let wrong = post(&with_named).basic_auth(ACCOUNT, Some("wrong"));
    assert_eq!(wrong.send().await.unwrap().status(), 401);
    let right = post(&with_named).basic_auth(ACCOUNT, Some(PASSWORD));
    let right = right.send().await.unwrap().text().await.unwrap();
    assert_eq!(right, format!("POST {ACCOUNT} <a/>"));
    for unnamed in [client(&server, Some(&other)), client(&server, None)] {
        assert_eq!(post(&unnamed).send().await.unwrap().status(), 401);
        let right = post(&unnamed).basic_auth(ACCOUNT, Some(PASSWORD));
        assert_eq!(right.send().await.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn a_certificate_of_another_authority_opens_no_connection() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let named = ours.issue("edge.example");
    let server = serve(&ours, &named).await;
    let stranger = client(&server, Some(&theirs.issue("edge.example")));
    assert!(
        stranger
            .post(server.url())
            .body("<a/>")
            .send()
            .await
            .is_err()
    );
}

//! What keeps a server from starting, and how it is told.

use std::path::Path;
use std::sync::Arc;

use calbridge::face::Routes;
use calbridge::server::settings::ServerSettings;
use calbridge::server::{Server, StartError};

use crate::server_faces::Echo;
use crate::world::{TestServer, metrics, settings};

async fn error(tweak: impl FnOnce(&mut ServerSettings)) -> StartError {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(folder.path());
    tweak(&mut settings);
    Server::bind(settings, Routes::default(), metrics())
        .await
        .err()
        .unwrap()
}

fn overwrite(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let first = TestServer::start(Arc::new(Echo)).await;
    let error = error(|s| s.listen = vec![first.address]).await;
    assert!(error.is_address_in_use());
    assert!(
        error.to_string().contains(&first.address.to_string()),
        "{error}"
    );
}

#[tokio::test]
async fn without_an_address_nothing_starts() {
    let error = error(|s| s.listen.clear()).await;
    assert!(matches!(error, StartError::NoAddress) && !error.is_address_in_use());
}

#[tokio::test]
async fn several_addresses_are_all_served() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(folder.path());
    settings.listen = vec!["127.0.0.1:0".parse().unwrap(), "[::1]:0".parse().unwrap()];
    let server = Server::bind(settings, Routes::default(), metrics())
        .await
        .unwrap();
    let addresses = server.addresses();
    assert!(addresses[0].is_ipv4() && addresses[1].is_ipv6());
    assert!(addresses.iter().all(|a| a.port() != 0));
}

#[tokio::test]
async fn each_defect_of_the_files_is_told_apart() {
    let missing = error(|s| s.certificate.certificate = "/nowhere/server.pem".into()).await;
    assert!(matches!(missing, StartError::Unreadable { .. }));
    assert!(missing.to_string().contains("/nowhere/server.pem"));

    let empty = error(|s| overwrite(&s.certificate.certificate, "")).await;
    assert!(matches!(empty, StartError::NoCertificate { .. }), "{empty}");

    let swapped = error(|s| {
        let files = &mut s.certificate;
        std::mem::swap(&mut files.certificate, &mut files.private_key);
    })
    .await;
    assert!(
        matches!(swapped, StartError::NoCertificate { .. }),
        "{swapped}"
    );

    let no_key = error(|s| s.certificate.private_key = s.certificate.certificate.clone()).await;
    assert!(
        matches!(no_key, StartError::NoPrivateKey { .. }),
        "{no_key}"
    );

    let torn = error(|s| {
        overwrite(
            &s.certificate.private_key,
            "-----BEGIN PRIVATE KEY-----\nAAAA\n",
        );
    })
    .await;
    assert!(matches!(torn, StartError::BadPem { .. }), "{torn}");

    let not_x509 = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let not_x509 = error(|s| overwrite(&s.certificate.certificate, not_x509)).await;
    assert!(
        matches!(not_x509, StartError::BadCertificate { .. }),
        "{not_x509}"
    );

    let no_asn1 = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let no_asn1 = error(|s| overwrite(&s.certificate.private_key, no_asn1)).await;
    assert!(
        matches!(no_asn1, StartError::BadPrivateKey { .. }),
        "{no_asn1}"
    );

    let other = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let mismatch = error(|s| overwrite(&s.certificate.private_key, &other)).await;
    assert!(
        matches!(mismatch, StartError::KeyMismatch { .. }),
        "{mismatch}"
    );
}

#[tokio::test]
async fn a_bad_password_hash_names_its_entry() {
    let error = error(|s| s.access.role_accounts[0].password_hash = "secret".into()).await;
    let text = error.to_string();
    assert!(
        text.contains("role_account[0]") && !text.contains("secret"),
        "{text}"
    );
}

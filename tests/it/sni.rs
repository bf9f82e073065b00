//! Several certificates at one address: each caller is shown the one for the name that it asks for.

use std::path::Path;
use std::sync::Arc;

use calbridge::server::settings::CertificateFiles;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::server_faces::Echo;
use crate::world::{Raw, TestServer, client_config, post};

/// A certificate of its own for these names, beside the server's.
fn make(folder: &Path, names: &[&str]) -> (CertificateFiles, CertificateDer<'static>) {
    let all: Vec<String> = names.iter().map(ToString::to_string).collect();
    let made = rcgen::generate_simple_self_signed(all).unwrap();
    let file = |end: &str| folder.join(format!("{}.{end}", names[0].trim_start_matches("*.")));
    let files = CertificateFiles {
        certificate: file("pem"),
        private_key: file("key"),
    };
    std::fs::write(&files.certificate, made.cert.pem()).unwrap();
    std::fs::write(&files.private_key, made.signing_key.serialize_pem()).unwrap();
    (files, made.cert.der().clone())
}

/// Asks under a name and trusts nothing but `certificate`.
async fn ask_as(server: &TestServer, name: &str, certificate: &CertificateDer<'static>) -> bool {
    let tcp = TcpStream::connect(server.address).await.unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let connector = TlsConnector::from(client_config(certificate, &[b"http/1.1"]));
    let Ok(stream) = connector.connect(name, tcp).await else {
        return false;
    };
    assert_eq!(Raw::new(stream).ask(post("<a/>")).await.status, 200);
    true
}

#[tokio::test]
async fn each_name_has_its_certificate_and_no_name_the_default() {
    let mut certificates = Vec::new();
    let server = TestServer::with(Arc::new(Echo), |settings| {
        let folder = settings.certificate.certificate.with_file_name("");
        for names in [&["ews.example.org"][..], &["*.example.net"]] {
            let (files, certificate) = make(&folder, names);
            settings.named_certificates.push(files);
            certificates.push(certificate);
        }
    })
    .await;
    let default = &server.certificate;
    assert!(ask_as(&server, "ews.example.org", &certificates[0]).await);
    assert!(ask_as(&server, "mail.example.net", &certificates[1]).await);
    assert!(ask_as(&server, "localhost", default).await);
    // An address is no name: such callers ask for none.
    assert!(ask_as(&server, "127.0.0.1", default).await);
    // Whoever trusts another one is not fooled.
    assert!(!ask_as(&server, "ews.example.org", default).await);
    assert!(!ask_as(&server, "mail.example.net", &certificates[0]).await);
}

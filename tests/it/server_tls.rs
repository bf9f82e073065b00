//! TLS as clients see it: versions, resumption.

use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, HandshakeKind, ProtocolVersion, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::server_faces::Echo;
use crate::world::{Raw, TestServer, post};

fn config(
    server: &TestServer,
    version: &'static rustls::SupportedProtocolVersion,
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(server.certificate.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

#[tokio::test]
async fn both_versions_are_spoken_and_sessions_resumed() {
    let server = TestServer::start(Arc::new(Echo)).await;
    for (version, name) in [
        (&rustls::version::TLS12, ProtocolVersion::TLSv1_2),
        (&rustls::version::TLS13, ProtocolVersion::TLSv1_3),
    ] {
        let connector = TlsConnector::from(config(&server, version));
        let mut kinds = Vec::new();
        for _ in 0..2 {
            let tcp = TcpStream::connect(server.address).await.unwrap();
            let host = ServerName::try_from("localhost").unwrap();
            let mut connection = Raw::new(connector.connect(host, tcp).await.unwrap());
            // A client without ALPN gets HTTP/1.1.
            assert_eq!(connection.ask(post("<a/>")).await.status, 200);
            let session = connection.stream.get_ref().1;
            assert_eq!(session.protocol_version(), Some(name));
            kinds.push(session.handshake_kind());
        }
        assert_eq!(
            kinds,
            [Some(HandshakeKind::Full), Some(HandshakeKind::Resumed)]
        );
    }
}

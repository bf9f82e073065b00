//! TLS for both sides, as the gateway has it: TLS 1.2 and 1.3 over aws-lc-rs. HTTP/1.1 only.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::SendRequest;
use hyper::rt::{Read, Write};
use hyper_util::rt::TokioIo;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// Where a server listens and who it is.
#[derive(clap::Args)]
pub(crate) struct Listener {
    /// PEM: certificate and chain.
    #[arg(long)]
    certificate: PathBuf,
    /// PEM: private key.
    #[arg(long)]
    key: PathBuf,
}

impl Listener {
    /// Accepts connections for ever, at a free port of the loopback address, which is printed.
    pub(crate) async fn accept_all<F>(&self, serve: F) -> anyhow::Result<()>
    where
        F: AsyncServe,
    {
        let acceptor = acceptor(&self.certificate, &self.key)?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let (acceptor, serve) = (acceptor.clone(), serve.clone());
            tokio::spawn(async move {
                // A caller that breaks off is no news here.
                if let Ok(stream) = acceptor.accept(stream).await {
                    serve.connection(TokioIo::new(stream)).await;
                }
            });
        }
    }
}

/// What is done with an accepted connection.
pub(crate) trait AsyncServe: Clone + Send + 'static {
    fn connection<I>(self, io: I) -> impl Future<Output = ()> + Send
    where
        I: Read + Write + Unpin + Send + 'static;
}

fn acceptor(certificate: &Path, key: &Path) -> anyhow::Result<TlsAcceptor> {
    let chain = CertificateDer::pem_file_iter(certificate)?.collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_file(key)?;
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(Arc::new(config).into())
}

/// Opens keep-alive connections to one server.
pub(crate) struct Dialer {
    connector: TlsConnector,
    address: SocketAddr,
}

pub(crate) type Sender = SendRequest<Full<Bytes>>;

impl Dialer {
    pub(crate) fn new(address: SocketAddr, ca: &Path) -> anyhow::Result<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(ca)? {
            roots.add(certificate?)?;
        }
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            connector: Arc::new(config).into(),
            address,
        })
    }

    /// The connection lives as long as the sender.
    pub(crate) async fn dial(&self) -> anyhow::Result<Sender> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::IpAddress(self.address.ip().into());
        let stream = self.connector.connect(name, stream).await?;
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .context("the connection cannot be used")?;
        tokio::spawn(connection);
        Ok(sender)
    }
}

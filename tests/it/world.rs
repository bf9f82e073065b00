//! A running server on loopback for a test, with a certificate of its own, and clients that speak to it: a raw one for
//! HTTP/1.1 byte by byte and reqwest for the rest.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::PasswordHasher;
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use calbridge::domain::{Caller, Detail, SmtpAddress};
use calbridge::face::{Face, Routes};
use calbridge::metrics::Metrics;
use calbridge::server::login::Login;
use calbridge::server::settings::{
    AccessSettings, CertificateFiles, ClientAddress, InboundAccount, ServerLimits, ServerSettings,
};
use calbridge::server::{Server, StartError};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

pub(crate) const ACCOUNT: &str = "interop@example.com";
pub(crate) const PASSWORD: &str = "correct horse";
pub(crate) const PATH: &str = "/EWS/Exchange.asmx";

/// Longer than anything here takes; a test that waits so long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A role account for callers, with an Argon2 hash that is cheap to verify.
pub(crate) fn role_account(address: &str, password: &str) -> InboundAccount {
    let address = SmtpAddress::parse(address).unwrap();
    let params = Params::new(64, 1, 1, None).unwrap();
    let hash = Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password(password.as_bytes())
        .unwrap();
    InboundAccount {
        password_hash: hash.to_string(),
        password: None,
        caller: Caller::of_account(address.clone(), Detail::Subjects),
        address,
    }
}

/// The value of an `Authorization` header.
pub(crate) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// The right credential.
pub(crate) fn logged_in() -> String {
    basic(ACCOUNT, PASSWORD)
}

/// Settings that serve on a free port of 127.0.0.1 with a fresh certificate in `folder`.
pub(crate) fn settings(folder: &Path) -> ServerSettings {
    let names = ["localhost", "127.0.0.1", "::1"].map(String::from);
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let (certificate, private_key) = (folder.join("server.pem"), folder.join("server.key"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&private_key, made.signing_key.serialize_pem()).unwrap();
    ServerSettings {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        realm: "localhost".to_owned(),
        certificate: CertificateFiles {
            certificate,
            private_key,
        },
        named_certificates: Vec::new(),
        client_ca: None,
        watch: Duration::from_mins(1),
        access: AccessSettings {
            allow: vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()],
            client_address: ClientAddress::Peer,
            trusted_proxies: Vec::new(),
            role_accounts: vec![role_account(ACCOUNT, PASSWORD)],
            ..AccessSettings::default()
        },
        limits: ServerLimits::default(),
    }
}

/// A caller's client that trusts this certificate alone, in DER, and finds `localhost` at this address.
pub(crate) fn trusting(certificate: &[u8], address: SocketAddr) -> reqwest::ClientBuilder {
    let root = reqwest::Certificate::from_der(certificate).unwrap();
    reqwest::Client::builder()
        .tls_certs_only([root])
        .no_proxy()
        .resolve("localhost", address)
}

/// Counters of a gateway without endpoints.
pub(crate) fn metrics() -> Arc<Metrics> {
    Arc::new(Metrics::new::<&str>(&[]))
}

/// A server that runs until it is dropped or stopped.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) login: Arc<Login>,
    pub(crate) metrics: Arc<Metrics>,
    stop: CancellationToken,
    run: Option<JoinHandle<()>>,
    _folder: TempDir,
}

impl TestServer {
    /// With `face` at the EWS path and its login role account [`ACCOUNT`].
    pub(crate) async fn start(face: Arc<dyn Face>) -> Self {
        Self::with(face, |_| {}).await
    }

    /// `tweak` changes the settings first.
    pub(crate) async fn with(face: Arc<dyn Face>, tweak: impl FnOnce(&mut ServerSettings)) -> Self {
        let routes = Routes::default().with("/ews/exchange.asmx", face);
        Self::try_with(routes, tweak).await.unwrap()
    }

    pub(crate) async fn try_with(
        routes: Routes,
        tweak: impl FnOnce(&mut ServerSettings),
    ) -> Result<Self, StartError> {
        let (mut world, server) = Self::bound(routes, tweak).await?;
        world.run = Some(tokio::spawn(server.run(world.stop.clone())));
        Ok(world)
    }

    /// With the server bound, for the test to run it.
    pub(crate) async fn bound(
        routes: Routes,
        tweak: impl FnOnce(&mut ServerSettings),
    ) -> Result<(Self, Server), StartError> {
        crate::logs::keep();
        let folder = TempDir::new().unwrap();
        let mut settings = settings(folder.path());
        tweak(&mut settings);
        let certificate = CertificateDer::from_pem_file(&settings.certificate.certificate).unwrap();
        let metrics = metrics();
        let server = Server::bind(settings, routes, Arc::clone(&metrics)).await?;
        let world = Self {
            address: server.addresses()[0],
            certificate,
            login: server.login(),
            metrics,
            run: None,
            stop: CancellationToken::new(),
            _folder: folder,
        };
        Ok((world, server))
    }

    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}{PATH}", self.address.port())
    }

    /// Asks the server to stop; see [`TestServer::stopped`].
    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }

    /// Waits until the server has drained.
    pub(crate) async fn stopped(&mut self) {
        let run = self.run.take().unwrap();
        timeout(PATIENCE, run).await.unwrap().unwrap();
    }

    /// A reqwest client builder that trusts the server's certificate and finds it.
    pub(crate) fn client(&self) -> reqwest::ClientBuilder {
        trusting(&self.certificate, self.address)
    }

    /// A raw HTTP/1.1 connection over TLS.
    pub(crate) async fn connect(&self) -> Raw<TlsStream<TcpStream>> {
        let tcp = TcpStream::connect(self.address).await.unwrap();
        self.handshake(tcp).await.unwrap()
    }

    /// TLS over a connection that already exists.
    pub(crate) async fn handshake(
        &self,
        tcp: TcpStream,
    ) -> std::io::Result<Raw<TlsStream<TcpStream>>> {
        let name = ServerName::try_from("localhost").unwrap();
        let connector = TlsConnector::from(client_config(&self.certificate, &[b"http/1.1"]));
        connector.connect(name, tcp).await.map(Raw::new)
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A TLS client configuration that trusts one certificate.
pub(crate) fn client_config(
    certificate: &CertificateDer<'static>,
    alpn: &[&[u8]],
) -> Arc<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|p| p.to_vec()).collect();
    Arc::new(config)
}

/// Bytes of one HTTP/1.1 request to the EWS path; `headers` end in CRLF each.
pub(crate) fn request(method: &str, headers: &str, body: &str) -> String {
    let length = if body.is_empty() {
        String::new()
    } else {
        format!("Content-Length: {}\r\n", body.len())
    };
    format!("{method} {PATH} HTTP/1.1\r\nHost: localhost\r\n{length}{headers}\r\n{body}")
}

/// A POST with the right credential.
pub(crate) fn post(body: &str) -> String {
    request("POST", &format!("Authorization: {}\r\n", logged_in()), body)
}

/// One HTTP/1.1 answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The header's value; names are compared without case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn closes(&self) -> bool {
        self.header("connection") == Some("close")
    }
}

/// A connection on which HTTP/1.1 is written and read by hand.
pub(crate) struct Raw<S> {
    pub(crate) stream: S,
    read: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Raw<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            read: Vec::new(),
        }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// Sends a request and reads its answer.
    pub(crate) async fn ask(&mut self, bytes: impl AsRef<[u8]>) -> Answer {
        self.send(bytes).await;
        self.answer().await
    }

    /// The next answer, whose body has a length.
    pub(crate) async fn answer(&mut self) -> Answer {
        self.answer_to("POST").await
    }

    /// The next answer, or nothing where the connection ends without a byte of one.
    pub(crate) async fn answer_unless_closed(&mut self) -> Option<Answer> {
        if self.read.is_empty() && self.fill().await == 0 {
            return None;
        }
        Some(self.answer().await)
    }

    /// The next answer to a request with this method.
    pub(crate) async fn answer_to(&mut self, method: &str) -> Answer {
        let head = self.take_until(b"\r\n\r\n").await;
        let mut answer = read_head(std::str::from_utf8(&head).unwrap());
        let length = answer
            .header("content-length")
            .map_or(0, |l| l.parse().unwrap());
        assert!(
            answer.header("transfer-encoding").is_none(),
            "answers have a length"
        );
        if method != "HEAD" && answer.status != 100 {
            while self.read.len() < length {
                assert_ne!(self.fill().await, 0, "the answer's body ended early");
            }
            answer.body = self.read.drain(..length).collect();
        }
        answer
    }

    /// Waits for the server to close; everything it still said.
    pub(crate) async fn closed(&mut self) -> Vec<u8> {
        while self.fill().await > 0 {}
        std::mem::take(&mut self.read)
    }

    async fn take_until(&mut self, end: &[u8]) -> Vec<u8> {
        loop {
            if let Some(at) = self.read.windows(end.len()).position(|w| w == end) {
                return self.read.drain(..at + end.len()).collect();
            }
            let got = self.fill().await;
            assert_ne!(
                got,
                0,
                "closed after {:?}",
                String::from_utf8_lossy(&self.read)
            );
        }
    }

    /// A reset counts as a close.
    async fn fill(&mut self) -> usize {
        let read = self.stream.read_buf(&mut self.read);
        timeout(PATIENCE, read)
            .await
            .expect("the server says nothing")
            .unwrap_or(0)
    }
}

fn read_head(head: &str) -> Answer {
    let mut lines = head.trim_end().split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap();
    Answer {
        status: status.parse().unwrap(),
        headers: lines
            .map(|line| line.split_once(':').unwrap())
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect(),
        body: Vec::new(),
    }
}

/// Writes an answer document to the folder that `CALBRIDGE_ANSWERS` names, if it is set: what lies there is validated
/// against the schema afterwards. Equal documents share a file.
pub(crate) fn keep_answer(document: &[u8]) {
    use std::hash::{DefaultHasher, Hash, Hasher};

    if let Some(folder) = std::env::var_os("CALBRIDGE_ANSWERS").map(std::path::PathBuf::from) {
        let mut hasher = DefaultHasher::new();
        document.hash(&mut hasher);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(
            folder.join(format!("{:016x}.xml", hasher.finish())),
            document,
        )
        .unwrap();
    }
}

//! A scripted server in the south: real TLS sockets on 127.0.0.1 that answer what the test says, and remember what they
//! were asked. Knows HTTP/1.1 just enough; no EWS.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// What the server does when a request has come.
pub(crate) enum Reply {
    /// Status, further header lines, body; the connection stays open.
    Answer(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// These bytes, then the connection ends by a reset.
    Reset(Vec<u8>),
    /// Nothing, for ever.
    Hang,
    /// What this says after the time that the server takes.
    After(Duration, Box<dyn FnOnce() -> Reply + Send>),
}

impl Reply {
    /// An XML answer with this status.
    pub(crate) fn xml(status: u16, body: impl Into<Vec<u8>>) -> Self {
        let kind = ("Content-Type", "text/xml; charset=utf-8".to_owned());
        Self::Answer(status, vec![kind], body.into())
    }

    /// A JSON answer with this status.
    pub(crate) fn json(status: u16, body: impl Into<Vec<u8>>) -> Self {
        let kind = ("Content-Type", "application/json; charset=utf-8".to_owned());
        Self::Answer(status, vec![kind], body.into())
    }

    /// A status with header lines and no body.
    pub(crate) fn status(status: u16, headers: &[(&'static str, &str)]) -> Self {
        let headers = headers.iter().map(|(n, v)| (*n, (*v).to_owned()));
        Self::Answer(status, headers.collect(), Vec::new())
    }
}

/// A request as it came.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Request {
    /// A header's value, exactly as sent.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim_start())
        })
    }

    /// Who logged in: the user name of the Basic login, or nothing.
    pub(crate) fn user(&self) -> String {
        use base64::prelude::{BASE64_STANDARD, Engine};
        let token = self.header("authorization").unwrap_or_default();
        let token = token.strip_prefix("Basic ").unwrap_or_default();
        let pair = String::from_utf8(BASE64_STANDARD.decode(token).unwrap()).unwrap();
        pair.split_once(':')
            .map_or(String::new(), |(user, _)| user.to_owned())
    }

    /// The fields of a form.
    pub(crate) fn form(&self) -> std::collections::BTreeMap<String, String> {
        url::form_urlencoded::parse(self.body.as_bytes())
            .into_owned()
            .collect()
    }

    /// The token of a Bearer login.
    pub(crate) fn token(&self) -> &str {
        let value = self.header("authorization").unwrap_or_default();
        value.strip_prefix("Bearer ").unwrap_or_default()
    }
}

type Script = dyn Fn(usize, &Request) -> Reply + Send + Sync;

/// A running server; it ends when dropped.
pub(crate) struct Upstream {
    pub(crate) port: u16,
    /// PEM file of the authority that signed its certificate.
    pub(crate) authority: PathBuf,
    requests: Arc<Mutex<Vec<Request>>>,
    _folder: TempDir,
    _tasks: JoinSet<()>,
}

impl Upstream {
    /// Answers the request number N (from 0) with `script(N, request)`.
    pub(crate) async fn start(
        script: impl Fn(usize, &Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::start_as("127.0.0.1", script).await
    }

    /// The same with a certificate for another host name.
    pub(crate) async fn start_as(
        name: &str,
        script: impl Fn(usize, &Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        crate::logs::keep();
        let folder = TempDir::new().unwrap();
        let authority = folder.path().join("authority.pem");
        let (acceptor, pem) = acceptor(name);
        std::fs::write(&authority, pem).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        let seen = Arc::clone(&requests);
        let script: Arc<Script> = Arc::new(script);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let (acceptor, seen, script) =
                    (acceptor.clone(), Arc::clone(&seen), Arc::clone(&script));
                connections.spawn(async move {
                    if let Ok(tls) = acceptor.accept(socket).await {
                        converse(tls, &seen, script.as_ref()).await;
                    }
                });
            }
        });
        Self {
            port,
            authority,
            requests,
            _folder: folder,
            _tasks: tasks,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://127.0.0.1:{}/EWS/Exchange.asmx", self.port)
    }

    /// Everything it was asked so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

/// An authority of its own, and a server certificate by it.
fn acceptor(name: &str) -> (TlsAcceptor, String) {
    let authority_key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = params.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(params, authority_key);
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &issuer).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![leaf.der().clone()],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), authority.pem())
}

/// Request after request until the caller goes or the script ends the connection.
async fn converse(mut tls: TlsStream<TcpStream>, seen: &Mutex<Vec<Request>>, script: &Script) {
    while let Some(request) = read_request(&mut tls).await {
        let number = {
            let mut seen = seen.lock().unwrap();
            seen.push(request.clone());
            seen.len() - 1
        };
        let mut reply = script(number, &request);
        while let Reply::After(time, then) = reply {
            tokio::time::sleep(time).await;
            reply = then();
        }
        match reply {
            Reply::After(..) => unreachable!("waited for above"),
            Reply::Answer(status, headers, body) => {
                let mut head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n", body.len());
                for (name, value) in headers {
                    head.extend([name, ": ", &value, "\r\n"]);
                }
                head.push_str("\r\n");
                if tls
                    .write_all(&[head.into_bytes(), body].concat())
                    .await
                    .is_err()
                {
                    return;
                }
                let _ = tls.flush().await;
            }
            Reply::Reset(bytes) => {
                let _ = tls.write_all(&bytes).await;
                let _ = tls.flush().await;
                tls.get_ref().0.set_zero_linger().unwrap();
                return;
            }
            Reply::Hang => std::future::pending().await,
        }
    }
}

async fn read_request(tls: &mut TlsStream<TcpStream>) -> Option<Request> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break at;
        }
        if tls.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).unwrap();
    let mut request = Request {
        head,
        body: String::new(),
    };
    // A GET has no body and says nothing about it.
    let length: usize = request
        .header("content-length")
        .unwrap_or("0")
        .parse()
        .unwrap();
    let mut body = bytes.split_off(head_end + 4);
    while body.len() < length {
        if tls.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    request.body = String::from_utf8(body).unwrap();
    Some(request)
}

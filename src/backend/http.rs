//! The one HTTP client: how every call to a server in the south is made. No statuses are judged here, nothing is tried
//! twice, and no protocol is known.

use std::path::Path;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::{Certificate, Client, ClientBuilder, Proxy, RequestBuilder, Response, redirect};

use super::EndpointError;
use super::build::BuildProblem;
use super::failure;

/// TCP and TLS together.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Shorter than the two minutes after which IIS closes an idle connection, so that ours closes first.
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);
/// The longest answer that is read, in bytes after decompression: about a hundred mailboxes with a thousand events.
pub(super) const MAX_ANSWER: usize = 32 << 20;
/// Old servers and block lists look at it; it is never empty.
const USER_AGENT: &str = concat!("calbridge/", env!("CARGO_PKG_VERSION"));

/// How the clients of one endpoint reach it, read once.
pub(super) struct Reach {
    trusted: Option<Vec<Certificate>>,
    proxy: Option<Proxy>,
}

impl Reach {
    /// `ca_certificate`: a PEM file trusted instead of the machine's roots. `proxy`: an `http` or `https` URL.
    pub(super) fn new(
        ca_certificate: Option<&Path>,
        proxy: Option<&str>,
    ) -> Result<Self, BuildProblem> {
        Ok(Self {
            trusted: ca_certificate.map(read_certificates).transpose()?,
            proxy: proxy.map(read_proxy).transpose()?,
        })
    }

    /// A client with connections and cookies of its own: a server keeps an account on one back end by its cookies.
    pub(super) fn client(&self) -> Result<Client, BuildProblem> {
        self.builder()
            .build()
            .map_err(|error| BuildProblem::Client(failure::innermost(&error)))
    }

    pub(super) fn builder(&self) -> ClientBuilder {
        let mut client = Client::builder()
            .user_agent(USER_AGENT)
            .https_only(true)
            // Exchange speaks HTTP/1.1 for EWS; some of its logins belong to the connection.
            .http1_only()
            // A redirect would carry the login to another place.
            .redirect(redirect::Policy::none())
            .referer(false)
            .cookie_store(true)
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            // Proxies of the environment are ignored; the next line adds the configured one.
            .no_proxy();
        if let Some(proxy) = &self.proxy {
            client = client.proxy(proxy.clone());
        }
        if let Some(trusted) = &self.trusted {
            client = client.tls_certs_only(trusted.iter().cloned());
        }
        client
    }
}

/// Sends; the body of the answer is still to be read.
pub(super) async fn send(request: RequestBuilder) -> Result<Response, EndpointError> {
    request.send().await.map_err(|error| failure::name(&error))
}

/// Reads the whole body, decompressed, up to [`MAX_ANSWER`].
pub(super) async fn body(answer: Response) -> Result<Bytes, EndpointError> {
    body_within(answer, MAX_ANSWER).await
}

/// Reads the whole body, decompressed, up to `most` bytes, which is at least a KiB.
pub(super) async fn body_within(mut answer: Response, most: usize) -> Result<Bytes, EndpointError> {
    let mut body = BytesMut::new();
    while let Some(piece) = answer
        .chunk()
        .await
        .map_err(|error| failure::name(&error))?
    {
        if body.len() + piece.len() > most {
            let bound = match most >> 20 {
                0 => format!("{} KiB", most >> 10),
                mebibytes => format!("{mebibytes} MiB"),
            };
            return Err(EndpointError::BadAnswer(
                format!("it is longer than {bound}").into(),
            ));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body.freeze())
}

fn read_certificates(file: &Path) -> Result<Vec<Certificate>, BuildProblem> {
    let pem = std::fs::read(file).map_err(|error| BuildProblem::CaUnreadable {
        file: file.to_owned(),
        why: error.to_string(),
    })?;
    let invalid = |why: String| BuildProblem::CaInvalid {
        file: file.to_owned(),
        why,
    };
    let certificates =
        Certificate::from_pem_bundle(&pem).map_err(|error| invalid(failure::innermost(&error)))?;
    if certificates.is_empty() {
        return Err(invalid("no BEGIN CERTIFICATE in it".into()));
    }
    // The builder would report a broken certificate too, but without the file's name.
    Client::builder()
        .no_proxy()
        .tls_certs_only(certificates.iter().cloned())
        .build()
        .map_err(|error| invalid(failure::innermost(&error)))?;
    Ok(certificates)
}

/// The URL may hold a password, so it is not repeated in the error.
fn read_proxy(url: &str) -> Result<Proxy, BuildProblem> {
    let parsed = reqwest::Url::parse(url).map_err(|_| BuildProblem::Proxy)?;
    if !matches!(parsed.scheme(), "http" | "https") || parsed.host_str().is_none() {
        return Err(BuildProblem::Proxy);
    }
    Proxy::all(parsed).map_err(|_| BuildProblem::Proxy)
}

//! How commands ask a running gateway: over its ops listener.

mod trust;

use std::error::Error;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{CommandError, ConfigFile};
use crate::config;
use crate::server::settings::OpsSettings;

/// Where the password of `[ops.login]` is looked for: on a command line, everybody could read it.
const PASSWORD: &str = "CALBRIDGE_OPS_PASSWORD";

/// What a configuration says about the listener.
pub(super) struct Listener {
    pub(super) listen: Option<SocketAddr>,
    /// The name that the certificate is made for, where there is one.
    pub(super) host: Option<String>,
    pub(super) user: Option<String>,
    /// Over TLS: the certificate that the listener shows.
    pub(super) certificate: Option<PathBuf>,
}

impl From<Option<&OpsSettings>> for Listener {
    fn from(ops: Option<&OpsSettings>) -> Self {
        let login = ops.and_then(|ops| ops.login.as_ref());
        let tls = ops.and_then(|ops| ops.tls.as_ref());
        Self {
            listen: ops.map(|ops| ops.listen),
            host: ops.and_then(|ops| ops.hosts.first().cloned()),
            user: login.map(|login| login.user.clone()),
            certificate: tls.map(|tls| tls.certificate.clone()),
        }
    }
}

/// The one part of the file that is looked at by [`OpsClient::of`].
#[derive(Debug, Deserialize)]
struct Excerpt {
    ops: Option<Ops>,
}

#[derive(Debug, Deserialize)]
struct Ops {
    listen: Option<SocketAddr>,
    #[serde(default)]
    hosts: Vec<String>,
    login: Option<Login>,
    tls: Option<Tls>,
}

#[derive(Debug, Deserialize)]
struct Login {
    user: String,
}

#[derive(Debug, Deserialize)]
struct Tls {
    certificate: PathBuf,
}

impl Ops {
    /// `folder`: where relative paths start.
    fn listener(self, folder: &Path) -> Listener {
        Listener {
            listen: self.listen,
            host: self.hosts.into_iter().next(),
            user: self.login.map(|login| login.user),
            certificate: self.tls.map(|tls| folder.join(tls.certificate)),
        }
    }
}

/// A listener of a gateway that ought to run.
pub(super) struct OpsClient {
    address: SocketAddr,
    listener: Listener,
}

impl OpsClient {
    /// Reads the file only for where the gateway listens: whether the rest is right is for the gateway to say, which may
    /// see secrets that this user does not.
    pub(super) fn of(file: &ConfigFile) -> Result<Self, CommandError> {
        let path = &file.config;
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("{} cannot be read", path.display()))?;
        let listener = match toml::from_str::<Excerpt>(&text) {
            Ok(Excerpt { ops: Some(ops) }) => ops.listener(path.parent().unwrap_or(Path::new(""))),
            Ok(Excerpt { ops: None }) => None.into(),
            // It says nothing that could be asked for; loading says why, in full.
            Err(_) => file.load()?.ops.as_ref().into(),
        };
        Self::new(listener)
    }

    pub(super) fn new(listener: Listener) -> Result<Self, CommandError> {
        let listen = listener.listen.filter(|address| address.port() != 0);
        let mut address = listen.ok_or_else(|| {
            CommandError::Usage(
                "a running gateway is asked over its ops listener, and the configuration has none: \
                 give [ops] listen an address, as \"127.0.0.1:9464\""
                    .to_owned(),
            )
        })?;
        if address.ip().is_unspecified() {
            address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
        }
        Ok(Self { address, listener })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Asks for a change. The answer counts whatever its status is, as long as it can be read.
    pub(super) async fn post<A: DeserializeOwned>(
        &self,
        path: &str,
        body: &serde_json::Value,
        patience: Duration,
    ) -> anyhow::Result<A> {
        let request = self
            .client(patience)?
            .post(self.url(path))
            .header("x-calbridge-ops", "1")
            .header("content-type", "application/json")
            .body(body.to_string());
        let answer = self.heard(self.logged_in(request)?).await?;
        let address = self.address;
        let status = answer.status();
        if status == StatusCode::UNAUTHORIZED {
            return Err(anyhow!(
                "the gateway at {address} refused the login of [ops.login]; is {PASSWORD} right?"
            ));
        }
        let text = answer.bytes().await?;
        serde_json::from_slice(&text).with_context(|| {
            format!("what listens on {address} (ops.listen) is not calbridge: it answered with HTTP status {status}")
        })
    }

    /// The status and the text of a page.
    pub(super) async fn get(
        &self,
        path: &str,
        patience: Duration,
    ) -> anyhow::Result<(StatusCode, String)> {
        let request = self.client(patience)?.get(self.url(path));
        // Some pages need no login: the gateway says so.
        let bare = request.try_clone();
        let request = match (self.logged_in(request), bare) {
            (Ok(request), _) | (Err(_), Some(request)) => request,
            (Err(error), None) => return Err(error),
        };
        let answer = self.heard(request).await?;
        Ok((answer.status(), answer.text().await?))
    }

    fn logged_in(&self, request: RequestBuilder) -> anyhow::Result<RequestBuilder> {
        let Some(user) = &self.listener.user else {
            return Ok(request);
        };
        let password = config::process_environment(PASSWORD);
        let password = password
            .and_then(|password| password.into_string().ok())
            .with_context(|| format!("the listener has a login: set {PASSWORD} to its password"))?;
        Ok(request.basic_auth(user, Some(password)))
    }

    async fn heard(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        let address = self.address;
        request.send().await.map_err(|error| {
            let error = error.without_url();
            if let Some(tls) = tls_failure(&error) {
                anyhow!("{}", tls_text(address, tls))
            } else if error.is_connect() {
                anyhow!(error).context(format!(
                    "nobody listens on {address} (ops.listen); is calbridge running with this configuration?"
                ))
            } else {
                anyhow!(error).context(format!("no answer from {address} (ops.listen)"))
            }
        })
    }

    fn url(&self, path: &str) -> String {
        let address = self.address;
        match (&self.listener.certificate, &self.listener.host) {
            (Some(_), Some(host)) => format!("https://{host}:{}{path}", address.port()),
            (Some(_), None) => format!("https://{address}{path}"),
            (None, _) => format!("http://{address}{path}"),
        }
    }

    /// No proxy from the environment: this stays on the machine.
    fn client(&self, patience: Duration) -> anyhow::Result<reqwest::Client> {
        let mut builder = reqwest::Client::builder().no_proxy().timeout(patience);
        if let Some(host) = &self.listener.host {
            builder = builder.resolve(host, self.address);
        }
        builder = match &self.listener.certificate {
            None => builder.tls_certs_only([]),
            Some(file) => builder.tls_backend_preconfigured(trust::config(file)?),
        };
        Ok(builder.build()?)
    }
}

/// An [`io::Error`] hides what it wraps from `source`.
fn tls_failure(error: &reqwest::Error) -> Option<&rustls::Error> {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(tls) = error.downcast_ref() {
            return Some(tls);
        }
        cause = match error.downcast_ref::<io::Error>() {
            Some(io) => io.get_ref().map(|inner| inner as _),
            None => error.source(),
        };
    }
    None
}

/// Somebody listens there: to say that nobody does would send people looking in the wrong place.
fn tls_text(address: SocketAddr, error: &rustls::Error) -> String {
    let why = match error {
        rustls::Error::InvalidCertificate(_) => {
            "the certificate that it shows is not that of ops.tls"
        }
        rustls::Error::InvalidMessage(_) => {
            "it does not speak TLS: ops.tls is not in use yet, or another program listens there"
        }
        _ => "TLS cannot be spoken with it",
    };
    format!("{address} (ops.listen) listens, but {why} ({error}); `kill -HUP` reloads without it")
}

//! What one configuration gives to the server, and how another takes its place while the server runs.
//!
//! A request sees one [`Front`] from its head to its answer, a new connection the one of the moment. What is counted over
//! all requests (places, room for bodies, verdicts of logins) goes on where its settings did not change. Sockets are not
//! touched.

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use aws_lc_rs::digest::{self, SHA256};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

use super::address::Access;
use super::certificates::CertificateInUse;
use super::conn::Shared;
use super::denied::{Denial, Denials};
use super::gate::Gates;
use super::login::{Kept, Login};
use super::pipeline::Pipeline;
use super::settings::{OpsSettings, ServerLimits, ServerSettings};
use super::stop::Stop;
use super::{StartError, tls, token};
use crate::face::Routes;
use crate::metrics::Metrics;

/// Everything that the configuration decides. Cheap to clone.
#[derive(Clone)]
pub(super) struct Front {
    pub(super) tls: TlsAcceptor,
    /// What `tls` shows, the default first.
    certificates: Arc<[CertificateInUse]>,
    pub(super) access: Arc<Access>,
    pub(super) limits: ServerLimits,
    /// Connections that may still be taken.
    pub(super) connections: Arc<Semaphore>,
    pub(super) pipeline: Arc<Pipeline>,
}

impl Front {
    /// Loads certificate, key and password hashes. `denied`: where refused addresses are noted. `kept`: what the login goes on with.
    pub(super) async fn build(
        settings: &ServerSettings,
        routes: Routes,
        metrics: Arc<Metrics>,
        (stop, denied, kept): (Stop, Arc<Denials>, Option<Kept>),
    ) -> Result<Self, StartError> {
        let (tls, certificates) = load_tls(settings).await?;
        let access = Arc::new(Access::new(&settings.access, &routes));
        let login = Login::new(&settings.access, settings.limits.login_queue, kept)?;
        let routes = token::routes(routes, &login, &metrics);
        let gates = Gates::new(&routes, Arc::clone(&access), login, denied)?;
        let pipeline = Pipeline::new(settings, routes, gates, metrics, stop);
        let limits = settings.limits.clone();
        let most = limits.max_connections.min(Semaphore::MAX_PERMITS);
        Ok(Self {
            tls,
            certificates,
            access,
            limits,
            connections: Arc::new(Semaphore::new(most)),
            pipeline: Arc::new(pipeline),
        })
    }

    /// Goes on with what `before` has counted. Where a bound changed, the new one begins at zero: for a while, what the
    /// old one let in comes on top.
    fn succeeding(mut self, before: &Self) -> Self {
        if self.limits.max_connections == before.limits.max_connections {
            self.connections = Arc::clone(&before.connections);
        }
        if let Some(pipeline) = Arc::get_mut(&mut self.pipeline) {
            pipeline.succeed(&before.pipeline);
        }
        self
    }
}

/// Changes what a running server answers with. Changes are made by one task at a time.
#[derive(Clone)]
pub struct ServerControl(pub(super) Arc<Shared>);

/// What will be answered with, complete and checked.
pub struct Prepared(Front);

impl ServerControl {
    /// Everything but `settings.listen`, which a running server keeps.
    pub async fn prepare(
        &self,
        settings: &ServerSettings,
        routes: Routes,
    ) -> Result<Prepared, StartError> {
        let before = self.0.front.load_full();
        let (denied, stop) = (Arc::clone(&self.0.denied), self.0.stop.clone());
        let metrics = Arc::clone(before.pipeline.metrics());
        let kept = before.pipeline.login().kept();
        let front = Front::build(settings, routes, metrics, (stop, denied, Some(kept))).await?;
        Ok(Prepared(front.succeeding(&before)))
    }

    /// The present answers with another certificate and key.
    pub async fn prepare_tls(&self, settings: &ServerSettings) -> Result<Prepared, StartError> {
        let (tls, certificates) = load_tls(settings).await?;
        let before = self.0.front.load_full();
        Ok(Prepared(Front {
            tls,
            certificates,
            ..(*before).clone()
        }))
    }

    /// The networks that were refused last, the latest first.
    pub fn denied(&self) -> Vec<Denial> {
        self.0.denied.list()
    }

    /// The certificates that new connections are shown, the default first.
    pub fn certificates(&self) -> Arc<[CertificateInUse]> {
        Arc::clone(&self.0.front.load().certificates)
    }

    /// From now on, new connections and requests see this; those under way keep what they began with.
    pub fn put(&self, prepared: Prepared) {
        self.0.front.store(Arc::new(prepared.0));
    }
}

/// The contents of the certificate's files, as far as they can be told from others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateMark(Vec<Option<Vec<u8>>>);

impl CertificateMark {
    /// Reads the files of both listeners.
    pub fn of(settings: &ServerSettings, ops: Option<&OpsSettings>) -> Self {
        let digest = |file: &PathBuf| {
            let bytes = std::fs::read(file).ok()?;
            Some(digest::digest(&SHA256, &bytes).as_ref().to_vec())
        };
        let own = std::iter::once(&settings.certificate).chain(&settings.named_certificates);
        let pairs = own.chain(ops.and_then(|ops| ops.tls.as_ref()));
        let mut files: Vec<_> = pairs
            .flat_map(|pair| [&pair.certificate, &pair.private_key])
            .collect();
        files.extend(&settings.client_ca);
        Self(files.into_iter().map(digest).collect())
    }
}

/// Where the present [`Front`] is found.
pub(super) type Fronts = ArcSwap<Front>;

/// Reads files, and so not on an async thread.
async fn load_tls(
    settings: &ServerSettings,
) -> Result<(TlsAcceptor, Arc<[CertificateInUse]>), StartError> {
    let (default, client_ca) = (settings.certificate.clone(), settings.client_ca.clone());
    let named = settings.named_certificates.clone();
    tokio::task::spawn_blocking(move || tls::load(&default, &named, client_ca.as_deref()))
        .await
        .unwrap_or_else(|cause| Err(rustls::Error::General(cause.to_string()).into()))
        .map(|loaded| (loaded.config.into(), loaded.certificates.into()))
}

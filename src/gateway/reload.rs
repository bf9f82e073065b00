//! Reads the configuration again while the gateway runs: applied as a whole, or refused with every problem while the old
//! one serves on. Also watches the certificate's files, which others renew.
//!
//! Sockets are kept, so `server.listen` and `ops.listen` cannot change.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::not_used::{NotUsed, Refusal};
use super::world::{Changes, World};
use crate::backend::build::Change;
use crate::backend::instance::Instance;
use crate::config::{self, Config};
use crate::metrics::{EndpointMetrics, Metrics};
use crate::server::ops::{OpsControl, OpsPrepared};
use crate::server::{
    CertificateInUse, CertificateMark, Denial, Prepared, ServerControl, StartError,
};

/// Changes a running gateway. One change is made at a time.
pub struct Reloader {
    world: ArcSwap<World>,
    server: ServerControl,
    /// Set once, where there is an ops listener.
    ops: OnceLock<OpsControl>,
    instance: Instance,
    metrics: Arc<Metrics>,
    file: Option<PathBuf>,
    /// The certificate that was last looked at.
    turn: Mutex<CertificateMark>,
    /// The configuration as last read, where it is not the one in use.
    configuration: NotUsed,
    /// The same of the certificates' files.
    changed_certificates: NotUsed,
}

/// What both listeners will be.
type Listeners = (Prepared, Option<OpsPrepared>);

/// What a reload changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// Endpoints that are the very same as before.
    pub kept: Vec<Arc<str>>,
    /// Endpoints with changed settings or secrets.
    pub rebuilt: Vec<Arc<str>>,
    /// Endpoints that were not there before, or are another source now.
    pub new: Vec<Arc<str>>,
    pub removed: Vec<Arc<str>>,
    /// What is odd about the configuration and yet works.
    pub warnings: Vec<String>,
}

/// Why a configuration was not taken: every reason that was found, one sentence each, with the key at fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the configuration is not used, the old one serves on:\n{}", problems.join("\n"))]
pub struct Refused {
    pub problems: Vec<String>,
}

impl From<String> for Refused {
    fn from(problem: String) -> Self {
        Self {
            problems: vec![problem],
        }
    }
}

impl Reloader {
    pub(super) fn new(
        world: World,
        file: Option<PathBuf>,
        (server, instance): (ServerControl, Instance),
        metrics: Arc<Metrics>,
    ) -> Self {
        metrics.started_at(instance.clock.now().as_second());
        let mark = CertificateMark::of(&world.server, world.ops.as_ref());
        Self {
            world: ArcSwap::from_pointee(world),
            server,
            ops: OnceLock::new(),
            instance,
            metrics,
            file,
            turn: Mutex::new(mark),
            configuration: NotUsed::default(),
            changed_certificates: NotUsed::default(),
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.instance.clock.now()
    }

    /// The ops listener is bound after this, because it can wish for a reload.
    pub(super) fn controls_ops(&self, ops: OpsControl) {
        // Nobody else sets it.
        let _ = self.ops.set(ops);
    }

    /// The networks whose connections were refused last.
    pub(super) fn denied(&self) -> Vec<Denial> {
        self.server.denied()
    }

    /// What is wrong with the configuration as last read, where an older one serves in its place.
    pub(super) fn refused_configuration(&self) -> Option<Arc<Refusal>> {
        self.configuration.refusal()
    }

    /// What is wrong with the certificates' files as last read, where those from before are shown.
    pub(super) fn refused_certificates(&self) -> Option<Arc<Refusal>> {
        self.changed_certificates.refusal()
    }

    /// The certificates that callers are shown, the default first.
    pub(super) fn certificates(&self) -> Arc<[CertificateInUse]> {
        self.server.certificates()
    }

    /// The certificate of the ops listener, where it has one.
    pub(super) fn ops_certificate(&self) -> Option<CertificateInUse> {
        self.ops.get().and_then(OpsControl::certificate)
    }

    /// The counters of an endpoint.
    pub(super) fn counters(&self, endpoint: &str) -> EndpointMetrics {
        self.instance.metrics(endpoint)
    }

    /// The world of the moment.
    pub(super) fn world(&self) -> Arc<World> {
        self.world.load_full()
    }

    /// Waits for `stop`; then says when all that a stop waits for must have ended.
    pub(super) async fn drain_ends(&self, stop: CancellationToken) -> Instant {
        stop.cancelled().await;
        Instant::now() + self.world().server.limits.drain
    }

    /// What becomes of passwords that are on their way, and all that was learnt of role accounts before, is on disk before
    /// the process ends, where that does not take longer than until `ends`.
    pub(super) async fn remembered(&self, ends: Instant) {
        let left = || ends.saturating_duration_since(Instant::now());
        let quarantine = &self.instance.quarantine;
        if !quarantine.tried(left()).await {
            tracing::warn!(
                "A server does not say whether it takes a role account's password: it is sent once more after the next start"
            );
        }
        if !quarantine.written(left()).await {
            tracing::warn!(
                "server.state_directory does not answer: what was last learnt of role accounts is not kept"
            );
        }
    }

    /// Reads the configuration file and everything that it refers to, and puts it in the place of what serves now.
    pub async fn reload(&self) -> Result<Applied, Refused> {
        let mut turn = self.turn.lock().await;
        let result = self.read_and_apply(&mut turn).await;
        let now = self.now();
        let at = now.as_second();
        match &result {
            Ok(applied) => {
                self.configuration.used();
                self.changed_certificates.used();
                self.metrics.configuration_read("applied", at);
                tell_applied(applied);
            }
            Err(refused) => {
                self.configuration.refused(now, refused.problems.clone());
                self.metrics.configuration_read("refused", at);
                tracing::error!(
                    problems = refused.problems.len(),
                    "The configuration is not used, the old one serves on"
                );
                for problem in &refused.problems {
                    tracing::error!("Configuration: {problem}");
                }
            }
        }
        result
    }

    async fn read_and_apply(&self, turn: &mut CertificateMark) -> Result<Applied, Refused> {
        let Some(file) = self.file.clone() else {
            return Err("this gateway was not started from a file".to_owned().into());
        };
        // Files are read, and plain passwords of callers are hashed.
        let loaded = tokio::task::spawn_blocking(move || {
            config::load(&file).map_err(|error| {
                let problems = error.problems.iter();
                let problems = problems
                    .map(|problem| problem.in_file(&file).to_string())
                    .collect();
                Refused { problems }
            })
        });
        let config = loaded.await.map_err(|error| error.to_string())??;
        let before = self.world();
        refuse_other_sockets(&before, &config)?;
        self.apply(&before, config, turn).await
    }

    /// Everything that can fail comes before the first change that callers see.
    async fn apply(
        &self,
        before: &Arc<World>,
        config: Config,
        turn: &mut CertificateMark,
    ) -> Result<Applied, Refused> {
        let file = self.file.clone().unwrap_or_default();
        let warnings = config.warnings.iter();
        let warnings = warnings.map(|warning| warning.in_file(&file).to_string());
        let warnings = warnings
            .chain(self.kept_in_the_old_place(&config))
            .collect();
        let old_names = before.endpoint_names();
        let names = config
            .endpoints
            .iter()
            .map(|endpoint| Arc::from(&*endpoint.name));
        let all: Vec<Arc<str>> = old_names.iter().cloned().chain(names).collect();
        self.metrics.endpoints_are(&all);
        let mark = CertificateMark::of(&config.server, config.ops.as_ref());
        let prepared = self.prepare(before, config).await;
        let (world, changes, prepared) = prepared.inspect_err(|_| {
            self.metrics.endpoints_are(&old_names);
        })?;
        let names = world.endpoint_names();
        self.world.store(Arc::clone(&world));
        self.put(prepared);
        world.begin();
        *turn = mark;
        self.metrics.endpoints_are(&names);
        // It may have to look at every entry.
        let forget = tokio::task::spawn_blocking(move || world.availability.forget_others());
        let _ = forget.await;
        Ok(Applied::new(&old_names, &changes, warnings))
    }

    /// Logins that were refused stay remembered where they are: moving them would forget some.
    fn kept_in_the_old_place(&self, config: &Config) -> Option<String> {
        let is_same = self.instance.quarantine.directory() == config.state_directory.as_deref();
        (!is_same).then(|| {
            "server.state_directory: cannot change while calbridge runs; the old one is used until a restart".to_owned()
        })
    }

    async fn prepare(
        &self,
        before: &Arc<World>,
        config: Config,
    ) -> Result<(Arc<World>, Changes, Listeners), Refused> {
        let (before, instance) = (Arc::clone(before), self.instance.clone());
        // Building an endpoint reads files.
        let next = tokio::task::spawn_blocking(move || before.next(config, &instance)).await;
        let next = next.map_err(|error| error.to_string())?;
        let (world, changes) = next.map_err(|errors| Refused {
            problems: errors.iter().map(ToString::to_string).collect(),
        })?;
        let prepared = self.server.prepare(&world.server, world.routes()).await;
        let prepared = prepared.map_err(|error| error.to_string())?;
        let ops = self
            .prepare_ops(&world)
            .map_err(|error| error.to_string())?;
        Ok((Arc::new(world), changes, (prepared, ops)))
    }

    fn prepare_ops(&self, world: &World) -> Result<Option<OpsPrepared>, StartError> {
        let both = self.ops.get().zip(world.ops.as_ref());
        both.map(|(control, ops)| control.prepare(ops)).transpose()
    }

    fn put(&self, (server, ops): Listeners) {
        self.server.put(server);
        if let Some((control, ops)) = self.ops.get().zip(ops) {
            control.put(ops);
        }
    }

    /// Looks at the files of the certificate now and then, and takes those that others have put there. A pair that cannot
    /// be used is told once and left alone until it changes again.
    pub(super) async fn watch_certificate(&self, stop: CancellationToken) {
        loop {
            let every = self.world().server.watch;
            let pause = tokio::time::sleep(every);
            if stop.run_until_cancelled(pause).await.is_none() {
                return;
            }
            self.look_at_certificate().await;
        }
    }

    async fn look_at_certificate(&self) {
        let mut turn = self.turn.lock().await;
        let world = self.world();
        let look = move || CertificateMark::of(&world.server, world.ops.as_ref());
        let looked = tokio::task::spawn_blocking(look).await;
        let Ok(mark) = looked else {
            return;
        };
        if *turn == mark {
            return;
        }
        *turn = mark;
        let world = self.world();
        let server = self.server.prepare_tls(&world.server).await;
        let prepared = server.and_then(|server| Ok((server, self.prepare_ops(&world)?)));
        self.metrics.certificates_read(prepared.is_ok());
        match prepared {
            Ok(prepared) => {
                self.put(prepared);
                self.changed_certificates.used();
                tracing::info!(
                    "Took the new certificate; connections that are open keep the old one"
                );
            }
            Err(error) => {
                let problem = error.to_string();
                self.changed_certificates.refused(self.now(), vec![problem]);
                tracing::warn!(
                    "The changed certificate is not used, the old one serves on: {error}"
                );
            }
        }
    }
}

fn refuse_other_sockets(before: &World, config: &Config) -> Result<(), Refused> {
    let mut problems = Vec::new();
    let mut refuse = |key: &str| {
        problems.push(format!(
            "{key}: cannot change while calbridge runs; restart it to listen elsewhere"
        ));
    };
    if before.server.listen != config.server.listen {
        refuse("server.listen");
    }
    if before.ops.as_ref().map(|ops| ops.listen) != config.ops.as_ref().map(|ops| ops.listen) {
        refuse("ops.listen");
    }
    if before.audit != config.audit {
        problems.push("audit: cannot change while calbridge runs; restart it".to_owned());
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(Refused { problems })
    }
}

impl Applied {
    fn new(before: &[Arc<str>], changes: &Changes, warnings: Vec<String>) -> Self {
        let these = |wanted: Change| -> Vec<Arc<str>> {
            let these = changes.iter().filter(|(_, change)| *change == wanted);
            these.map(|(name, _)| Arc::clone(name)).collect()
        };
        let stays = |name: &Arc<str>| changes.iter().any(|(now, _)| now == name);
        Self {
            kept: these(Change::Kept),
            rebuilt: these(Change::Rebuilt),
            new: these(Change::New),
            removed: before.iter().filter(|name| !stays(name)).cloned().collect(),
            warnings,
        }
    }
}

fn tell_applied(applied: &Applied) {
    for warning in &applied.warnings {
        tracing::warn!("Configuration: {warning}");
    }
    let (kept, removed) = (applied.kept.len(), applied.removed.len());
    let (rebuilt, new) = (applied.rebuilt.len(), applied.new.len());
    tracing::info!(kept, rebuilt, new, removed, "Applied the configuration");
}

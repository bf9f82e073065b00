//! The gateway as a whole: from a configuration to a server that holds its addresses and is ready to run. Ties the
//! layers together and decides nothing itself.

mod discovery;
mod expiry;
mod not_used;
mod recovery;
pub mod reload;
mod routes;
mod target;
mod world;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::{join, join5};
use tokio_util::sync::CancellationToken;

use crate::backend::build;
use crate::backend::instance::Instance;
use crate::backend::quarantine::{Quarantine, StateError};
use crate::backend::settings::EndpointSettings;
use crate::config::Config;
use crate::domain::Clock;
use crate::metrics::Metrics;
use crate::server::audit::AuditLog;
use crate::server::lifecycle::{Ended, StopSignals, run_until_signal};
use crate::server::ops::OpsServer;
use crate::server::{Server, StartError};
use crate::service::Availability;
use crate::service::settings::ServiceSettings;

use self::reload::Reloader;
use self::target::Target;
use self::world::World;

/// Everything that callers in the north are answered with.
pub struct Gateway {
    server: Server,
    ops: Option<OpsServer>,
    reloader: Arc<Reloader>,
}

/// Why there is no gateway; says which key, file or address is at fault.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error(transparent)]
    Endpoint(#[from] build::BuildError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Start(#[from] StartError),
}

impl BuildError {
    /// The address that could not be listened on, where that is the reason: the configuration is not at fault then.
    pub fn refused_address(&self) -> Option<SocketAddr> {
        match self {
            Self::Start(
                StartError::Listen { address, .. } | StartError::ListenOps { address, .. },
            ) => Some(*address),
            Self::Start(_) | Self::Endpoint(_) | Self::State(_) => None,
        }
    }

    /// Whether the machine or a file is at fault and not what the configuration says: trying again may help.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::State(_) => true,
            Self::Start(error) => error.may_pass(),
            Self::Endpoint(error) => error.problem.is_of_file(),
        }
    }
}

impl Gateway {
    /// Builds the endpoints, loads the certificate and binds the addresses. Asks no endpoint anything.
    pub async fn build(config: Config, clock: Arc<dyn Clock>) -> Result<Self, BuildError> {
        Self::made(config, None, clock).await
    }

    /// The same for a configuration that was loaded from `file` and may be read from there again.
    pub async fn build_from(
        file: PathBuf,
        config: Config,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, BuildError> {
        Self::made(config, Some(file), clock).await
    }

    async fn made(
        config: Config,
        file: Option<PathBuf>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, BuildError> {
        let names: Vec<_> = config.endpoints.iter().map(|each| &each.name).collect();
        let metrics = Arc::new(Metrics::new(&names));
        let mut instance = Instance::new(clock).counting(Arc::clone(&metrics));
        if let Some(directory) = &config.state_directory {
            instance = instance.remembering(Quarantine::open(directory)?);
        }
        if let Some(audit) = &config.audit {
            let log = AuditLog::start(audit, Arc::clone(&instance.clock), Arc::clone(&metrics))?;
            instance = instance.auditing(Arc::new(log));
        }
        let world = World::new(config, &instance)?;
        let (settings, routes) = (world.server.clone(), world.routes());
        let ops = world.ops.clone();
        let server = Server::bind(settings, routes, Arc::clone(&metrics)).await?;
        let counting = Arc::clone(&metrics);
        let reloader = Arc::new(Reloader::new(
            world,
            file,
            (server.control(), instance),
            counting,
        ));
        let target = Arc::new(Target::new(Arc::clone(&reloader), Arc::clone(&metrics)));
        let ops = ops
            .map(|ops| OpsServer::bind(&ops, target, metrics))
            .transpose()?;
        if let Some(ops) = &ops {
            reloader.controls_ops(ops.control());
        }
        reloader.world().begin();
        Ok(Self {
            server,
            ops,
            reloader,
        })
    }

    /// What reads the configuration again.
    pub fn reloader(&self) -> Arc<Reloader> {
        Arc::clone(&self.reloader)
    }

    /// Where it really listens, in the order of `server.listen`: port 0 has become the port that the system gave.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.server.addresses()
    }

    /// Where whoever runs the gateway is listened for.
    pub fn ops_address(&self) -> Option<SocketAddr> {
        self.ops.as_ref().map(OpsServer::address)
    }

    /// Serves until `stop` is cancelled, then lets the requests in flight finish and what was learnt of role accounts
    /// reach the disk, both within `limits.drain`. The ops listener goes last, so that the end can be watched.
    pub async fn run(self, stop: CancellationToken) {
        let drained = CancellationToken::new();
        let serve = async {
            let drain_ends = self.reloader.drain_ends(stop.clone());
            let ((), ends) = join(self.server.run(stop.clone()), drain_ends).await;
            self.reloader.remembered(ends).await;
            drained.cancel();
        };
        let certificate = self.reloader.watch_certificate(stop.clone());
        let expiry = expiry::warn_daily(&self.reloader, stop.clone());
        let recovery = recovery::try_ill_endpoints(&self.reloader, stop.clone());
        let watch = async {
            if let Some(ops) = self.ops {
                ops.run(stop.clone(), drained.clone()).await;
            }
        };
        join5(serve, watch, certificate, expiry, recovery).await;
    }

    /// Serves until SIGTERM or SIGINT; see [`run_until_signal`].
    pub async fn run_until_signal(self, signals: StopSignals) -> Ended {
        run_until_signal(|stop| self.run(stop), signals).await
    }
}

/// The service alone, for questions that do not come over the network.
pub fn availability(
    endpoints: Vec<EndpointSettings>,
    service: &ServiceSettings,
    instance: &Instance,
) -> Result<Availability, build::BuildError> {
    let endpoints = endpoints
        .into_iter()
        .map(|settings| build::endpoint(settings, instance).map(Arc::new))
        .collect::<Result<_, _>>()?;
    Ok(Availability::new(endpoints, service, instance))
}

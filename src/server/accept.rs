//! The server as a whole: binds, accepts, and stops without losing a request.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::StartError;
use super::clock::SystemClock;
use super::conn::Shared;
use super::count::CountedConnection;
use super::denied::Denials;
use super::front::{Front, Fronts, ServerControl};
use super::inherited::Inherited;
use super::login::Login;
use super::settings::ServerSettings;
use super::stop::Stop;
use crate::domain::Clock;
use crate::face::Routes;
use crate::metrics::Metrics;

/// After accepting failed for want of something (files, memory), others need a moment to give it back.
const BACK_OFF: Duration = Duration::from_millis(50);

/// Connections that the kernel may complete before we accept them.
const BACKLOG: i32 = 1024;

/// A server that holds its addresses and its certificate and is ready to run.
pub struct Server {
    listeners: Vec<TcpListener>,
    addresses: Vec<SocketAddr>,
    shared: Arc<Shared>,
    /// Every connection's task.
    tasks: TaskTracker,
    /// Ends the tasks that a drain did not.
    cut: CancellationToken,
}

impl Server {
    /// Binds every address and loads certificate, key and password hashes: whatever is wrong with them shows here,
    /// before anything is served. Port 0 takes a free port. Connections wait in the backlog until [`Server::run`].
    pub async fn bind(
        settings: ServerSettings,
        routes: Routes,
        metrics: Arc<Metrics>,
    ) -> Result<Self, StartError> {
        let (stop, denied) = (Stop::default(), Arc::<Denials>::default());
        let front = Front::build(
            &settings,
            routes,
            metrics,
            (stop.clone(), Arc::clone(&denied), None),
        )
        .await?;
        let (listeners, addresses) = listen(&settings.listen)?;
        Ok(Self {
            listeners,
            addresses,
            shared: Arc::new(Shared {
                front: Fronts::from_pointee(front),
                denied,
                stop,
            }),
            tasks: TaskTracker::new(),
            cut: CancellationToken::new(),
        })
    }

    /// Where the server really listens, in the order of the settings.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.addresses.clone()
    }

    /// The login that all faces share, for its counters.
    pub fn login(&self) -> Arc<Login> {
        Arc::clone(self.shared.front.load().pipeline.login())
    }

    /// What changes the server while it runs.
    pub fn control(&self) -> ServerControl {
        ServerControl(Arc::clone(&self.shared))
    }

    /// Serves until `stop` is cancelled. Then accepts no more, answers what has begun, waits for it at most
    /// `limits.drain` and returns. Dropping the future cuts everything off at once.
    pub async fn run(mut self, stop: CancellationToken) {
        let _cut_when_dropped = self.cut.clone().drop_guard();
        let listeners = std::mem::take(&mut self.listeners);
        let accepting = listeners
            .into_iter()
            .map(|listener| self.accept_until(listener, &stop));
        futures_util::future::join_all(accepting).await;
        self.drain().await;
    }

    async fn drain(&self) {
        self.shared.stop.say();
        self.tasks.close();
        tracing::info!("Stopping: no new connections, requests in flight are finished");
        let drain = self.shared.front.load().limits.drain;
        if timeout(drain, self.tasks.wait()).await.is_err() {
            let left = self.tasks.len();
            tracing::warn!(left, "Stopped with connections that did not end in time");
        }
    }

    async fn accept_until(&self, listener: TcpListener, stop: &CancellationToken) {
        loop {
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => self.admit(stream, peer.ip().to_canonical()),
                Err(cause) => rest_after(&cause).await,
            }
        }
        // Connections that the kernel has already accepted would be reset with the listener.
        while let Some(Ok((stream, peer))) = listener.accept().now_or_never() {
            self.admit(stream, peer.ip().to_canonical());
        }
    }

    /// Drops the connection without a word when the peer may not connect or there are too many.
    fn admit(&self, stream: TcpStream, peer: IpAddr) {
        let front = self.shared.front.load();
        let metrics = front.pipeline.metrics();
        if !front.access.may_connect(peer) {
            metrics.denied();
            self.shared.denied.note(peer, SystemClock.now());
            tracing::debug!(%peer, "Dropped a connection from an address that is not allowed");
            return;
        }
        let Ok(permit) = Arc::clone(&front.connections).try_acquire_owned() else {
            tracing::debug!(%peer, "Dropped a connection beyond server.max_connections");
            return;
        };
        // Without it, the last piece of an answer may wait for the peer's acknowledgement.
        let _ = stream.set_nodelay(true);
        let (shared, cut) = (Arc::clone(&self.shared), self.cut.clone());
        let counted = CountedConnection::open(metrics);
        self.tasks.spawn(async move {
            let _held = (permit, counted);
            cut.run_until_cancelled(shared.serve(stream, peer)).await;
        });
    }
}

fn listen(wanted: &[SocketAddr]) -> Result<(Vec<TcpListener>, Vec<SocketAddr>), StartError> {
    if wanted.is_empty() {
        return Err(StartError::NoAddress);
    }
    let mut inherited = Inherited::from_environment();
    let mut listeners = Vec::with_capacity(wanted.len());
    let mut addresses = Vec::with_capacity(wanted.len());
    for &address in wanted {
        let named = |source| StartError::Listen { address, source };
        let listener = match inherited.take(address) {
            Some(socket) => socket.and_then(TcpListener::from_std),
            None => bind(address, shares_port(address, wanted)),
        };
        let listener = listener.map_err(named)?;
        addresses.push(listener.local_addr().map_err(named)?);
        listeners.push(listener);
    }
    for address in inherited.left_over() {
        tracing::warn!(%address, "A socket that was handed over is not used: server.listen does not have its address");
    }
    Ok((listeners, addresses))
}

/// `[::]:443` also takes the IPv4 connections of its port, unless `0.0.0.0:443` is to be listened on as well.
fn shares_port(address: SocketAddr, wanted: &[SocketAddr]) -> bool {
    let every_ipv4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port()));
    address.is_ipv6() && address.port() != 0 && wanted.contains(&every_ipv4)
}

pub(super) fn bind(address: SocketAddr, ipv6_only: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(ipv6_only)?;
    }
    // A restart must not wait until the last connections of its predecessor are forgotten.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// A connection that ended before it was accepted is nobody's fault; anything else may last.
pub(super) fn rest_after(cause: &io::Error) -> impl Future<Output = ()> + use<> {
    let brief = matches!(
        cause.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    );
    if !brief {
        tracing::warn!(%cause, "Could not accept a connection");
    }
    tokio::time::sleep(if brief { Duration::ZERO } else { BACK_OFF })
}

//! The ops listener: metrics, health and the cache for whoever runs the gateway. HTTP/1.1, plain or over TLS, on an
//! address of its own; callers never see it.
//!
//! One connection answers one request and lives ten seconds at most, so nobody can hold it for long; only a reload may
//! take a minute. What is answered stands in `answer`; this file owns the sockets.

mod answer;
mod front;
mod origin;
mod page;
mod places;
mod process;
mod scope;

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::civil::Date;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::answer::{Desk, Visit};
use self::front::Fronts;
pub use self::front::{OpsControl, OpsPrepared};
pub use self::page::{
    AccountStatus, DeniedNetwork, EndpointStatus, ErrorStatus, ExpiryStatus, Hour, Line, LookUp,
    LookUpEvent, RefusalStatus, Registry, Setup, Sparkline, Status, Tone,
};
use self::places::Places;
use super::StartError;
use super::accept;
use super::settings::OpsSettings;
use crate::domain::SmtpAddress;
use crate::metrics::Metrics;
use crate::service::cache::DropScope;

/// From a connection's first byte to its close.
const LIFETIME: Duration = Duration::from_secs(10);
/// The same where the configuration is read again: hundreds of plain passwords take longer than that to hash.
pub const RELOAD_TIME: Duration = Duration::from_mins(1);
/// What a look-up may take of it, so that its page is still sent.
pub const LOOK_UP_TIME: Duration = Duration::from_secs(8);
const MAX_BUFFER: usize = 32 << 10;
const MAX_HEADERS: usize = 64;
/// How long a stop waits for requests in flight.
const DRAIN: Duration = Duration::from_secs(1);

/// What became of a wish to read the configuration again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reloaded {
    /// It serves now; what changed.
    Applied(serde_json::Value),
    /// The old one serves on, for these reasons.
    Refused(Vec<String>),
}

/// What the listener tells about and acts on.
#[async_trait]
pub trait OpsTarget: Send + Sync + 'static {
    /// Forgets cached answers; how many mailboxes were forgotten. May take a while.
    fn drop_cached(&self, scope: &DropScope) -> u64;

    /// Asks nobody: what is known now.
    fn ready(&self) -> Readiness;

    /// How everything is, in words.
    fn status(&self) -> Status;

    /// Today's date, UTC.
    fn today(&self) -> Date;

    /// A mailbox's day, UTC, as a caller would be told it; None where nobody may ask.
    async fn look_up(&self, mailbox: &SmtpAddress, day: Date) -> Option<LookUp>;

    /// What others have to be told of this gateway.
    fn setup(&self) -> Setup;

    /// Reads the configuration again and applies it.
    async fn reload(&self) -> Reloaded;

    /// Brings up to date what changes without an event, just before the metrics are read.
    fn refresh_metrics(&self);
}

/// Whether questions can be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    /// Whether the configuration as last read is in use. Where it was refused, the one before serves on.
    pub has_newest_configuration: bool,
    /// Whether the files of the certificates, as they are now, could be used.
    pub has_newest_certificates: bool,
    /// What callers are shown, the default first.
    pub certificates: Vec<CertificateReadiness>,
    pub endpoints: Vec<EndpointReadiness>,
}

/// A certificate that callers are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateReadiness {
    /// The names that it is made for.
    pub names: String,
    /// Whether it has not expired: callers refuse one that has.
    pub valid: bool,
    /// The day on which it ends, in UTC.
    pub ends: String,
}

/// One endpoint as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointReadiness {
    pub name: Arc<str>,
    /// Whether it is asked at all: its breaker is not open.
    pub usable: bool,
    /// A few words, as `circuit breaker open`.
    pub state: &'static str,
}

impl Readiness {
    /// One usable endpoint is enough: the mailboxes of the others are answered with errors. The certificate that most
    /// callers are shown, the default, must not have expired: no caller would get as far as asking.
    pub fn is_ready(&self) -> bool {
        let default = self.certificates.first();
        default.is_none_or(|default| default.valid)
            && self.endpoints.iter().any(|endpoint| endpoint.usable)
    }
}

/// The listener, bound.
pub struct OpsServer {
    listener: TcpListener,
    address: SocketAddr,
    desk: Arc<Desk>,
    fronts: Arc<Fronts>,
    places: Arc<Places>,
    tasks: TaskTracker,
    cut: CancellationToken,
}

impl OpsServer {
    /// Binds the address; see [`super::Server::bind`]. To be bound after the listener for callers.
    pub fn bind(
        settings: &OpsSettings,
        target: Arc<dyn OpsTarget>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, StartError> {
        let front = front::Front::build(settings)?;
        let fronts = Arc::new(Fronts::from_pointee(front));
        let address = settings.listen;
        let named = |source| StartError::ListenOps { address, source };
        let listener = accept::bind(address, false).map_err(named)?;
        let address = listener.local_addr().map_err(named)?;
        Ok(Self {
            listener,
            address,
            desk: Arc::new(Desk::new(target, metrics)),
            fronts,
            places: Arc::default(),
            tasks: TaskTracker::new(),
            cut: CancellationToken::new(),
        })
    }

    /// What changes the listener while it runs.
    pub fn control(&self) -> OpsControl {
        OpsControl(Arc::clone(&self.fronts))
    }

    /// Where it really listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is cancelled. From `stopping` on, the gateway is said not to be ready.
    pub async fn run(self, stopping: CancellationToken, stop: CancellationToken) {
        let _cut_when_dropped = self.cut.clone().drop_guard();
        loop {
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => self.admit(stream, peer.ip(), &stopping),
                Err(cause) => accept::rest_after(&cause).await,
            }
        }
        self.tasks.close();
        let _ = timeout(DRAIN, self.tasks.wait()).await;
    }

    fn admit(&self, stream: TcpStream, peer: IpAddr, stopping: &CancellationToken) {
        let Some(place) = self.places.take(peer) else {
            tracing::debug!(%peer, "Dropped a connection to the ops listener beyond its bound");
            return;
        };
        let (desk, cut) = (Arc::clone(&self.desk), self.cut.clone());
        let (front, stopping) = (self.fronts.load_full(), stopping.clone());
        self.tasks.spawn(async move {
            let _place = place;
            let Ok(local) = stream.local_addr() else {
                return;
            };
            let visit = Visit {
                local: local.ip(),
                peer: peer.to_canonical(),
                front,
                stopping,
                reloads: CancellationToken::new(),
            };
            let reloads = visit.reloads.clone();
            let served = bounded(Box::pin(open(stream, desk, visit)), &reloads);
            cut.run_until_cancelled(served).await;
        });
    }
}

/// `reloads` is cancelled when the request turns out to be one that may take longer.
async fn bounded(mut served: impl Future<Output = ()> + Unpin, reloads: &CancellationToken) {
    let ended = timeout(LIFETIME, &mut served).await;
    if ended.is_err() && reloads.is_cancelled() {
        let _ = timeout(RELOAD_TIME.saturating_sub(LIFETIME), served).await;
    }
}

/// Over TLS where the listener has a certificate.
async fn open(stream: TcpStream, desk: Arc<Desk>, visit: Visit) {
    let Some(tls) = visit.front.tls.clone() else {
        serve(stream, desk, visit).await;
        return;
    };
    match tls.accept(stream).await {
        Ok(stream) => serve(stream, desk, visit).await,
        Err(cause) => tracing::debug!(%cause, "A connection to the ops listener did not open"),
    }
}

/// One request and its answer.
async fn serve<S>(stream: S, desk: Arc<Desk>, visit: Visit)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let (desk, visit) = (Arc::clone(&desk), visit.clone());
        async move { Ok::<_, Infallible>(desk.answer(request, &visit).await) }
    });
    let connection = http1::Builder::new()
        .keep_alive(false)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_BUFFER)
        .timer(TokioTimer::new())
        .header_read_timeout(LIFETIME)
        .serve_connection(TokioIo::new(stream), service);
    // A peer that breaks off is nobody's concern.
    let _ = connection.await;
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, sleep};

    use super::*;

    /// How long something that never ends is waited for.
    async fn check(reloads: bool, expect: Duration) {
        let token = CancellationToken::new();
        let begun = Instant::now();
        let never = async {
            sleep(Duration::from_secs(1)).await;
            if reloads {
                token.cancel();
            }
            std::future::pending::<()>().await;
        };
        bounded(Box::pin(never), &token).await;
        assert_eq!(begun.elapsed(), expect);
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_reload_may_take_a_minute() {
        check(false, LIFETIME).await;
        check(true, RELOAD_TIME).await;
    }
}

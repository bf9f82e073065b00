//! One connection from its first byte to its close: PROXY header, TLS handshake, HTTP/1.1 or HTTP/2.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

use super::denied::Denials;
use super::front::{Front, Fronts};
use super::pipeline::{MAX_HEADER_BYTES, MAX_HEADERS, Origin};
use super::proxy::{self, Announced};
use super::pulse::{Felt, Overdue, Pulse};
use super::settings::ServerLimits;
use super::stop::Stop;
use super::tls::{self, Opening};

/// hyper's buffer for one HTTP/1.1 connection; the head must fit into it.
const MAX_BUFFER: usize = 256 << 10;
/// HTTP/2 requests at once on one connection.
const MAX_STREAMS: u32 = 100;
/// Streams that a peer opened and reset before we saw them (rapid reset, CVE-2023-44487).
const MAX_PENDING_RESETS: usize = 20;
/// Streams reset by us because of the peer's errors.
const MAX_ERROR_RESETS: usize = 100;
const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 2 << 20;
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// When a stop comes, a resting HTTP/1.1 connection may have a request on the way. It gets this long to arrive and is
/// then answered with `Connection: close`.
const LAST_ORDERS: Duration = Duration::from_millis(500);
/// How much and how long is read after a close that left a body unread: closing a socket with unread bytes in it would
/// destroy the answer before the peer has read it.
const LINGER_BYTES: usize = 1 << 20;
const LINGER_TIME: Duration = Duration::from_secs(1);

/// What all connections share.
pub(super) struct Shared {
    /// What the configuration of the moment gives.
    pub(super) front: Fronts,
    /// Who was not let in.
    pub(super) denied: Arc<Denials>,
    /// No more requests are wanted.
    pub(super) stop: Stop,
}

impl Shared {
    /// Runs until the connection is closed. `peer` is in canonical form and may connect.
    pub(super) async fn serve(self: Arc<Self>, stream: TcpStream, peer: IpAddr) {
        let front = self.front.load_full();
        // Boxed, so that what a handshake needs is given back before the long part of a connection's life.
        let open = Box::pin(open(&front, stream, peer));
        match timeout(front.limits.handshake_timeout, open).await {
            Ok(Ok(Some((stream, source)))) => {
                // What opened the connection need not outlive a change of the configuration with it.
                let limits = front.limits.clone();
                drop(front);
                Box::pin(self.speak_http(stream, source, limits)).await;
            }
            Ok(Ok(None)) => {}
            Ok(Err(cause)) => {
                tracing::debug!(%peer, %cause, "Closed a connection that did not open");
            }
            Err(_) => {
                tracing::debug!(%peer, "Closed a connection that was slow to open");
            }
        }
    }

    async fn speak_http(
        self: Arc<Self>,
        stream: TlsStream<TcpStream>,
        source: IpAddr,
        limits: ServerLimits,
    ) {
        let pulse = Pulse::new(&limits);
        let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        let origin = Origin {
            source,
            certificate: tls::peer_fingerprint(stream.get_ref().1),
            pulse: Arc::clone(&pulse),
            recent: Arc::default(),
        };
        let shared = Arc::clone(&self);
        let service = service_fn(move |request| {
            // The one look at the configuration: all that is done for this request sees the same.
            let (pipeline, origin) = (Arc::clone(&shared.front.load().pipeline), origin.clone());
            async move { pipeline.answer(request, origin).await }
        });
        let io = TokioIo::new(Felt::new(stream, Arc::clone(&pulse)));
        if is_http2 {
            let mut connection = http2_builder(&limits).serve_connection(io, service);
            self.drive(&mut connection, &pulse, Duration::ZERO).await;
            return;
        }
        let mut connection = http1_builder().serve_connection(io, service);
        let closed = self.drive(&mut connection, &pulse, LAST_ORDERS).await;
        if closed == Closed::InOrder && pulse.body_left_unread() {
            let stream = connection.into_parts().io.into_inner().into_inner();
            linger(stream.into_inner().0).await;
        }
    }

    /// `last_orders`: how long requests may still begin after a stop. HTTP/2 has its own way for that.
    async fn drive<C>(&self, connection: &mut C, pulse: &Pulse, last_orders: Duration) -> Closed
    where
        C: GracefulConnection + Unpin,
    {
        let heads_are_timed = !last_orders.is_zero();
        let mut leaving = false;
        loop {
            tokio::select! {
                biased;
                _ = &mut *connection => return Closed::InOrder,
                () = self.end_of_orders(last_orders), if !leaving => {}
                overdue = pulse.overdue(heads_are_timed) => {
                    if leaving || overdue == Overdue::Dawdling {
                        return Closed::Cut;
                    }
                }
            }
            leaving = true;
            pulse.hurry();
            Pin::new(&mut *connection).graceful_shutdown();
        }
    }

    async fn end_of_orders(&self, last_orders: Duration) {
        self.stop.heard().await;
        tokio::time::sleep(last_orders).await;
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closed {
    /// Both sides are done with it, or it broke.
    InOrder,
    /// We drop it.
    Cut,
}

fn http1_builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .title_case_headers(true)
        .max_headers(2 * MAX_HEADERS)
        .max_header_size(2 * MAX_HEADER_BYTES)
        .max_buf_size(MAX_BUFFER)
        // The pulse times heads.
        .header_read_timeout(None);
    builder
}

fn http2_builder(limits: &ServerLimits) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
        .max_local_error_reset_streams(MAX_ERROR_RESETS)
        .max_header_list_size(2 * MAX_HEADER_BYTES as u32)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .keep_alive_interval(limits.idle_timeout.min(PING_INTERVAL))
        .keep_alive_timeout(PING_TIMEOUT);
    builder
}

async fn open(
    front: &Front,
    mut stream: TcpStream,
    peer: IpAddr,
) -> io::Result<Option<(TlsStream<TcpStream>, IpAddr)>> {
    let mut source = peer;
    if front.access.announces_client(peer) {
        match proxy::read_header(&mut stream).await? {
            Announced::Client(client) => source = client,
            Announced::Itself => {}
        }
    }
    match tls::opening(&stream).await? {
        Opening::Tls => {
            let stream = front.tls.accept(stream).await?;
            Ok(Some((stream, source)))
        }
        Opening::PlainHttp => {
            tls::refuse_plain_http(&mut stream).await?;
            linger(stream).await;
            Ok(None)
        }
        Opening::Noise => Ok(None),
    }
}

/// Takes what a peer still sends after we said our last word, so that our word reaches it.
async fn linger(mut stream: TcpStream) {
    let _ = timeout(LINGER_TIME, async {
        let mut taken = 0;
        let mut buffer = vec![0; 16 << 10];
        while taken < LINGER_BYTES {
            match stream.read(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(length) => taken += length,
            }
        }
    })
    .await;
}

//! Signs of life of one connection: when it was last of use, since when a caller dawdles over a request's head, since
//! when it takes nothing of an answer. Says when a connection is overdue; closing it is left to `conn`.
//!
//! hyper's own header timeout also counts the pause between two requests, which may be much longer than a head.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::settings::ServerLimits;

const NEVER: u64 = u64::MAX;

/// How long a peer has to go along with a close.
const FAREWELL: Duration = Duration::from_secs(5);

/// Shared by a connection's stream, its requests and its watch.
#[derive(Debug)]
pub(super) struct Pulse {
    born: Instant,
    times: Times,
    requests: AtomicUsize,
    hurried: AtomicBool,
    /// Milliseconds since `born`, or `NEVER`.
    unused_since: AtomicU64,
    head_since: AtomicU64,
    stuck_since: AtomicU64,
    unread_body: AtomicBool,
}

#[derive(Debug, Clone, Copy)]
struct Times {
    head: Duration,
    idle: Duration,
    stuck: Duration,
}

/// What is wrong with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overdue {
    /// No request for long: may be closed in good order.
    Idle,
    /// A head that does not end, or an answer that is not taken.
    Dawdling,
}

impl Pulse {
    /// The first request's head is awaited from now on.
    pub(super) fn new(limits: &ServerLimits) -> Arc<Self> {
        Arc::new(Self {
            born: Instant::now(),
            times: Times {
                head: limits.header_timeout,
                idle: limits.idle_timeout,
                stuck: limits.body_timeout,
            },
            requests: AtomicUsize::new(0),
            hurried: AtomicBool::new(false),
            unused_since: AtomicU64::new(0),
            head_since: AtomicU64::new(0),
            stuck_since: AtomicU64::new(NEVER),
            unread_body: AtomicBool::new(false),
        })
    }

    /// A request's head is complete; it is in work until the guard is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> InWork {
        self.requests.fetch_add(1, Ordering::AcqRel);
        self.head_since.store(NEVER, Ordering::Release);
        InWork(Arc::clone(self))
    }

    /// The connection is to end: from now on it is idle after seconds.
    pub(super) fn hurry(&self) {
        self.unused_since.store(self.now(), Ordering::Release);
        self.hurried.store(true, Ordering::Release);
    }

    /// A request's body was left unread: the peer may still be sending it.
    pub(super) fn leave_body_unread(&self) {
        self.unread_body.store(true, Ordering::Release);
    }

    pub(super) fn body_left_unread(&self) -> bool {
        self.unread_body.load(Ordering::Acquire)
    }

    /// Over HTTP/2 bytes without a request are no head: pings and window updates come at any time.
    pub(super) async fn overdue(&self, heads_are_timed: bool) -> Overdue {
        loop {
            match self.verdict(heads_are_timed) {
                Ok(overdue) => return overdue,
                Err(look_again) => tokio::time::sleep_until(look_again).await,
            }
        }
    }

    /// Or when it may be overdue at the earliest.
    fn verdict(&self, heads_are_timed: bool) -> Result<Overdue, Instant> {
        let now = Instant::now();
        let idle = if self.hurried.load(Ordering::Acquire) {
            FAREWELL.min(self.times.idle)
        } else {
            self.times.idle
        };
        let mut next = now + self.times.head.min(idle).min(self.times.stuck);
        let mut passed = |since: &AtomicU64, time: Duration| {
            let since = since.load(Ordering::Acquire);
            if since == NEVER {
                return false;
            }
            let end = self.born + Duration::from_millis(since) + time;
            if end > now {
                next = next.min(end);
            }
            end <= now
        };
        if passed(&self.stuck_since, self.times.stuck) {
            return Ok(Overdue::Dawdling);
        }
        if self.requests.load(Ordering::Acquire) == 0 {
            if heads_are_timed && passed(&self.head_since, self.times.head) {
                return Ok(Overdue::Dawdling);
            }
            if passed(&self.unused_since, idle) {
                return Ok(Overdue::Idle);
            }
        }
        // A deadline of this very instant would make the watch spin.
        Err(next.max(now + Duration::from_millis(1)))
    }

    fn end(&self) {
        self.unused_since.store(self.now(), Ordering::Release);
        self.requests.fetch_sub(1, Ordering::AcqRel);
    }

    fn received(&self) {
        if self.requests.load(Ordering::Acquire) == 0 {
            start(&self.head_since, self.now());
        }
    }

    fn sent<T>(&self, progress: &Poll<T>) {
        if progress.is_ready() {
            self.stuck_since.store(NEVER, Ordering::Release);
        } else {
            start(&self.stuck_since, self.now());
        }
    }

    fn now(&self) -> u64 {
        self.born.elapsed().as_millis() as u64
    }
}

fn start(since: &AtomicU64, now: u64) {
    let _ = since.compare_exchange(NEVER, now, Ordering::AcqRel, Ordering::Acquire);
}

/// A request in work.
#[derive(Debug)]
pub(super) struct InWork(Arc<Pulse>);

impl Drop for InWork {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// A stream that tells its connection's pulse what happens on it.
pub(super) struct Felt<S> {
    stream: S,
    pulse: Arc<Pulse>,
}

impl<S> Felt<S> {
    pub(super) fn new(stream: S, pulse: Arc<Pulse>) -> Self {
        Self { stream, pulse }
    }

    pub(super) fn into_inner(self) -> S {
        self.stream
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Felt<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let progress = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.pulse.received();
        }
        progress
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Felt<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let progress = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.pulse.sent(&progress);
        progress
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let progress = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.pulse.sent(&progress);
        progress
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let progress = Pin::new(&mut self.stream).poll_flush(cx);
        self.pulse.sent(&progress);
        progress
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let progress = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.pulse.sent(&progress);
        progress
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: Duration = Duration::from_secs(10);
    const IDLE: Duration = Duration::from_mins(2);
    const STUCK: Duration = Duration::from_secs(15);

    fn pulse() -> Arc<Pulse> {
        Pulse::new(&ServerLimits {
            header_timeout: HEAD,
            idle_timeout: IDLE,
            body_timeout: STUCK,
            ..ServerLimits::default()
        })
    }

    async fn check(pulse: &Pulse, timed: bool, expect: (Overdue, Duration)) {
        let start = Instant::now();
        let overdue = pulse.overdue(timed).await;
        let waited = start.elapsed();
        assert_eq!(overdue, expect.0);
        assert!(
            waited >= expect.1 && waited < expect.1 + Duration::from_millis(50),
            "{waited:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_first_head_must_come() {
        check(&pulse(), true, (Overdue::Dawdling, HEAD)).await;
        check(&pulse(), false, (Overdue::Idle, IDLE)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn between_requests_a_connection_may_rest_longer() {
        let pulse = pulse();
        drop(pulse.begin());
        check(&pulse, true, (Overdue::Idle, IDLE)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_begun_head_must_end() {
        let pulse = pulse();
        drop(pulse.begin());
        tokio::time::advance(HEAD * 2).await;
        pulse.received();
        tokio::time::advance(HEAD / 2).await;
        pulse.received();
        check(&pulse, true, (Overdue::Dawdling, HEAD / 2)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_in_work_is_not_overdue_but_a_stuck_answer_is() {
        let pulse = pulse();
        let _work = pulse.begin();
        pulse.received();
        tokio::time::advance(IDLE * 2).await;
        pulse.sent(&Poll::<()>::Pending);
        tokio::time::advance(STUCK / 3).await;
        pulse.sent(&Poll::<()>::Pending);
        check(&pulse, true, (Overdue::Dawdling, STUCK / 3 * 2)).await;
    }
}

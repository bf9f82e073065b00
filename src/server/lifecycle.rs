//! Signals of the process: the first asks for an orderly stop, the second for an immediate one.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// SIGTERM and SIGINT, from the moment of [`StopSignals::listen`] on.
#[derive(Debug)]
pub struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// From now on these signals no longer end the process by themselves.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next of them.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// SIGHUP, from the moment of [`ReloadSignals::listen`] on: the wish to read the configuration again.
#[derive(Debug)]
pub struct ReloadSignals(Signal);

impl ReloadSignals {
    /// From now on the signal no longer ends the process.
    pub fn listen() -> io::Result<Self> {
        signal(SignalKind::hangup()).map(Self)
    }

    /// Waits for the next one. Several that come while nobody waits are one.
    pub async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

/// Waits for SIGTERM or SIGINT. When signals cannot be listened to, never returns.
pub async fn stop_signal() {
    match StopSignals::listen() {
        Ok(mut signals) => signals.next().await,
        Err(cause) => {
            tracing::error!(%cause, "Cannot listen for signals");
            std::future::pending::<()>().await;
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Requests in flight were answered, as far as the drain time allowed.
    Drained,
    /// A second signal cut them off.
    AtOnce,
}

/// Serves until a signal, then drains; a second signal ends the drain. `run` drains when its token is cancelled. Listen
/// for signals before saying that the server is up, so that none is missed.
pub async fn run_until_signal<R: Future<Output = ()>>(
    run: impl FnOnce(CancellationToken) -> R,
    mut signals: StopSignals,
) -> Ended {
    let stop = CancellationToken::new();
    let run = run(stop.clone());
    let second = async {
        signals.next().await;
        stop.cancel();
        signals.next().await;
    };
    tokio::select! {
        biased;
        () = run => Ended::Drained,
        () = second => Ended::AtOnce,
    }
}

//! Calls that nobody waits for: they are made while no caller needs the endpoint, and broken off as soon as one does.
//! Decides nothing about what is asked.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};

use super::breaker::Subject;
use super::calls::Calls;
use crate::backend::EndpointError;
use crate::metrics::BreakerState;

/// How long a call that was broken off waits before it is begun again: longer each time, since each has cost the server
/// something for nothing.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The calls of callers, those that wait for a permit included.
pub(super) struct Callers {
    present: watch::Sender<usize>,
}

/// One of them, until it is dropped.
pub(super) struct Presence<'a>(&'a Callers);

impl Callers {
    pub(super) fn new() -> Self {
        Self {
            present: watch::channel(0).0,
        }
    }

    pub(super) fn enter(&self) -> Presence<'_> {
        self.present.send_modify(|present| *present += 1);
        Presence(self)
    }

    async fn gone(&self) {
        self.wait(|present| present == 0).await;
    }

    async fn arrived(&self) {
        self.wait(|present| present > 0).await;
    }

    async fn wait(&self, until: impl Fn(usize) -> bool) {
        let mut watched = self.present.subscribe();
        // The sender lives as long as we do: there is always an answer.
        let _ = watched.wait_for(|present| until(*present)).await;
    }
}

impl Drop for Presence<'_> {
    fn drop(&mut self) {
        self.0.present.send_modify(|present| *present -= 1);
    }
}

impl Calls {
    /// One call to the backend that gives way: begun while no caller is there, dropped when one comes, begun again after a
    /// pause when all are gone. One at a time. An endpoint that is not well is not asked.
    pub(super) async fn in_background<T, F>(
        &self,
        subject: Subject,
        timeout: Duration,
        work: impl Fn(Instant) -> F + Sync,
    ) -> Result<T, EndpointError>
    where
        F: Future<Output = Result<T, EndpointError>>,
    {
        let _only_one = self.background.lock().await;
        let mut pause = FIRST_PAUSE;
        loop {
            self.callers.gone().await;
            if self.breaker.state() != BreakerState::Closed {
                let why = "it is left alone until a caller needs it".into();
                return Err(EndpointError::BreakerOpen(why));
            }
            let ended = tokio::select! {
                // A caller who has come is seen before a call that has just ended, and before one is begun.
                biased;
                () = self.callers.arrived() => None,
                result = self.once(subject, timeout, &work) => Some(result),
            };
            if let Some(result) = ended {
                return result;
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn once<T, F>(
        &self,
        subject: Subject,
        timeout: Duration,
        work: &(impl Fn(Instant) -> F + Sync),
    ) -> Result<T, EndpointError>
    where
        F: Future<Output = Result<T, EndpointError>>,
    {
        let begun = Instant::now();
        let deadline = begun + timeout;
        let permit = timeout_at(deadline, self.permits.acquire()).await;
        let _permit = permit.map_err(|_| EndpointError::Timeout(begun.elapsed()))?;
        let pass = self.breaker.admit().inspect_err(|e| self.not_made(e))?;
        let result = timeout_at(deadline, work(deadline))
            .await
            .unwrap_or_else(|_| Err(EndpointError::Timeout(begun.elapsed())));
        self.conclude((pass, subject), &result, begun.elapsed());
        result
    }
}

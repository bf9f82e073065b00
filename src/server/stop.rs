//! The end of the server: said once, asked after at every request and whenever a connection is looked at.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// All clones are told together.
#[derive(Debug, Clone, Default)]
pub(super) struct Stop {
    said: Arc<AtomicBool>,
    token: CancellationToken,
}

impl Stop {
    pub(super) fn say(&self) {
        self.said.store(true, Ordering::SeqCst);
        self.token.cancel();
    }

    pub(super) fn is_said(&self) -> bool {
        self.said.load(Ordering::SeqCst)
    }

    /// Ready once it is said.
    pub(super) fn heard(&self) -> Heard {
        Heard {
            said: Arc::clone(&self.said),
            wait: Box::pin(self.token.clone().cancelled_owned()),
            waits: false,
        }
    }
}

/// See [`Stop::heard`]. To be polled by one task only: the token's lock, which all connections share, is taken at the
/// first look and once the end is said, and not at each of the many looks between.
pub(super) struct Heard {
    said: Arc<AtomicBool>,
    wait: Pin<Box<WaitForCancellationFutureOwned>>,
    waits: bool,
}

impl Future for Heard {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.waits && !self.said.load(Ordering::SeqCst) {
            return Poll::Pending;
        }
        self.waits = true;
        self.wait.as_mut().poll(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn everybody_hears_it_who_listened_before_or_listens_after() {
        let stop = Stop::default();
        let mut early = stop.clone().heard();
        let mut early = std::pin::pin!(&mut early);
        for _ in 0..3 {
            assert!(futures_util::poll!(early.as_mut()).is_pending());
        }
        let far = tokio::spawn(stop.heard());
        assert!(!stop.is_said());
        stop.say();
        assert!(stop.is_said());
        early.await;
        far.await.unwrap();
        stop.heard().await;
    }
}

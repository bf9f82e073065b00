//! Waiting for a bounded time. Most work here is done at once, and needs neither a timer nor a look at the clock.

use std::pin::pin;
use std::task::Poll;

use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at};

/// As [`timeout_at`], with an `end` that is asked for only if `work` is not done at once.
pub(super) async fn within<F: Future>(
    end: impl FnOnce() -> Instant,
    work: F,
) -> Result<F::Output, Elapsed> {
    let mut work = pin!(work);
    match futures_util::poll!(work.as_mut()) {
        Poll::Ready(done) => Ok(done),
        Poll::Pending => timeout_at(end(), work).await,
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_what_waits_has_an_end() {
        let never_asked = || panic!("nobody waits");
        assert_eq!(within(never_asked, ready(7)).await, Ok(7));
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let soon = async { tokio::time::sleep(second / 2).await };
        assert!(within(|| start + second, soon).await.is_ok());
        assert!(within(|| start + second, pending::<()>()).await.is_err());
        assert_eq!(start.elapsed().as_millis(), 1000);
    }
}

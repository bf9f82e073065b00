//! Sees to it that an endpoint that was ill and that no caller asks is tried again all the same. How it is tried is
//! `backend`'s.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::reload::Reloader;

/// How often it is looked whether one waits to be tried: that takes no call.
const EVERY: Duration = Duration::from_secs(1);

/// Tries the endpoints of the moment, each on its own: one that hangs holds up no other. What is under way at the end is
/// broken off.
pub(super) async fn try_ill_endpoints(reloader: &Reloader, stop: CancellationToken) {
    let mut trials = JoinSet::new();
    loop {
        let pause = tokio::time::sleep(EVERY);
        if stop.run_until_cancelled(pause).await.is_none() {
            return;
        }
        while trials.try_join_next().is_some() {}
        for endpoint in reloader.world().availability.endpoints() {
            if endpoint.waits_for_a_trial() {
                let endpoint = Arc::clone(endpoint);
                trials.spawn(async move { endpoint.try_again().await });
            }
        }
    }
}

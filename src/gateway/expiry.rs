//! The daily look at credentials of endpoints that expire. What is told of them is `backend`'s.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::reload::Reloader;

const DAY: Duration = Duration::from_hours(24);

/// Warns at once and then every day, of the endpoints of the moment.
pub(super) async fn warn_daily(reloader: &Reloader, stop: CancellationToken) {
    loop {
        let now = reloader.now();
        for endpoint in reloader.world().availability.endpoints() {
            for expiry in endpoint.expiries() {
                expiry.warn(endpoint.name(), now);
            }
        }
        let pause = tokio::time::sleep(DAY);
        if stop.run_until_cancelled(pause).await.is_none() {
            return;
        }
    }
}

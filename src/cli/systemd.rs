//! What systemd is told of the service (sd_notify(3)): that it is ready, and again and again that it is alive. Without systemd nothing happens.

use std::time::Duration;

use sd_notify::NotifyState;

/// Tells that callers are listened for. While what is returned lives, systemd's watchdog is kept quiet, where the unit
/// has one; a runtime that no longer gets to its tasks is silent, and systemd starts the service anew.
pub(super) fn ready() -> Watchdog {
    tell(NotifyState::Ready);
    let pulse = sd_notify::watchdog_enabled().map(|patience| tokio::spawn(keep_alive(patience)));
    Watchdog(pulse)
}

#[must_use]
pub(super) struct Watchdog(Option<tokio::task::JoinHandle<()>>);

impl Drop for Watchdog {
    fn drop(&mut self) {
        if let Some(pulse) = &self.0 {
            pulse.abort();
        }
    }
}

/// Twice in each period that systemd waits.
async fn keep_alive(patience: Duration) {
    let mut ticks = tokio::time::interval(patience / 2);
    loop {
        ticks.tick().await;
        tell(NotifyState::Watchdog);
    }
}

fn tell(state: NotifyState<'_>) {
    if let Err(cause) = sd_notify::notify(&[state]) {
        tracing::warn!(%cause, "The service manager cannot be told how the service is");
    }
}

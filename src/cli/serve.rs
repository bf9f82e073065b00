//! `calbridge serve`: answers callers until a signal.

use std::sync::Arc;

use anyhow::Context;

use super::{CommandError, ConfigFile, Exit, systemd};
use crate::gateway::Gateway;
use crate::server::clock::SystemClock;
use crate::server::lifecycle::{Ended, ReloadSignals, StopSignals};

/// Listens whether endpoints answer or not: they are asked when callers ask.
pub(super) async fn run(file: &ConfigFile) -> Result<Exit, CommandError> {
    // Before anything that takes time: who starts the process may already send a signal, and SIGHUP would end it.
    let signals = StopSignals::listen().context("signals cannot be listened to")?;
    let mut reloads = ReloadSignals::listen().context("signals cannot be listened to")?;
    let config = file.load()?;
    let public_url = config.public_url.clone();
    let gateway = Gateway::build_from(file.config.clone(), config, Arc::new(SystemClock)).await?;
    for address in gateway.addresses() {
        tracing::info!(%address, %public_url, "Serving Exchange Web Services");
    }
    if let Some(address) = gateway.ops_address() {
        tracing::info!(%address, "Serving metrics and health (ops.listen)");
    }
    let _watchdog = systemd::ready();
    let reloader = gateway.reloader();
    let reload = async {
        loop {
            reloads.next().await;
            // What is wrong with it, the reloader has logged.
            let _ = reloader.reload().await;
        }
    };
    let ended = tokio::select! {
        ended = gateway.run_until_signal(signals) => ended,
        ended = reload => ended,
    };
    match ended {
        Ended::Drained => tracing::info!("Stopped"),
        Ended::AtOnce => tracing::warn!("Stopped at once by a second signal"),
    }
    Ok(Exit::Success)
}

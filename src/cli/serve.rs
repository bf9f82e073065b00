//! `calbridge serve`: answers callers until a signal.

use std::sync::Arc;

use anyhow::Context;

use super::{CommandError, ConfigFile, Exit, systemd};
use crate::gateway::Gateway;
use crate::server::clock::SystemClock;
use crate::server::lifecycle::{Ended, StopSignals};

/// Listens whether endpoints answer or not: they are asked when callers ask.
pub(super) async fn run(file: &ConfigFile) -> Result<Exit, CommandError> {
    let config = file.load()?;
    // Before the addresses are bound: who sees the gateway listen may already send a signal.
    let signals = StopSignals::listen().context("signals cannot be listened to")?;
    let public_url = config.public_url.clone();
    let gateway = Gateway::build(config, Arc::new(SystemClock)).await?;
    for address in gateway.addresses() {
        tracing::info!(%address, %public_url, "Serving Exchange Web Services");
    }
    if let Some(address) = gateway.ops_address() {
        tracing::info!(%address, "Serving metrics and health (ops.listen)");
    }
    let _watchdog = systemd::ready();
    match gateway.run_until_signal(signals).await {
        Ended::Drained => tracing::info!("Stopped"),
        Ended::AtOnce => tracing::warn!("Stopped at once by a second signal"),
    }
    Ok(Exit::Success)
}

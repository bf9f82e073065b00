//! `calbridge health`: what a container's health check or an exec probe asks, where nothing else could ask the ops
//! listener.

use std::time::Duration;

use clap::Args;

use super::ops::OpsClient;
use super::{CommandError, ConfigFile, Exit, output};

/// Below the time that probes usually wait.
const PATIENCE: Duration = Duration::from_secs(4);

#[derive(Debug, Args)]
pub(super) struct Health {
    #[command(flatten)]
    file: ConfigFile,
    /// Whether it is ready for callers, too: at least one endpoint is asked, and no stop is under way
    #[arg(long)]
    ready: bool,
}

pub(super) async fn run(health: &Health) -> Result<Exit, CommandError> {
    let path = if health.ready {
        "/readyz?verbose"
    } else {
        "/livez"
    };
    let (status, text) = OpsClient::of(&health.file)?.get(path, PATIENCE).await?;
    output::say(&text.trim_end())?;
    Ok(if status.is_success() {
        Exit::Success
    } else {
        Exit::Failure
    })
}

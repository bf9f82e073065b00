//! `calbridge health`: what a container's health check or an exec probe asks, where nothing else could ask the ops
//! listener.

use std::time::Duration;

use clap::Args;
use reqwest::StatusCode;

use super::ops::OpsClient;
use super::{CommandError, ConfigFile, Exit, output};

/// Below the time that probes usually wait.
const PATIENCE: Duration = Duration::from_secs(4);

#[derive(Debug, Args)]
pub(super) struct Health {
    #[command(flatten)]
    file: ConfigFile,
    /// Whether it is ready for callers, too: at least one endpoint is asked, and no stop is under way. Tells why not where
    /// the listener has no login, or its password is in `CALBRIDGE_OPS_PASSWORD`
    #[arg(long)]
    ready: bool,
}

pub(super) async fn run(health: &Health) -> Result<Exit, CommandError> {
    let ops = OpsClient::of(&health.file)?;
    let (status, text) = if health.ready {
        match ops.get("/readyz?verbose", PATIENCE).await? {
            // Only why it is ready or not needs the login, and probes seldom have its password.
            (StatusCode::UNAUTHORIZED | StatusCode::TOO_MANY_REQUESTS, _) => {
                ops.get("/readyz", PATIENCE).await?
            }
            told => told,
        }
    } else {
        ops.get("/livez", PATIENCE).await?
    };
    output::say(&text.trim_end())?;
    Ok(if status.is_success() {
        Exit::Success
    } else {
        Exit::Failure
    })
}

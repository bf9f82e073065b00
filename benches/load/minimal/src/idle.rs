//! Callers that stay: connections that have asked once and are then held without a word.

use std::sync::Arc;

use anyhow::Context;
use tokio::io::AsyncReadExt;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::client::{Caller, Target};

/// Handshakes at once.
const OPENING: usize = 16;

#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    target: Target,
    #[arg(long)]
    connections: usize,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(hold(options))
}

async fn hold(options: &Options) -> anyhow::Result<()> {
    let caller = Arc::new(Caller::new(&options.target)?);
    let gate = Arc::new(Semaphore::new(OPENING));
    let mut opening = JoinSet::new();
    for _ in 0..options.connections {
        let (caller, gate) = (Arc::clone(&caller), Arc::clone(&gate));
        opening.spawn(async move {
            let _permit = gate.acquire().await?;
            let mut sender = caller.dial().await?;
            let body = caller.bodies.first().cloned().context("no body")?;
            caller.post(&mut sender, body).await?;
            anyhow::Ok(sender)
        });
    }
    let mut held = Vec::with_capacity(options.connections);
    while let Some(opened) = opening.join_next().await {
        held.push(opened??);
    }
    println!(r#"{{"connections":{}}}"#, held.len());
    tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
    let still_open = held.iter().filter(|sender| !sender.is_closed()).count();
    println!(r#"{{"still_open":{still_open}}}"#);
    Ok(())
}

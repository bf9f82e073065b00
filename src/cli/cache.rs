//! `calbridge cache`: asks a running gateway to forget what it has cached, over its ops listener.

use std::time::Duration;

use anyhow::anyhow;
use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::json;

use super::ops::OpsClient;
use super::{CommandError, ConfigFile, Exit, output};
use crate::domain::{MailDomain, SmtpAddress};

/// What the command is asked.
#[derive(Debug, Args)]
pub(super) struct Cache {
    #[command(flatten)]
    file: ConfigFile,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Forget cached answers, so that the next question asks the endpoint again
    Drop(Scope),
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Scope {
    /// Of this mailbox
    #[arg(long, value_name = "ADDRESS", value_parser = SmtpAddress::parse)]
    mailbox: Option<SmtpAddress>,
    /// Of all mailboxes of this mail domain
    #[arg(long, value_name = "DOMAIN", value_parser = MailDomain::parse)]
    domain: Option<MailDomain>,
    /// Of all mailboxes
    #[arg(long)]
    all: bool,
}

/// Looking at every entry takes a moment in a large cache.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the listener answers, one or the other.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Dropped(u64),
    Error(String),
}

pub(super) async fn run(cache: &Cache) -> Result<Exit, CommandError> {
    let listener = OpsClient::of(&cache.file)?;
    let address = listener.address();
    let Action::Drop(scope) = &cache.action;
    match listener
        .post("/cache/drop", &scope.body(), PATIENCE)
        .await?
    {
        Answer::Dropped(1) => output::say(&"dropped 1 mailbox")?,
        Answer::Dropped(count) => output::say(&format_args!("dropped {count} mailboxes"))?,
        Answer::Error(text) => {
            return Err(anyhow!("the gateway at {address} refused: {text}").into());
        }
    }
    Ok(Exit::Success)
}

impl Scope {
    fn body(&self) -> serde_json::Value {
        match (&self.mailbox, &self.domain) {
            (Some(mailbox), _) => json!({ "mailbox": mailbox.as_str() }),
            (None, Some(domain)) => json!({ "domain": domain.as_str() }),
            (None, None) => json!({ "all": self.all }),
        }
    }
}

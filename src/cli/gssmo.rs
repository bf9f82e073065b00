//! `calbridge gssmo`: what the machines with Outlook need to ask here, as a registry file and as the values of a Group
//! Policy preference.

use std::path::PathBuf;

use anyhow::anyhow;

use super::{CommandError, ConfigFile, Exit, output};
use crate::face::connector::registry;

#[derive(Debug, clap::Args)]
pub(super) struct Gssmo {
    /// The configuration file, TOML
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The directory that the file sets; the others stand in it as comments. Default: the first one
    #[arg(long, value_name = "NAME")]
    directory: Option<String>,
}

pub(super) fn run(asked: &Gssmo) -> Result<Exit, CommandError> {
    let file = ConfigFile {
        config: asked.config.clone(),
    };
    let config = file.load()?;
    let chosen = match &asked.directory {
        None => 0,
        Some(name) => config
            .connectors
            .iter()
            .position(|entry| entry.directory.eq_ignore_ascii_case(name))
            .ok_or_else(|| {
                CommandError::Usage(format!("no [[freebusy_url]] has the directory {name}"))
            })?,
    };
    if config.connectors.is_empty() {
        return Err(anyhow!("the configuration has no [[freebusy_url]]").into());
    }
    let text = registry::file(config.public_url.as_str(), &config.connectors, chosen);
    output::put(&text)?;
    Ok(Exit::Success)
}

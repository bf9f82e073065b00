//! `calbridge reload`: lets a running gateway read its configuration again, and tells what it makes of it.
//!
//! The file is read here only for where the gateway listens: whether it is right is for the gateway to say, which may see
//! secrets that this user does not.

use std::time::Duration;

use anyhow::Context;
use serde::Deserialize;

use super::ops::OpsClient;
use super::{CommandError, ConfigFile, Exit, output};

/// Plain passwords of callers are hashed, long lists are read.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the listener answers.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Answer {
    Applied {
        kept: Vec<String>,
        rebuilt: Vec<String>,
        new: Vec<String>,
        removed: Vec<String>,
        warnings: Vec<String>,
    },
    Refused {
        error: String,
        #[serde(default)]
        problems: Vec<String>,
    },
}

/// The one part of the file that is looked at.
#[derive(Debug, Deserialize)]
struct Excerpt {
    ops: Option<Ops>,
}

#[derive(Debug, Deserialize)]
struct Ops {
    listen: Option<std::net::SocketAddr>,
}

pub(super) async fn run(file: &ConfigFile) -> Result<Exit, CommandError> {
    let path = &file.config;
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("{} cannot be read", path.display()))?;
    let listen = match toml::from_str::<Excerpt>(&text) {
        Ok(excerpt) => excerpt.ops.and_then(|ops| ops.listen),
        // Not to be asked for at all; loading says why, in full.
        Err(_) => file.load()?.ops.map(|ops| ops.listen),
    };
    let listener = OpsClient::new(listen)?;
    let nothing = serde_json::Value::Null;
    match listener.post("/reload", &nothing, PATIENCE).await? {
        Answer::Applied {
            kept,
            rebuilt,
            new,
            removed,
            warnings,
        } => {
            for warning in warnings {
                output::complain(&format_args!("warning: {warning}"));
            }
            let parts = [
                ("unchanged", kept),
                ("rebuilt", rebuilt),
                ("new", new),
                ("removed", removed),
            ];
            for (what, names) in parts {
                if !names.is_empty() {
                    output::say(&format_args!("endpoints {what}: {}", names.join(", ")))?;
                }
            }
            output::say(&"the configuration is in use")?;
            Ok(Exit::Success)
        }
        Answer::Refused { error, problems } => {
            for problem in &problems {
                output::complain(problem);
            }
            output::complain(&error);
            Ok(Exit::Failure)
        }
    }
}

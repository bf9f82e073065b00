//! `calbridge reload`: lets a running gateway read its configuration again, and tells what it makes of it.

use std::time::Duration;

use serde::Deserialize;

use super::ops::OpsClient;
use super::{CommandError, ConfigFile, Exit, output};
use crate::server::ops::RELOAD_TIME;

/// Plain passwords of callers are hashed, long lists are read: as long as the listener takes for it at most.
const PATIENCE: Duration = RELOAD_TIME;

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

pub(super) async fn run(file: &ConfigFile) -> Result<Exit, CommandError> {
    let listener = OpsClient::of(file)?;
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

//! `calbridge check`: everything about a configuration that can be told without the network.

mod routes;

use std::sync::Arc;

use super::{CommandError, ConfigFile, Exit, output};
use crate::backend::instance::Instance;
use crate::backend::settings::{BackendSettings, EndpointSettings};
use crate::config::Config;
use crate::domain::Clock;
use crate::gateway::{self, BuildError};
use crate::server::clock::SystemClock;

pub(super) fn run(file: &ConfigFile) -> Result<Exit, CommandError> {
    let config = file.load()?;
    let summary = summary(&config);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    gateway::availability(config.endpoints, &config.service, &Instance::new(clock))
        .map_err(BuildError::from)?;
    for line in summary {
        output::say(&line)?;
    }
    output::say(&"configuration is valid")?;
    Ok(Exit::Success)
}

fn summary(config: &Config) -> Vec<String> {
    let mut lines = Vec::new();
    for address in &config.server.listen {
        lines.push(format!("listens on {address} as {}", config.public_url));
    }
    if let Some(ops) = &config.ops {
        lines.push(format!("serves metrics and health on {}", ops.listen));
    }
    let access = &config.server.access;
    lines.push(format!(
        "admits {} and {}",
        counted(access.allow.len(), "network", "networks"),
        counted(access.role_accounts.len(), "role account", "role accounts")
    ));
    lines.extend(config.endpoints.iter().map(endpoint_line));
    lines.extend(routes::lines(config));
    lines
}

fn endpoint_line(endpoint: &EndpointSettings) -> String {
    let source = match &endpoint.kind {
        BackendSettings::Ews(ews) => format!("ews, {}", ews.url),
        BackendSettings::CalendarFiles(files) => {
            format!("calendar-files, {}", files.directory.display())
        }
    };
    format!("endpoint {}: {source}", endpoint.name)
}

fn counted(count: usize, one: &str, many: &str) -> String {
    let thing = if count == 1 { one } else { many };
    format!("{count} {thing}")
}

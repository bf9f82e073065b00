//! `calbridge check`: everything about a configuration that can be told without the network. What needs the network is
//! the work of [`super::doctor`].

mod places;
mod routes;

use std::fmt::Display;
use std::sync::Arc;

use clap::Args;

use super::{CommandError, ConfigFile, Exit, doctor, output};
use crate::backend::calendar_files::inspect;
use crate::backend::instance::Instance;
use crate::backend::settings::{BackendSettings, EndpointSettings};
use crate::config::Config;
use crate::domain::{Clock, SmtpAddress};
use crate::gateway::{self, BuildError};
use crate::server::clock::SystemClock;

/// What the command is asked.
#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    file: ConfigFile,
    /// Ask the servers, too: names, connections, certificates, every role account once. Exit status 1 on a failure
    #[arg(long)]
    online: bool,
    /// Look this mailbox up as every role account of its endpoint, and tell how much each may see
    #[arg(long, value_name = "ADDRESS", value_parser = SmtpAddress::parse, requires = "online")]
    mailbox: Option<SmtpAddress>,
    /// Print the findings as JSON
    #[arg(long, requires = "online")]
    json: bool,
}

pub(super) async fn run(check: &Check) -> Result<Exit, CommandError> {
    let config = check.file.load()?;
    if check.online {
        return doctor::run(&config, check.mailbox.as_ref(), check.json).await;
    }
    let found = places::look(&config);
    for warning in found.warnings {
        output::complain(&format_args!("warning: {warning}"));
    }
    if !found.problems.is_empty() {
        return Err(CommandError::Usage(found.problems.join("\n")));
    }
    let summary = summary(&config);
    config.endpoints.iter().for_each(warn_of_flaws);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let instance = Instance::new(Arc::clone(&clock));
    let availability = gateway::availability(config.endpoints, &config.service, &instance)
        .map_err(BuildError::from)?;
    for endpoint in availability.endpoints() {
        let expiries = endpoint.expiries().iter();
        for text in expiries.filter_map(|expiry| expiry.warning(endpoint.name(), clock.now())) {
            output::complain(&format_args!("warning: {text}"));
        }
    }
    for line in summary {
        output::say(&line)?;
    }
    output::say(&"configuration is valid")?;
    Ok(Exit::Success)
}

/// Files that cannot be read cost their mailboxes the answer; the gateway serves all others, so these are warnings.
fn warn_of_flaws(endpoint: &EndpointSettings) {
    let BackendSettings::CalendarFiles(files) = &endpoint.kind else {
        return;
    };
    let warn = |text: &dyn Display| {
        output::complain(&format_args!("warning: endpoint {}: {text}", endpoint.name));
    };
    match inspect::inspect(files) {
        Ok(found) => {
            for flaw in found.flaws {
                warn(&format_args!("{}: {}", flaw.file, flaw.text));
            }
            if found.readable == 0 {
                warn(&"the folder holds no calendar that can be read");
            }
        }
        Err(error) => warn(&error),
    }
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

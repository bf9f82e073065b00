//! `calbridge check`: everything about a configuration that can be told without the network. What needs the network is
//! the work of [`super::doctor`].

mod places;
mod routes;

use std::collections::BTreeSet;
use std::fmt::Display;
use std::sync::Arc;

use clap::Args;

use super::{CommandError, ConfigFile, Exit, doctor, output};
use crate::backend::calendar_files::inspect;
use crate::backend::instance::Instance;
use crate::backend::settings::{BackendSettings, CalendarFilesSettings, EndpointSettings};
use crate::config::Config;
use crate::domain::{Clock, RoomEntry, SmtpAddress};
use crate::gateway::{self, BuildError};
use crate::server::clock::SystemClock;
use crate::service::Availability;

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
    let rooms: Vec<_> = config.endpoints.iter().map(examined).collect();
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
    for (endpoint, rooms) in &rooms {
        warn_of_strangers(endpoint, rooms, &availability);
    }
    for line in summary {
        output::say(&line)?;
    }
    output::say(&"configuration is valid")?;
    Ok(Exit::Success)
}

/// An endpoint's name, and the rooms that are written down for it and can be read.
fn examined(endpoint: &EndpointSettings) -> (String, Vec<RoomEntry>) {
    let mut rooms = endpoint.rooms.clone();
    if let BackendSettings::CalendarFiles(files) = &endpoint.kind {
        rooms.extend(warn_of_flaws(&endpoint.name, files));
    }
    (endpoint.name.clone(), rooms)
}

/// Nobody can be asked whether such rooms are free: callers are not told of them. Their domain may be misspelt.
fn warn_of_strangers(endpoint: &str, rooms: &[RoomEntry], availability: &Availability) {
    let mut seen = BTreeSet::new();
    for address in rooms.iter().map(|entry| &entry.room.address) {
        if !availability.asks_for(address) && seen.insert(address) {
            let text = format_args!("no endpoint has the mail domain of the room {address}");
            complain(endpoint, &text);
        }
    }
}

/// Files that cannot be read cost their mailboxes the answer; the gateway serves all others, so these are warnings. The
/// rooms of the folder.
fn warn_of_flaws(endpoint: &str, files: &CalendarFilesSettings) -> Vec<RoomEntry> {
    let warn = |text: &dyn Display| complain(endpoint, text);
    match inspect::inspect(files) {
        Ok(found) => {
            for flaw in found.flaws {
                warn(&format_args!("{}: {}", flaw.file, flaw.text));
            }
            if found.readable == 0 {
                warn(&"the folder holds no calendar that can be read");
            }
            found.rooms
        }
        Err(error) => {
            warn(&error);
            Vec::new()
        }
    }
}

fn complain(endpoint: &str, text: &dyn Display) {
    output::complain(&format_args!("warning: endpoint {endpoint}: {text}"));
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

//! `[[endpoint]]`: what all endpoints have, and which kind each is.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::document::Section;
use super::surroundings::Surroundings;
use super::values::duration;
use super::{calendar_files, ews};
use crate::backend::Limits;
use crate::backend::settings::{BackendSettings, EndpointSettings};
use crate::domain::MailDomain;

/// What one endpoint must not take from another.
#[derive(Default)]
pub(super) struct Taken {
    names: BTreeSet<String>,
    /// Each domain with the name or key of its endpoint.
    domains: BTreeMap<MailDomain, String>,
}

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(20);
const LONGEST_TIMEOUT: Duration = Duration::from_mins(5);
const MOST_CONCURRENCY: u64 = 1_000;
const MOST_MAILBOXES_PER_CALL: u64 = 1_000;
/// The longest window that Exchange grants is 62 days, or 42 in its older versions.
const MOST_DAYS_PER_CALL: u64 = 366;
const LONGEST_NAME: usize = 64;

pub(super) fn read(
    section: &Section<'_>,
    around: &Surroundings<'_>,
    taken: &mut Taken,
) -> Option<EndpointSettings> {
    let name = name(section, &mut taken.names);
    let label = name.clone().unwrap_or_else(|| section.place().key.clone());
    let domains = domains(section, &label, &mut taken.domains);
    let timeout = duration(section, "timeout", LONGEST_TIMEOUT).unwrap_or(DEFAULT_TIMEOUT);
    let max_concurrency = section.count("max_concurrency", MOST_CONCURRENCY);
    let limits = section.within("limits", limits).unwrap_or_default();
    let kind = kind(section, around)?;
    Some(EndpointSettings {
        name: name?,
        domains,
        timeout,
        max_concurrency: max_concurrency.unwrap_or_else(|| default_concurrency(&kind)),
        hedge_after: None,
        probe_interval: EndpointSettings::DEFAULT_PROBE_INTERVAL,
        limits,
        kind,
    })
}

fn name(section: &Section<'_>, taken: &mut BTreeSet<String>) -> Option<String> {
    section.require("name");
    let text = section.text("name")?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if text.value.is_empty() || text.value.len() > LONGEST_NAME || !text.value.chars().all(is_plain)
    {
        text.problem("must be 1 to 64 letters, digits, dots, dashes or underscores");
        return None;
    }
    if !taken.insert(text.value.to_owned()) {
        text.problem("is the name of another endpoint, too");
    }
    Some(text.value.to_owned())
}

fn domains(
    section: &Section<'_>,
    label: &str,
    taken: &mut BTreeMap<MailDomain, String>,
) -> Vec<MailDomain> {
    section.require("domains");
    let Some(entries) = section.texts("domains") else {
        return Vec::new();
    };
    if entries.value.is_empty() {
        entries.problem("needs at least one mail domain");
    }
    let mut domains = Vec::new();
    for entry in &entries.value {
        let Some(domain) = entry.parse(|text| MailDomain::parse(text)) else {
            continue;
        };
        match taken.get(&domain) {
            None => {
                taken.insert(domain.clone(), label.to_owned());
                domains.push(domain);
            }
            Some(other) if other == label => entry.problem("stands twice in the list"),
            Some(other) => entry.problem(format!("{domain} belongs to endpoint {other} already")),
        }
    }
    domains
}

fn limits(section: &Section<'_>) -> Limits {
    let default = Limits::default();
    Limits {
        mailboxes_per_call: section
            .count("mailboxes_per_call", MOST_MAILBOXES_PER_CALL)
            .unwrap_or(default.mailboxes_per_call),
        days_per_call: section
            .count("days_per_call", MOST_DAYS_PER_CALL)
            .and_then(|days| u16::try_from(days).ok())
            .unwrap_or(default.days_per_call),
    }
}

fn kind(section: &Section<'_>, around: &Surroundings<'_>) -> Option<BackendSettings> {
    section.require("kind");
    match section.text("kind") {
        Some(text) if text.value == "ews" => ews::read(section, around).map(BackendSettings::Ews),
        Some(text) if text.value == "calendar-files" => {
            calendar_files::read(section, around).map(BackendSettings::CalendarFiles)
        }
        other => {
            if let Some(text) = other {
                text.problem("must be \"ews\" or \"calendar-files\"");
            }
            // Which other keys belong here depends on the kind.
            section.forgive_unknown_keys();
            None
        }
    }
}

fn default_concurrency(kind: &BackendSettings) -> usize {
    match kind {
        BackendSettings::Ews(ews) => {
            let accounts = ews.role_accounts.iter();
            accounts
                .map(|account| account.max_concurrency)
                .sum::<usize>()
                .max(1)
        }
        BackendSettings::CalendarFiles(_) => 16,
    }
}

//! `[[endpoint]]`: what all endpoints have, and which kind each is.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::document::Section;
use super::routing::Leads;
use super::surroundings::Surroundings;
use super::values::duration;
use super::{cache, calendar_files, ews, rooms};
use crate::backend::Limits;
use crate::backend::settings::{BackendSettings, EndpointSettings};
use crate::domain::DomainPattern;
use crate::service::settings::{CacheLifetimes, EndpointService};

/// What one `[[endpoint]]` says, to the layers that it concerns.
pub(super) struct Endpoint<'a> {
    /// None where a problem has been noted.
    pub(super) settings: Option<EndpointSettings>,
    /// Without the fallback, which is known once all endpoints are.
    pub(super) service: EndpointService,
    pub(super) leads: Leads<'a>,
}

/// What one endpoint must not take from another.
#[derive(Default)]
pub(super) struct Taken {
    names: BTreeSet<String>,
    /// Each domain with its endpoint.
    domains: BTreeMap<DomainPattern, Owner>,
}

/// Whose a domain is.
#[derive(Clone)]
struct Owner {
    /// The key of the section, which no other endpoint has.
    section: String,
    /// What the endpoint is called in texts: its name, where it has one.
    label: String,
}

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(20);
const LONGEST_TIMEOUT: Duration = Duration::from_mins(5);
/// The breaker of an endpoint that stays ill waits no longer, whatever it began with.
const LONGEST_PROBE_INTERVAL: Duration = Duration::from_mins(1);
const MOST_CONCURRENCY: u64 = 1_000;
const MOST_MAILBOXES_PER_CALL: u64 = 1_000;
/// The longest window that Exchange grants is 62 days, or 42 in its older versions.
const MOST_DAYS_PER_CALL: u64 = 366;
const LONGEST_NAME: usize = 64;

/// Its own, where they differ from those of the whole cache.
fn lifetimes(
    section: &Section<'_>,
    others: &cache::Cache,
    is_files: bool,
) -> Option<CacheLifetimes> {
    let base = if is_files {
        others.of_files
    } else {
        others.settings.lifetimes
    };
    section
        .within("cache", |cache| cache::lifetimes(cache, base))
        .or_else(|| is_files.then_some(base))
}

pub(super) fn read<'a>(
    section: &Section<'a>,
    around: &Surroundings<'_>,
    others: &cache::Cache,
    taken: &mut Taken,
) -> Endpoint<'a> {
    let leads = leads(section, taken);
    let settings = settings(section, around, &leads);
    let is_files = settings
        .as_ref()
        .is_some_and(|settings| matches!(settings.kind, BackendSettings::CalendarFiles(_)));
    let service = EndpointService {
        lifetimes: lifetimes(section, others, is_files),
        fallback: None,
        // A folder of files passes no question on, so that none can go in a circle.
        answer_cross_forest: section.flag("answer_cross_forest").unwrap_or(is_files),
    };
    Endpoint {
        settings,
        service,
        leads,
    }
}

fn leads<'a>(section: &Section<'a>, taken: &mut Taken) -> Leads<'a> {
    let name = name(section, &mut taken.names);
    let key = &section.place().key;
    let owner = Owner {
        section: key.clone(),
        label: name.clone().unwrap_or_else(|| key.clone()),
    };
    let domains = domains(section, &owner, &mut taken.domains);
    let is_default = section.flag("default").unwrap_or(false);
    Leads {
        name,
        no_domains: domains.is_none().then(|| {
            let text = if section.has("domains") {
                "needs at least one mail domain"
            } else {
                "is missing"
            };
            (section.at("domains"), text)
        }),
        domains: domains.unwrap_or_default(),
        default: is_default.then(|| section.at("default")),
        fallback: section.text("fallback"),
    }
}

fn settings(
    section: &Section<'_>,
    around: &Surroundings<'_>,
    leads: &Leads<'_>,
) -> Option<EndpointSettings> {
    let timeout = duration(section, "timeout", LONGEST_TIMEOUT).unwrap_or(DEFAULT_TIMEOUT);
    let max_concurrency = section.count("max_concurrency", MOST_CONCURRENCY);
    let limits = section.within("limits", limits).unwrap_or_default();
    let hedge_after = duration(section, "hedge_after", LONGEST_TIMEOUT);
    let probe_interval = duration(section, "probe_interval", LONGEST_PROBE_INTERVAL);
    let rooms = rooms::written(section);
    let mut kind = kind(section, around)?;
    if let Some(calls) = max_concurrency {
        share_out(calls, &mut kind);
    }
    if let Some(after) = hedge_after {
        warn_of_idle_hedge(section, &kind, after, timeout);
    }
    Some(EndpointSettings {
        name: leads.name.clone()?,
        domains: leads.domains.clone(),
        timeout,
        max_concurrency: max_concurrency.unwrap_or_else(|| default_concurrency(&kind)),
        probe_interval: probe_interval.unwrap_or(EndpointSettings::DEFAULT_PROBE_INTERVAL),
        limits,
        hedge_after,
        rooms,
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

/// None where there are none, which only another way to this endpoint makes right.
fn domains(
    section: &Section<'_>,
    owner: &Owner,
    taken: &mut BTreeMap<DomainPattern, Owner>,
) -> Option<Vec<DomainPattern>> {
    if !section.has("domains") {
        return None;
    }
    let Some(entries) = section.texts("domains") else {
        // The problem has been noted.
        return Some(Vec::new());
    };
    if entries.value.is_empty() {
        return None;
    }
    let mut domains = Vec::new();
    for entry in &entries.value {
        let Some(domain) = entry.parse(|text| DomainPattern::parse(text)) else {
            continue;
        };
        match taken.get(&domain) {
            None => {
                taken.insert(domain.clone(), owner.clone());
                domains.push(domain);
            }
            Some(other) if other.section == owner.section => {
                entry.problem("stands twice in the list");
            }
            Some(other) => {
                let other = &other.label;
                entry.problem(format!("{domain} belongs to endpoint {other} already"));
            }
        }
    }
    Some(domains)
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

/// A second call goes through a second role account, and only while there is time.
fn warn_of_idle_hedge(
    section: &Section<'_>,
    kind: &BackendSettings,
    after: Duration,
    timeout: Duration,
) {
    let accounts = match kind {
        BackendSettings::Ews(ews) => ews.role_accounts.len(),
        BackendSettings::CalendarFiles(_) => 0,
    };
    if accounts < 2 {
        section.warning("hedge_after", "has no effect without a second role account");
    } else if after >= timeout {
        section.warning("hedge_after", "has no effect: a call ends before");
    }
}

/// Lets the role accounts of an endpoint make all the calls that it may make.
fn share_out(calls: usize, kind: &mut BackendSettings) {
    if let BackendSettings::Ews(ews) = kind {
        let share = calls.div_ceil(ews.role_accounts.len().max(1));
        for account in &mut ews.role_accounts {
            account.max_concurrency = account.max_concurrency.max(share);
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

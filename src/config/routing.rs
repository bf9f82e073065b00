//! Which mailbox is asked for at which endpoint: `[[route]]`, `[[alias]]`, and what endpoints say of each other. All that
//! contradicts itself is found here, once every endpoint has been read.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::document::Section;
use super::findings::Located;
use super::values::domain_pair;
use crate::domain::{DomainPattern, MailDomain, SmtpAddress};
use crate::service::settings::{AliasSettings, RoutingSettings};

/// How mailboxes come to an endpoint, and where they go from it. Known also where the endpoint itself has problems, so
/// that others may name it.
pub(super) struct Leads<'a> {
    pub(super) name: Option<String>,
    pub(super) domains: Vec<DomainPattern>,
    /// What is wrong with `domains` if nothing else leads here.
    pub(super) no_domains: Option<(Located<'a, ()>, &'static str)>,
    /// Where it says that it is the default.
    pub(super) default: Option<Located<'a, ()>>,
    pub(super) fallback: Option<Located<'a, &'a str>>,
}

/// The routes, and for each endpoint the place of its fallback.
pub(super) struct Routing {
    pub(super) settings: RoutingSettings,
    pub(super) fallbacks: Vec<Option<usize>>,
}

pub(super) fn read(root: &Section<'_>, leads: &[Leads<'_>]) -> Routing {
    let default = default(leads);
    let fallbacks = fallbacks(leads);
    let pairs = aliases(root);
    check_aliases(&pairs, leads);
    let overrides = overrides(root, leads, &pairs);
    let aliases = pairs.iter().map(|pair| AliasSettings {
        external: pair.external.value.clone(),
        internal: pair.internal.value.clone(),
    });
    let settings = RoutingSettings {
        overrides,
        default,
        aliases: aliases.collect(),
    };
    warn_of_lost_aliases(&pairs, leads, &settings);
    report_unreachable(leads, &settings, &fallbacks);
    Routing {
        settings,
        fallbacks,
    }
}

/// The endpoint of a name.
fn find(leads: &[Leads<'_>], name: &Located<'_, &str>) -> Option<usize> {
    let is_named = |lead: &Leads<'_>| lead.name.as_deref() == Some(name.value);
    name.parse(|_| {
        leads
            .iter()
            .position(is_named)
            .ok_or("no endpoint has this name")
    })
}

fn default(leads: &[Leads<'_>]) -> Option<usize> {
    let mut claims = leads
        .iter()
        .enumerate()
        .filter_map(|(place, lead)| Some((place, lead.default.as_ref()?)));
    let (first, _) = claims.next()?;
    let name = leads.get(first).and_then(|lead| lead.name.as_deref());
    for (_, claim) in claims {
        let name = name.unwrap_or("another one");
        claim.problem(format!("endpoint {name} is the default already"));
    }
    Some(first)
}

fn fallbacks(leads: &[Leads<'_>]) -> Vec<Option<usize>> {
    let place = |lead: &Leads<'_>| find(leads, lead.fallback.as_ref()?);
    let fallbacks: Vec<_> = leads.iter().map(place).collect();
    let mut told = BTreeSet::new();
    for first in 0..leads.len() {
        let circle = circle(first, &fallbacks);
        if circle.is_empty() || circle.iter().any(|place| told.contains(place)) {
            continue;
        }
        let names = circle.iter().chain([&first]).map(|place| {
            let lead = leads.get(*place);
            lead.and_then(|lead| lead.name.as_deref())
                .unwrap_or("another one")
        });
        let path: Vec<&str> = names.collect();
        if let Some(fallback) = leads.get(first).and_then(|lead| lead.fallback.as_ref()) {
            fallback.problem(format!("leads in a circle: {}", path.join(" -> ")));
        }
        told.extend(circle);
    }
    fallbacks
}

/// The endpoints that are passed from `first` until it is reached again; empty where it is not.
fn circle(first: usize, fallbacks: &[Option<usize>]) -> Vec<usize> {
    let next = |place: &usize| fallbacks.get(*place).copied().flatten();
    let mut passed: Vec<usize> = std::iter::successors(Some(first), next)
        .take(fallbacks.len() + 1)
        .collect();
    match passed.iter().skip(1).position(|place| *place == first) {
        Some(length) => {
            passed.truncate(length + 1);
            passed
        }
        None => Vec::new(),
    }
}

/// Both domains of an alias, each with its place.
struct Pair<'a> {
    external: Located<'a, MailDomain>,
    internal: Located<'a, MailDomain>,
}

fn aliases<'a>(root: &Section<'a>) -> Vec<Pair<'a>> {
    let pairs = root.each("alias", |alias| {
        let (external, internal) = domain_pair(alias)?;
        Some(Pair { external, internal })
    });
    pairs.into_iter().flatten().collect()
}

fn check_aliases(pairs: &[Pair<'_>], leads: &[Leads<'_>]) {
    let mut seen = BTreeSet::new();
    for Pair { external, internal } in pairs {
        if !seen.insert(&external.value) {
            external.problem("is the external domain of another alias, too");
        }
        check_chain(pairs, external, internal);
        let pattern = DomainPattern::Exactly(external.value.clone());
        if let Some(lead) = leads.iter().find(|lead| lead.domains.contains(&pattern)) {
            let name = lead.name.as_deref().unwrap_or("another one");
            external.problem(format!(
                "is a domain of endpoint {name} as well; no mailbox of it would ever be asked for there"
            ));
        }
    }
}

/// An alias is one step: what it leads to is no alias itself.
fn check_chain(
    pairs: &[Pair<'_>],
    external: &Located<'_, MailDomain>,
    internal: &Located<'_, MailDomain>,
) {
    if external.value == internal.value {
        internal.problem("is the external domain itself");
        return;
    }
    let Some(next) = pairs
        .iter()
        .find(|pair| pair.external.value == internal.value)
    else {
        return;
    };
    internal.problem(if next.internal.value == external.value {
        "leads in a circle: it is the external domain of an alias back".to_owned()
    } else {
        let last = &next.internal.value;
        format!("is an external domain itself; write where it leads: \"{last}\"")
    });
}

fn overrides(
    root: &Section<'_>,
    leads: &[Leads<'_>],
    pairs: &[Pair<'_>],
) -> Vec<(SmtpAddress, usize)> {
    let mut routes = BTreeMap::new();
    root.each("route", |route| {
        route.require("address");
        route.require("endpoint");
        let endpoint = route.text("endpoint").and_then(|name| find(leads, &name));
        let Some(text) = route.text("address") else {
            return;
        };
        let Some(address) = text.parse(|text| SmtpAddress::parse(text)) else {
            return;
        };
        let domain = address.domain_str();
        if let Some(pair) = pairs
            .iter()
            .find(|pair| pair.external.value.as_str() == domain)
        {
            let internal = &pair.internal.value;
            text.problem(format!(
                "its domain is an alias; write the address as endpoints know it, at {internal}"
            ));
        }
        match (routes.entry(address), endpoint) {
            (Entry::Occupied(_), _) => text.problem("has another route already"),
            (Entry::Vacant(free), Some(endpoint)) => {
                free.insert(endpoint);
            }
            (Entry::Vacant(_), None) => {}
        }
    });
    routes.into_iter().collect()
}

/// An internal domain that nobody has is most likely misspelt.
fn warn_of_lost_aliases(pairs: &[Pair<'_>], leads: &[Leads<'_>], settings: &RoutingSettings) {
    for Pair { internal, .. } in pairs {
        let domain = internal.value.as_str();
        let is_known = settings.default.is_some()
            || leads
                .iter()
                .flat_map(|lead| &lead.domains)
                .any(|pattern| pattern.matches(domain))
            || settings
                .overrides
                .iter()
                .any(|(address, _)| address.domain_str() == domain);
        if !is_known {
            internal.warning("belongs to no endpoint: its mailboxes will not be found");
        }
    }
}

/// Endpoints that no mailbox would ever be asked for at.
fn report_unreachable(
    leads: &[Leads<'_>],
    settings: &RoutingSettings,
    fallbacks: &[Option<usize>],
) {
    for (place, lead) in leads.iter().enumerate() {
        let is_reached = settings.default == Some(place)
            || settings.overrides.iter().any(|(_, to)| *to == place)
            || fallbacks.contains(&Some(place));
        if let (Some((domains, text)), false) = (&lead.no_domains, is_reached) {
            domains.problem(text);
        }
    }
}

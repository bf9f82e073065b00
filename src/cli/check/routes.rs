//! The routing table as lines: which mailboxes are asked for where, by which other names, and which are refused. Draws
//! what it is given.

use crate::config::Config;
use crate::domain::DomainPattern;
use crate::service::route::{RouteKind, Routes};

/// In the order in which they hold: addresses, domains, wildcards, the default; then aliases and refusals.
pub(super) fn lines(config: &Config) -> Vec<String> {
    let service = &config.service;
    let domains = config.endpoints.iter().map(|own| own.domains.as_slice());
    let routes = Routes::new(&service.routing, &service.endpoints, domains);
    let rows = rows(config);
    let width = rows.iter().map(|row| row.meant.len()).max().unwrap_or(0);
    let mut lines = vec!["mailboxes are asked for at".to_owned()];
    lines.extend(rows.iter().map(|row| {
        let Row {
            meant,
            kind,
            endpoint,
        } = row;
        let rest = routes.fallbacks(*endpoint).iter();
        let chain = std::iter::once(endpoint).chain(rest);
        let names: Vec<&str> = chain.map(|place| name(config, *place)).collect();
        format!(
            "  {meant:width$}  {:8}  {}",
            kind.label(),
            names.join(" -> ")
        )
    }));
    for alias in &service.routing.aliases {
        let (external, internal) = (&alias.external, &alias.internal);
        lines.push(format!(
            "asks for {internal} where callers write {external}"
        ));
    }
    lines.extend(refusals(config));
    lines
}

struct Row {
    meant: String,
    kind: RouteKind,
    endpoint: usize,
}

fn rows(config: &Config) -> Vec<Row> {
    let routing = &config.service.routing;
    let overrides = routing.overrides.iter().map(|(address, endpoint)| Row {
        meant: address.to_string(),
        kind: RouteKind::Override,
        endpoint: *endpoint,
    });
    let endpoints = config.endpoints.iter().enumerate();
    let domains = endpoints.flat_map(|(endpoint, settings)| {
        settings.domains.iter().map(move |pattern| Row {
            meant: pattern.to_string(),
            kind: match pattern {
                DomainPattern::Exactly(_) => RouteKind::Domain,
                DomainPattern::Below(_) => RouteKind::Wildcard,
            },
            endpoint,
        })
    });
    let default = routing.default.map(|endpoint| Row {
        meant: "all others".to_owned(),
        kind: RouteKind::Default,
        endpoint,
    });
    let mut rows: Vec<Row> = overrides.chain(domains).chain(default).collect();
    rows.sort_by_key(|row| row.kind);
    rows
}

fn refusals(config: &Config) -> Option<String> {
    let permit = &config.service.permit;
    let count =
        |entries: usize| super::counted(entries, "address or domain", "addresses or domains");
    match (permit.deny.len(), permit.only.as_ref().map(Vec::len)) {
        (0, None) => None,
        (denied, None) => Some(format!("refuses {}", count(denied))),
        (0, Some(only)) => Some(format!("answers for {} only", count(only))),
        (denied, Some(only)) => Some(format!(
            "answers for {} only, and refuses {}",
            count(only),
            count(denied)
        )),
    }
}

fn name(config: &Config, endpoint: usize) -> &str {
    // A configuration names no endpoint that it does not have.
    config
        .endpoints
        .get(endpoint)
        .map_or("?", |settings| &settings.name)
}

//! Which endpoint is asked for a mailbox. Addresses here are those that endpoints know: aliases come before.

use std::collections::{HashMap, HashSet};

use super::settings::{EndpointService, RoutingSettings};
use crate::domain::pattern::parents;
use crate::domain::{DomainPattern, MailDomain, SmtpAddress};

/// All routes, ready to be asked: hash look-ups, no allocation. Endpoints are meant by their places.
#[derive(Debug, Default)]
pub struct Routes {
    overrides: HashMap<SmtpAddress, usize>,
    /// The mail domains of the addresses above.
    override_domains: HashSet<MailDomain>,
    domains: HashMap<MailDomain, usize>,
    /// The domains above, without the `*.`.
    wildcards: HashMap<MailDomain, usize>,
    default: Option<usize>,
    /// For each endpoint those that are asked after it, in order.
    fallbacks: Vec<Vec<usize>>,
}

/// Where a mailbox is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route<'a> {
    pub kind: RouteKind,
    pub endpoint: usize,
    /// Who is asked next, in order, as long as the mailbox is not found.
    pub fallbacks: &'a [usize],
}

impl Route<'_> {
    /// Every endpoint that may be asked, in order.
    pub fn places(&self) -> impl Iterator<Item = usize> {
        std::iter::once(self.endpoint).chain(self.fallbacks.iter().copied())
    }
}

/// Why a mailbox is asked for where it is. Where several apply, the first in this list holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RouteKind {
    /// A `[[route]]` names the address.
    Override,
    /// The endpoint has the mail domain.
    Domain,
    /// The endpoint has a wildcard above the mail domain; the longest one holds.
    Wildcard,
    /// The endpoint has everything else.
    Default,
}

impl RouteKind {
    /// The word for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Override => "address",
            Self::Domain => "domain",
            Self::Wildcard => "wildcard",
            Self::Default => "default",
        }
    }
}

impl Routes {
    /// `domains` are those of the endpoints, in their order. What names an endpoint that is not there leads nowhere.
    pub fn new<'a>(
        settings: &RoutingSettings,
        services: &[EndpointService],
        domains: impl IntoIterator<Item = &'a [DomainPattern]>,
    ) -> Self {
        let mut routes = Self {
            overrides: settings.overrides.iter().cloned().collect(),
            override_domains: settings
                .overrides
                .iter()
                .map(|(mailbox, _)| mailbox.domain())
                .collect(),
            default: settings.default,
            ..Self::default()
        };
        let domains: Vec<_> = domains.into_iter().collect();
        let count = domains.len();
        for (place, patterns) in domains.into_iter().enumerate() {
            routes.fallbacks.push(chain(place, count, services));
            for pattern in patterns {
                match pattern {
                    DomainPattern::Exactly(domain) => {
                        routes.domains.insert(domain.clone(), place);
                    }
                    DomainPattern::Below(parent) => {
                        routes.wildcards.insert(parent.clone(), place);
                    }
                }
            }
        }
        routes
    }

    /// None where no endpoint is asked: the mailbox does not exist.
    pub fn find(&self, mailbox: &SmtpAddress) -> Option<Route<'_>> {
        let (kind, endpoint) = self.place(mailbox)?;
        let fallbacks = self.fallbacks.get(endpoint)?;
        Some(Route {
            kind,
            endpoint,
            fallbacks,
        })
    }

    /// Whether mailboxes of a domain, in lower case, are asked for anywhere, be it a single one.
    pub fn has_domain(&self, domain: &str) -> bool {
        self.default.is_some()
            || self.of_domain(domain).is_some()
            || self.override_domains.contains(domain)
    }

    /// The endpoints that are asked after this one, in order, as long as a mailbox is not found.
    pub fn fallbacks(&self, endpoint: usize) -> &[usize] {
        self.fallbacks.get(endpoint).map_or(&[], Vec::as_slice)
    }

    fn place(&self, mailbox: &SmtpAddress) -> Option<(RouteKind, usize)> {
        let domain = mailbox.domain_str();
        if !self.overrides.is_empty()
            && let Some(&place) = self.overrides.get(mailbox)
        {
            return Some((RouteKind::Override, place));
        }
        self.of_domain(domain)
            .or_else(|| self.default.map(|place| (RouteKind::Default, place)))
    }

    fn of_domain(&self, domain: &str) -> Option<(RouteKind, usize)> {
        if let Some(&place) = self.domains.get(domain) {
            return Some((RouteKind::Domain, place));
        }
        if !self.wildcards.is_empty()
            && let Some(&place) = parents(domain).find_map(|above| self.wildcards.get(above))
        {
            return Some((RouteKind::Wildcard, place));
        }
        None
    }
}

/// Those asked after `first`, out of `count` endpoints. A circle, which a configuration cannot have, ends before an endpoint
/// is asked again.
fn chain(first: usize, count: usize, services: &[EndpointService]) -> Vec<usize> {
    let mut chain = vec![first];
    let next = |place: usize| services.get(place).and_then(|service| service.fallback);
    let mut last = first;
    while let Some(place) = next(last).filter(|place| *place < count && !chain.contains(place)) {
        chain.push(place);
        last = place;
    }
    chain.split_off(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Endpoints by their domains, with blanks between; `>N` is the fallback to endpoint N.
    fn routes(endpoints: &[&str], overrides: &[(&str, usize)], default: Option<usize>) -> Routes {
        let mut services = Vec::new();
        let mut domains = Vec::new();
        for endpoint in endpoints {
            let (patterns, fallback) = endpoint.split_once('>').unwrap_or((endpoint, ""));
            services.push(EndpointService {
                fallback: fallback.parse().ok(),
                ..EndpointService::default()
            });
            let patterns = patterns.split_whitespace();
            domains.push(
                patterns
                    .map(|text| DomainPattern::parse(text).unwrap())
                    .collect::<Vec<_>>(),
            );
        }
        let settings = RoutingSettings {
            overrides: overrides
                .iter()
                .map(|(text, place)| (SmtpAddress::parse(text).unwrap(), *place))
                .collect(),
            default,
            aliases: Vec::new(),
        };
        Routes::new(&settings, &services, domains.iter().map(Vec::as_slice))
    }

    #[track_caller]
    fn check(routes: &Routes, address: &str, expect: Option<(RouteKind, usize, &[usize])>) {
        let found = routes.find(&SmtpAddress::parse(address).unwrap());
        let got = found.map(|route| (route.kind, route.endpoint, route.fallbacks));
        assert_eq!(got, expect, "{address}");
    }

    const ENDPOINTS: [&str; 4] = [
        "example.com *.example.com >2",
        "cloud.example.com *.b.example.com",
        "",
        "other.example *.com",
    ];

    #[test]
    fn the_nearest_route_holds() {
        let overrides = [
            ("boss@example.com", 3),
            ("boss@a.example.com", 1),
            ("x@no.example", 0),
        ];
        let table = routes(&ENDPOINTS, &overrides, Some(2));
        let check = |address, kind, place, rest| check(&table, address, Some((kind, place, rest)));
        check("boss@example.com", RouteKind::Override, 3, &[]);
        check("boss@a.example.com", RouteKind::Override, 1, &[]);
        check("x@no.example", RouteKind::Override, 0, &[2]);
        check("anna@example.com", RouteKind::Domain, 0, &[2]);
        check("anna@cloud.example.com", RouteKind::Domain, 1, &[]);
        check("anna@a.example.com", RouteKind::Wildcard, 0, &[2]);
        check("anna@a.a.example.com", RouteKind::Wildcard, 0, &[2]);
        check("anna@x.b.example.com", RouteKind::Wildcard, 1, &[]);
        check("anna@b.example.com", RouteKind::Wildcard, 0, &[2]);
        check("anna@sub.cloud.example.com", RouteKind::Wildcard, 0, &[2]);
        check("anna@elsewhere.com", RouteKind::Wildcard, 3, &[]);
        check("anna@no.example", RouteKind::Default, 2, &[]);
    }

    #[test]
    fn a_domain_is_served_for_one_mailbox_of_it() {
        let table = routes(&ENDPOINTS, &[("x@no.example", 0)], None);
        for (domain, is_served) in [
            ("no.example", true),
            ("sub.no.example", false),
            ("example.com", true),
            ("a.example.com", true),
            ("none.example", false),
        ] {
            assert_eq!(table.has_domain(domain), is_served, "{domain}");
        }
        assert!(routes(&ENDPOINTS, &[], Some(0)).has_domain("none.example"));
    }

    #[test]
    fn without_a_default_others_lead_nowhere() {
        let table = routes(&ENDPOINTS, &[], None);
        check(&table, "anna@no.example", None);
        check(&table, "anna@sub.other.example", None);
        let no_wildcards = routes(&["example.com"], &[], None);
        check(&no_wildcards, "anna@a.example.com", None);
    }

    #[test]
    fn fallbacks_are_chains() {
        let table = routes(&["a.example >2", "b.example", "c.example >1"], &[], None);
        check(&table, "x@a.example", Some((RouteKind::Domain, 0, &[2, 1])));
        check(&table, "x@c.example", Some((RouteKind::Domain, 2, &[1])));
        check(&table, "x@b.example", Some((RouteKind::Domain, 1, &[])));
    }

    #[test]
    fn what_a_configuration_refuses_ends_here_as_well() {
        let table = routes(
            &["a.example >1", "b.example >0", "c.example >9"],
            &[],
            Some(7),
        );
        check(&table, "x@a.example", Some((RouteKind::Domain, 0, &[1])));
        check(&table, "x@b.example", Some((RouteKind::Domain, 1, &[0])));
        check(&table, "x@c.example", Some((RouteKind::Domain, 2, &[])));
        check(&table, "x@d.example", None);
    }
}

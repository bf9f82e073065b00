//! From a file's text to the settings of every layer, or to everything that is wrong with it.

use toml::de::DeTable;

use super::document::Section;
use super::endpoint::{self, Endpoint, Taken};
use super::findings::Findings;
use super::problems::{self, Place, Problem};
use super::server::{self, Server};
use super::surroundings::Surroundings;
use super::{
    Config, access, audit, cache, freebusy_link, freebusy_url, ops, rooms, routing, sharing,
};
use crate::backend::settings::EndpointSettings;
use crate::face::connector::ConnectorSettings;
use crate::face::links::LinkSettings;
use crate::server::audit::AuditSettings;
use crate::server::settings::{AccessSettings, OpsSettings, ServerSettings};
use crate::service::settings::{EndpointService, RoutingSettings, ServiceSettings};

/// Reads the whole document. `Err` is never empty and sorted by line.
pub(super) fn resolve(text: &str, around: &Surroundings<'_>) -> Result<Config, Vec<Problem>> {
    let findings = Findings::new(text);
    let (table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        return Err(syntax_problems(&findings, &errors));
    }
    let sections = Section::root(&findings, table.get_ref(), |root| read(root, around));
    let (mut problems, mut warnings) = findings.into_parts();
    problems::sort(&mut problems);
    problems::sort(&mut warnings);
    match sections {
        Some(sections) if problems.is_empty() => Ok(assemble(sections, warnings)),
        Some(_) | None => Err(problems),
    }
}

/// Only the parser's message and the line: its own display would print the line itself, with whatever secret is in it.
fn syntax_problems(findings: &Findings<'_>, errors: &[toml::de::Error]) -> Vec<Problem> {
    let mut problems: Vec<Problem> = errors
        .iter()
        .map(|error| Problem {
            place: Place {
                line: error.span().map(|span| findings.line(span.start)),
                key: String::new(),
            },
            text: format!("not valid TOML: {}", error.message()),
            of_file: false,
        })
        .collect();
    problems::sort(&mut problems);
    // The parser says about one mistake the same several times.
    problems.dedup();
    problems
}

/// The sections as read. Where one is None, a problem has been noted.
struct Sections {
    server: Server,
    access: AccessSettings,
    ops: Option<OpsSettings>,
    audit: Option<AuditSettings>,
    service: ServiceSettings,
    endpoints: Vec<EndpointSettings>,
    connectors: Vec<ConnectorSettings>,
    links: Vec<LinkSettings>,
}

fn read(root: &Section<'_>, around: &Surroundings<'_>) -> Option<Sections> {
    root.require("server");
    root.require("access");
    root.require("endpoint");
    let server = root.within("server", |server| server::read(server, around));
    let access = root.within("access", |access| access::read(access, around));
    let server = server.flatten();
    let taken = server
        .as_ref()
        .map_or(&[][..], |server| server.listen.as_slice());
    let ops = root
        .within("ops", |ops| ops::read(ops, taken, around))
        .flatten();
    let audit = root
        .within("audit", |audit| audit::read(audit, around))
        .flatten();
    let sharing = root.within("sharing", |sharing| sharing::read(sharing, around));
    let (sharing, permit) = sharing.unwrap_or_default();
    let cache = root.within("cache", cache::read).unwrap_or_default();
    let rooms = root.within("rooms", rooms::read).unwrap_or_default();
    let (endpoints, services, routing) = endpoints(root, around, &cache);
    let everybody = access.as_ref().map_or(&[][..], |access| &access.allow);
    let connectors = freebusy_url::read_all(root, around, everybody);
    let links = freebusy_link::read_all(root);
    let server = server?;
    if let Some(access) = access
        .as_ref()
        .filter(|access| !access.client_certificates.is_empty())
        && server.client_ca.is_none()
    {
        let text = format!(
            "{} certificates are named, and server.tls.client_ca, which asks callers for one, is missing",
            access.client_certificates.len()
        );
        root.problem_at("access", text);
    }
    warn_of_late_timeouts(root, &server, &endpoints);
    Some(Sections {
        server,
        access: access?,
        ops,
        audit,
        service: ServiceSettings {
            sharing,
            permit,
            cache: cache.settings,
            routing,
            rooms,
            endpoints: services,
        },
        endpoints,
        connectors,
        links,
    })
}

/// The endpoints, how the service treats each of them, and which mailboxes are asked for where.
fn endpoints(
    root: &Section<'_>,
    around: &Surroundings<'_>,
    cache: &cache::Cache,
) -> (Vec<EndpointSettings>, Vec<EndpointService>, RoutingSettings) {
    let mut taken = Taken::default();
    let read = root.each("endpoint", |endpoint| {
        endpoint::read(endpoint, around, cache, &mut taken)
    });
    let (mut settings, mut services, mut leads) = (Vec::new(), Vec::new(), Vec::new());
    for endpoint in read {
        let Endpoint {
            settings: own,
            service,
            leads: ways,
        } = endpoint;
        settings.extend(own);
        services.push(service);
        leads.push(ways);
    }
    let routing = routing::read(root, &leads);
    for (service, fallback) in services.iter_mut().zip(routing.fallbacks) {
        service.fallback = fallback;
    }
    (settings, services, routing.settings)
}

/// An endpoint that may take longer than a whole question never gets to use its time.
fn warn_of_late_timeouts(root: &Section<'_>, server: &Server, endpoints: &[EndpointSettings]) {
    for endpoint in endpoints {
        if endpoint.timeout > server.limits.deadline {
            root.warning(
                "endpoint",
                format!(
                    "the timeout of {} is longer than server.deadline",
                    endpoint.name
                ),
            );
        }
    }
}

fn assemble(sections: Sections, warnings: Vec<Problem>) -> Config {
    let server = sections.server;
    Config {
        server: ServerSettings {
            listen: server.listen,
            realm: server.public_url.host_str().unwrap_or_default().to_owned(),
            certificate: server.certificate,
            named_certificates: server.named_certificates,
            client_ca: server.client_ca,
            watch: server.watch,
            access: AccessSettings {
                issuer: server.public_url.as_str().trim_end_matches('/').into(),
                ..sections.access
            },
            limits: server.limits,
        },
        public_url: server.public_url,
        ops: sections.ops,
        audit: sections.audit,
        service: sections.service,
        endpoints: sections.endpoints,
        connectors: sections.connectors,
        links: sections.links,
        state_directory: server.state_directory,
        warnings,
    }
}

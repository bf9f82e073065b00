//! From a file's text to the settings of every layer, or to everything that is wrong with it.

use toml::de::DeTable;

use super::document::Section;
use super::endpoint::{self, Taken};
use super::findings::Findings;
use super::problems::{self, Place, Problem};
use super::server::{self, Server};
use super::surroundings::Surroundings;
use super::{Config, access};
use crate::backend::settings::EndpointSettings;
use crate::server::settings::{AccessSettings, ServerSettings};
use crate::service::settings::SharingSettings;

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
        })
        .collect();
    problems::sort(&mut problems);
    problems
}

/// The sections as read. Where one is None, a problem has been noted.
struct Sections {
    server: Server,
    access: AccessSettings,
    sharing: SharingSettings,
    endpoints: Vec<EndpointSettings>,
}

fn read(root: &Section<'_>, around: &Surroundings<'_>) -> Option<Sections> {
    root.require("server");
    root.require("access");
    root.require("endpoint");
    let server = root.within("server", |server| server::read(server, around));
    let access = root.within("access", |access| access::read(access, around));
    let sharing = root.within("sharing", sharing).unwrap_or_default();
    let mut taken = Taken::default();
    let endpoints: Vec<_> = root
        .each("endpoint", |endpoint| {
            endpoint::read(endpoint, around, &mut taken)
        })
        .into_iter()
        .flatten()
        .collect();
    let server = server.flatten()?;
    warn_of_late_timeouts(root, &server, &endpoints);
    Some(Sections {
        server,
        access: access?,
        sharing,
        endpoints,
    })
}

fn sharing(section: &Section<'_>) -> SharingSettings {
    let default = SharingSettings::default();
    SharingSettings {
        event_details: section
            .flag("event_details")
            .unwrap_or(default.event_details),
        room_booking: section.flag("room_booking").unwrap_or(default.room_booking),
    }
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
            private_key: server.private_key,
            access: sections.access,
            limits: server.limits,
        },
        public_url: server.public_url,
        sharing: sections.sharing,
        endpoints: sections.endpoints,
        warnings,
    }
}

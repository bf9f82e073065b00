//! Routes, aliases and fallbacks: what is read, and every way in which they can contradict each other.

use super::{Folder, changed, check, check_warnings};
use crate::domain::SmtpAddress;
use crate::service::route::{RouteKind, Routes};
use crate::service::settings::RoutingSettings;

/// The two lines that the tests below put keys of the endpoints behind: 12 is the section of `hq`, 20 that of `files`.
const HQ: &str = "name = \"hq\"";
const FILES: &str = "name = \"files\"";
const HQ_DOMAINS: &str = "domains = [\"example.com\"]";
const FILES_DOMAINS: &str = "domains = [\"files.example\"]";
/// The last line, 25: sections of the whole file go behind it.
const LAST: &str = "time_zone = \"Europe/Berlin\"";

fn hq(line: &str) -> (&'static str, String) {
    (HQ, format!("{HQ}\n{line}"))
}

fn files(line: &str) -> (&'static str, String) {
    (FILES, format!("{FILES}\n{line}"))
}

fn last(lines: &str) -> (&'static str, String) {
    (LAST, format!("{LAST}\n{lines}"))
}

/// As [`check`], for changes that were put together.
#[track_caller]
fn refused(changes: &[(&'static str, String)], expect: &[&str]) {
    let changes: Vec<_> = changes.iter().map(|(from, to)| (*from, &**to)).collect();
    check(&changes, expect);
}

#[track_caller]
fn read(changes: &[(&'static str, String)]) -> crate::config::Config {
    let changes: Vec<_> = changes.iter().map(|(from, to)| (*from, &**to)).collect();
    Folder::new().load(&changed(&changes)).unwrap()
}

#[test]
fn without_these_keys_mailboxes_stay_at_the_endpoints_of_their_domains() {
    let config = read(&[]);
    assert_eq!(config.service.routing, RoutingSettings::default());
    let files_alone = config.service.endpoints[1];
    assert!(files_alone.answer_cross_forest && files_alone.fallback.is_none());
    assert!(!config.service.endpoints[0].answer_cross_forest);
}

#[test]
fn every_way_to_an_endpoint_is_read() {
    let config = read(&[
        (
            HQ_DOMAINS,
            "domains = [\"Example.com\", \"*.example.com\"]".to_owned(),
        ),
        hq("fallback = \"files\"\nanswer_cross_forest = true"),
        files("default = true\nanswer_cross_forest = false"),
        (FILES_DOMAINS, String::new()),
        last(
            "[[route]]\naddress = \"Lobby@example.com\"\nendpoint = \"files\"\n\
             [[alias]]\nexternal = \"g.example.com\"\ninternal = \"example.com\"",
        ),
    ]);
    let service = &config.service;
    assert!(service.endpoints[0].answer_cross_forest);
    assert!(!service.endpoints[1].answer_cross_forest);
    let domains = config.endpoints.iter().map(|own| own.domains.as_slice());
    let routes = Routes::new(&service.routing, &service.endpoints, domains);
    let find = |address| {
        let route = routes.find(&SmtpAddress::parse(address).unwrap()).unwrap();
        (route.kind, route.endpoint, route.fallbacks.to_vec())
    };
    assert_eq!(find("anna@example.com"), (RouteKind::Domain, 0, vec![1]));
    assert_eq!(find("a@x.example.com"), (RouteKind::Wildcard, 0, vec![1]));
    assert_eq!(find("lobby@example.com"), (RouteKind::Override, 1, vec![]));
    assert_eq!(find("x@elsewhere.example"), (RouteKind::Default, 1, vec![]));
    let alias = &service.routing.aliases[0];
    assert_eq!(alias.external.as_str(), "g.example.com");
    assert_eq!(alias.internal.as_str(), "example.com");
}

#[test]
fn domains_belong_to_one_endpoint() {
    let wild = "domains = [\"*.example.com\"]".to_owned();
    refused(
        &[(HQ_DOMAINS, wild.clone()), (FILES_DOMAINS, wild)],
        &["23 endpoint[1].domains[0]: *.example.com belongs to endpoint hq already"],
    );
    refused(
        &[(
            HQ_DOMAINS,
            "domains = [\"*.a.example\", \"*.A.example\", \"*\"]".to_owned(),
        )],
        &[
            "15 endpoint[0].domains[1]: stands twice in the list",
            "15 endpoint[0].domains[2]: the domain is not a valid host name",
        ],
    );
    // A domain and all that is below it are two things.
    read(&[(
        FILES_DOMAINS,
        "domains = [\"*.example.com\", \"*.b.example.com\"]".to_owned(),
    )]);
}

#[test]
fn an_endpoint_needs_a_way_to_it() {
    refused(
        &[(FILES_DOMAINS, String::new())],
        &["20 endpoint[1].domains: is missing"],
    );
    refused(
        &[(FILES_DOMAINS, "domains = []".to_owned())],
        &["23 endpoint[1].domains: needs at least one mail domain"],
    );
    let none = || (FILES_DOMAINS, String::new());
    read(&[none(), files("default = true")]);
    read(&[none(), hq("fallback = \"files\"")]);
    read(&[
        none(),
        last("[[route]]\naddress = \"a@example.com\"\nendpoint = \"files\""),
    ]);
}

#[test]
fn one_endpoint_is_the_default() {
    refused(
        &[hq("default = true"), files("default = true")],
        &["23 endpoint[1].default: endpoint hq is the default already"],
    );
    read(&[hq("default = false"), files("default = true")]);
}

#[test]
fn fallbacks_lead_to_another_endpoint_and_not_back() {
    refused(
        &[hq("fallback = \"cloud\"")],
        &["14 endpoint[0].fallback: no endpoint has this name"],
    );
    refused(
        &[hq("fallback = \"hq\"")],
        &["14 endpoint[0].fallback: leads in a circle: hq -> hq"],
    );
    refused(
        &[hq("fallback = \"files\""), files("fallback = \"hq\"")],
        &["14 endpoint[0].fallback: leads in a circle: hq -> files -> hq"],
    );
    // The first one only leads into the circle.
    let third = "[[endpoint]]\nname = \"c\"\nkind = \"calendar-files\"\ndomains = [\"c.example\"]\n\
                 directory = \"calendars\"\ntime_zone = \"UTC\"\nfallback = \"files\"";
    refused(
        &[
            hq("fallback = \"files\""),
            files("fallback = \"c\""),
            last(third),
        ],
        &["23 endpoint[1].fallback: leads in a circle: files -> c -> files"],
    );
}

#[test]
fn routes_name_an_address_once_and_an_endpoint_that_is_there() {
    refused(
        &[last(
            "[[route]]\naddress = \"a@example.com\"\nendpoint = \"files\"\n\
             [[route]]\naddress = \"A@Example.com\"\nendpoint = \"hq\"\n\
             [[route]]\naddress = \"example.com\"\nendpoint = \"cloud\"\n\
             [[route]]\n",
        )],
        &[
            "30 route[1].address: has another route already",
            "33 route[2].address: an address has the form",
            "34 route[2].endpoint: no endpoint has this name",
            "35 route[3].address: is missing",
            "35 route[3].endpoint: is missing",
        ],
    );
}

#[test]
fn aliases_are_one_step_and_take_nothing_from_an_endpoint() {
    let alias = |external: &str, internal: &str| {
        format!("[[alias]]\nexternal = \"{external}\"\ninternal = \"{internal}\"\n")
    };
    let refused_aliases = |pairs: &[(&str, &str)], expect: &[&str]| {
        let lines: String = pairs.iter().map(|(from, to)| alias(from, to)).collect();
        refused(&[last(&lines)], expect);
    };
    refused_aliases(
        &[("a.example", "a.example")],
        &["28 alias[0].internal: is the external domain itself"],
    );
    refused_aliases(
        &[("a.example", "b.example"), ("b.example", "a.example")],
        &[
            "28 alias[0].internal: leads in a circle",
            "31 alias[1].internal: leads in a circle",
        ],
    );
    refused_aliases(
        &[("a.example", "b.example"), ("b.example", "example.com")],
        &[
            "28 alias[0].internal: is an external domain itself; write where it leads: \"example.com\"",
        ],
    );
    refused_aliases(
        &[("a.example", "example.com"), ("A.example", "files.example")],
        &["30 alias[1].external: is the external domain of another alias, too"],
    );
    refused_aliases(
        &[("files.example", "example.com"), ("a b", "")],
        &[
            "27 alias[0].external: is a domain of endpoint files as well",
            "30 alias[1].external: the domain is not a valid host name",
            "31 alias[1].internal: the domain is not a valid host name",
        ],
    );
    refused(
        &[last(&format!(
            "[[route]]\naddress = \"x@a.example\"\nendpoint = \"hq\"\n{}",
            alias("a.example", "example.com")
        ))],
        &[
            "27 route[0].address: its domain is an alias; write the address as endpoints know it, at example.com",
        ],
    );
}

#[test]
fn an_alias_that_leads_nowhere_is_a_warning() {
    let alias = "[[alias]]\nexternal = \"a.example\"\ninternal = \"nowhere.example\"";
    check_warnings(
        &[(LAST, &format!("{LAST}\n{alias}"))],
        &["28 alias[0].internal: belongs to no endpoint: its mailboxes will not be found"],
    );
    check_warnings(
        &[
            (LAST, &format!("{LAST}\n{alias}")),
            (HQ, &format!("{HQ}\ndefault = true")),
        ],
        &[],
    );
}

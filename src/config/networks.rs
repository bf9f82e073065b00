//! Networks of allow lists: CIDR blocks, single addresses, and named sets.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv6Net};

use super::findings::Located;

/// The addresses that Google Calendar Interop calls from, as Google publishes them for administrators' firewalls
/// (Google Workspace Admin Help, "Allow Google Calendar to access Exchange").
const GOOGLE_CALENDAR_INTEROP: (&str, [&str; 7]) = (
    "google-calendar-interop",
    [
        "74.125.88.0/27",
        "2001:4860:4::/64",
        "2404:6800:4::/64",
        "2607:f8b0:4::/64",
        "2800:3f0:4::/64",
        "2a00:1450:4::/64",
        "2c0f:fb50:4::/64",
    ],
);

/// The networks behind the name for Google's own.
pub fn google_calendar_interop() -> Vec<IpNet> {
    let texts = GOOGLE_CALENDAR_INTEROP.1.iter();
    texts.filter_map(|text| text.parse().ok()).collect()
}

/// The networks of a list; without one, none.
pub(super) fn networks(list: Option<&Located<'_, Vec<Located<'_, &str>>>>) -> Vec<IpNet> {
    let entries = list.iter().flat_map(|list| &list.value);
    entries.flat_map(named_or_network).collect()
}

fn named_or_network(entry: &Located<'_, &str>) -> Vec<IpNet> {
    let name = GOOGLE_CALENDAR_INTEROP.0;
    if entry.value == name {
        return google_calendar_interop();
    }
    let Some(network) = entry.parse(|text| parse(text)) else {
        return Vec::new();
    };
    if network != network.trunc() {
        entry.warning(format!(
            "has bits beyond its prefix and is read as {}",
            network.trunc()
        ));
    }
    if network.prefix_len() == 0 {
        entry.warning("lets every address in");
    }
    vec![network.trunc()]
}

fn parse(text: &str) -> Result<IpNet, String> {
    let network = text
        .parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| {
            let name = GOOGLE_CALENDAR_INTEROP.0;
            format!("must be a network (192.0.2.0/24), an address or \"{name}\"")
        })?;
    // Callers are compared in their IPv4 form, so that such a network would never match anybody.
    match network {
        IpNet::V6(v6) if is_mapped(v6) => Err("is an IPv4-mapped network; write it as IPv4".into()),
        IpNet::V4(_) | IpNet::V6(_) => Ok(network),
    }
}

fn is_mapped(network: Ipv6Net) -> bool {
    network.prefix_len() >= 96 && network.addr().to_ipv4_mapped().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::document::Section;
    use crate::config::findings::Findings;
    use toml::de::DeTable;

    /// The networks, then problems, then warnings of a list with one entry.
    #[track_caller]
    fn check(entry: &str, networks_expected: &[&str], texts_expected: &[&str]) {
        let text = format!("allow = [\"{entry}\"]");
        let table = DeTable::parse(&text).unwrap();
        let findings = Findings::new(&text);
        let got = Section::root(&findings, table.get_ref(), |root| {
            networks(root.texts("allow").as_ref())
        });
        let got: Vec<String> = got.iter().map(ToString::to_string).collect();
        assert_eq!(got, networks_expected, "{entry}");
        let (problems, warnings) = findings.into_parts();
        let texts: Vec<&str> = problems
            .iter()
            .chain(&warnings)
            .map(|found| found.text.as_str())
            .collect();
        assert_eq!(texts, texts_expected, "{entry}");
    }

    const NOT_A_NETWORK: &str =
        "must be a network (192.0.2.0/24), an address or \"google-calendar-interop\"";

    #[test]
    fn networks_and_addresses() {
        check("192.0.2.0/24", &["192.0.2.0/24"], &[]);
        check("2001:db8::/32", &["2001:db8::/32"], &[]);
        check("192.0.2.7", &["192.0.2.7/32"], &[]);
        check("::1", &["::1/128"], &[]);
        check(
            "192.0.2.7/24",
            &["192.0.2.0/24"],
            &["has bits beyond its prefix and is read as 192.0.2.0/24"],
        );
        check("0.0.0.0/0", &["0.0.0.0/0"], &["lets every address in"]);
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for entry in [
            "",
            "example.com",
            "192.0.2.0/33",
            "192.0.2",
            "2001:db8::/129",
            "google",
        ] {
            check(entry, &[], &[NOT_A_NETWORK]);
        }
        let mapped = "is an IPv4-mapped network; write it as IPv4";
        check("::ffff:192.0.2.0/120", &[], &[mapped]);
    }

    #[test]
    fn the_named_set_is_complete() {
        check("google-calendar-interop", &GOOGLE_CALENDAR_INTEROP.1, &[]);
    }
}

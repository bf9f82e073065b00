//! Where a request to the ops listener comes from, as far as a browser says: the Host and Origin headers.
//!
//! A browser on the same machine reaches a loopback address for any page that it shows. A page whose own host name was
//! made to point there (DNS rebinding) still sends its own name as Host, and a page elsewhere its own origin as Origin.

use std::net::{IpAddr, Ipv6Addr};

use http::header::{HOST, ORIGIN};
use http::{HeaderMap, Uri};

/// What is wrong with a request's origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Foreign {
    /// The Host header is missing, unreadable or names somebody else.
    Host,
    /// A page of another origin has sent it.
    Page,
}

/// Who the listener is. Any port will do: behind a forwarded port it is another.
pub(super) struct Own<'a> {
    /// The address that the connection was made to.
    pub(super) address: IpAddr,
    /// Configured names, in lower case.
    pub(super) hosts: &'a [String],
    pub(super) has_tls: bool,
}

pub(super) fn check(uri: &Uri, headers: &HeaderMap, this: &Own<'_>) -> Result<(), Foreign> {
    let host = only(headers, &HOST).ok_or(Foreign::Host)?;
    if !is_own(host, this) {
        return Err(Foreign::Host);
    }
    // A request line with a whole URL counts instead of Host (RFC 9112 section 3.2.2).
    if let Some(authority) = uri.authority()
        && !authority.as_str().eq_ignore_ascii_case(host)
    {
        return Err(Foreign::Host);
    }
    if headers.contains_key(ORIGIN) {
        let own = |origin: &str| {
            origin
                .strip_prefix(if this.has_tls { "https://" } else { "http://" })
                .is_some_and(|from| from.eq_ignore_ascii_case(host))
        };
        if !only(headers, &ORIGIN).is_some_and(own) {
            return Err(Foreign::Page);
        }
    }
    Ok(())
}

/// The header's value, where there is exactly one and it is text.
fn only<'a>(headers: &'a HeaderMap, name: &http::HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// `localhost`, a loopback address, or the address that was connected to; with or without a port.
fn is_own(host: &str, this: &Own<'_>) -> bool {
    let Some(name) = without_port(host) else {
        return false;
    };
    let is_name = |known: &String| known.eq_ignore_ascii_case(name);
    if name.eq_ignore_ascii_case("localhost") || this.hosts.iter().any(is_name) {
        return true;
    }
    let address = match name.strip_prefix('[') {
        Some(inside) => inside
            .strip_suffix(']')
            .and_then(|text| text.parse::<Ipv6Addr>().ok())
            .map(IpAddr::from),
        None => name.parse::<std::net::Ipv4Addr>().ok().map(IpAddr::from),
    };
    address.is_some_and(|address| {
        let address = address.to_canonical();
        address.is_loopback() || address == this.address.to_canonical()
    })
}

/// None where what follows the last colon is no port.
fn without_port(host: &str) -> Option<&str> {
    if host.ends_with(']') {
        return Some(host);
    }
    match host.rsplit_once(':') {
        None => Some(host),
        Some((name, port)) => {
            let is_port = !port.is_empty()
                && port.bytes().all(|b| b.is_ascii_digit())
                && port.parse::<u16>().is_ok();
            is_port.then_some(name)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_headers(target: &str, lines: &[(&'static str, &str)], expect: Result<(), Foreign>) {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        let own = Own {
            address: "192.0.2.7".parse().unwrap(),
            hosts: &["ops.example.com".to_owned()],
            has_tls: false,
        };
        let got = check(&target.parse().unwrap(), &headers, &own);
        assert_eq!(got, expect, "{target} {lines:?}");
    }

    #[test]
    fn own_names_are_loopback_ones_and_the_address_connected_to() {
        for own in [
            "localhost",
            "LOCALHOST:9464",
            "127.0.0.1",
            "127.0.0.1:9464",
            "127.8.8.8:1",
            "[::1]",
            "[::1]:9464",
            "[::ffff:127.0.0.1]:9464",
            "192.0.2.7:80",
            "Ops.example.com:9464",
        ] {
            check_headers("/", &[("host", own)], Ok(()));
        }
    }

    #[test]
    fn other_names_are_foreign() {
        for foreign in [
            "",
            "evil.example",
            "evil.example:9464",
            "localhost.evil.example",
            "evil.ops.example.com",
            "evil.localhost",
            "127.0.0.1.evil.example",
            "192.0.2.8",
            "[2001:db8::1]:9464",
            "::1",
            "[::1",
            "[127.0.0.1]",
            "localhost:",
            "localhost:evil",
            "localhost:99999",
            "localhost:1:2",
            "user@localhost",
            "localhost/",
            " ",
            "0.0.0.0:9464",
        ] {
            check_headers("/", &[("host", foreign)], Err(Foreign::Host));
        }
        check_headers("/", &[], Err(Foreign::Host));
        let twice = [("host", "localhost"), ("host", "localhost")];
        check_headers("/", &twice, Err(Foreign::Host));
        let host = [("host", "localhost")];
        check_headers("http://evil.example/", &host, Err(Foreign::Host));
        check_headers("http://localhost/", &host, Ok(()));
    }

    #[test]
    fn only_own_pages_may_ask() {
        let check_origin = |origin: &str, expect| {
            let lines = [("host", "localhost:9464"), ("origin", origin)];
            check_headers("/", &lines, expect);
        };
        check_origin("http://localhost:9464", Ok(()));
        check_origin("http://localhost:3000", Err(Foreign::Page));
        check_origin("http://127.0.0.1:9464", Err(Foreign::Page));
        check_origin("https://localhost:9464", Err(Foreign::Page));
        check_origin("http://evil.example", Err(Foreign::Page));
        check_origin("null", Err(Foreign::Page));
        check_origin("", Err(Foreign::Page));
    }
}

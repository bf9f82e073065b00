//! Who a caller is on the network: peers, trusted hops and the allow list. No sockets, no HTTP parsing.
//!
//! Addresses are compared in canonical form: `::ffff:192.0.2.1` is 192.0.2.1, in lists as in peers.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::HeaderMap;
use ipnet::IpNet;

use super::settings::{AccessSettings, ClientAddress};
use crate::face::{Admission, Routes};

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The bits that a mapped IPv4 network has in front of its own prefix.
const MAPPED_PREFIX: u8 = 96;

/// Networks in canonical form.
#[derive(Debug, Clone)]
pub(super) struct Networks(Vec<IpNet>);

impl Networks {
    pub(super) fn new(networks: &[IpNet]) -> Self {
        Self(networks.iter().map(canonical).collect())
    }

    pub(super) fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// `::ffff:192.0.2.0/120` is 192.0.2.0/24. A shorter prefix spans more than IPv4 and stays as it is.
fn canonical(network: &IpNet) -> IpNet {
    if let (IpAddr::V4(address), Some(prefix)) = (
        network.addr().to_canonical(),
        network.prefix_len().checked_sub(MAPPED_PREFIX),
    ) && matches!(network, IpNet::V6(_))
        && let Ok(mapped) = IpNet::new(address.into(), prefix)
    {
        return mapped;
    }
    *network
}

/// What counts as one place on the network: an IPv4 address, or the /64 that a host with IPv6 has for itself.
pub(super) fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

/// Who may connect, who may call which face, and where the caller's address stands.
#[derive(Debug)]
pub(super) struct Access {
    allow: Networks,
    /// The lists of faces that have one of their own.
    others: Vec<Networks>,
    trusted_proxies: Networks,
    client_address: ClientAddress,
}

impl Access {
    /// `routes`: their faces' own lists open the door too, but only to them.
    pub(super) fn new(settings: &AccessSettings, routes: &Routes) -> Self {
        let lists = routes.iter().filter_map(|route| match &route.admission {
            Admission::Own(own) => Some(Networks::new(&own.allow)),
            Admission::Login | Admission::Open => None,
        });
        Self {
            allow: Networks::new(&settings.allow),
            others: lists.collect(),
            trusted_proxies: Networks::new(&settings.trusted_proxies),
            client_address: settings.client_address,
        }
    }

    /// Whether a connection from this peer is taken at all.
    pub(super) fn may_connect(&self, peer: IpAddr) -> bool {
        self.allow.contains(peer)
            || self.trusted_proxies.contains(peer)
            || self.others.iter().any(|list| list.contains(peer))
    }

    /// Whether this caller may call the faces that have no list of their own.
    pub(super) fn may_call(&self, client: IpAddr) -> bool {
        self.allow.contains(client)
    }

    /// Whether a PROXY header stands in front of this peer's bytes.
    pub(super) fn announces_client(&self, peer: IpAddr) -> bool {
        self.client_address == ClientAddress::ProxyProtocol && self.trusted_proxies.contains(peer)
    }

    /// The address that a request counts as coming from; none when a trusted proxy does not say it readably.
    /// `source` is the peer, or who the peer announced in its PROXY header.
    pub(super) fn client(&self, source: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
        match self.client_address {
            ClientAddress::XForwardedFor if self.trusted_proxies.contains(source) => {
                self.forwarded(headers)
            }
            ClientAddress::Peer | ClientAddress::ProxyProtocol | ClientAddress::XForwardedFor => {
                Some(source.to_canonical())
            }
        }
    }

    /// From the right, the first hop that is not a trusted proxy. Each proxy adds the address it saw at the right end,
    /// so everything to the left of that hop is the caller's own claim. When all hops are trusted, the leftmost.
    fn forwarded(&self, headers: &HeaderMap) -> Option<IpAddr> {
        let mut hops = Vec::new();
        for line in headers.get_all(FORWARDED_FOR) {
            hops.extend(line.to_str().ok()?.split(','));
        }
        let mut client = None;
        for hop in hops.into_iter().rev() {
            let address = read_hop(hop)?;
            client = Some(address);
            if !self.trusted_proxies.contains(address) {
                break;
            }
        }
        client
    }
}

/// `192.0.2.1`, `192.0.2.1:55`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:55`.
fn read_hop(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let address = match hop.parse::<IpAddr>() {
        Ok(address) => address,
        Err(_) => match hop.parse::<SocketAddr>() {
            Ok(address) => address.ip(),
            Err(_) => hop.strip_prefix('[')?.strip_suffix(']')?.parse().ok()?,
        },
    };
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn access(client_address: ClientAddress, allow: &[&str], trusted: &[&str]) -> Access {
        let nets = |texts: &[&str]| texts.iter().map(|t| t.parse().unwrap()).collect();
        let settings = AccessSettings {
            allow: nets(allow),
            client_address,
            trusted_proxies: nets(trusted),
            ..AccessSettings::default()
        };
        Access::new(&settings, &Routes::default())
    }

    #[track_caller]
    fn check(lines: &[&str], expect: Option<&str>) {
        let access = access(
            ClientAddress::XForwardedFor,
            &[],
            &["10.0.0.0/8", "2001:db8:9::/48"],
        );
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(
                FORWARDED_FOR,
                HeaderValue::from_bytes(line.as_bytes()).unwrap(),
            );
        }
        let client = access.client("10.0.0.1".parse().unwrap(), &headers);
        assert_eq!(client, expect.map(|t| t.parse().unwrap()), "{lines:?}");
    }

    #[test]
    fn forwarded_for_is_read_from_the_right() {
        check(&["192.0.2.7"], Some("192.0.2.7"));
        check(&["1.1.1.1, 192.0.2.7"], Some("192.0.2.7"));
        check(&["1.1.1.1, 192.0.2.7, 10.0.0.2"], Some("192.0.2.7"));
        check(
            &["1.1.1.1", "192.0.2.7 , 10.9.9.9", "10.0.0.2"],
            Some("192.0.2.7"),
        );
        check(&["192.0.2.7:55,10.0.0.2:8443"], Some("192.0.2.7"));
        check(&["[2001:db8::1]:123"], Some("2001:db8::1"));
        check(&["[2001:db8::1]"], Some("2001:db8::1"));
        check(&["2001:db8::1, 2001:db8:9::7"], Some("2001:db8::1"));
        check(&["::ffff:192.0.2.7, ::ffff:10.0.0.3"], Some("192.0.2.7"));
        // Only trusted hops: the call began at the leftmost.
        check(&["10.0.0.9, 10.0.0.2"], Some("10.0.0.9"));
        // What stands left of the caller's address is the caller's own claim, readable or not.
        check(&["nonsense, 192.0.2.7"], Some("192.0.2.7"));
    }

    #[test]
    fn an_absent_or_unreadable_forwarded_for_names_nobody() {
        check(&[], None);
        check(&[""], None);
        check(&["unknown"], None);
        check(&["192.0.2.7, unknown, 10.0.0.2"], None);
        check(&["192.0.2.7,"], None);
        check(&["192.0.2.7, [::1"], None);
        check(&["192.0.2.7", "caf\u{e9}"], None);
    }

    #[test]
    fn from_others_the_peer_counts() {
        let access = access(ClientAddress::XForwardedFor, &[], &["10.0.0.0/8"]);
        let mut headers = HeaderMap::new();
        headers.insert(FORWARDED_FOR, HeaderValue::from_static("192.0.2.7"));
        let peer = "::ffff:198.51.100.1".parse().unwrap();
        assert_eq!(
            access.client(peer, &headers),
            Some("198.51.100.1".parse().unwrap())
        );
    }

    #[test]
    fn mapped_addresses_are_plain_ipv4() {
        let nets = Networks::new(&[
            "192.0.2.0/24".parse().unwrap(),
            "::ffff:198.51.100.0/120".parse().unwrap(),
        ]);
        let inside = [
            "192.0.2.9",
            "::ffff:192.0.2.9",
            "198.51.100.9",
            "::ffff:198.51.100.9",
        ];
        for text in inside {
            assert!(nets.contains(text.parse().unwrap()), "{text}");
        }
        for text in [
            "192.0.3.9",
            "::192.0.2.9",
            "2001:db8::1",
            "::ffff:198.51.101.1",
        ] {
            assert!(!nets.contains(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn proxies_may_connect_but_not_call() {
        let access = access(ClientAddress::Peer, &["192.0.2.0/24"], &["10.0.0.0/8"]);
        let (client, proxy, other) = (
            "192.0.2.1".parse().unwrap(),
            "10.0.0.1".parse().unwrap(),
            "203.0.113.1".parse().unwrap(),
        );
        assert!(access.may_connect(client) && access.may_call(client));
        assert!(access.may_connect(proxy) && !access.may_call(proxy));
        assert!(!access.may_connect(other) && !access.may_call(other));
        assert!(!access.announces_client(proxy));
    }
}

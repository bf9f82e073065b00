//! The networks whose connections and requests were refused last, for whoever runs the gateway. Bounded; knows no single address.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use ipnet::IpNet;
use jiff::Timestamp;

/// Networks that are remembered; the one that came longest ago makes room.
const MOST: usize = 20;
const IPV4_PREFIX: u8 = 24;
const IPV6_PREFIX: u8 = 48;

/// A network that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    pub network: IpNet,
    pub last: Timestamp,
    /// Connections, and requests behind a proxy or on a path with a list of its own.
    pub times: u64,
}

#[derive(Debug, Default)]
pub(super) struct Denials(Mutex<Vec<Denial>>);

impl Denials {
    pub(super) fn note(&self, peer: IpAddr, now: Timestamp) {
        let Some(network) = network(peer) else {
            return;
        };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = known.iter().position(|denial| denial.network == network);
        let mut denial = match place {
            Some(place) => known.remove(place),
            None => Denial {
                network,
                last: now,
                times: 0,
            },
        };
        denial.last = now;
        denial.times += 1;
        known.insert(0, denial);
        known.truncate(MOST);
    }

    /// The latest first.
    pub(super) fn list(&self) -> Vec<Denial> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// What may be told of where somebody is: an IPv4 /24, an IPv6 /48.
pub(super) fn network(peer: IpAddr) -> Option<IpNet> {
    let peer = peer.to_canonical();
    let prefix = if peer.is_ipv4() {
        IPV4_PREFIX
    } else {
        IPV6_PREFIX
    };
    IpNet::new(peer, prefix).ok().map(|network| network.trunc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_counted_and_bounded() {
        let denials = Denials::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        for last in 0..50 {
            denials.note(format!("198.51.{last}.7").parse().unwrap(), at(last));
        }
        denials.note("198.51.49.250".parse().unwrap(), at(60));
        denials.note("2001:db8:1:2::3".parse().unwrap(), at(61));
        let list = denials.list();
        assert_eq!(list.len(), MOST);
        assert_eq!(list[0].network.to_string(), "2001:db8:1::/48");
        let second = &list[1];
        assert_eq!(second.network.to_string(), "198.51.49.0/24");
        assert_eq!((second.last, second.times), (at(60), 2));
    }
}

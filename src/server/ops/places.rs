//! How many connections to the ops listener may be open, in all and from one address, so that no address can keep all
//! others out. Opens none.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::server::address::network_of;

/// Open at once; more are closed without a word.
const MOST: usize = 64;
/// Of these, from one address (IPv6: from one /64). A browser opens six.
const MOST_OF_ONE: usize = 16;

#[derive(Debug, Default)]
pub(super) struct Places(Mutex<HashMap<IpAddr, usize>>);

/// A connection's place, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    network: IpAddr,
}

impl Places {
    /// None where there is no place left.
    pub(super) fn take(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let network = network_of(peer);
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = held.values().sum();
        let of_one = held.entry(network).or_default();
        if all >= MOST || *of_one >= MOST_OF_ONE {
            // It has at least one already, or nobody else would be let in by removing it.
            if *of_one == 0 {
                held.remove(&network);
            }
            return None;
        }
        *of_one += 1;
        Some(Place {
            places: Arc::clone(self),
            network,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.places.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_address_leaves_places_for_others() {
        let places = Arc::new(Places::default());
        let greedy = address("2001:db8::1");
        let mut held: Vec<_> = (0..MOST_OF_ONE).map(|_| places.take(greedy)).collect();
        assert!(held.iter().all(Option::is_some));
        // Of the same /64.
        assert!(places.take(address("2001:db8::2")).is_none());
        assert!(places.take(address("2001:db8:0:1::1")).is_some());
        assert!(places.take(address("192.0.2.1")).is_some());
        held.pop();
        assert!(places.take(greedy).is_some());
    }

    #[test]
    fn all_addresses_together_have_a_bound_and_nothing_is_left_over() {
        let places = Arc::new(Places::default());
        let networks = (0..MOST).map(|number| IpAddr::from([192, 0, 2, number as u8]));
        let held: Vec<_> = networks.map(|network| places.take(network)).collect();
        assert!(held.iter().all(Option::is_some));
        assert!(places.take(address("198.51.100.1")).is_none());
        drop(held);
        assert!(places.take(address("198.51.100.1")).is_some());
        assert!(places.0.lock().unwrap().is_empty());
    }
}

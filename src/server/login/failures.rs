//! How many wrong passwords are listened to, for each address and for each account. An account may have more of them, since
//! its rightful caller is shut out with the others. Counts failures only: a caller that is right costs nothing. Bounded memory: addresses and accounts share 65,536 slots under a keyed hash.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Mutex;
use std::time::Duration;

use governor::clock::{Clock, MonotonicClock};
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use tokio::time::Instant;

use crate::server::address::network_of;

/// From how many networks at once an account must be guessed at, each at its own limit, before nobody is listened to.
const NETWORKS: NonZeroU32 = NonZeroU32::new(10).expect("not zero");

type Limiter = RateLimiter<u16, DefaultKeyedStateStore<u16>, MonotonicClock>;

pub(super) struct Failures {
    addresses: Counted,
    accounts: Counted,
    hasher: RandomState,
}

struct Counted {
    limiter: Limiter,
    blocked: Mutex<HashMap<u16, Instant>>,
}

impl Failures {
    /// `per_minute` failures, as many at once, of one address (IPv6: of one /64), and ten times as many of one account.
    pub(super) fn new(per_minute: NonZeroU32) -> Self {
        Self {
            addresses: Counted::new(per_minute),
            accounts: Counted::new(per_minute.saturating_mul(NETWORKS)),
            hasher: RandomState::new(),
        }
    }

    /// How long neither this address nor anybody for this account is listened to, if so.
    pub(super) fn blocked(
        &self,
        client: IpAddr,
        account: &(impl std::hash::Hash + ?Sized),
    ) -> Option<Duration> {
        let address = self.addresses.blocked(self.slot(&network_of(client)));
        address.max(self.accounts.blocked(self.slot(account)))
    }

    pub(super) fn count_address(&self, client: IpAddr) {
        self.addresses.count(self.slot(&network_of(client)));
    }

    pub(super) fn count_account(&self, account: &(impl std::hash::Hash + ?Sized)) {
        self.accounts.count(self.slot(account));
    }

    fn slot(&self, of: &(impl std::hash::Hash + ?Sized)) -> u16 {
        self.hasher.hash_one(of) as u16
    }
}

impl Counted {
    fn new(per_minute: NonZeroU32) -> Self {
        let quota = Quota::per_minute(per_minute);
        Self {
            limiter: RateLimiter::new(quota, DefaultKeyedStateStore::default(), MonotonicClock),
            blocked: Mutex::default(),
        }
    }

    fn blocked(&self, slot: u16) -> Option<Duration> {
        let mut blocked = self.blocked.lock().ok()?;
        let left = blocked.get(&slot)?.checked_duration_since(Instant::now());
        let left = left.filter(|left| !left.is_zero());
        if left.is_none() {
            blocked.remove(&slot);
        }
        left
    }

    fn count(&self, slot: u16) {
        if let Err(until) = self.limiter.check_key(&slot)
            && let Ok(mut blocked) = self.blocked.lock()
        {
            let wait = until.wait_time_from(MonotonicClock.now());
            blocked.insert(slot, Instant::now() + wait);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failures(per_minute: u32) -> Failures {
        Failures::new(NonZeroU32::new(per_minute).unwrap())
    }

    /// A failure of `client` for `account`.
    fn count(failures: &Failures, client: IpAddr, account: &(impl std::hash::Hash + ?Sized)) {
        failures.count_address(client);
        failures.count_account(account);
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn after_too_many_the_address_is_not_listened_to_and_others_are() {
        let failures = failures(3);
        for _ in 0..3 {
            count(&failures, ip("192.0.2.1"), "anna");
            assert_eq!(failures.blocked(ip("192.0.2.1"), "anna"), None);
        }
        count(&failures, ip("192.0.2.1"), "anna");
        for account in ["anna", "bert"] {
            let left = failures.blocked(ip("192.0.2.1"), account).unwrap();
            assert!(left <= Duration::from_secs(20), "{left:?}");
        }
        assert_eq!(failures.blocked(ip("192.0.2.2"), "anna"), None);
    }

    #[test]
    fn an_account_is_shut_by_many_networks_only() {
        let failures = failures(3);
        let mut networks = 0;
        while failures.blocked(ip("198.51.100.1"), "anna").is_none() {
            networks += 1;
            for _ in 0..3 {
                count(&failures, IpAddr::V4(networks.into()), "anna");
            }
        }
        // Ten of them reach the limit; the clock gives one back now and then.
        assert!((11..20).contains(&networks), "{networks}");
        assert_eq!(failures.blocked(ip("198.51.100.1"), "bert"), None);
    }

    #[test]
    fn an_ipv6_host_is_its_network() {
        let failures = failures(1);
        for host in 1..=3 {
            count(&failures, ip(&format!("2001:db8::{host}")), &host);
        }
        assert!(failures.blocked(ip("2001:db8::99"), "x").is_some());
        assert!(failures.blocked(ip("2001:db8:0:1::1"), "x").is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_block_ends() {
        let failures = failures(60);
        for _ in 0..61 {
            count(&failures, ip("192.0.2.1"), "anna");
        }
        let left = failures.blocked(ip("192.0.2.1"), "anna").unwrap();
        tokio::time::advance(left).await;
        assert_eq!(failures.blocked(ip("192.0.2.1"), "anna"), None);
    }

    #[test]
    fn a_hundred_thousand_addresses_take_no_more_than_the_slots() {
        let failures = failures(1);
        for n in 0..100_000_u32 {
            count(&failures, IpAddr::V4(n.into()), &n);
            count(&failures, IpAddr::V4(n.into()), &n);
        }
        assert!(failures.addresses.limiter.len() <= 1 << 16);
        assert!(failures.addresses.blocked.lock().unwrap().len() <= 1 << 16);
    }
}

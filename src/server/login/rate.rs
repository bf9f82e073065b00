//! How many requests one caller may make. Bounded memory: there are no more callers than the configuration names.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, MonotonicClock};
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};

use crate::domain::CallerId;

pub(super) struct Rate {
    pub(super) per_minute: NonZeroU32,
    limiter: RateLimiter<CallerId, DefaultKeyedStateStore<CallerId>, MonotonicClock>,
}

impl Rate {
    /// `per_minute` requests, as many at once.
    pub(super) fn new(per_minute: NonZeroU32) -> Self {
        let quota = Quota::per_minute(per_minute);
        Self {
            per_minute,
            limiter: RateLimiter::new(quota, DefaultKeyedStateStore::default(), MonotonicClock),
        }
    }

    /// Counts a request of this caller, or says when it may come back.
    pub(super) fn count(&self, caller: &CallerId) -> Result<(), Duration> {
        // Whoever comes without a login is many.
        if *caller == CallerId::Nobody {
            return Ok(());
        }
        let outcome = self.limiter.check_key(caller);
        outcome.map_err(|until| until.wait_time_from(MonotonicClock.now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_caller_has_its_own_requests() {
        let rate = Rate::new(NonZeroU32::new(2).unwrap());
        let (google, other) = (
            CallerId::Client("google".into()),
            CallerId::Client("x".into()),
        );
        assert!(rate.count(&google).is_ok() && rate.count(&google).is_ok());
        let wait = rate.count(&google).unwrap_err();
        assert!(
            wait > Duration::ZERO && wait <= Duration::from_secs(30),
            "{wait:?}"
        );
        assert!(rate.count(&other).is_ok());
        assert!((0..9).all(|_| rate.count(&CallerId::Nobody).is_ok()));
    }
}

//! What a configuration must say about sharing; `config` builds this, the service reads it.

use std::time::Duration;

/// What may be told to callers, all of them alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SharingSettings {
    /// Whether subjects and locations may be told, where an endpoint grants them.
    pub event_details: bool,
    /// Whether rooms may be booked through the gateway.
    pub room_booking: bool,
}

impl Default for SharingSettings {
    fn default() -> Self {
        Self {
            event_details: true,
            room_booking: true,
        }
    }
}

/// How long answers are kept, and how much of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheSettings {
    pub lifetimes: CacheLifetimes,
    pub widen: Widen,
    /// Bytes that all entries together may hold.
    pub max_bytes: u64,
    /// How long it is remembered at which of two endpoints a mailbox was found.
    pub location_for: Duration,
}

/// How long each kind of answer may serve. An endpoint can have its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheLifetimes {
    /// Events, without asking again.
    pub fresh_for: Duration,
    /// Events, after that, while they are asked for again in the background.
    pub stale_while_revalidate: Duration,
    /// Events, since they were fetched, while the endpoint fails.
    pub stale_if_error: Duration,
    /// That there is no such mailbox.
    pub unknown_for: Duration,
    /// That access was refused.
    pub refused_for: Duration,
    /// That the endpoint failed.
    pub outage_for: Duration,
}

/// How much more than the window asked for is fetched, so that neighbouring questions find it in the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Widen {
    /// Whole weeks, Monday to Sunday, UTC.
    Week,
    /// Whole days, UTC.
    Day,
    None,
}

impl Default for CacheSettings {
    fn default() -> Self {
        Self {
            lifetimes: CacheLifetimes::default(),
            widen: Widen::Week,
            max_bytes: 1 << 30,
            location_for: Duration::from_hours(1),
        }
    }
}

impl Default for CacheLifetimes {
    fn default() -> Self {
        Self {
            fresh_for: Duration::from_mins(1),
            stale_while_revalidate: Duration::from_mins(1),
            stale_if_error: Duration::from_mins(15),
            unknown_for: Duration::from_mins(1),
            refused_for: Duration::from_mins(1),
            outage_for: Duration::from_secs(5),
        }
    }
}

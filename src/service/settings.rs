//! What a configuration must say about sharing; `config` builds this, the service reads it.

use std::time::Duration;

use super::status_map::StatusMap;
use crate::domain::{MailDomain, MailboxPattern, SmtpAddress};

/// Everything that the service is told, beside the endpoints themselves. The default asks each endpoint for the mailboxes
/// of its own domains and tells everybody everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceSettings {
    pub sharing: SharingSettings,
    pub permit: PermitSettings,
    pub cache: CacheSettings,
    pub routing: RoutingSettings,
    pub rooms: RoomsSettings,
    /// In the order of the endpoints; one that has no entry here has the default.
    pub endpoints: Vec<EndpointService>,
}

/// What may be told to callers, all of them alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SharingSettings {
    /// Whether subjects and locations may be told, where an endpoint grants them.
    pub event_details: bool,
    /// Whether room lists and rooms are told; else rooms are mailboxes of which only times are told.
    pub room_booking: bool,
    /// Whether people are found by the beginning of their names, where an endpoint can search.
    pub directory: bool,
    /// How statuses are shown.
    pub status_map: StatusMap,
}

/// Which mailboxes may be asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PermitSettings {
    /// Never, whatever `only` says.
    pub deny: Vec<MailboxPattern>,
    /// Nobody but these; everybody where None.
    pub only: Option<Vec<MailboxPattern>>,
}

/// Where mailboxes are asked for, beyond the domains that the endpoints have themselves. Endpoints are meant by their
/// places in the list of endpoints.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoutingSettings {
    /// Mailboxes that are at another endpoint than their domain; no address stands here twice.
    pub overrides: Vec<(SmtpAddress, usize)>,
    /// The endpoint for mailboxes of all other domains.
    pub default: Option<usize>,
    /// No external domain stands here twice, or is the internal domain of an alias.
    pub aliases: Vec<AliasSettings>,
}

/// A mail domain that callers write and endpoints do not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AliasSettings {
    /// What callers write and are answered with.
    pub external: MailDomain,
    /// What endpoints are asked for.
    pub internal: MailDomain,
}

/// How the service treats one endpoint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EndpointService {
    /// Instead of the cache's own.
    pub lifetimes: Option<CacheLifetimes>,
    /// The place of the endpoint that is asked for mailboxes which this one does not have; these never form a circle.
    pub fallback: Option<usize>,
    /// Whether questions that an Exchange server passes on to other forests or sites are answered from here.
    pub answer_cross_forest: bool,
}

impl Default for SharingSettings {
    fn default() -> Self {
        Self {
            event_details: true,
            room_booking: true,
            directory: false,
            status_map: StatusMap::default(),
        }
    }
}

/// How rooms are kept known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomsSettings {
    /// How long the catalogue serves before it is read anew.
    pub refresh: Duration,
    /// So many days of all rooms are kept in the cache in working hours; none where 0.
    pub prefetch_days: u16,
    /// Whose days and working hours these are.
    pub time_zone: jiff::tz::TimeZone,
}

impl Default for RoomsSettings {
    fn default() -> Self {
        Self {
            refresh: Duration::from_hours(1),
            prefetch_days: 0,
            time_zone: jiff::tz::TimeZone::UTC,
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

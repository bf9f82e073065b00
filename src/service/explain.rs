//! How the answer for one mailbox came about, for the person who runs the gateway. Never told to callers: it names
//! endpoints and role accounts.

use std::sync::Arc;
use std::time::Duration;

use super::route::RouteKind;
use crate::domain::{Detail, SmtpAddress};
pub use crate::metrics::CacheResult;

/// The way of one mailbox through the gateway. What is None did not happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// What endpoints are asked for, where an alias made it another address.
    pub alias: Option<SmtpAddress>,
    /// None where nothing leads to an endpoint, or where the policy refuses before.
    pub route: Option<Routed>,
    /// None where no endpoint and no cache was asked.
    pub asked: Option<Lookup>,
    pub policy: Policy,
    /// What the calls for this mailbox took, those of every endpoint that was asked for it; None where no call was waited for.
    pub took: Option<Duration>,
}

/// Where the mailbox was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routed {
    pub kind: RouteKind,
    /// The name of the endpoint that the route leads to.
    pub endpoint: Arc<str>,
    /// The name of the endpoint that was asked after it, because it does not have the mailbox.
    pub fallback: Option<Arc<str>>,
}

/// What it took to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// What the cache had; of several endpoints, that of the last one.
    pub cache: CacheResult,
    /// Calls to all endpoints that were asked, those for other mailboxes of the same batch included.
    pub calls: u32,
    /// The role accounts that made them.
    pub accounts: Vec<SmtpAddress>,
}

/// What the rules of sharing made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Nobody is told anything of this mailbox.
    Refused,
    /// At most this much is told to this caller; `statuses_mapped` where the status map changes anything.
    Told { most: Detail, statuses_mapped: bool },
}

impl Explanation {
    /// One of a mailbox about which nothing more than the policy is known yet.
    pub fn new(policy: Policy) -> Self {
        Self {
            alias: None,
            route: None,
            asked: None,
            policy,
            took: None,
        }
    }
}

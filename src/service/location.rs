//! Where mailboxes were found that their first endpoint does not have: moved to the cloud, or not yet.

use std::time::Duration;

use jiff::Timestamp;

use super::cache::DropScope;
use crate::domain::SmtpAddress;

/// Mailboxes that are remembered; each costs about two hundred bytes.
const MAX_MAILBOXES: u64 = 200_000;

/// Mailboxes and the endpoints, by their places, that had them.
pub(super) struct Locations {
    found: moka::sync::Cache<SmtpAddress, (usize, Timestamp)>,
    keep_for: Duration,
}

impl Locations {
    pub(super) fn new(keep_for: Duration) -> Self {
        Self {
            found: moka::sync::Cache::new(MAX_MAILBOXES),
            keep_for,
        }
    }

    pub(super) fn keep_for(&self) -> Duration {
        self.keep_for
    }

    pub(super) fn find(&self, mailbox: &SmtpAddress, now: Timestamp) -> Option<usize> {
        let (place, at) = self.found.get(mailbox)?;
        let age: Duration = now.duration_since(at).try_into().ok()?;
        (age < self.keep_for).then_some(place)
    }

    pub(super) fn remember(&self, mailbox: &SmtpAddress, place: usize, now: Timestamp) {
        self.found.insert(mailbox.clone(), (place, now));
    }

    pub(super) fn forget(&self, scope: &DropScope) {
        let known = self.found.iter().map(|(mailbox, _)| mailbox);
        let concerned: Vec<_> = known.filter(|mailbox| scope.concerns(mailbox)).collect();
        for mailbox in concerned {
            self.found.invalidate(&*mailbox);
        }
    }
}

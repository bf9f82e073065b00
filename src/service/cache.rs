//! What is remembered of mailboxes: per endpoint and mailbox up to four covered windows, and why nothing is known.
//!
//! Freshness is judged by our clock, not by the cache library, whose clock cannot be set in tests; the library bounds the
//! bytes. What callers may be told is decided outside: an entry holds all that the endpoint granted.

mod entry;

use std::sync::Arc;

use jiff::Timestamp;

use super::settings::CacheLifetimes;
use crate::domain::{Clock, FreeBusy, MailDomain, MailboxError, Outcome, SmtpAddress, TimeWindow};
use entry::Entry;

/// The cache of all endpoints.
pub struct Cache {
    entries: moka::sync::Cache<Key, Arc<Entry>>,
    clock: Arc<dyn Clock>,
}

/// An endpoint, by its place in the configuration, and a mailbox there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    endpoint: u16,
    mailbox: SmtpAddress,
}

/// What the cache has for a question.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// Good as it is.
    Fresh(FreeBusy),
    /// Good enough for now; to be asked for again, unless the endpoint has just failed.
    Stale {
        known: FreeBusy,
        refresh: bool,
    },
    /// The endpoint has just failed, and this is what it said before.
    Rescued(FreeBusy),
    /// Nothing is known, and it is too early to ask again.
    Failed(MailboxError),
    Missing,
}

/// Which entries are to be forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DropScope {
    Mailbox(SmtpAddress),
    Domain(MailDomain),
    All,
}

/// What an entry costs beside its content: the key, the library's bookkeeping, and what the allocator rounds up.
const ENTRY_OVERHEAD: usize = 320;

impl Cache {
    pub fn new(max_bytes: u64, clock: Arc<dyn Clock>) -> Self {
        let entries = moka::sync::Cache::builder()
            .max_capacity(max_bytes)
            .weigher(|key: &Key, entry: &Arc<Entry>| {
                let bytes = ENTRY_OVERHEAD + key.mailbox.as_str().len() + entry.held_bytes();
                u32::try_from(bytes).unwrap_or(u32::MAX)
            })
            .build();
        Self { entries, clock }
    }

    pub fn find(
        &self,
        endpoint: u16,
        mailbox: &SmtpAddress,
        window: &TimeWindow,
        lifetimes: &CacheLifetimes,
    ) -> Found {
        let key = Key {
            endpoint,
            mailbox: mailbox.clone(),
        };
        match self.entries.get(&key) {
            Some(entry) => entry.find(window, lifetimes, self.now()),
            None => Found::Missing,
        }
    }

    /// What was known before the endpoint failed, if that is not too long ago.
    pub fn rescue(
        &self,
        endpoint: u16,
        mailbox: &SmtpAddress,
        window: &TimeWindow,
        lifetimes: &CacheLifetimes,
    ) -> Option<FreeBusy> {
        let key = Key {
            endpoint,
            mailbox: mailbox.clone(),
        };
        self.entries
            .get(&key)?
            .rescue(window, lifetimes, self.now())
    }

    /// Remembers what an endpoint said of a mailbox for a window.
    pub fn store(
        &self,
        endpoint: u16,
        mailbox: &SmtpAddress,
        window: &TimeWindow,
        outcome: &Outcome,
    ) {
        let now = self.now();
        let key = Key {
            endpoint,
            mailbox: mailbox.clone(),
        };
        self.entries.entry(key).and_upsert_with(|old| {
            let mut entry = old
                .map(|old| Arc::unwrap_or_clone(old.into_value()))
                .unwrap_or_default();
            entry.store(window, outcome, now);
            Arc::new(entry)
        });
    }

    /// Forgets entries; how many.
    pub fn drop_entries(&self, scope: &DropScope) -> u64 {
        let concerned = |mailbox: &SmtpAddress| match scope {
            DropScope::Mailbox(one) => mailbox == one,
            DropScope::Domain(domain) => mailbox.domain_str() == domain.as_str(),
            DropScope::All => true,
        };
        let keys: Vec<_> = self
            .entries
            .iter()
            .map(|(key, _)| key)
            .filter(|key| concerned(&key.mailbox))
            .collect();
        keys.iter()
            .filter(|key| self.entries.remove(&***key).is_some())
            .count() as u64
    }

    /// Entries and the bytes they hold.
    pub fn size(&self) -> (u64, u64) {
        self.entries.run_pending_tasks();
        (self.entries.entry_count(), self.entries.weighted_size())
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

#[cfg(test)]
mod tests;

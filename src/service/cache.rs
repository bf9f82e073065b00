//! What is remembered of mailboxes: per endpoint and mailbox up to four covered windows, and why nothing is known.
//!
//! Freshness is judged by our clock, not by the cache library, whose clock cannot be set in tests; the library bounds the
//! bytes. What callers may be told is decided outside: an entry holds all that the endpoint granted.

mod entry;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use jiff::Timestamp;
use moka::Equivalent;

use super::settings::CacheLifetimes;
use crate::domain::memory::block;
use crate::domain::{Clock, FreeBusy, MailDomain, MailboxError, Outcome, SmtpAddress, TimeWindow};
use entry::Entry;

/// The cache of all endpoints.
pub struct Cache {
    entries: moka::sync::Cache<Key, Arc<Entry>>,
    /// Counts how often entries were dropped: what was asked for before that is not remembered.
    drops: AtomicU64,
    /// Seats given away so far; none is given twice.
    seats: AtomicU32,
    max_bytes: u64,
    clock: Arc<dyn Clock>,
}

/// A question to an endpoint, as the cache sees it: what comes of it is as old as the question.
#[derive(Debug, Clone, Copy)]
pub struct Asking {
    endpoint: u32,
    at: Timestamp,
    drops: u64,
}

/// An endpoint, by its seat, and a mailbox there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    endpoint: u32,
    mailbox: SmtpAddress,
}

/// The same for a look-up. Hashed as [`Key`] is.
#[derive(Hash)]
struct KeyOf<'a> {
    endpoint: u32,
    mailbox: &'a SmtpAddress,
}

impl Equivalent<Key> for KeyOf<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.endpoint == key.endpoint && *self.mailbox == key.mailbox
    }
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

impl DropScope {
    pub fn concerns(&self, mailbox: &SmtpAddress) -> bool {
        match self {
            Self::Mailbox(one) => mailbox == one,
            Self::Domain(domain) => mailbox.domain_str() == domain.as_str(),
            Self::All => true,
        }
    }
}

/// What an entry costs beside its content: the key, the library's bookkeeping of it, and its share of what the allocator
/// holds ready. Measured: the resident memory of caches full of entries of a known size.
const ENTRY_OVERHEAD: usize = 640;

impl Asking {
    /// When the endpoint was asked.
    pub fn at(&self) -> Timestamp {
        self.at
    }
}

impl Cache {
    pub fn new(max_bytes: u64, clock: Arc<dyn Clock>) -> Self {
        let entries = moka::sync::Cache::builder()
            .max_capacity(max_bytes)
            .weigher(|key: &Key, entry: &Arc<Entry>| {
                let name = block(key.mailbox.as_str().len() + 2 * size_of::<usize>());
                let bytes = ENTRY_OVERHEAD + name + entry.held_bytes();
                u32::try_from(bytes).unwrap_or(u32::MAX)
            })
            .build();
        Self {
            entries,
            drops: AtomicU64::new(0),
            seats: AtomicU32::new(0),
            max_bytes,
            clock,
        }
    }

    /// Bytes that all entries together may hold.
    pub fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    /// A number for an endpoint, under which its mailboxes are remembered.
    pub fn seat(&self) -> u32 {
        self.seats.fetch_add(1, Ordering::Relaxed)
    }

    /// Forgets everything of endpoints whose seat is not among these: their entries can no longer be found.
    pub fn keep_seats(&self, seats: &[u32]) {
        let keys = self.entries.iter().map(|(key, _)| key);
        let gone: Vec<_> = keys.filter(|key| !seats.contains(&key.endpoint)).collect();
        for key in gone {
            self.entries.invalidate(&*key);
        }
    }

    /// To be called when an endpoint is asked, for [`Cache::store`].
    pub fn asking(&self, endpoint: u32) -> Asking {
        Asking {
            endpoint,
            at: self.now(),
            drops: self.drops(),
        }
    }

    /// How often entries were dropped so far.
    pub fn drops(&self) -> u64 {
        self.drops.load(Ordering::SeqCst)
    }

    /// `now` is what [`Cache::now`] says: one look at the clock does for all mailboxes of a question.
    pub fn find(
        &self,
        endpoint: u32,
        mailbox: &SmtpAddress,
        window: &TimeWindow,
        (lifetimes, now): (&CacheLifetimes, Timestamp),
    ) -> Found {
        match self.entries.get(&KeyOf { endpoint, mailbox }) {
            Some(entry) => entry.find(window, lifetimes, now),
            None => Found::Missing,
        }
    }

    /// What was known before the endpoint failed, if that is not too long ago.
    pub fn rescue(
        &self,
        endpoint: u32,
        mailbox: &SmtpAddress,
        window: &TimeWindow,
        lifetimes: &CacheLifetimes,
    ) -> Option<FreeBusy> {
        self.entries
            .get(&KeyOf { endpoint, mailbox })?
            .rescue(window, lifetimes, self.now())
    }

    /// Remembers what an endpoint said of a mailbox for a window; nothing if entries were dropped since it was asked.
    pub fn store(
        &self,
        asking: &Asking,
        mailbox: &SmtpAddress,
        window: &TimeWindow,
        outcome: &Outcome,
    ) {
        if asking.drops != self.drops() {
            return;
        }
        let now = self.now();
        let key = Key {
            endpoint: asking.endpoint,
            mailbox: mailbox.clone(),
        };
        self.entries.entry_by_ref(&key).and_upsert_with(|old| {
            let mut entry = old
                .map(|old| Arc::unwrap_or_clone(old.into_value()))
                .unwrap_or_default();
            entry.store(window, outcome, asking.at, now);
            Arc::new(entry)
        });
        // A drop that went on meanwhile may have passed by this entry.
        if asking.drops != self.drops() {
            self.entries.invalidate(&key);
        }
    }

    /// Forgets entries; how many.
    pub fn drop_entries(&self, scope: &DropScope) -> u64 {
        self.drops.fetch_add(1, Ordering::SeqCst);
        let keys: Vec<_> = self
            .entries
            .iter()
            .map(|(key, _)| key)
            .filter(|key| scope.concerns(&key.mailbox))
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

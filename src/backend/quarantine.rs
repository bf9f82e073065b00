//! What is remembered of logins at servers: which were refused and until when they are left alone, and which have worked.
//! Outlives an endpoint that is built anew, and (with a state directory) the process, so that neither a reload nor a
//! restart nor a second process tries a refused password again. Decides nothing; the pool of role accounts does.
//!
//! A login goes by its `Mark`, a keyed hash of server, user name and secret: another secret is another login. Neither
//! names nor secrets are kept.

mod store;

use std::collections::BTreeMap;
use std::mem;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::{hmac, rand};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use tracing::warn;

pub use self::store::StateError;
use self::store::Store;

/// A login under a keyed hash.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Mark(String);

/// What is known of one login. Times are in UTC.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Known {
    /// It was refused, and is left alone until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) refused_until: Option<Timestamp>,
    /// How long it was left alone the last time, in seconds; the next time is longer.
    #[serde(default)]
    pub(super) pause_seconds: u64,
    /// Why it was refused, in words of ours.
    #[serde(default)]
    pub(super) why: String,
    /// When the server last took it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) last_success: Option<Timestamp>,
    /// When this was written.
    #[serde(default)]
    pub(super) noted: Timestamp,
}

/// The memory of a process, or of all processes that share a state directory. Cheap to clone.
#[derive(Clone)]
pub struct Quarantine(Arc<Inner>);

struct Inner {
    key: hmac::Key,
    known: Mutex<BTreeMap<Mark, Known>>,
    store: Option<Store>,
}

impl Quarantine {
    /// Remembers as long as the process runs.
    pub fn in_memory() -> Self {
        let mut key = [0; store::KEY_LENGTH];
        // The system's source of randomness does not fail; if it did, the marks, which stay in memory, would have a
        // known key.
        let _ = rand::fill(&mut key);
        Self::new(&key, None)
    }

    /// Remembers in files of `directory`, which is made where it is missing. Other processes may use it at the same time.
    pub fn open(directory: &Path) -> Result<Self, StateError> {
        let (store, key) = Store::open(directory)?;
        Ok(Self::new(&key, Some(store)))
    }

    fn new(key: &[u8], store: Option<Store>) -> Self {
        Self(Arc::new(Inner {
            key: hmac::Key::new(hmac::HMAC_SHA256, key),
            known: Mutex::default(),
            store,
        }))
    }

    /// Where it is kept, if on disk.
    pub fn directory(&self) -> Option<&Path> {
        self.0.store.as_ref().map(Store::directory)
    }

    /// The login of `user` with `secret` at `server`, an URL.
    pub(super) fn mark(&self, server: &str, user: &str, secret: &SecretString) -> Mark {
        let mut context = hmac::Context::with_key(&self.0.key);
        for part in [server, user, secret.expose_secret()] {
            // With its length in front, so that no two logins run together to the same bytes.
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        Mark(hex(context.sign().as_ref()))
    }

    /// What is known of a login, other processes' notes included.
    pub(super) async fn recall(&self, mark: &Mark) -> Option<Known> {
        if self.0.store.is_some() {
            let this = self.clone();
            let read = spawn_blocking(move || {
                let read = this.0.store.as_ref().map(Store::read);
                match read {
                    Some(Ok(read)) => this.merge(read),
                    Some(Err(error)) => told(&error),
                    None => {}
                }
            });
            let _ = read.await;
        }
        self.known().get(mark).cloned()
    }

    /// Notes what has become of a login, unless something newer is known. Returns when it is on disk, where it is kept
    /// there.
    pub(super) async fn note(&self, mark: Mark, known: Known) {
        let now = known.noted;
        store::add(&mut self.known(), mark, known);
        if self.0.store.is_none() {
            return;
        }
        let this = self.clone();
        let write = spawn_blocking(move || {
            if let Some(store) = &this.0.store {
                let own = this.known().clone();
                match store.note(own, now) {
                    Ok(all) => this.merge(all),
                    Err(error) => told(&error),
                }
            }
        });
        let _ = write.await;
    }

    /// Takes over what was read. What is newer here could not be written yet, or is just being, and stays.
    fn merge(&self, read: BTreeMap<Mark, Known>) {
        let mut known = self.known();
        let own = mem::take(&mut *known);
        *known = store::merged(read, own);
        if let Some(newest) = known.values().map(|known| known.noted).max() {
            known.retain(|_, known| !store::is_forgotten(known, newest));
        }
    }

    /// A panic elsewhere leaves the map whole.
    fn known(&self) -> MutexGuard<'_, BTreeMap<Mark, Known>> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn told(error: &StateError) {
    warn!("What is known of refused role accounts is kept in memory only: {error}");
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests;

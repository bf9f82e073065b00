//! What is remembered of logins at servers: which were refused and until when they are left alone, and which have worked.
//! Outlives an endpoint that is built anew, and (with a state directory) the process, so that neither a reload nor a
//! restart nor a second process tries a refused password again. Decides nothing; the pool of role accounts does.
//!
//! A login goes by its `Mark`, a keyed hash of server, user name and secret: another secret is another login. Neither
//! names nor secrets are kept.

mod notes;
mod store;
mod trials;

use std::mem;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::{hmac, rand};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex as AsyncMutex;
use tokio::sync::futures::Notified;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use tracing::warn;

use self::notes::Notes;
pub use self::store::StateError;
use self::store::Store;
pub(super) use self::trials::Trial;
use self::trials::Trials;
use crate::domain::Clock;

/// How long an answer is held up by a state directory that does not answer.
const PATIENCE: Duration = Duration::from_secs(1);

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
    known: Mutex<Notes>,
    store: Option<Store>,
    trials: Arc<Trials>,
    /// One read at a time, and one write: a directory that does not answer takes no further threads.
    reading: Arc<AsyncMutex<()>>,
    writing: Arc<AsyncMutex<()>>,
    writes: TaskTracker,
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
            trials: Arc::default(),
            reading: Arc::default(),
            writing: Arc::default(),
            writes: TaskTracker::new(),
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

    /// Learns what other processes have noted, where it is kept on disk: one read for all logins, on a thread for that.
    /// Where the disk takes longer than a second, the read goes on by itself.
    pub(super) async fn look(&self, clock: &Arc<dyn Clock>) {
        if self.0.store.is_none() {
            self.merge(Notes::new(), clock.now());
            return;
        }
        let look = async {
            let turn = Arc::clone(&self.0.reading).lock_owned().await;
            let (this, clock) = (self.clone(), Arc::clone(clock));
            let read = spawn_blocking(move || {
                this.read(&*clock);
                drop(turn);
            });
            let _ = read.await;
        };
        if timeout(PATIENCE, look).await.is_err() {
            slow("was not read");
        }
    }

    /// What was known of a login at the last look, and is here since.
    pub(super) fn recall(&self, mark: &Mark) -> Option<Known> {
        self.known().get(mark).cloned()
    }

    /// Notes what has become of a login, unless something newer is known. Returns when it is on disk, where it is kept
    /// there, or after a second; then [`Quarantine::written`] tells.
    pub(super) async fn note(&self, mark: Mark, known: Known, clock: &Arc<dyn Clock>) {
        notes::add(&mut self.known(), mark, known, clock.now());
        if self.0.store.is_none() {
            return;
        }
        let (this, clock) = (self.clone(), Arc::clone(clock));
        let write = self.0.writes.spawn(async move {
            let _turn = Arc::clone(&this.0.writing).lock_owned().await;
            let write = spawn_blocking(move || this.write(&*clock));
            let _ = write.await;
        });
        if timeout(PATIENCE, write).await.is_err() {
            slow("was not written");
        }
    }

    /// Whether a password is on its way to a server that has not taken it before.
    pub fn is_trying(&self) -> bool {
        self.0.trials.any()
    }

    /// Shows no server a password that it has not taken before any more, and waits for what becomes of those that are on
    /// their way, but no longer than `patience`; says whether all of that is known. For whoever is about to end the
    /// process: the attempt counts at the server, so the next start must hear of it. [`Quarantine::written`] comes then.
    pub async fn tried(&self, patience: Duration) -> bool {
        timeout(patience, self.0.trials.close()).await.is_ok()
    }

    /// Waits until all that was noted is on disk, but no longer than `patience`; says whether it is. For whoever is about
    /// to end the process.
    pub async fn written(&self, patience: Duration) -> bool {
        self.0.writes.close();
        timeout(patience, self.0.writes.wait()).await.is_ok()
    }

    /// Shows a password to its server for the first time, or again after a refusal; None where that is being done.
    pub(super) fn begin_trial(&self, mark: &Mark) -> Option<Trial> {
        self.0.trials.begin(mark)
    }

    pub(super) fn is_on_trial(&self, mark: &Mark) -> bool {
        self.0.trials.holds(mark)
    }

    /// Resolves when a trial ends.
    pub(super) fn trial_ended(&self) -> Notified<'_> {
        self.0.trials.ended()
    }

    fn read(&self, clock: &dyn Clock) {
        match self.0.store.as_ref().map(Store::read) {
            Some(Ok(read)) => {
                let now = clock.now();
                let is_any_ahead = notes::is_any_ahead(&read, now);
                self.merge(read, now);
                if is_any_ahead {
                    // Else each look would bring them to a later moment, and they would never end.
                    self.write(clock);
                }
            }
            Some(Err(error)) => told(&error),
            None => {}
        }
    }

    fn write(&self, clock: &dyn Clock) {
        let Some(store) = &self.0.store else {
            return;
        };
        let own = self.known().clone();
        match store.note(own, clock) {
            Ok(all) => self.merge(all, clock.now()),
            Err(error) => told(&error),
        }
    }

    /// Takes over what was read. What is newer here could not be written yet, or is just being, and stays.
    fn merge(&self, read: Notes, now: Timestamp) {
        let mut known = self.known();
        let own = mem::take(&mut *known);
        *known = notes::merged(read, own, now);
    }

    /// A panic elsewhere leaves the map whole.
    fn known(&self) -> MutexGuard<'_, Notes> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn slow(what: &str) {
    warn!(
        "server.state_directory does not answer: what is known of refused role accounts {what} within a second"
    );
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

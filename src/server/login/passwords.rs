//! Compares passwords with their Argon2 hashes: as seldom as possible, and no more at once than the machine can do.
//!
//! Callers send their password with every request and Argon2 is slow on purpose. So a verdict is remembered for a
//! while, askers with the same credential share one verification, at most one verification runs per core, and only so
//! many wait for a core. What is remembered is a keyed hash of account, password and the account's hash, never the
//! password: a changed hash makes every verdict about the old one worthless, so this outlives a reload. Whoever was right
//! once is never limited again, whatever others behind the same address or for the same account try.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::PasswordVerifier;
use argon2::password_hash::phc::PasswordHash;
use aws_lc_rs::hmac;
use moka::future::Cache;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

use super::accounts::random_bytes;
use super::failures::Failures;
use super::verdict::Verdict;
use super::{Denied, StartError};

pub(super) const SUCCESS_LIFETIME: Duration = Duration::from_mins(1);
/// Long enough to swallow a client that repeats a wrong password in a loop, short enough after a password change.
pub(super) const FAILURE_LIFETIME: Duration = Duration::from_secs(2);
/// Verdicts held; more only costs repeated verifications.
const REMEMBERED: u64 = 10_000;

pub(super) struct Passwords {
    key: hmac::Key,
    verdicts: Cache<[u8; 32], Verdict>,
    /// Credentials that were right once.
    good: Cache<[u8; 32], ()>,
    failures: Failures,
    pub(super) cores: Arc<Semaphore>,
    pub(super) places: Arc<Semaphore>,
    verifications: Arc<AtomicU64>,
}

/// Somebody's password for an account.
pub(super) struct Attempt {
    /// Which list of accounts it is about: the same name may stand in several.
    pub(super) scope: Arc<str>,
    pub(super) user: String,
    pub(super) password: SecretString,
    /// The account's, or for an account that does not exist one that no password has.
    pub(super) hash: Arc<PasswordHash>,
    /// The hash as it is configured; empty for an account that does not exist.
    pub(super) mark: Arc<str>,
    pub(super) client: IpAddr,
    /// Which attempts at the same credential came before this one.
    pub(super) reading: Reading,
}

/// A credential that can be read in several ways is one attempt, and one failure when no reading is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reading {
    Only,
    /// Another one follows: its failure is the failure.
    First,
    /// The account that the others were tried for shares the failure.
    Last {
        others: String,
    },
}

impl Passwords {
    /// `queue`: how many verifications may wait while one runs on each core. `failures`: a minute, see [`Failures`].
    pub(super) fn new(queue: usize, failures: NonZeroU32) -> Result<Self, StartError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, &random_bytes()?),
            verdicts: Cache::builder()
                .max_capacity(REMEMBERED)
                .time_to_live(SUCCESS_LIFETIME)
                .build(),
            good: Cache::builder().max_capacity(REMEMBERED).build(),
            failures: Failures::new(failures),
            cores: Arc::new(Semaphore::new(cores)),
            places: Arc::new(Semaphore::new(cores + queue)),
            verifications: Arc::default(),
        })
    }

    /// Under other bounds. Verdicts and credentials that were right go on, with the key under which they are kept.
    pub(super) fn bounded(&self, queue: usize, failures: NonZeroU32) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            key: self.key.clone(),
            verdicts: self.verdicts.clone(),
            good: self.good.clone(),
            failures: Failures::new(failures),
            cores: Arc::clone(&self.cores),
            places: Arc::new(Semaphore::new(cores + queue)),
            verifications: Arc::clone(&self.verifications),
        }
    }

    /// Argon2 runs since the start.
    pub(super) fn verifications(&self) -> u64 {
        self.verifications.load(Ordering::Relaxed)
    }

    pub(super) async fn check(self: &Arc<Self>, attempt: Attempt) -> Result<(), Denied> {
        let fingerprint = self.fingerprint(&attempt);
        if let Some(verdict) = self.verdicts.get(&fingerprint).await
            && verdict.holds()
        {
            return verdict.outcome;
        }
        // Before anything is remembered of it: a flood of guesses must not push out what was found about others.
        if let Some(left) = self.blocked(&fingerprint, &attempt) {
            return Err(Denied::Limited(left));
        }
        // A task of its own: others share this verification and keep it when the first asker hangs up.
        let passwords = Arc::clone(self);
        tokio::spawn(passwords.judge(fingerprint, attempt))
            .await
            .unwrap_or(Err(Denied::Overloaded))
    }

    /// The account of the reading that is right. Readings that were right before come first.
    pub(super) async fn check_any(
        self: &Arc<Self>,
        mut readings: Vec<Attempt>,
    ) -> Result<String, Denied> {
        readings.sort_by_cached_key(|reading| !self.good.contains_key(&self.fingerprint(reading)));
        let mut left = readings.len();
        let mut others = None;
        for mut attempt in readings {
            left -= 1;
            attempt.reading = match others.take() {
                _ if left > 0 => Reading::First,
                Some(others) => Reading::Last { others },
                None => Reading::Only,
            };
            let user = attempt.user.clone();
            match self.check(attempt).await {
                Ok(()) => return Ok(user),
                Err(Denied::Wrong) => others = Some(user),
                Err(denied) => return Err(denied),
            }
        }
        Err(Denied::Wrong)
    }

    async fn judge(self: Arc<Self>, fingerprint: [u8; 32], attempt: Attempt) -> Result<(), Denied> {
        let verify = Arc::clone(&self).verify(fingerprint, attempt);
        self.verdicts
            .entry(fingerprint)
            .or_insert_with_if(verify, |verdict| !verdict.holds())
            .await
            .into_value()
            .outcome
    }

    async fn verify(self: Arc<Self>, fingerprint: [u8; 32], attempt: Attempt) -> Verdict {
        let denied = |denied| Verdict::new(Err(denied), Duration::ZERO);
        let account = (Arc::clone(&attempt.scope), attempt.user.clone());
        let mut place = None;
        if !self.good.contains_key(&fingerprint) {
            if let Some(left) = self.blocked(&fingerprint, &attempt) {
                return denied(Denied::Limited(left));
            }
            let Ok(free) = Arc::clone(&self.places).try_acquire_owned() else {
                return denied(Denied::Overloaded);
            };
            place = Some(free);
        }
        let Ok(core) = Arc::clone(&self.cores).acquire_owned().await else {
            return denied(Denied::Overloaded);
        };
        let (client, reading) = (attempt.client, attempt.reading.clone());
        let passwords = Arc::clone(&self);
        let run = tokio::task::spawn_blocking(move || {
            let right = passwords.compare(&attempt);
            drop((core, place));
            right
        });
        match run.await {
            Ok(true) => {
                self.good.insert(fingerprint, ()).await;
                Verdict::new(Ok(()), SUCCESS_LIFETIME)
            }
            Ok(false) => {
                match reading {
                    Reading::First => {}
                    Reading::Only => self.failures.count(client, &account),
                    Reading::Last { others } => {
                        self.failures.count(client, &account);
                        if others != account.1 {
                            self.failures.count_account(&(account.0, others));
                        }
                    }
                }
                Verdict::new(Err(Denied::Wrong), FAILURE_LIFETIME)
            }
            Err(_) => denied(Denied::Overloaded),
        }
    }

    /// How long nobody is listened to in the place of this attempt; never one that was right once.
    fn blocked(&self, fingerprint: &[u8; 32], attempt: &Attempt) -> Option<Duration> {
        if self.good.contains_key(fingerprint) {
            return None;
        }
        let account = (Arc::clone(&attempt.scope), attempt.user.clone());
        self.failures.blocked(attempt.client, &account)
    }

    /// One Argon2 run, whoever it is.
    fn compare(&self, attempt: &Attempt) -> bool {
        self.verifications.fetch_add(1, Ordering::Relaxed);
        let password = attempt.password.expose_secret();
        // `Output` is compared in constant time.
        let right = Argon2::default()
            .verify_password(password.as_bytes(), &*attempt.hash)
            .is_ok();
        right && !attempt.mark.is_empty()
    }

    fn fingerprint(&self, attempt: &Attempt) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.key);
        for part in [&*attempt.scope, &*attempt.mark, &attempt.user] {
            // With their lengths, so that no two parts can run into each other.
            context.update(&(part.len() as u64).to_le_bytes());
            context.update(part.as_bytes());
        }
        context.update(attempt.password.expose_secret().as_bytes());
        let mut fingerprint = [0; 32];
        for (to, from) in fingerprint.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        fingerprint
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(password: &str) -> Attempt {
        // Cheap parameters and the hash of no password.
        let hash =
            "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI";
        Attempt {
            scope: "account".into(),
            user: "anna@example.com".into(),
            password: password.into(),
            hash: Arc::new(PasswordHash::new(hash).unwrap()),
            mark: hash.into(),
            client: [192, 0, 2, 1].into(),
            reading: Reading::Only,
        }
    }

    #[tokio::test]
    async fn guesses_that_are_not_listened_to_leave_nothing() {
        let passwords = Arc::new(Passwords::new(8, NonZeroU32::MIN).unwrap());
        let mut limited = 0;
        for number in 0..500 {
            let denied = passwords.check(attempt(&format!("guess {number}"))).await;
            limited += u64::from(matches!(denied, Err(Denied::Limited(_))));
        }
        passwords.verdicts.run_pending_tasks().await;
        let (held, runs) = (passwords.verdicts.entry_count(), passwords.verifications());
        assert_eq!(runs, 500 - limited);
        assert!(
            limited > 490 && held <= runs,
            "{limited} limited, {held} held"
        );
    }
}

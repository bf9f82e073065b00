//! Compares passwords with their Argon2 hashes: as seldom as possible, and no more at once than the machine can do.
//!
//! Callers send their password with every request and Argon2 is slow on purpose. So a verdict is remembered for a
//! while, askers with the same credential share one verification, at most one verification runs per core, and only so
//! many wait for a core. What is remembered is a keyed hash of account, password and the account's hash, never the
//! password: a changed hash makes every verdict about the old one worthless, so this outlives a reload. Whoever was right
//! once is never limited again, nor who shows the very password that is configured in plain, whatever others behind the
//! same address or for the same account try.

use std::collections::BTreeSet;
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
    /// The account's password, where it is configured in plain: whoever shows it need not have been right before.
    pub(super) configured: Option<Arc<SecretString>>,
    pub(super) client: IpAddr,
}

/// The readings of one credential that were found to be wrong.
#[derive(Default)]
struct Failed {
    client: Option<IpAddr>,
    accounts: BTreeSet<(Arc<str>, String)>,
}

impl Failed {
    fn add(&mut self, client: IpAddr, account: (Arc<str>, String)) {
        self.client = Some(client);
        self.accounts.insert(account);
    }

    /// One failure of the address, and of each account that it was about.
    fn count(self, failures: &Failures) {
        if let Some(client) = self.client {
            failures.count_address(client);
        }
        for account in &self.accounts {
            failures.count_account(account);
        }
    }
}

impl Passwords {
    /// `queue`: how many verifications may wait while one runs on each core. `failures`: a minute, see [`Failures`].
    pub(super) fn new(queue: usize, failures: NonZeroU32) -> Result<Self, StartError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, &random_bytes::<32>()?),
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
        match self.remembered(&fingerprint).await {
            Some(outcome) => outcome,
            None => self.judge_all(vec![(fingerprint, attempt)]).await.map(drop),
        }
    }

    /// The account of the reading that is right. Readings that were right before come first. All of them are one attempt,
    /// and one failure where none is right.
    pub(super) async fn check_any(
        self: &Arc<Self>,
        readings: Vec<Attempt>,
    ) -> Result<String, Denied> {
        let readings = readings.into_iter();
        let mut readings: Vec<_> = readings
            .map(|reading| (self.fingerprint(&reading), reading))
            .collect();
        readings.sort_by_cached_key(|(fingerprint, reading)| !self.is_good(fingerprint, reading));
        self.judge_all(readings).await
    }

    /// In a task of its own: others share a verification and keep it when the first asker hangs up, and nobody gets out of
    /// being counted by that.
    async fn judge_all(
        self: &Arc<Self>,
        readings: Vec<([u8; 32], Attempt)>,
    ) -> Result<String, Denied> {
        let passwords = Arc::clone(self);
        let judged = tokio::spawn(async move {
            let mut failed = Failed::default();
            let outcome = passwords.first_right(readings, &mut failed).await;
            // A reading that was wrong counts also where the next one could not be tried.
            if outcome.is_err() {
                failed.count(&passwords.failures);
            }
            outcome
        });
        judged.await.unwrap_or(Err(Denied::Overloaded))
    }

    async fn first_right(
        self: &Arc<Self>,
        readings: Vec<([u8; 32], Attempt)>,
        failed: &mut Failed,
    ) -> Result<String, Denied> {
        for (fingerprint, attempt) in readings {
            let (client, user) = (attempt.client, attempt.user.clone());
            let account = (Arc::clone(&attempt.scope), user.clone());
            let (outcome, is_new) = self.judge(fingerprint, attempt).await;
            match outcome {
                Ok(()) => return Ok(user),
                Err(Denied::Wrong) if is_new => failed.add(client, account),
                Err(Denied::Wrong) => {}
                Err(denied) => return Err(denied),
            }
        }
        Err(Denied::Wrong)
    }

    /// What is found about one reading, and whether it was found just now and for this asker: askers who share one run are
    /// one failure.
    async fn judge(
        self: &Arc<Self>,
        fingerprint: [u8; 32],
        attempt: Attempt,
    ) -> (Result<(), Denied>, bool) {
        if let Some(outcome) = self.remembered(&fingerprint).await {
            return (outcome, false);
        }
        // Before anything is remembered of it: a flood of guesses must not push out what was found about others.
        if let Some(left) = self.blocked(&fingerprint, &attempt) {
            return (Err(Denied::Limited(left)), false);
        }
        let verify = Arc::clone(self).verify(fingerprint, attempt);
        let entry = self.verdicts.entry(fingerprint);
        let found = entry
            .or_insert_with_if(verify, |verdict| !verdict.holds())
            .await;
        let is_new = found.is_fresh();
        (found.into_value().outcome, is_new)
    }

    async fn remembered(&self, fingerprint: &[u8; 32]) -> Option<Result<(), Denied>> {
        let verdict = self.verdicts.get(fingerprint).await;
        verdict
            .filter(Verdict::holds)
            .map(|verdict| verdict.outcome)
    }

    async fn verify(self: Arc<Self>, fingerprint: [u8; 32], attempt: Attempt) -> Verdict {
        let denied = |denied| Verdict::new(Err(denied), Duration::ZERO);
        let mut place = None;
        if !self.is_good(&fingerprint, &attempt) {
            let Ok(free) = Arc::clone(&self.places).try_acquire_owned() else {
                return denied(Denied::Overloaded);
            };
            place = Some(free);
        }
        let Ok(core) = Arc::clone(&self.cores).acquire_owned().await else {
            return denied(Denied::Overloaded);
        };
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
            Ok(false) => Verdict::new(Err(Denied::Wrong), FAILURE_LIFETIME),
            Err(_) => denied(Denied::Overloaded),
        }
    }

    /// Whether it was right once, or is known to be without that.
    fn is_good(&self, fingerprint: &[u8; 32], attempt: &Attempt) -> bool {
        let configured = attempt.configured.as_ref();
        self.good.contains_key(fingerprint)
            || configured.is_some_and(|right| self.print(attempt, right) == *fingerprint)
    }

    /// How long nobody is listened to in the place of this attempt; never one that is good.
    fn blocked(&self, fingerprint: &[u8; 32], attempt: &Attempt) -> Option<Duration> {
        if self.is_good(fingerprint, attempt) {
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
        self.print(attempt, &attempt.password)
    }

    /// Of this password for the account of the attempt.
    fn print(&self, attempt: &Attempt, password: &SecretString) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.key);
        for part in [&*attempt.scope, &*attempt.mark, &attempt.user] {
            // With their lengths, so that no two parts can run into each other.
            context.update(&(part.len() as u64).to_le_bytes());
            context.update(part.as_bytes());
        }
        context.update(password.expose_secret().as_bytes());
        let mut fingerprint = [0; 32];
        for (to, from) in fingerprint.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        fingerprint
    }
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use futures_util::poll;

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
            configured: None,
            client: [192, 0, 2, 1].into(),
        }
    }

    /// Two readings, of which the second is for an account that nobody is listened to.
    fn readings(guess: u32) -> Vec<Attempt> {
        let bert = Attempt {
            user: "bert@example.com".into(),
            ..attempt("x")
        };
        vec![attempt(&format!("guess {guess}")), bert]
    }

    #[tokio::test]
    async fn a_wrong_reading_counts_where_the_next_one_is_not_listened_to() {
        let passwords = Arc::new(Passwords::new(8, NonZeroU32::MIN).unwrap());
        let bert: (Arc<str>, _) = ("account".into(), "bert@example.com".to_owned());
        for _ in 0..20 {
            passwords.failures.count_account(&bert);
        }
        for guess in 0..100 {
            let denied = passwords.check_any(readings(guess)).await;
            assert!(matches!(denied, Err(Denied::Limited(_))), "{denied:?}");
        }
        // One guess a minute, as many at once, and the one that is too many.
        assert!((2..=3).contains(&passwords.verifications()));
    }

    #[tokio::test]
    async fn an_asker_who_hangs_up_between_two_readings_is_counted() {
        let passwords = Arc::new(Passwords::new(8, NonZeroU32::MIN).unwrap());
        let mut guesses = 0;
        loop {
            let before = passwords.verifications();
            let mut check = Box::pin(passwords.check_any(readings(guesses)));
            let denied = loop {
                if let Poll::Ready(denied) = poll!(&mut check) {
                    break Some(denied);
                }
                // The first one runs, or has run.
                if passwords.verifications() > before {
                    break None;
                }
                tokio::task::yield_now().await;
            };
            drop(check);
            if let Some(Err(Denied::Limited(_))) = denied {
                break;
            }
            guesses += 1;
            assert!(guesses < 50, "never limited");
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

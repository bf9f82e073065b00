//! HTTP Basic (RFC 7617) against the configured role accounts: who logs in, and how often a password may be tried.
//!
//! Callers send their password with every request and Argon2 is slow on purpose. So a verdict is remembered for a
//! while, askers with the same credential share one verification, at most one verification runs per core, and only so
//! many wait for a core. What is remembered is a keyed hash, never the password. No HTTP answers are made here.

mod basic;
mod verdict;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use argon2::password_hash::PasswordVerifier;
use argon2::password_hash::phc::{Output, PasswordHash, Salt};
use argon2::{Argon2, Params};
use aws_lc_rs::{hmac, rand};
use http::HeaderMap;
use moka::future::Cache;
use secrecy::ExposeSecret;
use tokio::sync::Semaphore;

use self::basic::Credential;
use self::verdict::Verdict;
use super::StartError;
use super::settings::InboundAccount;
use crate::domain::Caller;
use crate::face::OwnLogin;

/// How long an answer to a wrong password is held back: guessing over one connection stays slow, and a person who
/// mistyped does not notice.
pub(super) const FAILURE_DELAY: Duration = Duration::from_millis(300);

const SUCCESS_LIFETIME: Duration = Duration::from_mins(1);
/// Long enough to swallow a client that repeats a wrong password in a loop, short enough after a password change.
const FAILURE_LIFETIME: Duration = Duration::from_secs(2);
/// Verdicts held; more only costs repeated verifications.
const REMEMBERED: u64 = 10_000;

/// Why nobody logged in. Which part of a credential was wrong is not told to anyone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// There is no usable Basic credential in the request.
    Absent,
    Wrong,
    /// Too many logins wait to be verified.
    Overloaded,
}

/// The accounts and what was lately found about credentials.
pub struct Login {
    /// By [`Credential::user`].
    accounts: HashMap<String, Account>,
    /// Verified in place of an unknown account's hash, so that both take the same time.
    nobody: PasswordHash,
    key: hmac::Key,
    verdicts: Cache<[u8; 32], Verdict>,
    cores: Arc<Semaphore>,
    places: Arc<Semaphore>,
    verifications: Arc<AtomicU64>,
}

struct Account {
    hash: PasswordHash,
    caller: Arc<Caller>,
}

impl Login {
    /// `queue`: how many verifications may wait while one runs on each core.
    pub fn new(accounts: &[InboundAccount], queue: usize) -> Result<Arc<Self>, StartError> {
        let mut known = HashMap::with_capacity(accounts.len());
        for (index, account) in accounts.iter().enumerate() {
            let key = || format!("access.role_account[{index}].password_hash");
            let caller = Arc::new(account.caller.clone());
            let read = Account::read(&account.password_hash, caller, key)?;
            known.insert(account.address.to_string(), read);
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Arc::new(Self {
            nobody: nobody(known.values())?,
            accounts: known,
            key: random_key()?,
            verdicts: verdicts(),
            cores: Arc::new(Semaphore::new(cores)),
            places: Arc::new(Semaphore::new(cores + queue)),
            verifications: Arc::default(),
        }))
    }

    /// A login with one user of its own, which shares only the work of verifying.
    pub(super) fn apart(
        &self,
        only: &OwnLogin,
        caller: &Arc<Caller>,
    ) -> Result<Arc<Self>, StartError> {
        let account = Account::read(&only.password_hash, Arc::clone(caller), || only.key.clone())?;
        Ok(Arc::new(Self {
            nobody: nobody([&account])?,
            accounts: HashMap::from([(basic::normalised(&only.user), account)]),
            key: random_key()?,
            verdicts: verdicts(),
            cores: Arc::clone(&self.cores),
            places: Arc::clone(&self.places),
            verifications: Arc::clone(&self.verifications),
        }))
    }

    /// Who sent these headers.
    pub async fn caller(self: &Arc<Self>, headers: &HeaderMap) -> Result<Arc<Caller>, Denied> {
        let credential = Credential::read(headers).ok_or(Denied::Absent)?;
        let fingerprint = self.fingerprint(&credential);
        if let Some(verdict) = self.verdicts.get(&fingerprint).await
            && verdict.holds()
        {
            return verdict.outcome;
        }
        // A task of its own: others share this verification and keep it when the first asker hangs up.
        let login = Arc::clone(self);
        tokio::spawn(login.judge(fingerprint, credential))
            .await
            .unwrap_or(Err(Denied::Overloaded))
    }

    /// Argon2 runs since the start.
    pub fn verifications(&self) -> u64 {
        self.verifications.load(Ordering::Relaxed)
    }

    async fn judge(
        self: Arc<Self>,
        fingerprint: [u8; 32],
        credential: Credential,
    ) -> Result<Arc<Caller>, Denied> {
        let verify = Arc::clone(&self).verify(credential);
        self.verdicts
            .entry(fingerprint)
            .or_insert_with_if(verify, |verdict| !verdict.holds())
            .await
            .into_value()
            .outcome
    }

    async fn verify(self: Arc<Self>, credential: Credential) -> Verdict {
        let Ok(_place) = Arc::clone(&self.places).try_acquire_owned() else {
            return Verdict::new(Err(Denied::Overloaded), Duration::ZERO);
        };
        let Ok(core) = Arc::clone(&self.cores).acquire_owned().await else {
            return Verdict::new(Err(Denied::Overloaded), Duration::ZERO);
        };
        let run = tokio::task::spawn_blocking(move || {
            let outcome = self.compare(&credential);
            drop(core);
            outcome
        });
        match run.await {
            Ok(Ok(caller)) => Verdict::new(Ok(caller), SUCCESS_LIFETIME),
            Ok(Err(denied)) => Verdict::new(Err(denied), FAILURE_LIFETIME),
            Err(_) => Verdict::new(Err(Denied::Overloaded), Duration::ZERO),
        }
    }

    /// One Argon2 run, whoever it is.
    fn compare(&self, credential: &Credential) -> Result<Arc<Caller>, Denied> {
        self.verifications.fetch_add(1, Ordering::Relaxed);
        let account = self.accounts.get(&credential.user);
        let hash = account.map_or(&self.nobody, |account| &account.hash);
        let password = credential.password.expose_secret();
        // `Output` is compared in constant time.
        let right = Argon2::default()
            .verify_password(password.as_bytes(), hash)
            .is_ok();
        account
            .filter(|_| right)
            .map(|account| Arc::clone(&account.caller))
            .ok_or(Denied::Wrong)
    }

    fn fingerprint(&self, credential: &Credential) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.key);
        // A user name has no colon, so the two parts cannot run into each other.
        context.update(credential.user.as_bytes());
        context.update(b":");
        context.update(credential.password.expose_secret().as_bytes());
        let mut fingerprint = [0; 32];
        for (to, from) in fingerprint.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        fingerprint
    }
}

impl Account {
    /// `key`: where the hash stands.
    fn read(
        hash: &str,
        caller: Arc<Caller>,
        key: impl FnOnce() -> String,
    ) -> Result<Self, StartError> {
        let hash = read_hash(hash).ok_or_else(|| StartError::PasswordHash { key: key() })?;
        Ok(Self { hash, caller })
    }
}

fn verdicts() -> Cache<[u8; 32], Verdict> {
    Cache::builder()
        .max_capacity(REMEMBERED)
        .time_to_live(SUCCESS_LIFETIME)
        .build()
}

fn read_hash(text: &str) -> Option<PasswordHash> {
    let hash = PasswordHash::new(text).ok()?;
    let usable = hash.algorithm.as_str() == "argon2id"
        && hash.salt.is_some()
        && hash.hash.is_some()
        && Params::try_from(&hash).is_ok();
    usable.then_some(hash)
}

fn cost(hash: &PasswordHash) -> u64 {
    Params::try_from(hash).map_or(0, |params| {
        u64::from(params.m_cost()) * u64::from(params.t_cost())
    })
}

/// The parameters of the costliest account, with a salt and a hash that belong to no password.
fn nobody<'a>(accounts: impl IntoIterator<Item = &'a Account>) -> Result<PasswordHash, StartError> {
    let unusable = || StartError::PasswordHash {
        key: "the hash that stands for unknown accounts".to_owned(),
    };
    let hashes = accounts.into_iter().map(|account| &account.hash);
    let pattern = match hashes.max_by_key(|hash| cost(hash)) {
        Some(pattern) => pattern.clone(),
        None => argon2::PasswordHasher::hash_password(&Argon2::default(), &random_bytes()?)
            .map_err(|_| unusable())?,
    };
    let output = Output::new(&random_bytes()?).map_err(|_| unusable())?;
    Ok(PasswordHash {
        salt: Some(Salt::generate()),
        hash: Some(output),
        ..pattern
    })
}

fn random_key() -> Result<hmac::Key, StartError> {
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &random_bytes()?))
}

fn random_bytes() -> Result<[u8; 32], StartError> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).map_err(|_| rustls::Error::FailedToGetRandomBytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;

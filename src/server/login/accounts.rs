//! A list of accounts with their Argon2 hashes, and what a login as one of them becomes. Verifies nothing.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use argon2::password_hash::phc::{Output, PasswordHash, Salt};
use argon2::{Algorithm, Params, Version};
use aws_lc_rs::rand;
use secrecy::SecretString;

use super::StartError;
use super::passwords::Attempt;
use crate::domain::Caller;

pub(super) struct Accounts {
    scope: Arc<str>,
    known: HashMap<String, Account>,
    /// Verified in place of an unknown account's hash, so that both take the same time.
    nobody: Arc<PasswordHash>,
}

struct Account {
    hash: Arc<PasswordHash>,
    mark: Arc<str>,
    password: Option<Arc<SecretString>>,
    caller: Arc<Caller>,
}

/// One account as it is configured.
pub(super) struct Listed<'a> {
    pub(super) user: String,
    /// Argon2id in PHC form.
    pub(super) hash: &'a str,
    /// What it is the hash of, where that is known.
    pub(super) password: Option<&'a SecretString>,
    pub(super) caller: Arc<Caller>,
    /// Where the hash stands, for an error about it.
    pub(super) key: String,
}

impl Accounts {
    /// `scope` tells this list from others.
    pub(super) fn new<'a>(
        scope: &str,
        listed: impl IntoIterator<Item = Listed<'a>>,
    ) -> Result<Self, StartError> {
        let mut known = HashMap::new();
        for account in listed {
            let Some(hash) = read_hash(account.hash) else {
                return Err(StartError::PasswordHash { key: account.key });
            };
            let read = Account {
                hash: Arc::new(hash),
                mark: account.hash.into(),
                password: account.password.cloned().map(Arc::new),
                caller: account.caller,
            };
            known.insert(account.user, read);
        }
        Ok(Self {
            scope: scope.into(),
            nobody: Arc::new(nobody(known.values())?),
            known,
        })
    }

    /// Who a login with this name becomes, if the attempt turns out right.
    pub(super) fn attempt(
        &self,
        user: String,
        password: SecretString,
        client: IpAddr,
    ) -> (Attempt, Option<Arc<Caller>>) {
        let account = self.known.get(&user);
        let attempt = Attempt {
            scope: Arc::clone(&self.scope),
            hash: Arc::clone(account.map_or(&self.nobody, |account| &account.hash)),
            mark: account.map_or_else(|| "".into(), |account| Arc::clone(&account.mark)),
            configured: account.and_then(|account| account.password.clone()),
            user,
            password,
            client,
        };
        (attempt, account.map(|account| Arc::clone(&account.caller)))
    }

    pub(super) fn find(&self, user: &str) -> Option<&Arc<Caller>> {
        self.known.get(user).map(|account| &account.caller)
    }

    /// The hash as it is configured.
    pub(super) fn mark(&self, user: &str) -> Option<&str> {
        self.known.get(user).map(|account| &*account.mark)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    #[cfg(test)]
    pub(super) fn hashes(&self, user: &str) -> (&PasswordHash, &PasswordHash) {
        (&self.known[user].hash, &self.nobody)
    }
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
    let hashes = accounts.into_iter().map(|account| &*account.hash);
    let (algorithm, version, params) = match hashes.max_by_key(|hash| cost(hash)) {
        Some(pattern) => (pattern.algorithm, pattern.version, pattern.params.clone()),
        None => (
            Algorithm::default().ident(),
            Some(Version::default().into()),
            Params::DEFAULT.try_into().map_err(|_| unusable())?,
        ),
    };
    let output = Output::new(&random_bytes::<32>()?).map_err(|_| unusable())?;
    Ok(PasswordHash {
        algorithm,
        version,
        params,
        salt: Some(Salt::generate()),
        hash: Some(output),
    })
}

pub(super) fn random_bytes<const COUNT: usize>() -> Result<[u8; COUNT], StartError> {
    let mut bytes = [0; COUNT];
    rand::fill(&mut bytes).map_err(|_| rustls::Error::FailedToGetRandomBytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::{cost, nobody, read_hash};

    #[test]
    fn without_accounts_a_guess_takes_as_long_as_argon2_takes_by_default() {
        let hash = nobody([]).unwrap();
        assert!(read_hash(&hash.to_string()).is_some());
        assert_eq!(cost(&hash), 19 * 1024 * 2);
    }
}

//! Argon2id hashes in PHC form: made from passwords, and checked for being what they must be.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use argon2::password_hash::PasswordHasher;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;

/// A text that is not the PHC string of an Argon2id hash that a login can be checked against. Never repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    #[error("must be an Argon2id hash in PHC form; `calbridge hash-password` makes one")]
    NotArgon2id,
    #[error("the hash asks for more than 256 MiB of memory, 16 passes or 16 lanes at each login")]
    TooCostly,
    #[error("the password could not be hashed")]
    Failed,
}

/// The most that one login may cost: 256 MiB (in KiB), passes, lanes.
const MOST_MEMORY: u32 = 256 << 10;
const MOST_PASSES: u32 = 16;
const MOST_LANES: u32 = 16;
const SALT_BYTES: usize = 16;
/// Hashes of this process that are kept.
const MOST_REMEMBERED: usize = 10_000;

/// The PHC string (`$argon2id$v=19$...`) of `password`, with a random salt and the parameters that OWASP recommends.
pub fn hash(password: &str) -> Result<String, HashError> {
    let hash: PasswordHash = Argon2::default()
        .hash_password(password.as_bytes())
        .map_err(|_| HashError::Failed)?;
    Ok(hash.to_string())
}

/// The same for a hash that never leaves this process: the same password gives the same hash each time, so that a
/// configuration that is read again is seen to have changed nothing. Nobody outside can know the salt. What was hashed
/// before is remembered by its tag, so that reading hundreds of passwords again costs nothing.
pub(super) fn hash_repeatably(password: &str) -> Result<String, HashError> {
    static KEY: OnceLock<Option<hmac::Key>> = OnceLock::new();
    static MADE: Mutex<BTreeMap<Box<[u8]>, String>> = Mutex::new(BTreeMap::new());
    let random = || hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).ok();
    let key = KEY.get_or_init(random).as_ref().ok_or(HashError::Failed)?;
    let tag = hmac::sign(key, password.as_bytes());
    let made = || MADE.lock().unwrap_or_else(PoisonError::into_inner);
    let known = made().get(tag.as_ref()).cloned();
    if let Some(hash) = known {
        return Ok(hash);
    }
    let salt = tag.as_ref().get(..SALT_BYTES).ok_or(HashError::Failed)?;
    let hash: PasswordHash = Argon2::default()
        .hash_password_with_salt(password.as_bytes(), salt)
        .map_err(|_| HashError::Failed)?;
    let hash = hash.to_string();
    let mut hashes = made();
    if hashes.len() >= MOST_REMEMBERED {
        hashes.clear();
    }
    hashes.insert(tag.as_ref().into(), hash.clone());
    Ok(hash)
}

/// Whether `text` is an Argon2id PHC string with a salt, a hash and bearable costs.
pub fn check(text: &str) -> Result<(), HashError> {
    let hash = PasswordHash::new(text).map_err(|_| HashError::NotArgon2id)?;
    if hash.algorithm.as_str() != Algorithm::Argon2id.as_str()
        || hash.salt.is_none()
        || hash.hash.is_none()
    {
        return Err(HashError::NotArgon2id);
    }
    let params = Params::try_from(&hash).map_err(|_| HashError::NotArgon2id)?;
    if params.m_cost() > MOST_MEMORY
        || params.t_cost() > MOST_PASSES
        || params.p_cost() > MOST_LANES
    {
        return Err(HashError::TooCostly);
    }
    Ok(())
}

/// Whether checking a password against some of these hashes takes longer than against others. What is no hash is left out.
pub(super) fn costs_differ<'a>(hashes: impl IntoIterator<Item = &'a str>) -> bool {
    let cost = |text: &str| {
        let params = Params::try_from(&PasswordHash::new(text).ok()?).ok()?;
        Some((params.m_cost(), params.t_cost(), params.p_cost()))
    };
    let mut costs = hashes.into_iter().filter_map(cost);
    costs
        .next()
        .is_some_and(|first| costs.any(|other| other != first))
}

#[cfg(test)]
mod tests {
    use super::*;
    use argon2::PasswordVerifier;

    #[test]
    fn a_hash_verifies_its_password_only() {
        let phc = hash("correct horse").unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
        assert_eq!(check(&phc), Ok(()));
        let hash = PasswordHash::new(&phc).unwrap();
        assert!(
            Argon2::default()
                .verify_password(b"correct horse", &hash)
                .is_ok()
        );
        assert!(
            Argon2::default()
                .verify_password(b"correct horse ", &hash)
                .is_err()
        );
    }

    #[test]
    fn a_hash_for_this_process_only_depends_on_the_password() {
        let once = hash_repeatably("correct horse").unwrap();
        assert_eq!(check(&once), Ok(()));
        assert_eq!(hash_repeatably("correct horse").unwrap(), once);
        let other = hash_repeatably("correct pony").unwrap();
        let salt = |phc: &str| phc.split('$').nth(4).unwrap().to_owned();
        assert_ne!(salt(&other), salt(&once));
    }

    #[test]
    fn hashes_of_unequal_cost_are_told_apart() {
        let with = |costs: &str| {
            format!("$argon2id$v=19${costs}$c29tZXNhbHRzb21l$cmVzdWx0cmVzdWx0cmVzdWx0cmVzdWx0")
        };
        let (usual, small) = (with("m=19456,t=2,p=1"), with("m=19456,t=1,p=1"));
        assert!(costs_differ([usual.as_str(), &usual, &small]));
        assert!(!costs_differ([usual.as_str(), "no hash", &usual]));
        assert!(!costs_differ([]));
    }

    #[test]
    fn what_is_no_usable_hash_is_refused() {
        let salt_and_hash = "c29tZXNhbHRzb21l$cmVzdWx0cmVzdWx0cmVzdWx0cmVzdWx0";
        let with = |head: &str| check(&format!("{head}${salt_and_hash}"));
        assert_eq!(with("$argon2id$v=19$m=19456,t=2,p=1"), Ok(()));
        assert_eq!(
            with("$argon2i$v=19$m=19456,t=2,p=1"),
            Err(HashError::NotArgon2id)
        );
        assert_eq!(
            with("$argon2d$v=19$m=19456,t=2,p=1"),
            Err(HashError::NotArgon2id)
        );
        assert_eq!(
            with("$argon2id$v=19$m=4194304,t=2,p=1"),
            Err(HashError::TooCostly)
        );
        assert_eq!(
            with("$argon2id$v=19$m=19456,t=999,p=1"),
            Err(HashError::TooCostly)
        );
        for text in [
            "",
            "secret",
            "$argon2id$",
            "$argon2id$v=19$m=19456,t=2,p=1",
            "$2b$12$abc",
        ] {
            assert_eq!(check(text), Err(HashError::NotArgon2id), "{text}");
        }
    }
}

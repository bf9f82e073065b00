//! Passwords of role accounts: from a file, from the environment, or (for callers) as a hash in the configuration.

use secrecy::{ExposeSecret, SecretString};

use super::document::Section;
use super::findings::Located;
use super::password;
use super::surroundings::Surroundings;

/// The password that `password_file` or `password_env` gives; exactly one of them must be there.
pub(super) fn password(account: &Section<'_>, around: &Surroundings<'_>) -> Option<SecretString> {
    let (file, variable) = (account.text("password_file"), account.text("password_env"));
    if !exactly_one(account, &["password_file", "password_env"]) {
        return None;
    }
    match (file, variable) {
        (Some(file), _) => from_file(&file, around),
        (None, Some(variable)) => from_environment(&variable, around),
        (None, None) => None,
    }
}

/// The Argon2id PHC string that `password_hash` gives, or the hash of what `password_file` or `password_env` holds:
/// a plain password, or such a PHC string. Exactly one of the three must be there.
pub(super) fn password_hash(account: &Section<'_>, around: &Surroundings<'_>) -> Option<String> {
    let hash = account.text("password_hash");
    let (file, variable) = (account.text("password_file"), account.text("password_env"));
    if !exactly_one(account, &["password_hash", "password_file", "password_env"]) {
        return None;
    }
    match (hash, file, variable) {
        (Some(hash), ..) => hash.parse(|text| password::check(text).map(|()| (*text).to_owned())),
        (None, Some(file), _) => hashed(&file, &from_file(&file, around)?),
        (None, None, Some(variable)) => hashed(&variable, &from_environment(&variable, around)?),
        (None, None, None) => None,
    }
}

fn exactly_one(account: &Section<'_>, keys: &[&'static str]) -> bool {
    let present = keys.iter().filter(|key| account.has(key)).count();
    if present != 1 {
        let keys = keys.join(", ");
        account.problem(format!("needs exactly one of {keys}; {present} are given"));
    }
    present == 1
}

fn hashed(source: &Located<'_, &str>, secret: &SecretString) -> Option<String> {
    let secret = secret.expose_secret();
    // A password that merely begins like a hash is far less likely than a hash that was cut when it was copied.
    if secret.starts_with("$argon2") {
        source.parse(|_| password::check(secret).map(|()| secret.to_owned()))
    } else {
        source.parse(|_| password::hash_repeatably(secret))
    }
}

fn from_file(path: &Located<'_, &str>, around: &Surroundings<'_>) -> Option<SecretString> {
    let bytes = path.parse(|path| around.file(path))?;
    let Ok(text) = String::from_utf8(bytes) else {
        path.problem("the file is not valid UTF-8");
        return None;
    };
    usable(path, &text)
}

fn from_environment(name: &Located<'_, &str>, around: &Surroundings<'_>) -> Option<SecretString> {
    let text = name.parse(|name| around.variable(name))?;
    usable(name, &text)
}

/// Drops one trailing line end, as editors and `echo` leave it, and refuses what cannot be a password.
fn usable(source: &Located<'_, &str>, text: &str) -> Option<SecretString> {
    let secret = text
        .strip_suffix("\r\n")
        .or_else(|| text.strip_suffix('\n'))
        .unwrap_or(text);
    if secret.is_empty() {
        source.problem("the secret is empty");
        None
    } else if secret.contains(char::is_control) {
        source.problem("the secret has more than one line, or control characters");
        None
    } else {
        Some(secret.into())
    }
}

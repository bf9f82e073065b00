//! Secrets: from a file, from the environment, from systemd, or (for callers) as a hash in the configuration.

use secrecy::{ExposeSecret, SecretString};

use super::document::Section;
use super::findings::Located;
use super::password;
use super::surroundings::Surroundings;

/// The keys of one secret: exactly one of them names where it is.
pub(super) struct SecretKeys([&'static str; 3]);

/// A role account's password.
pub(super) const PASSWORD: SecretKeys =
    SecretKeys(["password_file", "password_env", "password_credential"]);
/// An application's secret.
pub(super) const CLIENT_SECRET: SecretKeys = SecretKeys([
    "client_secret_file",
    "client_secret_env",
    "client_secret_credential",
]);

/// What mailboxes of the audit log are hashed with.
pub(super) const AUDIT_KEY: SecretKeys = SecretKeys(["key_file", "key_env", "key_credential"]);

/// In bytes.
pub(super) fn is_shorter(secret: &SecretString, bytes: usize) -> bool {
    secret.expose_secret().len() < bytes
}

impl SecretKeys {
    /// Whether any of them stands in the section.
    pub(super) fn any(&self, section: &Section<'_>) -> bool {
        // All of them are asked for, so that each is known.
        self.0.iter().filter(|key| section.has(key)).count() > 0
    }
}

/// The secret that exactly one of the keys gives: a file, an environment variable, or a credential of systemd.
pub(super) fn secret(
    section: &Section<'_>,
    keys: &SecretKeys,
    around: &Surroundings<'_>,
) -> Option<SecretString> {
    if !exactly_one(section, &keys.0) {
        return None;
    }
    let (_, secret) = found(section, keys, around)?;
    Some(secret)
}

/// The hash alone of [`password()`].
pub(super) fn password_hash(account: &Section<'_>, around: &Surroundings<'_>) -> Option<String> {
    let (hash, _) = password(account, around)?;
    Some(hash)
}

/// The Argon2id PHC string that `password_hash` gives, or the hash of what `password_file`, `password_env` or
/// `password_credential` holds: a plain password, which comes with it, or such a PHC string. Exactly one of the four must
/// be there.
pub(super) fn password(
    account: &Section<'_>,
    around: &Surroundings<'_>,
) -> Option<(String, Option<SecretString>)> {
    let hash = account.text("password_hash");
    let [file, variable, credential] = PASSWORD.0;
    if !exactly_one(account, &["password_hash", file, variable, credential]) {
        return None;
    }
    if let Some(hash) = hash {
        let hash = hash.parse(|text| password::check(text).map(|()| (*text).to_owned()))?;
        return Some((hash, None));
    }
    let (source, secret) = found(account, &PASSWORD, around)?;
    let hash = hashed(&source, &secret)?;
    let is_plain = hash != secret.expose_secret();
    Some((hash, is_plain.then_some(secret)))
}

fn found<'a>(
    section: &Section<'a>,
    SecretKeys([file, variable, credential]): &SecretKeys,
    around: &Surroundings<'_>,
) -> Option<(Located<'a, &'a str>, SecretString)> {
    if let Some(path) = section.text(file) {
        let secret = from_bytes(&path, path.parse_file(|path| around.file(path))?)?;
        return Some((path, secret));
    }
    if let Some(name) = section.text(variable) {
        let secret = usable(&name, &name.parse(|name| around.variable(name))?)?;
        return Some((name, secret));
    }
    let name = section.text(credential)?;
    let secret = from_bytes(&name, name.parse(|name| around.credential(name))?)?;
    Some((name, secret))
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

fn from_bytes(source: &Located<'_, &str>, bytes: Vec<u8>) -> Option<SecretString> {
    let Ok(text) = String::from_utf8(bytes) else {
        source.problem("the file is not valid UTF-8");
        return None;
    };
    usable(source, &text)
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

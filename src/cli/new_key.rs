//! `calbridge new-key`: a key for a free/busy link, its SHA-256, and the entry of the configuration to paste.

use std::fmt::Write as _;
use std::io::IsTerminal;

use anyhow::Context;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use secrecy::zeroize::Zeroizing;

use super::{CommandError, Exit, output};

/// 192 bits: more than the 128 that nobody can guess, and short enough for a URL.
const KEY_BYTES: usize = 24;

pub(super) fn run() -> Result<Exit, CommandError> {
    let key = random()?;
    output::say(&description(&key))?;
    if std::io::stdout().is_terminal() {
        output::complain(
            &"The key is shown only now: whoever has it may read what its entry allows.",
        );
    }
    Ok(Exit::Success)
}

/// A key that nobody has had before.
pub(super) fn random() -> anyhow::Result<Zeroizing<String>> {
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    SystemRandom::new()
        .fill(&mut *bytes)
        .context("the system gave no random numbers")?;
    Ok(Zeroizing::new(digits(&*bytes)))
}

/// What a configuration has of a key.
pub(super) fn sha256(key: &str) -> String {
    digits(digest(&SHA256, key.as_bytes()).as_ref())
}

/// Letters and digits of one case only, so that no program changes them on their way into a URL.
fn digits(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn description(key: &str) -> String {
    let hash = sha256(key);
    format!(
        "key:    {key}\n\
         sha256: {hash}\n\
         \n\
         [[freebusy_link]]\n\
         key_sha256 = \"{hash}\"\n\
         domains = [\"example.com\"]"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_shown_with_its_hash() {
        // SHA-256 of "abc", FIPS 180-4.
        let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let text = description("abc");
        assert!(text.starts_with(&format!("key:    abc\nsha256: {hash}\n")));
        assert!(text.contains(&format!("key_sha256 = \"{hash}\"")));
        assert_eq!(digits(&[0, 10, 255]), "000aff");
    }
}

//! `calbridge hash-password`: one line of standard input to an Argon2id hash for `access.role_account`.

use std::io::{BufRead, Read};

use anyhow::Context;
use secrecy::zeroize::Zeroizing;

use super::{CommandError, Exit, output};
use crate::config::password;

/// More than any login would carry.
const LONGEST_PASSWORD: u64 = 4096;

pub(super) fn run() -> Result<Exit, CommandError> {
    let mut line = Zeroizing::new(Vec::new());
    std::io::stdin()
        .lock()
        .take(LONGEST_PASSWORD + 1)
        .read_until(b'\n', &mut line)
        .context("standard input cannot be read")?;
    let password = password_of(&line)?;
    let hash = password::hash(password).context("no hash was made")?;
    output::say(&hash)?;
    Ok(Exit::Success)
}

/// The line without its end.
fn password_of(line: &[u8]) -> Result<&str, CommandError> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let usage = |text: &str| Err(CommandError::Usage(text.to_owned()));
    if line.is_empty() {
        return usage("standard input holds no password: its first line is empty");
    }
    if line.len() as u64 >= LONGEST_PASSWORD {
        return usage("the password is longer than 4095 bytes");
    }
    match std::str::from_utf8(line) {
        Ok(password) if !password.contains(char::is_control) => Ok(password),
        Ok(_) => usage("the password has control characters"),
        Err(_) => usage("the password is not valid UTF-8"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &[u8], expect: Option<&str>) {
        assert_eq!(password_of(line).ok(), expect, "{line:?}");
    }

    #[test]
    fn one_line_end_is_dropped() {
        check(b"secret\n", Some("secret"));
        check(b"secret\r\n", Some("secret"));
        check(b"secret", Some("secret"));
        check(b" se cret \n", Some(" se cret "));
    }

    #[test]
    fn what_cannot_be_a_password_is_refused() {
        check(b"", None);
        check(b"\n", None);
        check(b"\r\n", None);
        check(b"a\tb\n", None);
        check(b"\xff\xfe\n", None);
        check(&[b'a'; 4096], None);
        check(&[b'a'; 4095], Some(&"a".repeat(4095)));
    }
}

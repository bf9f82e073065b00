//! Mail addresses and mail domains, parsed once and kept in the one form that is compared: lower case, ASCII.
//!
//! Quoted local parts, comments, display names and non-ASCII addresses are refused: Exchange has no mailboxes by such
//! names, and everything below here may rely on plain characters.

use std::fmt;
use std::sync::Arc;

/// The longest address that is accepted, in bytes (RFC 5321 section 4.5.3.1.3, without the angle brackets).
const MAX_ADDRESS: usize = 254;
/// The longest local part, in bytes (RFC 5321 section 4.5.3.1.1).
const MAX_LOCAL: usize = 64;

/// A text that is not an SMTP address; says why, never repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("the address is empty")]
    Empty,
    #[error("the address is longer than 254 characters")]
    TooLong,
    #[error("an address has the form local-part@domain")]
    NoDomain,
    #[error("the part before the @ is empty, too long or has a character that is not allowed")]
    LocalPart,
    #[error("the domain is not a valid host name")]
    Domain,
}

/// `local-part@domain`, lower case, ASCII; a `SMTP:` prefix and blanks around are dropped by [`SmtpAddress::parse`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SmtpAddress {
    text: Arc<str>,
    at: u8,
}

impl SmtpAddress {
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        let text = match text.get(..5) {
            Some(prefix) if prefix.eq_ignore_ascii_case("smtp:") => text[5..].trim_start(),
            _ => text,
        };
        if text.is_empty() {
            return Err(AddressError::Empty);
        }
        if text.len() > MAX_ADDRESS {
            return Err(AddressError::TooLong);
        }
        let at = memchr::memrchr(b'@', text.as_bytes()).ok_or(AddressError::NoDomain)?;
        let (local, domain) = (&text[..at], &text[at + 1..]);
        if !is_dot_atom(local) {
            return Err(AddressError::LocalPart);
        }
        if !is_host_name(domain) {
            return Err(AddressError::Domain);
        }
        let is_lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
        Ok(Self {
            // Most are written so, and need no second copy.
            text: if is_lower {
                text.into()
            } else {
                text.to_ascii_lowercase().into()
            },
            at: at as u8,
        })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn local_part(&self) -> &str {
        &self.text[..usize::from(self.at)]
    }

    /// The domain's text; see [`SmtpAddress::domain`] for the owned type.
    pub fn domain_str(&self) -> &str {
        &self.text[usize::from(self.at) + 1..]
    }

    pub fn domain(&self) -> MailDomain {
        MailDomain(self.domain_str().into())
    }

    /// The same local part at another domain; None where that would be longer than an address may be.
    #[must_use]
    pub fn at(&self, domain: &MailDomain) -> Option<Self> {
        let local = self.local_part();
        let text = format!("{local}@{domain}");
        (text.len() <= MAX_ADDRESS).then(|| Self {
            text: text.into(),
            at: self.at,
        })
    }
}

impl fmt::Display for SmtpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for SmtpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text)
    }
}

/// A mail domain, lower case, without a trailing dot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MailDomain(Arc<str>);

impl MailDomain {
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        if is_host_name(text) {
            Ok(Self(text.to_ascii_lowercase().into()))
        } else {
            Err(AddressError::Domain)
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for MailDomain {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MailDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// RFC 5322 dot-atom, at most 64 bytes.
fn is_dot_atom(local: &str) -> bool {
    local.len() <= MAX_LOCAL
        && dotted(local).all(|atom| !atom.is_empty() && atom.iter().copied().all(is_atom_byte))
}

/// What stands between the dots.
fn dotted(text: &str) -> impl Iterator<Item = &[u8]> {
    text.as_bytes().split(|byte| *byte == b'.')
}

fn is_atom_byte(byte: u8) -> bool {
    // Letters and digits, and !#$%&'*+-/=?^_`{|}~
    matches!(byte, b'!'..=b'~')
        && !matches!(byte, b'"' | b'(' | b')' | b',' | b'.' | b':'..=b'<' | b'>' | b'@' | b'['..=b']')
}

/// RFC 1123 host name of at most 253 bytes.
fn is_host_name(domain: &str) -> bool {
    domain.len() <= 253 && dotted(domain).all(is_host_label)
}

fn is_host_label(label: &[u8]) -> bool {
    (1..=63).contains(&label.len())
        && !label.starts_with(b"-")
        && !label.ends_with(b"-")
        && label
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || *b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Result<&str, AddressError>) {
        assert_eq!(
            SmtpAddress::parse(text).as_ref().map(SmtpAddress::as_str),
            expect.as_ref().copied(),
            "{text:?}"
        );
    }

    #[test]
    fn addresses_are_normalised() {
        check("Anna@Example.COM", Ok("anna@example.com"));
        check("  anna@example.com\t", Ok("anna@example.com"));
        check("SMTP:anna@example.com", Ok("anna@example.com"));
        check("smtp: anna@example.com", Ok("anna@example.com"));
        check("o'neil+x@sub.example.com", Ok("o'neil+x@sub.example.com"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        check("", Err(AddressError::Empty));
        check("  ", Err(AddressError::Empty));
        check("SMTP:", Err(AddressError::Empty));
        check("foobar", Err(AddressError::NoDomain));
        check("@example.com", Err(AddressError::LocalPart));
        check("a b@example.com", Err(AddressError::LocalPart));
        check("\"quoted one\"@example.com", Err(AddressError::LocalPart));
        check("a..b@example.com", Err(AddressError::LocalPart));
        check("anna@exa mple.com", Err(AddressError::Domain));
        check("anna@-x.com", Err(AddressError::Domain));
        check("anna@", Err(AddressError::Domain));
        check("anna@müller.example", Err(AddressError::Domain));
        check(
            &format!("{}@example.com", "a".repeat(300)),
            Err(AddressError::TooLong),
        );
        check("a\0b@example.com", Err(AddressError::LocalPart));
        check("../../x@example.com/..", Err(AddressError::LocalPart));
    }
    #[test]
    fn a_local_part_is_made_of_what_rfc_5322_allows() {
        for byte in 0..=u8::MAX {
            let is_allowed = byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
            assert_eq!(is_atom_byte(byte), is_allowed, "{byte}");
        }
    }
}

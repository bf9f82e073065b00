//! The `Authorization: Basic` header (RFC 7617): UTF-8, split at the first colon. Malformed ones are as good as none.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use http::HeaderMap;
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;

use crate::domain::SmtpAddress;
use crate::server::token::bearer::only_authorization;

/// Bytes of the whole header value; an address and a long pass phrase take a quarter of it.
const MAX_HEADER: usize = 4096;

/// Some clients leave the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

pub(super) struct Credential {
    /// See [`normalised`].
    pub(super) user: String,
    pub(super) password: SecretString,
}

impl Credential {
    pub(super) fn read(headers: &HeaderMap) -> Option<Self> {
        let line = only_authorization(headers)?;
        if line.len() > MAX_HEADER {
            return None;
        }
        let (scheme, token) = line.to_str().ok()?.trim().split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let plain = Zeroizing::new(BASE64.decode(token.trim()).ok()?);
        let (user, password) = std::str::from_utf8(&plain).ok()?.split_once(':')?;
        Some(Self {
            user: normalised(user),
            password: SecretString::from(password),
        })
    }
}

/// An address in its one form, so that case does not matter in it; any other name as it is.
pub(super) fn normalised(user: &str) -> String {
    // Whatever it is, nothing of it would change.
    let is_normal = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'@');
    if user.bytes().all(is_normal) {
        return user.to_owned();
    }
    match SmtpAddress::parse(user) {
        Ok(address) => address.to_string(),
        Err(_) => user.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;
    use http::header::AUTHORIZATION;
    use secrecy::ExposeSecret;

    use super::*;

    #[track_caller]
    fn check(header: &str, expect: Option<(&str, &str)>) {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, header.parse().unwrap());
        let seen = Credential::read(&headers);
        let seen = seen
            .as_ref()
            .map(|c| (c.user.as_str(), c.password.expose_secret()));
        assert_eq!(seen, expect, "{header:?}");
    }

    fn basic(plain: &[u8]) -> String {
        format!("Basic {}", STANDARD.encode(plain))
    }

    #[test]
    fn credentials_are_read() {
        check(&basic(b"A@Example.com:x"), Some(("a@example.com", "x")));
        check(
            &basic(b"a@example.com:x:y z"),
            Some(("a@example.com", "x:y z")),
        );
        check(
            &basic("a@example.com:gr\u{fc}n".as_bytes()),
            Some(("a@example.com", "gr\u{fc}n")),
        );
        check(&basic(b"a@example.com:"), Some(("a@example.com", "")));
        check(&basic(b"DOM\\user:x"), Some(("DOM\\user", "x")));
        check(&basic(b":x"), Some(("", "x")));
        let lower = basic(b"a@example.com:x").replace("Basic ", "bAsIc   ");
        check(&lower, Some(("a@example.com", "x")));
        let unpadded = basic(b"a@example.com:xy").trim_end_matches('=').to_owned();
        check(&unpadded, Some(("a@example.com", "xy")));
    }

    #[test]
    fn what_is_malformed_counts_as_absent() {
        check("Basic", None);
        check("Basic ", None);
        check("Basic !!!!", None);
        check("Basic A", None);
        check(&basic(b"no colon"), None);
        check(&basic(b"a@example.com:\xff\xfe"), None);
        check("NTLM TlRMTVNTUAABAAAA", None);
        check("Negotiate YII=", None);
        check("Bearer abc.def", None);
        check(&format!("Basic {}", "QUFB".repeat(2000)), None);
        let mut twice = HeaderMap::new();
        twice.append(AUTHORIZATION, basic(b"a@example.com:x").parse().unwrap());
        twice.append(AUTHORIZATION, basic(b"b@example.com:x").parse().unwrap());
        assert!(Credential::read(&twice).is_none());
    }
}

//! What a token endpoint may repeat of what it was sent, and must not stand in any message: the proof of the application,
//! as it is and as it goes over the wire.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};

/// Stands in the place of what was removed.
const INSTEAD: &str = "(secret)";
/// Stands for a whole text.
const NOTHING_LEFT: &str = "(left out: it repeats the secret in another encoding)";
/// How often over a text may be encoded.
const DEPTH: usize = 4;
/// RFC 3986 section 2.3: what needs no encoding anywhere.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Texts that are removed, the longest first.
#[derive(Default)]
pub(super) struct Echoes(Vec<SecretString>);

impl Echoes {
    pub(super) fn add(&mut self, proof: &str) {
        if proof.is_empty() {
            return;
        }
        let form: String = url::form_urlencoded::byte_serialize(proof.as_bytes()).collect();
        let encoded = utf8_percent_encode(proof, RESERVED).to_string();
        let all = utf8_percent_encode(proof, NON_ALPHANUMERIC).to_string();
        let mut ways = vec![with_small_digits(&form), with_small_digits(&encoded)];
        ways.extend([
            with_small_digits(&all),
            all,
            form,
            encoded,
            proof.to_owned(),
        ]);
        self.0.extend(ways.into_iter().map(SecretString::from));
        self.0
            .sort_by_key(|text| std::cmp::Reverse(text.expose_secret().len()));
    }

    /// The text without them; nothing of it where a proof shows only once it is decoded.
    pub(super) fn without(&self, text: &str) -> String {
        let remove = |text: String, secret: &SecretString| {
            let secret = secret.expose_secret();
            if text.contains(secret) {
                text.replace(secret, INSTEAD)
            } else {
                text
            }
        };
        let text = self.0.iter().fold(text.to_owned(), remove);
        if self.shows_decoded(&text) {
            NOTHING_LEFT.to_owned()
        } else {
            text
        }
    }

    /// Whoever encodes may leave any character as it is. A plus is one, or a blank.
    fn shows_decoded(&self, text: &str) -> bool {
        [text.to_owned(), text.replace('+', " ")]
            .into_iter()
            .any(|mut text| {
                (0..DEPTH).any(|_| {
                    text = percent_decode_str(&text).decode_utf8_lossy().into_owned();
                    self.0
                        .iter()
                        .any(|secret| text.contains(secret.expose_secret()))
                })
            })
    }
}

impl fmt::Debug for Echoes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Echoes({})", self.0.len())
    }
}

/// The same with `%2f` for `%2F`.
fn with_small_digits(encoded: &str) -> String {
    let mut parts = encoded.split('%');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2).unwrap_or((part, ""));
        text.push('%');
        text.push_str(&digits.to_ascii_lowercase());
        text.push_str(rest);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_removed_however_it_is_written() {
        let mut echoes = Echoes::default();
        echoes.add("p~Q8 /+x%");
        for written in [
            "p~Q8 /+x%",
            "p%7EQ8+%2F%2Bx%25",
            "p~Q8%20%2F%2Bx%25",
            "p%7eQ8+%2f%2bx%25",
            "p%7EQ8%20%2F%2Bx%25",
        ] {
            let text = echoes.without(&format!("you sent {written}, twice {written}"));
            assert_eq!(text, "you sent (secret), twice (secret)", "{written}");
        }
        assert_eq!(echoes.without("nothing"), "nothing");
        let mut empty = Echoes::default();
        empty.add("");
        assert_eq!(empty.without("x"), "x");
    }

    #[test]
    fn a_proof_in_any_other_encoding_costs_the_whole_text() {
        let mut echoes = Echoes::default();
        echoes.add("p~Q8/+x%");
        for written in [
            "p~Q8/%2Bx%25",
            "p~Q8/%2bx%",
            "%70~Q8/+x%",
            "p%257EQ8%252F%252Bx%2525",
            "p~Q8%2F+x%",
        ] {
            let text = echoes.without(&format!("you sent {written}"));
            assert!(
                !text.contains("you sent") && text.contains("secret"),
                "{written}: {text}"
            );
        }
        let harmless = "100 % of a+b, p~Q8 and %2F%";
        assert_eq!(echoes.without(harmless), harmless);
    }
}

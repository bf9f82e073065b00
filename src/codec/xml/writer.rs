//! The only place that writes markup: bytes appended to a buffer, text escaped on the way.

use super::is_allowed;

/// Appends to one buffer. Tags are given whole, as constants, because answers are made of the same few tags thousands of
/// times; text is escaped.
#[derive(Debug, Default)]
pub struct XmlWriter {
    out: Vec<u8>,
}

impl XmlWriter {
    pub fn with_capacity(bytes: usize) -> Self {
        Self {
            out: Vec::with_capacity(bytes),
        }
    }

    /// Appends markup as it stands. `markup` is a constant of a codec, never data.
    #[inline]
    pub fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.out.extend_from_slice(markup.as_bytes());
        self
    }

    /// Appends `text` escaped for element content and quoted attributes.
    #[inline]
    pub fn text(&mut self, text: &str) -> &mut Self {
        push_escaped(&mut self.out, text);
        self
    }

    pub fn number(&mut self, number: impl Into<i64>) -> &mut Self {
        let number: i64 = number.into();
        self.text(&number.to_string())
    }

    /// Appends bytes that a codec has put together of constants and of digits.
    #[inline]
    pub(in crate::codec) fn assembled(&mut self, markup: &[u8]) -> &mut Self {
        self.out.extend_from_slice(markup);
        self
    }

    /// `YYYY-MM-DDTHH:MM:SS` of wall-clock seconds since 1970.
    #[inline]
    pub fn local_time(&mut self, local_seconds: i64) -> &mut Self {
        super::moment::push_local(&mut self.out, local_seconds);
        self
    }

    /// Appends `count` times `byte`, which is a digit, and gives them to be changed.
    pub fn digits(&mut self, byte: u8, count: usize) -> &mut [u8] {
        let from = self.out.len();
        self.out.resize(from + count, byte);
        self.out.get_mut(from..).unwrap_or_default()
    }

    /// Bytes as upper-case hexadecimal digits.
    pub fn hexadecimal(&mut self, bytes: &[u8]) -> &mut Self {
        let (pairs, _) = self.digits(b'0', 2 * bytes.len()).as_chunks_mut::<2>();
        for (pair, byte) in pairs.iter_mut().zip(bytes) {
            *pair = HEXADECIMAL[usize::from(*byte)];
        }
        self
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.out
    }
}

/// The two upper-case hexadecimal digits of each byte.
const HEXADECIMAL: [[u8; 2]; 256] = {
    let digits = b"0123456789ABCDEF";
    let mut table = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = [digits[byte >> 4], digits[byte & 15]];
        byte += 1;
    }
    table
};

/// Escapes `&<>"'` and carriage returns, and drops the characters that XML 1.0 forbids even as references.
#[inline]
pub fn push_escaped(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    if is_plain(bytes) {
        out.extend_from_slice(bytes);
    } else {
        push_with_care(out, text);
    }
}

/// Whether no byte needs care. Eight bytes are judged at once.
fn is_plain(bytes: &[u8]) -> bool {
    let (words, _) = bytes.as_chunks::<8>();
    let rest_is_plain = match bytes.last_chunk::<8>() {
        // The last bytes once more, together with some before them.
        Some(last) => is_plain_word(*last),
        None => !bytes.iter().any(|&byte| NEEDS_CARE[usize::from(byte)]),
    };
    rest_is_plain && words.iter().all(|word| is_plain_word(*word))
}

/// True only where none of the bytes needs care; false also for some that need none.
#[inline]
fn is_plain_word(bytes: [u8; 8]) -> bool {
    const LOW: u64 = u64::from_ne_bytes([0x01; 8]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    let word = u64::from_ne_bytes(bytes);
    // The high bit of each byte that is below `limit`, and perhaps of others above such a one.
    let below = |word: u64, limit: u8| word.wrapping_sub(LOW * u64::from(limit)) & !word;
    let equal = |word: u64, byte: u8| below(word ^ (LOW * u64::from(byte)), 1);
    let found = below(word, 0x20)
        | equal(word, b'"')
        // `&` and `'`, `<` and `>` differ by one bit.
        | equal(word | LOW, b'\'')
        | equal(word | (LOW << 1), b'>')
        | equal(word, 0xEF);
    found & HIGH == 0
}

fn push_with_care(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    let mut from = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if !NEEDS_CARE[usize::from(byte)] {
            continue;
        }
        let replacement: &[u8] = match byte {
            b'&' => b"&amp;",
            b'<' => b"&lt;",
            b'>' => b"&gt;",
            b'"' => b"&quot;",
            b'\'' => b"&apos;",
            b'\r' => b"&#xD;",
            // The lead byte of U+FFFE and U+FFFF and of much else.
            0xEF if text
                .get(at..)
                .and_then(|rest| rest.chars().next())
                .is_some_and(is_allowed) =>
            {
                continue;
            }
            _ => b"",
        };
        let width = if byte == 0xEF { 3 } else { 1 };
        out.extend_from_slice(bytes.get(from..at).unwrap_or_default());
        out.extend_from_slice(replacement);
        from = at + width;
    }
    out.extend_from_slice(bytes.get(from..).unwrap_or_default());
}

const NEEDS_CARE: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = !matches!(byte, 0x09 | 0x0A);
        byte += 1;
    }
    table[b'&' as usize] = true;
    table[b'<' as usize] = true;
    table[b'>' as usize] = true;
    table[b'"' as usize] = true;
    table[b'\'' as usize] = true;
    table[0xEF] = true;
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &str) {
        let mut out = Vec::new();
        push_escaped(&mut out, text);
        assert_eq!(String::from_utf8(out).unwrap(), expect);
    }

    #[test]
    fn markup_is_escaped_and_the_rest_kept() {
        check(
            "R&D <b> \"q\" 'a'",
            "R&amp;D &lt;b&gt; &quot;q&quot; &apos;a&apos;",
        );
        check("Grüße 🎉 ﬁ \u{FFFD}\n\t", "Grüße 🎉 ﬁ \u{FFFD}\n\t");
        check("a\rb", "a&#xD;b");
    }

    #[test]
    fn each_byte_is_seen_wherever_it_stands() {
        for length in 1..40 {
            for place in 0..length {
                for special in ['&', '<', '>', '"', '\'', '\r', '\u{1}', '\u{FFFE}'] {
                    let mut text = "=;%#!?~\u{FC}"
                        .chars()
                        .cycle()
                        .take(length)
                        .collect::<Vec<_>>();
                    text[place] = special;
                    let text: String = text.into_iter().collect();
                    assert!(!is_plain(text.as_bytes()), "{text:?}");
                }
            }
        }
        assert!(is_plain("Planning of the next quarter, Büro 12".as_bytes()));
    }

    #[test]
    fn what_xml_forbids_is_dropped() {
        check("a\u{0}\u{1}b\u{B}\u{FFFF}c\u{FFFE}", "abc");
    }

    proptest::proptest! {
        #[test]
        fn escaped_text_is_read_back(text in "\\PC{0,80}") {
            let mut out = b"<a>".to_vec();
            push_escaped(&mut out, &text);
            out.extend_from_slice(b"</a>");
            let document = String::from_utf8(out).unwrap();
            let mut cursor = crate::codec::xml::Cursor::strict(&document, crate::codec::xml::Caps::REQUEST).unwrap();
            cursor.root().unwrap();
            let expect: String = text.chars().filter(|&c| is_allowed(c)).collect();
            proptest::prop_assert_eq!(cursor.text().unwrap(), expect);
        }
    }
}

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

    /// `YYYY-MM-DDTHH:MM:SS` of wall-clock seconds since 1970.
    #[inline]
    pub fn local_time(&mut self, local_seconds: i64) -> &mut Self {
        super::moment::push_local(&mut self.out, local_seconds);
        self
    }

    /// One digit of a merged free/busy string.
    #[inline]
    pub fn digits(&mut self, digits: impl Iterator<Item = u8>) -> &mut Self {
        self.out.extend(digits);
        self
    }

    /// Bytes as upper-case hexadecimal digits.
    pub fn hexadecimal(&mut self, bytes: &[u8]) -> &mut Self {
        const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
        let digit = |value: u8| DIGITS.get(usize::from(value & 15)).copied().unwrap_or(b'0');
        self.out.extend(
            bytes
                .iter()
                .flat_map(|byte| [digit(byte >> 4), digit(*byte)]),
        );
        self
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.out
    }
}

/// Escapes `&<>"'` and carriage returns, and drops the characters that XML 1.0 forbids even as references.
pub fn push_escaped(out: &mut Vec<u8>, text: &str) {
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

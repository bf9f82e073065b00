//! Texts in an answer: as JSON in ASCII, or as the original's string literals with octal escapes. Nothing that leaves here
//! can end its literal, the attribute that the answer stands in, or the page.

use std::fmt::Write as _;

/// Where a payload is written: by itself, or as the value of an attribute in double quotes. Of what payloads are made of,
/// only the double quote reads differently there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Alone,
    Attribute,
}

impl Place {
    pub(super) fn double_quote(self) -> &'static str {
        match self {
            Self::Alone => "\"",
            Self::Attribute => "&quot;",
        }
    }
}

/// A JSON string with its quotes. Only printable ASCII, and without `<`, `>`, `&` and `'`: neither the character set of
/// the page nor what stands around it can change its meaning.
pub(super) fn push_json(out: &mut String, text: &str, place: Place) {
    out.push_str(place.double_quote());
    let mut rest = text;
    // Plain characters are one byte long, and the first byte of any other is not plain.
    while let Some(at) = rest.bytes().position(|byte| !is_plain(char::from(byte))) {
        let (plain, special) = rest.split_at(at);
        out.push_str(plain);
        let mut characters = special.chars();
        match characters.next() {
            Some('"') => {
                out.push('\\');
                out.push_str(place.double_quote());
            }
            Some(character) => push_special(out, character),
            None => {}
        }
        rest = characters.as_str();
    }
    out.push_str(rest);
    out.push_str(place.double_quote());
}

fn is_plain(character: char) -> bool {
    matches!(character, ' '..='~') && !matches!(character, '"' | '\\' | '<' | '>' | '&' | '\'')
}

fn push_special(out: &mut String, character: char) {
    match character {
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        other => push_units(out, other),
    }
}

/// `\uXXXX` for each UTF-16 unit.
fn push_units(out: &mut String, character: char) {
    let mut units = [0; 2];
    for unit in character.encode_utf16(&mut units) {
        let _ = write!(out, "\\u{unit:04x}");
    }
}

/// A literal of the old form for a title, a place or a person: whatever is no letter, number or blank becomes a backslash
/// and octal digits. Above 255 the original wrote digits that mean something else; there `\uXXXX` stands.
pub(super) fn push_legacy(out: &mut String, text: &str) {
    push_literal(out, text, |character| {
        character.is_alphabetic() || character.is_numeric() || character == ' '
    });
}

/// A literal of the old form for a name, an address or an id, which the original wrote as they were: only what could end
/// the literal or the attribute around it is escaped.
pub(super) fn push_legacy_raw(out: &mut String, text: &str) {
    push_literal(out, text, |character| {
        is_plain(character) || character.is_alphabetic() || character.is_numeric()
    });
}

fn push_literal(out: &mut String, text: &str, is_kept: impl Fn(char) -> bool) {
    out.push('\'');
    for character in text.chars() {
        match u32::from(character) {
            // Beyond the first plane the original escaped halves of characters.
            0..0x1_0000 if is_kept(character) => out.push(character),
            code @ 0..0x100 => {
                let _ = write!(out, "\\{code:03o}");
            }
            _ => push_units(out, character),
        }
    }
    out.push('\'');
}

/// The value of an attribute in double quotes.
pub(super) fn push_attribute(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.find(['"', '&', '<', '>']) {
        let (plain, special) = rest.split_at(at);
        out.push_str(plain);
        out.push_str(match special.as_bytes().first() {
            Some(b'"') => "&quot;",
            Some(b'&') => "&amp;",
            Some(b'<') => "&lt;",
            _ => "&gt;",
        });
        rest = special.get(1..).unwrap_or_default();
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn by(push: impl Fn(&mut String, &str), text: &str) -> String {
        let mut out = String::new();
        push(&mut out, text);
        out
    }

    fn push_json_alone(out: &mut String, text: &str) {
        push_json(out, text, Place::Alone);
    }

    #[test]
    fn the_old_form_keeps_letters_numbers_and_blanks() {
        let check = |text, expect| assert_eq!(by(push_legacy, text), expect, "{text:?}");
        check("", "''");
        check("Team 42", "'Team 42'");
        check("Bob's 1:1 & co", "'Bob\\047s 1\\0721 \\046 co'");
        check("a_b\\c\0", "'a\\137b\\134c\\000'");
        check(
            "M\u{fc}ller \u{5c71}\u{7530} \u{bd}",
            "'M\u{fc}ller \u{5c71}\u{7530} \u{bd}'",
        );
        // What the original corrupted: a curly quote, a dash, an emoji.
        check(
            "\u{2019}\u{2013}\u{1f600}",
            "'\\u2019\\u2013\\ud83d\\ude00'",
        );
        check("use &lt;b&gt;", "'use \\046lt\\073b\\046gt\\073'");
    }

    #[test]
    fn names_and_addresses_of_the_old_form_cannot_break_out() {
        let check = |text, expect| assert_eq!(by(push_legacy_raw, text), expect, "{text:?}");
        check("jane@example.org", "'jane@example.org'");
        check("Pat O'Neil", "'Pat O\\047Neil'");
        check("\"><script>", "'\\042\\076\\074script\\076'");
        check("a\\", "'a\\134'");
        check("\u{2028}", "'\\u2028'");
    }

    #[test]
    fn json_is_ascii_without_markup() {
        let json = by(push_json_alone, "</script>&'\"\u{1f600}\n\u{2028}\u{7f}");
        assert_eq!(
            json,
            "\"\\u003c/script\\u003e\\u0026\\u0027\\\"\\ud83d\\ude00\\n\\u2028\\u007f\""
        );
    }

    /// What a browser makes of an attribute, for the four that are written.
    fn unescape(value: &str) -> String {
        let quotes = value.replace("&quot;", "\"").replace("&lt;", "<");
        quotes.replace("&gt;", ">").replace("&amp;", "&")
    }

    proptest! {
        #[test]
        fn a_json_reader_gets_the_text_back(text in any::<String>()) {
            let json = by(push_json_alone, &text);
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
            prop_assert!(json.bytes().all(|byte| (b' '..=b'~').contains(&byte) && !b"<>&'".contains(&byte)));
        }

        #[test]
        fn an_attribute_ends_where_it_should(text in any::<String>()) {
            let value = by(push_attribute, &text);
            prop_assert!(!value.contains(['"', '<', '>']));
            prop_assert_eq!(unescape(&value), text);
        }

        #[test]
        fn a_literal_ends_where_it_should(text in any::<String>()) {
            for literal in [by(push_legacy, &text), by(push_legacy_raw, &text)] {
                let inside = &literal[1..literal.len() - 1];
                let breaks_out = inside.contains(['\'', '"', '<', '>', '&', '\n', '\r', '\u{2028}', '\u{2029}']);
                prop_assert!(!breaks_out);
                let whole = inside.split('\\').skip(1).all(|after| {
                    after.starts_with('u') || after.bytes().take(3).filter(|b| (b'0'..=b'7').contains(b)).count() == 3
                });
                prop_assert!(whole);
            }
        }
    }
}

//! XML as the codecs see it: a strict or lenient cursor over quick-xml, and the only writer of `<`.
//!
//! Not a general XML library: UTF-8 only, no DTD, no entities but the five of XML itself, bounded depth and attributes.

mod cursor;
pub mod moment;
mod sequence;
mod writer;

pub use cursor::{Cursor, Element, Foreign, Form, Recalled};
pub use moment::{LocalText, Moment};
pub use sequence::{Sequence, parse_boolean};
pub use writer::{XmlWriter, push_escaped};

/// The namespaces that EWS messages are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ns {
    Soap,
    Messages,
    Types,
    Errors,
    /// `xsi`, whose attributes may stand anywhere.
    SchemaInstance,
    /// Of Autodiscover's SOAP service.
    Autodiscover,
    /// Requests of Outlook and of ActiveSync in Autodiscover's plain XML.
    OutlookAutodiscover,
    MobileAutodiscover,
    /// WS-Addressing.
    Addressing,
    Other,
    None,
}

impl Ns {
    pub const SOAP: &'static str = "http://schemas.xmlsoap.org/soap/envelope/";
    pub const MESSAGES: &'static str =
        "http://schemas.microsoft.com/exchange/services/2006/messages";
    pub const TYPES: &'static str = "http://schemas.microsoft.com/exchange/services/2006/types";
    pub const ERRORS: &'static str = "http://schemas.microsoft.com/exchange/services/2006/errors";
    const SCHEMA_INSTANCE: &'static str = "http://www.w3.org/2001/XMLSchema-instance";
    const AUTODISCOVER: &'static str = "http://schemas.microsoft.com/exchange/2010/Autodiscover";
    const OUTLOOK: &'static str =
        "http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006";
    const MOBILE: &'static str =
        "http://schemas.microsoft.com/exchange/autodiscover/mobilesync/requestschema/2006";
    const ADDRESSING: &'static str = "http://www.w3.org/2005/08/addressing";

    fn of(uri: &str) -> Self {
        match uri {
            Self::TYPES => Self::Types,
            Self::MESSAGES => Self::Messages,
            Self::SOAP => Self::Soap,
            Self::ERRORS => Self::Errors,
            Self::SCHEMA_INSTANCE => Self::SchemaInstance,
            "" => Self::None,
            Self::AUTODISCOVER => Self::Autodiscover,
            Self::OUTLOOK => Self::OutlookAutodiscover,
            Self::MOBILE => Self::MobileAutodiscover,
            Self::ADDRESSING => Self::Addressing,
            _ => Self::Other,
        }
    }

    /// For the texts of violations.
    fn uri(self) -> &'static str {
        match self {
            Self::Soap => Self::SOAP,
            Self::Messages => Self::MESSAGES,
            Self::Types => Self::TYPES,
            Self::Errors => Self::ERRORS,
            Self::SchemaInstance => Self::SCHEMA_INSTANCE,
            Self::Autodiscover => Self::AUTODISCOVER,
            Self::OutlookAutodiscover => Self::OUTLOOK,
            Self::MobileAutodiscover => Self::MOBILE,
            Self::Addressing => Self::ADDRESSING,
            Self::Other => "(another namespace)",
            Self::None => "",
        }
    }
}

/// Bounds on one document.
#[derive(Debug, Clone, Copy)]
pub struct Caps {
    /// Elements inside elements.
    pub depth: usize,
    /// Attributes and namespace declarations of one element.
    pub attributes: usize,
    /// Bytes of one start tag.
    pub tag: usize,
}

impl Caps {
    /// What a caller may send.
    pub const REQUEST: Self = Self {
        depth: 32,
        attributes: 64,
        tag: 8 * 1024,
    };
    /// What an upstream may send.
    pub const ANSWER: Self = Self {
        depth: 64,
        attributes: 256,
        tag: 64 * 1024,
    };
}

/// A document that is not what it should be: what is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{violation} (line {line}, position {column})")]
pub struct DecodeError {
    /// In the words of .NET's schema validation where it has words for it. May quote a short piece of the document.
    pub violation: String,
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
}

/// Bytes of a violation that are told; our own texts are shorter.
const MAX_VIOLATION: usize = 1024;

impl DecodeError {
    fn at(text: &str, offset: usize, mut violation: String) -> Self {
        // The parser quotes names of any length, and a fault tells the violation twice.
        violation.truncate(violation.floor_char_boundary(MAX_VIOLATION));
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = 1 + before.bytes().filter(|&b| b == b'\n').count() as u32;
        let column = 1 + before[line_start..].chars().count() as u32;
        Self {
            violation,
            line,
            column,
        }
    }
}

/// The first character that XML 1.0 section 2.2 forbids, as byte offset and code point. Looks at raw text only; character
/// references are checked where they are resolved.
pub fn forbidden_character(text: &str) -> Option<(usize, u32)> {
    let bytes = text.as_bytes();
    let mut from = 0;
    while let Some(found) = next_suspicious(bytes.get(from..)?) {
        let offset = from + found;
        let character = text.get(offset..)?.chars().next()?;
        if !is_allowed(character) {
            return Some((offset, character as u32));
        }
        from = offset + character.len_utf8();
    }
    None
}

/// The first byte that may begin a forbidden character. Every request passes here: without a branch for each byte, whole
/// chunks are judged at once, and mostly none of them has a line break.
fn next_suspicious(bytes: &[u8]) -> Option<usize> {
    const CHUNK: usize = 64;
    let is_suspicious = |byte: u8| matches!(byte, 0..=8 | 11 | 12 | 14..=31 | 0xEF);
    let is_remarkable = |byte: u8| byte < b' ' || byte == 0xEF;
    let has_one = |chunk: &[u8]| has(chunk, is_remarkable) && has(chunk, is_suspicious);
    let (number, chunk) = bytes
        .chunks(CHUNK)
        .enumerate()
        .find(|(_, chunk)| has_one(chunk))?;
    Some(number * CHUNK + chunk.iter().position(|&byte| is_suspicious(byte))?)
}

/// Looks at all bytes, also behind one that is found.
#[inline]
fn has(chunk: &[u8], is: impl Fn(u8) -> bool) -> bool {
    chunk.iter().fold(false, |any, &byte| any | is(byte))
}

/// Without the white space of XML at both ends, of which there is mostly none.
fn trimmed(text: &str) -> &str {
    let is_bare = |byte: Option<&u8>| byte.is_some_and(|&byte| byte > b' ');
    let bytes = text.as_bytes();
    if is_bare(bytes.first()) && is_bare(bytes.last()) {
        return text;
    }
    text.trim_matches([' ', '\t', '\r', '\n'])
}

/// The Char production of XML 1.0.
pub(crate) fn is_allowed(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forbidden_characters_are_found() {
        assert_eq!(forbidden_character("ok \t\r\n ü 🎉 \u{FFFD}"), None);
        assert_eq!(forbidden_character("a\u{0}b"), Some((1, 0)));
        assert_eq!(forbidden_character("ab\u{FFFF}"), Some((2, 0xFFFF)));
        assert_eq!(forbidden_character("\u{FEFF}\u{1F}"), Some((3, 0x1F)));
    }

    #[test]
    fn a_violation_quotes_no_more_than_a_piece_of_the_document() {
        let name = "ü".repeat(100_000);
        let document = format!("<a></{name}>");
        let mut cursor = Cursor::strict(&document, Caps::REQUEST).unwrap();
        cursor.root().unwrap();
        let error = cursor.child().unwrap_err();
        assert!(
            error.violation.len() <= MAX_VIOLATION,
            "{}",
            error.violation.len()
        );
        assert!(error.violation.contains("üüü"), "{}", error.violation);
    }

    #[test]
    fn a_forbidden_character_is_found_wherever_it_stands() {
        for length in 0..200 {
            let clean = "\u{FFFD}x\n".repeat(length);
            assert_eq!(forbidden_character(&clean), None);
            let at = clean.len();
            assert_eq!(
                forbidden_character(&format!("{clean}\u{1}{clean}")),
                Some((at, 1))
            );
            assert_eq!(
                forbidden_character(&format!("{clean}\u{FFFE}")),
                Some((at, 0xFFFE))
            );
        }
    }

    #[test]
    fn places_are_counted_in_lines_and_characters() {
        let error = DecodeError::at("ab\ncü<", 6, String::new());
        assert_eq!((error.line, error.column), (2, 3));
    }
}

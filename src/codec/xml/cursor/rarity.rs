//! What stands between the tags and is no plain text: references, CDATA, declarations, and what must not be there.

use std::borrow::Cow;

use quick_xml::events::{BytesRef, Event};

use super::Cursor;
use crate::codec::xml::{DecodeError, is_allowed};

impl<'a> Cursor<'a> {
    /// What is neither a tag nor plain text: text, something that says nothing, or something that must not be.
    pub(super) fn rarity(&self, event: Event<'a>) -> Result<Option<Cow<'a, str>>, DecodeError> {
        match event {
            Event::Text(text) => Ok(Some(text.xml10_content())),
            Event::CData(text) => Ok(Some(text.xml10_content())),
            Event::GeneralRef(reference) => self.reference(&reference).map(Some),
            Event::DocType(_) => {
                Err(self.error("For security reasons DTD is prohibited in this XML document."))
            }
            Event::Decl(declaration) => {
                if let Some(Ok(encoding)) = declaration.encoding() {
                    self.check_encoding(&encoding)?;
                }
                Ok(None)
            }
            Event::Comment(_) | Event::PI(_) => Ok(None),
            Event::Start(_) | Event::Empty(_) | Event::End(_) | Event::Eof => {
                Err(self.error("A tag is not well formed."))
            }
        }
    }

    fn reference(&self, reference: &BytesRef<'a>) -> Result<Cow<'a, str>, DecodeError> {
        if reference.is_char_ref() {
            return match referred(reference) {
                Some(code) => match char::from_u32(code).filter(|&c| is_allowed(c)) {
                    Some(character) => Ok(Cow::Owned(character.to_string())),
                    None => Err(self.error(invalid_character(code))),
                },
                None => Err(self.error("Invalid syntax for a character reference.")),
            };
        }
        match quick_xml::escape::resolve_predefined_entity(&reference.xml10_content()) {
            Some(text) => Ok(Cow::Borrowed(text)),
            None => Err(self.error("Reference to undeclared entity.")),
        }
    }

    /// The document is UTF-8 text by now: a declaration that says something else lies about the bytes.
    fn check_encoding(&self, encoding: &str) -> Result<(), DecodeError> {
        let fits = match encoding.to_ascii_lowercase().as_str() {
            "utf-8" | "utf8" => true,
            "us-ascii" | "ascii" | "iso-8859-1" | "windows-1252" => self.text.is_ascii(),
            _ => false,
        };
        if fits {
            Ok(())
        } else {
            Err(self.error("The encoding in the declaration does not match the document."))
        }
    }
}

/// The number of `#65` or `#x41`, whether or not there is such a character.
fn referred(reference: &str) -> Option<u32> {
    let number = reference.strip_prefix('#')?;
    let (digits, radix) = match number.strip_prefix('x') {
        Some(digits) => (digits, 16),
        None => (number, 10),
    };
    // `from_str_radix` would take a sign.
    if digits.chars().all(|digit| digit.is_digit(radix)) {
        u32::from_str_radix(digits, radix).ok()
    } else {
        None
    }
}

/// As .NET words it; the character itself cannot be told.
pub(super) fn invalid_character(code: u32) -> String {
    format!("'', hexadecimal value 0x{code:02X}, is an invalid character.")
}

//! A pull cursor: the next child, its text, its attributes. Strict, it resolves namespaces and refuses what a schema
//! would refuse; lenient, it goes by local names and steps over what it does not know.

mod attributes;

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::{NamespaceResolver, ResolveResult};

pub use attributes::Foreign;

use super::{Caps, DecodeError, Ns, forbidden_character, is_allowed};

pub struct Cursor<'a> {
    text: &'a str,
    reader: Reader<&'a [u8]>,
    /// Present when the cursor is strict.
    resolver: Option<NamespaceResolver>,
    caps: Caps,
    open: Vec<Name>,
    /// Where the event that was read last begins.
    at: usize,
}

/// An element's name, as namespace and place in the document.
#[derive(Debug, Clone, Copy)]
pub(super) struct Name {
    pub(super) ns: Ns,
    start: usize,
    end: usize,
}

/// A start tag; its content follows in the cursor.
#[derive(Debug)]
pub struct Element<'a> {
    pub ns: Ns,
    start: BytesStart<'a>,
    pub(super) at: usize,
}

impl Element<'_> {
    pub fn local(&self) -> &str {
        self.start.local_name().into_inner()
    }

    pub fn is(&self, ns: Ns, local: &str) -> bool {
        self.ns == ns && self.local() == local
    }
}

enum Token<'a> {
    Start(Element<'a>),
    Text(Cow<'a, str>),
    End,
    Eof,
}

impl<'a> Cursor<'a> {
    /// For documents of callers: schema order, known namespaces, no surprises.
    pub fn strict(text: &'a str, caps: Caps) -> Result<Self, DecodeError> {
        let mut cursor = Self::lenient(text, caps);
        if let Some((offset, code)) = forbidden_character(cursor.text) {
            return Err(cursor.error_at(offset, invalid_character(code)));
        }
        cursor.resolver = Some(NamespaceResolver::default());
        cursor.reader.config_mut().check_comments = true;
        Ok(cursor)
    }

    /// For documents of upstreams: local names only.
    pub fn lenient(text: &'a str, caps: Caps) -> Self {
        let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
        let mut reader = Reader::from_str(text);
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.check_end_names = true;
        Self {
            text,
            reader,
            resolver: None,
            caps,
            open: Vec::with_capacity(16),
            at: 0,
        }
    }

    pub fn is_strict(&self) -> bool {
        self.resolver.is_some()
    }

    /// The root element.
    pub fn root(&mut self) -> Result<Element<'a>, DecodeError> {
        loop {
            match self.token()? {
                Token::Start(element) => return Ok(element),
                Token::Text(text) if text.trim().is_empty() => {}
                Token::Text(_) | Token::End => {
                    return Err(self.error("Data at the root level is invalid."));
                }
                Token::Eof => return Err(self.error("Root element is missing.")),
            }
        }
    }

    /// After the root element's end: nothing but white space, comments and processing instructions.
    pub fn finish(&mut self) -> Result<(), DecodeError> {
        loop {
            match self.token()? {
                Token::Eof => return Ok(()),
                Token::Text(text) if text.trim().is_empty() => {}
                Token::Text(_) | Token::Start(_) | Token::End => {
                    return Err(self.error("Data at the root level is invalid."));
                }
            }
        }
    }

    /// The next child of the element whose content is being read; None at its end.
    pub fn child(&mut self) -> Result<Option<Element<'a>>, DecodeError> {
        loop {
            match self.token()? {
                Token::Start(element) => return Ok(Some(element)),
                Token::End => return Ok(None),
                Token::Text(text) => {
                    if self.is_strict() && !text.trim_matches([' ', '\t', '\r', '\n']).is_empty() {
                        return Err(self.error("The element cannot contain text here."));
                    }
                }
                Token::Eof => return Err(self.truncated()),
            }
        }
    }

    /// The text of the element whose content is being read, up to its end, all pieces joined.
    pub fn text(&mut self) -> Result<Cow<'a, str>, DecodeError> {
        let mut whole: Option<Cow<'a, str>> = None;
        loop {
            match self.token()? {
                Token::Text(piece) => match &mut whole {
                    None => whole = Some(piece),
                    Some(text) => text.to_mut().push_str(&piece),
                },
                Token::End => return Ok(whole.unwrap_or_default()),
                Token::Start(_) if self.is_strict() => {
                    return Err(self.error("The element cannot contain child elements."));
                }
                Token::Start(_) => self.skip()?,
                Token::Eof => return Err(self.truncated()),
            }
        }
    }

    /// Steps over the rest of the element whose content is being read.
    pub fn skip(&mut self) -> Result<(), DecodeError> {
        let outside = self.open.len().saturating_sub(1);
        while self.open.len() > outside {
            if let Token::Eof = self.token()? {
                return Err(self.truncated());
            }
        }
        Ok(())
    }

    pub(super) fn current(&self) -> Option<Name> {
        self.open.last().copied()
    }

    pub(super) fn name_text(&self, name: Name) -> &'a str {
        self.text.get(name.start..name.end).unwrap_or_default()
    }

    /// An error at the place that was read last.
    pub fn error(&self, violation: impl Into<String>) -> DecodeError {
        self.error_at(self.at, violation)
    }

    pub fn error_at(&self, at: usize, violation: impl Into<String>) -> DecodeError {
        DecodeError::at(self.text, at, violation.into())
    }

    fn truncated(&self) -> DecodeError {
        self.error_at(self.text.len(), "Unexpected end of file has occurred.")
    }

    fn token(&mut self) -> Result<Token<'a>, DecodeError> {
        loop {
            self.at = self.reader.buffer_position() as usize;
            let event = self.reader.read_event().map_err(|error| {
                DecodeError::at(
                    self.text,
                    self.reader.error_position() as usize,
                    error.to_string(),
                )
            })?;
            match event {
                Event::Start(start) => return self.start(start).map(Token::Start),
                Event::End(_) => return self.end(),
                Event::Text(text) => return Ok(Token::Text(text.xml10_content())),
                Event::CData(text) => return Ok(Token::Text(text.xml10_content())),
                Event::GeneralRef(reference) => return self.reference(&reference).map(Token::Text),
                Event::Eof if self.open.is_empty() => return Ok(Token::Eof),
                Event::Eof => return Err(self.truncated()),
                Event::DocType(_) => {
                    return Err(
                        self.error("For security reasons DTD is prohibited in this XML document.")
                    );
                }
                Event::Decl(declaration) => {
                    if let Some(Ok(encoding)) = declaration.encoding() {
                        self.check_encoding(&encoding)?;
                    }
                }
                Event::Comment(_) | Event::PI(_) => {}
                Event::Empty(_) => return Err(self.error("An empty element was not expanded.")),
            }
        }
    }

    fn start(&mut self, start: BytesStart<'a>) -> Result<Element<'a>, DecodeError> {
        if self.open.len() >= self.caps.depth {
            return Err(self.error(format!(
                "Elements are nested more than {} levels deep.",
                self.caps.depth
            )));
        }
        if start.len() > self.caps.tag {
            return Err(self.error(format!(
                "A start tag is longer than {} bytes.",
                self.caps.tag
            )));
        }
        let ns = if self.is_strict() {
            self.open_strictly(&start)?
        } else {
            Ns::None
        };
        let qname_start = self.at + 1;
        let local = start.local_name().into_inner().len();
        let end = qname_start + start.name().0.len();
        self.open.push(Name {
            ns,
            start: end - local,
            end,
        });
        Ok(Element {
            ns,
            start,
            at: self.at,
        })
    }

    /// Declares the element's namespaces, checks its attributes, and says which namespace it is of.
    fn open_strictly(&mut self, start: &BytesStart<'a>) -> Result<Ns, DecodeError> {
        if !start.attributes_raw().is_empty() {
            let mut count = 0;
            for attribute in start.attributes() {
                attribute.map_err(|error| self.error(error.to_string()))?;
                count += 1;
                if count > self.caps.attributes {
                    return Err(self.error(format!(
                        "An element has more than {} attributes.",
                        self.caps.attributes
                    )));
                }
            }
        }
        let Some(resolver) = &mut self.resolver else {
            return Ok(Ns::None);
        };
        let resolved = match resolver.push(start) {
            Ok(()) => match resolver.resolve_element(start.name()).0 {
                ResolveResult::Unknown(prefix) => {
                    Err(format!("'{}' is an undeclared prefix.", shortened(&prefix)))
                }
                known => Ok(ns_of(&known)),
            },
            Err(error) => Err(error.to_string()),
        };
        resolved.map_err(|violation| self.error(violation))
    }

    fn end(&mut self) -> Result<Token<'a>, DecodeError> {
        if let Some(resolver) = &mut self.resolver {
            resolver.pop();
        }
        if self.open.pop().is_none() {
            return Err(self.error("Unexpected end tag."));
        }
        Ok(Token::End)
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
fn invalid_character(code: u32) -> String {
    format!("'', hexadecimal value 0x{code:02X}, is an invalid character.")
}

fn ns_of(resolved: &ResolveResult<'_>) -> Ns {
    match resolved {
        ResolveResult::Bound(namespace) => Ns::of(namespace.0),
        ResolveResult::Unbound => Ns::None,
        ResolveResult::Unknown(_) => Ns::Other,
    }
}

/// A piece of the document short enough for an error text.
pub(super) fn shortened(text: &str) -> &str {
    match text.char_indices().nth(60) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

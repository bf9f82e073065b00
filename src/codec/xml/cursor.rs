//! A pull cursor: the next child, its text, its attributes. Strict, it resolves namespaces and refuses what a schema
//! would refuse; lenient, it goes by local names and steps over what it does not know.

mod attributes;
mod plain;
mod rarity;
mod recalled;
mod repeated;
mod scan;
mod scopes;

use std::borrow::Cow;

use quick_xml::errors::IllFormedError;
use quick_xml::events::attributes::Attributes;
use quick_xml::name::QName;

pub use attributes::Foreign;
use rarity::invalid_character;
pub use recalled::Recalled;
pub use repeated::Form;
use scan::{Piece, Tag};
use scopes::Scopes;

use super::{Caps, DecodeError, Ns, forbidden_character};

pub struct Cursor<'a> {
    text: &'a str,
    /// Present when the cursor is strict.
    scopes: Option<Scopes<'a>>,
    /// What prefixes, with their colons, mean as long as no element declares or ends a namespace.
    prefixes: Vec<(&'a str, Ns)>,
    caps: Caps,
    open: Vec<Name<'a>>,
    /// The element that was opened last has no content, and its end is due.
    ends_at_once: bool,
    /// Where the piece that was read last begins, and where the next one does.
    at: usize,
    next: usize,
    /// So that both ways can be compared.
    #[cfg(test)]
    long_way: bool,
}

const DECLARATIONS: [&str; 2] = [
    r#"<?xml version="1.0" encoding="utf-8"?>"#,
    r#"<?xml version="1.0" encoding="UTF-8"?>"#,
];

/// The name of an element that is open.
#[derive(Debug, Clone, Copy)]
pub(super) struct Name<'a> {
    pub(super) ns: Ns,
    whole: &'a str,
    pub(super) local: &'a str,
    /// It declares namespaces.
    declares: bool,
}

/// A start tag; its content follows in the cursor.
#[derive(Debug, Clone, Copy)]
pub struct Element<'a> {
    pub ns: Ns,
    tag: Tag<'a>,
    local: &'a str,
    pub(super) at: usize,
}

impl<'a> Element<'a> {
    pub fn local(&self) -> &'a str {
        self.local
    }

    pub fn is(&self, ns: Ns, local: &str) -> bool {
        self.ns == ns && self.local == local
    }

    fn attributes(&self) -> Attributes<'a> {
        Attributes::new(self.tag.content, self.tag.name)
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
        cursor.scopes = Some(Scopes::default());
        Ok(cursor)
    }

    /// For documents of upstreams: local names only.
    pub fn lenient(text: &'a str, caps: Caps) -> Self {
        Self {
            text: text.strip_prefix('\u{FEFF}').unwrap_or(text),
            scopes: None,
            prefixes: Vec::new(),
            caps,
            open: Vec::with_capacity(16),
            ends_at_once: false,
            at: 0,
            next: 0,
            #[cfg(test)]
            long_way: false,
        }
    }

    /// Whether each piece is to be read by itself, as a document of another form would be.
    #[cfg(test)]
    fn takes_no_short_cut(&self) -> bool {
        self.long_way
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "only tests choose")]
    const fn takes_no_short_cut(&self) -> bool {
        false
    }

    pub fn is_strict(&self) -> bool {
        self.scopes.is_some()
    }

    /// The root element, and what stands before it.
    pub fn root(&mut self) -> Result<Element<'a>, DecodeError> {
        // How nearly every document begins says nothing.
        let declared = DECLARATIONS
            .into_iter()
            .find(|line| self.text.starts_with(line));
        self.next = declared.map_or(0, str::len);
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
        if self.plain_end() {
            return Ok(None);
        }
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
        if let Some(text) = self.plain_text() {
            return Ok(Cow::Borrowed(text));
        }
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

    pub(super) fn current(&self) -> Option<Name<'a>> {
        self.open.last().copied()
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
        self.at = self.next;
        if self.ends_at_once {
            self.ends_at_once = false;
            return Ok(self.end());
        }
        loop {
            self.at = self.next;
            let expected = self.open.last().map_or("", |name| name.whole);
            let piece = scan::piece(self.text, self.at, expected, self.is_strict());
            let (piece, next) =
                piece.map_err(|broken| self.error_at(broken.at, broken.error.to_string()))?;
            self.next = next;
            match piece {
                Piece::Start(tag) => return self.start(tag).map(Token::Start),
                Piece::End(name) => {
                    self.check_end(name)?;
                    return Ok(self.end());
                }
                Piece::Text(text) => return Ok(Token::Text(text)),
                Piece::Eof if self.open.is_empty() => return Ok(Token::Eof),
                Piece::Eof => return Err(self.truncated()),
                Piece::Other(event) => {
                    if let Some(text) = self.rarity(event)? {
                        return Ok(Token::Text(text));
                    }
                }
            }
        }
    }

    fn start(&mut self, tag: Tag<'a>) -> Result<Element<'a>, DecodeError> {
        if self.open.len() >= self.caps.depth {
            return Err(self.error(format!(
                "Elements are nested more than {} levels deep.",
                self.caps.depth
            )));
        }
        if tag.content.len() > self.caps.tag {
            return Err(self.error(format!(
                "A start tag is longer than {} bytes.",
                self.caps.tag
            )));
        }
        let whole = tag.name();
        let colon = whole.bytes().position(|byte| byte == b':');
        let (prefix, local) = whole.split_at(colon.map_or(0, |colon| colon + 1));
        let (mut ns, mut declares) = (Ns::None, false);
        if self.is_strict() {
            declares = tag.has_attributes() && self.declare(&tag)?;
            ns = self.namespace(prefix)?;
        }
        self.open.push(Name {
            ns,
            whole,
            local,
            declares,
        });
        self.ends_at_once = tag.is_empty;
        Ok(Element {
            ns,
            tag,
            local,
            at: self.at,
        })
    }

    /// Checks an element's attributes and declares its namespaces; whether it may have any.
    fn declare(&mut self, tag: &Tag<'a>) -> Result<bool, DecodeError> {
        let mut declares = false;
        if let Some(attributes) = tag.plain_attributes() {
            for (name, value) in attributes {
                declares |= self.bind(QName(name), value)?;
            }
            return Ok(declares);
        }
        for (before, attribute) in Attributes::new(tag.content, tag.name).enumerate() {
            let attribute = attribute.map_err(|error| self.error(error.to_string()))?;
            if before >= self.caps.attributes {
                return Err(self.error(format!(
                    "An element has more than {} attributes.",
                    self.caps.attributes
                )));
            }
            declares |= self.bind(attribute.key, &attribute.value)?;
        }
        Ok(declares)
    }

    /// Declares a namespace if that is what this attribute does; whether it is.
    fn bind(&mut self, name: QName<'a>, value: &str) -> Result<bool, DecodeError> {
        let Some(scopes) = &mut self.scopes else {
            return Ok(false);
        };
        let declares = scopes
            .declare(name, value, self.open.len())
            .map_err(|violation| self.error(violation))?;
        if declares {
            self.prefixes.clear();
        }
        Ok(declares)
    }

    /// What the prefix of an element means here.
    fn namespace(&mut self, prefix: &'a str) -> Result<Ns, DecodeError> {
        if let Some((_, ns)) = self.prefixes.iter().find(|(known, _)| *known == prefix) {
            return Ok(*ns);
        }
        let Some(scopes) = &self.scopes else {
            return Ok(Ns::None);
        };
        let name = prefix.strip_suffix(':');
        let Some(ns) = scopes.meaning(name) else {
            let name = shortened(name.unwrap_or_default());
            let violation = format!("'{name}' is an undeclared prefix.");
            return Err(self.error(violation));
        };
        self.prefixes.push((prefix, ns));
        Ok(ns)
    }

    fn check_end(&self, found: &str) -> Result<(), DecodeError> {
        let wrong = match self.open.last() {
            Some(open) if open.whole == found => return Ok(()),
            Some(open) => IllFormedError::MismatchedEndTag {
                expected: open.whole.to_owned(),
                found: found.to_owned(),
            },
            None => IllFormedError::UnmatchedEndTag(found.to_owned()),
        };
        Err(self.error(quick_xml::Error::IllFormed(wrong).to_string()))
    }

    /// Closes the element that is open.
    fn end(&mut self) -> Token<'a> {
        if let Some(Name { declares: true, .. }) = self.open.pop()
            && let Some(scopes) = &mut self.scopes
        {
            scopes.close(self.open.len());
            self.prefixes.clear();
        }
        Token::End
    }
}

/// A piece of the document short enough for an error text.
pub(super) fn shortened(text: &str) -> &str {
    match text.char_indices().nth(60) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

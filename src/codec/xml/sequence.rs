//! Reading the children of one element in schema order, with the violations that Exchange's schema validation reports.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::cursor::{Name, shortened};
use super::{Cursor, DecodeError, Element, Ns, trimmed};

const BOOLEAN: &str = "http://www.w3.org/2001/XMLSchema:boolean";
const INT: &str = "http://www.w3.org/2001/XMLSchema:int";

/// The children of the element whose content a strict cursor is about to read. Every call names the next child that
/// the schema allows; [`Sequence::end`] refuses what is left.
pub struct Sequence<'a> {
    parent: Option<Name<'a>>,
    held: Held<'a>,
    /// What could have stood where the next child stands.
    expected: SmallVec<[(Ns, &'static str); 4]>,
}

/// A child without children of its own.
enum Leaf<'a> {
    /// Where it begins, and its text; it is done.
    Plain(usize, &'a str),
    /// Its content follows in the cursor.
    Element(Element<'a>),
    Absent,
}

/// What was read of the cursor and not yet taken.
enum Held<'a> {
    Nothing,
    Child(Element<'a>),
    /// The parent has no further child.
    End,
}

impl<'a> Sequence<'a> {
    pub fn of(cursor: &Cursor<'a>) -> Self {
        Self {
            parent: cursor.current(),
            held: Held::Nothing,
            expected: SmallVec::new(),
        }
    }

    /// The child `local`, if it stands here.
    #[inline]
    pub fn optional(
        &mut self,
        cursor: &mut Cursor<'a>,
        ns: Ns,
        local: &'static str,
    ) -> Result<Option<Element<'a>>, DecodeError> {
        if matches!(self.held, Held::Nothing) {
            if let Some(element) = cursor.plain_start(ns, local) {
                self.expected.clear();
                return Ok(Some(element));
            }
            if cursor.plainly_lacks(ns, local) {
                self.expected.push((ns, local));
                return Ok(None);
            }
        }
        self.looked_at(cursor, ns, local)
    }

    /// The same, whatever stands here.
    fn looked_at(
        &mut self,
        cursor: &mut Cursor<'a>,
        ns: Ns,
        local: &'static str,
    ) -> Result<Option<Element<'a>>, DecodeError> {
        match self.next(cursor)? {
            Held::Child(element) if element.is(ns, local) => {
                self.expected.clear();
                Ok(Some(element))
            }
            other => {
                self.held = other;
                self.expected.push((ns, local));
                Ok(None)
            }
        }
    }

    /// The child `local`, which must stand here.
    #[inline]
    pub fn required(
        &mut self,
        cursor: &mut Cursor<'a>,
        ns: Ns,
        local: &'static str,
    ) -> Result<Element<'a>, DecodeError> {
        match self.optional(cursor, ns, local)? {
            Some(element) => Ok(element),
            None => Err(self.missing(cursor)),
        }
    }

    /// The value of the simple child `local`, if it stands here; see [`Cursor::value`].
    #[inline]
    pub fn optional_value<T>(
        &mut self,
        cursor: &mut Cursor<'a>,
        (ns, local): (Ns, &'static str),
        datatype: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, DecodeError> {
        match self.leaf(cursor, ns, local)? {
            Leaf::Plain(at, text) => {
                let found = Found {
                    at,
                    local,
                    datatype,
                };
                found.read(cursor, text, parse).map(Some)
            }
            Leaf::Element(element) => cursor.value(&element, datatype, parse).map(Some),
            Leaf::Absent => Ok(None),
        }
    }

    #[inline]
    fn leaf(
        &mut self,
        cursor: &mut Cursor<'a>,
        ns: Ns,
        local: &'static str,
    ) -> Result<Leaf<'a>, DecodeError> {
        if matches!(self.held, Held::Nothing) {
            if let Some((at, text)) = cursor.plain_leaf(ns, local) {
                self.expected.clear();
                return Ok(Leaf::Plain(at, text));
            }
            if cursor.plainly_lacks(ns, local) {
                self.expected.push((ns, local));
                return Ok(Leaf::Absent);
            }
        }
        let found = self.looked_at(cursor, ns, local)?;
        Ok(found.map_or(Leaf::Absent, Leaf::Element))
    }

    /// The value of the simple child `local`, which must stand here.
    #[inline]
    pub fn value<T>(
        &mut self,
        cursor: &mut Cursor<'a>,
        name: (Ns, &'static str),
        datatype: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, DecodeError> {
        match self.optional_value(cursor, name, datatype, parse)? {
            Some(value) => Ok(value),
            None => Err(self.missing(cursor)),
        }
    }

    pub fn int(
        &mut self,
        cursor: &mut Cursor<'a>,
        ns: Ns,
        local: &'static str,
    ) -> Result<i32, DecodeError> {
        self.value(cursor, (ns, local), INT, parse_int)
    }

    pub fn optional_int(
        &mut self,
        cursor: &mut Cursor<'a>,
        ns: Ns,
        local: &'static str,
    ) -> Result<Option<i32>, DecodeError> {
        self.optional_value(cursor, (ns, local), INT, parse_int)
    }

    pub fn optional_boolean(
        &mut self,
        cursor: &mut Cursor<'a>,
        ns: Ns,
        local: &'static str,
    ) -> Result<Option<bool>, DecodeError> {
        self.optional_value(cursor, (ns, local), BOOLEAN, parse_boolean)
    }

    /// The text of the child `local` as it stands, which has no children, if it stands here.
    #[inline]
    pub fn optional_string(
        &mut self,
        cursor: &mut Cursor<'a>,
        ns: Ns,
        local: &'static str,
    ) -> Result<Option<Cow<'a, str>>, DecodeError> {
        match self.leaf(cursor, ns, local)? {
            Leaf::Plain(_, text) => Ok(Some(Cow::Borrowed(text))),
            Leaf::Element(element) => cursor.string(&element).map(Some),
            Leaf::Absent => Ok(None),
        }
    }

    /// The same, where it must stand here.
    #[inline]
    pub fn string(
        &mut self,
        cursor: &mut Cursor<'a>,
        ns: Ns,
        local: &'static str,
    ) -> Result<Cow<'a, str>, DecodeError> {
        match self.optional_string(cursor, ns, local)? {
            Some(text) => Ok(text),
            None => Err(self.missing(cursor)),
        }
    }

    /// What is wrong where the child that was asked for last is not there and had to be.
    fn missing(&mut self, cursor: &mut Cursor<'a>) -> DecodeError {
        match self.next(cursor) {
            Ok(found) => self.held = found,
            Err(error) => return error,
        }
        self.violation(cursor)
    }

    /// Nothing may follow.
    pub fn end(mut self, cursor: &mut Cursor<'a>) -> Result<(), DecodeError> {
        if matches!(self.held, Held::Nothing) && cursor.plain_end() {
            return Ok(());
        }
        self.held = self.next(cursor)?;
        match self.held {
            Held::Nothing | Held::End => Ok(()),
            Held::Child(_) => Err(self.violation(cursor)),
        }
    }

    /// What was held back, else what the cursor finds next: never [`Held::Nothing`].
    fn next(&mut self, cursor: &mut Cursor<'a>) -> Result<Held<'a>, DecodeError> {
        match std::mem::replace(&mut self.held, Held::Nothing) {
            Held::Nothing => Ok(cursor.child()?.map_or(Held::End, Held::Child)),
            held => Ok(held),
        }
    }

    fn violation(&self, cursor: &Cursor<'a>) -> DecodeError {
        let (parent, ns) = match self.parent {
            Some(name) => (name.local, name.ns.uri()),
            None => ("", ""),
        };
        let expected = self.expected_text();
        match &self.held {
            Held::Child(child) => cursor.error_at(
                child.at,
                format!(
                    "The element '{parent}' in namespace '{ns}' has invalid child element '{}' in namespace '{}'.{expected}",
                    shortened(child.local()),
                    child.ns.uri()
                ),
            ),
            Held::Nothing | Held::End => cursor.error(format!("The element '{parent}' in namespace '{ns}' has incomplete content.{expected}")),
        }
    }

    fn expected_text(&self) -> String {
        if self.expected.is_empty() {
            return String::new();
        }
        let names: Vec<_> = self
            .expected
            .iter()
            .map(|(ns, local)| format!("'{local}' in namespace '{}'", ns.uri()))
            .collect();
        format!(" List of possible elements expected: {}.", names.join(", "))
    }
}

impl<'a> Cursor<'a> {
    /// The text of a simple element, white space around it dropped, read by `parse`; `datatype` names the XSD type.
    pub fn value<T>(
        &mut self,
        element: &Element<'a>,
        datatype: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, DecodeError> {
        self.only_attributes(element, &[])?;
        let found = Found {
            at: element.at,
            local: element.local(),
            datatype,
        };
        let text = self.text()?;
        found.read(self, &text, parse)
    }

    /// The text of an element without children, as it stands.
    pub fn string(&mut self, element: &Element<'a>) -> Result<Cow<'a, str>, DecodeError> {
        self.only_attributes(element, &[])?;
        self.text()
    }
}

/// A simple element whose text has been read.
struct Found<'e> {
    at: usize,
    local: &'e str,
    datatype: &'e str,
}

impl Found<'_> {
    #[inline]
    fn read<T>(
        &self,
        cursor: &Cursor<'_>,
        text: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, DecodeError> {
        let text = trimmed(text);
        parse(text).ok_or_else(|| {
            let Self {
                local, datatype, ..
            } = self;
            let value = shortened(text);
            cursor.error_at(
                self.at,
                format!("The '{local}' element is invalid - The value '{value}' is invalid according to its datatype '{datatype}'."),
            )
        })
    }
}

fn parse_int(text: &str) -> Option<i32> {
    text.parse().ok()
}

/// xs:boolean; clients send both forms.
pub fn parse_boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

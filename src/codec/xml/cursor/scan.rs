//! Where one piece of a document ends and the next begins. The plain pieces (tags, text, the five entities) are found here,
//! borrowed and without a copy of their names; everything else, and whatever is wrong, is left to quick-xml.

use quick_xml::Reader;
use quick_xml::events::{BytesText, Event};
use smallvec::SmallVec;

use std::borrow::Cow;

use crate::codec::xml::Caps;

/// One piece of a document.
pub(super) enum Piece<'a> {
    Start(Tag<'a>),
    /// An end tag with this name, white space after it dropped.
    End(&'a str),
    Text(Cow<'a, str>),
    /// Comments, declarations and all that is rare; never a start, an end or text.
    Other(Event<'a>),
    Eof,
}

/// A start tag as it stands between `<` and `>` or `/>`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tag<'a> {
    pub(super) content: &'a str,
    /// Bytes of the content that are its name.
    pub(super) name: usize,
    /// The end tag is the same tag.
    pub(super) is_empty: bool,
}

impl<'a> Tag<'a> {
    pub(super) fn name(&self) -> &'a str {
        self.content.get(..self.name).unwrap_or_default()
    }

    /// Names and values of the attributes as they stand, if they are written as nearly everybody writes them. None leaves
    /// them to quick-xml, and what may be wrong with them as well.
    pub(super) fn plain_attributes(&self) -> Option<SmallVec<[(&'a str, &'a str); 4]>> {
        let mut found = SmallVec::new();
        let mut rest = self.content.get(self.name..)?;
        while let Some(attribute) = rest.strip_prefix(' ') {
            let bytes = attribute.as_bytes();
            let name_end = bytes
                .iter()
                .position(|byte| !IN_NAMES[usize::from(*byte)])?;
            let (name, begin) = (attribute.get(..name_end)?, name_end + 2);
            let (b'=', quote @ (b'"' | b'\'')) = (bytes.get(name_end)?, bytes.get(name_end + 1)?)
            else {
                return None;
            };
            let end = begin + memchr::memchr(*quote, bytes.get(begin..)?)?;
            let is_known = found.iter().any(|(known, _)| *known == name);
            if name.is_empty() || is_known || found.len() == PLAIN_ATTRIBUTES {
                return None;
            }
            found.push((name, attribute.get(begin..end)?));
            rest = attribute.get(end + 1..)?;
        }
        rest.is_empty().then_some(found)
    }

    /// Whether anything stands behind the name.
    pub(super) fn has_attributes(&self) -> bool {
        self.name < self.content.len()
    }
}

/// The bytes of which names of attributes are made as nearly everybody writes them.
const IN_NAMES: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        table[byte as usize] =
            byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'-' | b'_' | b'.');
        byte += 1;
    }
    table
};

/// Nobody writes more of them. The bound of a caller's element is looked at where there are more.
const PLAIN_ATTRIBUTES: usize = 16;
const _: () = assert!(PLAIN_ATTRIBUTES <= Caps::REQUEST.attributes);

/// What quick-xml has against a document, and at which byte.
pub(super) struct Broken {
    pub(super) at: usize,
    pub(super) error: quick_xml::Error,
}

/// Reads the piece that begins at byte `at`, and says where the next one begins. `expected` is the name of the element
/// that is open: mostly its end tag is what comes.
pub(super) fn piece<'a>(
    text: &'a str,
    at: usize,
    expected: &str,
    check_comments: bool,
) -> Result<(Piece<'a>, usize), Broken> {
    let rest = text.get(at..).unwrap_or_default();
    let plain = match rest.as_bytes() {
        [] => Some((Piece::Eof, 0)),
        [b'<', b'/', ..] => end_tag(rest, expected),
        [b'<', first, ..] if !matches!(first, b'!' | b'?') => start_tag(rest),
        [b'<', ..] => None,
        [b'&', ..] => entity(rest),
        _ => Some(plain_text(rest)),
    };
    match plain {
        Some((piece, length)) => Ok((piece, at + length)),
        None => by_quick_xml(rest, check_comments)
            .map(|(piece, length)| (piece, at + length))
            .map_err(|broken| Broken {
                at: at + broken.at,
                ..broken
            }),
    }
}

fn end_tag<'a>(rest: &'a str, expected: &str) -> Option<(Piece<'a>, usize)> {
    let bytes = rest.as_bytes();
    let end = 2 + expected.len();
    if bytes.get(end) == Some(&b'>') && bytes.get(2..end) == Some(expected.as_bytes()) {
        return Some((Piece::End(rest.get(2..end)?), end + 1));
    }
    let (content, length) = tag(rest)?;
    let name = content.get(1..)?;
    let trimmed = name.trim_end_matches([' ', '\t', '\r', '\n']);
    // A name of nothing but white space is told as it stands.
    let name = if trimmed.is_empty() { name } else { trimmed };
    Some((Piece::End(name), length))
}

fn start_tag(rest: &str) -> Option<(Piece<'_>, usize)> {
    let (content, length) = tag(rest)?;
    let (content, is_empty) = match content.strip_suffix('/') {
        Some(content) => (content, true),
        None => (content, false),
    };
    let name = content
        .bytes()
        .position(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
        .unwrap_or(content.len());
    let tag = Tag {
        content,
        name,
        is_empty,
    };
    Some((Piece::Start(tag), length))
}

/// What stands between `<` and the `>` that ends the tag, and the bytes of all of it. A `>` in quotes ends nothing.
fn tag(rest: &str) -> Option<(&str, usize)> {
    let bytes = rest.as_bytes();
    let mut from = 1;
    loop {
        let found = from + memchr::memchr3(b'>', b'"', b'\'', bytes.get(from..)?)?;
        match bytes.get(found)? {
            b'>' => return Some((rest.get(1..found)?, found + 1)),
            quote => from = found + 2 + memchr::memchr(*quote, bytes.get(found + 1..)?)?,
        }
    }
}

/// The five entities that need no declaration.
fn entity(rest: &str) -> Option<(Piece<'_>, usize)> {
    const ENTITIES: [(&str, &str); 5] = [
        ("&amp;", "&"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&apos;", "'"),
    ];
    let (name, meant) = ENTITIES
        .into_iter()
        .find(|(name, _)| rest.starts_with(name))?;
    Some((Piece::Text(Cow::Borrowed(meant)), name.len()))
}

/// Up to the next markup or entity; ends of lines as XML 1.0 section 2.11 has them.
fn plain_text(rest: &str) -> (Piece<'_>, usize) {
    let bytes = rest.as_bytes();
    let length = memchr::memchr2(b'<', b'&', bytes).unwrap_or(bytes.len());
    let text = rest.get(..length).unwrap_or_default();
    let text = if memchr::memchr(b'\r', text.as_bytes()).is_none() {
        Cow::Borrowed(text)
    } else {
        BytesText::from_escaped(text).xml10_content()
    };
    (Piece::Text(text), length)
}

/// `rest` begins with markup that is not plain.
fn by_quick_xml(rest: &str, check_comments: bool) -> Result<(Piece<'_>, usize), Broken> {
    let mut reader = Reader::from_str(rest);
    let config = reader.config_mut();
    config.check_comments = check_comments;
    config.allow_unmatched_ends = true;
    let event = reader.read_event().map_err(|error| Broken {
        at: reader.error_position() as usize,
        error,
    })?;
    let piece = match event {
        Event::Eof => Piece::Eof,
        other => Piece::Other(other),
    };
    Ok((piece, reader.buffer_position() as usize))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::codec::xml::{Caps, Cursor};
    use quick_xml::Reader;
    use quick_xml::events::Event;

    /// The document as quick-xml alone reads it: names, texts joined, ends; None where it is refused.
    fn by_the_library(text: &str) -> Option<Vec<String>> {
        let mut reader = Reader::from_str(text);
        reader.config_mut().expand_empty_elements = true;
        let mut told = Vec::new();
        let mut depth = 0;
        loop {
            match reader.read_event().ok()? {
                Event::Start(start) => {
                    depth += 1;
                    let name = start.local_name().into_inner().to_owned();
                    for attribute in start.attributes() {
                        attribute.ok()?;
                    }
                    told.push(format!("<{name}"));
                }
                Event::End(_) => {
                    depth -= 1;
                    told.push(">".to_owned());
                }
                Event::Text(text) => say(&mut told, &text.xml10_content()),
                Event::CData(text) => say(&mut told, &text.xml10_content()),
                Event::GeneralRef(reference) => {
                    let name = reference.xml10_content();
                    say(
                        &mut told,
                        quick_xml::escape::resolve_predefined_entity(&name)?,
                    );
                }
                Event::Eof => return (depth == 0).then_some(told),
                Event::DocType(_) => return None,
                Event::Comment(_) | Event::PI(_) | Event::Decl(_) | Event::Empty(_) => {}
            }
        }
    }

    fn say(told: &mut Vec<String>, text: &str) {
        match told.last_mut() {
            Some(last) if last.starts_with('=') => last.push_str(text),
            _ if text.is_empty() => {}
            _ => told.push(format!("={text}")),
        }
    }

    fn by_the_cursor(text: &str) -> Option<Vec<String>> {
        let mut cursor = Cursor::lenient(text, Caps::ANSWER);
        let mut told = Vec::new();
        loop {
            match cursor.token().ok()? {
                super::super::Token::Start(element) => {
                    for attribute in element.attributes() {
                        attribute.ok()?;
                    }
                    told.push(format!("<{}", element.local()));
                }
                super::super::Token::End => told.push(">".to_owned()),
                super::super::Token::Text(text) => say(&mut told, &text),
                super::super::Token::Eof => return Some(told),
            }
        }
    }

    /// As quick-xml alone reads them; None where it refuses them.
    fn attributes_by_the_library(tag: &str) -> Option<Vec<(&str, String)>> {
        let (content, _) = super::tag(tag)?;
        let all = quick_xml::events::attributes::Attributes::new(content, 1);
        let all = all.map(|attribute| {
            let attribute = attribute.ok()?;
            Some((attribute.key.into_inner(), attribute.value.into_owned()))
        });
        all.collect()
    }

    #[test]
    fn plain_attributes_are_those_of_quick_xml() {
        let check = |attributes: &str, is_plain: bool| {
            let tag = format!("<a{attributes}>");
            let Some((super::Piece::Start(start), _)) = super::start_tag(&tag) else {
                panic!("{tag}");
            };
            let plain = start.plain_attributes();
            assert_eq!(plain.is_some(), is_plain, "{tag}");
            let library = attributes_by_the_library(&tag);
            if let Some(plain) = plain {
                let plain: Vec<_> = plain.into_iter().map(|(n, v)| (n, v.to_owned())).collect();
                assert_eq!(Some(plain), library, "{tag}");
            }
        };
        check("", true);
        check(r#" b="1""#, true);
        check(r#" b="1" c:d='"' e="""#, true);
        check(r#" xmlns="urn:a" xmlns:b="urn:>b""#, true);
        check(r#" b="&amp;" c="ü""#, true);
        for other in [
            r#" b="1" b="2""#,
            r#"  b="1""#,
            r#" b ="1""#,
            r#" b= "1""#,
            r#" b="1" "#,
            r#" b="1"c="2""#,
            " b=1",
            " b",
            r#" ="1""#,
            r#" ü="1""#,
            "\tb=\"1\"",
        ] {
            check(other, false);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn plain_attributes_of_all_kinds_are_those_of_quick_xml(pieces in prop::collection::vec(0_usize..PARTS.len(), 0..12)) {
            let attributes: String = pieces.into_iter().map(|piece| PARTS[piece]).collect();
            let tag = format!("<a {attributes}>");
            if let Some((super::Piece::Start(start), _)) = super::start_tag(&tag)
                && let Some(plain) = start.plain_attributes()
            {
                let plain: Vec<_> = plain.into_iter().map(|(n, v)| (n, v.to_owned())).collect();
                prop_assert_eq!(Some(plain), attributes_by_the_library(&tag), "{}", tag);
            }
        }
    }

    const PARTS: [&str; 10] = [
        "b", "c:d", "=", "\"", "'", " ", "x", "&lt;", "b=\"1\"", " c='2'",
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn pieces_are_those_of_quick_xml(pieces in prop::collection::vec(0_usize..PIECES.len(), 0..14)) {
            let document: String = pieces.into_iter().map(|piece| PIECES[piece]).collect();
            prop_assert_eq!(by_the_cursor(&document), by_the_library(&document), "{}", document);
        }
    }

    const PIECES: [&str; 34] = [
        "<a>",
        "</a>",
        "<a>",
        "</a>",
        "<b:c>",
        "</b:c>",
        "<d/>",
        "<e x='1' y=\"a>b\"/>",
        "</a >",
        "</ a>",
        "<f z='>'>",
        "</f>",
        "text",
        "\r\n",
        "\r",
        " ",
        "ü",
        "&amp;",
        "&lt;",
        "&none;",
        "&",
        ";",
        "<!-- c -->",
        "<![CDATA[<x>&]]>",
        "<?p i?>",
        "<",
        ">",
        "\"",
        "'",
        "<!DOCTYPE x>",
        "</",
        "<a",
        "/>",
        "<:g></:g>",
    ];
}

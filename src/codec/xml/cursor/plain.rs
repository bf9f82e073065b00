//! Short cuts for what nearly every document is made of: a start tag with the name that is due and without attributes,
//! text without entities, the end tag of the open element. What is not exactly that is left to the long way, untouched,
//! and so are all errors.

use super::scan::Tag;
use super::{Cursor, Element, Name};
use crate::codec::xml::Ns;

impl<'a> Cursor<'a> {
    /// The start tag of the child `local`, if that comes next and nothing is remarkable about it.
    #[inline]
    pub(in crate::codec::xml) fn plain_start(
        &mut self,
        ns: Ns,
        local: &str,
    ) -> Option<Element<'a>> {
        let at = self.next_markup()?;
        let prefix = self.prefix_of(ns)?;
        let length = prefix.len() + local.len();
        let rest = self.text.as_bytes().get(at + 1..)?;
        if !begins_with_tag(rest, prefix, local) || self.open.len() >= self.caps.depth {
            return None;
        }
        let whole = self.text.get(at + 1..at + 1 + length)?;
        let local = whole.get(prefix.len()..)?;
        self.open.push(Name {
            ns,
            whole,
            local,
            declares: false,
        });
        (self.at, self.next) = (at, at + length + 2);
        let tag = Tag {
            content: whole,
            name: length,
            is_empty: false,
        };
        Some(Element { ns, tag, local, at })
    }

    /// The place and the whole text of the child `local`, if that comes next and neither markup nor an entity is in it.
    /// It is then done.
    #[inline]
    pub(in crate::codec::xml) fn plain_leaf(
        &mut self,
        ns: Ns,
        local: &str,
    ) -> Option<(usize, &'a str)> {
        let at = self.next_markup()?;
        let prefix = self.prefix_of(ns)?;
        let bytes = self.text.as_bytes();
        if !begins_with_tag(bytes.get(at + 1..)?, prefix, local) {
            return None;
        }
        let length = prefix.len() + local.len();
        let begin = at + length + 2;
        let text = bytes.get(begin..)?;
        let text = text
            .iter()
            .position(|byte| matches!(byte, b'<' | b'&' | b'\r'))?;
        let end = begin + text;
        let name = bytes.get(at + 1..at + 1 + length)?;
        let tag = bytes.get(end..end + length + 3)?;
        let is_closed = matches!(tag, [b'<', b'/', closed @ .., b'>'] if closed == name);
        if !is_closed || self.open.len() >= self.caps.depth {
            return None;
        }
        (self.at, self.next) = (end, end + length + 3);
        Some((at, self.text.get(begin..end)?))
    }

    /// Whether what comes next can be seen not to be the child `local`: an end tag, or a start tag of another name with
    /// the same prefix and without attributes.
    #[inline]
    pub(in crate::codec::xml) fn plainly_lacks(&self, ns: Ns, local: &str) -> bool {
        let lacks = || {
            let at = self.next_markup()?;
            let rest = self.text.as_bytes().get(at + 1..)?;
            if rest.first() == Some(&b'/') {
                return Some(true);
            }
            let name = rest.strip_prefix(self.prefix_of(ns)?.as_bytes())?;
            let length = name.iter().position(|byte| !byte.is_ascii_alphanumeric())?;
            Some(name.get(length) == Some(&b'>') && name.get(..length)? != local.as_bytes())
        };
        lacks().unwrap_or(false)
    }

    /// The prefix, with its colon, by which elements of this namespace go here, if one was met.
    fn prefix_of(&self, ns: Ns) -> Option<&'a str> {
        let known = self.prefixes.iter().find(|(_, meant)| *meant == ns);
        known.map(|(prefix, _)| *prefix)
    }

    /// The whole text of the open element, if no markup and no entity is in it.
    pub(super) fn plain_text(&mut self) -> Option<&'a str> {
        if self.ends_at_once || self.takes_no_short_cut() {
            return None;
        }
        let rest = self.text.as_bytes().get(self.next..)?;
        let length = memchr::memchr3(b'<', b'&', b'\r', rest)?;
        let text = self.text.get(self.next..self.next + length)?;
        self.end_at(self.next + length).then_some(text)
    }

    /// Whether the open element ends here, which is then done.
    pub(in crate::codec::xml) fn plain_end(&mut self) -> bool {
        self.next_markup().is_some_and(|at| self.end_at(at))
    }

    /// Where markup begins with nothing but white space before it.
    fn next_markup(&self) -> Option<usize> {
        if self.ends_at_once || self.takes_no_short_cut() {
            return None;
        }
        let rest = self.text.as_bytes().get(self.next..)?;
        if rest.first() == Some(&b'<') {
            return Some(self.next);
        }
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        let before = rest.iter().position(|byte| !blank(byte))?;
        (rest.get(before) == Some(&b'<')).then_some(self.next + before)
    }

    fn end_at(&mut self, at: usize) -> bool {
        let Some(open) = self.open.last() else {
            return false;
        };
        let length = open.whole.len();
        let tag = self.text.as_bytes().get(at..at + length + 3);
        let ends =
            matches!(tag, Some([b'<', b'/', name @ .., b'>']) if name == open.whole.as_bytes());
        if ends {
            (self.at, self.next) = (at, at + length + 3);
            self.end();
        }
        ends
    }
}

/// Whether this prefix, this local name and the end of a tag come next.
#[inline]
fn begins_with_tag(rest: &[u8], prefix: &str, local: &str) -> bool {
    let length = prefix.len() + local.len();
    rest.get(length) == Some(&b'>')
        && rest.get(prefix.len()..length) == Some(local.as_bytes())
        && prefix.bytes().zip(rest).all(|(due, found)| due == *found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec::xml::{Caps, DecodeError, Sequence};

    /// The numbers in `A` and, where it is there, `B` of the document's root, in schema order.
    fn read(document: &str) -> Result<(i32, Option<i32>), DecodeError> {
        let mut cursor = Cursor::strict(document, Caps::REQUEST)?;
        cursor.root()?;
        let mut parts = Sequence::of(&cursor);
        let first = parts.int(&mut cursor, Ns::Types, "A")?;
        let second = parts.optional_int(&mut cursor, Ns::Types, "B")?;
        parts.end(&mut cursor)?;
        cursor.finish()?;
        Ok((first, second))
    }

    /// `content` under a root that declares `t` and `u` for the types, `m` for the messages.
    fn check(content: &str, expect: Result<(i32, Option<i32>), &str>) {
        let (types, messages) = (Ns::TYPES, Ns::MESSAGES);
        let document = format!(
            r#"<m:R xmlns:m="{messages}" xmlns:t="{types}" xmlns:u="{types}">{content}</m:R>"#
        );
        let got = read(&document);
        match (&got, expect) {
            (Ok(got), Ok(expect)) => assert_eq!(*got, expect, "{content}"),
            (Err(got), Err(expect)) if got.violation.contains(expect) => {}
            (_, expect) => panic!("{content}: {got:?} instead of {expect:?}"),
        }
    }

    #[test]
    fn the_same_is_read_however_it_is_written() {
        for content in [
            "<t:A>1</t:A><t:B>2</t:B>",
            " \r\n\t<t:A>1</t:A>\n <t:B>2</t:B>\n ",
            "<t:A >1</t:A ><t:B\n>2</t:B\n>",
            "<t:A> 1\r\n</t:A><t:B>\n2</t:B>",
            "<u:A>1</u:A><t:B>2</t:B>",
            "<t:A>1</t:A><u:B>2</u:B>",
            "<t:A>&#49;</t:A><t:B>2<!-- two --></t:B>",
            "<!-- one --><t:A><![CDATA[1]]></t:A><?and two?><t:B>2</t:B>",
            r#"<A xmlns="http://schemas.microsoft.com/exchange/services/2006/types">1</A><t:B>2</t:B>"#,
            "<t:A>1</t:A><t:B>&#50;</t:B>",
            "<t:A>1</t:A><t:B>2<!-- two --></t:B>",
        ] {
            check(content, Ok((1, Some(2))));
        }
        let types = Ns::TYPES;
        let both = format!(r#"<R xmlns="{types}" xmlns:t="{types}"><A>1</A><t:B>2</t:B></R>"#);
        assert_eq!(read(&both), Ok((1, Some(2))));
        check("<t:A>1</t:A>", Ok((1, None)));
    }

    #[test]
    fn what_is_wrong_is_told_as_without_short_cuts() {
        let types = "http://schemas.microsoft.com/exchange/services/2006/types";
        check("<t:A/>", Err("The value '' is invalid"));
        check("<t:A></t:A>", Err("The value '' is invalid"));
        check("<t:A>x</t:A>", Err("The value 'x' is invalid"));
        check("<t:A>1</t:B>", Err("expected `</t:A>`"));
        check("<t:A>1</t:A><t:B>2</t:C>", Err("expected `</t:B>`"));
        check("<t:A>1</t:A><t:B>2</u:B>", Err("expected `</t:B>`"));
        check(
            "<t:A>1<t:B>2</t:B></t:A>",
            Err("cannot contain child elements"),
        );
        check("text<t:A>1</t:A>", Err("cannot contain text"));
        check("<t:A>1</t:A>text<t:B>2</t:B>", Err("cannot contain text"));
        check("<t:A>1</t:A>text", Err("cannot contain text"));
        check("<m:A>1</m:A>", Err("has invalid child element 'A'"));
        check("<t:AB>1</t:AB>", Err("has invalid child element 'AB'"));
        check(
            "<t:B>2</t:B>",
            Err(&format!("expected: 'A' in namespace '{types}'")),
        );
        check(
            "<t:A>1</t:A><t:C>2</t:C>",
            Err(&format!("expected: 'B' in namespace '{types}'")),
        );
        check(
            "<t:C>1</t:C>",
            Err(&format!("expected: 'A' in namespace '{types}'")),
        );
        check(
            "<t:A>1</t:A><t:C/>",
            Err(&format!("expected: 'B' in namespace '{types}'")),
        );
        check(
            "<t:A>1</t:A><t:B>2</t:B><t:B>2</t:B>",
            Err("has invalid child element 'B'"),
        );
        check(
            r#"<t:A>1</t:A><n xmlns:t="urn:other"><t:B>2</t:B></n>"#,
            Err("has invalid child element 'n'"),
        );
        check(
            r#"<t:A>1</t:A><t:B xmlns:t="urn:other">2</t:B>"#,
            Err("has invalid child element 'B'"),
        );
    }

    /// What is read of a document.
    fn read_all(document: &str, long_way: bool) -> Result<Vec<String>, DecodeError> {
        let cursor = &mut Cursor::strict(document, Caps::REQUEST)?;
        cursor.long_way = long_way;
        cursor.root()?;
        let mut parts = Sequence::of(cursor);
        // From here on the prefix of the types is known.
        let mut told = vec![parts.string(cursor, Ns::Types, "First")?.into_owned()];
        let name = parts.optional_string(cursor, Ns::Types, "Name")?;
        told.extend(name.map(|name| format!("Name={name}")));
        told.push(format!("A={}", parts.int(cursor, Ns::Types, "A")?));
        let second = parts.optional_int(cursor, Ns::Types, "B")?;
        told.push(format!("B={second:?}"));
        while parts.optional(cursor, Ns::Types, "C")?.is_some() {
            let mut inner = Sequence::of(cursor);
            let text = inner.string(cursor, Ns::Types, "X")?;
            told.push(format!("X={text}"));
            inner.end(cursor)?;
        }
        if let Some(element) = parts.optional(cursor, Ns::Messages, "D")? {
            told.push(cursor.string(&element)?.into_owned());
        }
        parts.end(cursor)?;
        cursor.finish()?;
        Ok(told)
    }

    /// Ways to write an element of this name, and what may stand in its place.
    const FORMS: [&str; 32] = [
        "<t:N>1</t:N>",
        "\n <t:N> 1\t</t:N>\r\n",
        "<t:N>1\r\n</t:N>",
        "<t:N>1\r2</t:N>",
        "<t:N></t:N>",
        "<t:N/>",
        "<t:N>&#49;</t:N>",
        "<t:N>1&amp;</t:N>",
        "<t:N>&none;</t:N>",
        "<t:N>1<!-- c --></t:N>",
        "<t:N><![CDATA[1]]></t:N>",
        "<t:N>1<?p?></t:N>",
        "<t:N>ü</t:N>",
        "<t:N >1</t:N >",
        "<t:N a='1'>1</t:N>",
        "<t:N xmlns:t='urn:o'>1</t:N>",
        "<t:N xmlns:u='urn:o'>1</t:N>",
        "<u:N>1</u:N>",
        "<N>1</N>",
        "<:N>1</:N>",
        "<v:N>1</v:N>",
        "<t:NX>1</t:NX>",
        "<t:N-X>1</t:N-X>",
        "<t:N.x/>",
        "<t:N>1<t:X/></t:N>",
        "<t:N>1</u:N>",
        "<t:N>1</t:M>",
        "<t:N>1",
        "1</t:N>",
        "text",
        "<!-- c -->",
        "",
    ];

    /// Mostly the first of them, or nothing.
    fn form() -> impl Strategy<Value = &'static str> {
        prop_oneof![5 => Just(FORMS[0]), 2 => Just(""), 4 => prop::sample::select(&FORMS[..])]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn both_ways_lead_to_the_same(
            (name, first, second, flag) in (form(), form(), form(), form()),
            inner in prop::collection::vec(form(), 0..3),
            place in 0_usize..3,
        ) {
            let (types, messages) = (Ns::TYPES, Ns::MESSAGES);
            let declared = [
                format!(r#"xmlns:t="{types}""#),
                format!(r#"xmlns="{types}" xmlns:t="{types}""#),
                format!(r#"xmlns:t="{types}" xmlns:u="{types}" xmlns="urn:other""#),
            ];
            let prefixes = &declared[place];
            let lists = inner.iter().map(|form| form.replace('N', "X"));
            let lists: Vec<_> = lists.map(|form| format!("<t:C>{form}</t:C>")).collect();
            let lists = lists.concat();
            let document = format!(
                r#"<m:R xmlns:m="{messages}" {prefixes}><t:First>0</t:First>{}{}{}{lists}{}</m:R>"#,
                name.replace('N', "Name"),
                first.replace('N', "A"),
                second.replace('N', "B"),
                flag.replace("t:N", "m:D").replace('N', "D"),
            );
            prop_assert_eq!(read_all(&document, false), read_all(&document, true), "{}", document);
        }
    }

    #[test]
    fn ends_of_lines_are_one_character_in_texts() {
        let types = Ns::TYPES;
        let document = format!(
            r#"<m:R xmlns:m="{}" xmlns:t="{types}"><t:First>0</t:First><t:Name>a{}b{}c</t:Name><t:A>1</t:A></m:R>"#,
            Ns::MESSAGES,
            "\r\n",
            '\r'
        );
        let told = read_all(&document, false).unwrap();
        assert_eq!(told[1], "Name=a\nb\nc");
    }

    #[test]
    fn the_place_of_an_error_is_that_of_the_element() {
        let document = format!(
            "<m:R xmlns:m='{0}'\nxmlns:t='{1}'>\n <t:A>1</t:A>\n  <t:B>x</t:B></m:R>",
            Ns::MESSAGES,
            Ns::TYPES
        );
        let error = read(&document).unwrap_err();
        assert_eq!((error.line, error.column), (4, 3));
    }
}

//! A short cut for elements that stand in request after request, byte for byte, as the rules of a time zone do: what was read
//! of one is known by its text. Only what is made of plain elements with the prefix of the one around them is remembered,
//! so that the same text means the same; all else, and all that is wrong, is left to the long way.

use super::{Cursor, Name};
use crate::codec::xml::Ns;

/// How many texts are remembered, and how long each may be, in bytes.
const MOST: usize = 32;
const LONGEST: usize = 1024;

/// What was read of elements before. Those that are met often come to stand in front.
#[derive(Debug)]
pub struct Recalled<T>(Vec<Known<T>>);

#[derive(Debug)]
struct Known<T> {
    ns: Ns,
    name: Box<str>,
    /// The content and the end tag.
    text: Box<str>,
    value: T,
}

impl<T> Default for Recalled<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl Cursor<'_> {
    /// The content of the open element as `read` reads it up to its end, or as it was read before.
    pub fn recalled<T: Clone, E>(
        &mut self,
        known: &mut Recalled<T>,
        read: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        let Some(open) = self.current().filter(|_| !self.ends_at_once) else {
            return read(self);
        };
        let from = self.next;
        let rest = self.text.get(from..).unwrap_or_default();
        if let Some((text, value)) = known.find(&open, rest) {
            let end_tag = "</>".len() + open.whole.len();
            (self.at, self.next) = (from + text - end_tag, from + text);
            self.end();
            return Ok(value);
        }
        let value = read(self)?;
        let text = self.text.get(from..self.next).unwrap_or_default();
        known.note(&open, text, &value);
        Ok(value)
    }
}

impl<T: Clone> Recalled<T> {
    /// The length of the text that comes next, and what was read of it.
    fn find(&mut self, open: &Name<'_>, rest: &str) -> Option<(usize, T)> {
        let is_known = |known: &Known<T>| {
            rest.starts_with(&*known.text) && *known.name == *open.whole && known.ns == open.ns
        };
        let place = self.0.iter().position(is_known)?;
        if let Some(before) = place.checked_sub(1) {
            self.0.swap(before, place);
        }
        let known = self.0.get(place.saturating_sub(1))?;
        Some((known.text.len(), known.value.clone()))
    }

    fn note(&mut self, open: &Name<'_>, text: &str, value: &T) {
        if text.len() > LONGEST || !is_plain(open, text) {
            return;
        }
        self.0.truncate(MOST - 1);
        self.0.push(Known {
            ns: open.ns,
            name: open.whole.into(),
            text: text.into(),
            value: value.clone(),
        });
    }
}

/// Whether all tags have the prefix of the element that is open and nothing else, and the last of them ends it.
fn is_plain(open: &Name<'_>, text: &str) -> bool {
    let prefix = &open.whole[..open.whole.len() - open.local.len()];
    let is_word = |word: &str| word.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_plain_tag = |piece: &str| {
        let name = piece.strip_prefix('/').unwrap_or(piece);
        let name = name
            .strip_prefix(prefix)
            .and_then(|name| name.split_once('>'));
        name.is_some_and(|(local, _)| is_word(local))
    };
    let is_plain_prefix = is_word(prefix.strip_suffix(':').unwrap_or(prefix));
    // What ends the element ends the text, but white space may stand in the end tag.
    let is_plain_end = text
        .strip_suffix('>')
        .is_some_and(|text| text.ends_with(open.whole));
    is_plain_prefix && is_plain_end && text.split('<').skip(1).all(is_plain_tag)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec::xml::{Caps, DecodeError, Sequence};

    type Numbers = Recalled<i32>;

    const TYPES: &str = "http://schemas.microsoft.com/exchange/services/2006/types";

    /// The number in the element that is opened so in a document that declares these prefixes for the types, and how many
    /// elements follow it; whether its text had to be read.
    fn read_in(
        known: &mut Numbers,
        prefixes: &[&str],
        (open, content): (&str, &str),
    ) -> Result<(i32, usize, bool), DecodeError> {
        let declared = prefixes.iter().map(|prefix| format!(" {prefix}='{TYPES}'"));
        let declared: String = declared.collect();
        let messages = Ns::MESSAGES;
        let document = format!("<m:D xmlns:m='{messages}'{declared}><{open}>{content}</m:D>");
        let mut cursor = Cursor::strict(&document, Caps::REQUEST)?;
        cursor.root()?;
        cursor.child()?;
        let mut was_read = false;
        let number = cursor.recalled(known, |cursor| {
            was_read = true;
            let mut parts = Sequence::of(cursor);
            let number = parts.int(cursor, Ns::Types, "A")?;
            parts.end(cursor)?;
            Ok(number)
        })?;
        // As any end tag that was read.
        let end_tag = &document[cursor.at..cursor.next];
        assert!(
            end_tag.starts_with("</") && end_tag.ends_with('>'),
            "{end_tag}"
        );
        let mut following = 0;
        while cursor.child()?.is_some() {
            cursor.skip()?;
            following += 1;
        }
        cursor.finish()?;
        Ok((number, following, was_read))
    }

    fn read(known: &mut Numbers, open: &str, content: &str) -> Result<(i32, bool), DecodeError> {
        let prefixes = ["xmlns", "xmlns:t", "xmlns:u"];
        let (number, _, was_read) = read_in(known, &prefixes, (open, content))?;
        Ok((number, was_read))
    }

    fn check(known: &mut Numbers, root: &str, content: &str, expect: (i32, bool)) {
        assert_eq!(read(known, root, content), Ok(expect), "<{root}>{content}");
    }

    #[test]
    fn what_was_read_is_not_read_again() {
        let known = &mut Numbers::default();
        check(known, "t:R", "<t:A>1</t:A></t:R>", (1, true));
        check(known, "t:R", "<t:A>1</t:A></t:R>", (1, false));
        check(known, "t:R", "<t:A>1</t:A></t:R>\n<!-- end -->", (1, false));
        check(known, "t:R", "<t:A>12</t:A></t:R>", (12, true));
        check(known, "t:R", " <t:A>1</t:A>\n</t:R>", (1, true));
        check(known, "t:R", " <t:A>1</t:A>\n</t:R>", (1, false));
        check(known, "R", "<A>3</A></R>", (3, true));
        check(known, "R", "<A>3</A></R>", (3, false));
        check(known, "t:R", "<t:A>1</t:A></t:R>", (1, false));
    }

    #[test]
    fn what_may_mean_something_else_is_read_each_time() {
        for (root, content) in [
            ("t:R", "<u:A>1</u:A></t:R>"),
            ("R", "<t:A>1</t:A></R>"),
            ("t:R", "<A>1</A></t:R>"),
            (
                "t:R",
                "<t:A xmlns:t='http://schemas.microsoft.com/exchange/services/2006/types'>1</t:A></t:R>",
            ),
            ("t:R", "<t:A >1</t:A></t:R>"),
            ("t:R", "<t:A>1</t:A ></t:R>"),
            ("t:R", "<t:A>1</t:A></t:R >"),
            ("t:R", "<t:A>1<!-- 2 --></t:A></t:R>"),
            ("t:R", "<t:A><![CDATA[1]]></t:A></t:R>"),
        ] {
            let known = &mut Numbers::default();
            check(known, root, content, (1, true));
            check(known, root, content, (1, true));
        }
        let known = &mut Numbers::default();
        let long = format!("<t:A>{}1</t:A></t:R>", " ".repeat(LONGEST));
        check(known, "t:R", &long, (1, true));
        check(known, "t:R", &long, (1, true));
    }

    #[test]
    fn another_element_is_another_one_whatever_is_in_it() {
        let known = &mut Numbers::default();
        check(known, "t:R", "<t:A>1</t:A></t:R>", (1, true));
        // The end tag is not that of the element which is open.
        for root in ["t:S", "u:R", "R"] {
            let error = read(known, root, "<t:A>1</t:A></t:R>").unwrap_err();
            assert!(
                error.violation.contains(&format!("expected `</{root}>`")),
                "{error:?}"
            );
        }
        // The prefix means something else here.
        let other = "urn:other";
        let document = format!(r#"<t:R xmlns:t="{other}"><t:A>1</t:A></t:R>"#);
        let mut cursor = Cursor::strict(&document, Caps::REQUEST).unwrap();
        cursor.root().unwrap();
        assert_eq!(
            cursor.recalled(known, |_| Err::<i32, _>("is read")),
            Err("is read")
        );
    }

    #[test]
    fn an_error_after_it_is_told_where_it_is() {
        let known = &mut Numbers::default();
        for _ in 0..2 {
            let error = read(known, "t:R", "\n<t:A>1</t:A></t:R>\n x").unwrap_err();
            assert_eq!((error.line, error.column), (2, 19), "{error:?}");
            assert!(read(known, "t:R", "\n<t:A>x</t:A></t:R>").is_err());
        }
    }

    #[test]
    fn only_so_many_are_remembered_and_those_met_often_longest() {
        let known = &mut Numbers::default();
        let content = |number: i32| format!("<t:A>{number}</t:A></t:R>");
        for number in 0..3 * MOST as i32 {
            check(known, "t:R", &content(number), (number, true));
            if number > 0 {
                check(known, "t:R", &content(0), (0, false));
            }
        }
        assert_eq!(known.0.len(), MOST);
        assert_eq!(known.0[0].value, 0);
    }

    /// How the element begins, its number, how it ends, and what follows.
    const PARTS: [&[&str]; 4] = [
        &[
            "t:R",
            "R",
            "u:R",
            "t:R xmlns:t='http://schemas.microsoft.com/exchange/services/2006/types'",
            "R xmlns='http://schemas.microsoft.com/exchange/services/2006/types'",
            "t:R xmlns:t='urn:other'",
            "t:R/",
            "t\":R",
        ],
        &[
            "<t:A>1</t:A>",
            "<t:A>2</t:A>",
            "<A>1</A>",
            "<u:A>1</u:A>",
            "<t:A/>",
            "<t\":A>1</t\":A>",
            "",
        ],
        &[
            "</t:R>", "</R>", "</u:R>", "\n</t:R>", "</t:R >", "</t\":R>", "",
        ],
        &[
            "",
            "<t:B/>",
            "<B/>",
            "<u:B></u:B>",
            "\n",
            "x",
            "<t:A>1</t:A></t:R>",
        ],
    ];
    const DECLARED: [&[&str]; 4] = [
        &["xmlns:t"],
        &["xmlns", "xmlns:u"],
        &["xmlns:u"],
        &["xmlns:t\"", "xmlns:t"],
    ];

    fn document() -> impl Strategy<Value = (&'static [&'static str], [&'static str; 4])> {
        let part = |place: usize| prop_oneof![2 => Just(PARTS[place][0]), 3 => prop::sample::select(PARTS[place])];
        let parts = (part(0), part(1), part(2), part(3));
        let declared = prop_oneof![Just(DECLARED[0]), prop::sample::select(&DECLARED[..])];
        (
            declared,
            parts.prop_map(|(open, number, end, rest)| [open, number, end, rest]),
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5_000))]
        #[test]
        fn what_is_recalled_is_what_would_be_read(documents in prop::collection::vec(document(), 1..8)) {
            let known = &mut Numbers::default();
            for (prefixes, [open, content @ ..]) in documents {
                let content = content.concat();
                let told = |known: &mut Numbers| {
                    let told = read_in(known, prefixes, (open, &content));
                    told.map(|(number, following, _)| (number, following))
                };
                let expect = told(&mut Numbers::default());
                prop_assert_eq!(told(known), expect, "<{}>{}", open, content);
            }
        }
    }
}

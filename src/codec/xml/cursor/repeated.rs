//! A short cut for lists: an element that is written like one before it, byte for byte, but for one text. Whatever is
//! known of that one holds of it. What is not exactly so is left to the long way, untouched, and so are all errors.

use std::borrow::Cow;

use super::Cursor;

/// An element that was read, around a text in it.
#[derive(Debug, Clone, Copy)]
pub struct Form<'a> {
    before: &'a str,
    after: &'a str,
    /// Where its end tag stands in what comes after the text.
    end_at: usize,
}

impl<'a> Cursor<'a> {
    /// Where the next piece begins, white space before it included.
    pub fn place(&self) -> usize {
        self.next
    }

    /// The form of the sibling that has just ended, began after `from`, and had `text` as the whole text of an element.
    /// None where that does not stand there as it is.
    pub fn form(&self, from: usize, text: &Cow<'a, str>) -> Option<Form<'a>> {
        let Cow::Borrowed(text) = text else {
            return None;
        };
        // Mostly there is one only.
        if self.text.as_bytes().get(self.next..)?.starts_with(b"</") {
            return None;
        }
        // What was borrowed is a part of the document; this is where.
        let at = (text.as_ptr() as usize).checked_sub(self.text.as_ptr() as usize)?;
        let before = self.text.get(from..at)?;
        let after = self.text.get(at + text.len()..self.next)?;
        let stands_alone = before.ends_with('>') && after.starts_with("</");
        Some(Form {
            before,
            after,
            end_at: memchr::memrchr(b'<', after.as_bytes())?,
        })
        .filter(|_| stands_alone)
    }

    /// The text of the next sibling, if it has this form; it is then done.
    pub fn repeated(&mut self, form: &Form<'a>) -> Option<&'a str> {
        if self.ends_at_once {
            return None;
        }
        let rest = self.text.get(self.next..)?.strip_prefix(form.before)?;
        let length = memchr::memchr3(b'<', b'&', b'\r', rest.as_bytes())?;
        let (text, rest) = rest.split_at_checked(length)?;
        if !rest.starts_with(form.after) {
            return None;
        }
        let after_at = self.next + form.before.len() + length;
        (self.at, self.next) = (after_at + form.end_at, after_at + form.after.len());
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::xml::{Caps, Ns};

    fn first<'a>(cursor: &mut Cursor<'a>) -> Option<Form<'a>> {
        cursor.root().unwrap();
        let from = cursor.place();
        cursor.child().unwrap().unwrap();
        let text = cursor.text().unwrap();
        cursor.form(from, &text)
    }

    #[test]
    fn siblings_of_one_form_are_read_up_to_the_first_that_differs() {
        let document =
            "<R>\n <A b='1'>1</A>\n <A b='1'>2</A>\n <A b='1'></A>\n <A b='1'>&#51;</A></R>";
        let mut cursor = Cursor::strict(document, Caps::REQUEST).unwrap();
        let form = first(&mut cursor).unwrap();
        assert_eq!(cursor.repeated(&form), Some("2"));
        assert_eq!(cursor.repeated(&form), Some(""));
        assert_eq!(cursor.error("x").line, 4);
        assert_eq!(cursor.repeated(&form), None);
        let element = cursor.child().unwrap().unwrap();
        assert!(element.is(Ns::None, "A"));
        assert_eq!(cursor.text().unwrap(), "3");
        assert!(cursor.child().unwrap().is_none());
        cursor.finish().unwrap();
    }

    #[test]
    fn siblings_need_nothing_between_them() {
        let mut cursor = Cursor::strict("<R><A>1</A><A>2</A></R>", Caps::REQUEST).unwrap();
        let form = first(&mut cursor).unwrap();
        assert_eq!(cursor.repeated(&form), Some("2"));
        assert_eq!(cursor.repeated(&form), None);
    }

    #[test]
    fn what_does_not_stand_there_by_itself_makes_no_form() {
        for document in [
            "<R><A>&#49;</A><A>2</A></R>",
            "<R><A>1<!----></A><A>2</A></R>",
            "<R><A><![CDATA[1]]></A><A>2</A></R>",
            "<R><A/><A>2</A></R>",
            // Nothing can follow that has it.
            "<R><A>1</A></R>",
        ] {
            let mut cursor = Cursor::strict(document, Caps::REQUEST).unwrap();
            assert!(first(&mut cursor).is_none(), "{document}");
        }
    }
}

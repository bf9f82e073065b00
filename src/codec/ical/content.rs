//! Content lines (RFC 5545 section 3.1): a property with its parameters and its value, written and read by the same
//! rules. Folding, escaping and quoting live here; what a property means does not.

use super::lines;

/// Octets of a line, its CRLF not counted, before it is folded.
const LINE: usize = 75;

/// Writes one iCalendar document. Every text that enters is escaped where it stands, so that no value can end its
/// property or begin another one.
#[derive(Debug, Default)]
pub struct Writer {
    out: Vec<u8>,
}

/// A property that is being written: parameters first, then exactly one value, which ends it.
#[must_use = "a property is ended by its value"]
#[derive(Debug)]
pub struct Property<'a> {
    out: &'a mut Vec<u8>,
    /// Octets of the line that is being written.
    length: usize,
}

/// A property that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentLine {
    /// In upper case.
    pub name: String,
    /// Names in upper case, values without their quotes.
    pub parameters: Vec<(String, String)>,
    /// As it stands, still escaped.
    pub value: String,
}

impl Writer {
    /// `capacity` is the octets that the document is expected to have.
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            out: Vec::with_capacity(capacity),
        }
    }

    /// `BEGIN:component`; the name as it shall stand there.
    pub fn begin(&mut self, component: &'static str) {
        self.property("BEGIN").plain(component);
    }

    /// `END:component`.
    pub fn end(&mut self, component: &'static str) {
        self.property("END").plain(component);
    }

    /// Begins a property. Names are ours, never a caller's.
    pub fn property(&mut self, name: &'static str) -> Property<'_> {
        let mut property = Property {
            out: &mut self.out,
            length: 0,
        };
        property.push(name);
        property
    }

    /// The document.
    pub fn finish(self) -> Vec<u8> {
        self.out
    }
}

impl Property<'_> {
    /// `;name=value`, in quotes where the value needs them (RFC 5545 section 3.2). Quotes, line breaks and carets are
    /// written as RFC 6868 says; other control characters have no form and are left out.
    pub fn parameter(mut self, name: &'static str, value: &str) -> Self {
        self.push(";");
        self.push(name);
        self.push("=");
        let quoted = value.contains([':', ';', ',']);
        if quoted {
            self.push("\"");
        }
        for character in normal_breaks(value) {
            match character {
                '^' => self.push("^^"),
                '\n' => self.push("^n"),
                '"' => self.push("^'"),
                other => self.push_char(other),
            }
        }
        if quoted {
            self.push("\"");
        }
        self
    }

    /// A TEXT value (RFC 5545 section 3.3.11). Control characters other than a line break or a tab have no form and are
    /// left out.
    pub fn text(mut self, value: &str) {
        self.push(":");
        for character in normal_breaks(value) {
            match character {
                '\\' => self.push("\\\\"),
                ';' => self.push("\\;"),
                ',' => self.push("\\,"),
                '\n' => self.push("\\n"),
                other => self.push_char(other),
            }
        }
        self.finish();
    }

    /// A value that has no escapes, such as a time, a period or a URI. Control characters are left out, so that whatever
    /// it holds it stays one value.
    pub fn plain(mut self, value: &str) {
        self.push(":");
        if value.bytes().any(|byte| byte.is_ascii_control()) {
            for character in value.chars().filter(|character| !character.is_control()) {
                self.push_char(character);
            }
        } else {
            self.push(value);
        }
        self.finish();
    }

    fn finish(self) {
        self.out.extend_from_slice(b"\r\n");
    }

    /// A fold never splits a character.
    fn push(&mut self, text: &str) {
        if self.length + text.len() <= LINE {
            self.out.extend_from_slice(text.as_bytes());
            self.length += text.len();
        } else {
            for character in text.chars() {
                self.push_char(character);
            }
        }
    }

    fn push_char(&mut self, character: char) {
        let mut octets = [0; 4];
        let octets = character.encode_utf8(&mut octets).as_bytes();
        if self.length + octets.len() > LINE {
            self.out.extend_from_slice(b"\r\n ");
            self.length = 1;
        }
        self.out.extend_from_slice(octets);
        self.length += octets.len();
    }
}

/// Line breaks of any kind as one `\n`, without the control characters that no value may hold.
fn normal_breaks(text: &str) -> impl Iterator<Item = char> {
    let mut characters = text.chars().peekable();
    std::iter::from_fn(move || {
        loop {
            match characters.next()? {
                '\r' => {
                    characters.next_if_eq(&'\n');
                    return Some('\n');
                }
                '\n' => return Some('\n'),
                '\t' => return Some('\t'),
                control if control.is_control() => {}
                other => return Some(other),
            }
        }
    })
}

/// The content lines of a document, unfolded; None for a line that is none.
pub fn read(document: &str) -> impl Iterator<Item = Option<ContentLine>> {
    lines::unfolded(document)
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(_, line)| ContentLine::read(&line))
}

impl ContentLine {
    fn read(line: &str) -> Option<Self> {
        let (name, value) = lines::split(line)?;
        let between = line.get(name.len()..line.len() - value.len() - 1)?;
        let parameters = outside_quotes(between, ';')
            .skip(1)
            .map(|parameter| {
                let (name, value) = parameter.split_once('=')?;
                Some((name.to_ascii_uppercase(), read_parameter(value)))
            })
            .collect::<Option<_>>()?;
        Some(Self {
            name: name.to_ascii_uppercase(),
            parameters,
            value: value.to_owned(),
        })
    }

    /// The first parameter of this name, in upper case.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(own, _)| own == name)
            .map(|(_, value)| value.as_str())
    }

    /// The value as TEXT, without its escapes.
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(self.value.len());
        let mut characters = self.value.chars();
        while let Some(character) = characters.next() {
            match character {
                '\\' => match characters.next() {
                    Some('n' | 'N') => text.push('\n'),
                    Some(other) => text.push(other),
                    None => {}
                },
                other => text.push(other),
            }
        }
        text
    }
}

/// RFC 6868; a caret before any other character stands for itself.
fn read_parameter(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut characters = value.chars().filter(|&c| c != '"').peekable();
    while let Some(character) = characters.next() {
        let escaped = (character == '^').then(|| characters.peek().copied());
        match escaped.flatten() {
            Some('n') => text.push('\n'),
            Some('\'') => text.push('"'),
            Some('^') => text.push('^'),
            _ => {
                text.push(character);
                continue;
            }
        }
        characters.next();
    }
    text
}

fn outside_quotes(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |character| {
        quoted ^= character == '"';
        character == separator && !quoted
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines_of(document: &[u8]) -> Vec<ContentLine> {
        let document = std::str::from_utf8(document).unwrap();
        read(document).map(Option::unwrap).collect()
    }

    /// What a reader may expect of a text: one kind of line break, no other control characters.
    fn normal(text: &str) -> String {
        normal_breaks(text).collect()
    }

    #[track_caller]
    fn check(text: &str, expect: &str) {
        let mut writer = Writer::default();
        writer.property("SUMMARY").text(text);
        assert_eq!(std::str::from_utf8(&writer.finish()).unwrap(), expect);
    }

    #[test]
    fn texts_are_escaped_and_folded() {
        check("a;b,c\\d\r\ne\rf", "SUMMARY:a\\;b\\,c\\\\d\\ne\\nf\r\n");
        check("a\0b\u{7f}\tc", "SUMMARY:ab\tc\r\n");
        let (full, more) = ("x".repeat(67), "y".repeat(75));
        check(&full, &format!("SUMMARY:{full}\r\n"));
        check(
            &format!("{full}{more}"),
            &format!("SUMMARY:{full}\r\n {}\r\n y\r\n", "y".repeat(74)),
        );
        // The last place of the line is too small for a character of two octets.
        let short = "x".repeat(65);
        check(
            &format!("{short}\u{fc}"),
            &format!("SUMMARY:{short}\u{fc}\r\n"),
        );
        check(
            &format!("{short}x\u{fc}"),
            &format!("SUMMARY:{short}x\r\n \u{fc}\r\n"),
        );
    }

    #[test]
    fn no_value_ends_its_property() {
        let mut writer = Writer::default();
        let hostile = "x\r\nBEGIN:VEVENT\nX:\";Y=\"\r";
        writer.property("A").parameter("P", hostile).text(hostile);
        writer.property("B").plain(hostile);
        let lines = lines_of(&writer.finish());
        let names: Vec<_> = lines.iter().map(|line| line.name.as_str()).collect();
        assert_eq!(names, ["A", "B"]);
        assert_eq!(lines[0].parameter("P"), Some(&*normal(hostile)));
        assert_eq!(lines[0].text(), normal(hostile));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(one in any::<String>(), two in "[\\PC\r\n\t\"^:;,\\\\]{0,200}", text in "[\\PC\r\n\t\";,\\\\]{0,300}") {
            let mut writer = Writer::default();
            writer.property("X-A").parameter("P", &one).parameter("Q", &two).text(&text);
            let document = writer.finish();
            let physical: Vec<_> = document.split(|&byte| byte == b'\n').collect();
            for line in &physical {
                prop_assert!(line.len() <= LINE + 1);
                prop_assert!(std::str::from_utf8(line).is_ok());
                prop_assert!(line.is_empty() || line.ends_with(b"\r"));
            }
            let lines = lines_of(&document);
            prop_assert_eq!(lines.len(), 1);
            prop_assert_eq!(lines[0].parameter("P"), Some(&*normal(&one)));
            prop_assert_eq!(lines[0].parameter("Q"), Some(&*normal(&two)));
            prop_assert_eq!(lines[0].text(), normal(&text));
        }

        #[test]
        fn reading_never_panics(text in any::<String>()) {
            for _line in read(&text) {}
        }
    }
}

//! Reads a TOML document key by key. It knows types, places and unread keys, and no key's meaning.
//!
//! Serde would stop at the first unknown key or wrong type; this reader notes every problem and goes on, so that an
//! administrator sees all of them at once. A table is only ever read inside [`Section::within`] or [`Section::each`],
//! which report the keys that nobody asked for: no section can forget to refuse unknown keys.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fmt::Display;

use jiff::Timestamp;
use toml::de::{DeTable, DeValue};

use super::findings::{Findings, Located};
use super::problems::Place;

/// One table of the document.
pub(super) struct Section<'a> {
    table: &'a DeTable<'a>,
    place: Place,
    findings: &'a Findings<'a>,
    asked: RefCell<BTreeSet<&'static str>>,
    lenient: Cell<bool>,
}

impl<'a> Section<'a> {
    /// Reads the document's root.
    pub(super) fn root<R>(
        findings: &'a Findings<'a>,
        table: &'a DeTable<'a>,
        read: impl FnOnce(&Self) -> R,
    ) -> R {
        let place = Place {
            line: None,
            key: String::new(),
        };
        Self::open(findings, table, place).read(read)
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    pub(super) fn problem(&self, text: impl Display) {
        self.findings.problem(&self.place, text);
    }

    /// A problem with what stands, or should stand, under `key`.
    pub(super) fn problem_at(&self, key: &'static str, text: impl Display) {
        self.findings.problem(&self.place_of(key), text);
    }

    /// A warning about what stands under `key`.
    pub(super) fn warning(&self, key: &'static str, text: impl Display) {
        self.findings.warning(&self.place_of(key), text);
    }

    /// The place of what stands, or should stand, under `key`: for what is only found out later.
    pub(super) fn at(&self, key: &'static str) -> Located<'a, ()> {
        Located {
            value: (),
            place: self.place_of(key),
            findings: self.findings,
        }
    }

    /// Whether the key stands here, whatever its value.
    pub(super) fn has(&self, key: &'static str) -> bool {
        self.asked.borrow_mut().insert(key);
        self.table.contains_key(key)
    }

    /// Whether the key stands here with a list of nothing.
    pub(super) fn is_empty_list(&self, key: &'static str) -> bool {
        let list = self.find(key).and_then(|(_, value)| value.as_array());
        list.is_some_and(|list| list.is_empty())
    }

    /// Does not report unread keys, where it is unknown which keys belong here.
    pub(super) fn forgive_unknown_keys(&self) {
        self.lenient.set(true);
    }

    /// Reports the key as missing where it does not stand here.
    pub(super) fn require(&self, key: &'static str) {
        if !self.has(key) {
            self.problem_at(key, "is missing");
        }
    }

    pub(super) fn text(&self, key: &'static str) -> Option<Located<'a, &'a str>> {
        let (place, value) = self.find(key)?;
        self.text_of(place, value)
    }

    pub(super) fn flag(&self, key: &'static str) -> Option<bool> {
        let (place, value) = self.find(key)?;
        self.typed(&place, value, "true or false", DeValue::as_bool)
    }

    /// A whole number from 1 to `most`.
    pub(super) fn count(&self, key: &'static str, most: u64) -> Option<usize> {
        let (place, value) = self.find(key)?;
        let number = self.typed(&place, value, "a whole number", DeValue::as_integer)?;
        let digits = number.as_str().replace('_', "");
        match u64::from_str_radix(&digits, number.radix()) {
            Ok(number) if (1..=most).contains(&number) => usize::try_from(number).ok(),
            Ok(_) | Err(_) => {
                let text = format!("must be a whole number from 1 to {most}");
                self.findings.problem(&place, text);
                None
            }
        }
    }

    /// A date without a time: the moment at which it begins, in UTC.
    pub(super) fn date(&self, key: &'static str) -> Option<Timestamp> {
        let (place, value) = self.find(key)?;
        let expect = "a date, as 2027-03-01";
        let date = self.typed(&place, value, expect, DeValue::as_datetime)?;
        let (Some(date), None) = (date.date, date.time) else {
            self.findings.problem(&place, format!("must be {expect}"));
            return None;
        };
        format!("{date}T00:00:00Z").parse().ok()
    }

    /// A whole number or a string, as text: for amounts that may have a unit.
    pub(super) fn amount(&self, key: &'static str) -> Option<Located<'a, String>> {
        let (place, value) = self.find(key)?;
        let value = self.typed(&place, value, "a whole number or a string", |value| {
            match value {
                DeValue::String(text) => Some(text.to_string()),
                DeValue::Integer(number) => {
                    let digits = number.as_str().replace('_', "");
                    // A number that is too large stays as it is written, and is refused as such.
                    let plain = i128::from_str_radix(&digits, number.radix());
                    Some(plain.map_or(digits, |number| number.to_string()))
                }
                DeValue::Float(_)
                | DeValue::Boolean(_)
                | DeValue::Datetime(_)
                | DeValue::Array(_)
                | DeValue::Table(_) => None,
            }
        })?;
        Some(Located {
            value,
            place,
            findings: self.findings,
        })
    }

    /// An array of strings; entries of another type are reported and left out.
    pub(super) fn texts(
        &self,
        key: &'static str,
    ) -> Option<Located<'a, Vec<Located<'a, &'a str>>>> {
        let (place, value) = self.find(key)?;
        let array = self.typed(&place, value, "an array of strings", DeValue::as_array)?;
        let entries = array.iter().enumerate();
        let value = entries
            .filter_map(|(index, entry)| {
                let place = Place {
                    line: Some(self.findings.line(entry.span().start)),
                    key: format!("{}[{index}]", place.key),
                };
                self.text_of(place, entry.get_ref())
            })
            .collect();
        Some(Located {
            value,
            place,
            findings: self.findings,
        })
    }

    /// Reads the table `[key]`, where there is one.
    pub(super) fn within<R>(&self, key: &'static str, read: impl FnOnce(&Self) -> R) -> Option<R> {
        let (place, value) = self.find(key)?;
        let table = self.typed(&place, value, "a table", DeValue::as_table)?;
        Some(Self::open(self.findings, table, place).read(read))
    }

    /// Reads each table of `[[key]]`.
    pub(super) fn each<R>(&self, key: &'static str, mut read: impl FnMut(&Self) -> R) -> Vec<R> {
        let Some((place, value)) = self.find(key) else {
            return Vec::new();
        };
        let expect = format!("an array of tables, written [[{}]]", place.key);
        let Some(array) = self.typed(&place, value, &expect, DeValue::as_array) else {
            return Vec::new();
        };
        if array.is_empty() {
            self.findings.problem(&place, "needs at least one entry");
        }
        let mut results = Vec::new();
        for (index, entry) in array.iter().enumerate() {
            let place = Place {
                line: Some(self.findings.line(entry.span().start)),
                key: format!("{}[{index}]", place.key),
            };
            if let Some(table) = self.typed(&place, entry.get_ref(), "a table", DeValue::as_table) {
                results.push(Self::open(self.findings, table, place).read(&mut read));
            }
        }
        results
    }

    fn open(findings: &'a Findings<'a>, table: &'a DeTable<'a>, place: Place) -> Self {
        Self {
            table,
            place,
            findings,
            asked: RefCell::default(),
            lenient: Cell::new(false),
        }
    }

    fn read<R>(self, read: impl FnOnce(&Self) -> R) -> R {
        let result = read(&self);
        if !self.lenient.get() {
            self.report_unread();
        }
        result
    }

    fn report_unread(&self) {
        let asked = self.asked.borrow();
        for (key, _) in self.table {
            let name: &str = key.get_ref();
            if !asked.contains(name) {
                let known: Vec<&str> = asked.iter().copied().collect();
                let place = Place {
                    line: Some(self.findings.line(key.span().start)),
                    key: self.path(name),
                };
                let text = format!("unknown key; known here: {}", known.join(", "));
                self.findings.problem(&place, text);
            }
        }
    }

    fn find(&self, key: &'static str) -> Option<(Place, &'a DeValue<'a>)> {
        self.asked.borrow_mut().insert(key);
        let value = self.table.get(key)?;
        Some((self.place_of(key), value.get_ref()))
    }

    /// The line of the key, or of this section where the key does not stand in it.
    fn place_of(&self, key: &str) -> Place {
        let line = match self.table.get_key_value(key) {
            Some((name, _)) => Some(self.findings.line(name.span().start)),
            None => self.place.line,
        };
        Place {
            line,
            key: self.path(key),
        }
    }

    fn text_of(&self, place: Place, value: &'a DeValue<'a>) -> Option<Located<'a, &'a str>> {
        let value = self.typed(&place, value, "a string", DeValue::as_str)?;
        Some(Located {
            value,
            place,
            findings: self.findings,
        })
    }

    /// The value as the type that `pick` wants, or a problem that names both types.
    fn typed<T>(
        &self,
        place: &Place,
        value: &'a DeValue<'a>,
        expect: &str,
        pick: impl FnOnce(&'a DeValue<'a>) -> Option<T>,
    ) -> Option<T> {
        let picked = pick(value);
        if picked.is_none() {
            let text = format!("must be {expect}, not {}", type_name(value));
            self.findings.problem(place, text);
        }
        picked
    }

    fn path(&self, key: &str) -> String {
        if self.place.key.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.place.key)
        }
    }
}

fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a decimal number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The problems of reading `text` with `read`, as `line key: text`.
    #[track_caller]
    fn check(text: &str, read: impl FnOnce(&Section<'_>), expect: &[&str]) {
        let table = DeTable::parse(text).unwrap();
        let findings = Findings::new(text);
        Section::root(&findings, table.get_ref(), read);
        let (problems, _) = findings.into_parts();
        let got: Vec<String> = problems
            .iter()
            .map(|p| format!("{} {}: {}", p.place.line.unwrap_or(0), p.place.key, p.text))
            .collect();
        assert_eq!(got, expect);
    }

    #[test]
    fn wrong_types_name_key_line_and_both_types() {
        check(
            "a = 1\nb = \"x\"\nc = [1, \"two\"]\n[d]\n",
            |root| {
                root.text("a");
                root.flag("b");
                root.texts("c");
                root.text("d");
            },
            &[
                "1 a: must be a string, not a whole number",
                "2 b: must be true or false, not a string",
                "3 c[0]: must be a string, not a whole number",
                "4 d: must be a string, not a table",
            ],
        );
    }

    #[test]
    fn numbers_have_bounds() {
        check(
            "a = 0\nb = -1\nc = 11\nd = 1_0\ne = 99999999999999999999\nf = 0x0A",
            |root| {
                for key in ["a", "b", "c", "e"] {
                    assert_eq!(root.count(key, 10), None);
                }
                assert_eq!(root.count("d", 10), Some(10));
                assert_eq!(root.count("f", 10), Some(10));
            },
            &[
                "1 a: must be a whole number from 1 to 10",
                "2 b: must be a whole number from 1 to 10",
                "3 c: must be a whole number from 1 to 10",
                "5 e: must be a whole number from 1 to 10",
            ],
        );
    }

    #[test]
    fn unread_keys_are_reported_at_every_depth() {
        check(
            "[one]\nknown = 1\nx = 1\n\n[[many]]\ny = 1\n[[many]]\nz.deep = 1\n[two]\n",
            |root| {
                root.within("one", |one| one.count("known", 9));
                root.each("many", |many| many.has("k"));
            },
            &[
                "3 one.x: unknown key; known here: known",
                "6 many[0].y: unknown key; known here: k",
                "8 many[1].z: unknown key; known here: k",
                "9 two: unknown key; known here: many, one",
            ],
        );
    }

    #[test]
    fn a_missing_key_has_the_line_of_its_section() {
        check(
            "\n[one]\n[[many]]\n",
            |root| {
                root.within("one", |one| one.require("k"));
                root.each("many", |many| many.require("k"));
                root.require("k");
            },
            &[
                "2 one.k: is missing",
                "3 many[0].k: is missing",
                "0 k: is missing",
            ],
        );
    }
}

//! The payload of an answer: `[version,id,["_ME_AddData","start/end","since",[name,address,access,[entry...]...]]]`, or
//! four items about an error.

use jiff::civil::{Date, DateTime};

use super::ErrorId;
use super::escape::Place;
use super::payload::Payload;
use crate::domain::BusyStatus;

/// How a payload is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// Readers since 2017.
    #[default]
    Json,
    /// Readers before that, which took it as a piece of script: single quotes and octal escapes.
    Legacy,
}

/// The list of appointments that one question is answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<'a> {
    pub id: &'a str,
    /// As asked for.
    pub start: Date,
    pub end: Date,
    pub since: DateTime,
    pub users: Vec<User<'a>>,
}

/// One mailbox of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User<'a> {
    pub name: &'a str,
    pub address: &'a str,
    /// None: nothing is known, which is not free.
    pub entries: Option<Vec<Entry<'a>>>,
}

/// One stretch of busy time, or one appointment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    pub subject: &'a str,
    /// What the wall clock of the question's zone shows, in seconds from 1970-01-01T00:00:00 on the same clock.
    pub start: i64,
    pub end: i64,
    pub location: &'a str,
    pub organizer: &'a str,
    pub status: Status,
}

/// How the owner of the calendar takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Accepted,
    Tentative,
}

impl Status {
    pub(super) fn digit(self) -> char {
        match self {
            Self::Accepted => '1',
            Self::Tentative => '3',
        }
    }
}

impl From<BusyStatus> for Status {
    /// What is unknown is busy. Free time is not written at all.
    fn from(status: BusyStatus) -> Self {
        match status {
            BusyStatus::Tentative => Self::Tentative,
            BusyStatus::Free
            | BusyStatus::WorkingElsewhere
            | BusyStatus::Busy
            | BusyStatus::OutOfOffice
            | BusyStatus::NoData => Self::Accepted,
        }
    }
}

/// An answer as text.
#[must_use]
pub fn write(answer: &Answer<'_>, form: Form) -> String {
    let mut out = String::new();
    Payload::new(&mut out, form, Place::Alone).answer(answer);
    out
}

/// The same as the value of an attribute in double quotes.
pub fn push_as_attribute(out: &mut String, answer: &Answer<'_>, form: Form) {
    out.reserve(about_length(answer));
    Payload::new(out, form, Place::Attribute).answer(answer);
}

/// The payload that tells an error. `id` once it is known.
#[must_use]
pub fn write_error(id: Option<&str>, error: ErrorId, text: &str, form: Form) -> String {
    let mut out = String::new();
    Payload::new(&mut out, form, Place::Alone).error(id, error, text);
    out
}

/// The same as the value of an attribute in double quotes.
pub fn push_error_as_attribute(
    out: &mut String,
    id: Option<&str>,
    error: ErrorId,
    text: &str,
    form: Form,
) {
    Payload::new(out, form, Place::Attribute).error(id, error, text);
}

/// Of an answer whose texts are plain; others are longer.
fn about_length(answer: &Answer<'_>) -> usize {
    let users = answer.users.iter().map(|user| {
        let entries = user.entries.iter().flatten();
        let entries = entries.map(|entry| {
            let texts = [entry.subject, entry.location, entry.organizer];
            112 + texts.map(str::len).into_iter().sum::<usize>()
        });
        64 + user.name.len() + user.address.len() + entries.sum::<usize>()
    });
    320 + answer.id.len() + users.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::escape::push_attribute;
    use super::*;

    const SINCE: DateTime = DateTime::constant(1, 1, 1, 0, 0, 0, 0);

    fn answer<'a>(id: &'a str, users: Vec<User<'a>>) -> Answer<'a> {
        Answer {
            id,
            start: Date::constant(2008, 1, 2),
            end: Date::constant(2008, 1, 4),
            since: SINCE,
            users,
        }
    }

    /// 2008-01-02T09:30:00.
    const HALF_PAST_NINE: i64 = 1_199_266_200;

    fn users() -> Vec<User<'static>> {
        let entry = Entry {
            subject: "It's 1:1",
            start: HALF_PAST_NINE,
            end: HALF_PAST_NINE + 1800,
            location: "",
            organizer: "Roe Jane",
            status: BusyStatus::Tentative.into(),
        };
        let user = |name, address, entries| User {
            name,
            address,
            entries,
        };
        vec![
            user("Jane Roe", "jane@example.org", Some(vec![entry])),
            user("Pat O'Neil", "pat@example.org", None),
        ]
    }

    #[test]
    fn both_forms_of_an_answer() {
        let answer = answer("7", users());
        let json: serde_json::Value = serde_json::from_str(&write(&answer, Form::Json)).unwrap();
        let entry = json!([
            "It's 1:1",
            "20080102T093000",
            "20080102T100000",
            "",
            "Roe Jane",
            3
        ]);
        let list = json!([
            "Jane Roe",
            "jane@example.org",
            "20",
            [entry],
            "Pat O'Neil",
            "pat@example.org",
            "0",
            []
        ]);
        assert_eq!(
            json,
            json!([
                "1",
                "7",
                ["_ME_AddData", "20080102/20080104", "00010101T000000", list]
            ])
        );
        assert_eq!(
            write(&answer, Form::Legacy),
            "['1','7',['_ME_AddData','20080102/20080104','00010101T000000',['Jane Roe','jane@example.org','20',\
             [['It\\047s 1\\0721','20080102T093000','20080102T100000','','Roe Jane',3]],\
             'Pat O\\047Neil','pat@example.org','0',[]]]]"
        );
    }

    #[test]
    fn blocks_are_entries_without_texts() {
        let of = [
            ("Roe", Status::Tentative, 0),
            ("Roe", Status::Tentative, 1),
            ("Roe", Status::Accepted, 2),
            ("M\u{fc}ller's \"\u{1f600}\"", Status::Accepted, 40),
            ("", Status::Accepted, 41),
        ];
        let entries = |text: &'static str| {
            let entry = |(organizer, status, day): (&'static str, Status, i64)| Entry {
                subject: text,
                start: HALF_PAST_NINE + day * 86_400,
                end: HALF_PAST_NINE + day * 86_400 + 1800,
                location: text,
                organizer,
                status,
            };
            of.map(entry).to_vec()
        };
        let in_form = |form, push: fn(&mut String, &Answer<'_>, Form), entries| {
            let user = User {
                name: "",
                address: "",
                entries: Some(entries),
            };
            let mut out = String::new();
            push(&mut out, &answer("7", vec![user.clone(), user]), form);
            out
        };
        let alone = |out: &mut String, answer: &Answer<'_>, form| *out = write(answer, form);
        for form in [Form::Json, Form::Legacy] {
            for push in [alone, push_as_attribute] {
                let written = in_form(form, push, entries("A")).replace('A', "");
                let blocks = in_form(form, push, entries(""));
                assert_eq!(blocks, written.replace("_ME_ddData", "_ME_AddData"));
            }
        }
    }

    #[test]
    fn errors_have_four_items() {
        let text = "not known: x";
        assert_eq!(
            write_error(None, ErrorId::Zone, text, Form::Legacy),
            "['0','0','5','not known\\072 x']"
        );
        assert_eq!(
            write_error(Some("a\"b"), ErrorId::Unreachable, text, Form::Json),
            r#"["1","a\"b","1","not known: x"]"#
        );
        let numbers = [
            ErrorId::Generic,
            ErrorId::Unreachable,
            ErrorId::UnsupportedVersion,
            ErrorId::Malformed,
            ErrorId::Directory,
            ErrorId::Zone,
        ];
        assert_eq!(numbers.map(ErrorId::number), [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn what_is_unknown_is_busy() {
        assert_eq!(Status::from(BusyStatus::NoData), Status::Accepted);
        assert_eq!(Status::from(BusyStatus::OutOfOffice), Status::Accepted);
    }

    proptest! {
        #[test]
        fn a_json_reader_gets_every_text_back(id in any::<String>(), name in any::<String>(), texts in any::<[String; 3]>(), second in any::<i64>()) {
            let [subject, location, organizer] = &texts;
            let entry = Entry { subject, start: second, end: second, location, organizer, status: Status::Accepted };
            let users = vec![User { name: &name, address: "a@b.example", entries: Some(vec![entry]) }];
            let json: serde_json::Value = serde_json::from_str(&write(&answer(&id, users), Form::Json)).unwrap();
            prop_assert_eq!(json[1].as_str(), Some(&*id));
            let list = &json[2][3];
            prop_assert_eq!(list[0].as_str(), Some(&*name));
            for (place, text) in [(0, subject), (3, location), (4, organizer)] {
                prop_assert_eq!(list[3][0][place].as_str(), Some(&**text));
            }
            prop_assert_eq!(list[3][0][1].as_str().map(str::len), Some(15));
        }

        #[test]
        fn an_attribute_has_the_same_text(id in any::<String>(), name in any::<String>(), texts in any::<[String; 3]>(), is_legacy in any::<bool>()) {
            let form = if is_legacy { Form::Legacy } else { Form::Json };
            let [subject, location, organizer] = &texts;
            let entry = Entry { subject, start: 0, end: 1, location, organizer, status: Status::Accepted };
            let users = vec![User { name: &name, address: "a@b.example", entries: Some(vec![entry]) }];
            let answer = answer(&id, users);
            let mut expect = String::new();
            push_attribute(&mut expect, &write(&answer, form));
            let mut got = String::new();
            push_as_attribute(&mut got, &answer, form);
            prop_assert_eq!(got, expect);
            let (mut expect, mut got) = (String::new(), String::new());
            push_attribute(&mut expect, &write_error(Some(&id), ErrorId::Zone, subject, form));
            push_error_as_attribute(&mut got, Some(&id), ErrorId::Zone, subject, form);
            prop_assert_eq!(got, expect);
        }
    }
}

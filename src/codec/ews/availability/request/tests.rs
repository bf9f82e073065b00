//! Lists of attendees: read alike, whether they are recognised by the one before or read one by one.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::codec::xml::Caps;

/// What a list with this content says, or what is wrong with it.
fn read(content: &str) -> Result<Arc<[Attendee]>, String> {
    let document = format!(
        "<m:A xmlns:m=\"{}\" xmlns:t=\"{}\">{content}</m:A>",
        Ns::MESSAGES,
        Ns::TYPES
    );
    let mut cursor = Cursor::strict(&document, Caps::REQUEST).unwrap();
    cursor.root().unwrap();
    let attendees = read_attendees(&mut cursor).map_err(|fault| format!("{fault:?}"))?;
    cursor.finish().map_err(|error| error.violation)?;
    Ok(attendees)
}

fn addresses(content: &str) -> Vec<String> {
    let attendees = read(content).unwrap();
    let address = |attendee: &Attendee| match &attendee.mailbox {
        Ok(address) => address.to_string(),
        Err(error) => error.label().to_owned(),
    };
    attendees.iter().map(address).collect()
}

fn entry(email: &str, rest: &str) -> String {
    format!("<t:MailboxData><t:Email>{email}</t:Email>{rest}</t:MailboxData>")
}

#[test]
fn a_name_that_is_the_address_is_not_taken_for_it() {
    let of = |name: &str, address: &str| {
        let email = format!("<t:Name>{name}</t:Name><t:Address>{address}</t:Address>");
        entry(&email, "<t:AttendeeType>Room</t:AttendeeType>")
    };
    let list = [
        of("a@b.example", "a@b.example"),
        of("a@b.example", "c@b.example"),
        of("d@b.example", "a@b.example"),
    ];
    assert_eq!(
        addresses(&list.concat()),
        ["a@b.example", "c@b.example", "a@b.example"]
    );
}

#[test]
fn who_is_like_nobody_has_a_place_of_its_own() {
    let of = |address: &str, routing: &str| {
        let email =
            format!("<t:Address>{address}</t:Address><t:RoutingType>{routing}</t:RoutingType>");
        entry(&email, "<t:AttendeeType>Required</t:AttendeeType>")
    };
    let list = [
        of("a@b.example", "SMTP"),
        of("", "SMTP"),
        of("/o=Org/cn=a", "EX"),
        of("c&#64;b.example", "SMTP"),
        of("<![CDATA[d@b.example]]>", "SMTP"),
        of("e@b.example", "SMTP"),
    ];
    assert_eq!(
        addresses(&list.concat()),
        [
            "a@b.example",
            "invalid_address",
            "not_found",
            "c@b.example",
            "d@b.example",
            "e@b.example"
        ]
    );
}

#[test]
fn what_is_wrong_behind_an_attendee_is_told_of_its_place() {
    let good = entry(
        "<t:Address>a@b.example</t:Address>",
        "<t:AttendeeType>Room</t:AttendeeType>",
    );
    let bad = entry(
        "<t:Address>c@b.example</t:Address>",
        "<t:AttendeeType>Dog</t:AttendeeType>",
    );
    let after_one = read(&format!("{good}\n{bad}")).unwrap_err();
    let after_two = read(&format!("{good}{good}\n{bad}")).unwrap_err();
    assert!(after_one.contains("'Dog'"), "{after_one}");
    assert!(after_two.contains("line: 2"), "{after_two}");
}

prop_compose! {
    /// An entry as one of several programs writes it.
    fn written()(
        address in prop_oneof![
            3 => "[a-c]@b\\.example",
            1 => prop::sample::select(vec!["", "x", "a&#64;b.example", " a@b.example\n", "<![CDATA[a@b.example]]>", "<!--c-->a@b.example"])
                .prop_map(str::to_owned),
        ],
        name in prop::option::of(prop_oneof![Just("a@b.example"), Just("Anna")]),
        routing in prop::option::of(prop_oneof![Just("SMTP"), Just("EX"), Just("")]),
        role in prop_oneof![4 => Just("Required"), 1 => Just("Room"), 1 => Just(" Optional "), 1 => Just("Nobody")],
        exclude in prop::option::of(prop_oneof![Just("true"), Just("0"), Just("maybe")]),
        blank in prop_oneof![4 => Just(""), 1 => Just("\n  ")],
        broken in prop::option::weighted(0.05, prop_oneof![Just("<t:Email/>"), Just("text"), Just("</t:MailboxData>")]),
    ) -> (String, String) {
        let name = name.map_or(String::new(), |name| format!("<t:Name>{name}</t:Name>"));
        let routing = routing.map_or(String::new(), |routing| format!("<t:RoutingType>{routing}</t:RoutingType>"));
        let exclude = exclude.map_or(String::new(), |exclude| format!("<t:ExcludeConflicts>{exclude}</t:ExcludeConflicts>"));
        let rest = format!(
            "{blank}<t:Email>{name}<t:Address>{address}</t:Address>{routing}</t:Email>{blank}\
             <t:AttendeeType>{role}</t:AttendeeType>{exclude}{}</t:MailboxData>",
            broken.unwrap_or_default()
        );
        (format!("{blank}<t:MailboxData>"), rest)
    }
}

proptest! {
    /// A comment of its own in each entry makes it like no other.
    #[test]
    fn recognised_or_not_the_same_is_read(entries in prop::collection::vec((written(), 1_usize..4), 0..6)) {
        let all = entries.iter().flat_map(|(entry, times)| std::iter::repeat_n(entry, *times));
        let (mut alike, mut each) = (String::new(), String::new());
        for (number, (start, rest)) in all.enumerate() {
            write!(alike, "{start}<!--0000-->{rest}").unwrap();
            write!(each, "{start}<!--{number:04}-->{rest}").unwrap();
        }
        prop_assert_eq!(read(&alike), read(&each));
    }
}

//! Good XML that the schema does not allow, allows in an unusual form, or that is too deep or too wide.

use super::xml::{ANNA, SCHEMA, edited, violation};
use super::{Edge, Expect};
use crate::gateway_world::{
    MESSAGES, Question, SOAP, TYPES, ask, berlin, envelope, mailbox, version,
};

/// With the time zone of Berlin.
fn zoned() -> String {
    let zone = &berlin();
    Question { zone, ..ask() }.xml()
}

#[tokio::test]
async fn the_schema_is_kept() {
    let mut edge = Edge::new().await;
    let wrong_namespace =
        zoned()
            .replacen("<t:Bias>", "<m:Bias>", 1)
            .replacen("</t:Bias>", "</m:Bias>", 1);
    let answer = edge.check("18", wrong_namespace, SCHEMA).await;
    assert_eq!(
        violation(&answer).2,
        format!(
            "The element 'TimeZone' in namespace '{TYPES}' has invalid child element 'Bias' in namespace '{MESSAGES}'. \
             List of possible elements expected: 'Bias' in namespace '{TYPES}'."
        )
    );
}

const ATTENDEE: &str = "<t:AttendeeType>Required</t:AttendeeType>";

#[tokio::test]
async fn the_order_is_kept() {
    let mut edge = Edge::new().await;
    let berlin = berlin();
    let email = "<t:Email><t:Address>anna@example.com</t:Address></t:Email>";
    let swapped = edited(&format!("{email}{ATTENDEE}"), &format!("{ATTENDEE}{email}"));
    let answer = edge.check("19", swapped, SCHEMA).await;
    assert!(
        violation(&answer)
            .2
            .contains("has invalid child element 'AttendeeType'")
    );
    let backwards = zoned().replacen(
        &format!(
            "<t:TimeZone>{berlin}</t:TimeZone><m:MailboxDataArray>{}</m:MailboxDataArray>",
            mailbox("anna@example.com")
        ),
        &format!(
            "<m:MailboxDataArray>{}</m:MailboxDataArray><t:TimeZone>{berlin}</t:TimeZone>",
            mailbox("anna@example.com")
        ),
        1,
    );
    assert_ne!(backwards, zoned());
    edge.check("19", backwards, SCHEMA).await;
}

#[tokio::test]
async fn nothing_may_be_added() {
    let mut edge = Edge::new().await;
    for (row, from, to) in [
        (
            "20",
            ATTENDEE,
            "<t:AttendeeType>Required</t:AttendeeType><t:Nope/>",
        ),
        (
            "20",
            "</t:TimeWindow>",
            "</t:TimeWindow><t:ExcludeNonWorkingHours>true</t:ExcludeNonWorkingHours>",
        ),
        (
            "20 text",
            "<m:MailboxDataArray>",
            "<m:MailboxDataArray>text",
        ),
        ("20 word", ">Required<", ">Boss<"),
        (
            "22",
            "<m:MailboxDataArray>",
            "<m:MailboxDataArray size=\"1\">",
        ),
        ("22", "<t:Email>", "<t:Email xml:space=\"preserve\" x=\"\">"),
        ("22 twice", "<t:Email>", "<t:Email a=\"\" a=\"\">"),
    ] {
        edge.check(row, edited(from, to), SCHEMA).await;
    }
}

#[tokio::test]
async fn schema_instance_attributes() {
    let mut edge = Edge::new().await;
    let xsi = "http://www.w3.org/2001/XMLSchema-instance";
    for (from, to) in [
        (
            "<t:MailboxData>",
            format!("<t:MailboxData xmlns:i=\"{xsi}\" i:type=\"t:MailboxData\">"),
        ),
        (
            "<t:MailboxData>",
            format!("<t:MailboxData xmlns:i=\"{xsi}\" i:nil=\"false\">"),
        ),
        (
            "<s:Envelope ",
            format!(
                "<s:Envelope xmlns:xsi=\"{xsi}\" xsi:schemaLocation=\"{SOAP} http://127.0.0.1:9/x.xsd\" "
            ),
        ),
    ] {
        edge.check("21", edited(from, &to), ANNA).await;
    }
    let three = format!(
        "{}<t:MailboxData xmlns:xsi=\"{xsi}\" xsi:nil=\"true\"/>{}",
        mailbox("anna@example.com"),
        mailbox("anna@example.com")
    );
    let codes = ["NoError", "ErrorInvalidSmtpAddress", "NoError"];
    edge.check("21 nil", ask().xml_of(&three), Expect::Codes(&codes))
        .await;
}

#[tokio::test]
async fn depth_and_width_are_bounded() {
    let mut edge = Edge::new().await;
    let deep = |levels: usize| format!("{}{}", "<x>".repeat(levels), "</x>".repeat(levels));
    edge.check("60 body", envelope("", &deep(10_000)), SCHEMA)
        .await;
    edge.check("60 header", envelope(&deep(10_000), ""), SCHEMA)
        .await;
    edge.check("60 open", "<x>".repeat(10_000), SCHEMA).await;
    // Envelope and Header are two levels of thirty-two.
    let header = |levels: usize| format!("{}{}", deep(levels), version("Exchange2016"));
    for (levels, expect) in [(30, ANNA), (31, SCHEMA)] {
        let xml = Question {
            header: &header(levels),
            ..ask()
        }
        .xml();
        edge.check("60", xml, expect).await;
    }
    let many = |count: usize| numbered(count, |n| format!(" a{n}=\"\""));
    let spaces = numbered(10_000, |n| format!(" xmlns:a{n}=\"a\""));
    for (row, attributes) in [
        ("61 attributes", many(10_000)),
        ("61 namespaces", spaces),
        (
            "61 one attribute",
            format!(" a=\"{}\"", "a".repeat(900_000)),
        ),
        ("61 just too many", many(65)),
        (
            "61 just too long",
            format!(" a=\"{}\"", "a".repeat(8 * 1024)),
        ),
    ] {
        edge.check(
            row,
            edited("<s:Header>", &format!("<s:Header><y{attributes}/>")),
            SCHEMA,
        )
        .await;
    }
    let fits = edited("<s:Header>", &format!("<s:Header><y{}/>", many(64)));
    edge.check("61 just so many", fits, ANNA).await;
}

fn numbered(count: usize, piece: impl Fn(usize) -> String) -> String {
    (0..count).map(piece).collect::<Vec<_>>().concat()
}

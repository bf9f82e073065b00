//! Requests that are no XML, no good XML, or good XML of an unusual kind.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use super::{ANNA_DIGITS, Digits, Edge, Expect, Fault, SoapFault};
use crate::gateway_world::{MESSAGES, SOAP, TYPES, ask, envelope, texts};
use crate::world::Answer;

pub(super) const SCHEMA: Expect<'static> = Fault("ErrorSchemaValidation");
pub(super) const ANNA: Expect<'static> = Digits(ANNA_DIGITS);

/// Line, position and text of a violation.
pub(super) fn violation(answer: &Answer) -> (u32, u32, String) {
    let one = |local| texts(answer.text(), local).concat();
    let (line, position) = (one("LineNumber"), one("LinePosition"));
    let found = one("Violation");
    let faultstring = format!("The request failed schema validation: {found}");
    assert_eq!(one("faultstring"), faultstring);
    assert_eq!(one("Message"), "The request failed schema validation.");
    let found = found.replace("&apos;", "'");
    (line.parse().unwrap(), position.parse().unwrap(), found)
}

/// Anna's request with `from` replaced once.
pub(super) fn edited(from: &str, to: &str) -> String {
    let xml = ask().xml();
    assert!(xml.contains(from), "{from}");
    xml.replacen(from, to, 1)
}

fn with_address(text: &str) -> String {
    edited("anna@example.com", text)
}

#[tokio::test]
async fn what_is_no_xml_is_told_where_it_breaks() {
    let mut edge = Edge::new().await;
    let open = format!("<s:Envelope xmlns:s=\"{SOAP}\">\n<s:Body>");
    for (text, line) in [
        (&*format!("{open}\n  <b></c>\n</s:Body></s:Envelope>"), 3),
        (&*format!("{open}\r\n<b x=1/></s:Body></s:Envelope>"), 3),
        (&*format!("{open}<b></s:Body></s:Envelope>"), 2),
        ("This is not XML.", 1),
        ("{\"a\": 1}", 1),
        (r#"<?xml version="1.0"?>"#, 1),
        ("\n\n\n<", 4),
        ("<a/>", 1),
    ] {
        let answer = edge.check("1", text, SCHEMA).await;
        let (found, position, _) = violation(&answer);
        assert_eq!(found, line, "{text}: {}", answer.text());
        assert!(position >= 1, "{text}");
    }
    edge.check("1", [0xFF, 0xFE, 0x00, 0x80], SCHEMA).await;
    let whole = ask().xml().replace("<s:Body>", "\n<s:Body>");
    for cut in (1..whole.len()).step_by(97) {
        let answer = edge.check("1 truncated", &whole[..cut], SCHEMA).await;
        assert!(violation(&answer).0 <= 2);
    }
    let twice = format!("{0}{0}", ask().xml());
    edge.check("1 goes on", twice, SCHEMA).await;
    edge.check("1 goes on", ask().xml() + "x", SCHEMA).await;
}

#[tokio::test]
async fn without_content_the_request_is_invalid() {
    let mut edge = Edge::new().await;
    let invalid = "The request is invalid.";
    for (row, body) in [
        ("2", String::new()),
        ("3", envelope("", "")),
        ("3 with a comment", envelope("", " <!-- nothing --> ")),
    ] {
        let answer = edge.check(row, body, Fault("ErrorInvalidRequest")).await;
        assert_eq!(texts(answer.text(), "faultstring"), [invalid], "{row}");
        assert_eq!(texts(answer.text(), "Message"), [invalid], "{row}");
    }
}

#[tokio::test]
async fn characters_that_xml_does_not_have() {
    let mut edge = Edge::new().await;
    for (text, code) in [
        ("an&#x0;na", "0x00"),
        ("an&#0;na", "0x00"),
        ("an&#xFFFF;na", "0xFFFF"),
        ("an\u{FFFF}na", "0xFFFF"),
        ("an\u{0}na", "0x00"),
        ("an\u{1B}na", "0x1B"),
        ("an&#x1B;na", "0x1B"),
        ("an&#xD800;na", "0xD800"),
    ] {
        let answer = edge.check("4", with_address(text), SCHEMA).await;
        let (_, _, text) = violation(&answer);
        let expect = format!("'', hexadecimal value {code}, is an invalid character.");
        assert_eq!(text, expect);
    }
    for bad in ["an&#;na", "an&#x110000;na", "an&#xZZ;na", "an& na", "an&na"] {
        edge.check("4", with_address(bad), SCHEMA).await;
    }
}

#[tokio::test]
async fn document_types_are_never_read() {
    let mut edge = Edge::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let tenfold = |n: usize| format!(r#"<!ENTITY e{n} "{}">"#, format!("&e{};", n - 1).repeat(10));
    let bomb = (1..20).map(tenfold).collect::<Vec<_>>().concat();
    let secret = std::env::temp_dir().join("calbridge-entity");
    for (row, dtd) in [
        (
            "5 internal",
            r#"<!DOCTYPE a [<!ENTITY e "anna@example.com">]>"#.to_owned(),
        ),
        (
            "5 external",
            format!(r#"<!DOCTYPE a SYSTEM "http://{address}/a.dtd">"#),
        ),
        ("5 empty", "<!DOCTYPE a>".to_owned()),
        (
            "6 bomb",
            format!(r#"<!DOCTYPE a [<!ENTITY e0 "x">{bomb}]>"#),
        ),
        (
            "6 external",
            format!(r#"<!DOCTYPE a [<!ENTITY e SYSTEM "http://{address}/e">]>"#),
        ),
        (
            "6 file",
            format!(
                r#"<!DOCTYPE a [<!ENTITY e SYSTEM "file://{}">]>"#,
                secret.display()
            ),
        ),
        (
            "6 parameter",
            format!(r#"<!DOCTYPE a [<!ENTITY % p SYSTEM "http://{address}/p"> %p;]>"#),
        ),
    ] {
        let xml = with_address("&e;").replace("?><s:", &format!("?>\n{dtd}<s:"));
        let begun = Instant::now();
        let answer = edge.check(row, xml, SCHEMA).await;
        assert!(begun.elapsed() < Duration::from_secs(5), "{row}");
        let expect = "For security reasons DTD is prohibited in this XML document.".to_owned();
        assert_eq!(violation(&answer), (2, 1, expect), "{row}");
        assert!(answer.body.len() < 2000, "{row}");
    }
    let nobody = listener.accept().unwrap_err();
    assert_eq!(nobody.kind(), std::io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn entities_that_nobody_declared() {
    let mut edge = Edge::new().await;
    edge.check("7", with_address("anna&foo;@example.com"), SCHEMA)
        .await;
    edge.check("7 HTML", with_address("anna&nbsp;@example.com"), SCHEMA)
        .await;
    edge.check(
        "7 predefined",
        with_address("&#97;nn&#x61;@example.com"),
        ANNA,
    )
    .await;
}

#[tokio::test]
async fn other_versions_of_soap() {
    let mut edge = Edge::new().await;
    for namespace in [
        "https://schemas.xmlsoap.org/soap/envelope/",
        "http://www.w3.org/2003/05/soap-envelope",
        "urn:soap",
    ] {
        edge.check("8", edited(SOAP, namespace), SoapFault("VersionMismatch"))
            .await;
    }
}

#[tokio::test]
async fn marks_and_encodings() {
    let mut edge = Edge::new().await;
    edge.check("11", format!("\u{FEFF}{}", ask().xml()), ANNA)
        .await;
    for declared in ["utf-16", "UTF-16LE", "ebcdic-cp-us", "x"] {
        let lie = edited(r#"encoding="utf-8""#, &format!(r#"encoding="{declared}""#));
        edge.check("13", lie, SCHEMA).await;
    }
    for declaration in [
        "",
        r#"<?xml version="1.0"?>"#,
        r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>"#,
    ] {
        let xml = edited(r#"<?xml version="1.0" encoding="utf-8"?>"#, declaration);
        edge.check("declaration", xml, ANNA).await;
    }
}

#[tokio::test]
async fn text_in_pieces() {
    let mut edge = Edge::new().await;
    for text in [
        "<![CDATA[anna@example.com]]>",
        "anna<![CDATA[@]]>example.com",
        "an<!-- not Anna? -->na@<?who knows?>example.com",
        "<!---->anna@example.com",
        "\r\n\tanna@example.com  ",
    ] {
        edge.check("15, 16", with_address(text), ANNA).await;
    }
    let between = ask().xml().replace("><t:", "><!-- & < ' --><?pi?>\n<t:");
    edge.check("16", between, ANNA).await;
    let around = format!("{}<!-- end --><?pi?>\n", ask().xml());
    edge.check("16", around, ANNA).await;
    edge.check("16", with_address("anna<!-- -- -->@example.com"), SCHEMA)
        .await;
}

#[tokio::test]
async fn prefixes_mean_nothing() {
    let mut edge = Edge::new().await;
    let plain = ask().xml();
    for prefix in ["SOAP-ENV", "soap", "_", "ä.1"] {
        edge.check("17", renamed(&plain, "s", prefix), ANNA).await;
    }
    // The prefix t for messages and m for types.
    let swapped = renamed(&renamed(&renamed(&plain, "t", "x"), "m", "t"), "x", "m");
    assert!(swapped.contains(&format!("xmlns:t=\"{MESSAGES}\"")));
    edge.check("17 swapped", swapped, ANNA).await;
    // The same prefix for two namespaces, one inside the other.
    let nested = plain
        .replace("<t:Email>", &format!("<m:Email xmlns:m=\"{TYPES}\">"))
        .replace("t:Email>", "m:Email>")
        .replace("t:Address>", "m:Address>");
    edge.check("17 re-declared", nested, ANNA).await;
    let defaults = plain
        .replace(
            "<m:GetUserAvailabilityRequest>",
            &format!("<GetUserAvailabilityRequest xmlns=\"{MESSAGES}\">"),
        )
        .replace(
            "</m:GetUserAvailabilityRequest>",
            "</GetUserAvailabilityRequest>",
        )
        .replace("m:MailboxDataArray", "MailboxDataArray")
        .replace(
            "<t:MailboxData>",
            &format!("<MailboxData xmlns=\"{TYPES}\">"),
        )
        .replace("</t:MailboxData>", "</MailboxData>")
        .replace("t:Email>", "Email>")
        .replace("t:Address>", "Address>");
    edge.check("17 defaults", defaults, ANNA).await;
    edge.check("17 undeclared", edited("xmlns:t=", "xmlns:u="), SCHEMA)
        .await;
}

/// The document with another prefix in the place of this one.
fn renamed(xml: &str, prefix: &str, other: &str) -> String {
    xml.replace(&format!("<{prefix}:"), &format!("<{other}:"))
        .replace(&format!("</{prefix}:"), &format!("</{other}:"))
        .replace(&format!("xmlns:{prefix}="), &format!("xmlns:{other}="))
}

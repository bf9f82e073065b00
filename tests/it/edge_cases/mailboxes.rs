//! `MailboxDataArray`: how many, whose, and who is asked how often.

use std::sync::Arc;
use std::time::Duration;

use calbridge::domain::MailboxError;
use calbridge::service::settings::SharingSettings;

use super::{ANNA_DIGITS, Codes, Digits, Edge, Fault, judge, post, put_anna};
use crate::gateway_world::{
    MemoryBackend, Question, ask, busy, endpoint, envelope, gateway, mailbox, texts,
};

#[tokio::test]
async fn from_none_to_too_many() {
    let mut edge = Edge::new().await;
    let none = ask().xml_of("");
    edge.check("28", none, Fault("ErrorMailboxDataArrayEmpty"))
        .await;
    let empty = ask().xml().replace("<s:Body>", "<s:Body>\n");
    edge.check("one", empty, Digits(ANNA_DIGITS)).await;
    let hundred: String = (0..100)
        .map(|n| mailbox(&format!("m{n}@example.com")))
        .collect();
    let codes = ["ErrorMailRecipientNotFound"; 100];
    edge.check("100", ask().xml_of(&hundred), Codes(&codes))
        .await;
    let too_many = format!("{hundred}{}", mailbox("anna@example.com"));
    let xml = ask().xml_of(&too_many);
    let answer = edge
        .check("29", xml, Fault("ErrorMailboxDataArrayTooBig"))
        .await;
    let text = "There are too many target users in the EmailAddress array. The allowed size = 100; the actual size = 101.";
    assert_eq!(texts(answer.text(), "faultstring"), [text]);
    assert_eq!(texts(answer.text(), "Message"), [text]);
}

#[tokio::test]
async fn duplicates_are_asked_once_and_answered_each() {
    let mut edge = Edge::new().await;
    edge.backend.take_asked();
    let mailboxes = "anna@example.com nobody@example.com ANNA@Example.COM smtp:Anna@example.com";
    let xml = Question { mailboxes, ..ask() }.xml();
    let codes = [
        "NoError",
        "ErrorMailRecipientNotFound",
        "NoError",
        "NoError",
    ];
    let answer = edge.check("30", xml, Codes(&codes)).await;
    assert_eq!(texts(answer.text(), "MergedFreeBusy"), [ANNA_DIGITS; 3]);
    let asked: Vec<String> = edge.backend.take_asked()[0]
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(asked, ["anna@example.com", "nobody@example.com"]);
}

#[tokio::test]
async fn addresses_of_every_kind() {
    let mut edge = Edge::new().await;
    edge.backend.put("anna@xn--mller-kva.example", Vec::new());
    let invalid = "ErrorInvalidSmtpAddress";
    let long = format!("{}@example.com", "a".repeat(300));
    let kinds = [
        ("", invalid),
        ("   ", invalid),
        ("foobar", invalid),
        ("anna @example.com", invalid),
        ("anna@exa mple.com", invalid),
        ("anna@example.com@example.com", invalid),
        ("\"anna\"@example.com", invalid),
        ("\"a b\"@example.com", invalid),
        ("anna@müller.example", invalid),
        ("änna@example.com", invalid),
        ("SMTP:", invalid),
        ("../anna@example.com", invalid),
        ("anna@example.com&#10;bcc: x", invalid),
        (long.as_str(), invalid),
        ("  anna@example.com ", "NoError"),
        ("SMTP:anna@example.com", "NoError"),
        ("smtp:ANNA@EXAMPLE.COM", "NoError"),
        ("anna@xn--mller-kva.example", "NoError"),
        ("anna@elsewhere.example", "ErrorMailRecipientNotFound"),
        ("anna@sub.example.com", "ErrorMailRecipientNotFound"),
        ("bob@example.com", "ErrorMailRecipientNotFound"),
    ];
    for (address, code) in kinds {
        let row = format!("31, 33 {address:?}");
        let xml = ask().xml_of(&mailbox(address));
        edge.check(&row, xml, Codes(&[code])).await;
    }
    // All in one, in their places.
    let all: String = kinds.iter().map(|(address, _)| mailbox(address)).collect();
    let codes = kinds.map(|(_, code)| code);
    edge.check("31, 33", ask().xml_of(&all), Codes(&codes))
        .await;
}

#[tokio::test]
async fn routing_types_and_optional_parts() {
    let mut edge = Edge::new().await;
    let data = |email: &str, rest: &str| {
        ask().xml_of(&format!(
            "<t:MailboxData><t:Email>{email}</t:Email>{rest}</t:MailboxData>"
        ))
    };
    let required = "<t:AttendeeType>Required</t:AttendeeType>";
    let legacy = "<t:Address>/o=Example/ou=First/cn=Recipients/cn=anna</t:Address><t:RoutingType>EX</t:RoutingType>";
    let not_found = ["ErrorMailRecipientNotFound"];
    edge.check("32", data(legacy, required), Codes(&not_found))
        .await;
    let anna = "<t:Address>anna@example.com</t:Address>";
    for (email, rest) in [
        (
            format!("{anna}<t:RoutingType>SMTP</t:RoutingType>"),
            required.to_owned(),
        ),
        (
            format!("{anna}<t:RoutingType>smtp</t:RoutingType>"),
            required.to_owned(),
        ),
        (
            format!("{anna}<t:RoutingType></t:RoutingType>"),
            required.to_owned(),
        ),
        (format!("<t:Name></t:Name>{anna}"), required.to_owned()),
        (
            format!("<t:Name>&lt;Anna &amp; co.&gt;</t:Name>{anna}"),
            required.to_owned(),
        ),
        (
            anna.to_owned(),
            "<t:AttendeeType> Room\n</t:AttendeeType>".to_owned(),
        ),
        (
            anna.to_owned(),
            format!("{required}<t:ExcludeConflicts>0</t:ExcludeConflicts>"),
        ),
        (
            anna.to_owned(),
            format!("{required}<t:ExcludeConflicts> true </t:ExcludeConflicts>"),
        ),
    ] {
        edge.check("optional parts", data(&email, &rest), Digits(ANNA_DIGITS))
            .await;
    }
    for rest in [
        "",
        "<t:AttendeeType>required</t:AttendeeType>",
        "<t:AttendeeType>Required</t:AttendeeType><t:ExcludeConflicts>yes</t:ExcludeConflicts>",
    ] {
        edge.check(
            "bad parts",
            data(anna, rest),
            Fault("ErrorSchemaValidation"),
        )
        .await;
    }
}

#[tokio::test]
async fn an_error_of_a_mailbox_has_all_its_parts_and_a_view() {
    let mut edge = Edge::new().await;
    let errors = "http://schemas.microsoft.com/exchange/services/2006/errors";
    for (error, code, number) in [
        (
            MailboxError::NotFound,
            "ErrorMailRecipientNotFound",
            Some("5009"),
        ),
        (
            MailboxError::NoAccess,
            "ErrorNoFreeBusyAccess",
            Some("5037"),
        ),
        (
            MailboxError::InvalidAddress,
            "ErrorInvalidSmtpAddress",
            Some("5035"),
        ),
        (
            MailboxError::EndpointFailed,
            "ErrorProxyRequestProcessingFailed",
            Some("5016"),
        ),
        (MailboxError::Timeout, "ErrorTimeoutExpired", None),
        (MailboxError::Throttled, "ErrorServerBusy", None),
        (
            MailboxError::GenerationFailed,
            "ErrorFreeBusyGenerationFailed",
            None,
        ),
        (
            MailboxError::ListTooLong,
            "ErrorFreeBusyDLLimitReached",
            None,
        ),
        (MailboxError::Loop, "ErrorProxyRequestNotAllowed", None),
    ] {
        edge.backend.put_outcome("odd@example.com", Err(error));
        let mailboxes = "odd@example.com anna@example.com";
        let xml = Question { mailboxes, ..ask() }.xml();
        let answer = edge.check(code, xml, Codes(&[code, "NoError"])).await;
        let text = answer.text();
        let start = "<FreeBusyResponseArray><FreeBusyResponse><ResponseMessage ResponseClass=\"Error\"><MessageText>";
        assert!(text.contains(start), "{text}");
        let middle = format!(
            "</MessageText><ResponseCode>{code}</ResponseCode><DescriptiveLinkKey>0</DescriptiveLinkKey><MessageXml><ExceptionType xmlns=\"{errors}\">"
        );
        assert!(text.contains(&middle), "{text}");
        let end = "</MessageXml></ResponseMessage><FreeBusyView><FreeBusyViewType xmlns=\"http://schemas.microsoft.com/exchange/services/2006/types\">None</FreeBusyViewType></FreeBusyView></FreeBusyResponse>";
        assert!(text.contains(end), "{text}");
        assert_eq!(texts(text, "ExceptionCode"), Vec::from_iter(number));
        assert_eq!(texts(text, "FreeBusyViewType"), ["None", "DetailedMerged"]);
    }
}

#[tokio::test]
async fn mixed_domains_keep_their_order() {
    let (hq, branch) = (MemoryBackend::new(), MemoryBackend::new());
    put_anna(&hq);
    branch.put(
        "ben@branch.example",
        vec![busy("2026-09-01T08:00", "2026-09-01T09:00")],
    );
    let patience = Duration::from_secs(20);
    let endpoints = vec![
        endpoint("hq", &["example.com"], Arc::clone(&hq), patience),
        endpoint(
            "branch",
            &["branch.example", "other.example"],
            Arc::clone(&branch),
            patience,
        ),
    ];
    let server = gateway(endpoints, SharingSettings::default(), |_| {}).await;
    let mailboxes = "ben@branch.example x@nowhere.example anna@example.com c@other.example \
                     bad ben@branch.example anna@example.com";
    let mut connection = server.connect().await;
    let answer = connection
        .ask(post(Question { mailboxes, ..ask() }.xml()))
        .await;
    let codes = [
        "NoError",
        "ErrorMailRecipientNotFound",
        "NoError",
        "ErrorMailRecipientNotFound",
        "ErrorInvalidSmtpAddress",
        "NoError",
        "NoError",
    ];
    judge("mixed domains", &answer, &Codes(&codes));
    let ben = "2000000000";
    assert_eq!(
        texts(answer.text(), "MergedFreeBusy"),
        [ben, ANNA_DIGITS, ben, ANNA_DIGITS]
    );
    let asked = |backend: &MemoryBackend| backend.take_asked().concat().len();
    assert_eq!((asked(&hq), asked(&branch)), (1, 2));
    let empty = connection.ask(post(envelope("", ""))).await;
    judge("mixed domains", &empty, &Fault("ErrorInvalidRequest"));
}

//! SOAP headers, and which operation is asked for.

use super::{ANNA_DIGITS, Codes, Digits, Edge, Events, Fault, SoapFault};
use crate::gateway_world::{Question, SOAP, ask, envelope, texts, version};

fn with_header(header: &str) -> String {
    Question { header, ..ask() }.xml()
}

#[tokio::test]
async fn server_versions() {
    let mut edge = Edge::new().await;
    let twice = version("Exchange2016").repeat(2);
    edge.check("23", with_header(&twice), Fault("ErrorDuplicateSOAPHeader"))
        .await;
    for word in [
        "Exchange2099",
        "V2018_01_08",
        "V2_2",
        "Exchange2015_SP1",
        "exchange2013",
        "",
    ] {
        let xml = with_header(&version(word));
        let answer = edge
            .check("24", xml, Fault("ErrorInvalidServerVersion"))
            .await;
        let text = ["The specified server version is invalid."];
        assert_eq!(texts(answer.text(), "faultstring"), text, "{word}");
        assert_eq!(texts(answer.text(), "Message"), text, "{word}");
    }
}

#[tokio::test]
async fn working_elsewhere_is_told_to_those_who_know_it() {
    let mut edge = Edge::new().await;
    for (row, header, kind) in [
        ("25", String::new(), "Free"),
        ("25 empty", " ".to_owned(), "Free"),
        ("version", version("Exchange2007_SP1"), "Free"),
        ("version", version("Exchange2010_SP2"), "Free"),
        ("version", version("Exchange2012"), "Free"),
        ("version", version("Exchange2013"), "WorkingElsewhere"),
        ("version", version("Exchange2016"), "WorkingElsewhere"),
        ("version", version("V2017_07_11"), "WorkingElsewhere"),
    ] {
        let events = [
            "2026-09-01T09:00:00 2026-09-01T10:00:00 Busy",
            "2026-09-01T11:30:00 2026-09-01T12:00:00 Tentative",
            "2026-09-01T14:00:00 2026-09-01T15:30:00 OOF",
            &format!("2026-09-01T16:00:00 2026-09-01T17:00:00 {kind}"),
        ];
        let answer = edge.check(row, with_header(&header), Events(&events)).await;
        // To everybody it is the digit 0.
        assert_eq!(texts(answer.text(), "MergedFreeBusy"), [ANNA_DIGITS]);
    }
}

#[tokio::test]
async fn one_operation_that_is_known() {
    let mut edge = Edge::new().await;
    let once = ask().xml();
    let (start, end) = ("<m:GetUserAvailabilityRequest>", "</s:Body>");
    let body = &once[once.find(start).unwrap()..once.find(end).unwrap()];
    let two = envelope("", &body.repeat(2));
    edge.check("26", two, Fault("ErrorSchemaValidation")).await;
    let two = envelope("", &format!("<m:FindFolder/>{body}"));
    edge.check("26", two, Fault("ErrorSchemaValidation")).await;
    for name in [
        "NoSuchOperation",
        "getUserAvailabilityRequest",
        "GetUserAvailability",
        "FindFolder",
        "FindItem",
        "GetDelegate",
        "FindPeople",
        "SendItem",
        "SubscribeToAnything.At-All",
    ] {
        let xml = envelope(
            &version("Exchange2016"),
            &format!("<m:{name}><t:X y=\"z\">1</t:X></m:{name}>"),
        );
        let answer = edge.check("27", xml, Fault("ErrorInvalidRequest")).await;
        let text = answer.text();
        assert_eq!(
            texts(text, "Message"),
            ["The request is invalid."],
            "{name}"
        );
        let told = format!(
            "<t:MessageXml xmlns:t=\"http://schemas.microsoft.com/exchange/services/2006/types\">\
             <t:Value Name=\"Operation\">{name}</t:Value><t:Value Name=\"RequestId\">"
        );
        assert!(text.contains(&told), "{name}: {text}");
    }
    let elsewhere = once.replace(
        "m:GetUserAvailabilityRequest",
        "t:GetUserAvailabilityRequest",
    );
    edge.check("27 namespace", elsewhere, Fault("ErrorInvalidRequest"))
        .await;
    edge.asked_one_by_one();
}

#[tokio::test]
async fn impersonation_needs_one_sid() {
    let mut edge = Edge::new().await;
    let sid = |content: &str| {
        with_header(&format!(
            "<t:ExchangeImpersonation><t:ConnectingSID>{content}</t:ConnectingSID></t:ExchangeImpersonation>"
        ))
    };
    let two = "<t:PrincipalName>a@example.com</t:PrincipalName><t:SmtpAddress>a@example.com</t:SmtpAddress>";
    edge.check("69", sid(two), Fault("ErrorSchemaValidation"))
        .await;
    let nothing = Fault("ErrorInvalidExchangeImpersonationHeaderData");
    edge.check("69", sid(""), nothing).await;
    edge.check("69", sid("<t:Nobody/>"), Fault("ErrorSchemaValidation"))
        .await;
    for name in ["PrincipalName", "PrimarySmtpAddress", "SmtpAddress"] {
        let own = format!("<t:{name}>{}</t:{name}>", crate::world::ACCOUNT);
        edge.check(
            "impersonating a role account",
            sid(&own),
            Digits(ANNA_DIGITS),
        )
        .await;
        let other = format!("<t:{name}>anna@example.com</t:{name}>");
        let answer = edge
            .check(
                "impersonating others",
                sid(&other),
                Fault("ErrorImpersonateUserDenied"),
            )
            .await;
        let text = "The account does not have permission to impersonate the requested user.";
        assert_eq!(texts(answer.text(), "Message"), [text]);
    }
}

#[tokio::test]
async fn headers_that_mean_nothing_and_headers_that_must_not() {
    let mut edge = Edge::new().await;
    let must = |value: &str| format!("<x:Y xmlns:x=\"urn:x\" s:mustUnderstand=\"{value}\"/>");
    for header in [
        "<t:MailboxCulture>de-DE</t:MailboxCulture><t:DateTimePrecision>Milliseconds</t:DateTimePrecision>".to_owned(),
        format!("<t:MailboxCulture xmlns:x=\"urn:x\" x:y=\"z\">de</t:MailboxCulture>{}", version("Exchange2016")),
        must("0"),
        "<x:Y xmlns:x=\"urn:x\" x:z=\"1\"><x:Z>1</x:Z></x:Y>".to_owned(),
    ] {
        edge.check("22, headers", with_header(&header), Digits(ANNA_DIGITS)).await;
    }
    for value in ["1", "true"] {
        edge.check(
            "mustUnderstand",
            with_header(&must(value)),
            SoapFault("MustUnderstand"),
        )
        .await;
    }
    for name in [
        "ManagementRole",
        "SerializedSecurityContext",
        "ProxySecurityContext",
        "OpenAsAdminOrSystemService",
    ] {
        let header = with_header(&format!("<t:{name}/>"));
        edge.check("privileged header", header, Fault("ErrorAccessDenied"))
            .await;
    }
}

#[tokio::test]
async fn server_version_info_stands_on_every_answer_that_is_no_fault() {
    let mut edge = Edge::new().await;
    let info = format!(
        "<s:Envelope xmlns:s=\"{SOAP}\"><s:Header><h:ServerVersionInfo MajorVersion=\"15\" MinorVersion=\"2\" \
         MajorBuildNumber=\"1748\" MinorBuildNumber=\"10\" Version=\"V2017_07_11\" xmlns:h="
    );
    let convert = "<m:ConvertId DestinationFormat=\"EntryId\"><m:SourceIds><t:AlternateId Format=\"EwsId\" Id=\"DUMMY\" Mailbox=\"DUMMY\"/></m:SourceIds></m:ConvertId>";
    let zones = "<m:GetServerTimeZones ReturnFullTimeZoneData=\"true\"><m:Ids><t:Id>UTC</t:Id><t:Id>W. Europe Standard Time</t:Id><t:Id>Nowhere</t:Id></m:Ids></m:GetServerTimeZones>";
    let short = zones.replace("true", "0");
    let resolve = |entry: &str| {
        format!(
            "<m:ResolveNames ReturnFullContactData=\"true\"><m:UnresolvedEntry>{entry}</m:UnresolvedEntry></m:ResolveNames>"
        )
    };
    let (known, unknown) = (resolve("smtp:Anna@example.com"), resolve("Anna"));
    for (row, body, codes) in [
        ("ConvertId", convert, "ErrorInvalidIdMalformed"),
        ("GetServerTimeZones", zones, "NoError"),
        ("GetServerTimeZones", &short, "NoError"),
        ("ResolveNames", &known, "NoError"),
        ("ResolveNames", &unknown, "ErrorNameResolutionNoResults"),
    ] {
        let answer = edge.check(row, envelope("", body), Codes(&[codes])).await;
        assert!(answer.text().contains(&info), "{row}");
        assert!(
            answer.text().contains("<m:") && answer.text().contains("xmlns:t="),
            "{row}"
        );
    }
    let answer = edge
        .check("GetUserAvailability", ask().xml(), Digits(ANNA_DIGITS))
        .await;
    assert!(answer.text().contains(&info));
    for entry in ["", " ", "<!-- -->"] {
        let xml = envelope("", &resolve(entry));
        edge.check("74", xml, Fault("ErrorSchemaValidation")).await;
    }
}

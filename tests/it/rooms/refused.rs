//! What is asked of rooms and is not known, or is no question at all.

use super::*;
use crate::world::{logged_in, request};

#[tokio::test]
async fn what_nobody_knows_gets_the_documented_error() {
    let folder = folder();
    let server = start(&folder, SharingSettings::default()).await;
    let nothing = "ErrorNameResolutionNoResults";
    for list in [
        "nobody@example.com",
        "aurora@example.com",
        "tower+3@example.com",
        "tower",
        "*",
        "tower*@example.com",
        &"l".repeat(10_000),
        &format!("{}@example.com", "l".repeat(10_000)),
    ] {
        let (status, answer) = ask(&server, &get_rooms(list)).await;
        assert_eq!(status, 200);
        assert!(
            answer.contains(
                "<MessageText>No results were found.</MessageText><ResponseCode>ErrorNameResolutionNoResults\
                 </ResponseCode><DescriptiveLinkKey>0</DescriptiveLinkKey></GetRoomsResponse>"
            ),
            "{answer}"
        );
        let (_, answer) = ask(&server, &expand(list)).await;
        assert_eq!(texts(&answer, "ResponseCode"), [nothing]);
    }
    for entry in [
        "*",
        "r*",
        "roo?",
        "%",
        ".*",
        "room\\",
        "oom",
        "@",
        "@example.com",
        "*@example.com",
        &"r".repeat(10_000),
    ] {
        let (status, answer) = ask(&server, &resolve(entry, true)).await;
        assert_eq!(status, 200);
        assert_eq!(texts(&answer, "ResponseCode"), [nothing], "{entry:.20}");
    }
    let no_address = "<m:GetRooms><m:RoomList/></m:GetRooms>";
    assert_eq!(
        texts(&ask(&server, no_address).await.1, "ResponseCode"),
        [nothing]
    );
}

#[tokio::test]
async fn what_the_schema_forbids_is_refused() {
    let folder = folder();
    let server = start(&folder, SharingSettings::default()).await;
    for broken in [
        "<m:GetRooms/>",
        "<m:GetRoomLists><m:RoomList/></m:GetRoomLists>",
        "<m:GetRoomLists Traversal=\"Deep\"/>",
        "<m:ExpandDL/>",
        &get_rooms(""),
        &expand(" "),
        &get_rooms("a@example.com").replace("t:EmailAddress", "m:EmailAddress"),
        &get_rooms(
            "a@example.com</t:EmailAddress><t:MailboxType>Room</t:MailboxType><t:EmailAddress>",
        ),
        &resolve("", true),
        &resolve("aur", true).replace("true", "perhaps"),
    ] {
        let (status, answer) = ask(&server, broken).await;
        assert_eq!(status, 500, "{broken}");
        assert_eq!(texts(&answer, "ResponseCode"), ["ErrorSchemaValidation"]);
    }
}

/// As where an endpoint's URL is the gateway's own: it would wait for itself.
#[tokio::test]
async fn a_question_that_comes_back_is_not_waited_for() {
    let folder = folder();
    let server = start(&folder, SharingSettings::default()).await;
    let mut connection = server.connect().await;
    let annex = "annex@example.com";
    for (body, code) in [
        ("<m:GetRoomLists/>".to_owned(), "NoError"),
        (get_rooms(annex), "NoError"),
        (expand(annex), "NoError"),
        (resolve("room", false), "ErrorNameResolutionMultipleResults"),
    ] {
        for (via, expect) in [
            ("one, two, three", code),
            ("one, two, three, four", "ErrorInternalServerTransientError"),
        ] {
            let headers = format!(
                "Authorization: {}\r\nX-Calbridge-Via: {via}\r\n",
                logged_in()
            );
            let asked = request("POST", &headers, &envelope("", &body));
            let answer = connection.ask(asked).await;
            let codes = texts(answer.text(), "ResponseCode");
            assert_eq!(codes, [expect], "{via}: {body}");
        }
    }
}

//! What clients call when they start, over a real socket: folders, ids, out-of-office settings, and changes of items, which
//! are refused one by one.

use std::time::Duration;

use calbridge::service::settings::SharingSettings;

use crate::edge_cases::post;
use crate::gateway_world::{MemoryBackend, endpoint, envelope, gateway, texts, version};
use crate::world::{ACCOUNT, TestServer, keep_answer};

async fn server() -> TestServer {
    let backend = MemoryBackend::new();
    let endpoints = vec![endpoint(
        "memory",
        &["example.com"],
        backend,
        Duration::from_secs(20),
    )];
    gateway(endpoints, SharingSettings::default(), |_| {}).await
}

/// The answer's document, with status 200.
async fn ask(server: &TestServer, body: &str) -> String {
    let xml = envelope(&version("Exchange2016"), body);
    let mut connection = server.connect().await;
    let answer = connection.ask(post(xml)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    keep_answer(&answer.body);
    answer.text().to_owned()
}

fn get_folder(shape: &str, ids: &str) -> String {
    format!(
        "<m:GetFolder><m:FolderShape>{shape}</m:FolderShape><m:FolderIds>{ids}</m:FolderIds></m:GetFolder>"
    )
}

fn distinguished(name: &str) -> String {
    format!("<t:DistinguishedFolderId Id=\"{name}\"/>")
}

const ID_ONLY: &str = "<t:BaseShape>IdOnly</t:BaseShape>";
const FOLDERS: [(&str, &str, &str); 10] = [
    ("root", "Folder", "Root"),
    ("msgfolderroot", "Folder", "Top of Information Store"),
    ("inbox", "Folder", "Inbox"),
    ("calendar", "CalendarFolder", "Calendar"),
    ("contacts", "ContactsFolder", "Contacts"),
    ("sentitems", "Folder", "Sent Items"),
    ("drafts", "Folder", "Drafts"),
    ("deleteditems", "Folder", "Deleted Items"),
    ("junkemail", "Folder", "Junk Email"),
    ("outbox", "Folder", "Outbox"),
];

/// The value of every `Id` attribute of an element with this local name.
fn ids(document: &str, local: &str) -> Vec<String> {
    let tag = format!("<t:{local} Id=\"");
    document
        .split(&tag)
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn the_usual_folders_are_there_and_empty() {
    let server = server().await;
    let every: String = FOLDERS
        .iter()
        .map(|(name, ..)| distinguished(name))
        .collect();
    let all = ask(
        &server,
        &get_folder("<t:BaseShape>AllProperties</t:BaseShape>", &every),
    )
    .await;
    assert_eq!(texts(&all, "ResponseCode"), ["NoError"; 10]);
    assert_eq!(texts(&all, "TotalCount"), ["0"; 10]);
    assert_eq!(texts(&all, "ChildFolderCount"), ["0"; 10]);
    let names = FOLDERS.map(|(.., display)| display);
    assert_eq!(texts(&all, "DisplayName"), names);
    assert_eq!(
        texts(&all, "DistinguishedFolderId"),
        FOLDERS.map(|(name, ..)| name)
    );
    for (_, tag, _) in FOLDERS {
        let expect = FOLDERS.iter().filter(|(_, other, _)| *other == tag).count();
        assert_eq!(all.matches(&format!("<t:{tag}>")).count(), expect);
    }
    // The ids are the same each time, and lead to the same folders.
    let only = ask(&server, &get_folder(ID_ONLY, &every)).await;
    let known = ids(&only, "FolderId");
    assert_eq!(known, ids(&all, "FolderId"));
    assert!(!only.contains("DisplayName"));
    let by_id = known
        .iter()
        .map(|id| format!("<t:FolderId Id=\"{id}\" ChangeKey=\"old\"/>"))
        .collect::<Vec<_>>()
        .concat();
    let shape = "<t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties><t:FieldURI FieldURI=\"folder:DisplayName\"/>\
                 <t:ExtendedFieldURI PropertyTag=\"0x670a\" PropertyType=\"SystemTime\"/></t:AdditionalProperties>";
    let again = ask(&server, &get_folder(shape, &by_id)).await;
    assert_eq!(texts(&again, "DisplayName"), names);
    assert_eq!(ids(&again, "FolderId"), known);
}

#[tokio::test]
async fn other_folders_are_not_found() {
    let server = server().await;
    let own = format!(
        "<t:DistinguishedFolderId Id=\"inbox\"><t:Mailbox><t:EmailAddress>{}</t:EmailAddress></t:Mailbox></t:DistinguishedFolderId>",
        ACCOUNT.to_uppercase()
    );
    let asked = [
        distinguished("tasks"),
        distinguished("nonsense"),
        own.clone(),
        own.replace(&ACCOUNT.to_uppercase(), "anna@example.com"),
        "<t:FolderId Id=\"AAMkA\"/>".to_owned(),
    ];
    let answer = ask(&server, &get_folder(ID_ONLY, &asked.concat())).await;
    assert_eq!(
        texts(&answer, "ResponseCode"),
        [
            "ErrorFolderNotFound",
            "ErrorFolderNotFound",
            "NoError",
            "ErrorFolderNotFound",
            "ErrorFolderNotFound"
        ]
    );
}

#[tokio::test]
async fn own_ids_are_converted_and_tell_the_login() {
    let server = server().await;
    let root = ask(&server, &get_folder(ID_ONLY, &distinguished("root"))).await;
    let id = &ids(&root, "FolderId")[0];
    let convert = format!(
        "<m:ConvertId DestinationFormat=\"EntryId\"><m:SourceIds>\
         <t:AlternateId Format=\"EwsId\" Id=\"{id}\" Mailbox=\"DUMMY\"/>\
         <t:AlternateId Format=\"EwsId\" Id=\"DUMMY\" Mailbox=\"DUMMY\"/>\
         <t:AlternatePublicFolderId Format=\"EwsId\" FolderId=\"{id}\"/></m:SourceIds></m:ConvertId>"
    );
    let answer = ask(&server, &convert).await;
    assert_eq!(
        texts(&answer, "ResponseCode"),
        [
            "NoError",
            "ErrorInvalidIdMalformed",
            "ErrorInvalidIdMalformed"
        ]
    );
    assert!(answer.contains(&format!(
        "<m:AlternateId xsi:type=\"t:AlternateIdType\" Format=\"EntryId\" Id=\"{id}\" Mailbox=\"{ACCOUNT}\"/>"
    )));
}

#[tokio::test]
async fn nobody_is_told_to_be_away_and_nothing_is_said_of_others() {
    let server = server().await;
    let asked = |address: &str| {
        format!(
            "<m:GetUserOofSettingsRequest><t:Mailbox><t:Name/><t:Address>{address}</t:Address><t:RoutingType>SMTP</t:RoutingType></t:Mailbox></m:GetUserOofSettingsRequest>"
        )
    };
    let own = ask(&server, &asked(ACCOUNT)).await;
    assert_eq!(texts(&own, "OofState"), ["Disabled"]);
    for other in ["anna@example.com", "", "nobody"] {
        let denied = ask(&server, &asked(other)).await;
        assert_eq!(texts(&denied, "ResponseCode"), ["ErrorAccessDenied"]);
        assert!(!denied.contains("OofState"));
    }
}

#[tokio::test]
async fn changes_are_refused_item_by_item() {
    let server = server().await;
    let item = "<t:CalendarItem><t:Subject>Plan</t:Subject></t:CalendarItem>";
    let change = "<t:ItemChange><t:ItemId Id=\"AAAA\"/><t:Updates/></t:ItemChange>";
    for (body, message) in [
        (
            format!("<m:CreateItem SendMeetingInvitations=\"SendToNone\"><m:SavedItemFolderId><t:DistinguishedFolderId Id=\"calendar\"/></m:SavedItemFolderId><m:Items>{item}{item}</m:Items></m:CreateItem>"),
            "CreateItemResponseMessage",
        ),
        (
            format!("<m:UpdateItem ConflictResolution=\"AutoResolve\"><m:ItemChanges>{change}{change}</m:ItemChanges></m:UpdateItem>"),
            "UpdateItemResponseMessage",
        ),
        (
            "<m:DeleteItem DeleteType=\"HardDelete\"><m:ItemIds><t:ItemId Id=\"AAAA\"/><t:ItemId Id=\"BBBB\"/></m:ItemIds></m:DeleteItem>".to_owned(),
            "DeleteItemResponseMessage",
        ),
    ] {
        let answer = ask(&server, &body).await;
        assert_eq!(texts(&answer, "ResponseCode"), ["ErrorAccessDenied"; 2]);
        assert_eq!(answer.matches(&format!("<m:{message} ResponseClass=\"Error\">")).count(), 2);
    }
}

#[tokio::test]
async fn what_the_schema_does_not_allow_is_refused() {
    let server = server().await;
    for body in [
        get_folder("", &distinguished("root")),
        get_folder("<t:BaseShape>Everything</t:BaseShape>", &distinguished("root")),
        get_folder(ID_ONLY, ""),
        get_folder(ID_ONLY, "<t:DistinguishedFolderId/>"),
        "<m:ConvertId DestinationFormat=\"Odd\"><m:SourceIds><t:AlternateId Format=\"EwsId\" Id=\"a\" Mailbox=\"b\"/></m:SourceIds></m:ConvertId>".to_owned(),
        "<m:CreateItem><m:Items/></m:CreateItem>".to_owned(),
        "<m:UpdateItem><m:ItemChanges><t:ItemChange/></m:ItemChanges></m:UpdateItem>".to_owned(),
        "<m:DeleteItem><m:ItemIds><t:ItemId Id=\"A\"/></m:ItemIds></m:DeleteItem>".to_owned(),
        "<m:GetUserOofSettingsRequest/>".to_owned(),
    ] {
        let xml = envelope(&version("Exchange2016"), &body);
        let mut connection = server.connect().await;
        let answer = connection.ask(post(xml)).await;
        assert_eq!(answer.status, 500, "{body}");
        assert!(answer.text().contains("ErrorSchemaValidation"), "{body}");
    }
}

//! Rooms of an Exchange server, scripted over real TLS sockets: lists of exactly a hundred, servers without rooms, details,
//! and what becomes of calls that nobody waits for.

mod lists;

use std::fmt::Write as _;
use std::sync::Arc;

use calbridge::backend::EndpointError;
use calbridge::backend::rooms::OutsideRequests;
use calbridge::codec::ews::Fault;
use calbridge::domain::SmtpAddress;
use calbridge::service::settings::SharingSettings;

use crate::ews_backend::endpoint;
use crate::gateway_world::{MESSAGES, SOAP, TYPES, envelope, gateway, texts};
use crate::upstream::{Reply, Request, Upstream};
use crate::world::{TestServer, keep_answer, post};

/// What a server answers, whatever it is asked.
pub(crate) type Script = fn() -> Reply;

pub(crate) fn soap(body: &str) -> Reply {
    Reply::xml(
        200,
        format!(
            r#"<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="{SOAP}" xmlns:m="{MESSAGES}" xmlns:t="{TYPES}"><s:Body>{body}</s:Body></s:Envelope>"#
        ),
    )
}

pub(crate) fn mailbox(element: &str, name: &str, kind: &str) -> String {
    format!(
        "<t:{element}><t:Name>{name}</t:Name><t:EmailAddress>{name}@Example.com</t:EmailAddress>\
         <t:RoutingType>SMTP</t:RoutingType><t:MailboxType>{kind}</t:MailboxType></t:{element}>"
    )
}

pub(crate) fn lists(names: &[&str]) -> Reply {
    let lists: String = names
        .iter()
        .map(|name| mailbox("Address", name, "PublicDL"))
        .collect();
    soap(&format!(
        "<m:GetRoomListsResponse ResponseClass=\"Success\"><m:ResponseCode>NoError</m:ResponseCode>\
         <m:RoomLists>{lists}</m:RoomLists></m:GetRoomListsResponse>"
    ))
}

pub(crate) fn rooms(count: usize) -> Reply {
    let mut rooms = String::new();
    for number in 0..count {
        let id = mailbox("Id", &format!("room{number:03}"), "Mailbox");
        write!(rooms, "<t:Room>{id}</t:Room>").unwrap();
    }
    soap(&format!(
        "<m:GetRoomsResponse ResponseClass=\"Success\"><m:ResponseCode>NoError</m:ResponseCode>\
         <m:Rooms>{rooms}</m:Rooms></m:GetRoomsResponse>"
    ))
}

/// So many rooms, and a list in the list.
fn members(count: usize) -> Reply {
    members_and(count, "", true)
}

/// The same with `others`, and whether that is said to be all.
fn members_and(count: usize, others: &str, is_whole: bool) -> Reply {
    let rooms = (0..count).map(|number| mailbox("Mailbox", &format!("room{number:03}"), "Mailbox"));
    let members: String = rooms
        .chain([mailbox("Mailbox", "inner", "PublicDL")])
        .collect();
    soap(&format!(
        "<m:ExpandDLResponse><m:ResponseMessages><m:ExpandDLResponseMessage ResponseClass=\"Success\">\
         <m:ResponseCode>NoError</m:ResponseCode><m:DLExpansion TotalItemsInView=\"{count}\" \
         IncludesLastItemInRange=\"{is_whole}\">{members}{others}</m:DLExpansion></m:ExpandDLResponseMessage>\
         </m:ResponseMessages></m:ExpandDLResponse>"
    ))
}

fn no_results(operation: &str) -> Reply {
    refused(operation, "ErrorNameResolutionNoResults")
}

pub(crate) fn refused(operation: &str, code: &str) -> Reply {
    soap(&format!(
        "<m:{operation}Response ResponseClass=\"Error\"><m:MessageText>No.</m:MessageText>\
         <m:ResponseCode>{code}</m:ResponseCode><m:DescriptiveLinkKey>0</m:DescriptiveLinkKey>\
         </m:{operation}Response>"
    ))
}

pub(crate) fn asks(request: &Request, operation: &str) -> bool {
    request.body.contains(&format!("<m:{operation}"))
}

/// The codes of an answer, and the addresses in it.
async fn told(server: &TestServer, question: &str) -> (Vec<String>, Vec<String>) {
    let request = post(&envelope("", question));
    let answer = server.connect().await.ask(request).await;
    keep_answer(&answer.body);
    let all = |name| texts(answer.text(), name);
    (all("ResponseCode"), all("EmailAddress"))
}

fn of_list(operation: &str, element: &str, list: &str) -> String {
    format!(
        "<m:{operation}><m:{element}><t:EmailAddress>{list}@example.com</t:EmailAddress></m:{element}></m:{operation}>"
    )
}

#[tokio::test]
async fn callers_are_told_all_rooms_of_the_server() {
    let upstream = Upstream::start(|_, request| {
        if asks(request, "GetRoomLists") {
            lists(&["long", "secret"])
        } else if request.body.contains("secret@example.com") {
            refused("GetRooms", "ErrorAccessDenied")
        } else if asks(request, "ExpandDL") {
            members(130)
        } else {
            rooms(100)
        }
    })
    .await;
    let endpoints = vec![Arc::new(endpoint(&upstream))];
    let server = gateway(endpoints, SharingSettings::default(), |_| {}).await;
    let well = || vec!["NoError".to_owned()];
    let all = ["long@example.com", "long+2@example.com"].map(str::to_owned);
    assert_eq!(
        told(&server, "<m:GetRoomLists/>").await,
        (well(), all.to_vec())
    );
    let part = |numbers: std::ops::Range<usize>| -> Vec<String> {
        let rooms = numbers.map(|number| format!("room{number:03}@example.com"));
        rooms.collect()
    };
    for (list, expect) in [("long", part(0..100)), ("long+2", part(100..130))] {
        for question in [
            of_list("GetRooms", "RoomList", list),
            of_list("ExpandDL", "Mailbox", list),
        ] {
            let answer = told(&server, &question).await;
            assert_eq!(answer, (well(), expect.clone()), "{question}");
        }
    }
    let nothing = vec!["ErrorNameResolutionNoResults".to_owned()];
    for question in [
        of_list("GetRooms", "RoomList", "secret"),
        of_list("ExpandDL", "Mailbox", "secret"),
    ] {
        assert_eq!(
            told(&server, &question).await,
            (nothing.clone(), Vec::new())
        );
    }
    let asked = upstream.requests();
    let lists = asked.iter().filter(|one| asks(one, "GetRoomLists")).count();
    assert_eq!((lists, asked.len()), (1, 4), "nothing is asked twice");
}

#[tokio::test]
async fn callers_are_told_of_a_server_that_tells_nothing() {
    // Nothing is known for good; nothing is known now.
    let none = vec!["NoError".to_owned()];
    let later = vec!["ErrorInternalServerTransientError".to_owned()];
    let replies: [(_, Script); 3] = [
        (none, || refused("GetRoomLists", "ErrorAccessDenied")),
        (later.clone(), || Reply::xml(200, "<html>Sign in</html>")),
        (later, || Reply::status(503, &[])),
    ];
    for (expect, reply) in replies {
        let upstream = Upstream::start(move |_, _| reply()).await;
        let endpoints = vec![Arc::new(endpoint(&upstream))];
        let server = gateway(endpoints, SharingSettings::default(), |_| {}).await;
        let answer = told(&server, "<m:GetRoomLists/>").await;
        assert_eq!(answer, (expect, Vec::new()));
    }
}

#[tokio::test]
async fn a_server_without_rooms_has_none() {
    // As gromox says it.
    let plain = |code: &str, text: &str| {
        format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><SOAP:Envelope xmlns:SOAP=\"{SOAP}\"><SOAP:Body><SOAP:Fault>\
             <faultcode>{code}</faultcode><faultstring>{text}</faultstring></SOAP:Fault></SOAP:Body></SOAP:Envelope>"
        )
        .into_bytes()
    };
    let unknown = "Unknown request 'GetRoomLists'.";
    for (fault, has_none) in [
        (
            Fault::InvalidRequest(Some("GetRoomLists".into())).write(),
            true,
        ),
        (plain("SOAP:Server", unknown), true),
        (plain("SOAP:Client", unknown), true),
        (plain("Client", unknown), true),
        (plain("SOAP:Server", "Out of memory"), false),
    ] {
        let row = String::from_utf8_lossy(&fault).into_owned();
        let upstream = Upstream::start(move |_, _| Reply::xml(500, fault.clone())).await;
        let stock = endpoint(&upstream).rooms().await;
        let lists = stock.ok().map(|stock| stock.lists.len());
        assert_eq!(lists, has_none.then_some(0), "{row}");
    }
}

#[tokio::test]
async fn a_failure_is_not_taken_for_no_rooms() {
    for (row, reply) in [
        ("a fault", Fault::InternalServerError.write()),
        ("another operation", b"<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><m:GetRoomsResponse xmlns:m=\"m\"/></s:Body></s:Envelope>".to_vec()),
        ("no code", b"<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><m:GetRoomListsResponse xmlns:m=\"m\"><m:RoomLists/></m:GetRoomListsResponse></s:Body></s:Envelope>".to_vec()),
        ("a login page", b"<html></html>".to_vec()),
    ] {
        let upstream = Upstream::start(move |_, _| Reply::xml(200, reply.clone())).await;
        assert!(endpoint(&upstream).rooms().await.is_err(), "{row}");
    }
}

#[tokio::test]
async fn details_and_names_come_from_resolve_names() {
    let contact = |kind: &str, name: &str| {
        format!(
            "<t:Resolution>{}<t:Contact><t:DisplayName>{name} (12)</t:DisplayName><t:EmailAddresses/>\
             <t:OfficeLocation>Head office</t:OfficeLocation></t:Contact></t:Resolution>",
            mailbox("Mailbox", name, kind)
        )
    };
    let found = [
        contact("Mailbox", "room000"),
        contact("PublicDL", "list"),
        contact("Mailbox", "anna"),
    ]
    .concat();
    let answer = format!(
        "<m:ResolveNamesResponse><m:ResponseMessages><m:ResolveNamesResponseMessage ResponseClass=\"Warning\">\
         <m:MessageText>Multiple results were found.</m:MessageText>\
         <m:ResponseCode>ErrorNameResolutionMultipleResults</m:ResponseCode><m:DescriptiveLinkKey>0</m:DescriptiveLinkKey>\
         <m:ResolutionSet TotalItemsInView=\"3\" IncludesLastItemInRange=\"false\">{found}</m:ResolutionSet>\
         </m:ResolveNamesResponseMessage></m:ResponseMessages></m:ResolveNamesResponse>"
    );
    let upstream = Upstream::start(move |_, _| soap(&answer)).await;
    let endpoint = Arc::new(endpoint(&upstream));
    let address = SmtpAddress::parse("room000@example.com").unwrap();
    let room = endpoint
        .room_in_background(&address)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(&*room.name, "room000");
    assert_eq!(room.details.building.as_deref(), Some("Head office"));
    let soon = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
    let found = endpoint.search("a & b", soon).await.unwrap();
    let names: Vec<_> = found.listed.iter().map(|one| &*one.name).collect();
    assert_eq!((names, found.more), (vec!["room000", "anna"], true));
    let asked: Vec<_> = upstream
        .requests()
        .iter()
        .map(|request| texts(&request.body, "UnresolvedEntry").join(""))
        .collect();
    assert_eq!(asked, ["smtp:room000@example.com", "a &amp; b"]);
    match endpoint.outside_requests(&address) {
        OutsideRequests::Unknown { look_up } => assert_eq!(
            look_up,
            "Get-CalendarProcessing -Identity 'room000@example.com' | Format-List AutomateProcessing,ProcessExternalMeetingMessages"
        ),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_server_that_is_busy_is_not_asked_on() {
    let busy = || Fault::ServerBusy(std::time::Duration::from_mins(5)).write();
    let upstream = Upstream::start(move |_, _| Reply::xml(500, busy())).await;
    let failed = endpoint(&upstream).rooms().await;
    assert!(
        matches!(failed, Err(EndpointError::Throttled { .. })),
        "{failed:?}"
    );
    assert_eq!(upstream.requests().len(), 1);
}

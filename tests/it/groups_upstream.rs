//! Suggestions for distribution lists of an Exchange server, scripted over real TLS sockets: members are counted where the
//! server tells all of them, and whatever else it says makes nobody free.

use std::sync::Arc;

use calbridge::codec::ews::Fault;
use calbridge::service::settings::SharingSettings;

use crate::ews_backend::endpoint;
use crate::gateway_world::{envelope, gateway, texts};
use crate::groups::{at_nine, check};
use crate::rooms_upstream::{self, Script, asks, mailbox, soap};
use crate::upstream::{Reply, Request, Upstream};
use crate::world::{TestServer, post};

const TEAM: &str = "team@example.com";

/// Digits alone of the team and what ends in `-team`, all of them Busy; an hour from nine of Anna; of others that they are free.
fn availability(request: &Request) -> Reply {
    let addresses = texts(&request.body, "Address");
    let responses = addresses.iter().map(|address| response(address, request));
    let responses: String = responses.collect();
    soap(&format!(
        "<m:GetUserAvailabilityResponse><m:FreeBusyResponseArray>{responses}</m:FreeBusyResponseArray></m:GetUserAvailabilityResponse>"
    ))
}

fn response(address: &str, request: &Request) -> String {
    let view = if address.contains("team") {
        let digits = "2".repeat(slots(request));
        format!(
            "<t:FreeBusyViewType>MergedOnly</t:FreeBusyViewType><t:MergedFreeBusy>{digits}</t:MergedFreeBusy>"
        )
    } else {
        let event = if address.contains("anna") {
            "<t:CalendarEventArray><t:CalendarEvent><t:StartTime>2026-09-01T09:00:00</t:StartTime>\
             <t:EndTime>2026-09-01T10:00:00</t:EndTime><t:BusyType>Busy</t:BusyType></t:CalendarEvent>\
             </t:CalendarEventArray>"
        } else {
            ""
        };
        format!("<t:FreeBusyViewType>FreeBusy</t:FreeBusyViewType>{event}")
    };
    format!(
        "<m:FreeBusyResponse><m:ResponseMessage ResponseClass=\"Success\"><m:ResponseCode>NoError</m:ResponseCode>\
         </m:ResponseMessage><m:FreeBusyView>{view}</m:FreeBusyView></m:FreeBusyResponse>"
    )
}

/// How many digits the question wants.
fn slots(request: &Request) -> usize {
    let one = |name: &str| texts(&request.body, name).remove(0);
    let at =
        |name: &str| -> jiff::civil::DateTime { one(name).trim_end_matches('Z').parse().unwrap() };
    let length = at("EndTime").duration_since(at("StartTime"));
    let interval: i64 = one("MergedFreeBusyIntervalInMinutes").parse().unwrap();
    usize::try_from(length.as_mins() / interval).unwrap()
}

fn expansion(members: &str, is_whole: bool) -> Reply {
    soap(&format!(
        "<m:ExpandDLResponse><m:ResponseMessages><m:ExpandDLResponseMessage ResponseClass=\"Success\">\
         <m:ResponseCode>NoError</m:ResponseCode><m:DLExpansion TotalItemsInView=\"2\" IncludesLastItemInRange=\"{is_whole}\">\
         {members}</m:DLExpansion></m:ExpandDLResponseMessage></m:ResponseMessages></m:ExpandDLResponse>"
    ))
}

fn members(names: &[&str]) -> String {
    let members = names.iter().map(|name| mailbox("Mailbox", name, "Mailbox"));
    members.collect()
}

fn refused(code: &str) -> Reply {
    soap(&format!(
        "<m:ExpandDLResponse><m:ResponseMessages><m:ExpandDLResponseMessage ResponseClass=\"Error\">\
         <m:MessageText>No.</m:MessageText><m:ResponseCode>{code}</m:ResponseCode><m:DescriptiveLinkKey>0</m:DescriptiveLinkKey>\
         </m:ExpandDLResponseMessage></m:ResponseMessages></m:ExpandDLResponse>"
    ))
}

/// A gateway before a server that answers ExpandDL so.
async fn over(expand: impl Fn() -> Reply + Send + Sync + 'static) -> (TestServer, Upstream) {
    let upstream = Upstream::start(move |_, request| {
        if asks(request, "ExpandDL") {
            expand()
        } else {
            availability(request)
        }
    })
    .await;
    let endpoints = vec![Arc::new(endpoint(&upstream))];
    let server = gateway(endpoints, SharingSettings::default(), |_| {}).await;
    (server, upstream)
}

/// What the team is at nine.
async fn team(expand: impl Fn() -> Reply + Send + Sync + 'static) -> String {
    let (server, _upstream) = over(expand).await;
    at_nine(&server, TEAM).await
}

#[tokio::test]
async fn the_members_that_the_server_tells_are_counted() {
    let two = team(|| expansion(&members(&["anna", "bernd"]), true)).await;
    check(&two, [2, 1, 1, 0], "Fair");
    // A list in the list is one member, by its digits; of a domain that no endpoint has, nothing is known.
    let mixed = || {
        let nested = mailbox("Mailbox", "sub-team", "PublicDL");
        let foreign =
            mailbox("Mailbox", "x", "Contact").replace("@Example.com", "@elsewhere.example");
        expansion(&[members(&["bernd"]), nested, foreign].concat(), true)
    };
    check(&team(mixed).await, [3, 1, 1, 1], "Poor");
}

#[tokio::test]
async fn a_list_that_is_told_in_part_is_unknown() {
    let legacy = "<t:Mailbox><t:Name>Old</t:Name><t:EmailAddress>/o=Org/cn=Old</t:EmailAddress><t:RoutingType>EX</t:RoutingType></t:Mailbox>";
    for (row, members, is_whole) in [
        ("more than told", members(&["anna"]), false),
        (
            "nobody, as of lists with secret members",
            String::new(),
            true,
        ),
        ("no SMTP address", members(&["anna"]) + legacy, true),
    ] {
        let told = team(move || expansion(&members, is_whole)).await;
        assert!(
            told.contains("<UnknownAttendeeConflictData/>"),
            "{row}: {told}"
        );
        assert_eq!(texts(&told, "SuggestionQuality"), ["Poor"], "{row}");
    }
}

#[tokio::test]
async fn garbage_is_no_expansion() {
    for garbage in [
        "<html><body>Sign in</body></html>",
        "nonsense",
        "",
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body/></s:Envelope>",
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><m:ExpandDLResponse xmlns:m=\"m\"><m:Res",
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><m:GetRoomsResponse xmlns:m=\"m\"/></s:Body></s:Envelope>",
        "<!DOCTYPE a [<!ENTITY b \"c\">]><s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"/>",
    ] {
        let told = team(move || Reply::xml(200, garbage)).await;
        assert!(
            told.contains("<UnknownAttendeeConflictData/>"),
            "{garbage}: {told}"
        );
        assert_eq!(texts(&told, "SuggestionQuality"), ["Poor"]);
    }
}

#[tokio::test]
async fn more_than_a_hundred_members_are_too_many() {
    let names: Vec<_> = (0..101).map(|number| format!("m{number}")).collect();
    let told = team(move || {
        expansion(
            &members(&names.iter().map(String::as_str).collect::<Vec<_>>()),
            true,
        )
    })
    .await;
    assert!(
        told.contains("<TooBigGroupAttendeeConflictData/>"),
        "{told}"
    );
}

#[tokio::test]
async fn a_refusal_leaves_the_merged_times() {
    let busy = || Fault::ServerBusy(std::time::Duration::from_mins(5)).write();
    let replies: [(&str, Script); 4] = [
        ("no such list", || refused("ErrorNameResolutionNoResults")),
        ("no access", || refused("ErrorAccessDenied")),
        ("not supported", || {
            Reply::xml(500, Fault::InvalidRequest(None).write())
        }),
        ("a reset", || Reply::Reset(Vec::new())),
    ];
    for (row, reply) in replies {
        let told = team(reply).await;
        // Whether it is a list at all nobody has said: it is what the server told of it as a mailbox.
        assert!(
            told.contains("<IndividualAttendeeConflictData><BusyType>Busy</BusyType>"),
            "{row}: {told}"
        );
    }
    let told = team(move || Reply::xml(500, busy())).await;
    assert!(told.contains("<BusyType>Busy</BusyType>"), "{told}");
}

#[tokio::test]
async fn lists_that_are_none_of_rooms_are_never_expanded_for_callers() {
    let (server, upstream) = over(|| expansion(&members(&["anna", "bernd"]), true)).await;
    let question = format!(
        "<m:ExpandDL><m:Mailbox><t:EmailAddress>{TEAM}</t:EmailAddress></m:Mailbox></m:ExpandDL>"
    );
    let answer = server
        .connect()
        .await
        .ask(post(&envelope("", &question)))
        .await;
    let answer = answer.text();
    assert!(!answer.contains("anna"), "{answer}");
    let expanded = upstream
        .requests()
        .iter()
        .filter(|one| asks(one, "ExpandDL"))
        .count();
    assert_eq!(expanded, 0);
}

#[tokio::test]
async fn a_hidden_list_of_rooms_is_not_asked_for() {
    // With and without the rooms that stand in it.
    for told in [true, false] {
        let upstream = Upstream::start(move |_, request| {
            if asks(request, "GetRoomLists") {
                rooms_upstream::lists(&["team"])
            } else if asks(request, "GetRooms") && told {
                rooms_upstream::rooms(1)
            } else if asks(request, "GetRooms") {
                rooms_upstream::refused("GetRooms", "ErrorAccessDenied")
            } else if asks(request, "ExpandDL") {
                expansion(&members(&["anna", "bernd"]), true)
            } else {
                availability(request)
            }
        })
        .await;
        let sharing = SharingSettings {
            room_booking: false,
            ..SharingSettings::default()
        };
        let server = gateway(vec![Arc::new(endpoint(&upstream))], sharing, |_| {}).await;
        let said = at_nine(&server, TEAM).await;
        assert!(said.contains("<UnknownAttendeeConflictData/>"), "{said}");
        // What else is a list is none of rooms where all lists of rooms are told, and may be one where they are not.
        let other = at_nine(&server, "other-team@example.com").await;
        assert_eq!(other.contains("GroupAttendee"), told, "{other}");
        let asked = upstream.requests();
        let about_it = asked
            .iter()
            .filter(|one| one.body.contains(">team@example.com<"));
        assert!(about_it.clone().count() > 0);
        assert!(about_it.into_iter().all(|one| asks(one, "GetRooms")));
    }
}

//! What people are called whose calendars are on an Exchange server, scripted over real TLS sockets: names come from its
//! directory, once, and cost no question about free time.

use std::sync::Arc;

use calbridge::service::settings::ServiceSettings;
use serde_json::{Value, json};

use super::world::{Fields as _, Page};
use crate::ews_backend::endpoint;
use crate::faces_world::{client, start_over};
use crate::gateway_world::texts;
use crate::rooms_upstream::{asks, mailbox, refused, soap};
use crate::upstream::{Reply, Request, Upstream};

/// Nobody is ever busy, and there are no room lists; `resolve` answers ResolveNames.
fn answer(request: &Request, resolve: impl Fn(&str) -> Reply) -> Reply {
    if asks(request, "GetUserAvailability") {
        let free = "<m:FreeBusyResponse><m:ResponseMessage ResponseClass=\"Success\"><m:ResponseCode>NoError</m:ResponseCode>\
             </m:ResponseMessage><m:FreeBusyView><t:FreeBusyViewType>FreeBusy</t:FreeBusyViewType></m:FreeBusyView>\
             </m:FreeBusyResponse>";
        let responses = free.repeat(texts(&request.body, "Address").len());
        soap(&format!(
            "<m:GetUserAvailabilityResponse><m:FreeBusyResponseArray>{responses}</m:FreeBusyResponseArray></m:GetUserAvailabilityResponse>"
        ))
    } else if asks(request, "ResolveNames") {
        resolve(&texts(&request.body, "UnresolvedEntry").remove(0))
    } else {
        refused("GetRoomLists", "ErrorInvalidRequest")
    }
}

/// Anna by her name; for Bernd somebody with an address that only begins so.
fn directory(entry: &str) -> Reply {
    let found = match entry {
        "smtp:anna@example.com" => {
            mailbox("Mailbox", "anna", "Mailbox").replace("<t:Name>anna<", "<t:Name>Anna Ahrens<")
        }
        "smtp:bernd@example.com" => mailbox("Mailbox", "xbernd", "Mailbox"),
        _ => return refused("ResolveNames", "ErrorNameResolutionNoResults"),
    };
    soap(&format!(
        "<m:ResolveNamesResponse><m:ResponseMessages><m:ResolveNamesResponseMessage ResponseClass=\"Success\">\
         <m:ResponseCode>NoError</m:ResponseCode><m:ResolutionSet TotalItemsInView=\"1\" IncludesLastItemInRange=\"true\">\
         <t:Resolution>{found}</t:Resolution></m:ResolutionSet></m:ResolveNamesResponseMessage></m:ResponseMessages>\
         </m:ResolveNamesResponse>"
    ))
}

/// What three people are called, asked for `times` times, and how often the server was asked when they are busy and
/// what they are called.
async fn named(
    resolve: impl Fn(&str) -> Reply + Send + Sync + 'static,
    times: usize,
) -> (Vec<String>, [usize; 2]) {
    let upstream = Upstream::start(move |_, request| answer(request, &resolve)).await;
    let server = start_over(Arc::new(endpoint(&upstream)), &ServiceSettings::default()).await;
    let (client, base) = client(&server);
    let mut names = Vec::new();
    for _ in 0..times {
        let text =
            "[1,0,[anna@example.com,bernd@example.com,carl@example.com],20260901/20260902,0,UTC]";
        let request = client.post(format!("{base}/lookup/ExchangeQuerier.aspx"));
        let page = Page::of(request.form(&[("text", text)]).send().await.unwrap()).await;
        let users = page.json()[2][3].as_array().unwrap().clone();
        assert!(users.chunks(4).all(|user| user[2] == "20"), "{users:?}");
        names = users.iter().step_by(4).map(text_of).collect();
    }
    let requests = upstream.requests();
    let count = |operation: &str| requests.iter().filter(|one| asks(one, operation)).count();
    let counts = [count("GetUserAvailability"), count("ResolveNames")];
    (names, counts)
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn names_come_from_the_directory_once() {
    let (names, counts) = named(directory, 3).await;
    assert_eq!(
        names,
        ["Anna Ahrens", "bernd@example.com", "carl@example.com"]
    );
    assert_eq!(counts, [1, 3], "one batch, and each name once");
}

/// Says that nobody may read anything, whatever is asked.
fn no_access(request: &Request) -> Reply {
    let refused = "<m:FreeBusyResponse><m:ResponseMessage ResponseClass=\"Error\"><m:MessageText>No.</m:MessageText>\
         <m:ResponseCode>ErrorNoFreeBusyAccess</m:ResponseCode></m:ResponseMessage></m:FreeBusyResponse>";
    let responses = refused.repeat(texts(&request.body, "Address").len());
    soap(&format!(
        "<m:GetUserAvailabilityResponse><m:FreeBusyResponseArray>{responses}</m:FreeBusyResponseArray></m:GetUserAvailabilityResponse>"
    ))
}

#[tokio::test]
async fn of_a_mailbox_that_may_not_be_read_no_name_is_asked_for() {
    let upstream = Upstream::start(|_, request| {
        if asks(request, "GetUserAvailability") {
            no_access(request)
        } else {
            answer(request, directory)
        }
    })
    .await;
    let server = start_over(Arc::new(endpoint(&upstream)), &ServiceSettings::default()).await;
    let (client, base) = client(&server);
    let text = "[1,0,[anna@example.com],20260901/20260902,0,UTC]";
    let request = client.post(format!("{base}/lookup/ExchangeQuerier.aspx"));
    let page = Page::of(request.form(&[("text", text)]).send().await.unwrap()).await;
    let expect = json!(["anna@example.com", "anna@example.com", "0", []]);
    assert_eq!(page.json()[2][3], expect);
    let requests = upstream.requests();
    assert!(!requests.iter().any(|one| asks(one, "ResolveNames")));
}

#[tokio::test]
async fn a_server_that_tells_no_names_is_asked_once() {
    let refuses = |_: &str| refused("ResolveNames", "ErrorAccessDenied");
    let (names, counts) = named(refuses, 3).await;
    assert_eq!(names[0], "anna@example.com");
    assert_eq!(counts, [1, 3]);
}

#[tokio::test]
async fn a_directory_that_fails_costs_no_answer_and_is_left_alone() {
    let (names, counts) = named(|_| Reply::status(500, &[]), 5).await;
    assert_eq!(names[0], "anna@example.com");
    assert_eq!(counts[0], 1);
    // For each of the three once, by the first question alone.
    assert!(counts[1] <= 3, "{counts:?}");
}

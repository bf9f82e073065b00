//! Suggestions for lists: each member counts, over real sockets and from a folder with `lists.toml`.

use std::fmt::Write as _;
use std::fs;
use std::sync::Arc;

use calbridge::service::settings::SharingSettings;
use tempfile::TempDir;

use crate::gateway_world::{Question, ask, gateway, texts};
use crate::rooms::endpoint;
use crate::world::{TestServer, keep_answer, post};

/// Busy for an hour on the first of September.
fn calendar(hour: u8) -> String {
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//calbridge//tests//EN\r\nBEGIN:VEVENT\r\nUID:1\r\n\
         DTSTAMP:20260101T000000Z\r\nDTSTART:20260901T{hour:02}0000Z\r\nDURATION:PT1H\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
}

/// An entry of `lists.toml`.
fn list(name: &str, members: &str) -> String {
    format!("[[list]]\naddress = \"{name}@example.com\"\nmembers = [{members}]\n")
}

/// Anna is busy at nine, Bernd at ten, nobody has a calendar for Nina.
async fn start(lists: &str) -> (TestServer, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    for (name, hour) in [("anna", 9), ("bernd", 10)] {
        let file = folder.path().join(format!("{name}@example.com.ics"));
        fs::write(file, calendar(hour)).unwrap();
    }
    let rooms = "[[room]]\naddress = \"anna@example.com\"\nlist = \"Rooms <rooms@example.com>\"\n\
        [[room]]\naddress = \"bernd@example.com\"\nlist = \"Rooms <rooms@example.com>\"\n";
    fs::write(folder.path().join("rooms.toml"), rooms).unwrap();
    fs::write(folder.path().join("lists.toml"), lists).unwrap();
    let files = Arc::new(endpoint(folder.path()));
    let sharing = SharingSettings::default();
    let server = gateway(vec![files], sharing, |_| {}).await;
    // So that the rooms are known.
    let question = crate::gateway_world::envelope("", "<m:GetRoomLists/>");
    assert_eq!(
        server.connect().await.ask(post(&question)).await.status,
        200
    );
    (server, folder)
}

/// What the suggestion at nine says of `mailbox`.
pub(crate) async fn at_nine(server: &TestServer, mailbox: &str) -> String {
    let question = Question {
        mailboxes: mailbox,
        free_busy: false,
        suggestions: true,
        search: "<t:MaximumResultsByDay>48</t:MaximumResultsByDay><t:MeetingDurationInMinutes>60</t:MeetingDurationInMinutes>\
                 <t:MinimumSuggestionQuality>Poor</t:MinimumSuggestionQuality>",
        ..ask()
    };
    let answer = server.connect().await.ask(post(&question.xml())).await;
    keep_answer(&answer.body);
    let text = answer.text().to_string();
    let mut found = text
        .split("<Suggestion>")
        .filter(|each| each.contains("2026-09-01T09:00:00"));
    found.next().unwrap_or_else(|| panic!("{text}")).to_owned()
}

/// All members, and those that are free, busy, and unknown.
#[track_caller]
pub(crate) fn check(suggestion: &str, expect: [u8; 4], quality: &str) {
    let names = [
        "NumberOfMembers",
        "NumberOfMembersAvailable",
        "NumberOfMembersWithConflict",
        "NumberOfMembersWithNoData",
    ];
    let counts = names.map(|name| texts(suggestion, name));
    assert_eq!(
        counts,
        expect.map(|count| vec![count.to_string()]),
        "{suggestion}"
    );
    assert_eq!(texts(suggestion, "SuggestionQuality"), [quality]);
}

#[tokio::test]
async fn each_member_of_a_list_counts() {
    let (server, _folder) = start(
        &(list("team", "'anna@example.com', 'bernd@example.com'")
            + &list(
                "odd",
                "'anna@example.com', 'bernd@example.com', 'nina@example.com'",
            )),
    )
    .await;
    check(
        &at_nine(&server, "team@example.com").await,
        [2, 1, 1, 0],
        "Fair",
    );
    check(
        &at_nine(&server, "odd@example.com").await,
        [3, 1, 1, 1],
        "Poor",
    );
    // A list of rooms, which has no calendar of its own.
    check(
        &at_nine(&server, "rooms@example.com").await,
        [2, 1, 1, 0],
        "Fair",
    );
    // Nobody's members are counted twice, and people stay people.
    let person = at_nine(&server, "bernd@example.com").await;
    assert!(
        person.contains("IndividualAttendeeConflictData"),
        "{person}"
    );
}

#[tokio::test]
async fn lists_that_are_too_long_or_unreadable_are_said_to_be_so() {
    let mut members = String::new();
    for number in 0..101 {
        write!(members, "'m{number}@example.com', ").unwrap();
    }
    let (server, folder) = start(&list("all", &members)).await;
    let all = at_nine(&server, "all@example.com").await;
    assert!(all.contains("<TooBigGroupAttendeeConflictData/>"), "{all}");
    fs::write(folder.path().join("lists.toml"), "nonsense").unwrap();
    let unknown = at_nine(&server, "all@example.com").await;
    assert!(
        unknown.contains("<UnknownAttendeeConflictData/>"),
        "{unknown}"
    );
}

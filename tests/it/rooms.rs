//! Rooms over real sockets: what GetRoomLists, GetRooms, ExpandDL and ResolveNames answer, and that nothing of rooms is
//! told where they are not offered.

mod refused;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use calbridge::backend::build;
use calbridge::backend::endpoint::Endpoint;
use calbridge::backend::instance::Instance;
use calbridge::backend::settings::{BackendSettings, CalendarFilesSettings, EndpointSettings};
use calbridge::domain::{DomainPattern, FixedClock};
use calbridge::service::settings::SharingSettings;
use tempfile::TempDir;

use crate::gateway_world::{envelope, gateway, texts};
use crate::world::{TestServer, keep_answer, post};

const CALENDAR: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//calbridge//tests//EN\r\n\
    X-WR-CALNAME:Rudolf Example\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTAMP:20260101T000000Z\r\n\
    DTSTART:20260901T090000Z\r\nDURATION:PT1H\r\nSUMMARY:Secret plan\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

/// `Tower` has 150 rooms, `Annex` one with everything; both are lists of addresses, too, as at a server. Rudolf is a person.
pub(crate) fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut rooms = String::new();
    for number in 0..150 {
        write!(
            rooms,
            "[[room]]\naddress = \"room{number:03}@example.com\"\nname = \"Room {number:03}\"\n\
             list = \"Tower & Co <tower@example.com>\"\n"
        )
        .unwrap();
    }
    rooms.push_str(
        "[[room]]\naddress = \"aurora@example.com\"\nname = \"Aurora <große>\"\nbuilding = \"Annex\"\nfloor = \"2\"\n\
         capacity = 8\nfeatures = [\"projector\", \"phone\"]\nlist = \"Annex <annex@example.com>\"\n",
    );
    fs::write(folder.path().join("rooms.toml"), rooms).unwrap();
    let tower: Vec<_> = (0..150)
        .map(|number| format!("\"room{number:03}@example.com\""))
        .collect();
    let tower = tower.join(", ");
    let lists = format!(
        "[[list]]\naddress = \"annex@example.com\"\nname = \"Annex\"\nmembers = [\"aurora@example.com\"]\n\
         [[list]]\naddress = \"tower@example.com\"\nname = \"Tower & Co\"\nmembers = [{tower}]\n"
    );
    fs::write(folder.path().join("lists.toml"), lists).unwrap();
    for mailbox in ["rudolf", "aurora", "room000"] {
        let name = format!("{mailbox}@example.com.ics");
        fs::write(folder.path().join(name), CALENDAR).unwrap();
    }
    folder
}

pub(crate) fn endpoint(folder: &Path) -> Endpoint {
    let settings = EndpointSettings {
        name: "files".to_owned(),
        domains: vec![DomainPattern::parse("example.com").unwrap()],
        timeout: Duration::from_secs(10),
        max_concurrency: 4,
        hedge_after: None,
        probe_interval: EndpointSettings::DEFAULT_PROBE_INTERVAL,
        limits: calbridge::backend::Limits::default(),
        rooms: Vec::new(),
        kind: BackendSettings::CalendarFiles(CalendarFilesSettings {
            directory: folder.to_owned(),
            time_zone: jiff::tz::TimeZone::UTC,
        }),
    };
    let clock = Arc::new(FixedClock("2026-09-01T08:00Z".parse().unwrap()));
    build::endpoint(settings, &Instance::new(clock)).unwrap()
}

async fn start(folder: &TempDir, sharing: SharingSettings) -> TestServer {
    gateway(vec![Arc::new(endpoint(folder.path()))], sharing, |_| {}).await
}

/// The status and the answer to this body.
async fn ask(server: &TestServer, body: &str) -> (u16, String) {
    let answer = server.connect().await.ask(post(&envelope("", body))).await;
    keep_answer(&answer.body);
    (answer.status, answer.text().to_string())
}

fn get_rooms(list: &str) -> String {
    format!(
        "<m:GetRooms><m:RoomList><t:EmailAddress>{list}</t:EmailAddress></m:RoomList></m:GetRooms>"
    )
}

fn expand(list: &str) -> String {
    format!(
        "<m:ExpandDL><m:Mailbox><t:EmailAddress>{list}</t:EmailAddress></m:Mailbox></m:ExpandDL>"
    )
}

fn resolve(entry: &str, full: bool) -> String {
    format!(
        "<m:ResolveNames ReturnFullContactData=\"{full}\"><m:UnresolvedEntry>{entry}</m:UnresolvedEntry></m:ResolveNames>"
    )
}

#[tokio::test]
async fn lists_and_rooms_have_the_shape_of_exchange() {
    let folder = folder();
    let server = start(&folder, SharingSettings::default()).await;
    let (status, lists) = ask(&server, "<m:GetRoomLists/>").await;
    assert_eq!(status, 200);
    let namespace = "http://schemas.microsoft.com/exchange/services/2006";
    assert!(
        lists.contains(&format!(
            "<GetRoomListsResponse ResponseClass=\"Success\" xmlns=\"{namespace}/messages\">\
             <ResponseCode>NoError</ResponseCode><m:RoomLists xmlns:m=\"{namespace}/messages\" xmlns:t=\"{namespace}/types\">\
             <t:Address><t:Name>Annex</t:Name><t:EmailAddress>annex@example.com</t:EmailAddress>\
             <t:RoutingType>SMTP</t:RoutingType><t:MailboxType>PublicDL</t:MailboxType></t:Address>"
        )),
        "{lists}"
    );
    assert_eq!(
        texts(&lists, "Name"),
        ["Annex", "Tower &amp; Co", "Tower &amp; Co (2)"]
    );
    assert_eq!(
        texts(&lists, "EmailAddress"),
        [
            "annex@example.com",
            "tower@example.com",
            "tower+2@example.com"
        ]
    );
    for (list, count) in [("annex", 1), ("Tower", 100), ("tower+2", 50)] {
        let list = format!("{list}@example.com");
        let (status, rooms) = ask(&server, &get_rooms(&list)).await;
        assert_eq!(status, 200);
        assert_eq!(rooms.matches("<t:Room><t:Id><t:Name>").count(), count);
        let (_, members) = ask(&server, &expand(&list)).await;
        assert_eq!(
            texts(&members, "EmailAddress"),
            texts(&rooms, "EmailAddress")
        );
        let total = format!("TotalItemsInView=\"{count}\" IncludesLastItemInRange=\"true\"");
        assert!(members.contains(&total), "{members}");
    }
}

#[tokio::test]
async fn names_are_resolved_with_all_that_is_known() {
    let folder = folder();
    let server = start(&folder, SharingSettings::default()).await;
    let (_, one) = ask(&server, &resolve("aur", true)).await;
    assert!(one.contains("ResponseClass=\"Success\""), "{one}");
    let details = "<t:Contact><t:DisplayName>Aurora &lt;große&gt;</t:DisplayName><t:EmailAddresses>\
        <t:Entry Key=\"EmailAddress1\">SMTP:aurora@example.com</t:Entry></t:EmailAddresses>\
        <t:ContactSource>ActiveDirectory</t:ContactSource><t:OfficeLocation>Annex, floor 2</t:OfficeLocation>\
        <t:Notes>Capacity: 8\nFeatures: projector, phone</t:Notes></t:Contact>";
    assert!(one.contains(details), "{one}");
    let (_, short) = ask(&server, &resolve("aur", false)).await;
    assert!(!short.contains("Contact>"), "{short}");
    let (_, several) = ask(&server, &resolve("room 0", true)).await;
    let start = "<m:ResolveNamesResponseMessage ResponseClass=\"Warning\"><m:MessageText>Multiple results were found.\
        </m:MessageText><m:ResponseCode>ErrorNameResolutionMultipleResults</m:ResponseCode>\
        <m:DescriptiveLinkKey>0</m:DescriptiveLinkKey><m:ResolutionSet TotalItemsInView=\"100\" IncludesLastItemInRange=\"true\">";
    assert!(several.contains(start), "{several}");
    let (_, many) = ask(&server, &resolve("room", false)).await;
    assert_eq!(texts(&many, "EmailAddress").len(), 100);
    assert!(many.contains("IncludesLastItemInRange=\"false\""));
    let (_, list) = ask(&server, &resolve("smtp:Tower@example.com", false)).await;
    assert_eq!(texts(&list, "MailboxType"), ["PublicDL"]);
    // People by their addresses alone.
    let (_, person) = ask(&server, &resolve("rudolf@example.com", true)).await;
    assert_eq!(texts(&person, "Name"), ["Rudolf Example"]);
    let (_, nobody) = ask(&server, &resolve("rudolf", true)).await;
    assert_eq!(
        texts(&nobody, "ResponseCode"),
        ["ErrorNameResolutionNoResults"]
    );
    let contacts = resolve("aur", true).replace(
        "<m:ResolveNames ",
        "<m:ResolveNames SearchScope=\"Contacts\" ",
    );
    let (_, nobody) = ask(&server, &contacts).await;
    assert_eq!(
        texts(&nobody, "ResponseCode"),
        ["ErrorNameResolutionNoResults"]
    );
}

#[tokio::test]
async fn an_open_directory_finds_people_by_their_names() {
    let folder = folder();
    let sharing = SharingSettings {
        directory: true,
        ..SharingSettings::default()
    };
    let server = start(&folder, sharing).await;
    let (_, found) = ask(&server, &resolve("rud", true)).await;
    assert_eq!(texts(&found, "EmailAddress"), ["rudolf@example.com"]);
}

/// Every operation that the program reads, by its own source: a new one has to say here what it is asked.
fn operations() -> Vec<String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/codec/ews/envelope.rs");
    let source = fs::read_to_string(source).unwrap();
    let pieces = source.split("(Ns::Messages, \"").skip(1);
    let names: Vec<String> = pieces
        .map(|piece| piece.split('"').next().unwrap().to_owned())
        .collect();
    assert!(names.len() >= 7, "{names:?}");
    names
}

/// Questions to `operation` whose answers could tell of the lists of this test.
fn questions(operation: &str) -> Vec<String> {
    let lists = [
        "annex@example.com",
        "tower@example.com",
        "tower+2@example.com",
    ];
    let folders = |inside: &str| vec![format!("<m:{operation}>{inside}</m:{operation}>")];
    match operation {
        "GetRoomLists" => vec!["<m:GetRoomLists/>".to_owned()],
        "GetRooms" => lists.map(get_rooms).to_vec(),
        "ExpandDL" => lists.map(expand).to_vec(),
        "ResolveNames" => lists
            .iter()
            .chain(&["annex", "tower", "t", "a"])
            .map(|entry| resolve(entry, true))
            .collect(),
        "GetUserAvailabilityRequest" => lists
            .map(|list| {
                let question = crate::gateway_world::Question {
                    mailboxes: list,
                    ..crate::gateway_world::ask()
                };
                let whole = question.xml();
                let begin = whole.find("<s:Body>").unwrap() + "<s:Body>".len();
                whole[begin..whole.find("</s:Body>").unwrap()].to_owned()
            })
            .to_vec(),
        "ConvertId" => vec![
            "<m:ConvertId DestinationFormat=\"EntryId\"><m:SourceIds><t:AlternateId Format=\"EwsId\" Id=\"annex\" \
             Mailbox=\"annex@example.com\"/></m:SourceIds></m:ConvertId>"
                .to_owned(),
        ],
        "GetServerTimeZones" => vec!["<m:GetServerTimeZones/>".to_owned()],
        // Whatever it is, and whether or not it is understood: its answer must not tell of a list.
        _ => folders(""),
    }
}

#[tokio::test]
async fn without_room_booking_no_operation_tells_of_a_list() {
    let folder = folder();
    let told = |answer: &str| {
        // What stands in the question may come back in an error; names and the other list may not, nor what is said of
        // lists alone, their merged times among it.
        let words = [
            "Annex",
            "Tower",
            "PublicDL",
            "MergedFreeBusy",
            "DLLimitReached",
        ];
        words.iter().any(|word| answer.contains(word))
    };
    for directory in [false, true] {
        let offered = SharingSettings {
            directory,
            ..SharingSettings::default()
        };
        let hidden = SharingSettings {
            room_booking: false,
            ..offered
        };
        let (open, closed) = (start(&folder, offered).await, start(&folder, hidden).await);
        let mut open_tells = Vec::new();
        for operation in operations() {
            for question in questions(&operation) {
                let (_, answer) = ask(&open, &question).await;
                if told(&answer) {
                    open_tells.push(operation.clone());
                }
                let (_, answer) = ask(&closed, &question).await;
                assert!(!told(&answer), "{operation}: {question}\n{answer}");
                assert!(
                    !answer.contains("tower+2@example.com"),
                    "{operation}: {answer}"
                );
            }
        }
        open_tells.dedup();
        // The test would find them.
        assert_eq!(
            open_tells,
            ["GetUserAvailabilityRequest", "ResolveNames", "GetRoomLists"]
        );
    }
}

#[tokio::test]
async fn without_room_booking_lists_are_empty_and_rooms_unknown() {
    let folder = folder();
    let sharing = SharingSettings {
        room_booking: false,
        ..SharingSettings::default()
    };
    let server = start(&folder, sharing).await;
    let (_, lists) = ask(&server, "<m:GetRoomLists/>").await;
    assert!(
        lists.contains("<ResponseCode>NoError</ResponseCode>"),
        "{lists}"
    );
    assert!(texts(&lists, "Address").is_empty());
    let (_, rooms) = ask(&server, &get_rooms("tower@example.com")).await;
    assert_eq!(
        texts(&rooms, "ResponseCode"),
        ["ErrorNameResolutionNoResults"]
    );
    let (_, found) = ask(&server, &resolve("room", true)).await;
    assert_eq!(
        texts(&found, "ResponseCode"),
        ["ErrorNameResolutionNoResults"]
    );
    // Busy times without details, while a person's are told.
    for (mailbox, has_subject) in [("aurora", false), ("rudolf", true)] {
        let address = format!("{mailbox}@example.com");
        let question = crate::gateway_world::Question {
            mailboxes: &address,
            ..crate::gateway_world::ask()
        };
        let answer = server.connect().await.ask(post(&question.xml())).await;
        let answer = answer.text().to_string();
        assert_eq!(
            answer
                .matches("<t:CalendarEvent>")
                .count()
                .max(answer.matches("<CalendarEvent>").count()),
            1,
            "{answer}"
        );
        assert_eq!(answer.contains("Secret plan"), has_subject, "{mailbox}");
    }
}

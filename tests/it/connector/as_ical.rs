//! The iCalendar page: parameters and messages, statuses, its errors as text.

use super::world::{DIRECTORY, Fields as _, World, event};

const PATH: &str = "/GCalExchangeLookup/ExchangeQuerierAsIcal.aspx";

/// Status, content type, and the lines of the body, unfolded.
async fn told(request: reqwest::RequestBuilder) -> (u16, String, Vec<String>) {
    let answer = request.send().await.unwrap();
    let kind = answer.headers()["content-type"]
        .to_str()
        .unwrap()
        .to_owned();
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    assert!(
        text.split("\r\n")
            .all(|line| line.len() <= 75 || status != 200)
    );
    let lines = text.replace("\r\n ", "");
    (status, kind, lines.lines().map(ToOwned::to_owned).collect())
}

async fn world() -> World {
    let world = World::start(&DIRECTORY.replace(
        "google_domain",
        "time_zone = \"Pacific Standard Time\"\ngoogle_domain",
    ))
    .await;
    let events = [
        event("20080102T173000", "20080102T180000", "SUMMARY:Secret\n"),
        event("20080102T174500", "20080102T181500", "STATUS:TENTATIVE\n"),
        event("20080102T210000", "20080103T000000", "STATUS:TENTATIVE\n"),
        event(
            "20080103T090000",
            "20080103T100000",
            "X-MICROSOFT-CDO-BUSYSTATUS:OOF\n",
        ),
        event("20080103T110000", "20080103T120000", "TRANSP:TRANSPARENT\n"),
        event("20080103T230000", "20080104T010000", ""),
    ];
    world.calendar("jane@example.org", &events.concat());
    world.calendar("bob@example.org", "");
    world
}

const PERIODS: [&str; 5] = [
    "FREEBUSY;FBTYPE=BUSY:20080102T173000Z/20080102T180000Z",
    "FREEBUSY;FBTYPE=BUSY-TENTATIVE:20080102T180000Z/20080102T181500Z",
    "FREEBUSY;FBTYPE=BUSY-TENTATIVE:20080102T210000Z/20080103T000000Z",
    "FREEBUSY;FBTYPE=BUSY-UNAVAILABLE:20080103T090000Z/20080103T100000Z",
    "FREEBUSY;FBTYPE=BUSY:20080103T230000Z/20080104T000000Z",
];

#[tokio::test]
async fn stretches_of_busy_time_by_parameters_and_by_message() {
    let world = world().await;
    let message = "[1,0,[jane@example.org],20080102/20080104,0,UTC]";
    let window = [
        ("email", "jane@example.org"),
        ("start", "20080102T000000Z"),
        ("end", "20080104T000000Z"),
    ];
    let zone = [
        ("U", "MAILTO:Jane@Example.org"),
        ("tz", "UTC"),
        ("from", "20080102"),
        ("TO", "20080104"),
    ];
    // In the zone of the entry.
    let pacific = [
        ("attendee", "jane@example.org"),
        ("dtstart", "20080101T160000"),
        ("dtend", "20080103T160000"),
    ];
    for request in [
        world.get(PATH).query(&window),
        world.post(PATH).form(&window),
        world.post(PATH).query(&window[..1]).form(&window[1..]),
        world.get(PATH).query(&zone),
        world.get(PATH).query(&pacific),
        world.get(PATH).query(&[("text", message)]),
        world.post(PATH).form(&[("text", message)]),
    ] {
        let (status, kind, lines) = told(request).await;
        assert_eq!((status, &*kind), (200, "text/calendar; charset=utf-8"));
        let periods: Vec<&String> = lines
            .iter()
            .filter(|line| line.starts_with("FREEBUSY"))
            .collect();
        assert_eq!(periods, PERIODS);
        for line in [
            "METHOD:PUBLISH",
            "ORGANIZER:mailto:jane@example.org",
            "DTSTART:20080102T000000Z",
            "DTEND:20080104T000000Z",
        ] {
            assert!(lines.iter().any(|own| own == line), "{line}");
        }
        assert!(!lines.concat().contains("Secret"));
    }
}

#[tokio::test]
async fn each_mailbox_has_its_own_component() {
    let world = world().await;
    let query = [
        ("email", "bob@example.org"),
        ("email", "nobody@example.org"),
        ("email", "jane@example.org"),
        ("start", "20080102"),
        ("end", "20080104"),
    ];
    let (status, _, lines) = told(world.get(PATH).query(&query)).await;
    assert_eq!(status, 200);
    let organizers: Vec<&str> = lines
        .iter()
        .filter_map(|line| line.strip_prefix("ORGANIZER:mailto:"))
        .collect();
    assert_eq!(organizers, ["bob@example.org", "jane@example.org"]);
    assert_eq!(
        lines
            .iter()
            .filter(|line| *line == "BEGIN:VFREEBUSY")
            .count(),
        2
    );
}

#[tokio::test]
async fn errors_name_the_parameter() {
    let world = world().await;
    let check = async |query: &str, status: u16, begins: &str| {
        let (got, kind, lines) = told(world.get(&format!("{PATH}?{query}"))).await;
        assert_eq!(
            (got, &*kind),
            (status, "text/plain; charset=utf-8"),
            "{query}"
        );
        assert!(lines[0].starts_with(begins), "{query}: {lines:?}");
    };
    check("", 400, "email: is missing").await;
    check("format=x", 400, "email: is missing").await;
    check("email=jane@example.org&start=now", 400, "start: ").await;
    check("email=jane@example.org&end=2008", 400, "end: ").await;
    check("email=jane@example.org&tz=Mars", 400, "tz: ").await;
    check(
        "email=jane@example.org&start=20080102&end=20080101",
        400,
        "end: must lie after",
    )
    .await;
    check(
        "email=jane@example.org&start=20080102&end=20090102",
        400,
        "end: is more than",
    )
    .await;
    check("text=%5B1%5D", 400, "text: ").await;
    check(
        "text=%5B2,0,%5B%5D,20080102/20080103,0,UTC%5D",
        400,
        "text: only version 1",
    )
    .await;
    check("email=nobody@example.org", 404, "no such mailbox").await;
    check("email=*", 404, "no such mailbox").await;
    check("email=%ff%fe", 404, "no such mailbox").await;
    check("email=x@hidden.example", 404, "no such mailbox").await;
    std::fs::write(world.file("broken@example.org"), "no calendar").unwrap();
    check(
        "email=jane@example.org&email=broken@example.org",
        502,
        "the calendar could not be read",
    )
    .await;
}

#[tokio::test]
async fn a_mailbox_that_may_not_be_read_is_left_out() {
    let deny = "[sharing]\ndeny = [\"bob@example.org\"]\n";
    let world = World::start(&format!("{DIRECTORY}{deny}")).await;
    world.calendar("jane@example.org", "");
    world.calendar("bob@example.org", "");
    let ask = async |query: &str| {
        let query = format!("{PATH}?{query}&start=20080102&end=20080104");
        told(world.get(&query)).await
    };
    let (status, _, lines) = ask("email=bob@example.org&email=jane@example.org").await;
    let organizers: Vec<&String> = lines
        .iter()
        .filter(|line| line.starts_with("ORGANIZER"))
        .collect();
    assert_eq!((status, organizers.len()), (200, 1), "{lines:?}");
    assert_eq!(organizers[0], "ORGANIZER:mailto:jane@example.org");
    let denied = ask("email=bob@example.org").await;
    assert_eq!(denied.0, 404);
    assert_eq!(denied, ask("email=nobody@example.org").await);
}

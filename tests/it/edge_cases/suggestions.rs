//! `SuggestionsViewOptions` over the wire: alone, beside free/busy views, with windows of their own, and values that are
//! refused. Which times are found is tested beside the search, on `tests/golden/suggestions.toml`.

use super::{ANNA_DIGITS, Codes, Digits, Edge, Fault};
use crate::gateway_world::{Question, ask, berlin, texts};

fn suggest() -> Question<'static> {
    Question {
        suggestions: true,
        ..ask()
    }
}

/// `MeetingTime quality` of all suggestions.
fn told(document: &str) -> Vec<String> {
    let times = texts(document, "MeetingTime");
    let qualities = texts(document, "SuggestionQuality");
    assert_eq!(times.len(), qualities.len());
    let pairs = times.iter().zip(qualities);
    pairs
        .map(|(time, quality)| format!("{time} {quality}"))
        .collect()
}

/// Anna is busy 9 to 10, tentative 11:30 to 12, away 14 to 15:30, elsewhere 16 to 17.
const ANNA_FREE: [&str; 7] = [
    "2026-09-01T08:00:00 Excellent",
    "2026-09-01T10:00:00 Excellent",
    "2026-09-01T10:30:00 Excellent",
    "2026-09-01T12:00:00 Excellent",
    "2026-09-01T12:30:00 Excellent",
    "2026-09-01T13:00:00 Excellent",
    "2026-09-01T15:30:00 Excellent",
];

#[tokio::test]
async fn alone_and_beside_free_busy_views() {
    let mut edge = Edge::new().await;
    let expect = [&ANNA_FREE[..], &["2026-09-01T16:00:00 Excellent"]].concat();
    let both = edge
        .check("both", suggest().xml(), Codes(&["NoError", "NoError"]))
        .await;
    assert_eq!(texts(both.text(), "MergedFreeBusy"), [ANNA_DIGITS]);
    assert!(both.text().contains(
        "</FreeBusyResponseArray><SuggestionsResponse><ResponseMessage ResponseClass=\"Success\">"
    ));
    assert_eq!(told(both.text()), expect);
    let only = Question {
        free_busy: false,
        ..suggest()
    };
    let only = edge.check("only", only.xml(), Codes(&["NoError"])).await;
    assert!(!only.text().contains("FreeBusyResponseArray"));
    assert_eq!(told(only.text()), expect);
    assert_eq!(texts(only.text(), "DayQuality"), ["Excellent"]);
    assert_eq!(texts(only.text(), "Date"), ["2026-09-01T00:00:00"]);
    let not_asked = edge.check("none", ask().xml(), Digits(ANNA_DIGITS)).await;
    assert!(!not_asked.text().contains("SuggestionsResponse"));
}

#[tokio::test]
async fn the_window_of_suggestions_is_their_own() {
    let mut edge = Edge::new().await;
    // The view shows another day, or a part of the day.
    for (start, end) in [
        ("2026-08-01T00:00:00", "2026-08-02T00:00:00"),
        ("2026-09-01T12:00:00", "2026-09-01T13:00:00"),
    ] {
        let xml = Question {
            start,
            end,
            ..suggest()
        };
        let answer = edge
            .check("window", xml.xml(), Codes(&["NoError", "NoError"]))
            .await;
        assert_eq!(told(answer.text())[..7], ANNA_FREE);
    }
    let days = Question {
        search_window: ("2026-09-04T00:00:00", "2026-09-08T00:00:00"),
        search: "<t:MaximumResultsByDay>1</t:MaximumResultsByDay>",
        ..suggest()
    };
    let answer = edge
        .check("days", days.xml(), Codes(&["NoError", "NoError"]))
        .await;
    assert_eq!(
        texts(answer.text(), "DayQuality"),
        ["Excellent", "Poor", "Poor", "Excellent"]
    );
}

#[tokio::test]
async fn times_are_told_on_the_clock_of_the_request() {
    let mut edge = Edge::new().await;
    let zone = berlin();
    let xml = Question {
        zone: &zone,
        search: "<t:MaximumResultsByDay>2</t:MaximumResultsByDay><t:MeetingDurationInMinutes>120</t:MeetingDurationInMinutes>",
        ..suggest()
    };
    let answer = edge
        .check("zone", xml.xml(), Codes(&["NoError", "NoError"]))
        .await;
    // Eight to five in Berlin is six to three in UTC.
    assert_eq!(
        told(answer.text()),
        [
            "2026-09-01T08:00:00 Excellent",
            "2026-09-01T08:30:00 Excellent"
        ]
    );
}

#[tokio::test]
async fn conflicts_are_told_for_each_attendee_in_order() {
    let mut edge = Edge::new().await;
    let xml = Question {
        mailboxes: "nobody@example.com anna@example.com anna@example.com",
        search: "<t:GoodThreshold>17</t:GoodThreshold>\
                 <t:MaximumResultsByDay>48</t:MaximumResultsByDay>\
                 <t:MinimumSuggestionQuality>Poor</t:MinimumSuggestionQuality>",
        search_window: ("2026-09-01T08:00:00", "2026-09-01T10:00:00"),
        ..suggest()
    };
    let answer = edge
        .check(
            "conflicts",
            xml.xml(),
            Codes(&[
                "ErrorMailRecipientNotFound",
                "NoError",
                "NoError",
                "NoError",
            ]),
        )
        .await;
    // Two of three are 66 per cent: less than 67.
    assert_eq!(
        told(answer.text()),
        [
            "2026-09-01T08:00:00 Fair",
            "2026-09-01T08:30:00 Poor",
            "2026-09-01T09:00:00 Poor"
        ]
    );
    let unknown = "<AttendeeConflictDataArray><UnknownAttendeeConflictData/>";
    assert_eq!(answer.text().matches(unknown).count(), 3);
    let last =
        "<BusyType>Busy</BusyType></IndividualAttendeeConflictData></AttendeeConflictDataArray>";
    assert_eq!(answer.text().matches(last).count(), 2);
}

#[tokio::test]
async fn who_excludes_conflicts_spoils_a_time() {
    let mut edge = Edge::new().await;
    let attendee = |address: &str, kind: &str| {
        format!(
            "<t:MailboxData><t:Email><t:Address>{address}</t:Address></t:Email><t:AttendeeType>{kind}</t:AttendeeType>\
             <t:ExcludeConflicts>true</t:ExcludeConflicts></t:MailboxData>"
        )
    };
    let xml = Question {
        free_busy: false,
        search: "<t:MinimumSuggestionQuality>Poor</t:MinimumSuggestionQuality>",
        search_window: ("2026-09-01T08:00:00", "2026-09-01T10:30:00"),
        ..suggest()
    };
    for kind in ["Organizer", "Required", "Optional", "Room", "Resource"] {
        let answer = edge
            .check(
                kind,
                xml.xml_of(&attendee("anna@example.com", kind)),
                Codes(&["NoError"]),
            )
            .await;
        assert_eq!(told(answer.text()), ANNA_FREE[..1]);
    }
    let answer = edge
        .check(
            "nobody",
            xml.xml_of(&attendee("nobody@example.com", "Room")),
            Codes(&["NoError"]),
        )
        .await;
    assert!(
        answer
            .text()
            .contains("<SuggestionArray></SuggestionArray>")
    );
}

#[tokio::test]
async fn values_out_of_range_are_refused_by_name() {
    let mut edge = Edge::new().await;
    for (element, values) in [
        ("GoodThreshold", &["0", "50", "-1", "2147483647"][..]),
        ("MaximumResultsByDay", &["-1", "49"]),
        ("MaximumNonWorkHourResultsByDay", &["-1", "49"]),
        (
            "MeetingDurationInMinutes",
            &["0", "-30", "29", "1440", "1441", "100000"],
        ),
    ] {
        for value in values {
            let search = format!("<t:{element}>{value}</t:{element}>");
            let xml = Question {
                search: &search,
                ..suggest()
            };
            let answer = edge
                .check("75", xml.xml(), Fault("ErrorInvalidArgument"))
                .await;
            assert!(answer.text().contains(&format!(".{element} is invalid")));
        }
        let search = format!("<t:{element}>many</t:{element}>");
        let xml = Question {
            search: &search,
            ..suggest()
        };
        edge.check("75", xml.xml(), Fault("ErrorSchemaValidation"))
            .await;
    }
}

#[tokio::test]
async fn the_ends_of_the_ranges_are_allowed() {
    let mut edge = Edge::new().await;
    for (element, values) in [
        ("GoodThreshold", ["1", "49"]),
        ("MaximumResultsByDay", ["0", "48"]),
        ("MaximumNonWorkHourResultsByDay", ["0", "48"]),
        ("MeetingDurationInMinutes", ["30", "1439"]),
        ("MinimumSuggestionQuality", ["Excellent", "Poor"]),
    ] {
        for value in values {
            let search = format!("<t:{element}>{value}</t:{element}>");
            let xml = Question {
                search: &search,
                search_end: "<t:CurrentMeetingTime>2026-09-01T09:10:00</t:CurrentMeetingTime><t:GlobalObjectId/>",
                ..suggest()
            };
            edge.check("75", xml.xml(), Codes(&["NoError", "NoError"]))
                .await;
        }
    }
}

#[tokio::test]
async fn odd_windows_are_refused() {
    let mut edge = Edge::new().await;
    for (search_window, code) in [
        (
            ("2026-09-01T00:00:00", "2026-09-01T00:00:00"),
            "ErrorInvalidTimeInterval",
        ),
        (
            ("2026-09-02T00:00:00", "2026-09-01T00:00:00"),
            "ErrorInvalidTimeInterval",
        ),
        (
            ("2026-09-01T00:00:00", "2026-11-02T00:00:01"),
            "ErrorTimeIntervalTooBig",
        ),
        (("2026-09-01", "2026-09-02"), "ErrorSchemaValidation"),
    ] {
        let xml = Question {
            search_window,
            ..suggest()
        };
        let answer = edge.check("35", xml.xml(), Fault(code)).await;
        let named = answer
            .text()
            .contains("SuggestionsViewOptions.DetailedSuggestionsWindow");
        assert_eq!(named, code != "ErrorSchemaValidation");
    }
    let word = "<t:MinimumSuggestionQuality>excellent</t:MinimumSuggestionQuality>";
    let xml = Question {
        search: word,
        ..suggest()
    };
    edge.check("words", xml.xml(), Fault("ErrorSchemaValidation"))
        .await;
}

#[tokio::test]
async fn another_exchange_makes_its_suggestions_itself() {
    let mut edge = Edge::new().await;
    let header = r#"<t:RequestServerVersion Version="Exchange2013_SP1"/><t:RequestTypeHeader><t:RequestType>CrossForest</t:RequestType></t:RequestTypeHeader>"#;
    let xml = Question {
        header,
        free_busy: false,
        ..suggest()
    };
    edge.check(
        "cross",
        xml.xml(),
        Codes(&["ErrorMeetingSuggestionGenerationFailed"]),
    )
    .await;
    edge.asked_one_by_one();
}

//! The caller's zone: by rules, by the SOAP header, by neither; and the days on which the clock is changed.

use calbridge::domain::BusyStatus;

use super::{ANNA_DIGITS, Digits, Edge, Events, Fault};
use crate::gateway_world::{Question, ask, berlin, busy, event, texts, zone};

/// Central Europe by its Windows id.
const CONTEXT: &str = r#"<t:TimeZoneContext><t:TimeZoneDefinition Id="W. Europe Standard Time"/></t:TimeZoneContext>"#;

/// Anna's events an hour and two hours east.
const ANNA_EAST: [&str; 4] = [
    "2026-09-01T11:00:00 2026-09-01T12:00:00 Busy",
    "2026-09-01T13:30:00 2026-09-01T14:00:00 Tentative",
    "2026-09-01T16:00:00 2026-09-01T17:30:00 OOF",
    "2026-09-01T18:00:00 2026-09-01T19:00:00 Free",
];

/// Anna's day in a zone two hours east of UTC.
fn east<'a>(header: &'a str, zone: &'a str) -> String {
    Question {
        header,
        zone,
        start: "2026-09-01T10:00:00",
        end: "2026-09-01T20:00:00",
        ..ask()
    }
    .xml()
}

#[tokio::test]
async fn where_the_zone_comes_from() {
    let mut edge = Edge::new().await;
    let berlin = berlin();
    let utc = zone(0, "0 00:00:00 0 0 Sunday", "0 00:00:00 0 0 Sunday");
    edge.check("44", east(CONTEXT, ""), Events(&ANNA_EAST))
        .await;
    edge.check("by rules", east("", &berlin), Events(&ANNA_EAST))
        .await;
    edge.check("45", ask().xml(), Digits(ANNA_DIGITS)).await;
    // The element of the body wins over the header.
    let new_york = CONTEXT.replace("W. Europe", "Eastern");
    edge.check("both", east(&new_york, &berlin), Events(&ANNA_EAST))
        .await;
    let xml = Question {
        header: CONTEXT,
        zone: &utc,
        ..ask()
    }
    .xml();
    edge.check("both", xml, Digits(ANNA_DIGITS)).await;
    // Absolute times are answered in the zone all the same, without an offset.
    let absolute = east("", &berlin)
        .replace("T10:00:00", "T08:00:00Z")
        .replace("T20:00:00", "T20:00:00+02:00");
    let answer = edge.check("55", absolute, Events(&ANNA_EAST)).await;
    assert_eq!(texts(answer.text(), "MergedFreeBusy"), [ANNA_DIGITS]);
}

#[tokio::test]
async fn zones_by_name_and_unknown_ones() {
    let mut edge = Edge::new().await;
    let context = |attributes: &str, content: &str| {
        format!(
            "<t:TimeZoneContext><t:TimeZoneDefinition {attributes}>{content}</t:TimeZoneDefinition></t:TimeZoneContext>"
        )
    };
    let name = r#"Name="(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna""#;
    for attributes in [
        name.to_owned(),
        format!(r#"Id="Nowhere Standard Time" {name}"#),
    ] {
        let header = context(&attributes, "");
        edge.check("49 by name", east(&header, ""), Events(&ANNA_EAST))
            .await;
    }
    let periods = concat!(
        r#"<t:Periods><t:Period Bias="-PT2H" Name="Standard" Id="std"/></t:Periods><t:TransitionsGroups>"#,
        r#"<t:TransitionsGroup Id="0"><t:Transition><t:To Kind="Period">std</t:To></t:Transition></t:TransitionsGroup>"#,
        r#"</t:TransitionsGroups><t:Transitions><t:Transition><t:To Kind="Group">0</t:To></t:Transition></t:Transitions>"#
    );
    let header = context(r#"Id="Nowhere Standard Time""#, periods);
    edge.check("49 by periods", east(&header, ""), Events(&ANNA_EAST))
        .await;
    for attributes in [r#"Id="Nowhere Standard Time""#, r#"Name="Nowhere""#, ""] {
        let header = context(attributes, "");
        edge.check("49", east(&header, ""), Fault("ErrorTimeZone"))
            .await;
    }
}

#[tokio::test]
async fn rules_that_cannot_be() {
    let mut edge = Edge::new().await;
    let only_bias = "<t:Bias>-60</t:Bias>";
    let answer = edge
        .check("46", east("", only_bias), Fault("ErrorSchemaValidation"))
        .await;
    assert!(texts(answer.text(), "Violation")[0].contains("&apos;StandardTime&apos;"));
    let good = "0 03:00:00 5 10 Sunday";
    for daylight in [
        "-60 02:00:00 -1 3 Sunday",
        "-60 02:00:00 6 3 Sunday",
        "-60 02:00:00 5 13 Sunday",
        "-60 02:00:00 5 -1 Sunday",
        "-60 25:00:00 5 3 Sunday",
        "-60 02:60:00 5 3 Sunday",
        "-60 morning 5 3 Sunday",
        "-60 02:00:00 32 3 Sunday 2026",
    ] {
        let xml = east("", &zone(-60, good, daylight));
        edge.check(&format!("47 {daylight}"), xml, Fault("ErrorTimeZone"))
            .await;
    }
    for daylight in [
        "-60 02:00:00 5 3 Sontag",
        "x 02:00:00 5 3 Sunday",
        "-60 02:00:00 40000 3 Sunday",
    ] {
        let xml = east("", &zone(-60, good, daylight));
        edge.check(
            &format!("47 {daylight}"),
            xml,
            Fault("ErrorSchemaValidation"),
        )
        .await;
    }
    for bias in [100_000, -100_000, 1441, -1441, i32::MIN, i32::MAX] {
        let xml = east("", &zone(bias, good, "-60 02:00:00 5 3 Sunday"));
        edge.check(&format!("48 {bias}"), xml, Fault("ErrorTimeZone"))
            .await;
    }
}

#[tokio::test]
async fn every_way_of_saying_no_daylight_time() {
    let mut edge = Edge::new().await;
    for (standard, daylight) in [
        ("0 00:00:00 0 0 Sunday", "0 00:00:00 0 0 Sunday"),
        ("0 00:00:00 1 0 Sunday", "0 00:00:00 1 0 Sunday"),
        ("0 02:00:00 1 3 Sunday", "0 02:00:00 1 10 Sunday"),
        ("0 00:00:00 1 1 Monday", "0 00:00:00 5 12 Sunday"),
        ("0 00:00:00 0 0 Day", "-60 00:00:00 0 0 Day"),
    ] {
        let xml = east("", &zone(-120, standard, daylight));
        edge.check("no daylight time", xml, Events(&ANNA_EAST))
            .await;
    }
    // The bias of the half that holds counts too.
    let xml = east(
        "",
        &zone(0, "-120 02:00:00 1 3 Sunday", "-120 02:00:00 1 10 Sunday"),
    );
    edge.check("bias of the half", xml, Events(&ANNA_EAST))
        .await;
}

#[tokio::test]
async fn the_hour_that_does_not_exist() {
    let mut edge = Edge::new().await;
    // In Berlin 29 March 2026 has no 02:00 to 03:00. By the bias before the change, 02:30 is 01:30 UTC: 03:30 on the wall.
    edge.backend.put(
        "spring@example.com",
        vec![
            busy("2026-03-29T00:30", "2026-03-29T01:30"),
            busy("2026-03-29T01:30", "2026-03-29T02:30"),
        ],
    );
    let berlin = berlin();
    let spring = Question {
        zone: &berlin,
        mailboxes: "spring@example.com",
        start: "2026-03-29T02:30:00",
        end: "2026-03-29T06:30:00",
        ..ask()
    };
    let answer = edge.check("50", spring.xml(), Digits("200")).await;
    let listed = ["2026-03-29T03:30:00 2026-03-29T04:30:00 Busy"];
    assert_eq!(super::listed(answer.text()), listed);
    let by_context = Question {
        header: CONTEXT,
        zone: "",
        ..spring
    };
    edge.check("50", by_context.xml(), Digits("200")).await;
}

#[tokio::test]
async fn the_hour_that_comes_twice() {
    let mut edge = Edge::new().await;
    // In Berlin 25 October 2026 has 02:00 to 03:00 twice: from 00:00 and from 01:00 UTC.
    edge.backend.put(
        "autumn@example.com",
        vec![
            busy("2026-10-25T00:30", "2026-10-25T00:45"),
            event(
                "2026-10-25T01:30",
                "2026-10-25T01:45",
                BusyStatus::Tentative,
            ),
        ],
    );
    let berlin = berlin();
    let autumn = Question {
        zone: &berlin,
        mailboxes: "autumn@example.com",
        start: "2026-10-25T02:30:00",
        end: "2026-10-25T04:00:00",
        interval: "30",
        ..ask()
    };
    for question in [
        autumn.clone(),
        Question {
            header: CONTEXT,
            zone: "",
            ..autumn
        },
    ] {
        let answer = edge.check("51", question.xml(), Digits("20100")).await;
        let listed = [
            "2026-10-25T02:30:00 2026-10-25T02:45:00 Busy",
            "2026-10-25T02:30:00 2026-10-25T02:45:00 Tentative",
        ];
        assert_eq!(super::listed(answer.text()), listed);
    }
}

#[tokio::test]
async fn days_of_twenty_three_and_twenty_five_hours() {
    let mut edge = Edge::new().await;
    // Berlin's 22:00 to midnight on both days.
    edge.backend.put(
        "late@example.com",
        vec![
            busy("2026-03-29T20:00", "2026-03-29T22:00"),
            busy("2026-10-25T21:00", "2026-10-25T23:00"),
        ],
    );
    let berlin = berlin();
    for (start, end, free) in [
        ("2026-03-29T00:00:00", "2026-03-30T00:00:00", 21),
        ("2026-10-25T00:00:00", "2026-10-26T00:00:00", 23),
    ] {
        let day = Question {
            zone: &berlin,
            mailboxes: "late@example.com",
            start,
            end,
            ..ask()
        };
        let hours = "0".repeat(free) + "22";
        let answer = edge.check("52", day.xml(), Digits(&hours)).await;
        let evening = format!("{}22:00:00 {}00:00:00 Busy", &start[..11], &end[..11]);
        assert_eq!(super::listed(answer.text()), [evening]);
        let halves = "0".repeat(2 * free) + "2222";
        let by_halves = Question {
            interval: "30",
            ..day
        };
        edge.check("52", by_halves.xml(), Digits(&halves)).await;
    }
}

#[tokio::test]
async fn rules_of_either_hemisphere_and_of_one_year() {
    let mut edge = Edge::new().await;
    edge.backend.put(
        "far@example.com",
        vec![
            busy("2026-01-14T21:30", "2026-01-14T22:30"),
            busy("2026-07-14T23:00", "2026-07-15T00:00"),
            busy("2026-09-15T09:00", "2026-09-15T10:00"),
        ],
    );
    let sydney = zone(-600, "0 03:00:00 1 4 Sunday", "-60 02:00:00 1 10 Sunday");
    let one_year = zone(
        -60,
        "0 03:00:00 25 10 Sunday 2026",
        "-60 02:00:00 29 3 Sunday 2026",
    );
    // Summer from the first Sunday of September (the sixth) to the last one (the twenty-seventh).
    let one_month = zone(-60, "0 03:00:00 5 9 Sunday", "-60 02:00:00 1 9 Sunday");
    for (row, zone, expect) in [
        ("53 southern summer", &sydney, "2026-01-15 08:30 09:30"),
        ("53 southern winter", &sydney, "2026-07-15 09:00 10:00"),
        ("53 one year", &one_year, "2026-09-15 11:00 12:00"),
        ("53 its winter", &one_year, "2026-01-14 22:30 23:30"),
        ("53 one month", &one_month, "2026-09-15 11:00 12:00"),
        ("53 outside of it", &one_month, "2026-07-15 00:00 01:00"),
    ] {
        let words: Vec<&str> = expect.split(' ').collect();
        let [day, from, to] = words[..] else {
            panic!("{expect}")
        };
        let question = Question {
            zone,
            mailboxes: "far@example.com",
            start: &format!("{day}T00:00:00"),
            end: &format!("{day}T24:00:00"),
            ..ask()
        };
        let event = format!("{day}T{from}:00 {day}T{to}:00 Busy");
        edge.check(row, question.xml(), Events(&[&event])).await;
    }
}

//! `FreeBusyViewOptions`: views and intervals. Suggestions are in the file beside this one.

use calbridge::service::settings::SharingSettings;

use super::{ANNA_DIGITS, Codes, Digits, Edge, Fault};
use crate::gateway_world::{Question, ask, texts};

fn with_interval(interval: &str) -> String {
    Question { interval, ..ask() }.xml()
}

fn with_view(view: &str) -> String {
    Question { view, ..ask() }.xml()
}

#[tokio::test]
async fn intervals() {
    let mut edge = Edge::new().await;
    for interval in ["4", "0", "-5", "1441", "2147483647"] {
        let xml = with_interval(interval);
        edge.check("40", xml, Fault("ErrorInvalidMergedFreeBusyInterval"))
            .await;
    }
    for interval in ["abc", "99999999999", "5.5", "1e2", "0x10"] {
        edge.check(
            "40",
            with_interval(interval),
            Fault("ErrorSchemaValidation"),
        )
        .await;
    }
    // Six hundred minutes by seven: eighty-five slots and a rest of five minutes. Slot n begins at 7 n minutes.
    // Busy from 60 to 120: slots 8 (56) to 17 (119). Tentative 210 to 240: 30 to 34. Away 360 to 450: 51 (357) to 64.
    let seven = [
        "0".repeat(8),
        "2".repeat(10),
        "0".repeat(12),
        "1".repeat(5),
        "0".repeat(16),
        "3".repeat(14),
        "0".repeat(21),
    ]
    .concat();
    assert_eq!(seven.len(), 86);
    edge.check("40 seven", with_interval("7"), Digits(&seven))
        .await;
    edge.check("40 a day", with_interval("1440"), Digits("3"))
        .await;
    let fives = [
        "0".repeat(12),
        "2".repeat(12),
        "0".repeat(18),
        "1".repeat(6),
        "0".repeat(24),
        "3".repeat(18),
        "0".repeat(30),
    ]
    .concat();
    edge.check("40 five", with_interval(" 5\n"), Digits(&fives))
        .await;
    // Without one, half hours.
    edge.check(
        "no interval",
        with_interval(""),
        Digits("00220001000033300000"),
    )
    .await;
}

#[tokio::test]
async fn views_that_are_none() {
    let mut edge = Edge::new().await;
    let none = with_view("None");
    edge.check("41", none, Fault("ErrorInvalidFreeBusyViewType"))
        .await;
    for view in [
        "Detailed Merged",
        "detailed",
        "Everything",
        "FreeBusy,Detailed",
    ] {
        edge.check("41", with_view(view), Fault("ErrorSchemaValidation"))
            .await;
    }
    let empty = ask().xml().replace(">DetailedMerged<", "><");
    edge.check(
        "41 empty list",
        empty,
        Fault("ErrorInvalidFreeBusyViewType"),
    )
    .await;
    let neither = Question {
        free_busy: false,
        ..ask()
    }
    .xml();
    edge.check("43", neither, Fault("ErrorInvalidFreeBusyViewType"))
        .await;
}

/// The view that is told, and whether there are digits, events, details.
async fn check_view(edge: &mut Edge, row: &str, view: &str, expect: (&str, bool, bool, bool)) {
    let answer = edge.check(row, with_view(view), Codes(&["NoError"])).await;
    let text = answer.text();
    let (kind, digits, events, details) = expect;
    assert_eq!(texts(text, "FreeBusyViewType"), [kind], "{row} {view}");
    let first = "<FreeBusyView><FreeBusyViewType xmlns=";
    assert!(text.contains(first), "{row} {view}: {text}");
    let digits = if digits { vec![ANNA_DIGITS] } else { vec![] };
    assert_eq!(texts(text, "MergedFreeBusy"), digits, "{row} {view}");
    assert_eq!(
        texts(text, "CalendarEvent").len(),
        if events { 4 } else { 0 },
        "{row} {view}"
    );
    assert_eq!(text.contains("CalendarEventArray"), events, "{row} {view}");
    assert_eq!(
        text.contains("CalendarEventDetails"),
        details,
        "{row} {view}"
    );
    assert_eq!(text.contains("Review"), details, "{row} {view}");
}

#[tokio::test]
async fn each_view_has_its_parts() {
    let mut edge = Edge::new().await;
    for (row, view, expect) in [
        ("1.3", "MergedOnly", ("MergedOnly", true, false, false)),
        ("1.3", "FreeBusy", ("FreeBusy", false, true, false)),
        (
            "1.3",
            "FreeBusyMerged",
            ("FreeBusyMerged", true, true, false),
        ),
        ("1.3", "Detailed", ("Detailed", false, true, true)),
        (
            "1.3",
            "DetailedMerged",
            ("DetailedMerged", true, true, true),
        ),
        ("1.3 missing", "", ("FreeBusy", false, true, false)),
        ("42", "FreeBusy Detailed", ("Detailed", false, true, true)),
        ("42", "Detailed FreeBusy", ("Detailed", false, true, true)),
        ("42", "None MergedOnly", ("MergedOnly", true, false, false)),
        (
            "42",
            "DetailedMerged\n  MergedOnly ",
            ("DetailedMerged", true, true, true),
        ),
    ] {
        check_view(&mut edge, row, view, expect).await;
    }
}

#[tokio::test]
async fn without_the_right_to_details_the_view_is_lowered() {
    let sharing = SharingSettings {
        event_details: false,
        ..SharingSettings::default()
    };
    let mut by_policy = Edge::with(sharing, |_| {}).await;
    let mut by_account = Edge::with(SharingSettings::default(), |settings| {
        let account = &mut settings.access.role_accounts[0];
        account.caller.detail = calbridge::domain::Detail::BusyOnly;
    })
    .await;
    for edge in [&mut by_policy, &mut by_account] {
        for (view, expect) in [
            ("Detailed", ("FreeBusy", false, true, false)),
            ("DetailedMerged", ("FreeBusyMerged", true, true, false)),
            ("FreeBusyMerged", ("FreeBusyMerged", true, true, false)),
            ("MergedOnly", ("MergedOnly", true, false, false)),
        ] {
            check_view(edge, "56", view, expect).await;
        }
    }
}

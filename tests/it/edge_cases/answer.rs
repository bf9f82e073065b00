//! What answers say: private events, odd characters, working hours, calendars known only by digits.

use std::sync::Arc;

use calbridge::domain::freebusy::WorkingDay;
use calbridge::domain::zone::ZoneRules;
use calbridge::domain::{
    BusyStatus, Detail, EventDetails, EventFlags, FreeBusy, WorkingHours, WorkingPeriod,
};
use jiff::civil::Weekday;

use super::{Codes, Digits, Edge, Events};
use crate::gateway_world::{Question, ask, busy, event, texts, with_details};

fn about(mailboxes: &'static str) -> Question<'static> {
    Question { mailboxes, ..ask() }
}

#[tokio::test]
async fn private_events_show_no_more_than_their_time() {
    let mut edge = Edge::new().await;
    let details = EventDetails {
        id: Some("0000C2".into()),
        subject: Some("Doctor".into()),
        location: Some("Clinic".into()),
        organizer: Some("Doctor".into()),
        flags: EventFlags {
            private: true,
            meeting: true,
            ..EventFlags::default()
        },
    };
    let event = with_details(busy("2026-09-01T09:00", "2026-09-01T10:00"), details);
    edge.backend.put("private@example.com", vec![event]);
    let xml = about("private@example.com").xml();
    let answer = edge.check("57", xml, Digits("0200000000")).await;
    let text = answer.text();
    for secret in ["Doctor", "Clinic", "0000C2", "<ID", "<Subject", "<Location"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    let told = "<CalendarEventDetails><IsMeeting>true</IsMeeting><IsRecurring>false</IsRecurring>\
                <IsException>false</IsException><IsReminderSet>false</IsReminderSet><IsPrivate>true</IsPrivate>\
                </CalendarEventDetails></CalendarEvent>";
    assert!(text.contains(told), "{text}");
}

#[tokio::test]
async fn subjects_of_every_kind() {
    let mut edge = Edge::new().await;
    let long = "x".repeat(300);
    for (subject, written) in [
        ("<&>", "&lt;&amp;&gt;"),
        ("]]>", "]]&gt;"),
        ("Fête 🎉 \u{10FFFD}", "Fête 🎉 \u{10FFFD}"),
        ("a\u{0}b\u{1}c\u{1B}d\u{FFFE}e\u{FFFF}f", "abcdef"),
        ("\u{B}", ""),
        (long.as_str(), long.as_str()),
    ] {
        let details = EventDetails {
            subject: Some(subject.into()),
            location: Some("".into()),
            ..EventDetails::default()
        };
        let event = with_details(busy("2026-09-01T09:00", "2026-09-01T10:00"), details);
        edge.backend.put("odd@example.com", vec![event]);
        let xml = about("odd@example.com").xml();
        let answer = edge.check("58", xml, Digits("0200000000")).await;
        assert_eq!(texts(answer.text(), "Subject"), [written]);
        assert_eq!(texts(answer.text(), "Location"), [""]);
    }
}

#[tokio::test]
async fn events_are_sorted_whole_and_of_every_kind() {
    let mut edge = Edge::new().await;
    edge.backend.put(
        "week@example.com",
        vec![
            event(
                "2026-09-01T17:59",
                "2026-09-02T09:00",
                BusyStatus::OutOfOffice,
            ),
            event("2026-09-01T10:00", "2026-09-01T11:00", BusyStatus::NoData),
            event("2026-09-01T10:00", "2026-09-01T10:30", BusyStatus::Free),
            event("2026-08-31T22:00", "2026-09-01T08:00", BusyStatus::Busy),
            event(
                "2026-08-31T00:00",
                "2026-09-01T08:30",
                BusyStatus::Tentative,
            ),
            event("2026-09-01T18:00", "2026-09-01T19:00", BusyStatus::Busy),
        ],
    );
    let listed = [
        "2026-08-31T00:00:00 2026-09-01T08:30:00 Tentative",
        "2026-09-01T10:00:00 2026-09-01T10:30:00 Free",
        "2026-09-01T10:00:00 2026-09-01T11:00:00 NoData",
        "2026-09-01T17:59:00 2026-09-02T09:00:00 OOF",
    ];
    let xml = about("week@example.com").xml();
    let answer = edge.check("order", xml, Events(&listed)).await;
    assert_eq!(texts(answer.text(), "MergedFreeBusy"), ["1040000003"]);
}

#[tokio::test]
async fn without_events_there_is_no_array() {
    let mut edge = Edge::new().await;
    edge.backend.put("free@example.com", Vec::new());
    let xml = about("free@example.com").xml();
    let answer = edge.check("no events", xml, Digits("0000000000")).await;
    assert!(!answer.text().contains("CalendarEvent"));
    assert!(!answer.text().contains("WorkingHours"));
    let response = "<s:Body xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\">\
         <GetUserAvailabilityResponse xmlns=\"http://schemas.microsoft.com/exchange/services/2006/messages\">\
         <FreeBusyResponseArray><FreeBusyResponse><ResponseMessage ResponseClass=\"Success\"><ResponseCode>NoError</ResponseCode>\
         </ResponseMessage><FreeBusyView><FreeBusyViewType xmlns=\"http://schemas.microsoft.com/exchange/services/2006/types\">\
         DetailedMerged</FreeBusyViewType><MergedFreeBusy xmlns=\"http://schemas.microsoft.com/exchange/services/2006/types\">\
         0000000000</MergedFreeBusy></FreeBusyView></FreeBusyResponse></FreeBusyResponseArray></GetUserAvailabilityResponse>\
         </s:Body></s:Envelope>";
    assert!(answer.text().ends_with(response), "{}", answer.text());
}

#[tokio::test]
async fn a_calendar_known_by_digits_is_told_by_digits() {
    let mut edge = Edge::new().await;
    let runs = vec![busy("2026-09-01T09:00", "2026-09-01T11:00")];
    let known = FreeBusy::new(runs, Detail::DigitsOnly, None);
    edge.backend.put_outcome("list@example.com", Ok(known));
    for view in ["MergedOnly", "FreeBusy", "Detailed", "DetailedMerged"] {
        let xml = Question {
            view,
            ..about("list@example.com")
        }
        .xml();
        let answer = edge.check("MergedOnly", xml, Digits("0220000000")).await;
        assert_eq!(texts(answer.text(), "FreeBusyViewType"), ["MergedOnly"]);
        assert!(!answer.text().contains("CalendarEvent"), "{view}");
    }
}

#[tokio::test]
async fn working_hours_keep_their_own_zone() {
    let mut edge = Edge::new().await;
    let zone = jiff::tz::TimeZone::get("America/New_York").unwrap();
    let days = [Weekday::Monday, Weekday::Friday].map(WorkingDay::Day);
    let period = |days: Vec<WorkingDay>, start_minute, end_minute| WorkingPeriod {
        days,
        start_minute,
        end_minute,
    };
    let hours = WorkingHours {
        zone: ZoneRules::for_year(&zone, 2026),
        periods: vec![
            period(days.to_vec(), 480, 1020),
            period(Vec::new(), 0, 1439),
        ],
    };
    let known = FreeBusy::new(Vec::new(), Detail::Subjects, Some(Arc::new(hours)));
    edge.backend.put_outcome("hours@example.com", Ok(known));
    for (view, has_hours) in [
        ("DetailedMerged", true),
        ("FreeBusy", true),
        ("MergedOnly", false),
    ] {
        let xml = Question {
            view,
            zone: &crate::gateway_world::berlin(),
            ..about("hours@example.com")
        }
        .xml();
        let answer = edge.check("WorkingHours", xml, Codes(&["NoError"])).await;
        let text = answer.text();
        assert_eq!(text.contains("<WorkingHours"), has_hours, "{view}");
        if has_hours {
            // Eastern time: five hours behind, four in summer.
            assert_eq!(texts(text, "Bias"), ["300", "0", "-60"], "{text}");
            assert_eq!(
                texts(text, "DayOfWeek")[2..],
                ["Monday Friday", ""],
                "{text}"
            );
            assert_eq!(texts(text, "StartTimeInMinutes"), ["480", "0"]);
            assert_eq!(texts(text, "EndTimeInMinutes"), ["1020", "1439"]);
            let last = text.rfind("</WorkingHours></FreeBusyView>");
            assert!(last.is_some(), "{text}");
        }
    }
}

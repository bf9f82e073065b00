//! Packing and unpacking.

use super::*;
use crate::domain::{CalendarEvent, EventDetails};
use proptest::prelude::*;

fn text() -> impl Strategy<Value = Option<Box<str>>> {
    prop_oneof![
        Just(None),
        "[0-9A-F]{0,9}".prop_map(|text| Some(text.into())),
        "\\PC{0,12}".prop_map(|text| Some(text.into())),
    ]
}

prop_compose! {
    fn event()(
        start in -5_000_000_000_i64..5_000_000_000, length in 0_i64..100_000, status in 0_usize..6,
        (id, subject, location) in (text(), text(), text()),
        organizer in prop::option::of("\\PC{1,12}".prop_map(Box::from)), flags in any::<[bool; 4]>(), titled: bool,
    ) -> CalendarEvent {
        let [meeting, recurring, exception, reminder_set] = flags;
        let flags = EventFlags { meeting, recurring, exception, reminder_set, private: false };
        CalendarEvent {
            start: Timestamp::from_second(start).unwrap(),
            end: Timestamp::from_second(start + length).unwrap(),
            status: BusyStatus::ALL[status],
            details: titled.then(|| EventDetails { id, subject, location, organizer, flags }.into()),
        }
    }
}

proptest! {
    #[test]
    fn what_is_packed_is_unpacked(events in prop::collection::vec(event(), 0..8)) {
        let mut builder = Builder::default();
        for event in &events {
            super::super::push(&mut builder, event);
        }
        let packed = builder.finish();
        let mut unpacked: Vec<_> = packed.iter(true).map(|event| event.to_owned()).collect();
        prop_assert!(unpacked.is_sorted_by_key(|event| (event.start, event.end)));
        for event in events {
            let at = unpacked.iter().position(|other| *other == event);
            prop_assert!(at.is_some(), "{event:?} was lost");
            unpacked.remove(at.unwrap());
        }
    }
}

#[test]
fn fractions_are_rounded_outwards() {
    let mut builder = Builder::default();
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    builder.push(
        at("1969-12-31T23:59:58.5Z"),
        at("1970-01-01T00:00:01.5Z"),
        BusyStatus::Busy,
        None,
    );
    builder.push(
        at("1970-01-01T00:00:05.5Z"),
        at("1970-01-01T00:00:05.5Z"),
        BusyStatus::Busy,
        None,
    );
    let packed = builder.finish();
    let times: Vec<_> = packed
        .iter(true)
        .map(|event| (event.start, event.end))
        .collect();
    assert_eq!(times, [(-2, 2), (5, 5)]);
}

#[test]
fn an_exchange_calendar_of_forty_events_stays_small() {
    let mut builder = Builder::default();
    let id = "0".repeat(140);
    for minute in 0..40 {
        let details = Details {
            id: Some(EventId::Text(&id)),
            subject: Some("Quarterly review of the plan"),
            location: Some("Room Aurora, building 4"),
            organizer: None,
            flags: EventFlags::default(),
        };
        let start = Timestamp::from_second(minute * 60).unwrap();
        builder.push(start, start, BusyStatus::Busy, Some(&details));
    }
    let bytes = builder.finish().held_bytes();
    assert!(bytes < 4 * 1024, "{bytes}");
}

#[test]
fn ids_share_their_beginning_and_are_told_whole() {
    let ids = [
        "0011AABB01".repeat(14),
        "0011AABB02".repeat(14),
        format!("{}02", "0011AABB01".repeat(13)),
        "0011".to_owned(),
        "FF".repeat(400),
        "0011AABB01".repeat(200),
        "not hexadecimal".to_owned(),
    ];
    let mut builder = Builder::default();
    for (second, id) in ids.iter().enumerate() {
        let details = Details {
            id: Some(EventId::Text(id)),
            ..Details::default()
        };
        let at = Timestamp::from_second(second as i64).unwrap();
        builder.push(at, at, BusyStatus::Busy, Some(&details));
    }
    let told = |packed: &Packed| -> Vec<_> {
        let details = packed.iter(true).filter_map(|event| event.details);
        details
            .map(|details| details.id.unwrap().to_string())
            .collect()
    };
    let packed = builder.finish();
    assert_eq!(told(&packed), ids);
    // The same once more from events that are looked at, whose ids are in two pieces, in another order.
    let mut again = Builder::default();
    for event in packed.iter(true).rev() {
        again.push_seconds(&event);
    }
    let again = again.finish();
    assert_eq!(told(&again), ids);
    assert!(packed.iter(true).eq(again.iter(true)));
}

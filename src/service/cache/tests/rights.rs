//! What a right that was lowered means for what is remembered, and that names of owners are counted.

use super::*;
use crate::domain::{EventDetails, Owner};

/// Busy on a day, told by this much.
fn told(day: i8, detail: Detail) -> FreeBusy {
    let events = busy_on(day).to_vec().into_iter();
    let events = events.map(|event| CalendarEvent {
        details: Some(Arc::new(EventDetails {
            subject: Some("Plan".into()),
            ..EventDetails::default()
        })),
        ..event
    });
    FreeBusy::new(events.collect(), detail, None)
}

fn detail(bench: &Bench, days: (i8, i8)) -> Detail {
    match bench.find(days) {
        Found::Fresh(known) => known.detail(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_lowered_right_counts_for_what_was_known_before() {
    for (now, then) in [
        (Detail::BusyOnly, Detail::BusyOnly),
        (Detail::DigitsOnly, Detail::Subjects),
        (Detail::Subjects, Detail::Subjects),
    ] {
        let bench = bench();
        bench.store((1, 8), Ok(told(3, Detail::Subjects)));
        bench.wait(10);
        bench.store((15, 22), Ok(told(17, now)));
        assert_eq!(detail(&bench, (3, 4)), then, "{now:?}");
        assert_eq!(detail(&bench, (15, 22)), now);
    }
}

#[test]
fn an_answer_that_comes_late_tells_no_more_than_a_later_question_was_granted() {
    let bench = bench();
    let before = bench.cache.asking(0);
    bench.wait(1);
    bench.store((15, 22), Ok(told(17, Detail::BusyOnly)));
    bench.land(&before, (1, 8), &Ok(told(3, Detail::Subjects)));
    assert_eq!(detail(&bench, (3, 4)), Detail::BusyOnly);
    bench.wait(1);
    bench.store((1, 8), Ok(told(3, Detail::Subjects)));
    assert_eq!(detail(&bench, (3, 4)), Detail::Subjects, "granted again");
}

#[test]
fn the_names_of_an_owner_are_counted() {
    let size = |owner: Option<Owner>| {
        let bench = bench();
        let known = busy_on(3).owned_by(owner.map(Arc::new));
        bench.store((1, 8), Ok(known));
        bench.cache.size().1
    };
    let long: Box<str> = "n".repeat(10_000).into();
    let named = Owner {
        display_name: Some(long.clone()),
        common_name: Some(long),
    };
    let (without, nameless, with) = (size(None), size(Some(Owner::default())), size(Some(named)));
    assert!(nameless >= without + size_of::<Owner>() as u64);
    assert!((20_000..28_000).contains(&(with - nameless)), "{with}");
}

//! The cache by a clock that is put forward by hand.

mod adjoining;
mod rights;

use std::sync::Mutex;
use std::time::Duration;

use super::*;
use crate::domain::{BusyStatus, CalendarEvent, Detail};
use crate::service::settings::CacheLifetimes;

struct HandClock(Mutex<Timestamp>);

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

struct Bench {
    cache: Cache,
    clock: Arc<HandClock>,
}

fn bench() -> Bench {
    let clock = Arc::new(HandClock(Mutex::new(at("2026-09-01T00:00Z"))));
    Bench {
        cache: Cache::new(1 << 20, clock.clone()),
        clock,
    }
}

impl Bench {
    fn wait(&self, seconds: u64) {
        let mut now = self.clock.0.lock().unwrap();
        *now += Duration::from_secs(seconds);
    }

    fn find(&self, days: (i8, i8)) -> Found {
        self.cache.find(
            0,
            &anna(),
            &window(days),
            (&CacheLifetimes::default(), self.cache.now()),
        )
    }

    fn store(&self, days: (i8, i8), outcome: impl Into<Outcome>) {
        self.land(&self.cache.asking(0), days, &outcome.into());
    }

    fn land(&self, asking: &Asking, days: (i8, i8), outcome: &Outcome) {
        self.cache.store(asking, &anna(), &window(days), outcome);
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn anna() -> SmtpAddress {
    SmtpAddress::parse("anna@example.com").unwrap()
}

/// From a day of September 2026 to another.
fn window((from, to): (i8, i8)) -> TimeWindow {
    TimeWindow::new(
        at(&format!("2026-09-{from:02}T00:00Z")),
        at(&format!("2026-09-{to:02}T00:00Z")),
    )
    .unwrap()
}

fn busy_on(day: i8) -> FreeBusy {
    let (start, end) = (
        at(&format!("2026-09-{day:02}T09:00Z")),
        at(&format!("2026-09-{day:02}T10:00Z")),
    );
    FreeBusy::new(
        vec![CalendarEvent {
            start,
            end,
            status: BusyStatus::Busy,
            details: None,
        }],
        Detail::BusyOnly,
        None,
    )
}

#[test]
fn a_window_inside_a_covered_one_is_fresh_then_stale_then_missing() {
    let bench = bench();
    bench.store((1, 15), Ok(busy_on(3)));
    assert_eq!(bench.find((3, 4)), Found::Fresh(busy_on(3)));
    assert_eq!(bench.find((3, 16)), Found::Missing);
    bench.wait(60);
    assert_eq!(
        bench.find((3, 4)),
        Found::Stale {
            known: busy_on(3),
            refresh: true
        }
    );
    bench.wait(60);
    assert_eq!(bench.find((3, 4)), Found::Missing);
}

#[test]
fn a_failing_endpoint_is_asked_again_after_seconds_and_old_answers_serve_meanwhile() {
    let bench = bench();
    bench.store((1, 8), Ok(busy_on(3)));
    bench.wait(130);
    bench.store((1, 8), Err(MailboxError::Timeout));
    assert_eq!(bench.find((3, 4)), Found::Rescued(busy_on(3)));
    assert_eq!(bench.find((20, 21)), Found::Failed(MailboxError::Timeout));
    bench.wait(5);
    assert_eq!(bench.find((3, 4)), Found::Missing);
    let lifetimes = CacheLifetimes::default();
    assert_eq!(
        bench.cache.rescue(0, &anna(), &window((3, 4)), &lifetimes),
        Some(busy_on(3))
    );
    bench.wait(15 * 60);
    assert_eq!(
        bench.cache.rescue(0, &anna(), &window((3, 4)), &lifetimes),
        None
    );
}

#[test]
fn while_revalidating_fails_it_is_not_tried_at_every_question() {
    let bench = bench();
    bench.store((1, 8), Ok(busy_on(3)));
    bench.wait(61);
    bench.store((1, 8), Err(MailboxError::EndpointFailed));
    assert_eq!(
        bench.find((3, 4)),
        Found::Stale {
            known: busy_on(3),
            refresh: false
        }
    );
    bench.wait(5);
    assert_eq!(
        bench.find((3, 4)),
        Found::Stale {
            known: busy_on(3),
            refresh: true
        }
    );
}

#[test]
fn a_revoked_right_and_a_deleted_mailbox_forget_what_was_seen() {
    for error in [MailboxError::NoAccess, MailboxError::NotFound] {
        let bench = bench();
        bench.store((1, 8), Ok(busy_on(3)));
        bench.wait(61);
        bench.store((1, 8), Err(error));
        assert_eq!(bench.find((3, 4)), Found::Failed(error));
        assert_eq!(
            bench
                .cache
                .rescue(0, &anna(), &window((3, 4)), &CacheLifetimes::default()),
            None
        );
        bench.wait(60);
        assert_eq!(bench.find((3, 4)), Found::Missing);
    }
}

#[test]
fn an_answer_is_as_old_as_its_question() {
    let bench = bench();
    let asking = bench.cache.asking(0);
    bench.wait(20);
    bench.land(&asking, (1, 8), &Ok(busy_on(3)));
    bench.wait(39);
    assert_eq!(bench.find((3, 4)), Found::Fresh(busy_on(3)));
    bench.wait(1);
    assert!(matches!(bench.find((3, 4)), Found::Stale { .. }));
}

#[test]
fn an_older_answer_that_comes_late_brings_no_revoked_right_back() {
    let bench = bench();
    let slow = bench.cache.asking(0);
    bench.wait(1);
    bench.store((1, 8), Err(MailboxError::NoAccess));
    bench.wait(1);
    bench.land(&slow, (1, 8), &Ok(busy_on(3)));
    assert_eq!(bench.find((3, 4)), Found::Failed(MailboxError::NoAccess));
    // Nor does a failure in between.
    bench.store((1, 8), Err(MailboxError::Timeout));
    bench.land(&slow, (1, 8), &Ok(busy_on(3)));
    assert_eq!(bench.find((3, 4)), Found::Failed(MailboxError::Timeout));
    bench.store((1, 8), Ok(busy_on(5)));
    assert_eq!(bench.find((3, 4)), Found::Fresh(busy_on(5)));
}

#[test]
fn an_older_answer_that_comes_late_does_not_cover_a_newer_one() {
    let bench = bench();
    let slow = bench.cache.asking(0);
    bench.wait(1);
    bench.store((5, 8), Ok(busy_on(6)));
    bench.wait(1);
    bench.land(&slow, (1, 15), &Ok(busy_on(3)));
    assert_eq!(bench.find((5, 8)), Found::Fresh(busy_on(6)));
    assert_eq!(bench.find((1, 5)), Found::Fresh(busy_on(3)));
    assert_eq!(bench.find((8, 15)), Found::Fresh(busy_on(3)));
    bench.land(&slow, (1, 15), &Err(MailboxError::NotFound));
    assert_eq!(bench.find((5, 8)), Found::Fresh(busy_on(6)));
}

#[test]
fn an_event_on_the_border_of_two_covers_is_told_once_whatever_each_may_tell() {
    let bench = bench();
    let event = CalendarEvent {
        start: at("2026-09-07T22:00Z"),
        end: at("2026-09-08T02:00Z"),
        status: BusyStatus::Busy,
        details: Some(Arc::default()),
    };
    let known = |detail| Ok::<_, MailboxError>(FreeBusy::new(vec![event.clone()], detail, None));
    bench.store((1, 8), known(Detail::Subjects));
    bench.store((8, 15), known(Detail::BusyOnly));
    let Found::Fresh(joined) = bench.find((5, 12)) else {
        panic!("both covers are fresh");
    };
    assert_eq!((joined.detail(), joined.len()), (Detail::BusyOnly, 1));
}

#[test]
fn what_says_nothing_about_the_mailbox_changes_nothing() {
    for error in [MailboxError::Loop, MailboxError::InvalidAddress] {
        let bench = bench();
        bench.store((1, 8), Ok(busy_on(3)));
        bench.store((1, 8), Err(error));
        assert_eq!(bench.find((3, 4)), Found::Fresh(busy_on(3)), "{error:?}");
    }
}

#[test]
fn what_was_asked_for_before_a_drop_is_not_remembered_after_it() {
    let bench = bench();
    let asking = bench.cache.asking(0);
    bench.cache.drop_entries(&DropScope::Mailbox(anna()));
    bench.land(&asking, (1, 8), &Ok(busy_on(3)));
    assert_eq!(bench.find((3, 4)), Found::Missing);
    bench.store((1, 8), Ok(busy_on(3)));
    assert_eq!(bench.find((3, 4)), Found::Fresh(busy_on(3)));
}

#[test]
fn after_a_clock_was_put_back_answers_are_remembered_again() {
    for first in [Ok(busy_on(3)), Err(MailboxError::NoAccess)] {
        let bench = bench();
        bench.store((1, 8), first);
        *bench.clock.0.lock().unwrap() -= Duration::from_hours(1);
        bench.store((1, 8), Ok(busy_on(5)));
        assert_eq!(bench.find((3, 4)), Found::Fresh(busy_on(5)));
    }
}

#[test]
fn windows_far_apart_do_not_evict_each_other_until_there_are_five() {
    let bench = bench();
    for day in [1, 5, 10, 15] {
        bench.store((day, day + 1), Ok(busy_on(day)));
        bench.wait(1);
    }
    assert!(
        [1, 5, 10, 15]
            .into_iter()
            .all(|day| bench.find((day, day + 1)) == Found::Fresh(busy_on(day)))
    );
    bench.store((20, 21), Ok(busy_on(20)));
    assert_eq!(bench.find((1, 2)), Found::Missing, "the oldest one goes");
    assert!(
        [5, 10, 15, 20]
            .into_iter()
            .all(|day| bench.find((day, day + 1)) == Found::Fresh(busy_on(day)))
    );
}

#[test]
fn a_clock_put_back_makes_nothing_fresh() {
    let bench = bench();
    bench.store((1, 8), Ok(busy_on(3)));
    *bench.clock.0.lock().unwrap() -= Duration::from_secs(10);
    assert_eq!(bench.find((3, 4)), Found::Missing);
}

#[test]
fn entries_can_be_dropped() {
    let bench = bench();
    let stored = |bench: &Bench| bench.store((1, 8), Ok(busy_on(3)));
    for (scope, count) in [
        (
            DropScope::Mailbox(SmtpAddress::parse("bert@example.com").unwrap()),
            0,
        ),
        (DropScope::Mailbox(anna()), 1),
        (
            DropScope::Domain(MailDomain::parse("example.com").unwrap()),
            1,
        ),
        (
            DropScope::Domain(MailDomain::parse("example.org").unwrap()),
            0,
        ),
        (DropScope::All, 1),
    ] {
        stored(&bench);
        assert_eq!(bench.cache.drop_entries(&scope), count, "{scope:?}");
        assert_eq!(
            bench.find((3, 4)) == Found::Missing,
            count == 1,
            "{scope:?}"
        );
    }
}

#[test]
fn the_bytes_are_bounded() {
    let bench = bench();
    for number in 0..5_000 {
        let mailbox = SmtpAddress::parse(&format!("person{number}@example.com")).unwrap();
        bench.cache.store(
            &bench.cache.asking(0),
            &mailbox,
            &window((1, 8)),
            &Ok(busy_on(3)),
        );
    }
    let (entries, bytes) = bench.cache.size();
    assert!(bytes <= 1 << 20, "{bytes}");
    assert!(
        entries > 500,
        "{entries} entries are too few for a mebibyte"
    );
}

//! What lies between a decoded request and its answer: merging calendars, filling slots, and a whole question to an
//! endpoint that answers from memory.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on ends there")]

mod memory;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use calbridge::domain::busy::slots;
use calbridge::domain::{
    Attendee, AttendeeRole, AvailabilityQuery, BusyStatus, CalendarEvent, Caller, Detail, FreeBusy,
    Origin, SmtpAddress, TimeWindow,
};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

fn window() -> TimeWindow {
    let start: Timestamp = "2026-09-07T00:00:00Z".parse().unwrap();
    TimeWindow::new(start, start + SignedDuration::from_hours(14 * 24)).unwrap()
}

fn calendar(shift: i64) -> FreeBusy {
    let events = (0..40).map(|n| {
        let start = window().start() + SignedDuration::from_mins(480 * n + shift);
        CalendarEvent {
            start,
            end: start + SignedDuration::from_mins(45),
            status: BusyStatus::Busy,
            details: None,
        }
    });
    FreeBusy::new(events.collect(), Detail::BusyOnly, None)
}

fn merging(c: &mut Criterion) {
    let (left, right) = (calendar(0), calendar(20));
    c.bench_function("merge two calendars of 40 events", |b| {
        b.iter(|| black_box(&left).clone().merged(black_box(&right).clone()));
    });
    c.bench_function("slots of 14 days by 30 minutes", |b| {
        b.iter(|| {
            slots(
                black_box(left.events()),
                &window(),
                SignedDuration::from_mins(30),
            )
        });
    });
}

fn questions(c: &mut Criterion) {
    let runtime = memory::runtime();
    let known = calendar(0);
    let service = memory::service(window().start(), move |_, _| known.clone());
    let address = SmtpAddress::parse("role@example.com").unwrap();
    let caller = Arc::new(Caller::of_account(address, Detail::Subjects));
    let mut group = c.benchmark_group("question");
    for mailboxes in [1, 10, 100] {
        let attendees = (0..mailboxes).map(|n| Attendee {
            mailbox: Ok(SmtpAddress::parse(&format!("person{n}@example.com")).unwrap()),
            role: AttendeeRole::Required,
            exclude_conflicts: false,
        });
        let query = AvailabilityQuery {
            caller: caller.clone(),
            attendees: attendees.collect(),
            window: window(),
            detail: Detail::Subjects,
            origin: Origin::default(),
        };
        group.bench_with_input(
            BenchmarkId::from_parameter(mailboxes),
            &query,
            |b, query| {
                b.iter(|| {
                    runtime.block_on(service.answer(query, Instant::now() + Duration::from_secs(5)))
                });
            },
        );
    }
    group.finish();
}

criterion_group!(benches, merging, questions);
criterion_main!(benches);

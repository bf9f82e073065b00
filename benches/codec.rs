//! How fast bytes become values and values bytes, beside the same bytes in a bare quick-xml event loop and the same
//! document in quick-xml's own writer.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on ends there")]

use std::hint::black_box;

use calbridge::codec::ews::availability::{FreeBusyPart, SuggestionsPart, View, write_answer};
use calbridge::codec::ews::envelope;
use calbridge::codec::ews::upstream::{self, Question, SchemaLevel};
use calbridge::domain::zone::Zone;
use calbridge::domain::{
    BusyStatus, CalendarEvent, Detail, EventDetails, EventFlags, FreeBusy, Outcome, SmtpAddress,
    TimeWindow,
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use jiff::{SignedDuration, Timestamp};
use quick_xml::events::{BytesText, Event};
use quick_xml::{NsReader, Writer};

const MAILBOXES: usize = 100;
const EVENTS: i64 = 40;

fn window() -> TimeWindow {
    let start: Timestamp = "2026-09-07T00:00:00Z".parse().unwrap();
    TimeWindow::new(start, start + SignedDuration::from_hours(14 * 24)).unwrap()
}

fn mailboxes() -> Vec<SmtpAddress> {
    (0..MAILBOXES)
        .map(|n| SmtpAddress::parse(&format!("person{n}@example.com")).unwrap())
        .collect()
}

fn calendar(seed: i64) -> FreeBusy {
    let events = (0..EVENTS).map(|n| {
        let start = window().start() + SignedDuration::from_mins(480 * n + seed % 60);
        let details = EventDetails {
            id: Some(format!("{:032X}", seed * 1000 + n).into()),
            subject: Some(format!("Review of plan {n} & budget").into()),
            location: Some("Room Aurora, building 4".into()),
            organizer: None,
            flags: EventFlags {
                meeting: true,
                recurring: n % 2 == 0,
                ..EventFlags::default()
            },
        };
        CalendarEvent {
            start,
            end: start + SignedDuration::from_mins(45),
            status: BusyStatus::Busy,
            details: Some(details.into()),
        }
    });
    FreeBusy::new(events.collect(), Detail::Subjects, None)
}

fn calendars() -> Vec<Outcome> {
    (0..MAILBOXES as i64)
        .map(|seed| Ok(calendar(seed)))
        .collect()
}

fn encode(outcomes: &[Outcome]) -> Vec<u8> {
    let zone = Zone::utc().local_view(&window());
    let part = FreeBusyPart {
        outcomes,
        window: window(),
        interval: SignedDuration::from_mins(30),
        view: View::DetailedMerged,
        zone: &zone,
        working_elsewhere: true,
    };
    write_answer(Some(&part), &SuggestionsPart::NotAsked)
}

/// What reading costs before anything is done with it.
fn bare_loop(text: &str) -> usize {
    let mut reader = NsReader::from_str(text);
    let mut events = 0;
    loop {
        match reader.read_resolved_event().unwrap() {
            (_, Event::Eof) => return events,
            (namespace, event) => {
                black_box((namespace, event));
                events += 1;
            }
        }
    }
}

/// The same document by way of quick-xml's writer, from its events.
fn quick_xml_writer(events: &[Event<'static>], capacity: usize) -> Vec<u8> {
    let mut writer = Writer::new(Vec::with_capacity(capacity));
    for event in events {
        match event {
            // Text is escaped where it is written, as our writer does.
            Event::Text(text) => writer
                .write_event(Event::Text(BytesText::new(text)))
                .unwrap(),
            other => writer.write_event(other.borrow()).unwrap(),
        }
    }
    writer.into_inner()
}

fn events_of(text: &str) -> Vec<Event<'static>> {
    let mut reader = NsReader::from_str(text);
    let mut events = Vec::new();
    loop {
        match reader.read_event().unwrap() {
            Event::Eof => return events,
            event => events.push(event.into_owned()),
        }
    }
}

fn decode_request(c: &mut Criterion) {
    let mailboxes = mailboxes();
    let question = Question {
        level: SchemaLevel::Exchange2013Sp1,
        mailboxes: &mailboxes,
        window: window(),
    };
    let body = upstream::write(&question);
    let mut group = c.benchmark_group("request");
    group.throughput(Throughput::Bytes(body.len() as u64));
    group.bench_function("decode", |b| {
        b.iter(|| envelope::read(black_box(&body)).unwrap());
    });
    group.bench_function("bare NsReader loop", |b| {
        b.iter(|| bare_loop(black_box(std::str::from_utf8(&body).unwrap())));
    });
    group.bench_function("encode", |b| {
        b.iter(|| upstream::write(black_box(&question)));
    });
    group.finish();
}

fn answer(c: &mut Criterion) {
    let mailboxes = mailboxes();
    let question = Question {
        level: SchemaLevel::Exchange2013Sp1,
        mailboxes: &mailboxes,
        window: window(),
    };
    let outcomes = calendars();
    let body = encode(&outcomes);
    let text = std::str::from_utf8(&body).unwrap();
    let events = events_of(text);
    let mut group = c.benchmark_group("answer");
    group.throughput(Throughput::Bytes(body.len() as u64));
    group.bench_function("decode", |b| {
        b.iter(|| upstream::read(black_box(&body), &question).unwrap());
    });
    group.bench_function("bare NsReader loop", |b| {
        b.iter(|| bare_loop(black_box(text)));
    });
    group.bench_function("encode", |b| b.iter(|| encode(black_box(&outcomes))));
    group.bench_function("quick-xml Writer", |b| {
        b.iter(|| quick_xml_writer(black_box(&events), body.len()));
    });
    group.finish();
}

criterion_group!(benches, decode_request, answer);
criterion_main!(benches);

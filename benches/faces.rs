//! A FreeBusyURL answer from the cache, from the request's bytes to the page's, without sockets: one mailbox, eighteen days,
//! forty events, times only, as `load/faces.py` asks over TLS.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on ends there")]

mod face_call;
mod memory;

use std::sync::Arc;

use bytes::Bytes;
use calbridge::domain::{
    BusyStatus, CalendarEvent, Caller, CallerId, Detail, DomainPattern, FreeBusy, MailDomain,
};
use calbridge::face::connector::{self, ConnectorSettings, Form};
use calbridge::face::{Face, Routes};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use jiff::{SignedDuration, Timestamp};

/// That of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const MONDAY: &str = "2026-09-07T00:00:00Z";
const PATH: &str = "/GCalExchangeLookup/ExchangeQuerier.aspx";
const ZONES: [&str; 4] = [
    "UTC",
    "Europe%2FBerlin",
    "America%2FLos_Angeles",
    "W.+Europe+Standard+Time",
];
const BODIES: usize = 512;

/// Forty events in eighteen days, from a week before on.
fn calendar() -> FreeBusy {
    let monday: Timestamp = MONDAY.parse().unwrap();
    let events = (-16..100).map(|n| {
        let start = monday + SignedDuration::from_mins(n * 18 * 24 * 60 / 40);
        CalendarEvent {
            start,
            end: start + SignedDuration::from_mins(30),
            status: BusyStatus::Busy,
            details: None,
        }
    });
    FreeBusy::new(events.collect(), Detail::Subjects, None)
}

fn routes() -> Routes {
    let service = memory::service(MONDAY.parse().unwrap(), |_, _| calendar());
    let domain = MailDomain::parse("example.com").unwrap();
    let directory = ConnectorSettings {
        name: "freebusy_url[0]".into(),
        directory: "GCalExchangeLookup".into(),
        allow: Vec::new(),
        login: None,
        domains: vec![DomainPattern::from(domain)],
        event_details: false,
        domain_mapping: Vec::new(),
        submit_url: "https://www.google.com/calendar/hosted/example.com/mailslot".into(),
        form: Form::Json,
        time_zone: jiff::tz::TimeZone::UTC,
    };
    connector::with_directory(Routes::default(), directory, &Arc::new(service), None)
}

fn body(place: usize) -> Bytes {
    let monday: Timestamp = MONDAY.parse().unwrap();
    let start = monday + SignedDuration::from_hours(24 * (place % 6) as i64);
    let end = start + SignedDuration::from_hours(24 * 18);
    format!(
        "text=%5B1%2C{place}%2C%5Bperson{place}%40example.com%5D%2C{}%2F{}%2C{}%2C{}%5D",
        start.strftime("%Y%m%d"),
        end.strftime("%Y%m%d"),
        start.strftime("%Y%m%dT%H%M%S"),
        ZONES[place % ZONES.len()],
    )
    .into()
}

fn hits(c: &mut Criterion) {
    let runtime = memory::runtime();
    let id = CallerId::Face("freebusy_url[0]".into());
    let caller = Arc::new(Caller::new(id, Detail::BusyOnly));
    let routes = routes();
    let (route, _) = routes.find(PATH).unwrap();
    let face: &dyn Face = route.face.as_ref();
    let bodies: Vec<_> = (0..BODIES).map(body).collect();
    let form = "application/x-www-form-urlencoded";
    let call = |body: &Bytes| face_call::post(PATH, form, body, &caller);
    let ask = |body| runtime.block_on(face.answer(call(body))).response;
    for _ in 0..2 {
        for (place, body) in bodies.iter().enumerate() {
            let page = String::from_utf8(ask(body).into_body().into()).unwrap();
            let told = page.matches("[&quot;&quot;,").count();
            // One more where a window begins inside of an event.
            assert!((40..=41).contains(&told), "{place}: {page}");
        }
    }
    let bytes: usize = bodies.iter().map(|body| ask(body).body().len()).sum();
    let mut group = c.benchmark_group("faces");
    group.throughput(Throughput::Bytes((bytes / BODIES) as u64));
    let mut turn = bodies.iter().cycle();
    group.bench_function("FreeBusyURL", |b| {
        b.iter(|| ask(turn.next().unwrap()));
    });
    group.finish();
}

criterion_group!(benches, hits);
criterion_main!(benches);

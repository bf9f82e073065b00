//! A hit from the request's bytes to the answer's, without sockets: the three workloads of the load table, rotating
//! bodies, everything in the cache.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on ends there")]

mod face_call;
mod memory;

use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use calbridge::domain::{
    BusyStatus, CalendarEvent, Caller, Detail, EventDetails, EventFlags, FreeBusy, SmtpAddress,
};
use calbridge::face::Face;
use calbridge::face::ews::EwsFace;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use jiff::{SignedDuration, Timestamp};

/// That of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const MONDAY: &str = "2026-09-07T00:00:00Z";
const BODIES: usize = 512;

struct Workload {
    name: &'static str,
    mailboxes: usize,
    days: i64,
    events: i64,
    view: &'static str,
}

const WORKLOADS: [Workload; 3] = [
    Workload {
        name: "W1",
        mailboxes: 1,
        days: 1,
        events: 8,
        view: "Detailed",
    },
    Workload {
        name: "W2",
        mailboxes: 5,
        days: 14,
        events: 30,
        view: "DetailedMerged",
    },
    Workload {
        name: "W3",
        mailboxes: 100,
        days: 1,
        events: 6,
        view: "DetailedMerged",
    },
];

impl Workload {
    fn calendar(&self, mailbox: &SmtpAddress) -> FreeBusy {
        let monday: Timestamp = MONDAY.parse().unwrap();
        let step = SignedDuration::from_hours(24 * self.days) / self.events as i32;
        let events = (-7 * self.events / self.days..35 * self.events / self.days).map(|n| {
            let start = monday + SignedDuration::from_secs(n * step.as_secs() / 3600 * 3600 + 300);
            let details = EventDetails {
                id: None,
                subject: Some(format!("Planning {n} of mailbox {mailbox}").into()),
                location: Some(format!("Room {}, 2nd floor", n % 40).into()),
                organizer: None,
                flags: EventFlags::default(),
            };
            CalendarEvent {
                start,
                end: start + SignedDuration::from_mins(20),
                status: BusyStatus::Busy,
                details: Some(details.into()),
            }
        });
        FreeBusy::new(events.collect(), Detail::Subjects, None)
    }

    fn body(&self, number: usize) -> Bytes {
        let zone = |bias: i32, daylight: i32, months: (u8, u8)| {
            let rule = |bias, month| {
                format!(
                    "<t:Bias>{bias}</t:Bias><t:Time>02:00:00</t:Time><t:DayOrder>5</t:DayOrder>\
                     <t:Month>{month}</t:Month><t:DayOfWeek>Sunday</t:DayOfWeek>"
                )
            };
            format!(
                "<t:TimeZone><t:Bias>{bias}</t:Bias><t:StandardTime>{}</t:StandardTime>\
                 <t:DaylightTime>{}</t:DaylightTime></t:TimeZone>",
                rule(0, months.0),
                rule(daylight, months.1)
            )
        };
        let zones = [
            zone(0, 0, (10, 3)),
            zone(-60, -60, (10, 3)),
            zone(300, -60, (11, 3)),
            zone(-540, 0, (10, 3)),
        ];
        let mut asked = String::new();
        for n in 0..self.mailboxes {
            write!(
                asked,
                "<t:MailboxData><t:Email><t:Address>person{}@example.com</t:Address>\
                 <t:RoutingType>SMTP</t:RoutingType></t:Email><t:AttendeeType>Required</t:AttendeeType>\
                 <t:ExcludeConflicts>false</t:ExcludeConflicts></t:MailboxData>",
                (number + n) % BODIES
            )
            .unwrap();
        }
        let monday: Timestamp = MONDAY.parse().unwrap();
        let start = monday + SignedDuration::from_hours(24 * (number % 6) as i64);
        let end = start + SignedDuration::from_hours(24 * self.days);
        let local = |at: Timestamp| at.strftime("%Y-%m-%dT%H:%M:%S").to_string();
        format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\
             <s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" \
             xmlns:m=\"http://schemas.microsoft.com/exchange/services/2006/messages\" \
             xmlns:t=\"http://schemas.microsoft.com/exchange/services/2006/types\">\
             <s:Header><t:RequestServerVersion Version=\"Exchange2013_SP1\"/></s:Header><s:Body>\
             <m:GetUserAvailabilityRequest>{}<m:MailboxDataArray>{asked}</m:MailboxDataArray>\
             <t:FreeBusyViewOptions><t:TimeWindow><t:StartTime>{}</t:StartTime><t:EndTime>{}</t:EndTime></t:TimeWindow>\
             <t:MergedFreeBusyIntervalInMinutes>{}</t:MergedFreeBusyIntervalInMinutes>\
             <t:RequestedView>{}</t:RequestedView></t:FreeBusyViewOptions>\
             </m:GetUserAvailabilityRequest></s:Body></s:Envelope>",
            zones[number % zones.len()],
            local(start),
            local(end),
            [15, 30, 60][number / 7 % 3],
            self.view
        )
        .into()
    }
}

fn face(workload: &'static Workload) -> EwsFace {
    let service = memory::service(MONDAY.parse().unwrap(), move |mailbox, window| {
        let calendar = workload.calendar(mailbox);
        FreeBusy::union(calendar.events_in(window), calendar.detail(), None)
    });
    EwsFace::new(Arc::new(service), [])
}

fn hits(c: &mut Criterion) {
    let runtime = memory::runtime();
    let address = SmtpAddress::parse("role@example.com").unwrap();
    let caller = Arc::new(Caller::of_account(address, Detail::Subjects));
    let call =
        |body: &Bytes| face_call::post(EwsFace::PATH, "text/xml; charset=utf-8", body, &caller);
    let mut group = c.benchmark_group("hit");
    for workload in &WORKLOADS {
        let face = face(workload);
        let bodies: Vec<_> = (0..BODIES).map(|number| workload.body(number)).collect();
        let ask = |body| runtime.block_on(face.answer(call(body))).response;
        let bytes: usize = bodies.iter().map(|body| ask(body).body().len()).sum();
        group.throughput(Throughput::Bytes((bytes / BODIES) as u64));
        let mut turn = bodies.iter().cycle();
        group.bench_function(BenchmarkId::from_parameter(workload.name), |b| {
            b.iter(|| ask(turn.next().unwrap()));
        });
    }
    group.finish();
}

criterion_group!(benches, hits);
criterion_main!(benches);

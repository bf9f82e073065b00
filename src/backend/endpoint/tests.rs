//! An endpoint in front of a source that hangs, fails and forgets as told.

mod cut;
mod scripted;
mod slow;
mod trouble;

use super::*;
use crate::domain::{BusyStatus, CalendarEvent, Detail, FixedClock, FreeBusy};
use async_trait::async_trait;
use jiff::Timestamp;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn window(start: &str, end: &str) -> TimeWindow {
    TimeWindow::new(at(start), at(end)).unwrap()
}

fn mailbox(name: &str) -> SmtpAddress {
    SmtpAddress::parse(&format!("{name}@x.example")).unwrap()
}

/// Everybody is busy on the last day of September, by every call that touches it.
#[derive(Default)]
struct Fake {
    asked: Mutex<Vec<Ask>>,
    in_flight: AtomicUsize,
    most: AtomicUsize,
}

#[async_trait]
impl Backend for Fake {
    fn limits(&self) -> Limits {
        Limits {
            mailboxes_per_call: 100,
            days_per_call: 62,
        }
    }

    /// `hang` answers never, `gone` is left out, `half` fails in October, `dead` fails the call.
    async fn free_busy(
        &self,
        ask: &Ask,
        _deadline: Instant,
    ) -> Result<BTreeMap<SmtpAddress, Outcome>, EndpointError> {
        self.asked.lock().unwrap().push(ask.clone());
        let now = self.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        tokio::task::yield_now().await;
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
        let mut outcomes = BTreeMap::new();
        for mailbox in &ask.mailboxes {
            match mailbox.local_part() {
                "hang" => std::future::pending().await,
                "dead" => return Err(EndpointError::Status(500)),
                "gone" => None,
                "half" if ask.window.start() >= at("2026-10-01T00:00Z") => {
                    outcomes.insert(mailbox.clone(), Err(MailboxError::MailboxUnavailable))
                }
                _ => outcomes.insert(mailbox.clone(), Ok(busy(&ask.window))),
            };
        }
        Ok(outcomes)
    }

    async fn resolve(
        &self,
        _mailbox: &SmtpAddress,
        _deadline: Instant,
    ) -> Result<Option<Arc<str>>, EndpointError> {
        std::future::pending().await
    }

    async fn probe(&self, _deadline: Instant) -> Result<(), EndpointError> {
        std::future::pending().await
    }
}

fn busy(window: &TimeWindow) -> FreeBusy {
    let event = CalendarEvent {
        start: at("2026-09-30T00:00Z"),
        end: at("2026-10-03T00:00Z"),
        status: BusyStatus::Busy,
        details: None,
    };
    let events = Vec::from_iter(window.touches(event.start, event.end).then_some(event));
    FreeBusy::new(events, Detail::BusyOnly, None)
}

fn endpoint(fake: &Arc<Fake>, limits: Limits) -> Endpoint {
    let guard = Guard {
        timeout: Duration::from_secs(20),
        max_concurrency: 2,
        limits,
        ..Guard::default()
    };
    let instance = Instance::new(Arc::new(FixedClock(at("2026-09-01T08:00Z"))));
    let domain = crate::domain::MailDomain::parse("x.example").unwrap();
    Endpoint::new("hq", vec![domain], guard, Arc::clone(fake) as _, &instance)
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(5)
}

#[tokio::test(start_paused = true)]
async fn a_long_window_is_asked_in_pieces_and_joined() {
    let fake = Arc::new(Fake::default());
    let endpoint = endpoint(
        &fake,
        Limits {
            days_per_call: 30,
            ..Limits::default()
        },
    );
    let window = window("2026-09-01T00:00Z", "2026-11-02T00:00Z");
    let names = ["anna", "half", "gone", "anna"].map(mailbox);
    let outcomes = endpoint.ask(&names, window, soon()).await;
    assert_eq!(fake.asked.lock().unwrap().len(), 3);
    assert_eq!(outcomes.len(), 3);
    let anna = outcomes[&mailbox("anna")].as_ref().unwrap();
    assert_eq!(anna.len(), 1, "the event of two pieces stands once");
    assert_eq!(
        outcomes[&mailbox("half")],
        Err(MailboxError::MailboxUnavailable)
    );
    assert_eq!(
        outcomes[&mailbox("gone")],
        Err(MailboxError::EndpointFailed)
    );
}

#[tokio::test(start_paused = true)]
async fn many_mailboxes_are_asked_in_groups_within_the_permits() {
    let fake = Arc::new(Fake::default());
    let endpoint = endpoint(
        &fake,
        Limits {
            mailboxes_per_call: 10,
            ..Limits::default()
        },
    );
    let names: Vec<_> = (0..95).map(|n| mailbox(&format!("m{n}"))).collect();
    let window = window("2026-09-01T00:00Z", "2026-09-02T00:00Z");
    let outcomes = endpoint.ask(&names, window, soon()).await;
    assert_eq!(outcomes.len(), 95);
    assert!(outcomes.values().all(Result::is_ok));
    let asked = fake.asked.lock().unwrap();
    assert_eq!(asked.len(), 10);
    assert!(asked.iter().all(|ask| ask.mailboxes.len() <= 10));
    assert_eq!(fake.most.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_failing_call_is_told_of_its_mailboxes_only() {
    let fake = Arc::new(Fake::default());
    let endpoint = endpoint(
        &fake,
        Limits {
            mailboxes_per_call: 1,
            ..Limits::default()
        },
    );
    let window = window("2026-09-01T00:00Z", "2026-09-02T00:00Z");
    let started = Instant::now();
    let outcomes = endpoint
        .ask(&["dead", "hang", "anna"].map(mailbox), window, soon())
        .await;
    assert_eq!(
        started.elapsed().as_secs(),
        5,
        "the caller's deadline holds"
    );
    assert_eq!(
        outcomes[&mailbox("dead")],
        Err(MailboxError::EndpointFailed)
    );
    assert_eq!(outcomes[&mailbox("hang")], Err(MailboxError::Timeout));
    assert!(outcomes[&mailbox("anna")].is_ok());
}

#[tokio::test(start_paused = true)]
async fn waiting_for_a_permit_counts_and_the_endpoint_has_its_own_deadline() {
    let fake = Arc::new(Fake::default());
    let endpoint = endpoint(&fake, Limits::default());
    let window = window("2026-09-01T00:00Z", "2026-09-02T00:00Z");
    let later = Instant::now() + Duration::from_mins(1);
    let (hang, anna) = (mailbox("hang"), mailbox("anna"));
    let started = Instant::now();
    let (_, _, third) = tokio::join!(
        endpoint.ask(std::slice::from_ref(&hang), window, later),
        endpoint.resolve(&hang, later),
        endpoint.ask(std::slice::from_ref(&anna), window, soon()),
    );
    assert_eq!(
        third[&anna],
        Err(MailboxError::Timeout),
        "no permit came free"
    );
    assert_eq!(started.elapsed().as_secs(), 20);
    assert!(matches!(
        endpoint.probe(soon()).await,
        Err(EndpointError::Timeout(_))
    ));
    let again = endpoint
        .ask(std::slice::from_ref(&anna), window, soon())
        .await;
    assert!(again[&anna].is_ok(), "the permits came back");
}

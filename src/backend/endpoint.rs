//! An endpoint: a named source of calendars behind a guard that keeps the deadline, bounds the calls in flight and
//! splits a question by what one call may ask for. Asking never fails: each mailbox has an outcome. No cache, no
//! routing; knows nothing of the kind of source.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument, Span, warn, warn_span};

use super::settings::EndpointSettings;
use super::{Ask, Backend, EndpointError, Limits};
use crate::domain::{FreeBusy, MailDomain, MailboxError, Outcome, SmtpAddress, TimeWindow};

const DAY: i64 = 24 * 60 * 60;

/// A named source of calendars for some mail domains.
pub struct Endpoint {
    name: Arc<str>,
    domains: Vec<MailDomain>,
    backend: Arc<dyn Backend>,
    guard: Guard,
    permits: Semaphore,
}

/// The bounds within which an endpoint is asked.
#[derive(Debug, Clone, Copy)]
pub struct Guard {
    /// How long one question may take, waiting for a permit included.
    pub timeout: Duration,
    /// Calls in flight at once, at least one.
    pub max_concurrency: usize,
    /// Where the backend's own limits are lower, those hold.
    pub limits: Limits,
}

impl From<&EndpointSettings> for Guard {
    fn from(settings: &EndpointSettings) -> Self {
        Self {
            timeout: settings.timeout,
            max_concurrency: settings.max_concurrency,
            limits: settings.limits,
        }
    }
}

impl Endpoint {
    pub fn new(
        name: &str,
        domains: Vec<MailDomain>,
        guard: Guard,
        backend: Arc<dyn Backend>,
    ) -> Self {
        let own = backend.limits();
        let limits = Limits {
            mailboxes_per_call: guard
                .limits
                .mailboxes_per_call
                .clamp(1, own.mailboxes_per_call.max(1)),
            days_per_call: guard
                .limits
                .days_per_call
                .clamp(1, own.days_per_call.max(1)),
        };
        let max_concurrency = guard.max_concurrency.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            name: name.into(),
            domains,
            backend,
            guard: Guard { limits, ..guard },
            permits: Semaphore::new(max_concurrency),
        }
    }

    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    pub fn domains(&self) -> &[MailDomain] {
        &self.domains
    }

    /// Whether the mailboxes of `domain` (lower case) live here.
    pub fn knows(&self, domain: &str) -> bool {
        self.domains.iter().any(|own| own.as_str() == domain)
    }

    /// What is known of each mailbox; there is an outcome for every one asked. A mailbox that failed in one part of the
    /// window is an error as a whole. The events may reach beyond the window.
    pub async fn ask(
        &self,
        mailboxes: &[SmtpAddress],
        window: TimeWindow,
        deadline: Instant,
    ) -> BTreeMap<SmtpAddress, Outcome> {
        let deadline = self.deadline(deadline);
        let asks = split(mailboxes, &window, self.guard.limits);
        let calls = asks.iter().map(|ask| self.call(ask, deadline));
        let answers = join_all(calls).instrument(self.span()).await;
        join(answers)
    }

    /// The mailbox's display name, or None where there is no such mailbox.
    pub async fn resolve(
        &self,
        mailbox: &SmtpAddress,
        deadline: Instant,
    ) -> Result<Option<Arc<str>>, EndpointError> {
        let deadline = self.deadline(deadline);
        let work = self.backend.resolve(mailbox, deadline);
        let result = self.guarded(work, deadline).instrument(self.span()).await;
        result.inspect_err(|error| self.warn(error))
    }

    /// Whether the source can be used now; not logged.
    pub async fn probe(&self, deadline: Instant) -> Result<(), EndpointError> {
        let deadline = self.deadline(deadline);
        let work = self.backend.probe(deadline);
        self.guarded(work, deadline).instrument(self.span()).await
    }

    async fn call(&self, ask: &Ask, deadline: Instant) -> BTreeMap<SmtpAddress, Outcome> {
        let work = self.backend.free_busy(ask, deadline);
        match self.guarded(work, deadline).await {
            Ok(answers) => self.complete(ask, answers),
            Err(error) => {
                self.warn(&error);
                let outcome = MailboxError::from(&error);
                let failed = |mailbox: &SmtpAddress| (mailbox.clone(), Err(outcome));
                ask.mailboxes.iter().map(failed).collect()
            }
        }
    }

    /// Invariant: a mailbox that is missing from an answer is unknown, never free.
    fn complete(
        &self,
        ask: &Ask,
        mut answers: BTreeMap<SmtpAddress, Outcome>,
    ) -> BTreeMap<SmtpAddress, Outcome> {
        let mut missing = 0;
        let outcomes = ask
            .mailboxes
            .iter()
            .map(|mailbox| {
                let outcome = answers.remove(mailbox).unwrap_or_else(|| {
                    missing += 1;
                    Err(MailboxError::EndpointFailed)
                });
                (mailbox.clone(), outcome)
            })
            .collect();
        if missing > 0 {
            warn!(endpoint.name = %self.name, missing, "Endpoint `{}` left out mailboxes", self.name);
        }
        outcomes
    }

    /// Within the deadline and the permits: waiting for one counts.
    async fn guarded<T>(
        &self,
        work: impl Future<Output = Result<T, EndpointError>>,
        deadline: Instant,
    ) -> Result<T, EndpointError> {
        let started = Instant::now();
        let guarded = async {
            // The semaphore is never closed; if it were, the call would go unbounded rather than fail.
            let _permit = self.permits.acquire().await.ok();
            work.await
        };
        timeout_at(deadline, guarded)
            .await
            .unwrap_or_else(|_| Err(EndpointError::Timeout(started.elapsed())))
    }

    fn deadline(&self, deadline: Instant) -> Instant {
        deadline.min(Instant::now() + self.guard.timeout)
    }

    fn span(&self) -> Span {
        warn_span!("endpoint", endpoint.name = %self.name)
    }

    fn warn(&self, error: &EndpointError) {
        warn!(
            endpoint.name = %self.name,
            error = error.label(),
            "Endpoint `{}` failed: {error}",
            self.name
        );
    }
}

/// One call for each piece of the window and each group of mailboxes; each mailbox is asked for once.
fn split(mailboxes: &[SmtpAddress], window: &TimeWindow, limits: Limits) -> Vec<Ask> {
    let mailboxes: Vec<_> = mailboxes
        .iter()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .cloned()
        .collect();
    let mut asks = Vec::new();
    for window in split_days(window, limits.days_per_call) {
        for group in mailboxes.chunks(limits.mailboxes_per_call) {
            asks.push(Ask {
                mailboxes: group.to_vec(),
                window,
            });
        }
    }
    asks
}

/// Cuts at midnights UTC, so that no piece touches more than `days` days: backends widen a window to whole days.
fn split_days(window: &TimeWindow, days: u16) -> Vec<TimeWindow> {
    let start = window.start().as_second();
    let until_cut = start.div_euclid(DAY) * DAY + i64::from(days) * DAY - start;
    let head = Timestamp::from_second(start + until_cut).unwrap_or(Timestamp::MAX);
    if head >= window.end() {
        return vec![*window];
    }
    let mut pieces = Vec::new();
    pieces.extend(TimeWindow::new(window.start(), head));
    if let Ok(rest) = TimeWindow::new(head, window.end()) {
        pieces.extend(rest.split(SignedDuration::from_secs(i64::from(days) * DAY)));
    }
    pieces
}

/// Puts the pieces together: never half free.
fn join(answers: Vec<BTreeMap<SmtpAddress, Outcome>>) -> BTreeMap<SmtpAddress, Outcome> {
    let mut joined: BTreeMap<SmtpAddress, Outcome> = BTreeMap::new();
    for (mailbox, outcome) in answers.into_iter().flatten() {
        match joined.entry(mailbox) {
            Entry::Vacant(place) => {
                place.insert(outcome);
            }
            Entry::Occupied(mut place) => {
                let known = place.get().clone();
                *place.get_mut() = both(known, outcome);
            }
        }
    }
    joined
}

fn both(first: Outcome, second: Outcome) -> Outcome {
    let (first, second): (FreeBusy, FreeBusy) = (first?, second?);
    Ok(first.merged(second))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{BusyStatus, CalendarEvent, Detail};
    use async_trait::async_trait;
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
        };
        let domain = MailDomain::parse("x.example").unwrap();
        Endpoint::new("hq", vec![domain], guard, Arc::clone(fake) as _)
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(5)
    }

    #[track_caller]
    fn check_split(start: &str, end: &str, days: u16, expect: &[&str]) {
        let pieces = split_days(&window(start, end), days);
        let cuts: Vec<_> = pieces.iter().map(|p| p.start().to_string()).collect();
        assert_eq!(cuts, expect);
        assert_eq!(pieces.last().map(TimeWindow::end), Some(at(end)));
        assert!(pieces.windows(2).all(|p| p[0].end() == p[1].start()));
    }

    #[test]
    fn windows_are_cut_at_midnights() {
        check_split(
            "2026-09-01T00:00Z",
            "2026-10-13T00:00Z",
            42,
            &["2026-09-01T00:00:00Z"],
        );
        check_split(
            "2026-09-01T22:00Z",
            "2026-11-02T22:00Z",
            42,
            &["2026-09-01T22:00:00Z", "2026-10-13T00:00:00Z"],
        );
        check_split(
            "2026-09-01T05:00Z",
            "2026-09-03T05:00Z",
            1,
            &[
                "2026-09-01T05:00:00Z",
                "2026-09-02T00:00:00Z",
                "2026-09-03T00:00:00Z",
            ],
        );
        check_split(
            "1969-12-31T23:00Z",
            "1970-01-01T01:00Z",
            1,
            &["1969-12-31T23:00:00Z", "1970-01-01T00:00:00Z"],
        );
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
        assert_eq!(anna.events.len(), 1, "the event of two pieces stands once");
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

    #[test]
    fn domains_are_known_exactly() {
        let endpoint = endpoint(&Arc::default(), Limits::default());
        assert!(endpoint.knows("x.example"));
        assert!(!endpoint.knows("sub.x.example"));
    }
}

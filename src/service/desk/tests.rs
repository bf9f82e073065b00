//! A desk before an endpoint whose calls are counted and let go by hand.

mod crowded;
mod trouble;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use jiff::Timestamp;
use tokio::sync::Semaphore;

use super::*;
use crate::backend::endpoint::Guard;
use crate::backend::instance::Instance;
use crate::backend::{Ask, Backend, EndpointError, Limits};
use crate::domain::{BusyStatus, CalendarEvent, Clock, Detail, MailDomain};

/// An endpoint that is asked for calendars alone, and says the same of all mailboxes of a call.
#[async_trait]
trait Calendars: fmt::Debug + Send + Sync + 'static {
    async fn tell(&self, ask: &Ask) -> Result<Outcome, EndpointError>;
}

#[async_trait]
impl<C: Calendars> Backend for C {
    fn limits(&self) -> Limits {
        Limits::default()
    }

    async fn free_busy(
        &self,
        ask: &Ask,
        _: Instant,
    ) -> Result<BTreeMap<SmtpAddress, Outcome>, EndpointError> {
        let outcome = self.tell(ask).await?;
        let mailboxes = ask.mailboxes.iter().cloned();
        Ok(mailboxes.map(|one| (one, outcome.clone())).collect())
    }

    async fn resolve(
        &self,
        _: &SmtpAddress,
        _: Instant,
    ) -> Result<Option<Arc<str>>, EndpointError> {
        Ok(None)
    }

    async fn probe(&self, _: Instant) -> Result<(), EndpointError> {
        Ok(())
    }
}

/// Answers each call once it is let go; remembers how many mailboxes each call had.
#[derive(Debug)]
struct Counting {
    calls: Mutex<Vec<usize>>,
    gate: Semaphore,
    panics: bool,
}

#[async_trait]
impl Calendars for Counting {
    async fn tell(&self, ask: &Ask) -> Result<Outcome, EndpointError> {
        self.calls.lock().unwrap().push(ask.mailboxes.len());
        assert!(!self.panics, "the backend was told to panic");
        self.gate.acquire().await.unwrap().forget();
        Ok(Ok(busy()))
    }
}

struct HandClock(Mutex<Timestamp>);

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// A desk before this endpoint, on the first of September.
struct World<C> {
    desk: Arc<Desk>,
    backend: Arc<C>,
    clock: Arc<HandClock>,
}

fn world(max_concurrency: usize, panics: bool) -> World<Counting> {
    let backend = Counting {
        calls: Mutex::default(),
        gate: Semaphore::new(0),
        panics,
    };
    World::before(backend, max_concurrency)
}

impl<C: Calendars> World<C> {
    fn before(backend: C, max_concurrency: usize) -> Self {
        let clock = Arc::new(HandClock(Mutex::new(at(1))));
        let backend = Arc::new(backend);
        let guard = Guard {
            timeout: Duration::from_secs(10),
            max_concurrency,
            ..Guard::default()
        };
        let domains = vec![MailDomain::parse("example.com").unwrap()];
        let instance = Instance::new(clock.clone());
        let endpoint = Endpoint::new("hq", domains, guard, backend.clone(), &instance);
        let cache = Arc::new(Cache::new(1 << 24, clock.clone()));
        let keep = (CacheLifetimes::default(), Widen::Week);
        let untold = EndpointMetrics::untold();
        Self {
            desk: Arc::new(Desk::new(0, Arc::new(endpoint), cache, keep, untold)),
            backend,
            clock,
        }
    }

    /// What the cache has for the first mailbox.
    fn found(&self, window: &TimeWindow) -> Found {
        let keep = (&CacheLifetimes::default(), self.desk.cache.now());
        self.desk.cache.find(0, &mailbox(1), window, keep)
    }

    async fn ask(&self, names: &[usize], days: (i8, i8)) -> Vec<Told> {
        self.ask_as(names, days, &Passage::default()).await
    }

    async fn ask_as(&self, names: &[usize], days: (i8, i8), passage: &Passage) -> Vec<Told> {
        let mailboxes: Vec<_> = names.iter().map(|name| mailbox(*name)).collect();
        let mailboxes: Vec<_> = mailboxes.iter().collect();
        let deadline = Instant::now() + Duration::from_secs(5);
        let (asked, window) = (mailboxes.iter().copied(), window(days));
        let mut told = self.desk.look(asked, &window, passage);
        if told.contains(&None) {
            let by = (passage, deadline);
            self.desk.fetch(&mailboxes, &mut told, &window, by).await;
        }
        told.into_iter()
            .map(|told| told.expect("an answer"))
            .collect()
    }

    /// Runs what is ready to run, until `done` or for a bounded number of rounds.
    async fn until(&self, done: impl Fn(&Self) -> bool) {
        for _ in 0..10_000 {
            if done(self) {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("it never happened: {:?}", self.backend);
    }
}

impl World<Counting> {
    fn let_go(&self, calls: usize) {
        self.backend.gate.add_permits(calls);
    }

    fn calls(&self) -> Vec<usize> {
        self.backend.calls.lock().unwrap().clone()
    }
}

fn mailbox(name: usize) -> SmtpAddress {
    SmtpAddress::parse(&format!("person{name}@example.com")).unwrap()
}

fn at(day: i8) -> Timestamp {
    format!("2026-09-{day:02}T00:00Z").parse().unwrap()
}

fn window((from, to): (i8, i8)) -> TimeWindow {
    TimeWindow::new(at(from), at(to)).unwrap()
}

fn busy() -> FreeBusy {
    let event = CalendarEvent {
        start: at(2),
        end: at(3),
        status: BusyStatus::Busy,
        details: None,
    };
    FreeBusy::new(vec![event], Detail::BusyOnly, None)
}

fn all_busy(told: &[Told]) -> bool {
    told.iter().all(|told| told.outcome == Ok(busy()))
}

#[tokio::test]
async fn a_thousand_equal_questions_make_one_call() {
    let world = world(4, false);
    let names: Vec<usize> = (0..20).collect();
    let questions = join_all((0..1000).map(|_| world.ask(&names, (1, 2))));
    let (answers, ()) = tokio::join!(questions, async {
        world.until(|world| !world.calls().is_empty()).await;
        world.let_go(1);
    });
    assert!(
        answers
            .iter()
            .all(|told| told.len() == 20 && all_busy(told))
    );
    assert_eq!(world.calls(), [20]);
    let asked = answers
        .iter()
        .flatten()
        .filter(|told| told.from == CacheResult::Miss)
        .count();
    assert_eq!(asked, 20, "all others waited for the same call");
}

#[tokio::test]
async fn a_caller_who_hangs_up_takes_nobodys_answer_along() {
    let world = world(4, false);
    let second = {
        let mut first = Box::pin(world.ask(&[1], (1, 2)));
        let mut second = Box::pin(world.ask(&[1], (1, 2)));
        assert!(futures_util::poll!(&mut first).is_pending());
        assert!(futures_util::poll!(&mut second).is_pending());
        drop(first);
        second
    };
    world.let_go(1);
    assert!(all_busy(&second.await));
    assert_eq!(world.calls(), [1]);
}

#[tokio::test]
async fn a_day_after_its_week_is_known_and_a_week_after_its_day_too() {
    let world = world(4, false);
    world.let_go(10);
    assert!(all_busy(&world.ask(&[1], (1, 2)).await));
    let told = world.ask(&[1], (1, 7)).await;
    assert_eq!(told.first().map(|told| told.from), Some(CacheResult::Hit));
    assert_eq!(world.calls(), [1]);
}

#[tokio::test]
async fn a_busy_endpoint_collects_what_comes_meanwhile() {
    let world = world(1, false);
    let questions = join_all((0..50).map(|name| {
        let world = &world;
        async move { world.ask(&[name], (1, 2)).await }
    }));
    let (answers, ()) = tokio::join!(questions, async {
        world.until(|world| !world.calls().is_empty()).await;
        world.let_go(2);
    });
    assert!(answers.iter().all(|told| all_busy(told)));
    assert_eq!(
        world.calls(),
        [1, 49],
        "the first leaves at once, the others together"
    );
}

#[tokio::test]
async fn an_answer_is_as_old_as_the_call_that_brought_it() {
    let world = world(4, false);
    let begun = world.clock.now();
    let later = async {
        world.until(|world| world.calls() == [1]).await;
        *world.clock.0.lock().unwrap() += Duration::from_secs(8);
        let boards = world.ask(&[1], (1, 2));
        futures_util::future::join(boards, async { world.let_go(1) }).await
    };
    let (first, (later, ())) = tokio::join!(world.ask(&[1], (1, 2)), later);
    for told in [first, later] {
        let known = told.first().map(|told| told.outcome.clone().unwrap());
        assert_eq!(known.and_then(|known| known.as_of()), Some(begun));
    }
    assert_eq!(world.calls(), [1]);
}

#[tokio::test]
async fn a_question_that_travels_alone_shares_no_call() {
    let world = world(4, false);
    let alone = Passage {
        alone: Some(uuid::Uuid::from_u128(7)),
        ..Passage::default()
    };
    let both = futures_util::future::join(
        world.ask(&[1, 2], (1, 2)),
        world.ask_as(&[1, 2], (1, 2), &alone),
    );
    world.let_go(2);
    let (shared, lonely) = both.await;
    assert!(all_busy(&shared) && all_busy(&lonely));
    assert_eq!(world.calls(), [2, 2]);
}

#[tokio::test]
async fn a_question_after_a_drop_boards_no_flight_from_before_it() {
    let world = world(4, false);
    let before = world.ask(&[1], (1, 2));
    let after = async {
        world.until(|world| world.calls() == [1]).await;
        world
            .desk
            .cache
            .drop_entries(&crate::service::cache::DropScope::All);
        world.ask(&[1], (1, 2)).await
    };
    let (before, after, ()) = tokio::join!(before, after, async {
        world.until(|world| world.calls() == [1, 1]).await;
        world.let_go(2);
    });
    assert!(all_busy(&before) && all_busy(&after));
    let told = world.ask(&[1], (1, 2)).await;
    assert_eq!(told.first().map(|told| told.from), Some(CacheResult::Hit));
}

#[tokio::test]
async fn a_stale_answer_is_given_at_once_and_asked_for_again_once() {
    let world = world(4, false);
    world.let_go(1);
    world.ask(&[1], (1, 2)).await;
    *world.clock.0.lock().unwrap() += Duration::from_secs(70);
    for _ in 0..5 {
        let told = world.ask(&[1], (1, 2)).await;
        assert_eq!(told.first().map(|told| told.from), Some(CacheResult::Stale));
    }
    world.until(|world| world.calls() == [1, 1]).await;
    world.let_go(1);
    world
        .until(|world| matches!(world.found(&window((1, 2))), Found::Fresh(_)))
        .await;
    assert_eq!(world.calls(), [1, 1]);
}

#[tokio::test]
async fn questions_of_other_forests_ask_for_a_stale_answer_again_once_as_well() {
    let world = world(4, false);
    world.let_go(1);
    world.ask(&[1], (1, 2)).await;
    *world.clock.0.lock().unwrap() += Duration::from_secs(70);
    for number in 0..4 {
        let alone = Passage {
            alone: Some(uuid::Uuid::from_u128(number)),
            ..Passage::default()
        };
        let told = world.ask_as(&[1], (1, 2), &alone).await;
        assert_eq!(told.first().map(|told| told.from), Some(CacheResult::Stale));
    }
    world.let_go(4);
    world
        .until(|world| matches!(world.found(&window((1, 2))), Found::Fresh(_)))
        .await;
    assert_eq!(world.calls(), [1, 1]);
}

#[tokio::test]
async fn a_call_that_dies_leaves_nobody_waiting() {
    let world = world(1, true);
    for _ in 0..3 {
        let told = world.ask(&[1], (1, 2)).await;
        assert_eq!(
            told.first().map(|told| &told.outcome),
            Some(&Err(MailboxError::EndpointFailed))
        );
    }
    assert_eq!(
        world.calls().len(),
        3,
        "the place in the air was given back"
    );
}

#[tokio::test(start_paused = true)]
async fn who_waits_too_long_is_told_so_and_an_old_answer_is_better() {
    let world = world(4, false);
    let told = world.ask(&[1], (1, 2)).await;
    assert_eq!(
        told.first().map(|told| &told.outcome),
        Some(&Err(MailboxError::Timeout))
    );
    world.let_go(1);
    world
        .until(|world| matches!(world.found(&window((1, 2))), Found::Fresh(_)))
        .await;
    *world.clock.0.lock().unwrap() += Duration::from_mins(5);
    let told = world.ask(&[1], (1, 2)).await;
    let told = told.first().map(|told| (&told.outcome, told.from));
    assert_eq!(told, Some((&Ok(busy()), CacheResult::StaleOnError)));
}

//! A mailbox of which the endpoint refuses one day: it has more events than are handed out at once.

use super::*;

/// Refuses whatever touches the third of September; remembers the windows of all calls.
struct Crowded(Mutex<Vec<TimeWindow>>);

#[async_trait]
impl Backend for Crowded {
    fn limits(&self) -> Limits {
        Limits::default()
    }

    async fn free_busy(
        &self,
        ask: &Ask,
        _: Instant,
    ) -> Result<BTreeMap<SmtpAddress, Outcome>, EndpointError> {
        ask.trail.called(None);
        self.0.lock().unwrap().push(ask.window);
        let outcome = if ask.window.touches(at(3), at(4)) {
            Err(MailboxError::TooManyEvents)
        } else {
            Ok(busy())
        };
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

struct Office {
    desk: Arc<Desk>,
    backend: Arc<Crowded>,
    clock: Arc<HandClock>,
}

impl Office {
    fn new() -> Self {
        let clock = Arc::new(HandClock(Mutex::new(at(1))));
        let backend = Arc::new(Crowded(Mutex::default()));
        let desk = desk(backend.clone(), 4, &clock);
        Self {
            desk,
            backend,
            clock,
        }
    }

    /// What is told of some days, and the windows that the endpoint was asked about.
    async fn ask(&self, days: (i8, i8)) -> (Told, Vec<TimeWindow>) {
        let told = self.told(days).await;
        (told, self.take_calls())
    }

    fn take_calls(&self) -> Vec<TimeWindow> {
        std::mem::take(&mut *self.backend.0.lock().unwrap())
    }

    async fn told(&self, days: (i8, i8)) -> Told {
        let deadline = Instant::now() + Duration::from_secs(5);
        let (mailbox, passage) = (mailbox(1), Passage::default());
        let (mailboxes, window) = ([&mailbox], window(days));
        let told = self.desk.ask(&mailboxes, &window, &passage, deadline);
        told.await.remove(0)
    }

    fn found(&self, window: &TimeWindow) -> Found {
        let keep = (&CacheLifetimes::default(), self.desk.cache.now());
        let cache = &self.desk.cache;
        cache.find(0, &mailbox(1), window, keep)
    }

    /// Lets flights go on until `done`, in a bounded number of rounds.
    async fn until(&self, done: impl Fn(&Self) -> bool) {
        for _ in 0..10_000 {
            if done(self) {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("it never happened");
    }
}

#[tokio::test]
async fn a_crowded_day_beside_the_one_asked_for_costs_no_answer() {
    let office = Office::new();
    let (told, calls) = office.ask((1, 2)).await;
    assert_eq!(told.outcome, Ok(busy()));
    assert_eq!(calls.last(), Some(&window((1, 2))));
    let made = u32::try_from(calls.len()).unwrap();
    assert_eq!(told.trip.map(|trip| trip.calls), Some(made));
    let (told, calls) = office.ask((1, 2)).await;
    assert_eq!((told.outcome, told.from), (Ok(busy()), CacheResult::Hit));
    assert_eq!(calls, []);
}

#[tokio::test]
async fn a_crowded_day_itself_is_an_error_that_is_remembered() {
    let office = Office::new();
    for from in [CacheResult::Miss, CacheResult::Negative] {
        let (told, calls) = office.ask((3, 4)).await;
        let crowded = Err(MailboxError::TooManyEvents);
        assert_eq!((told.outcome, told.from), (crowded, from));
        assert_eq!(calls.is_empty(), from == CacheResult::Negative);
    }
}

#[tokio::test]
async fn a_crowded_day_that_only_another_asked_about_costs_no_answer() {
    let office = Office::new();
    // Whole weeks are not widened: the second boards the flight of the first.
    let both = futures_util::future::join(office.told((1, 14)), office.told((7, 14)));
    let (crowded, told) = both.await;
    assert_eq!(crowded.outcome, Err(MailboxError::TooManyEvents));
    assert_eq!(told.outcome, Ok(busy()));
    assert_eq!(office.take_calls().last(), Some(&window((7, 14))));
}

#[tokio::test]
async fn the_question_that_is_asked_again_boards_no_wider_flight() {
    let office = Office::new();
    let crowded = Found::Failed(MailboxError::TooManyEvents);
    // Is looked at first: its flight leaves just after the first one of the other question has landed.
    let other = async {
        let monday = at(1) - Duration::from_hours(24);
        let week = TimeWindow::new(monday, at(7)).unwrap();
        office.until(|office| office.found(&week) == crowded).await;
        office.told((5, 6)).await
    };
    let (other, told) = futures_util::future::join(other, office.told((1, 2))).await;
    assert_eq!((told.outcome, other.outcome), (Ok(busy()), Ok(busy())));
}

#[tokio::test]
async fn what_is_known_of_a_day_beside_a_crowded_one_is_asked_for_again_alone() {
    let office = Office::new();
    office.ask((1, 2)).await;
    for _ in 0..3 {
        *office.clock.0.lock().unwrap() += Duration::from_secs(70);
        let told = office.told((1, 2)).await;
        assert_eq!((told.outcome, told.from), (Ok(busy()), CacheResult::Stale));
        let is_fresh = |office: &Office| matches!(office.found(&window((1, 2))), Found::Fresh(_));
        office.until(is_fresh).await;
        assert_eq!(office.take_calls(), [window((1, 2))]);
    }
}

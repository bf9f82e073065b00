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
}

impl Office {
    fn new() -> Self {
        let clock = Arc::new(HandClock(Mutex::new(at(1))));
        let backend = Arc::new(Crowded(Mutex::default()));
        let desk = desk(backend.clone(), 4, &clock);
        Self { desk, backend }
    }

    /// What is told of some days, and the windows that the endpoint was asked about.
    async fn ask(&self, days: (i8, i8)) -> (Told, Vec<TimeWindow>) {
        let deadline = Instant::now() + Duration::from_secs(5);
        let (mailbox, passage) = (mailbox(1), Passage::default());
        let (mailboxes, window) = ([&mailbox], window(days));
        let told = self.desk.ask(&mailboxes, &window, &passage, deadline);
        let told = told.await.remove(0);
        let calls = std::mem::take(&mut *self.backend.0.lock().unwrap());
        (told, calls)
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

//! An endpoint that fails or asks for patience: what is remembered of it, and how long callers wait.

use tokio::time::{advance, sleep};

use super::*;

/// Answers every call as it feels.
#[derive(Debug)]
struct Moody(Mutex<Result<(), EndpointError>>);

#[async_trait]
impl Calendars for Moody {
    async fn tell(&self, ask: &Ask) -> Result<Outcome, EndpointError> {
        ask.trail.called(None);
        self.0.lock().unwrap().clone().map(|()| Ok(busy()))
    }
}

type Office = World<Moody>;

impl Office {
    fn feels(&self, mood: Result<(), EndpointError>) {
        *self.backend.0.lock().unwrap() = mood;
    }

    fn wants_to_rest(&self, seconds: u64) {
        self.feels(Err(EndpointError::Throttled {
            back_off: Some(Duration::from_secs(seconds)),
        }));
    }

    /// What is told of a mailbox, and after how many seconds.
    async fn told(&self, name: usize) -> (Outcome, CacheResult, u64) {
        let started = Instant::now();
        let told = self.ask(&[name], (1, 2)).await.remove(0);
        (told.outcome, told.from, started.elapsed().as_secs())
    }
}

fn office() -> Office {
    World::before(Moody(Mutex::new(Ok(()))), 4)
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_remembered_of_those_alone_whom_it_was_asked_for() {
    let office = office();
    office.feels(Err(EndpointError::Status(500)));
    for name in [1, 1, 2, 3] {
        let (outcome, ..) = office.told(name).await;
        assert_eq!(outcome, Err(MailboxError::EndpointFailed));
    }
    // The first two opened the breaker: for the third nobody was asked.
    office.feels(Ok(()));
    advance(Guard::default().probe_interval).await;
    assert_eq!(office.told(3).await, (Ok(busy()), CacheResult::Miss, 0));
    let remembered = (Err(MailboxError::EndpointFailed), CacheResult::Negative, 0);
    assert_eq!(office.told(1).await, remembered);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_rest_where_something_old_can_be_told() {
    let office = office();
    assert_eq!(office.told(1).await, (Ok(busy()), CacheResult::Miss, 0));
    let later = office.clock.now() + jiff::SignedDuration::from_mins(5);
    *office.clock.0.lock().unwrap() = later;
    office.wants_to_rest(3);
    for who in ["the first", "who shares its call"] {
        let told = office.told(1).await;
        assert_eq!(told, (Ok(busy()), CacheResult::StaleOnError, 0), "{who}");
    }
    office.feels(Ok(()));
    assert_eq!(office.told(2).await, (Ok(busy()), CacheResult::Miss, 0));
    sleep(Duration::from_secs(4)).await;
    // What the caller did not wait for was asked for all the same.
    assert_eq!(office.told(1).await, (Ok(busy()), CacheResult::Hit, 0));
}

#[tokio::test(start_paused = true)]
async fn a_rest_is_waited_for_where_it_ends_before_the_callers_deadline() {
    let office = office();
    office.wants_to_rest(3);
    let well_soon = async {
        sleep(Duration::from_secs(1)).await;
        office.feels(Ok(()));
    };
    let (told, ()) = tokio::join!(office.told(1), well_soon);
    assert_eq!(told, (Ok(busy()), CacheResult::Miss, 3));
    // Callers have five seconds, the endpoint has ten.
    office.wants_to_rest(8);
    let told = office.told(2).await;
    assert_eq!(told, (Err(MailboxError::Throttled), CacheResult::Miss, 0));
}

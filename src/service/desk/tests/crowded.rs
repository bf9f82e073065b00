//! A mailbox of which the endpoint refuses one day: it has more events than are handed out at once.

use super::*;

/// Refuses whatever touches the third of September; remembers the windows of all calls.
#[derive(Debug)]
struct Crowded(Mutex<Vec<TimeWindow>>);

#[async_trait]
impl Calendars for Crowded {
    async fn tell(&self, ask: &Ask) -> Result<Outcome, EndpointError> {
        ask.trail.called(None);
        self.0.lock().unwrap().push(ask.window);
        Ok(if ask.window.touches(at(3), at(4)) {
            Err(MailboxError::TooManyEvents)
        } else {
            Ok(busy())
        })
    }
}

type Office = World<Crowded>;

fn office() -> Office {
    World::before(Crowded(Mutex::default()), 4)
}

impl Office {
    /// What is told of some days of the first mailbox, and the windows that the endpoint was asked about.
    async fn told_and_calls(&self, days: (i8, i8)) -> (Told, Vec<TimeWindow>) {
        let told = self.told(days).await;
        (told, self.take_calls())
    }

    fn take_calls(&self) -> Vec<TimeWindow> {
        std::mem::take(&mut *self.backend.0.lock().unwrap())
    }

    async fn told(&self, days: (i8, i8)) -> Told {
        self.ask(&[1], days).await.remove(0)
    }
}

#[tokio::test]
async fn a_crowded_day_beside_the_one_asked_for_costs_no_answer() {
    let office = office();
    let (told, calls) = office.told_and_calls((1, 2)).await;
    assert_eq!(told.outcome, Ok(busy()));
    assert_eq!(calls.last(), Some(&window((1, 2))));
    let made = u32::try_from(calls.len()).unwrap();
    assert_eq!(told.trip.map(|trip| trip.calls), Some(made));
    let (told, calls) = office.told_and_calls((1, 2)).await;
    assert_eq!((told.outcome, told.from), (Ok(busy()), CacheResult::Hit));
    assert_eq!(calls, []);
}

#[tokio::test]
async fn a_crowded_day_itself_is_an_error_that_is_remembered() {
    let office = office();
    for from in [CacheResult::Miss, CacheResult::Negative] {
        let (told, calls) = office.told_and_calls((3, 4)).await;
        let crowded = Err(MailboxError::TooManyEvents);
        assert_eq!((told.outcome, told.from), (crowded, from));
        assert_eq!(calls.is_empty(), from == CacheResult::Negative);
    }
}

#[tokio::test]
async fn a_crowded_day_that_only_another_asked_about_costs_no_answer() {
    let office = office();
    // Whole weeks are not widened: the second boards the flight of the first.
    let both = futures_util::future::join(office.told((1, 14)), office.told((7, 14)));
    let (crowded, told) = both.await;
    assert_eq!(crowded.outcome, Err(MailboxError::TooManyEvents));
    assert_eq!(told.outcome, Ok(busy()));
    assert_eq!(office.take_calls().last(), Some(&window((7, 14))));
}

#[tokio::test]
async fn the_question_that_is_asked_again_boards_no_wider_flight() {
    let office = office();
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
    let office = office();
    office.told_and_calls((1, 2)).await;
    for _ in 0..3 {
        *office.clock.0.lock().unwrap() += Duration::from_secs(70);
        let told = office.told((1, 2)).await;
        assert_eq!((told.outcome, told.from), (Ok(busy()), CacheResult::Stale));
        let is_fresh = |office: &Office| matches!(office.found(&window((1, 2))), Found::Fresh(_));
        office.until(is_fresh).await;
        assert_eq!(office.take_calls(), [window((1, 2))]);
    }
}

//! Display names of mailboxes whose calendars do not say whose they are. They are asked for apart from events, and seldom:
//! a name changes less often than a calendar, and no answer waits for one for long. Where no endpoint has a directory,
//! nothing is asked at all.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use moka::sync::Cache;
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::{Instant, timeout_at};

use super::Availability;
use crate::domain::{Caller, SmtpAddress};

const KEPT: Duration = Duration::from_mins(10);
const MOST_KEPT: u64 = 100_000;
/// How long an answer waits for names.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long nothing is asked after a directory failed and told no name at all: an answer without names is as good.
const REST: Duration = Duration::from_secs(30);
/// Names asked for side by side: events are more urgent.
const AT_ONCE: usize = 2;

type Name = Option<Arc<str>>;

/// Names that were asked for, on behalf of callers with the same rights.
pub struct Names {
    availability: Arc<Availability>,
    are_told: bool,
    /// What a directory said: a name, or that it has none. A cell without a value is asked for again.
    known: Cache<SmtpAddress, Arc<OnceCell<Name>>>,
    places: Semaphore,
    rests_until: Mutex<Option<Instant>>,
}

/// What came of one question for names.
#[derive(Default)]
struct Course {
    /// Calls that failed, or have not ended.
    unanswered: AtomicUsize,
    has_names: AtomicBool,
}

/// A mailbox, and where its name is to be written.
pub type Wanted<'a> = (&'a SmtpAddress, &'a mut Name);

impl Names {
    pub fn new(availability: Arc<Availability>) -> Self {
        Self {
            are_told: availability.tells_names(),
            availability,
            known: Cache::builder()
                .max_capacity(MOST_KEPT)
                .time_to_live(KEPT)
                .build(),
            places: Semaphore::new(AT_ONCE),
            rests_until: Mutex::new(None),
        }
    }

    /// Whether there is any directory to be asked.
    pub fn are_told(&self) -> bool {
        self.are_told
    }

    /// What has been found out before.
    pub fn known(&self, mailbox: &SmtpAddress) -> Option<Name> {
        self.known.get(mailbox)?.get().cloned()
    }

    /// Asks for names that are not known. What fails, or takes too long, is not remembered; it is asked for again later.
    pub async fn ask(&self, caller: &Caller, wanted: Vec<Wanted<'_>>, deadline: Instant) {
        if self.rests() {
            return;
        }
        let deadline = deadline.min(Instant::now() + PATIENCE);
        let course = Course::default();
        let asked = wanted.into_iter().map(async |(mailbox, name)| {
            *name = self.find(caller, mailbox, (deadline, &course)).await;
            course.has_names.fetch_or(name.is_some(), Ordering::Relaxed);
        });
        // What has come in time has been written where it belongs.
        let _ = timeout_at(deadline, join_all(asked)).await;
        if course.is_in_vain() {
            self.rest();
        }
    }

    /// One call does for all who want the same name.
    async fn find(
        &self,
        caller: &Caller,
        mailbox: &SmtpAddress,
        (deadline, course): (Instant, &Course),
    ) -> Name {
        let cell = self.known.get_with_by_ref(mailbox, Arc::default);
        let ask = async || {
            let _place = self.places.acquire().await;
            if self.rests() {
                return Err(());
            }
            course.unanswered.fetch_add(1, Ordering::Relaxed);
            let name = self.availability.display_name(caller, mailbox, deadline);
            let name = name.await.map_err(drop)?;
            course.unanswered.fetch_sub(1, Ordering::Relaxed);
            Ok(name)
        };
        cell.get_or_try_init(ask).await.ok().cloned().flatten()
    }

    fn rest(&self) {
        let until = Instant::now() + REST;
        *self
            .rests_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(until);
    }

    fn rests(&self) -> bool {
        let until = self
            .rests_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }
}

impl Course {
    /// A directory that told one name is slow at worst, or at odds with some mailboxes.
    fn is_in_vain(&self) -> bool {
        let is_unanswered = self.unanswered.load(Ordering::Relaxed) > 0;
        is_unanswered && !self.has_names.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests;

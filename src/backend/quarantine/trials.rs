//! Which logins are being tried just now, so that one that stands in several endpoints is shown to its server once at a
//! time. Of this process alone: other processes hear of a refusal when it has come.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use super::Mark;

#[derive(Default)]
pub(super) struct Trials {
    on: Mutex<On>,
    ended: Notify,
}

#[derive(Default)]
struct On {
    marks: BTreeSet<Mark>,
    /// The process ends: no further one begins.
    closed: bool,
}

/// A login is being tried until this is dropped.
pub(in crate::backend) struct Trial {
    trials: Arc<Trials>,
    mark: Mark,
}

impl Trials {
    /// None where it is being tried already, and where nothing is to begin any more.
    pub(super) fn begin(self: &Arc<Self>, mark: &Mark) -> Option<Trial> {
        let mut on = self.on();
        if on.closed || !on.marks.insert(mark.clone()) {
            return None;
        }
        Some(Trial {
            trials: Arc::clone(self),
            mark: mark.clone(),
        })
    }

    /// Whether nobody else may begin to try it.
    pub(super) fn holds(&self, mark: &Mark) -> bool {
        let on = self.on();
        on.closed || on.marks.contains(mark)
    }

    pub(super) fn any(&self) -> bool {
        !self.on().marks.is_empty()
    }

    /// Lets no further one begin, and waits until none is on.
    pub(super) async fn close(&self) {
        self.on().closed = true;
        loop {
            // Taken before the look, so that an end between the look and the wait is not missed.
            let ended = self.ended();
            if !self.any() {
                return;
            }
            ended.await;
        }
    }

    /// Resolves when the next trial ends that ends from now on.
    pub(super) fn ended(&self) -> Notified<'_> {
        self.ended.notified()
    }

    /// A panic elsewhere leaves the set whole.
    fn on(&self) -> MutexGuard<'_, On> {
        self.on.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        self.trials.on().marks.remove(&self.mark);
        self.trials.ended.notify_waiters();
    }
}

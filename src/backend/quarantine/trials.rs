//! Which logins are being tried just now, so that one that stands in several endpoints is shown to its server once at a
//! time. Of this process alone: other processes hear of a refusal when it has come.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use super::Mark;

#[derive(Default)]
pub(super) struct Trials {
    marks: Mutex<BTreeSet<Mark>>,
    ended: Notify,
}

/// A login is being tried until this is dropped.
pub(in crate::backend) struct Trial {
    trials: Arc<Trials>,
    mark: Mark,
}

impl Trials {
    /// None where it is being tried already.
    pub(super) fn begin(self: &Arc<Self>, mark: &Mark) -> Option<Trial> {
        self.marks().insert(mark.clone()).then(|| Trial {
            trials: Arc::clone(self),
            mark: mark.clone(),
        })
    }

    pub(super) fn holds(&self, mark: &Mark) -> bool {
        self.marks().contains(mark)
    }

    /// Resolves when the next trial ends that ends from now on.
    pub(super) fn ended(&self) -> Notified<'_> {
        self.ended.notified()
    }

    /// A panic elsewhere leaves the set whole.
    fn marks(&self) -> MutexGuard<'_, BTreeSet<Mark>> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        self.trials.marks().remove(&self.mark);
        self.trials.ended.notify_waiters();
    }
}

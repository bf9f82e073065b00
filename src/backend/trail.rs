//! What was done for a question, for those who ask how it was answered. Notes only; decides nothing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::time::{Duration, Instant, sleep_until};

use crate::domain::SmtpAddress;

/// The calls that were made for a question. Clones note on the same trail.
#[derive(Debug, Clone, Default)]
pub struct Trail {
    notes: Arc<Mutex<Notes>>,
    /// When the question is put to a server that wants to be left alone until then.
    resting: Arc<watch::Sender<Option<Instant>>>,
    /// The trail that this one is a branch of.
    trunk: Option<Arc<Trail>>,
}

#[derive(Debug, Default)]
struct Notes {
    calls: u32,
    accounts: Vec<SmtpAddress>,
}

impl Trail {
    /// Notes a call to the source, and the role account that makes it.
    pub fn called(&self, account: Option<&SmtpAddress>) {
        lock(&self.notes).call(account);
        if let Some(trunk) = &self.trunk {
            trunk.called(account);
        }
    }

    /// Calls to the source.
    pub fn calls(&self) -> u32 {
        lock(&self.notes).calls
    }

    /// Each role account that was used, once, in the order of first use.
    pub fn accounts(&self) -> Vec<SmtpAddress> {
        lock(&self.notes).accounts.clone()
    }

    /// Waits, as the server has asked for; those who wait for the question may know.
    pub(super) async fn rest(&self, pause: Duration) {
        let until = Instant::now() + pause;
        self.resting.send_replace(Some(until));
        sleep_until(until).await;
        self.resting.send_replace(None);
    }

    /// Resolves while the question waits, as the server has asked for, until a moment for which `matters` is true.
    pub async fn rests(&self, mut matters: impl FnMut(Instant) -> bool) {
        let mut resting = self.resting.subscribe();
        // The sender lives as long as we do.
        let _ = resting
            .wait_for(|until| until.is_some_and(&mut matters))
            .await;
    }

    /// A new trail whose calls are noted on this one, too.
    pub(super) fn branch(&self) -> Self {
        Self {
            trunk: Some(Arc::new(self.clone())),
            ..Self::default()
        }
    }
}

impl Notes {
    fn call(&mut self, account: Option<&SmtpAddress>) {
        self.calls = self.calls.saturating_add(1);
        if let Some(account) = account.filter(|account| !self.accounts.contains(account)) {
            self.accounts.push(account.clone());
        }
    }
}

/// A panic elsewhere leaves the notes whole.
fn lock(notes: &Mutex<Notes>) -> MutexGuard<'_, Notes> {
    notes.lock().unwrap_or_else(PoisonError::into_inner)
}

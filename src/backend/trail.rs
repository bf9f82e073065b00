//! What was done for a question, for those who ask how it was answered. Notes only; decides nothing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::SmtpAddress;

/// The calls that were made for a question. Clones note on the same trail.
#[derive(Debug, Clone, Default)]
pub struct Trail {
    notes: Arc<Mutex<Notes>>,
    /// The trail that this one is a branch of.
    trunk: Option<Arc<Mutex<Notes>>>,
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
            lock(trunk).call(account);
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

    /// A new trail whose notes stand on this one, too.
    pub(super) fn branch(&self) -> Self {
        Self {
            notes: Arc::default(),
            trunk: Some(Arc::clone(&self.notes)),
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

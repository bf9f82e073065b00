//! What was done for a question, for those who ask how it was answered. Notes only; decides nothing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::SmtpAddress;

/// The calls that were made for a question. Clones note on the same trail.
#[derive(Debug, Clone, Default)]
pub struct Trail(Arc<Mutex<Notes>>);

#[derive(Debug, Default)]
struct Notes {
    calls: u32,
    accounts: Vec<SmtpAddress>,
}

impl Trail {
    /// Notes a call to the source, and the role account that makes it.
    pub fn called(&self, account: Option<&SmtpAddress>) {
        let mut notes = self.lock();
        notes.calls = notes.calls.saturating_add(1);
        if let Some(account) = account.filter(|account| !notes.accounts.contains(account)) {
            notes.accounts.push(account.clone());
        }
    }

    /// Calls to the source.
    pub fn calls(&self) -> u32 {
        self.lock().calls
    }

    /// Each role account that was used, once, in the order of first use.
    pub fn accounts(&self) -> Vec<SmtpAddress> {
        self.lock().accounts.clone()
    }

    /// Takes over what `other` notes.
    pub(super) fn absorb(&self, other: &Self) {
        let (calls, accounts) = {
            let other = other.lock();
            (other.calls, other.accounts.clone())
        };
        let mut notes = self.lock();
        notes.calls = notes.calls.saturating_add(calls);
        for account in accounts {
            if !notes.accounts.contains(&account) {
                notes.accounts.push(account);
            }
        }
    }

    /// A panic elsewhere leaves the notes whole.
    fn lock(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

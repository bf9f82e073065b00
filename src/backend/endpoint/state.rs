//! How an endpoint is doing, for the status page, the metrics and `check`. Remembers; decides nothing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::backend::{AccountCondition, AccountState, EndpointError};
use crate::domain::Clock;
use crate::metrics::BreakerState;

/// An endpoint at one moment.
#[derive(Debug, Clone)]
pub struct EndpointState {
    pub breaker: BreakerState,
    /// Calls that are being made now.
    pub in_flight: usize,
    /// Calls that failed one after the other, for reasons that lie with the endpoint.
    pub consecutive_failures: u32,
    pub last_error: Option<LastError>,
    pub last_success: Option<Timestamp>,
    pub accounts: Vec<AccountState>,
}

impl EndpointState {
    /// Whether a call could be made now or soon: not while all role accounts are refused or shut out.
    #[must_use]
    pub fn has_account(&self) -> bool {
        let may_be_used = |condition| match condition {
            AccountCondition::Ready | AccountCondition::Resting => true,
            AccountCondition::Forbidden | AccountCondition::Quarantined => false,
        };
        let mut conditions = self.accounts.iter().map(|account| account.condition);
        self.accounts.is_empty() || conditions.any(may_be_used)
    }
}

/// Why the last call that failed did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastError {
    pub at: Timestamp,
    /// [`EndpointError::label`].
    pub label: &'static str,
    /// For the administrator: may name role accounts, never mailboxes asked for.
    pub text: Arc<str>,
}

/// When the calls of an endpoint last succeeded and failed.
pub(super) struct Record {
    clock: Arc<dyn Clock>,
    last: Mutex<Last>,
}

#[derive(Default)]
struct Last {
    error: Option<LastError>,
    success: Option<Timestamp>,
}

impl Record {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            last: Mutex::default(),
        }
    }

    pub(super) fn success(&self) {
        let now = self.clock.now();
        self.lock().success = Some(now);
    }

    pub(super) fn failure(&self, error: &EndpointError) {
        let error = LastError {
            at: self.clock.now(),
            label: error.label(),
            text: error.to_string().into(),
        };
        self.lock().error = Some(error);
    }

    pub(super) fn last_error(&self) -> Option<LastError> {
        self.lock().error.clone()
    }

    pub(super) fn last_success(&self) -> Option<Timestamp> {
        self.lock().success
    }

    /// A panic elsewhere leaves the record whole.
    fn lock(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

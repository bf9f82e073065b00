//! What was found about one credential, and until when that counts.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Denied;
use crate::domain::Caller;

#[derive(Debug, Clone)]
pub(super) struct Verdict {
    pub(super) outcome: Result<Arc<Caller>, Denied>,
    until: Instant,
}

impl Verdict {
    pub(super) fn new(outcome: Result<Arc<Caller>, Denied>, lifetime: Duration) -> Self {
        Self {
            outcome,
            until: Instant::now() + lifetime,
        }
    }

    /// A verdict without a lifetime counts only for those who waited for it.
    pub(super) fn holds(&self) -> bool {
        Instant::now() < self.until
    }
}

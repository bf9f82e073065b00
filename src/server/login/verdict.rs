//! What was found about one credential, and until when that counts.

use std::time::Duration;

use tokio::time::Instant;

use super::Denied;

#[derive(Debug, Clone)]
pub(super) struct Verdict {
    pub(super) outcome: Result<(), Denied>,
    until: Instant,
}

impl Verdict {
    pub(super) fn new(outcome: Result<(), Denied>, lifetime: Duration) -> Self {
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

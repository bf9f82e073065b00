//! What was last read from disk and could not be used, while the one before serves on. Remembers it for those who look
//! later than the log; refuses nothing itself.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use jiff::Timestamp;

/// When something was refused, and everything that is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) at: Timestamp,
    pub(super) problems: Vec<String>,
}

/// The last refusal of something, until what was read later is used.
#[derive(Default)]
pub(super) struct NotUsed(ArcSwapOption<Refusal>);

impl NotUsed {
    pub(super) fn refused(&self, at: Timestamp, problems: Vec<String>) {
        self.0.store(Some(Arc::new(Refusal { at, problems })));
    }

    pub(super) fn used(&self) {
        self.0.store(None);
    }

    pub(super) fn refusal(&self) -> Option<Arc<Refusal>> {
        self.0.load_full()
    }
}

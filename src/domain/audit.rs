//! Who asked for whom, for those who must be able to say so later. Only what is noted; where it is kept is `server`'s.

use super::AvailabilityQuery;

/// Takes notes of questions. Must not wait: callers are being answered.
pub trait Audit: Send + Sync + 'static {
    /// `answered` has an entry for each attendee, in the order of the question.
    fn note(&self, query: &AvailabilityQuery, answered: &[Answered]);
}

/// What became of one mailbox of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answered {
    /// `found`, or [`super::MailboxError::label`].
    pub outcome: &'static str,
    /// What the cache had; None where nobody was asked.
    pub cache: Option<&'static str>,
}

//! What can be asked of an Exchange server: the body of the call and how its answer is read. Knows no account and no
//! HTTP.

use std::sync::Arc;
use std::time::Duration;

use crate::backend::Ask;
use crate::codec::ews::upstream::{self, MailboxAnswer, Question, ReadError, SchemaLevel};
use crate::domain::{MailboxError, SmtpAddress, TimeWindow};

/// One operation with its arguments. Cheap to clone: a long answer is read on another thread.
pub(super) trait Asking: Clone + Send + Sync + 'static {
    type Answer: Send + 'static;

    fn write(&self, level: SchemaLevel) -> Vec<u8>;

    fn read(&self, body: &[u8], level: SchemaLevel) -> Result<Self::Answer, ReadError>;

    /// What the answer says of the account's budget.
    fn budget(&self, _answer: &Self::Answer) -> Budget {
        Budget::Left
    }
}

/// Whether an account is to wait although its call went through.
pub(super) enum Budget {
    Left,
    /// It is to wait for so long, where the server says so.
    Spent(Option<Duration>),
}

/// GetUserAvailability; the answers are in the order of the mailboxes.
#[derive(Debug, Clone)]
pub(super) struct FreeBusyAsking {
    mailboxes: Arc<[SmtpAddress]>,
    window: TimeWindow,
}

impl FreeBusyAsking {
    pub(super) fn of(ask: &Ask) -> Self {
        Self {
            mailboxes: ask.mailboxes.as_slice().into(),
            window: ask.window,
        }
    }

    fn question(&self, level: SchemaLevel) -> Question<'_> {
        Question {
            level,
            mailboxes: &self.mailboxes,
            window: self.window,
        }
    }
}

impl Asking for FreeBusyAsking {
    type Answer = Vec<MailboxAnswer>;

    fn write(&self, level: SchemaLevel) -> Vec<u8> {
        upstream::write(&self.question(level))
    }

    fn read(&self, body: &[u8], level: SchemaLevel) -> Result<Vec<MailboxAnswer>, ReadError> {
        upstream::read(body, &self.question(level))
    }

    /// A mailbox answered with a back-off, or every mailbox throttled, means that the account's budget is used up.
    fn budget(&self, answers: &Vec<MailboxAnswer>) -> Budget {
        let failures = answers.iter().filter_map(|answer| answer.as_ref().err());
        let throttled = failures.filter(|failure| failure.error == MailboxError::Throttled);
        let back_off = throttled.clone().filter_map(|f| f.back_off).max();
        let all = !answers.is_empty() && throttled.count() == answers.len();
        if all || back_off.is_some() {
            Budget::Spent(back_off)
        } else {
            Budget::Left
        }
    }
}

//! GetUserAvailability as a client: the request we send, and the answers that Exchange 2007 to SE, Exchange Online and
//! gromox give.

use std::time::Duration;

use crate::domain::{FreeBusy, MailboxError, SmtpAddress, TimeWindow};

/// The schema level of our requests, newest first: after a version or schema error the next one is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaLevel {
    Exchange2013Sp1,
    Exchange2010Sp1,
    Exchange2007Sp1,
}

impl SchemaLevel {
    /// The level to try after the server refused this one.
    pub fn lower(self) -> Option<Self> {
        match self {
            Self::Exchange2013Sp1 => Some(Self::Exchange2010Sp1),
            Self::Exchange2010Sp1 => Some(Self::Exchange2007Sp1),
            Self::Exchange2007Sp1 => None,
        }
    }
}

/// A question to an Exchange server, always in UTC and `DetailedMerged`.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    pub level: SchemaLevel,
    pub mailboxes: &'a [SmtpAddress],
    /// Widened to whole days by [`write`].
    pub window: TimeWindow,
}

/// What the server said of one mailbox.
pub type MailboxAnswer = Result<FreeBusy, MailboxFailure>;

/// A per-mailbox error of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailboxFailure {
    pub error: MailboxError,
    /// The server's own response code, for the log.
    pub code: Box<str>,
    /// `BackOffMilliseconds`, where the server gave one.
    pub back_off: Option<Duration>,
}

/// Why a whole answer gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// A SOAP fault, whatever the HTTP status. `code` is the response code, or the fault code's local name without one.
    #[error("fault {code}: {text}")]
    Fault {
        code: Box<str>,
        text: Box<str>,
        back_off: Option<Duration>,
    },
    #[error("{asked} mailboxes asked, {got} answered")]
    Count { asked: usize, got: usize },
    /// Not an EWS answer at all, or a broken one; the text says where and why.
    #[error("{0}")]
    Decode(Box<str>),
}

/// The request body, UTF-8.
pub fn write(_question: &Question<'_>) -> Vec<u8> {
    unimplemented!("being written")
}

/// Reads the answer to `question`: one [`MailboxAnswer`] for each mailbox, in the order asked.
pub fn read(_body: &[u8], _question: &Question<'_>) -> Result<Vec<MailboxAnswer>, ReadError> {
    unimplemented!("being written")
}

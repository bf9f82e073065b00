//! Why nothing is known of one mailbox. Each kind is a fact of the trade; the wire codes live in the codecs.

/// `Clone`, because one failure is shared by many mailboxes and callers. The texts may be shown to callers: they name
/// no address, account or server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum MailboxError {
    #[error("the text is not a valid SMTP address")]
    InvalidAddress,
    #[error("the mailbox was not found")]
    NotFound,
    #[error("the caller does not have access to free/busy data")]
    NoAccess,
    #[error("the calendar server did not answer in time")]
    Timeout,
    #[error("the calendar server is overloaded")]
    Throttled,
    #[error("the calendar server could not be asked")]
    EndpointFailed,
    #[error("the mailbox is temporarily unavailable")]
    MailboxUnavailable,
    #[error("the mailbox has no calendar")]
    NoCalendar,
    #[error("the calendar could not be read")]
    GenerationFailed,
    #[error("the mailbox has too many events in this window")]
    TooManyEvents,
    #[error("the distribution list has too many members")]
    ListTooLong,
    #[error("the question came back to the gateway that asked it")]
    Loop,
}

impl MailboxError {
    pub const ALL: [Self; 12] = [
        Self::InvalidAddress,
        Self::NotFound,
        Self::NoAccess,
        Self::Timeout,
        Self::Throttled,
        Self::EndpointFailed,
        Self::MailboxUnavailable,
        Self::NoCalendar,
        Self::GenerationFailed,
        Self::TooManyEvents,
        Self::ListTooLong,
        Self::Loop,
    ];

    /// Whether the same question may succeed a little later.
    pub fn is_transient(self) -> bool {
        match self {
            Self::Timeout
            | Self::Throttled
            | Self::EndpointFailed
            | Self::MailboxUnavailable
            | Self::GenerationFailed => true,
            Self::InvalidAddress
            | Self::NotFound
            | Self::NoAccess
            | Self::NoCalendar
            | Self::TooManyEvents
            | Self::ListTooLong
            | Self::Loop => false,
        }
    }

    /// Whether the endpoint, rather than the mailbox, is the reason: an older answer is better than none then.
    pub fn is_outage(self) -> bool {
        self.is_transient() && self != Self::GenerationFailed
    }

    /// A short word for logs and metric labels.
    pub fn label(self) -> &'static str {
        match self {
            Self::InvalidAddress => "invalid_address",
            Self::NotFound => "not_found",
            Self::NoAccess => "no_access",
            Self::Timeout => "timeout",
            Self::Throttled => "throttled",
            Self::EndpointFailed => "endpoint_failed",
            Self::MailboxUnavailable => "mailbox_unavailable",
            Self::NoCalendar => "no_calendar",
            Self::GenerationFailed => "generation_failed",
            Self::TooManyEvents => "too_many_events",
            Self::ListTooLong => "list_too_long",
            Self::Loop => "loop",
        }
    }
}

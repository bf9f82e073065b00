//! South-bound: what can be asked about mailboxes, and the endpoints that answer.

pub mod build;
pub mod calendar_files;
pub mod endpoint;
pub mod ews;
pub mod examine;
pub mod expiry;
mod failure;
mod http;
pub mod instance;
pub mod quarantine;
pub mod reach;
mod role_account;
pub mod rooms;
pub mod settings;
pub mod token;
mod trail;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use self::examine::AccountFinding;
use self::expiry::Expiry;
use crate::domain::{MailboxError, Outcome, SmtpAddress, TimeWindow, Trace, Via};
pub use trail::Trail;

/// A source of calendars. Implementations hold no retry loop, no cache and no routing: [`endpoint::Endpoint`] does.
#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// What one call may ask for.
    fn limits(&self) -> Limits;

    /// Asks for all mailboxes of `ask` at once. `Err` means that the whole call failed; a mailbox that is missing from
    /// the map is unknown, never free.
    async fn free_busy(
        &self,
        ask: &Ask,
        deadline: Instant,
    ) -> Result<BTreeMap<SmtpAddress, Outcome>, EndpointError>;

    /// The mailbox's display name (its address where no better one is known), or None where there is no such mailbox.
    async fn resolve(
        &self,
        mailbox: &SmtpAddress,
        deadline: Instant,
    ) -> Result<Option<Arc<str>>, EndpointError>;

    /// Whether the source can be used now, for readiness and `check`.
    async fn probe(&self, deadline: Instant) -> Result<(), EndpointError>;

    /// The accounts that the source is asked by, as they stand now; none where it needs none.
    fn accounts(&self) -> Vec<AccountState> {
        Vec::new()
    }

    /// What it logs in with that expires, as far as that is known.
    fn expiries(&self) -> &[Expiry] {
        &[]
    }

    /// Makes one call by each role account that is not quarantined, about `mailbox` or else the account's own.
    async fn examine(
        &self,
        _mailbox: Option<&SmtpAddress>,
        _deadline: Instant,
    ) -> Vec<AccountFinding> {
        Vec::new()
    }

    /// What it knows of rooms and names, where it knows any.
    fn room_source(&self) -> Option<&dyn rooms::RoomSource> {
        None
    }
}

/// A role account as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountState {
    pub address: SmtpAddress,
    pub condition: AccountCondition,
    /// How long it is still left alone; none where it is ready.
    pub left: Option<Duration>,
    /// Calls that it is making now.
    pub in_flight: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountCondition {
    Ready,
    /// The server asked it to wait.
    Resting,
    /// The server forbids it what it was asked for.
    Forbidden,
    /// The server refused its login.
    Quarantined,
}

impl AccountCondition {
    pub const ALL: [Self; 4] = [
        Self::Ready,
        Self::Resting,
        Self::Forbidden,
        Self::Quarantined,
    ];

    /// A short word for the status page and metric labels.
    pub fn label(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Resting => "resting",
            Self::Forbidden => "forbidden",
            Self::Quarantined => "quarantined",
        }
    }
}

/// One call to a backend.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Without duplicates, at most [`Limits::mailboxes_per_call`].
    pub mailboxes: Vec<SmtpAddress>,
    /// At most [`Limits::days_per_call`] long.
    pub window: TimeWindow,
    /// The instances that the question has come through before this one.
    pub via: Via,
    /// The trace that it belongs to, where it belongs to one.
    pub trace: Option<Trace>,
    /// Role accounts that must not be used: they are busy with the same question.
    pub avoid: Vec<SmtpAddress>,
    /// One attempt is all: no rest of an account is waited for.
    pub once: bool,
    /// Where the backend notes what it does.
    pub trail: Trail,
}

impl Ask {
    /// A question that was asked here, by whichever account.
    pub fn new(mailboxes: Vec<SmtpAddress>, window: TimeWindow) -> Self {
        Self {
            mailboxes,
            window,
            via: Via::default(),
            trace: None,
            avoid: Vec::new(),
            once: false,
            trail: Trail::default(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub mailboxes_per_call: usize,
    pub days_per_call: u16,
}

impl Default for Limits {
    /// What every Exchange since 2007 grants ([MS-OXWAVLS] section 2.2.3.1, ews.md section 1.6).
    fn default() -> Self {
        Self {
            mailboxes_per_call: 100,
            days_per_call: 42,
        }
    }
}

/// Why a whole call failed. `Clone`, because one failure is shared by all who waited for it. The texts are for the
/// administrator's log: they may name role accounts, never passwords or the mailboxes asked for.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EndpointError {
    #[error("no answer within {:.1} s", .0.as_secs_f32())]
    Timeout(Duration),
    /// No connection, or one that broke before the answer was complete.
    #[error("no connection: {0}")]
    Connect(Arc<str>),
    #[error("TLS failed: {0}")]
    Tls(Arc<str>),
    #[error("the role account {account} was refused (401): {hint}")]
    Unauthorized {
        account: SmtpAddress,
        hint: Arc<str>,
    },
    #[error("no role account can be used now: {0}")]
    NoAccount(Arc<str>),
    #[error("forbidden: {0}")]
    Forbidden(Arc<str>),
    /// There is no token for the server; `reason` is a word for logs and metric labels.
    #[error("no token: {text}")]
    Token {
        reason: &'static str,
        text: Arc<str>,
        transient: bool,
    },
    /// `back_off` is what the server asked for, or what remains of it.
    #[error("throttled{}", .back_off.map(|wait| format!(", to be asked again in {:.1} s", wait.as_secs_f32())).unwrap_or_default())]
    Throttled { back_off: Option<Duration> },
    #[error("HTTP status {0}")]
    Status(u16),
    /// Redirects are never followed: the login would go along.
    #[error("the server redirects (HTTP status {status}) to {host}; is the URL right?")]
    Redirect { status: u16, host: Arc<str> },
    /// `transient` where the code says that the server may answer the same question later.
    #[error("fault {code}: {text}")]
    Fault {
        code: Arc<str>,
        text: Arc<str>,
        transient: bool,
    },
    #[error("the answer cannot be read: {0}")]
    BadAnswer(Arc<str>),
    #[error("the source cannot be read: {0}")]
    Source(Arc<str>),
    /// No call was made: there was no role account for it.
    #[error("not asked: {0}")]
    NotAsked(Arc<EndpointError>),
    /// Not asked at all, because the last calls failed; the text is the last failure's.
    #[error("not asked, because it kept failing: {0}")]
    BreakerOpen(Arc<str>),
}

impl EndpointError {
    /// A short word for logs and metric labels.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Timeout(_) => "timeout",
            Self::Connect(_) => "connect",
            Self::Tls(_) => "tls",
            Self::Unauthorized { .. } => "unauthorized",
            Self::NoAccount(_) | Self::NotAsked(_) => "no_account",
            Self::Forbidden(_) => "forbidden",
            Self::Token { .. } => "token",
            Self::Throttled { .. } => "throttled",
            Self::Status(_) => "status",
            Self::Redirect { .. } => "redirect",
            Self::Fault { .. } => "fault",
            Self::BadAnswer(_) => "bad_answer",
            Self::Source(_) => "source",
            Self::BreakerOpen(_) => "breaker_open",
        }
    }

    /// Whether a call was made at all.
    pub fn was_made(&self) -> bool {
        !matches!(self, Self::NotAsked(_) | Self::BreakerOpen(_))
    }

    /// Whether the same call may succeed a little later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::NotAsked(why) => why.is_transient(),
            // Exchange redirects to its own error page when it is in trouble.
            Self::Timeout(_)
            | Self::Connect(_)
            | Self::Throttled { .. }
            | Self::Redirect { .. }
            | Self::Source(_)
            | Self::BreakerOpen(_) => true,
            Self::Status(status) => *status >= 500 || *status == 429,
            Self::Fault { transient, .. } | Self::Token { transient, .. } => *transient,
            Self::Tls(_)
            | Self::Unauthorized { .. }
            | Self::NoAccount(_)
            | Self::Forbidden(_)
            | Self::BadAnswer(_) => false,
        }
    }
}

impl From<&EndpointError> for MailboxError {
    /// What every mailbox of the failed call is answered with.
    fn from(error: &EndpointError) -> Self {
        match error {
            EndpointError::NotAsked(why) => Self::from(&**why),
            EndpointError::Timeout(_) => Self::Timeout,
            EndpointError::Throttled { .. } => Self::Throttled,
            EndpointError::Connect(_)
            | EndpointError::Tls(_)
            | EndpointError::Unauthorized { .. }
            | EndpointError::NoAccount(_)
            | EndpointError::Forbidden(_)
            | EndpointError::Token { .. }
            | EndpointError::Status(_)
            | EndpointError::Redirect { .. }
            | EndpointError::Fault { .. }
            | EndpointError::BadAnswer(_)
            | EndpointError::Source(_)
            | EndpointError::BreakerOpen(_) => Self::EndpointFailed,
        }
    }
}

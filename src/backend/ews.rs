//! An Exchange server (2007 to SE, Exchange Online, or what speaks like one) as a source of calendars: EWS as a client.
//!
//! One call is one question put by one role account; another account takes over where one is refused or throttled, an
//! older schema where the server does not know ours. No cache, no splitting, no retries.

mod accounts;
mod asking;
mod call;
mod login;
mod refusal;
mod rooms;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use jiff::SignedDuration;
use tokio::time::{Instant, timeout_at};
use tracing::info;

use super::build::BuildProblem;
use super::examine::AccountFinding;
use super::expiry::Expiry;
use super::http::Reach;
use super::instance::Instance;
use super::role_account::RoleAccounts;
use super::rooms::RoomSource;
use super::settings::EwsSettings;
use super::{AccountState, Ask, Backend, EndpointError, Limits};
use crate::codec::ews::upstream::{MailboxAnswer, SchemaLevel};
use crate::domain::{MailboxError, Outcome, SmtpAddress, TimeWindow};
use asking::{Asking, FreeBusyAsking};
use call::{Server, Setback};
use login::Login;

/// What any server grants; an endpoint's own limits may be lower.
const LIMITS: Limits = Limits {
    mailboxes_per_call: 100,
    days_per_call: 62,
};

/// One Exchange server and the accounts it is asked by.
pub struct Ews {
    server: Arc<Server>,
    accounts: Arc<RoleAccounts<Login>>,
    /// The newest level that the server has answered, or the newest of all.
    level: Mutex<SchemaLevel>,
    expiries: Vec<Expiry>,
}

impl Ews {
    /// `name`: the endpoint's.
    pub fn new(
        name: &str,
        settings: EwsSettings,
        instance: &Instance,
    ) -> Result<Self, BuildProblem> {
        let server = Arc::new(Server::new(&settings.url, instance)?);
        let reach = Reach::new(
            settings.ca_certificate.as_deref(),
            settings.proxy.as_deref(),
        )?;
        if settings.role_accounts.is_empty() {
            return Err(BuildProblem::NoRoleAccount);
        }
        let expiries = Expiry::of(&settings.auth);
        let accounts = login::accounts(name, settings, &reach, instance)?;
        Ok(Self {
            server,
            accounts: RoleAccounts::new(accounts, instance),
            level: Mutex::new(SchemaLevel::Exchange2013Sp1),
            expiries,
        })
    }

    /// The answers in the order of `mailboxes`.
    async fn ask(&self, ask: &Ask, deadline: Instant) -> Result<Vec<MailboxAnswer>, EndpointError> {
        self.call(&FreeBusyAsking::of(ask), ask, deadline).await
    }

    /// Makes one call, with what `ask` says of its way; its mailboxes and window are not looked at.
    async fn call<A: Asking>(
        &self,
        asking: &A,
        ask: &Ask,
        deadline: Instant,
    ) -> Result<A::Answer, EndpointError> {
        let started = Instant::now();
        let ask = Ask {
            trail: ask.trail.branch(),
            ..ask.clone()
        };
        let called = timeout_at(deadline, self.ask_by_level(asking, &ask, deadline))
            .await
            .unwrap_or_else(|_| Err(EndpointError::Timeout(started.elapsed())));
        called.map_err(|error| match (ask.trail.calls(), &error) {
            // Who has waited all the time has met a server that lets others hang: that says something of it.
            (1.., _) | (0, EndpointError::Timeout(_)) => error,
            (0, _) => EndpointError::NotAsked(Arc::new(error)),
        })
    }

    /// Asks by the level that the server is known to answer, and by each older one while it refuses the level.
    async fn ask_by_level<A: Asking>(
        &self,
        asking: &A,
        ask: &Ask,
        deadline: Instant,
    ) -> Result<A::Answer, EndpointError> {
        let known = *self.level.lock().unwrap_or_else(PoisonError::into_inner);
        let mut level = known;
        loop {
            match self.ask_by_account(asking, ask, (level, deadline)).await {
                Ok(answers) => {
                    if level != known {
                        info!(?level, "The server is asked by an older schema from now on");
                        *self.level.lock().unwrap_or_else(PoisonError::into_inner) = level;
                    }
                    return Ok(answers);
                }
                Err(Setback::Level(error)) => level = level.lower().ok_or(error)?,
                Err(Setback::Final(error)) => return Err(error),
            }
        }
    }
}

#[async_trait]
impl Backend for Ews {
    fn limits(&self) -> Limits {
        LIMITS
    }

    async fn free_busy(
        &self,
        ask: &Ask,
        deadline: Instant,
    ) -> Result<BTreeMap<SmtpAddress, Outcome>, EndpointError> {
        let answers = self.ask(ask, deadline).await?;
        let outcomes = answers
            .into_iter()
            .map(|answer| answer.map_err(|failure| failure.error));
        Ok(ask.mailboxes.iter().cloned().zip(outcomes).collect())
    }

    /// Asks about a moment of the mailbox: it is known where the server does not say that there is none. Exchange tells
    /// no display name here, so it is the address.
    async fn resolve(
        &self,
        mailbox: &SmtpAddress,
        deadline: Instant,
    ) -> Result<Option<Arc<str>>, EndpointError> {
        let ask = Ask::new(vec![mailbox.clone()], self.moment()?);
        let answers = self.ask(&ask, deadline).await?;
        match answers.into_iter().next() {
            Some(Err(failure)) => match failure.error {
                MailboxError::NotFound | MailboxError::InvalidAddress => Ok(None),
                // Neither says whether there is such a mailbox.
                MailboxError::Throttled => Err(EndpointError::Throttled {
                    back_off: failure.back_off,
                }),
                MailboxError::Timeout => Err(EndpointError::Fault {
                    code: failure.code.into(),
                    text: "the server did not answer in its own time".into(),
                    transient: true,
                }),
                MailboxError::NoAccess
                | MailboxError::EndpointFailed
                | MailboxError::MailboxUnavailable
                | MailboxError::NoCalendar
                | MailboxError::GenerationFailed
                | MailboxError::TooManyEvents
                | MailboxError::ListTooLong
                | MailboxError::Loop => Ok(Some(mailbox.as_str().into())),
            },
            Some(Ok(_)) => Ok(Some(mailbox.as_str().into())),
            None => Err(EndpointError::BadAnswer("it holds no answer".into())),
        }
    }

    /// Asks about a moment of the first role account's own mailbox; whatever is said of it, the server can be used.
    async fn probe(&self, deadline: Instant) -> Result<(), EndpointError> {
        let own = self.accounts.first().cloned();
        let ask = Ask::new(own.into_iter().collect(), self.moment()?);
        let answers = self.ask(&ask, deadline).await?;
        match answers.into_iter().next() {
            Some(Err(failure)) if failure.error == MailboxError::Throttled => {
                Err(EndpointError::Throttled {
                    back_off: failure.back_off,
                })
            }
            Some(_) => Ok(()),
            None => Err(EndpointError::BadAnswer("it holds no answer".into())),
        }
    }

    fn accounts(&self) -> Vec<AccountState> {
        self.accounts.states()
    }

    fn expiries(&self) -> &[Expiry] {
        &self.expiries
    }

    async fn examine(
        &self,
        mailbox: Option<&SmtpAddress>,
        deadline: Instant,
    ) -> Vec<AccountFinding> {
        self.examine_accounts(mailbox, deadline).await
    }

    fn room_source(&self) -> Option<&dyn RoomSource> {
        Some(self)
    }
}

impl Ews {
    /// The next half hour.
    fn moment(&self) -> Result<TimeWindow, EndpointError> {
        let now = self.server.now();
        now.checked_add(SignedDuration::from_mins(30))
            .ok()
            .and_then(|end| TimeWindow::new(now, end).ok())
            .ok_or_else(|| EndpointError::Source("the clock stands at the end of time".into()))
    }
}

//! An Exchange server (2007 to SE, Exchange Online, or what speaks like one) as a source of calendars: EWS as a client.
//!
//! One call is one question put by one role account; another account takes over where one is refused or throttled, an
//! older schema where the server does not know ours. No cache, no splitting, no retries.

mod refusal;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::SignedDuration;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap};
use reqwest::{Client, Response, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::{Instant, timeout_at};
use tracing::{debug, info, warn};
use uuid::Uuid;

use super::build::BuildProblem;
use super::http::{self, Reach};
use super::role_account::{Lease, RoleAccounts, Tried};
use super::settings::{EwsSettings, RoleAccountSettings};
use super::{Ask, Backend, EndpointError, Limits};
use crate::codec::ews::reaction::{Reaction, reaction};
use crate::codec::ews::upstream::{self, MailboxAnswer, Question, ReadError, SchemaLevel};
use crate::domain::{Clock, MailboxError, Outcome, SmtpAddress, TimeWindow};

/// Exactly so, with the blank: Exchange 2010 answers 415 to anything else.
const XML: &str = "text/xml; charset=utf-8";

/// What any server grants; an endpoint's own limits may be lower.
const LIMITS: Limits = Limits {
    mailboxes_per_call: 100,
    days_per_call: 62,
};

/// One Exchange server and the accounts it is asked by.
pub struct Ews {
    url: Url,
    accounts: RoleAccounts<Login>,
    /// The newest level that the server has answered, or the newest of all.
    level: Mutex<SchemaLevel>,
    clock: Arc<dyn Clock>,
}

/// What one role account calls with; the client holds its cookies.
struct Login {
    client: Client,
    username: String,
    password: SecretString,
}

/// Why one call gave nothing, and what may be tried next.
enum Failure {
    /// The server refused the login.
    Refused(Arc<str>),
    /// The account is to wait.
    Throttled(Option<Duration>),
    /// Another account would fare no better.
    Any(Setback),
}

/// Why no account gets an answer.
enum Setback {
    /// The server may know an older schema.
    Level(EndpointError),
    /// Nothing else is worth trying now.
    Final(EndpointError),
}

impl From<EndpointError> for Failure {
    fn from(error: EndpointError) -> Self {
        Self::Any(Setback::Final(error))
    }
}

impl Ews {
    pub fn new(settings: EwsSettings, clock: Arc<dyn Clock>) -> Result<Self, BuildProblem> {
        let url = read_url(&settings.url)?;
        let reach = Reach::new(
            settings.ca_certificate.as_deref(),
            settings.proxy.as_deref(),
        )?;
        if settings.role_accounts.is_empty() {
            return Err(BuildProblem::NoRoleAccount);
        }
        let accounts = settings
            .role_accounts
            .into_iter()
            .map(|account| Ok((account.address.clone(), login(account, &reach)?)))
            .collect::<Result<_, BuildProblem>>()?;
        Ok(Self {
            url,
            accounts: RoleAccounts::new(accounts),
            level: Mutex::new(SchemaLevel::Exchange2013Sp1),
            clock,
        })
    }

    /// The answers in the order of `mailboxes`.
    async fn ask(
        &self,
        mailboxes: &[SmtpAddress],
        window: TimeWindow,
        deadline: Instant,
    ) -> Result<Vec<MailboxAnswer>, EndpointError> {
        let started = Instant::now();
        timeout_at(deadline, self.ask_by_level(mailboxes, window))
            .await
            .unwrap_or_else(|_| Err(EndpointError::Timeout(started.elapsed())))
    }

    /// Asks by the level that the server is known to answer, and by each older one while it refuses the level.
    async fn ask_by_level(
        &self,
        mailboxes: &[SmtpAddress],
        window: TimeWindow,
    ) -> Result<Vec<MailboxAnswer>, EndpointError> {
        let known = *self.level.lock().unwrap_or_else(PoisonError::into_inner);
        let mut level = known;
        loop {
            let question = Question {
                level,
                mailboxes,
                window,
            };
            match self.ask_by_account(&question).await {
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

    /// Asks as one account, and as each other one while accounts are refused or throttled.
    async fn ask_by_account(&self, question: &Question<'_>) -> Result<Vec<MailboxAnswer>, Setback> {
        let mut tried = Tried::default();
        let mut last = None;
        loop {
            let lease = match self.accounts.lease(&mut tried).await {
                Ok(lease) => lease,
                Err(out) => return Err(Setback::Final(last.unwrap_or(out))),
            };
            match self.call(lease.login(), question).await {
                Ok(answers) => {
                    settle(&lease, &answers);
                    return Ok(answers);
                }
                Err(Failure::Refused(hint)) => {
                    let pause = lease.refused(&hint);
                    let account = lease.address().clone();
                    warn!(%account, minutes = pause.as_secs() / 60, "Role account refused (401), not used for a while: {hint}");
                    last = Some(EndpointError::Unauthorized { account, hint });
                }
                Err(Failure::Throttled(back_off)) => {
                    lease.throttled(back_off);
                    last = Some(EndpointError::Throttled { back_off });
                }
                Err(Failure::Any(setback)) => {
                    if matches!(
                        setback,
                        Setback::Level(_) | Setback::Final(EndpointError::Fault { .. })
                    ) {
                        lease.accepted();
                    }
                    return Err(setback);
                }
            }
        }
    }

    /// One HTTP request and what its answer says.
    async fn call(
        &self,
        login: &Login,
        question: &Question<'_>,
    ) -> Result<Vec<MailboxAnswer>, Failure> {
        let request_id = Uuid::new_v4();
        let request = login
            .client
            .post(self.url.clone())
            .basic_auth(&login.username, Some(login.password.expose_secret()))
            .header(CONTENT_TYPE, XML)
            .header(ACCEPT, "text/xml")
            .header("client-request-id", request_id.to_string())
            .header("return-client-request-id", "true")
            .body(upstream::write(question));
        let answer = http::send(request).await?;
        trace_answer(request_id, &answer);
        self.judge(answer, question).await
    }

    async fn judge(
        &self,
        answer: Response,
        question: &Question<'_>,
    ) -> Result<Vec<MailboxAnswer>, Failure> {
        let status = answer.status();
        let headers = answer.headers().clone();
        match status {
            StatusCode::OK => {
                if let Some(error) = refusal::not_xml(&headers) {
                    return Err(error.into());
                }
                let body = http::body(answer).await?;
                upstream::read(&body, question).map_err(|error| unreadable(error, &body))
            }
            StatusCode::INTERNAL_SERVER_ERROR => {
                let body = http::body(answer).await?;
                match upstream::read(&body, question) {
                    Err(error @ ReadError::Fault { .. }) => Err(unreadable(error, &body)),
                    Ok(_) | Err(ReadError::Count { .. } | ReadError::Decode(_)) => {
                        Err(EndpointError::Status(status.as_u16()).into())
                    }
                }
            }
            StatusCode::UNAUTHORIZED => Err(Failure::Refused(refusal::unauthorized(&headers))),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Err(
                Failure::Throttled(refusal::retry_after(&headers, self.clock.now())),
            ),
            _ => Err(refusal::other(status, &headers, &self.url).into()),
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
        let answers = self.ask(&ask.mailboxes, ask.window, deadline).await?;
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
        let mailboxes = [mailbox.clone()];
        let answers = self.ask(&mailboxes, self.moment()?, deadline).await?;
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
        let mailboxes: Vec<_> = own.into_iter().collect();
        let answers = self.ask(&mailboxes, self.moment()?, deadline).await?;
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
}

impl Ews {
    /// The next half hour.
    fn moment(&self) -> Result<TimeWindow, EndpointError> {
        let now = self.clock.now();
        now.checked_add(SignedDuration::from_mins(30))
            .ok()
            .and_then(|end| TimeWindow::new(now, end).ok())
            .ok_or_else(|| EndpointError::Source("the clock stands at the end of time".into()))
    }
}

fn read_url(text: &str) -> Result<Url, BuildProblem> {
    Url::parse(text)
        .ok()
        .filter(|url| url.scheme() == "https" && url.host_str().is_some())
        .ok_or(BuildProblem::Url)
}

fn login(account: RoleAccountSettings, reach: &Reach) -> Result<Login, BuildProblem> {
    let username = account
        .username
        .unwrap_or_else(|| account.address.as_str().to_owned());
    // RFC 7617 section 2: the first colon ends the user name.
    if username.contains(':') {
        return Err(BuildProblem::UserName(account.address));
    }
    Ok(Login {
        client: reach.client()?,
        username,
        password: account.password,
    })
}

/// A mailbox answered with a back-off, or every mailbox throttled, means that the account's budget is used up although
/// the call went through.
fn settle(lease: &Lease<'_, Login>, answers: &[MailboxAnswer]) {
    let failures = answers.iter().filter_map(|answer| answer.as_ref().err());
    let throttled = failures.filter(|failure| failure.error == MailboxError::Throttled);
    let back_off = throttled.clone().filter_map(|f| f.back_off).max();
    if back_off.is_some() || (!answers.is_empty() && throttled.count() == answers.len()) {
        lease.accepted();
        lease.throttled(back_off);
    } else {
        lease.served();
    }
}

fn unreadable(error: ReadError, body: &[u8]) -> Failure {
    match error {
        ReadError::Fault {
            code,
            text,
            back_off,
        } => {
            let kind = reaction(&code);
            let fault = EndpointError::Fault {
                code: refusal::without_addresses(&code).into(),
                text: refusal::without_addresses(&text).into(),
                transient: kind == Reaction::TryAgain,
            };
            match kind {
                Reaction::Wait => Failure::Throttled(back_off),
                Reaction::LowerLevel => Failure::Any(Setback::Level(fault)),
                Reaction::TryAgain | Reaction::GiveUp => fault.into(),
            }
        }
        ReadError::Count { .. } => EndpointError::BadAnswer(error.to_string().into()).into(),
        ReadError::Decode(text) => refusal::unreadable(&text, body).into(),
    }
}

/// What an administrator of the server needs to find the request in its own logs.
fn trace_answer(request_id: Uuid, answer: &Response) {
    let header = |name: &str| text_of(answer.headers(), name);
    debug!(
        client_request_id = %request_id,
        status = answer.status().as_u16(),
        request_id = header("request-id"),
        front_end = header("x-feserver"),
        back_end = header("x-beserver"),
        "Answer of the server"
    );
}

fn text_of<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

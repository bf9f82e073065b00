//! Which role account a call goes by: one after the other while accounts are refused, throttled or shut out, and each of
//! them once where all are to be looked at.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tracing::{Instrument, warn};

use super::Ews;
use super::asking::{Asking, Budget, FreeBusyAsking};
use super::call::{Failure, Server, Setback};
use super::login::Login;
use crate::backend::examine::{AccountFinding, Seen};
use crate::backend::role_account::{Lease, Seat, Stakes};
use crate::backend::{AccountCondition, Ask, EndpointError};
use crate::codec::ews::upstream::SchemaLevel;
use crate::domain::SmtpAddress;

/// A rest of all accounts that is waited for here, rather than told to the caller.
const SHORT_REST: Duration = Duration::from_secs(1);
/// How many of those one question waits for: a server that asks for a moment each time is not asked for ever.
const MOST_RESTS: u32 = 3;
/// How often one call goes by an account that merely makes fewer calls at once from now on.
const MOST_YIELDS: u32 = 16;

/// One call by one account.
struct Call<A> {
    server: Arc<Server>,
    seat: Seat<Login>,
    asking: A,
    level: SchemaLevel,
    ask: Ask,
}

/// Why one call by one account gave nothing.
enum Missed {
    /// Another account may fare better.
    Account(EndpointError),
    /// Another account may fare better; where it does, this one is shut out.
    Forbidden(Arc<str>),
    /// The account rests for so long; not at all where it merely makes fewer calls at once.
    Throttled(Duration),
    /// None would.
    All(Setback),
}

/// What one question has met so far.
#[derive(Default)]
struct Way {
    last: Option<EndpointError>,
    yields: u32,
    rests: u32,
    /// Accounts that were forbidden the call, by the server or by what stands in front of it.
    forbidden: Vec<(Seat<Login>, Arc<str>)>,
}

impl Way {
    /// The account that the call went by last may be used once more for it.
    fn is_yielding(&mut self, rest: Duration) -> bool {
        self.last = Some(EndpointError::Throttled {
            back_off: (!rest.is_zero()).then_some(rest),
        });
        self.yields += 1;
        rest.is_zero() && self.yields < MOST_YIELDS
    }

    fn was_forbidden(&mut self, seat: Seat<Login>, hint: Arc<str>) {
        self.last = Some(EndpointError::Forbidden(Arc::clone(&hint)));
        self.forbidden.push((seat, hint));
    }

    /// Another account was answered: what forbade these was about them.
    fn answered(self) {
        for (seat, hint) in self.forbidden {
            shut_out(&seat, &hint);
        }
    }

    fn may_rest(&self, ask: &Ask) -> bool {
        !ask.once && self.rests < MOST_RESTS
    }
}

impl Ews {
    /// Asks as one account, and as each other one while accounts are refused, throttled or shut out.
    pub(super) async fn ask_by_account<A: Asking>(
        &self,
        asking: &A,
        ask: &Ask,
        (level, deadline): (SchemaLevel, Instant),
    ) -> Result<A::Answer, Setback> {
        let mut tried = self.accounts.without(&ask.avoid);
        let mut way = Way::default();
        loop {
            let lease = match self.accounts.lease(&mut tried).await {
                Ok(lease) => lease,
                Err(EndpointError::Throttled {
                    back_off: Some(rest),
                }) if rest <= SHORT_REST
                    && way.may_rest(ask)
                    && Instant::now() + rest * 2 < deadline =>
                {
                    way.rests += 1;
                    sleep(rest).await;
                    tried = self.accounts.without(&ask.avoid);
                    continue;
                }
                // The shortest wait of all accounts, rather than the last one's.
                Err(out @ EndpointError::Throttled { .. }) => return Err(Setback::Final(out)),
                Err(out) => return Err(Setback::Final(way.last.unwrap_or(out))),
            };
            ask.trail.called(Some(lease.address()));
            let call = Call {
                server: Arc::clone(&self.server),
                seat: lease.seat(),
                asking: asking.clone(),
                level,
                ask: ask.clone(),
            };
            let seat = lease.seat();
            let made = match lease.stakes() {
                Stakes::LockOut => call.make_to_the_end(lease, deadline).await,
                Stakes::None => call.make().await,
            };
            match made {
                Ok(answer) => {
                    way.answered();
                    return Ok(answer);
                }
                Err(Missed::Account(error)) => way.last = Some(error),
                Err(Missed::Forbidden(hint)) => way.was_forbidden(seat, hint),
                Err(Missed::Throttled(rest)) => {
                    if way.is_yielding(rest) {
                        tried.forget_last();
                    }
                }
                Err(Missed::All(setback)) => return Err(setback),
            }
        }
    }

    /// One call by each account that is not quarantined, about `mailbox` or else the first account's own: the same for
    /// all, so that what they see can be compared.
    pub(super) async fn examine_accounts(
        &self,
        mailbox: Option<&SmtpAddress>,
        deadline: Instant,
    ) -> Vec<AccountFinding> {
        self.accounts.recall().await;
        let Some(about) = mailbox.or(self.accounts.first()) else {
            return Vec::new();
        };
        let mut findings = Vec::new();
        for state in self.accounts.states() {
            let seen = match state.condition {
                AccountCondition::Quarantined => Seen::Quarantined {
                    left: state.left.unwrap_or_default(),
                },
                AccountCondition::Ready
                | AccountCondition::Resting
                | AccountCondition::Forbidden => {
                    self.examine_account(&state.address, about.clone(), deadline)
                        .await
                }
            };
            findings.push(AccountFinding {
                address: state.address,
                about: about.clone(),
                seen,
            });
        }
        findings
    }

    async fn examine_account(
        &self,
        account: &SmtpAddress,
        mailbox: SmtpAddress,
        deadline: Instant,
    ) -> Seen {
        let result = async {
            let mut ask = Ask::new(vec![mailbox], self.moment()?);
            let others = self
                .accounts
                .addresses()
                .filter(|address| *address != account);
            ask.avoid = others.cloned().collect();
            ask.once = true;
            let asking = FreeBusyAsking::of(&ask);
            let way = self.ask_by_level(&asking, &ask, deadline);
            timeout_at(deadline, way)
                .await
                .unwrap_or(Err(EndpointError::Timeout(Duration::ZERO)))
        };
        match result.await {
            Ok(answers) => match answers.into_iter().next() {
                Some(Ok(free_busy)) => Seen::Calendar(free_busy.detail()),
                Some(Err(failure)) => Seen::Mailbox(failure.error),
                None => Seen::Failed(EndpointError::BadAnswer("it holds no answer".into())),
            },
            Err(error) => Seen::Failed(error),
        }
    }
}

impl<A: Asking> Call<A> {
    /// The same, and no caller who gives up can end it: a password that is on its way is counted by the directory, so what
    /// comes of it is heard. The account is lent until then: the call counts among those that it may make at once, and
    /// where the server has not taken the login yet, nobody sends the same password meanwhile. So it ends when the lease
    /// says, but never before its caller gives up.
    async fn make_to_the_end(
        self,
        lease: Lease<Login>,
        deadline: Instant,
    ) -> Result<A::Answer, Missed> {
        let awaited = deadline.saturating_duration_since(Instant::now());
        let (number, patience) = (lease.number(), lease.patience().max(awaited));
        let seat = (!lease.is_trial()).then(|| lease.seat());
        let call = async move {
            let made = timeout(patience, self.make()).await;
            if made.is_err() {
                lease.unheard();
            }
            drop(lease);
            made
        };
        let mut sent = Sent {
            task: tokio::spawn(call.in_current_span()),
            number,
            seat,
        };
        match (&mut sent.task).await {
            Ok(Ok(made)) => made,
            Ok(Err(_)) => Err(final_error(EndpointError::Timeout(patience))),
            Err(_) => Err(final_error(EndpointError::BadAnswer(
                "the call was broken off".into(),
            ))),
        }
    }

    /// Makes the call and says to the account what came of it.
    async fn make(&self) -> Result<A::Answer, Missed> {
        let seat = &self.seat;
        let call = self
            .server
            .call(seat.login(), (&self.asking, self.level), &self.ask);
        match call.await {
            Ok(answer) => {
                settle(seat, self.asking.budget(&answer)).await;
                Ok(answer)
            }
            Err(failure) => Err(missed(seat, failure).await),
        }
    }
}

/// A call that goes on when this is dropped.
struct Sent<T> {
    task: JoinHandle<T>,
    number: u64,
    /// Of an account that others may use meanwhile.
    seat: Option<Seat<Login>>,
}

impl<T> Drop for Sent<T> {
    fn drop(&mut self) {
        if self.task.is_finished() {
            return;
        }
        if let Some(seat) = &self.seat
            && !seat.given_up(self.number, self.task.abort_handle())
        {
            self.task.abort();
        }
    }
}

fn final_error(error: EndpointError) -> Missed {
    Missed::All(Setback::Final(error))
}

/// What a failed call means for its account.
async fn missed(seat: &Seat<Login>, failure: Failure) -> Missed {
    let account = seat.address().clone();
    match failure {
        Failure::Refused(hint) => {
            let seconds = seat.refused(&hint).await.as_secs();
            warn!(%account, seconds, "Role account refused (401), not used for a while: {hint}");
            Missed::Account(EndpointError::Unauthorized { account, hint })
        }
        Failure::Forbidden(hint) => {
            seat.accepted().await;
            shut_out(seat, &hint);
            Missed::Account(EndpointError::Forbidden(hint))
        }
        Failure::PerhapsForbidden(hint) => Missed::Forbidden(hint),
        Failure::Throttled(back_off) => Missed::Throttled(seat.throttled(back_off)),
        Failure::Any(setback) => {
            if matches!(
                setback,
                Setback::Level(_) | Setback::Final(EndpointError::Fault { .. })
            ) {
                seat.accepted().await;
            }
            Missed::All(setback)
        }
    }
}

fn shut_out(seat: &Seat<Login>, hint: &Arc<str>) {
    let account = seat.address();
    let seconds = seat.forbidden(hint).as_secs();
    warn!(%account, seconds, "Role account shut out, not used for a while: {hint}");
}

/// What a call that went through means for its account.
async fn settle(seat: &Seat<Login>, budget: Budget) {
    match budget {
        Budget::Spent(back_off) => {
            seat.accepted().await;
            seat.throttled(back_off);
        }
        Budget::Left => seat.served().await,
    }
}

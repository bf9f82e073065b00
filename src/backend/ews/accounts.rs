//! Which role account a call goes by: one after the other while accounts are refused, throttled or shut out, and each of
//! them once where all are to be looked at.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};
use tracing::warn;

use super::Ews;
use super::asking::{Asking, Budget, FreeBusyAsking};
use super::call::{Failure, Setback};
use super::login::Login;
use crate::backend::examine::{AccountFinding, Seen};
use crate::backend::role_account::Lease;
use crate::backend::{AccountCondition, Ask, EndpointError};
use crate::codec::ews::upstream::SchemaLevel;
use crate::domain::SmtpAddress;

/// A rest of all accounts that is waited for here, rather than told to the caller.
const SHORT_REST: Duration = Duration::from_secs(1);
/// How often one call goes by an account that merely makes fewer calls at once from now on.
const MOST_YIELDS: u32 = 16;

/// What one call has met so far.
#[derive(Default)]
struct Way {
    last: Option<EndpointError>,
    yields: u32,
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
                }) if rest <= SHORT_REST && Instant::now() + rest * 2 < deadline => {
                    sleep(rest).await;
                    tried = self.accounts.without(&ask.avoid);
                    continue;
                }
                // The shortest wait of all accounts, rather than the last one's.
                Err(out @ EndpointError::Throttled { .. }) => return Err(Setback::Final(out)),
                Err(out) => return Err(Setback::Final(way.last.unwrap_or(out))),
            };
            ask.trail.called(Some(lease.address()));
            let call = self.server.call(lease.login(), (asking, level), &ask.via);
            match call.await {
                Ok(answer) => {
                    settle(&lease, asking.budget(&answer)).await;
                    return Ok(answer);
                }
                Err(failure) => {
                    if way.note(&lease, failure).await? {
                        tried.forget_last();
                    }
                }
            }
        }
    }

    /// One call by each account that is not quarantined, about `mailbox` or the account's own.
    pub(super) async fn examine_accounts(
        &self,
        mailbox: Option<&SmtpAddress>,
        deadline: Instant,
    ) -> Vec<AccountFinding> {
        self.accounts.recall().await;
        let mut findings = Vec::new();
        for state in self.accounts.states() {
            let seen = match state.condition {
                AccountCondition::Quarantined => Seen::Quarantined {
                    left: state.left.unwrap_or_default(),
                },
                AccountCondition::Ready
                | AccountCondition::Resting
                | AccountCondition::Forbidden => {
                    let about = mailbox.unwrap_or(&state.address).clone();
                    self.examine_account(&state.address, about, deadline).await
                }
            };
            findings.push(AccountFinding {
                address: state.address,
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

impl Way {
    /// What a failed call means for its account; true where the same account may be used once more, an error where
    /// another account would fare no better.
    async fn note(&mut self, lease: &Lease<'_, Login>, failure: Failure) -> Result<bool, Setback> {
        let account = lease.address().clone();
        match failure {
            Failure::Refused(hint) => {
                let seconds = lease.refused(&hint).await.as_secs();
                warn!(%account, seconds, "Role account refused (401), not used for a while: {hint}");
                self.last = Some(EndpointError::Unauthorized { account, hint });
            }
            Failure::Forbidden(hint) => {
                lease.accepted().await;
                let seconds = lease.forbidden(&hint).as_secs();
                warn!(%account, seconds, "Role account shut out, not used for a while: {hint}");
                self.last = Some(EndpointError::Forbidden(hint));
            }
            Failure::Throttled(back_off) => {
                let rest = lease.throttled(back_off);
                self.last = Some(EndpointError::Throttled {
                    back_off: (!rest.is_zero()).then_some(rest),
                });
                self.yields += 1;
                return Ok(rest.is_zero() && self.yields < MOST_YIELDS);
            }
            Failure::Any(setback) => {
                if matches!(
                    setback,
                    Setback::Level(_) | Setback::Final(EndpointError::Fault { .. })
                ) {
                    lease.accepted().await;
                }
                return Err(setback);
            }
        }
        Ok(false)
    }
}

/// What a call that went through means for its account.
async fn settle(lease: &Lease<'_, Login>, budget: Budget) {
    match budget {
        Budget::Spent(back_off) => {
            lease.accepted().await;
            lease.throttled(back_off);
        }
        Budget::Left => lease.served().await,
    }
}

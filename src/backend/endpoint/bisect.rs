//! A call that one mailbox spoils, cut in halves until the others are answered. Bounded: a server that answers nothing
//! at all is left in peace soon.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join;
use tokio::time::Instant;
use tracing::info;

use super::Endpoint;
use super::retry::Part;
use crate::backend::{Ask, EndpointError};
use crate::domain::{MailboxError, Outcome, SmtpAddress};

/// How long nothing is cut after no half of a call was answered: what fails then is not a mailbox.
const PEACE: Duration = Duration::from_mins(1);
/// Fewer mailboxes than these may all be bad by chance.
const TELLING: usize = 8;

/// Codes of faults that speak of the account or the server: no mailbox is at fault.
const NOT_OF_A_MAILBOX: &[&str] = &[
    "ErrorAccessDenied",
    "ErrorAccountDisabled",
    "ErrorImpersonateUserDenied",
    "ErrorImpersonationDenied",
    "ErrorImpersonationFailed",
    "ErrorInvalidServerVersion",
    "ErrorInvalidSchemaVersionForMailboxVersion",
    "ErrorIncorrectSchemaVersion",
    "ErrorWrongServerVersion",
    "ErrorPasswordExpired",
    "ErrorPasswordChangeRequired",
];

/// Whether cutting was of any use lately.
#[derive(Default)]
pub(super) struct Fruitless(Mutex<Option<Instant>>);

/// Mailboxes that were asked together in vain.
struct Group {
    mailboxes: Vec<SmtpAddress>,
    error: EndpointError,
    /// The call that it was cut from failed in both halves.
    doubtful: bool,
}

impl Endpoint {
    /// Asks for the mailboxes of a call that failed with `error`, in ever smaller groups. Level by level, so that good
    /// halves are answered between bad ones and the breaker stays closed.
    pub(super) async fn bisect(
        &self,
        ask: &Ask,
        error: EndpointError,
        deadline: Instant,
    ) -> BTreeMap<SmtpAddress, Outcome> {
        let mut calls_left = 4 * ask.mailboxes.len().next_power_of_two().ilog2();
        let mut outcomes = BTreeMap::new();
        let mut answered = 0;
        let mut groups = VecDeque::from([Group {
            mailboxes: ask.mailboxes.clone(),
            error,
            doubtful: false,
        }]);
        while let Some(group) = groups.pop_front() {
            if calls_left < 2 || group.mailboxes.len() < 2 || !may_be_one_mailbox(&group.error) {
                outcomes.extend(failed(&group.mailboxes, &group.error));
                continue;
            }
            calls_left -= 2;
            let (left, right) = self.ask_halves(ask, &group.mailboxes, deadline).await;
            let alike = matches!((&left, &right), (Err(a), Err(b)) if same(&a.error, &b.error));
            for half in [left, right] {
                match half {
                    Ok(answers) => {
                        answered += answers.len();
                        outcomes.extend(answers);
                    }
                    Err(half) if alike && group.doubtful => {
                        outcomes.extend(failed(&half.mailboxes, &half.error));
                    }
                    Err(half) => groups.push_back(Group {
                        doubtful: alike,
                        ..half
                    }),
                }
            }
        }
        let asked = ask.mailboxes.len();
        self.fruitless.note(answered == 0 && asked >= TELLING);
        info!(endpoint.name = %self.name(), asked, answered, "A call that failed was put again in parts");
        outcomes
    }

    /// Whether a call that failed with `error` is worth being cut.
    pub(super) fn is_worth_cutting(&self, ask: &Ask, error: &EndpointError) -> bool {
        ask.mailboxes.len() > 1 && may_be_one_mailbox(error) && !self.fruitless.lately()
    }

    async fn ask_halves(
        &self,
        whole: &Ask,
        mailboxes: &[SmtpAddress],
        deadline: Instant,
    ) -> (Half, Half) {
        let (left, right) = mailboxes.split_at(mailboxes.len() / 2);
        join(
            self.ask_half(whole, left, deadline),
            self.ask_half(whole, right, deadline),
        )
        .await
    }

    async fn ask_half(&self, whole: &Ask, mailboxes: &[SmtpAddress], deadline: Instant) -> Half {
        let ask = Ask {
            mailboxes: mailboxes.to_vec(),
            ..whole.clone()
        };
        match self.calls.free_busy(&ask, Part::Suspect, deadline).await {
            Ok(answers) => Ok(self.complete(&ask, answers)),
            Err(error) => Err(Group {
                mailboxes: ask.mailboxes,
                error,
                doubtful: false,
            }),
        }
    }
}

type Half = Result<BTreeMap<SmtpAddress, Outcome>, Group>;

impl Fruitless {
    fn lately(&self) -> bool {
        let until = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }

    fn note(&self, fruitless: bool) {
        let until = fruitless.then(|| Instant::now() + PEACE);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }
}

/// Every one of `mailboxes` with what the failure of its call means for it.
pub(super) fn failed(
    mailboxes: &[SmtpAddress],
    error: &EndpointError,
) -> BTreeMap<SmtpAddress, Outcome> {
    let outcome = MailboxError::from(error);
    let each = mailboxes.iter();
    each.map(|mailbox| (mailbox.clone(), Err(outcome)))
        .collect()
}

/// Whether a single mailbox of the call may be why all of it failed.
fn may_be_one_mailbox(error: &EndpointError) -> bool {
    match error {
        EndpointError::BadAnswer(_) => true,
        EndpointError::Fault { code, .. } => !NOT_OF_A_MAILBOX.contains(&&**code),
        EndpointError::Timeout(_)
        | EndpointError::Connect(_)
        | EndpointError::Tls(_)
        | EndpointError::Unauthorized { .. }
        | EndpointError::NoAccount(_)
        | EndpointError::Token { .. }
        | EndpointError::Forbidden(_)
        | EndpointError::Throttled { .. }
        | EndpointError::Status(_)
        | EndpointError::Redirect { .. }
        | EndpointError::Source(_)
        | EndpointError::NotAsked(_)
        | EndpointError::BreakerOpen(_) => false,
    }
}

/// Whether two calls failed for the same reason; texts may differ by a line number.
fn same(one: &EndpointError, other: &EndpointError) -> bool {
    match (one, other) {
        (EndpointError::Fault { code: a, .. }, EndpointError::Fault { code: b, .. }) => a == b,
        _ => one.label() == other.label(),
    }
}

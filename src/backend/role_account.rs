//! The role accounts of one endpoint: which of them makes the next call, and which are left alone for a while.
//!
//! A wrong password must never hammer an account into its lock-out: an account that was refused is not used for half an
//! hour (sooner for a few times where its password has worked before), and one that has not been accepted yet makes one call at a time. Knows no protocol and makes no calls.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::{AccountCondition, AccountState, EndpointError};
use crate::domain::SmtpAddress;

/// How long a refused account is left alone the first time; doubled each time it is refused again.
const QUARANTINE: Duration = Duration::from_mins(30);
const LONGEST_QUARANTINE: Duration = Duration::from_hours(8);
/// A login that has worked is tried again sooner, these few times: a server refuses good passwords while it cannot
/// reach its directory, and an old password does not count towards a lock-out in Active Directory.
const SECOND_CHANCES: [Duration; 3] = [
    Duration::from_secs(5),
    Duration::from_mins(1),
    Duration::from_mins(5),
];
/// How long a throttled account rests when the server does not say; doubled each time.
const REST: Duration = Duration::from_secs(5);
const LONGEST_REST: Duration = Duration::from_mins(1);
/// The most that a server may ask for: a misconfigured proxy must not silence an endpoint for a year.
const LONGEST_ASKED_REST: Duration = Duration::from_hours(1);

/// The accounts, each with what a call needs to log in as it.
pub(super) struct RoleAccounts<L> {
    accounts: Vec<Account<L>>,
    states: Mutex<States>,
    /// Wakes those who wait for an account.
    changed: Notify,
}

/// An account of the pool: its address, what a call needs to log in, and the calls in flight that it is good for.
pub(super) struct Account<L> {
    pub(super) address: SmtpAddress,
    pub(super) login: L,
    pub(super) max_concurrency: usize,
}

struct States {
    each: Vec<State>,
    /// Where the search for the least used account starts next: round robin on ties.
    next: usize,
}

#[derive(Default)]
struct State {
    in_flight: usize,
    /// The server has accepted its login since the last refusal.
    accepted: bool,
    /// The server has accepted its login at some time: the password was right.
    proven: bool,
    closed: Option<Closed>,
    refusals: u32,
    throttles: u32,
}

struct Closed {
    until: Instant,
    why: Why,
}

enum Why {
    Refused(Arc<str>),
    Throttled,
}

/// The accounts that one call has used already; it uses none twice.
#[derive(Default)]
pub(super) struct Tried(Vec<usize>);

/// One call's use of an account. Dropping it gives the account back.
pub(super) struct Lease<'a, L> {
    pool: &'a RoleAccounts<L>,
    index: usize,
    account: &'a Account<L>,
}

enum Pick {
    Account(usize),
    /// The only usable accounts are being tried for the first time just now, or make all the calls that they may.
    Wait,
    None(EndpointError),
}

impl<L> RoleAccounts<L> {
    pub(super) fn new(accounts: Vec<Account<L>>) -> Self {
        let each = accounts.iter().map(|_| State::default()).collect();
        Self {
            accounts,
            states: Mutex::new(States { each, next: 0 }),
            changed: Notify::new(),
        }
    }

    /// The usable account with the fewest calls in flight that is not in `tried`, to which it is added. Waits while the
    /// only usable ones are being tried for the first time or make all the calls that they may. An error where all are
    /// out; it names their state.
    pub(super) async fn lease(&self, tried: &mut Tried) -> Result<Lease<'_, L>, EndpointError> {
        loop {
            // Taken before the look, so that a change between the look and the wait is not missed.
            let changed = self.changed.notified();
            match self.pick(tried) {
                Pick::Account(index) => {
                    if let Some(account) = self.accounts.get(index) {
                        tried.0.push(index);
                        return Ok(Lease {
                            pool: self,
                            index,
                            account,
                        });
                    }
                }
                Pick::Wait => changed.await,
                Pick::None(error) => return Err(error),
            }
        }
    }

    /// The address of the first account.
    pub(super) fn first(&self) -> Option<&SmtpAddress> {
        self.accounts.first().map(|account| &account.address)
    }

    /// As if these accounts had been used already.
    pub(super) fn without(&self, avoid: &[SmtpAddress]) -> Tried {
        let places = self.accounts.iter().enumerate();
        let avoided = places.filter(|(_, account)| avoid.contains(&account.address));
        Tried(avoided.map(|(index, _)| index).collect())
    }

    /// Every account as it stands now.
    pub(super) fn states(&self) -> Vec<AccountState> {
        let now = Instant::now();
        let states = self.lock();
        let pairs = self.accounts.iter().zip(&states.each);
        pairs
            .map(|(account, state)| state.tell(account.address.clone(), now))
            .collect()
    }

    fn pick(&self, tried: &Tried) -> Pick {
        let now = Instant::now();
        let mut states = self.lock();
        let count = states.each.len();
        let mut best: Option<(usize, usize)> = None;
        let mut wait = false;
        for offset in 0..count {
            let index = (states.next + offset) % count;
            let Some(state) = states.each.get_mut(index) else {
                continue;
            };
            if tried.0.contains(&index) || !state.is_open(now) {
                continue;
            }
            let most = match self.accounts.get(index) {
                Some(account) if state.accepted => account.max_concurrency.max(1),
                Some(_) | None => 1,
            };
            if state.in_flight >= most {
                wait = true;
            } else if best.is_none_or(|(_, least)| state.in_flight < least) {
                best = Some((index, state.in_flight));
            }
        }
        match best {
            Some((index, _)) => {
                states.next = (index + 1) % count;
                if let Some(state) = states.each.get_mut(index) {
                    state.in_flight += 1;
                }
                Pick::Account(index)
            }
            None if wait => Pick::Wait,
            None => Pick::None(self.out(&states, now)),
        }
    }

    /// Why no account can be used: throttled where one only has to rest, else the state of each.
    fn out(&self, states: &States, now: Instant) -> EndpointError {
        let mut text = String::new();
        let mut rest: Option<Duration> = None;
        for (account, state) in self.accounts.iter().zip(&states.each) {
            let Some(closed) = &state.closed else {
                continue;
            };
            let left = closed.until.saturating_duration_since(now);
            match &closed.why {
                Why::Throttled => rest = Some(rest.map_or(left, |rest| rest.min(left))),
                Why::Refused(hint) => {
                    let separator = if text.is_empty() { "" } else { "; " };
                    // Writing to a String cannot fail.
                    let _ = write!(
                        text,
                        "{separator}{} was refused (401: {hint}) and is tried again in {} s",
                        account.address,
                        left.as_secs()
                    );
                }
            }
        }
        match rest {
            Some(left) => EndpointError::Throttled {
                back_off: Some(left),
            },
            None => EndpointError::NoAccount(text.into()),
        }
    }

    /// A panic elsewhere leaves the states whole: each change is a plain assignment.
    fn lock(&self) -> MutexGuard<'_, States> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, index: usize, change: impl FnOnce(&mut State)) {
        if let Some(state) = self.lock().each.get_mut(index) {
            change(state);
        }
        self.changed.notify_waiters();
    }
}

impl State {
    fn is_open(&mut self, now: Instant) -> bool {
        if self.closed.as_ref().is_some_and(|c| c.until <= now) {
            self.closed = None;
        }
        self.closed.is_none()
    }

    fn tell(&self, address: SmtpAddress, now: Instant) -> AccountState {
        let closed = self.closed.as_ref().filter(|closed| closed.until > now);
        AccountState {
            address,
            condition: match closed.map(|closed| &closed.why) {
                None => AccountCondition::Ready,
                Some(Why::Throttled) => AccountCondition::Resting,
                Some(Why::Refused(_)) => AccountCondition::Quarantined,
            },
            left: closed.map(|closed| closed.until.saturating_duration_since(now)),
            in_flight: self.in_flight,
        }
    }

    /// How long the account is left alone after its last refusal.
    fn quarantine(&self) -> Duration {
        let times = self.refusals as usize;
        let soon = SECOND_CHANCES.get(times.saturating_sub(1));
        match soon {
            Some(pause) if self.proven => *pause,
            _ => {
                let spent = if self.proven { SECOND_CHANCES.len() } else { 0 };
                let times = u32::try_from(times - spent.min(times)).unwrap_or(u32::MAX);
                doubled(QUARANTINE, times, LONGEST_QUARANTINE)
            }
        }
    }

    fn is_refused(&self) -> bool {
        matches!(
            &self.closed,
            Some(Closed {
                why: Why::Refused(_),
                ..
            })
        )
    }
}

impl<L> Lease<'_, L> {
    pub(super) fn address(&self) -> &SmtpAddress {
        &self.account.address
    }

    pub(super) fn login(&self) -> &L {
        &self.account.login
    }

    /// The server took the login and served the call.
    pub(super) fn served(&self) {
        self.pool.change(self.index, |state| {
            state.accepted = true;
            state.proven = true;
            state.refusals = 0;
            state.throttles = 0;
        });
    }

    /// The server took the login, whatever it then said.
    pub(super) fn accepted(&self) {
        self.pool.change(self.index, |state| {
            state.accepted = true;
            state.proven = true;
        });
    }

    /// The server refused the login; says for how long the account is left alone from now. Calls that were in flight
    /// together count as one refusal.
    pub(super) fn refused(&self, hint: &Arc<str>) -> Duration {
        let mut pause = QUARANTINE;
        self.pool.change(self.index, |state| {
            state.accepted = false;
            if !state.is_refused() {
                state.refusals = state.refusals.saturating_add(1);
            }
            pause = state.quarantine();
            state.closed = Some(Closed {
                until: Instant::now() + pause,
                why: Why::Refused(Arc::clone(hint)),
            });
        });
        pause
    }

    /// The server asked this account to wait, for `back_off` where it said how long; says for how long the account
    /// rests from now. A quarantine is not shortened.
    pub(super) fn throttled(&self, back_off: Option<Duration>) -> Duration {
        let mut left = Duration::ZERO;
        self.pool.change(self.index, |state| {
            let now = Instant::now();
            if let Some(closed) = state.closed.as_ref().filter(|_| state.is_refused()) {
                left = closed.until.saturating_duration_since(now);
                return;
            }
            state.throttles = state.throttles.saturating_add(1);
            let rest = back_off.map_or_else(
                || doubled(REST, state.throttles, LONGEST_REST),
                |asked| asked.min(LONGEST_ASKED_REST),
            );
            let until = now + rest;
            let until = state.closed.as_ref().map_or(until, |c| c.until.max(until));
            left = until.saturating_duration_since(now);
            state.closed = Some(Closed {
                until,
                why: Why::Throttled,
            });
        });
        left
    }
}

impl<L> Drop for Lease<'_, L> {
    fn drop(&mut self) {
        self.pool.change(self.index, |state| {
            state.in_flight = state.in_flight.saturating_sub(1);
        });
    }
}

/// `base` the first time, twice as long each further time, never more than `longest`.
fn doubled(base: Duration, times: u32, longest: Duration) -> Duration {
    let factor = 1_u32 << times.saturating_sub(1).min(16);
    base.saturating_mul(factor).min(longest)
}

#[cfg(test)]
mod tests;

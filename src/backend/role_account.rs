//! The role accounts of one endpoint: which of them makes the next call, and which are left alone for a while.
//!
//! A wrong password must never hammer an account into its lock-out: an account that was refused is left alone at the
//! first refusal, and one that has not been accepted yet makes one call at a time. What is known of a login is shared
//! through [`Quarantine`](crate::backend::quarantine::Quarantine) with other processes, and with later lives of this one.
//! Knows no protocol and makes no calls.

mod state;

use std::fmt::Write as _;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::Instant;

pub(super) use self::state::Stakes;
use self::state::{State, Why};
use super::instance::Instance;
use super::quarantine::Mark;
use super::{AccountState, EndpointError};
use crate::domain::SmtpAddress;

/// How old what is known of other processes' notes may be, when an account is used that is not known to work.
const RECALL: Duration = Duration::from_secs(1);

/// The accounts, each with what a call needs to log in as it.
pub(super) struct RoleAccounts<L> {
    accounts: Vec<Arc<Account<L>>>,
    states: Mutex<States>,
    /// Wakes those who wait for an account.
    changed: Notify,
    instance: Instance,
}

/// An account of the pool: its address, what a call needs to log in, and the calls in flight that it is good for.
pub(super) struct Account<L> {
    pub(super) address: SmtpAddress,
    pub(super) login: L,
    pub(super) max_concurrency: usize,
    /// What its refusals are remembered under, and what they may cause.
    pub(super) mark: Mark,
    pub(super) stakes: Stakes,
}

struct States {
    each: Vec<State>,
    /// Where the search for the least used account starts next: round robin on ties.
    next: usize,
    /// When the notes of other processes were last looked at.
    recalled: Option<Instant>,
    /// They are being looked at.
    recalling: bool,
}

/// The accounts that one call has used already; it uses none twice.
#[derive(Default)]
pub(super) struct Tried(Vec<usize>);

impl Tried {
    /// The call may go by the account that it went by last once more.
    pub(super) fn forget_last(&mut self) {
        self.0.pop();
    }
}

/// One call's use of an account. Dropping it gives the account back.
pub(super) struct Lease<L>(Seat<L>);

/// An account of a pool, to say there what became of a call. Keeps nobody else from using it.
pub(super) struct Seat<L> {
    pool: Arc<RoleAccounts<L>>,
    index: usize,
    account: Arc<Account<L>>,
}

enum Pick {
    Account(usize),
    /// The only usable accounts are being tried for the first time just now, or make all the calls that they may.
    Wait,
    /// The best one is not known to work, and the notes of other processes are to be looked at before.
    Look,
    None(EndpointError),
}

impl<L> RoleAccounts<L> {
    pub(super) fn new(accounts: Vec<Account<L>>, instance: &Instance) -> Arc<Self> {
        let each = accounts.iter().map(|_| State::new()).collect();
        Arc::new(Self {
            accounts: accounts.into_iter().map(Arc::new).collect(),
            states: Mutex::new(States {
                each,
                next: 0,
                recalled: None,
                recalling: false,
            }),
            changed: Notify::new(),
            instance: instance.clone(),
        })
    }

    /// The usable account with the fewest calls in flight that is not in `tried`, to which it is added. Waits while the
    /// only usable ones are being tried for the first time or make all the calls that they may. An error where all are
    /// out; it names their state.
    pub(super) async fn lease(
        self: &Arc<Self>,
        tried: &mut Tried,
    ) -> Result<Lease<L>, EndpointError>
    where
        L: Send + Sync + 'static,
    {
        loop {
            // Taken before the look, so that a change between the look and the wait is not missed.
            let changed = self.changed.notified();
            match self.pick(tried) {
                Pick::Account(index) => {
                    if let Some(account) = self.accounts.get(index) {
                        tried.0.push(index);
                        return Ok(Lease(Seat {
                            pool: Arc::clone(self),
                            index,
                            account: Arc::clone(account),
                        }));
                    }
                }
                Pick::Look => {
                    // A task of its own: others use what it brings when this caller gives up.
                    let pool = Arc::clone(self);
                    tokio::spawn(async move { pool.recall().await });
                    changed.await;
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

    pub(super) fn addresses(&self) -> impl Iterator<Item = &SmtpAddress> {
        self.accounts.iter().map(|account| &account.address)
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

    /// Learns what is noted of the accounts that are not known to work. Those that are need no look.
    pub(super) async fn recall(&self) {
        let Instance {
            clock, quarantine, ..
        } = &self.instance;
        quarantine.look(clock).await;
        let (now, moment) = (Instant::now(), clock.now());
        let mut states = self.lock();
        for (account, state) in self.accounts.iter().zip(&mut states.each) {
            let known = quarantine.recall(&account.mark);
            if let Some(known) = known.filter(|_| !state.accepted) {
                state.learn(&known, now, moment);
            }
        }
        states.recalled = Some(now);
        states.recalling = false;
        drop(states);
        self.changed.notify_waiters();
    }

    fn pick(&self, tried: &Tried) -> Pick {
        let now = Instant::now();
        let mut states = self.lock();
        let count = states.each.len();
        let is_fresh = states.recalled.is_some_and(|at| now < at + RECALL);
        let is_recalling = states.recalling;
        let mut best: Option<(usize, usize, bool)> = None;
        let mut wait = false;
        for offset in 0..count {
            let index = (states.next + offset) % count;
            let Some(state) = states.each.get_mut(index) else {
                continue;
            };
            if tried.0.contains(&index) || !state.is_open(now) {
                continue;
            }
            let most = self.accounts.get(index).map_or(1, |a| a.max_concurrency);
            let is_known = state.accepted || is_fresh;
            if state.in_flight >= state.may(most, now) || (!is_known && is_recalling) {
                wait = true;
            } else if best.is_none_or(|(_, least, _)| state.in_flight < least) {
                best = Some((index, state.in_flight, is_known));
            }
        }
        match best {
            Some((_, _, false)) => {
                states.recalling = true;
                Pick::Look
            }
            Some((index, _, true)) => {
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
        let mut forbidden = None;
        let mut refused = false;
        for (account, state) in self.accounts.iter().zip(&states.each) {
            let Some(closed) = &state.closed else {
                continue;
            };
            let left = closed.until.saturating_duration_since(now);
            match &closed.why {
                Why::Throttled => rest = Some(rest.map_or(left, |rest| rest.min(left))),
                Why::Forbidden(hint) => forbidden = Some(Arc::clone(hint)),
                Why::Refused(hint) => {
                    let separator = if refused { "; " } else { "" };
                    refused = true;
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
        match (rest, forbidden) {
            (Some(left), _) => EndpointError::Throttled {
                back_off: Some(left),
            },
            (None, Some(hint)) if !refused => EndpointError::Forbidden(hint),
            (None, _) => EndpointError::NoAccount(text.into()),
        }
    }

    /// A panic elsewhere leaves the states whole: each change is a plain assignment.
    fn lock(&self) -> MutexGuard<'_, States> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<R>(&self, index: usize, change: impl FnOnce(&mut State) -> R) -> Option<R> {
        let changed = self.lock().each.get_mut(index).map(change);
        self.changed.notify_waiters();
        changed
    }
}

impl<L> Lease<L> {
    /// For whoever hears of the call after the account was given back.
    pub(super) fn seat(&self) -> Seat<L> {
        let Seat {
            pool,
            index,
            account,
        } = &self.0;
        Seat {
            pool: Arc::clone(pool),
            index: *index,
            account: Arc::clone(account),
        }
    }
}

impl<L> Deref for Lease<L> {
    type Target = Seat<L>;

    fn deref(&self) -> &Seat<L> {
        &self.0
    }
}

impl<L> Seat<L> {
    pub(super) fn stakes(&self) -> Stakes {
        self.account.stakes
    }

    /// Whether the server has not taken the login yet.
    pub(super) fn is_trial(&self) -> bool {
        let states = self.pool.lock();
        !states.each.get(self.index).is_some_and(|s| s.accepted)
    }

    /// The caller gave up before the server said anything to this call, which goes on. Until the login is taken again, the
    /// account makes one call at a time. Says whether the call is worth listening to: not where enough others are.
    pub(super) fn given_up(&self, call: AbortHandle) -> bool {
        let give_up = |state: &mut State| state.given_up(call);
        self.pool.change(self.index, give_up).unwrap_or_default()
    }

    pub(super) fn address(&self) -> &SmtpAddress {
        &self.account.address
    }

    pub(super) fn login(&self) -> &L {
        &self.account.login
    }

    /// The server took the login and served the call.
    pub(super) async fn served(&self) {
        self.took(true).await;
    }

    /// The server took the login, whatever it then said.
    pub(super) async fn accepted(&self) {
        self.took(false).await;
    }

    async fn took(&self, served: bool) {
        let now = Instant::now();
        let is_news = self
            .pool
            .change(self.index, |state| state.accepted(served, now));
        if is_news == Some(true) {
            self.note().await;
        }
    }

    /// The server refused the login; says for how long the account is left alone from now.
    pub(super) async fn refused(&self, hint: &Arc<str>) -> Duration {
        let stakes = self.account.stakes;
        let refuse = |state: &mut State| state.refused(hint, stakes, Instant::now());
        let pause = self.pool.change(self.index, refuse).unwrap_or_default();
        self.note().await;
        pause
    }

    /// The server forbids the account what it was asked for; says for how long it is left alone from now.
    pub(super) fn forbidden(&self, hint: &Arc<str>) -> Duration {
        let forbid = |state: &mut State| state.forbidden(hint, Instant::now());
        self.pool.change(self.index, forbid).unwrap_or_default()
    }

    /// The server asked this account to wait, for `back_off` where it said how long; says for how long the account
    /// rests from now: not at all where it only makes fewer calls at once.
    pub(super) fn throttled(&self, back_off: Option<Duration>) -> Duration {
        let throttle = |state: &mut State| state.throttled(back_off, Instant::now());
        self.pool.change(self.index, throttle).unwrap_or_default()
    }

    /// Lets other processes know.
    async fn note(&self) {
        let instance = &self.pool.instance;
        let clock = instance.clock.now();
        let note = |state: &mut State| state.note(Instant::now(), clock);
        if let Some(known) = self.pool.change(self.index, note) {
            let mark = self.account.mark.clone();
            let clock = &instance.clock;
            instance.quarantine.note(mark, known, clock).await;
        }
    }
}

impl<L> Drop for Lease<L> {
    fn drop(&mut self) {
        self.0.pool.change(self.0.index, |state| {
            state.in_flight = state.in_flight.saturating_sub(1);
        });
    }
}

#[cfg(test)]
mod tests;

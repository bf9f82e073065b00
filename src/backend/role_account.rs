//! The role accounts of one endpoint: which of them makes the next call, and which are left alone for a while.
//!
//! A wrong password must never hammer an account into its lock-out: an account that was refused is left alone at the
//! first refusal, and one that has not been accepted yet makes one call at a time. What is known of a login is shared
//! through [`Quarantine`](crate::backend::quarantine::Quarantine) with other processes, and with later lives of this one.
//! Knows no protocol and makes no calls.

mod seat;
mod state;

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

pub(super) use self::seat::{Lease, Seat};
pub(super) use self::state::Stakes;
use self::state::{State, Why};
use super::instance::Instance;
use super::quarantine::{Mark, Trial};
use super::{AccountState, EndpointError};
use crate::domain::SmtpAddress;

/// How old what is known of other processes' notes may be, when an account is used that is not known to work.
const RECALL: Duration = Duration::from_secs(1);
/// How often those who wait for an account look again although nobody woke them: some bounds end with time alone.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

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

impl<L> Account<L> {
    /// Whether a call would show the server a password that it may refuse and count.
    fn needs_trial(&self, state: &State) -> bool {
        self.stakes == Stakes::LockOut && !state.accepted
    }
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

enum Pick {
    Account(usize, Picked),
    /// The only usable accounts are being tried for the first time just now, or make all the calls that they may.
    Wait,
    /// The best one is not known to work, and the notes of other processes are to be looked at before.
    Look,
    None(EndpointError),
}

/// One call's place at an account.
struct Picked {
    number: u64,
    /// See [`Lease::patience`].
    patience: Duration,
    /// Where the server has not taken the login yet: nobody else of this process tries it meanwhile.
    trial: Option<Trial>,
}

/// What one look at all accounts has found.
enum Best {
    Known(usize),
    Unknown,
    None { wait: bool },
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
            let tried_elsewhere = self.instance.quarantine.trial_ended();
            match self.pick(tried) {
                Pick::Account(index, picked) => {
                    if let Some(account) = self.accounts.get(index) {
                        tried.0.push(index);
                        let seat = Seat::new(self, index, account);
                        return Ok(Lease::new(seat, picked));
                    }
                }
                Pick::Look => {
                    // A task of its own: others use what it brings when this caller gives up.
                    let pool = Arc::clone(self);
                    tokio::spawn(async move { pool.recall().await });
                    changed.await;
                }
                Pick::Wait => tokio::select! {
                    () = changed => {}
                    () = tried_elsewhere => {}
                    () = sleep(LOOK_AGAIN) => {}
                },
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
        let now = Instant::now();
        let mut states = self.lock();
        for (account, state) in self.accounts.iter().zip(&mut states.each) {
            if !state.accepted {
                self.learn(account, state, now);
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
        loop {
            let index = match self.best(&mut states, tried, now) {
                Best::Known(index) => index,
                Best::Unknown => {
                    states.recalling = true;
                    return Pick::Look;
                }
                Best::None { wait: true } => return Pick::Wait,
                Best::None { wait: false } => return Pick::None(self.out(&states, now)),
            };
            let (Some(account), Some(state)) =
                (self.accounts.get(index), states.each.get_mut(index))
            else {
                return Pick::Wait;
            };
            let mut trial = None;
            if account.needs_trial(state) {
                trial = self.instance.quarantine.begin_trial(&account.mark);
                if trial.is_none() {
                    continue;
                }
                // What whoever tried it before has noted since the last look.
                self.learn(account, state, now);
                if !state.is_open(now) {
                    continue;
                }
            }
            let picked = Picked {
                patience: state.patience(now),
                number: state.begin(),
                trial,
            };
            states.next = (index + 1) % states.each.len();
            return Pick::Account(index, picked);
        }
    }

    /// The usable account with the fewest calls in flight.
    fn best(&self, states: &mut States, tried: &Tried, now: Instant) -> Best {
        let count = states.each.len();
        let is_fresh = states.recalled.is_some_and(|at| now < at + RECALL);
        let mut best: Option<(usize, usize, bool)> = None;
        let mut wait = false;
        for offset in 0..count {
            let index = (states.next + offset) % count;
            let (Some(account), Some(state)) =
                (self.accounts.get(index), states.each.get_mut(index))
            else {
                continue;
            };
            if tried.0.contains(&index) || !state.is_open(now) {
                continue;
            }
            let is_known = state.accepted || is_fresh;
            let is_tried_elsewhere = || {
                account.needs_trial(state) && self.instance.quarantine.is_on_trial(&account.mark)
            };
            if state.in_flight >= state.may(account.max_concurrency, now)
                || (!is_known && states.recalling)
                || is_tried_elsewhere()
            {
                wait = true;
            } else if best.is_none_or(|(_, least, _)| state.in_flight < least) {
                best = Some((index, state.in_flight, is_known));
            }
        }
        match best {
            Some((index, _, true)) => Best::Known(index),
            Some((_, _, false)) => Best::Unknown,
            None => Best::None { wait },
        }
    }

    /// Takes over what is known of a login in this process.
    fn learn(&self, account: &Account<L>, state: &mut State, now: Instant) {
        let Instance {
            clock, quarantine, ..
        } = &self.instance;
        if let Some(known) = quarantine.recall(&account.mark) {
            state.learn(&known, now, clock.now());
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

#[cfg(test)]
mod tests;

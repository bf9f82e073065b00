//! A call's use of a role account, and what the account is told of what became of the call.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::state::{Stakes, State};
use super::{Account, Picked, RoleAccounts};
use crate::backend::quarantine::Trial;
use crate::domain::SmtpAddress;

/// One call's use of an account. Dropping it gives the account back.
pub(in crate::backend) struct Lease<L> {
    seat: Seat<L>,
    /// Which of the account's calls it is.
    number: u64,
    patience: Duration,
    _trial: Option<Trial>,
}

/// An account of a pool, to say there what became of a call. Keeps nobody else from using it.
pub(in crate::backend) struct Seat<L> {
    pool: Arc<RoleAccounts<L>>,
    index: usize,
    account: Arc<Account<L>>,
}

impl<L> Lease<L> {
    pub(super) fn new(seat: Seat<L>, picked: Picked) -> Self {
        Self {
            seat,
            number: picked.number,
            patience: picked.patience,
            _trial: picked.trial,
        }
    }

    /// For whoever hears of the call after the account was given back.
    pub(in crate::backend) fn seat(&self) -> Seat<L> {
        Seat::new(&self.seat.pool, self.seat.index, &self.seat.account)
    }

    /// Tells this call from the others of its account.
    pub(in crate::backend) fn number(&self) -> u64 {
        self.number
    }

    /// How long it may go on without the server's answer, unless its caller waits longer.
    pub(in crate::backend) fn patience(&self) -> Duration {
        self.patience
    }

    /// The server has said nothing until the call was ended.
    pub(in crate::backend) fn unheard(&self) {
        let now = Instant::now();
        self.seat
            .pool
            .change(self.seat.index, |state| state.unheard(now));
    }
}

impl<L> Deref for Lease<L> {
    type Target = Seat<L>;

    fn deref(&self) -> &Seat<L> {
        &self.seat
    }
}

impl<L> Drop for Lease<L> {
    fn drop(&mut self) {
        let Self { seat, number, .. } = self;
        seat.pool.change(seat.index, |state| state.end(*number));
    }
}

impl<L> Seat<L> {
    pub(super) fn new(
        pool: &Arc<RoleAccounts<L>>,
        index: usize,
        account: &Arc<Account<L>>,
    ) -> Self {
        Self {
            pool: Arc::clone(pool),
            index,
            account: Arc::clone(account),
        }
    }

    pub(in crate::backend) fn stakes(&self) -> Stakes {
        self.account.stakes
    }

    /// Whether the server has not taken the login yet.
    pub(in crate::backend) fn is_trial(&self) -> bool {
        let states = self.pool.lock();
        !states.each.get(self.index).is_some_and(|s| s.accepted)
    }

    /// The caller of the call of this number gave up before the server said anything to it. It goes on, and counts as in
    /// flight until its lease ends; where the login has not worked within the hour, no other goes out meanwhile. Says
    /// whether the call is worth listening to: not where enough others are.
    pub(in crate::backend) fn given_up(&self, number: u64, call: AbortHandle) -> bool {
        let most = self.account.max_concurrency;
        let give_up = |state: &mut State| state.given_up((number, call), most, Instant::now());
        self.pool.change(self.index, give_up).unwrap_or_default()
    }

    pub(in crate::backend) fn address(&self) -> &SmtpAddress {
        &self.account.address
    }

    pub(in crate::backend) fn login(&self) -> &L {
        &self.account.login
    }

    /// The server took the login and served the call.
    pub(in crate::backend) async fn served(&self) {
        self.took(true).await;
    }

    /// The server took the login, whatever it then said.
    pub(in crate::backend) async fn accepted(&self) {
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
    pub(in crate::backend) async fn refused(&self, hint: &Arc<str>) -> Duration {
        let stakes = self.account.stakes;
        let refuse = |state: &mut State| state.refused(hint, stakes, Instant::now());
        let pause = self.pool.change(self.index, refuse).unwrap_or_default();
        self.note().await;
        pause
    }

    /// The server forbids the account what it was asked for; says for how long it is left alone from now.
    pub(in crate::backend) fn forbidden(&self, hint: &Arc<str>) -> Duration {
        let forbid = |state: &mut State| state.forbidden(hint, Instant::now());
        self.pool.change(self.index, forbid).unwrap_or_default()
    }

    /// The server asked this account to wait, for `back_off` where it said how long; says for how long the account
    /// rests from now: not at all where it only makes fewer calls at once.
    pub(in crate::backend) fn throttled(&self, back_off: Option<Duration>) -> Duration {
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

//! One role account as it stands: in use, resting, or left alone because it was refused, and for how long. Arithmetic on
//! clocks that are passed in; no calls, no files.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::backend::quarantine::Known;
use crate::backend::{AccountCondition, AccountState};
use crate::domain::SmtpAddress;

/// How long an account is left alone that was refused and has not worked within the last hour; doubled each time.
pub(super) const QUARANTINE: Duration = Duration::from_mins(30);
/// The same for one that has: an overloaded server refuses good passwords, too. Also where no password is at stake.
pub(super) const SHORT_QUARANTINE: Duration = Duration::from_mins(1);
const LONGEST_QUARANTINE: Duration = Duration::from_hours(8);
/// The same where no password is at stake: what was put right in the directory should work soon.
const LONGEST_WITHOUT_STAKES: Duration = Duration::from_mins(5);
/// For how long a success speaks for a login.
pub(super) const PROVEN_FOR: Duration = Duration::from_hours(1);
/// How long a throttled account rests when the server does not say; doubled each time.
pub(super) const REST: Duration = Duration::from_secs(5);
const LONGEST_REST: Duration = Duration::from_mins(1);
/// The most that a server may ask for: a misconfigured proxy must not silence an endpoint for a year.
pub(super) const LONGEST_ASKED_REST: Duration = Duration::from_hours(1);
/// How long an account is left alone that the server forbids what it was asked for; doubled each time.
pub(super) const SHUT_OUT: Duration = Duration::from_mins(5);
const LONGEST_SHUT_OUT: Duration = Duration::from_hours(1);
/// How often one call more is tried beside those that a server is known to bear.
const GROWTH: Duration = Duration::from_mins(1);
/// How often a server that lets as many calls hang as it may have is asked whether it is well again.
pub(super) const ASK_AGAIN: Duration = Duration::from_secs(1);
/// Calls of one account that are listened to after their callers have given up.
const MOST_LATE: usize = 8;
/// How long the answer to a password is listened for that is not known to work, since nobody else may send it meanwhile;
/// doubled each time that none came.
const TRIAL: Duration = Duration::from_secs(10);
/// The same at most, and for one that has just worked: it keeps nobody waiting.
pub(super) const LONGEST_TRIAL: Duration = Duration::from_mins(2);
/// How often a success is noted for other processes.
const NOTE_SUCCESS: Duration = Duration::from_mins(10);

/// What may come of one refusal too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::backend) enum Stakes {
    /// A directory that locks the account.
    LockOut,
    /// Nothing: the account is only named in calls that carry a token.
    None,
}

pub(super) struct State {
    pub(super) in_flight: usize,
    /// The server has accepted its login since the last refusal, and no caller has given up an hour or more after that.
    pub(super) accepted: bool,
    pub(super) closed: Option<Closed>,
    /// The number of the call that begins next.
    next_call: u64,
    /// Calls that nobody waits for and that are listened to, by their numbers: a refusal may come of them. They are in
    /// flight as any other.
    late: Vec<(u64, AbortHandle)>,
    /// When a caller last gave up.
    given_up: Option<Instant>,
    /// Calls at once that the server has shown to bear; None where it has not complained.
    bears: Option<Bears>,
    last_success: Option<Instant>,
    /// Calls in a row that ended without a word of the server to a login that is not known to work.
    unheard: u32,
    /// How long it was left alone after the last refusal.
    pause: Duration,
    shut_out: Duration,
    throttles: u32,
    /// When a success was last noted for other processes.
    noted: Option<Instant>,
    /// The end of the last quarantine that is known here, so that none is taken over twice.
    told: Option<Timestamp>,
}

#[derive(Clone, Copy)]
struct Bears {
    calls: usize,
    since: Instant,
}

pub(super) struct Closed {
    pub(super) until: Instant,
    pub(super) why: Why,
}

pub(super) enum Why {
    Refused(Arc<str>),
    Forbidden(Arc<str>),
    Throttled,
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            in_flight: 0,
            accepted: false,
            closed: None,
            next_call: 0,
            late: Vec::new(),
            given_up: None,
            bears: None,
            last_success: None,
            unheard: 0,
            pause: Duration::ZERO,
            shut_out: Duration::ZERO,
            throttles: 0,
            noted: None,
            told: None,
        }
    }

    pub(super) fn is_open(&mut self, now: Instant) -> bool {
        if self.closed.as_ref().is_some_and(|c| c.until <= now) {
            self.closed = None;
        }
        self.closed.is_none()
    }

    /// A call begins; its number.
    pub(super) fn begin(&mut self) -> u64 {
        self.in_flight += 1;
        self.next_call += 1;
        self.next_call
    }

    pub(super) fn end(&mut self, number: u64) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.late.retain(|(late, _)| *late != number);
    }

    /// How long the call that begins now may go on without the server's answer, unless its caller waits longer.
    pub(super) fn patience(&self, now: Instant) -> Duration {
        if self.accepted && self.is_proven(now) {
            LONGEST_TRIAL
        } else {
            doubled(TRIAL, self.unheard.saturating_add(1), LONGEST_TRIAL)
        }
    }

    /// A call ended because its patience did.
    pub(super) fn unheard(&mut self, now: Instant) {
        self.accepted &= self.is_proven(now);
        self.unheard = self.unheard.saturating_add(1);
    }

    /// How many calls it may have in flight, of the `most` that the configuration allows, late ones included: one where the
    /// login is not known to work. Where all of them are late, one more now and then: a server that let calls hang may
    /// be well again long before the last of them ends.
    pub(super) fn may(&self, most: usize, now: Instant) -> usize {
        if !self.accepted {
            return 1;
        }
        let bears = self.bears.map_or(usize::MAX, |bears| {
            let more = now.saturating_duration_since(bears.since).as_secs() / GROWTH.as_secs();
            bears.calls.saturating_add(more as usize)
        });
        let calls = most.min(bears);
        let asks_again = self.given_up.is_none_or(|at| at + ASK_AGAIN <= now);
        calls.max(self.late_calls() + usize::from(asks_again))
    }

    /// Those that have not ended. One that has may still be on the list.
    fn late_calls(&self) -> usize {
        let going_on = |(_, call): &&(u64, AbortHandle)| !call.is_finished();
        self.late.iter().filter(going_on).count()
    }

    pub(super) fn tell(&self, address: SmtpAddress, now: Instant) -> AccountState {
        let closed = self.closed.as_ref().filter(|closed| closed.until > now);
        AccountState {
            address,
            condition: match closed.map(|closed| &closed.why) {
                None => AccountCondition::Ready,
                Some(Why::Throttled) => AccountCondition::Resting,
                Some(Why::Forbidden(_)) => AccountCondition::Forbidden,
                Some(Why::Refused(_)) => AccountCondition::Quarantined,
            },
            left: closed.map(|closed| closed.until.saturating_duration_since(now)),
            in_flight: self.in_flight,
        }
    }

    /// The server took the login; `served` where it also did what it was asked. Says whether others should know.
    pub(super) fn accepted(&mut self, served: bool, now: Instant) -> bool {
        // A call from before the refusal: what was right then may be wrong since.
        if self.is_refused() {
            return false;
        }
        self.accepted = true;
        self.last_success = Some(now);
        self.unheard = 0;
        self.pause = Duration::ZERO;
        self.told = None;
        if served {
            self.throttles = 0;
            self.shut_out = Duration::ZERO;
        }
        let is_news = self
            .noted
            .is_none_or(|noted| now.saturating_duration_since(noted) >= NOTE_SUCCESS);
        if is_news {
            self.noted = Some(now);
        }
        is_news
    }

    /// A caller gave up on a call that goes on; says whether it is one of those that are listened to, no more than the
    /// `most` that the configuration allows. A login that has not worked within the hour is on trial again: its password is
    /// not sent a second time before the server has said something to the first.
    pub(super) fn given_up(&mut self, call: (u64, AbortHandle), most: usize, now: Instant) -> bool {
        self.accepted &= self.is_proven(now);
        self.given_up = Some(now);
        self.late.retain(|(_, late)| !late.is_finished());
        let is_heard = self.late.len() < most.clamp(1, MOST_LATE);
        if is_heard {
            self.late.push(call);
        }
        is_heard
    }

    /// The server refused the login; says for how long the account is left alone. Calls that were in flight together
    /// count as one refusal.
    pub(super) fn refused(&mut self, hint: &Arc<str>, stakes: Stakes, now: Instant) -> Duration {
        self.accepted = false;
        self.noted = None;
        self.unheard = 0;
        if !self.is_refused() {
            self.pause = self.next_pause(stakes, now);
        }
        self.close(now + self.pause, Why::Refused(Arc::clone(hint)));
        self.pause
    }

    /// The server forbids this account what it was asked for; says for how long it is left alone.
    pub(super) fn forbidden(&mut self, hint: &Arc<str>, now: Instant) -> Duration {
        if self.closed.is_none() {
            self.shut_out = (self.shut_out * 2).clamp(SHUT_OUT, LONGEST_SHUT_OUT);
        }
        let pause = self.shut_out.max(SHUT_OUT);
        if !self.is_refused() {
            self.close(now + pause, Why::Forbidden(Arc::clone(hint)));
        }
        pause
    }

    /// The server asked this account to wait, for `back_off` where it said how long; says for how long the account rests
    /// from now. Where it does not say, and other calls of the account are in flight, fewer calls at once are the cure
    /// and it need not rest at all. A quarantine is not shortened.
    pub(super) fn throttled(&mut self, back_off: Option<Duration>, now: Instant) -> Duration {
        if let Some(closed) = self.closed.as_ref().filter(|_| self.is_refused()) {
            return closed.until.saturating_duration_since(now);
        }
        // None at all would be an invitation to ask again at once, and again.
        let back_off = back_off.filter(|asked| !asked.is_zero());
        let others = self.in_flight.saturating_sub(1);
        if others > 0 {
            let calls = self.bears.map_or(others, |bears| bears.calls.min(others));
            self.bears = Some(Bears { calls, since: now });
        }
        let rest = match back_off {
            Some(asked) => asked.min(LONGEST_ASKED_REST),
            None if others > 0 => return Duration::ZERO,
            None => {
                self.throttles = self.throttles.saturating_add(1);
                doubled(REST, self.throttles, LONGEST_REST)
            }
        };
        let until = self
            .closed
            .as_ref()
            .map_or(now + rest, |c| c.until.max(now + rest));
        self.close(until, Why::Throttled);
        until.saturating_duration_since(now)
    }

    /// Takes over what another process, or an earlier life of this one, has noted of the login.
    pub(super) fn learn(&mut self, known: &Known, now: Instant, clock: Timestamp) {
        let success = known.last_success.map(|at| clock.duration_since(at));
        // One of the future says nothing: the clock was put back.
        if let Some(Ok(age)) = success.map(Duration::try_from) {
            self.last_success = self.last_success.max(now.checked_sub(age));
        }
        let Some(until) = known.refused_until else {
            return;
        };
        if self.told == Some(until) {
            return;
        }
        let left: Duration = until.duration_since(clock).try_into().unwrap_or_default();
        // The clock may have been set back meanwhile.
        let left = left.min(LONGEST_QUARANTINE);
        // It has been refused here meanwhile, and for longer.
        if self.is_refused() && self.closed.as_ref().is_some_and(|c| c.until >= now + left) {
            return;
        }
        self.told = Some(until);
        self.pause = Duration::from_secs(known.pause_seconds).min(LONGEST_QUARANTINE);
        if !left.is_zero() {
            self.accepted = false;
            self.close(now + left, Why::Refused(known.why.as_str().into()));
        }
    }

    /// What others should know of the login.
    pub(super) fn note(&mut self, now: Instant, clock: Timestamp) -> Known {
        let ago = |at: Instant| now.saturating_duration_since(at);
        let refused = self.closed.as_ref().and_then(|closed| match &closed.why {
            Why::Refused(why) => Some((closed.until.saturating_duration_since(now), why)),
            Why::Forbidden(_) | Why::Throttled => None,
        });
        let refused_until = refused.and_then(|(left, _)| clock.checked_add(left).ok());
        self.told = refused_until;
        Known {
            refused_until,
            pause_seconds: self.pause.as_secs(),
            why: refused.map_or_else(String::new, |(_, why)| why.to_string()),
            last_success: self
                .last_success
                .and_then(|at| clock.checked_sub(ago(at)).ok()),
            noted: clock,
        }
    }

    fn is_proven(&self, now: Instant) -> bool {
        self.last_success
            .is_some_and(|at| now.saturating_duration_since(at) < PROVEN_FOR)
    }

    fn next_pause(&self, stakes: Stakes, now: Instant) -> Duration {
        let is_proven = self.is_proven(now);
        let (least, longest) = match stakes {
            Stakes::None => (SHORT_QUARANTINE, LONGEST_WITHOUT_STAKES),
            Stakes::LockOut if is_proven => (SHORT_QUARANTINE, LONGEST_QUARANTINE),
            Stakes::LockOut => (QUARANTINE, LONGEST_QUARANTINE),
        };
        self.pause.saturating_mul(2).clamp(least, longest)
    }

    fn close(&mut self, until: Instant, why: Why) {
        self.closed = Some(Closed { until, why });
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

/// `base` the first time, twice as long each further time, never more than `longest`.
fn doubled(base: Duration, times: u32, longest: Duration) -> Duration {
    let factor = 1_u32 << times.saturating_sub(1).min(16);
    base.saturating_mul(factor).min(longest)
}

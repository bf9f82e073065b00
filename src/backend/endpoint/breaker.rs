//! The circuit breaker of an endpoint: after some failures in a row it is not asked for a while, then one call tries
//! whether it is well again. Decides who may call; makes no calls itself.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::backend::EndpointError;
use crate::metrics::BreakerState;

/// Failures in a row after which the breaker opens.
pub(super) const FAILURES: u32 = 5;
/// The longest that an endpoint is left alone.
const LONGEST_INTERVAL: Duration = Duration::from_mins(1);
/// A call that was given less than this says nothing about the endpoint when its time is up.
const PATIENCE: Duration = Duration::from_secs(1);

pub(super) struct Breaker {
    interval: Duration,
    inner: Mutex<Inner>,
}

struct Inner {
    mode: Mode,
    /// Failures in a row.
    failures: u32,
    /// How long the endpoint is left alone when the breaker opens next.
    interval: Duration,
    last: Arc<str>,
}

enum Mode {
    Closed,
    Open {
        until: Instant,
    },
    /// One call is under way that decides.
    HalfOpen,
}

/// What a call asks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    Endpoint,
    /// One room, list or name among many: that it cannot be read says nothing about the others.
    One,
}

/// What a call says about the endpoint as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It answers, if only that it will not answer this.
    Well,
    /// It does not answer, or not in a way that can be read.
    Ill,
    /// Nothing: it was not really asked, asks for patience, or had no time.
    Silent,
}

impl Verdict {
    /// Of a call that took `elapsed` where `timeout` is the longest that a call may take.
    pub(super) fn of<T>(
        result: &Result<T, EndpointError>,
        elapsed: Duration,
        timeout: Duration,
    ) -> Self {
        match result {
            Ok(_) | Err(EndpointError::Fault { .. } | EndpointError::Forbidden(_)) => Self::Well,
            Err(EndpointError::Status(status)) if *status < 500 => Self::Well,
            Err(EndpointError::Timeout(_)) if elapsed < PATIENCE.min(timeout) => Self::Silent,
            Err(
                EndpointError::Throttled { .. }
                | EndpointError::NotAsked(_)
                | EndpointError::BreakerOpen(_),
            ) => Self::Silent,
            Err(
                EndpointError::Timeout(_)
                | EndpointError::Connect(_)
                | EndpointError::Tls(_)
                | EndpointError::Unauthorized { .. }
                | EndpointError::NoAccount(_)
                | EndpointError::Token { .. }
                | EndpointError::Status(_)
                | EndpointError::Redirect { .. }
                | EndpointError::BadAnswer(_)
                | EndpointError::Source(_),
            ) => Self::Ill,
        }
    }
}

impl Subject {
    /// What a call about this says of the endpoint as a whole.
    pub(super) fn verdict<T>(
        self,
        result: &Result<T, EndpointError>,
        elapsed: Duration,
        timeout: Duration,
    ) -> Verdict {
        match (self, result) {
            // Not well either: a source that is ill may tell nonsense of everything. And a directory may be slow where
            // calendars are not, or so slow that a gateway in between answers in its place.
            (
                Self::One,
                Err(
                    EndpointError::BadAnswer(_)
                    | EndpointError::Timeout(_)
                    | EndpointError::Status(500..),
                ),
            ) => Verdict::Silent,
            (Self::One | Self::Endpoint, result) => Verdict::of(result, elapsed, timeout),
        }
    }
}

/// Leave to make one call. One that decides and is dropped without a verdict leaves the decision to the next call.
pub(super) struct Pass<'a> {
    breaker: &'a Breaker,
    decides: bool,
}

impl Breaker {
    /// `interval`: how long the endpoint is left alone at first; doubled while it stays ill, up to a minute.
    pub(super) fn new(interval: Duration) -> Self {
        let interval = interval.min(LONGEST_INTERVAL);
        Self {
            interval,
            inner: Mutex::new(Inner {
                mode: Mode::Closed,
                failures: 0,
                interval,
                last: Arc::from(""),
            }),
        }
    }

    /// Whether a call would be refused now.
    pub(super) fn check(&self) -> Result<(), EndpointError> {
        let inner = self.lock();
        match inner.mode {
            Mode::Closed => Ok(()),
            Mode::Open { until } if until <= Instant::now() => Ok(()),
            Mode::Open { .. } | Mode::HalfOpen => Err(inner.refusal()),
        }
    }

    /// Leave to call now.
    pub(super) fn admit(&self) -> Result<Pass<'_>, EndpointError> {
        let mut inner = self.lock();
        let decides = match inner.mode {
            Mode::Closed => false,
            Mode::Open { until } if until <= Instant::now() => {
                inner.mode = Mode::HalfOpen;
                true
            }
            Mode::Open { .. } | Mode::HalfOpen => return Err(inner.refusal()),
        };
        Ok(Pass {
            breaker: self,
            decides,
        })
    }

    /// When the time to be left alone is over, the next call tries: then it counts as half open, whether there is such a
    /// call or not. A gateway that is asked nothing because it is not ready would never get ready otherwise.
    pub(super) fn state(&self) -> BreakerState {
        match self.lock().mode {
            Mode::Closed => BreakerState::Closed,
            Mode::Open { until } if until > Instant::now() => BreakerState::Open,
            Mode::Open { .. } | Mode::HalfOpen => BreakerState::HalfOpen,
        }
    }

    pub(super) fn failures(&self) -> u32 {
        self.lock().failures
    }

    /// A verdict on a call that needed no leave.
    pub(super) fn note(&self, verdict: Verdict, text: &str) {
        self.learn(false, verdict, text);
    }

    fn learn(&self, decided: bool, verdict: Verdict, text: &str) {
        let mut inner = self.lock();
        match verdict {
            Verdict::Well => {
                inner.failures = 0;
                inner.interval = self.interval;
                inner.mode = Mode::Closed;
            }
            Verdict::Ill => {
                inner.failures = inner.failures.saturating_add(1);
                inner.last = text.into();
                let full = matches!(inner.mode, Mode::Closed) && inner.failures >= FAILURES;
                if decided || full {
                    let until = Instant::now() + inner.interval;
                    inner.interval = inner.interval.saturating_mul(2).min(LONGEST_INTERVAL);
                    inner.mode = Mode::Open { until };
                }
            }
            // Another call may have closed it meanwhile.
            Verdict::Silent if decided && matches!(inner.mode, Mode::HalfOpen) => {
                inner.mode = Mode::Open {
                    until: Instant::now(),
                };
            }
            Verdict::Silent => {}
        }
    }

    /// A panic elsewhere leaves the state whole: each change is a plain assignment.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn refusal(&self) -> EndpointError {
        EndpointError::BreakerOpen(Arc::clone(&self.last))
    }
}

impl Pass<'_> {
    /// Whether this call alone decides if the breaker closes.
    pub(super) fn decides(&self) -> bool {
        self.decides
    }

    /// What came of the call; `text` is its error, if any.
    pub(super) fn report(mut self, verdict: Verdict, text: &str) {
        let decided = std::mem::take(&mut self.decides);
        self.breaker.learn(decided, verdict, text);
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.decides {
            self.breaker.learn(true, Verdict::Silent, "");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn open() -> Breaker {
        let breaker = Breaker::new(secs(5));
        for _ in 0..FAILURES {
            breaker.admit().unwrap().report(Verdict::Ill, "no way");
        }
        breaker
    }

    #[tokio::test(start_paused = true)]
    async fn it_opens_after_failures_in_a_row_only() {
        let breaker = Breaker::new(secs(5));
        for _ in 0..3 {
            for _ in 1..FAILURES {
                breaker.admit().unwrap().report(Verdict::Ill, "no");
            }
            breaker.admit().unwrap().report(Verdict::Silent, "wait");
            assert_eq!(breaker.state(), BreakerState::Closed);
            breaker.admit().unwrap().report(Verdict::Well, "");
        }
        let breaker = open();
        assert_eq!(breaker.state(), BreakerState::Open);
        assert_eq!(breaker.failures(), FAILURES);
        let refused = breaker.admit().err().unwrap();
        assert!(refused.to_string().contains("no way"), "{refused}");
    }

    #[tokio::test(start_paused = true)]
    async fn one_call_decides_and_the_pause_doubles_up_to_a_minute() {
        let breaker = open();
        for seconds in [5, 10, 20, 40, 60, 60] {
            advance(Duration::from_millis(seconds * 1_000 - 1)).await;
            assert!(breaker.check().is_err(), "{seconds}");
            assert_eq!(breaker.state(), BreakerState::Open);
            advance(Duration::from_millis(1)).await;
            assert!(breaker.check().is_ok(), "{seconds}");
            assert_eq!(breaker.state(), BreakerState::HalfOpen);
            let pass = breaker.admit().unwrap();
            assert!(pass.decides());
            assert_eq!(breaker.state(), BreakerState::HalfOpen);
            assert!(breaker.admit().is_err() && breaker.check().is_err());
            pass.report(Verdict::Ill, "still");
        }
        advance(secs(60)).await;
        breaker.admit().unwrap().report(Verdict::Well, "");
        assert_eq!(breaker.state(), BreakerState::Closed);
        assert_eq!(breaker.failures(), 0);
        for _ in 0..FAILURES {
            breaker.admit().unwrap().report(Verdict::Ill, "again");
        }
        advance(secs(5)).await;
        assert!(breaker.admit().is_ok(), "the pause is short again");
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_is_given_up_leaves_the_decision_to_the_next() {
        let breaker = open();
        advance(secs(5)).await;
        drop(breaker.admit().unwrap());
        breaker.admit().unwrap().report(Verdict::Silent, "wait");
        let pass = breaker.admit().unwrap();
        assert!(pass.decides());
        pass.report(Verdict::Well, "");
        assert!(breaker.check().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn calls_from_before_it_opened_do_not_prolong_it() {
        let breaker = Breaker::new(secs(5));
        let early: Vec<_> = (0..20).map(|_| breaker.admit().unwrap()).collect();
        for pass in early {
            pass.report(Verdict::Ill, "no");
            advance(Duration::from_millis(100)).await;
        }
        // It opened with the fifth, 1.6 s ago.
        advance(Duration::from_millis(3_400)).await;
        assert!(breaker.admit().unwrap().decides());
    }

    #[track_caller]
    fn check(error: EndpointError, expect: Verdict) {
        let text = error.to_string();
        let got = Verdict::of::<()>(&Err(error), secs(3), secs(20));
        assert_eq!(got, expect, "{text}");
    }

    #[test]
    fn what_each_failure_says_of_the_endpoint() {
        use EndpointError as E;
        check(E::Timeout(secs(3)), Verdict::Ill);
        check(E::Connect("".into()), Verdict::Ill);
        check(E::Tls("".into()), Verdict::Ill);
        check(E::Status(502), Verdict::Ill);
        check(E::Status(404), Verdict::Well);
        check(E::BadAnswer("".into()), Verdict::Ill);
        check(E::NoAccount("".into()), Verdict::Ill);
        check(E::Forbidden("".into()), Verdict::Well);
        check(E::Throttled { back_off: None }, Verdict::Silent);
        check(E::BreakerOpen("".into()), Verdict::Silent);
        for never_sent in [E::NoAccount("".into()), E::Timeout(secs(3))] {
            check(E::NotAsked(Arc::new(never_sent)), Verdict::Silent);
        }
        for error in [
            E::BadAnswer("".into()),
            E::Timeout(secs(3)),
            E::Status(500),
            E::Status(504),
        ] {
            let odd = Err::<(), _>(error);
            let of = |subject: Subject| subject.verdict(&odd, secs(3), secs(20));
            assert_eq!(of(Subject::Endpoint), Verdict::Ill);
            assert_eq!(of(Subject::One), Verdict::Silent);
        }
        let hurried = Err::<(), _>(E::Timeout(secs(0)));
        let tenth = Duration::from_millis(100);
        assert_eq!(Verdict::of(&hurried, tenth, secs(20)), Verdict::Silent);
        assert_eq!(Verdict::of(&hurried, tenth, tenth), Verdict::Ill);
    }
}

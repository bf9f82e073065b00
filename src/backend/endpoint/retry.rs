//! When a call is made again, and after which pause. Arithmetic only.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use crate::backend::EndpointError;

/// A call is made at most so often again.
const MOST: usize = 2;
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Who makes a call: what is asked decides whether some failures are worth a second try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// All of a call.
    Whole,
    /// A piece of a call that failed, asked alone to find the mailbox that spoils it.
    Suspect,
}

/// The pauses between the tries of one call, each of random length so that many callers do not come back together.
pub(super) struct Pauses(ExponentialBackoff);

impl Pauses {
    pub(super) fn new() -> Self {
        Self(
            ExponentialBuilder::default()
                .with_min_delay(FIRST_PAUSE)
                .with_factor(3.0)
                .with_max_times(MOST)
                .with_jitter()
                .build(),
        )
    }

    /// How long to wait before the call is made again with `left` until the deadline; None where it is not worth it,
    /// not safe, or too late.
    pub(super) fn after(
        &mut self,
        error: &EndpointError,
        part: Part,
        left: Duration,
    ) -> Option<Duration> {
        let asked = match error {
            // Where nothing is said, nobody knows when it is worth a try.
            EndpointError::Throttled { back_off } => (*back_off)?,
            EndpointError::NotAsked(why) => {
                let EndpointError::Throttled { back_off } = &**why else {
                    return None;
                };
                (*back_off)?
            }
            EndpointError::Fault {
                transient: true, ..
            } if part == Part::Whole => Duration::ZERO,
            EndpointError::Timeout(_)
            | EndpointError::Connect(_)
            | EndpointError::Redirect { .. }
            | EndpointError::Status(500..) => Duration::ZERO,
            // A second try would lock the account, repeat a refusal, or read the same bytes.
            EndpointError::Fault { .. }
            | EndpointError::Tls(_)
            | EndpointError::Unauthorized { .. }
            | EndpointError::NoAccount(_)
            | EndpointError::Forbidden(_)
            // It has been asked for again already.
            | EndpointError::Token { .. }
            | EndpointError::Status(_)
            | EndpointError::BadAnswer(_)
            | EndpointError::Source(_)
            | EndpointError::BreakerOpen(_) => return None,
        };
        let pause = asked.checked_add(self.0.next()?)?;
        (pause < left).then_some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEFT: Duration = Duration::from_secs(10);

    fn first(error: &EndpointError, part: Part) -> Option<Duration> {
        Pauses::new().after(error, part, LEFT)
    }

    fn fault(transient: bool) -> EndpointError {
        EndpointError::Fault {
            code: "ErrorInternalServerError".into(),
            text: "".into(),
            transient,
        }
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        for error in [
            EndpointError::Connect("reset".into()),
            EndpointError::Status(502),
            EndpointError::Redirect {
                status: 302,
                host: "".into(),
            },
            fault(true),
        ] {
            assert!(first(&error, Part::Whole).is_some(), "{error}");
        }
        for error in [
            EndpointError::Status(404),
            EndpointError::Tls("".into()),
            EndpointError::Forbidden("".into()),
            EndpointError::NoAccount("".into()),
            EndpointError::BadAnswer("".into()),
            EndpointError::BreakerOpen("".into()),
            EndpointError::NotAsked(EndpointError::NoAccount("".into()).into()),
            fault(false),
        ] {
            assert_eq!(first(&error, Part::Whole), None, "{error}");
        }
        assert_eq!(first(&fault(true), Part::Suspect), None);
    }

    #[test]
    fn a_call_is_tried_again_twice_after_random_pauses() {
        let error = EndpointError::Status(500);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..50 {
            let mut pauses = Pauses::new();
            let mut next = || pauses.after(&error, Part::Whole, LEFT);
            let (one, two) = (next().unwrap(), next().unwrap());
            assert!(one >= FIRST_PAUSE && one <= FIRST_PAUSE * 2, "{one:?}");
            assert!(two >= FIRST_PAUSE * 3 && two <= FIRST_PAUSE * 6, "{two:?}");
            assert_eq!(next(), None);
            seen.insert(one);
        }
        assert!(seen.len() > 10, "not the same for everybody");
    }

    #[test]
    fn a_back_off_is_honoured_where_it_fits() {
        let throttled = |seconds| EndpointError::Throttled {
            back_off: Some(Duration::from_secs(seconds)),
        };
        let pause = first(&throttled(5), Part::Whole).unwrap();
        assert!(pause > Duration::from_secs(5) && pause < Duration::from_secs(6));
        assert_eq!(first(&throttled(10), Part::Whole), None);
        assert_eq!(first(&throttled(u64::MAX), Part::Whole), None);
        let resting = EndpointError::NotAsked(throttled(5).into());
        assert!(first(&resting, Part::Whole) > Some(Duration::from_secs(5)));
        let silent = EndpointError::Throttled { back_off: None };
        assert_eq!(first(&silent, Part::Whole), None);
    }
}

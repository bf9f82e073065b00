//! Answers with their dates: when each was known, and how much longer it counts as fresh. For protocols whose answers
//! are kept by others, such as HTTP caches.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::Availability;
use super::rounds::Verdict;
use crate::domain::{AvailabilityQuery, Outcome};

/// What is known of one mailbox, and since when.
#[derive(Debug, Clone, PartialEq)]
pub struct Dated {
    pub outcome: Outcome,
    /// When the source was asked; for an error, now.
    pub as_of: Timestamp,
    /// From now on; nothing for an error, or for an answer that is stale.
    pub fresh_for: Duration,
}

impl Availability {
    /// One answer for each attendee, in the order asked, as [`Availability::answer`] gives it.
    pub async fn answer_dated(&self, query: &AvailabilityQuery, deadline: Instant) -> Vec<Dated> {
        // What is asked for after this is younger than this.
        let begun = self.now();
        let verdicts = self.judge(query, deadline).await;
        let (now, detail) = (self.now(), self.detail(query));
        verdicts
            .into_iter()
            .map(|verdict| {
                let as_of = as_of(&verdict, begun, now);
                let lifetime = self.fresh_for(&verdict);
                Dated {
                    outcome: self.shown(&query.caller, detail, verdict),
                    as_of,
                    fresh_for: remaining(lifetime, as_of, now),
                }
            })
            .collect()
    }

    /// The time by which answers are dated.
    pub fn now(&self) -> Timestamp {
        self.cache.now()
    }

    /// Nothing for an error: the next question is to be asked.
    fn fresh_for(&self, verdict: &Verdict) -> Duration {
        match verdict {
            Verdict::Told { told, by, .. } if told.outcome.is_ok() => self
                .desks
                .get(*by)
                .map_or(Duration::ZERO, |desk| desk.lifetimes().fresh_for),
            Verdict::Told { .. } | Verdict::Refused(_) => Duration::ZERO,
        }
    }
}

/// What does not say when it was asked is as old as the question.
fn as_of(verdict: &Verdict, begun: Timestamp, now: Timestamp) -> Timestamp {
    match verdict {
        Verdict::Refused(_) => now,
        Verdict::Told { told, .. } => match &told.outcome {
            Ok(known) => known.as_of().unwrap_or(begun),
            Err(_) => now,
        },
    }
}

/// Of a lifetime, what is left; nothing where the clock was put back.
fn remaining(lifetime: Duration, as_of: Timestamp, now: Timestamp) -> Duration {
    let age = Duration::try_from(now.duration_since(as_of)).unwrap_or(Duration::MAX);
    lifetime.saturating_sub(age)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Detail, FreeBusy, MailboxError};
    use crate::metrics::CacheResult;
    use crate::service::desk::Told;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn told(outcome: Outcome) -> Verdict {
        Verdict::Told {
            told: Told {
                outcome,
                from: CacheResult::Hit,
                trip: None,
            },
            by: 0,
            most: Detail::Subjects,
        }
    }

    /// `asked` is when the source was asked, None for just now; the lifetime is a minute, the question began at 1000.
    #[track_caller]
    fn check(asked: Option<i64>, now: i64, expect: i64, fresh_for: u64) {
        let known = FreeBusy::new(Vec::new(), Detail::BusyOnly, None);
        let known = match asked {
            Some(asked) => known.asked_at(at(asked)),
            None => known,
        };
        let got = as_of(&told(Ok(known)), at(1000), at(now));
        assert_eq!(got, at(expect));
        let left = remaining(Duration::from_mins(1), got, at(now));
        assert_eq!(left, Duration::from_secs(fresh_for));
    }

    #[test]
    fn an_answer_is_as_old_as_its_source() {
        check(None, 1002, 1000, 58);
        check(Some(990), 1000, 990, 50);
        check(Some(940), 1000, 940, 0);
        check(Some(10), 1000, 10, 0);
        // The clock was put back.
        check(Some(1100), 1000, 1100, 0);
    }

    #[test]
    fn an_error_is_of_now() {
        let refused = Verdict::Refused(MailboxError::NoAccess);
        for verdict in [refused, told(Err(MailboxError::Timeout))] {
            assert_eq!(as_of(&verdict, at(1000), at(1001)), at(1001));
        }
    }
}

//! Requests of callers: how many ended how, and how long those took that a face answered.
//!
//! A series for each outcome of each operation would be most of all series, and most of them would stay at zero for
//! ever: whoever is turned away has not said yet what for. So operations are counted as answered or refused by their
//! face, everything else under the face alone, and times are kept for each face.

use std::time::Duration;

use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec};

use super::family::Families;
use super::labels::{
    ANSWER_OUTCOMES, NONE, OPERATIONS, OTHER, REQUEST_OUTCOMES, TIMED_OUTCOMES, Words,
};

/// Seconds. From an answer out of the cache to the longest deadline.
const SECONDS: &[f64] = &[
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0, 25.0,
];

pub(super) struct Requests {
    faces: Vec<OfFace>,
    other: OfFace,
}

struct OfFace {
    name: &'static str,
    operations: Vec<(&'static str, Vec<(&'static str, IntCounter)>)>,
    /// Of no operation.
    outcomes: Words<IntCounter>,
    seconds: Histogram,
}

impl Requests {
    pub(super) fn new(families: &Families<'_>) -> Self {
        let total = families.counters(
            "requests_total",
            "Requests answered or refused.",
            &["face", "operation", "outcome"],
        );
        let seconds = families.histograms(
            "request_duration_seconds",
            "Time from a request's head to its answer, before compression, where a face answered or was too late.",
            &["face"],
            SECONDS,
        );
        let mut names: Vec<&'static str> = OPERATIONS.iter().map(|(face, _)| *face).collect();
        names.dedup();
        Self {
            faces: names
                .into_iter()
                .map(|name| OfFace::new(&total, &seconds, name, NONE))
                .collect(),
            other: OfFace::new(&total, &seconds, OTHER, OTHER),
        }
    }

    pub(super) fn count(&self, face: &str, operation: &str, outcome: &str, elapsed: Duration) {
        let known = self.faces.iter().find(|known| known.name == face);
        let (counted, counter) = known
            .and_then(|known| Some((known, known.counter(operation, outcome)?)))
            .unwrap_or_else(|| (&self.other, self.other.outcomes.get(outcome)));
        counter.inc();
        if TIMED_OUTCOMES.contains(&outcome) {
            counted.seconds.observe(elapsed.as_secs_f64());
        }
    }
}

impl OfFace {
    /// `unnamed` stands for the operation where there is none.
    fn new(
        total: &IntCounterVec,
        seconds: &HistogramVec,
        name: &'static str,
        unnamed: &'static str,
    ) -> Self {
        let counter = |operation, outcome| total.with_label_values(&[name, operation, outcome]);
        let named = OPERATIONS
            .iter()
            .filter(|(face, operation)| *face == name && *operation != NONE);
        let operations = named.map(|(_, operation)| {
            let outcomes = ANSWER_OUTCOMES.iter();
            let outcomes = outcomes.map(|outcome| (*outcome, counter(operation, outcome)));
            (*operation, outcomes.collect())
        });
        Self {
            name,
            operations: operations.collect(),
            outcomes: Words::new(REQUEST_OUTCOMES, |outcome| counter(unnamed, outcome)),
            seconds: seconds.with_label_values(&[name]),
        }
    }

    /// None for an operation that the face does not have.
    fn counter(&self, operation: &str, outcome: &str) -> Option<&IntCounter> {
        if operation == NONE {
            return Some(self.outcomes.get(outcome));
        }
        let (_, outcomes) = self.operations.iter().find(|known| known.0 == operation)?;
        let counter = outcomes.iter().find(|known| known.0 == outcome);
        Some(counter.map_or_else(|| self.outcomes.get(outcome), |known| &known.1))
    }
}

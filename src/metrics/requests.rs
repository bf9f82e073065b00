//! Requests of callers: how many ended how, and how long they took.

use std::time::Duration;

use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec};

use super::family::Families;
use super::labels::{OPERATIONS, OTHER, REQUEST_OUTCOMES, Words};

/// Seconds. From an answer out of the cache to the longest deadline.
const SECONDS: &[f64] = &[
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0, 25.0,
];

pub(super) struct Requests {
    known: Vec<(&'static str, &'static str, OfOperation)>,
    other: OfOperation,
}

struct OfOperation {
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
            "Time from a request's head to its answer, before compression.",
            &["face", "operation"],
            SECONDS,
        );
        let known = OPERATIONS.iter().map(|(face, operation)| {
            let counted = OfOperation::new(&total, &seconds, face, operation);
            (*face, *operation, counted)
        });
        Self {
            known: known.collect(),
            other: OfOperation::new(&total, &seconds, OTHER, OTHER),
        }
    }

    pub(super) fn count(&self, face: &str, operation: &str, outcome: &str, elapsed: Duration) {
        let counted = self
            .known
            .iter()
            .find(|known| known.1 == operation && known.0 == face)
            .map_or(&self.other, |known| &known.2);
        counted.outcomes.get(outcome).inc();
        counted.seconds.observe(elapsed.as_secs_f64());
    }
}

impl OfOperation {
    fn new(total: &IntCounterVec, seconds: &HistogramVec, face: &str, operation: &str) -> Self {
        Self {
            outcomes: Words::new(REQUEST_OUTCOMES, |outcome| {
                total.with_label_values(&[face, operation, outcome])
            }),
            seconds: seconds.with_label_values(&[face, operation]),
        }
    }
}

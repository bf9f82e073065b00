//! Makes families and registers them under the prefix `calbridge_`. Knows none by name.

use prometheus::core::Collector;
use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

const PREFIX: &str = "calbridge";

/// An empty registry whose families carry the prefix.
pub(super) fn registry() -> Registry {
    Registry::new_custom(Some(PREFIX.to_owned()), None).unwrap_or_default()
}

/// Makes families in one registry.
pub(super) struct Families<'a> {
    registry: &'a Registry,
}

impl<'a> Families<'a> {
    pub(super) fn new(registry: &'a Registry) -> Self {
        Self { registry }
    }

    pub(super) fn counter(&self, name: &str, help: &str) -> IntCounter {
        self.registered(IntCounter::new(name, help))
    }

    pub(super) fn counters(&self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        self.registered(IntCounterVec::new(Opts::new(name, help), labels))
    }

    pub(super) fn gauge(&self, name: &str, help: &str) -> IntGauge {
        self.registered(IntGauge::new(name, help))
    }

    pub(super) fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        self.registered(IntGaugeVec::new(Opts::new(name, help), labels))
    }

    /// `buckets`: upper bounds, rising.
    pub(super) fn histograms(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
        buckets: &[f64],
    ) -> HistogramVec {
        let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        self.registered(HistogramVec::new(options, labels))
    }

    /// Names, labels and buckets are constants of this module's siblings: a mistake in them fails in every test.
    fn registered<C: Collector + Clone + 'static>(&self, made: prometheus::Result<C>) -> C {
        let family = made.expect("names, labels and buckets are valid");
        self.registry
            .register(Box::new(family.clone()))
            .expect("no family is made twice");
        family
    }
}

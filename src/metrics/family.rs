//! Makes families and registers them under the prefix `calbridge_`. Knows none by name.

use std::cell::RefCell;
use std::collections::HashMap;

use prometheus::core::{Collector, MetricVec, MetricVecBuilder};
use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

const PREFIX: &str = "calbridge";

/// An empty registry whose families carry the prefix.
pub(super) fn registry() -> Registry {
    Registry::new_custom(Some(PREFIX.to_owned()), None).unwrap_or_default()
}

/// The label whose words come and go with the configuration.
const ENDPOINT: &str = "endpoint";

/// Takes the series of an endpoint out of one family.
pub(super) type Forget = Box<dyn Fn(&str) + Send + Sync>;

/// Makes families in one registry.
pub(super) struct Families<'a> {
    registry: &'a Registry,
    with_endpoints: RefCell<Vec<Forget>>,
}

impl<'a> Families<'a> {
    pub(super) fn new(registry: &'a Registry) -> Self {
        Self {
            registry,
            with_endpoints: RefCell::default(),
        }
    }

    /// What forgets an endpoint in all families that have the label.
    pub(super) fn into_forgetters(self) -> Vec<Forget> {
        self.with_endpoints.into_inner()
    }

    pub(super) fn counter(&self, name: &str, help: &str) -> IntCounter {
        self.registered(IntCounter::new(name, help))
    }

    pub(super) fn counters(&self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        let made = self.registered(IntCounterVec::new(Opts::new(name, help), labels));
        self.note(&made, labels);
        made
    }

    pub(super) fn gauge(&self, name: &str, help: &str) -> IntGauge {
        self.registered(IntGauge::new(name, help))
    }

    pub(super) fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        let made = self.registered(IntGaugeVec::new(Opts::new(name, help), labels));
        self.note(&made, labels);
        made
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
        let made = self.registered(HistogramVec::new(options, labels));
        self.note(&made, labels);
        made
    }

    fn note<T: MetricVecBuilder>(&self, family: &MetricVec<T>, labels: &[&str])
    where
        MetricVec<T>: Collector + Clone + 'static,
    {
        if labels.contains(&ENDPOINT) {
            let family = family.clone();
            let forget: Forget = Box::new(move |name| forget(&family, name));
            self.with_endpoints.borrow_mut().push(forget);
        }
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

fn forget<T: MetricVecBuilder>(family: &MetricVec<T>, endpoint: &str)
where
    MetricVec<T>: Collector,
{
    let told = family.collect();
    for series in told
        .iter()
        .flat_map(prometheus::proto::MetricFamily::get_metric)
    {
        let pairs = series.get_label().iter();
        let labels: HashMap<_, _> = pairs.map(|pair| (pair.name(), pair.value())).collect();
        if labels.get(ENDPOINT) == Some(&endpoint) {
            // Somebody else may just have taken it out.
            let _ = family.remove(&labels);
        }
    }
}

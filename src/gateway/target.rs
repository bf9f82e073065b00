//! What the ops listener tells about and acts on: the service and its endpoints. Counts nothing itself.

use std::sync::Arc;

use crate::metrics::{BreakerState, Metrics};
use crate::server::ops::{EndpointReadiness, OpsTarget, Readiness};
use crate::service::Availability;
use crate::service::cache::DropScope;

pub(super) struct Target {
    availability: Arc<Availability>,
    metrics: Arc<Metrics>,
}

impl Target {
    pub(super) fn new(availability: Arc<Availability>, metrics: Arc<Metrics>) -> Self {
        Self {
            availability,
            metrics,
        }
    }
}

impl OpsTarget for Target {
    fn drop_cached(&self, scope: &DropScope) -> u64 {
        self.availability.drop_cached(scope)
    }

    fn ready(&self) -> Readiness {
        let endpoints = self.availability.endpoints().map(|endpoint| {
            let breaker = endpoint.state().breaker;
            EndpointReadiness {
                name: Arc::clone(endpoint.name()),
                usable: breaker != BreakerState::Open,
                state: breaker.label(),
            }
        });
        Readiness {
            endpoints: endpoints.collect(),
        }
    }

    fn refresh_metrics(&self) {
        let (entries, bytes) = self.availability.cache_size();
        self.metrics.cache_size(entries, bytes);
        let endpoints = self.availability.endpoints();
        endpoints.for_each(|endpoint| endpoint.tell_metrics());
    }
}

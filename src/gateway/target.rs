//! What the ops listener tells about and acts on: the service and its endpoints. Counts nothing itself.

use std::sync::Arc;

use crate::server::ops::{EndpointReadiness, OpsTarget, Readiness};
use crate::service::Availability;
use crate::service::cache::DropScope;

pub(super) struct Target {
    availability: Arc<Availability>,
}

impl Target {
    pub(super) fn new(availability: Arc<Availability>) -> Self {
        Self { availability }
    }
}

impl OpsTarget for Target {
    fn drop_cached(&self, scope: &DropScope) -> u64 {
        // Nothing is cached yet.
        let _ = scope;
        0
    }

    fn ready(&self) -> Readiness {
        let endpoints = self.availability.endpoints().iter();
        Readiness {
            endpoints: endpoints
                .map(|endpoint| EndpointReadiness {
                    name: Arc::clone(endpoint.name()),
                    usable: true,
                    state: "usable",
                })
                .collect(),
        }
    }

    fn refresh_metrics(&self) {}
}

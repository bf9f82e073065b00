//! What the ops listener tells about and acts on: the service and its endpoints of the moment. Counts nothing itself.

use std::sync::Arc;

use async_trait::async_trait;

use super::reload::Reloader;
use crate::metrics::{BreakerState, Metrics};
use crate::server::ops::{EndpointReadiness, OpsTarget, Readiness, Reloaded};
use crate::service::Availability;
use crate::service::cache::DropScope;

pub(super) struct Target {
    reloader: Arc<Reloader>,
    metrics: Arc<Metrics>,
}

impl Target {
    pub(super) fn new(reloader: Arc<Reloader>, metrics: Arc<Metrics>) -> Self {
        Self { reloader, metrics }
    }

    fn availability(&self) -> Arc<Availability> {
        Arc::clone(&self.reloader.world().availability)
    }
}

#[async_trait]
impl OpsTarget for Target {
    fn drop_cached(&self, scope: &DropScope) -> u64 {
        self.availability().drop_cached(scope)
    }

    fn ready(&self) -> Readiness {
        let availability = self.availability();
        let endpoints = availability.endpoints().map(|endpoint| {
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
        let availability = self.availability();
        let (entries, bytes) = availability.cache_size();
        self.metrics.cache_size(entries, bytes);
        let endpoints = availability.endpoints();
        endpoints.for_each(|endpoint| endpoint.tell_metrics());
    }

    async fn reload(&self) -> Reloaded {
        match self.reloader.reload().await {
            Ok(applied) => Reloaded::Applied(serde_json::json!({
                "kept": texts(&applied.kept),
                "rebuilt": texts(&applied.rebuilt),
                "new": texts(&applied.new),
                "removed": texts(&applied.removed),
                "warnings": applied.warnings,
            })),
            Err(refused) => Reloaded::Refused(refused.problems),
        }
    }
}

fn texts(names: &[Arc<str>]) -> Vec<&str> {
    names.iter().map(|name| &**name).collect()
}

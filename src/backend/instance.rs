//! What a process gives to every endpoint that it builds. Holds nothing of an endpoint itself.

use std::sync::Arc;

use super::quarantine::Quarantine;
use crate::domain::{Audit, Clock, InstanceId};
use crate::metrics::{EndpointMetrics, Metrics};

/// This running calbridge, as its endpoints see it. Cheap to clone.
#[derive(Clone)]
pub struct Instance {
    pub clock: Arc<dyn Clock>,
    /// What our calls are known by, should one come back to us.
    pub id: InstanceId,
    /// What is known of logins at servers; outlives the endpoints.
    pub quarantine: Quarantine,
    /// Notes who asks for whom, where that is wanted.
    pub audit: Option<Arc<dyn Audit>>,
    metrics: Option<Arc<Metrics>>,
}

impl Instance {
    /// A new instance: once in a process.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            id: InstanceId::random(),
            quarantine: Quarantine::in_memory(),
            audit: None,
            metrics: None,
        }
    }

    /// The same instance, which keeps there what it knows of logins.
    #[must_use]
    pub fn remembering(self, quarantine: Quarantine) -> Self {
        Self { quarantine, ..self }
    }

    /// The same instance, which counts here what its endpoints do; else nobody is told.
    #[must_use]
    pub fn counting(self, metrics: Arc<Metrics>) -> Self {
        Self {
            metrics: Some(metrics),
            ..self
        }
    }

    /// The same instance, which notes there who asks for whom.
    #[must_use]
    pub fn auditing(self, audit: Arc<dyn Audit>) -> Self {
        Self {
            audit: Some(audit),
            ..self
        }
    }

    /// The counters of an endpoint.
    pub fn metrics(&self, endpoint: &str) -> EndpointMetrics {
        match &self.metrics {
            Some(metrics) => metrics.endpoint(endpoint),
            None => EndpointMetrics::untold(),
        }
    }
}

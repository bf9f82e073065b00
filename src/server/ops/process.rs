//! What the system says of the process: memory, processor time, descriptors, the time of its start. The names are those
//! that every program shows to Prometheus, without our prefix. Nothing where there is no /proc.

use prometheus::process_collector::ProcessCollector;
use prometheus::{Registry, TextEncoder};

pub(super) struct Process(Registry);

impl Process {
    pub(super) fn new() -> Self {
        let registry = Registry::new();
        if let Err(cause) = registry.register(Box::new(ProcessCollector::for_self())) {
            tracing::warn!(%cause, "There will be no metrics of the process");
        }
        Self(registry)
    }

    /// As it is now, in Prometheus' text format.
    pub(super) fn render(&self) -> String {
        TextEncoder::new()
            .encode_to_string(&self.0.gather())
            .unwrap_or_default()
    }
}

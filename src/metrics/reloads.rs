//! Configurations that were read: at the start, and when the gateway was asked to read them again.

use prometheus::{IntCounter, IntGauge};

use super::family::Families;
use super::labels::{RELOAD_RESULTS, Words};

pub(super) struct Reloads {
    total: Words<IntCounter>,
    last_successful: IntGauge,
    last_success: IntGauge,
}

impl Reloads {
    pub(super) fn new(families: &Families<'_>) -> Self {
        let total = families.counters(
            "config_reloads_total",
            "Times that the configuration was read again, by whether it is used.",
            &["result"],
        );
        Self {
            total: Words::new(RELOAD_RESULTS, |result| total.with_label_values(&[result])),
            last_successful: families.gauge(
                "config_last_reload_successful",
                "1 where the configuration as last read is the one in use, else 0.",
            ),
            last_success: families.gauge(
                "config_last_reload_success_timestamp_seconds",
                "When the configuration in use was read, in seconds since 1970.",
            ),
        }
    }

    pub(super) fn start(&self, at: i64) {
        self.last_successful.set(1);
        self.last_success.set(at);
    }

    pub(super) fn count(&self, result: &str, at: i64) {
        self.total.get(result).inc();
        if result == "refused" {
            self.last_successful.set(0);
        } else {
            self.start(at);
        }
    }
}

//! Configurations that were read: at the start, and when the gateway was asked to read them again; and certificates that
//! were looked at alone.

use std::sync::atomic::{AtomicBool, Ordering};

use prometheus::{IntCounter, IntGauge};

use super::family::Families;
use super::labels::{RELOAD_RESULTS, Words};

pub(super) struct Reloads {
    total: Words<IntCounter>,
    last_successful: IntGauge,
    last_success: IntGauge,
    is_refused: AtomicBool,
    has_unused_certificates: AtomicBool,
}

impl Reloads {
    pub(super) fn new(families: &Families<'_>) -> Self {
        let total = families.counters(
            "config_reloads_total",
            "Times that the configuration, or changed certificates alone, were read again, by whether they are used.",
            &["result"],
        );
        Self {
            total: Words::new(RELOAD_RESULTS, |result| total.with_label_values(&[result])),
            last_successful: families.gauge(
                "config_last_reload_successful",
                "1 where configuration and certificates as last read are those in use, else 0.",
            ),
            last_success: families.gauge(
                "config_last_reload_success_timestamp_seconds",
                "When the configuration in use was read, in seconds since 1970.",
            ),
            is_refused: AtomicBool::new(false),
            has_unused_certificates: AtomicBool::new(false),
        }
    }

    pub(super) fn start(&self, at: i64) {
        self.last_successful.set(1);
        self.last_success.set(at);
    }

    pub(super) fn count(&self, result: &str, at: i64) {
        self.total.get(result).inc();
        if result == "refused" {
            self.is_refused.store(true, Ordering::Relaxed);
            self.sum_up();
        } else {
            // With its certificates.
            self.is_refused.store(false, Ordering::Relaxed);
            self.has_unused_certificates.store(false, Ordering::Relaxed);
            self.start(at);
        }
    }

    /// Certificates that were read alone.
    pub(super) fn count_certificates(&self, are_used: bool) {
        let result = if are_used {
            "certificates_applied"
        } else {
            "certificates_refused"
        };
        self.total.get(result).inc();
        self.has_unused_certificates
            .store(!are_used, Ordering::Relaxed);
        self.sum_up();
    }

    fn sum_up(&self) {
        let one = self.is_refused.load(Ordering::Relaxed);
        let other = self.has_unused_certificates.load(Ordering::Relaxed);
        self.last_successful.set(i64::from(!one && !other));
    }
}

//! The service over one endpoint that answers from memory, for benches that ask whole questions. Knows no face.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use calbridge::backend::endpoint::{Endpoint, Guard};
use calbridge::backend::instance::Instance;
use calbridge::backend::{Ask, Backend, EndpointError, Limits};
use calbridge::domain::{FixedClock, FreeBusy, MailDomain, Outcome, SmtpAddress, TimeWindow};
use calbridge::service::Availability;
use calbridge::service::settings::ServiceSettings;
use jiff::Timestamp;
use tokio::runtime::Runtime;
use tokio::time::Instant;

const LIMITS: Limits = Limits {
    mailboxes_per_call: 1000,
    days_per_call: 42,
};

/// Knows a calendar of every mailbox.
struct Memory<F>(F);

#[async_trait]
impl<F> Backend for Memory<F>
where
    F: Fn(&SmtpAddress, &TimeWindow) -> FreeBusy + Send + Sync + 'static,
{
    fn limits(&self) -> Limits {
        LIMITS
    }

    async fn free_busy(
        &self,
        ask: &Ask,
        _: Instant,
    ) -> Result<BTreeMap<SmtpAddress, Outcome>, EndpointError> {
        let answer = |mailbox: &SmtpAddress| {
            let calendar = (self.0)(mailbox, &ask.window);
            (mailbox.clone(), Ok(calendar))
        };
        Ok(ask.mailboxes.iter().map(answer).collect())
    }

    async fn resolve(
        &self,
        _: &SmtpAddress,
        _: Instant,
    ) -> Result<Option<Arc<str>>, EndpointError> {
        Ok(None)
    }

    async fn probe(&self, _: Instant) -> Result<(), EndpointError> {
        Ok(())
    }
}

/// For mailboxes of example.com, of which each has this calendar in the window asked for; it is always `now`.
pub(crate) fn service(
    now: Timestamp,
    calendar: impl Fn(&SmtpAddress, &TimeWindow) -> FreeBusy + Send + Sync + 'static,
) -> Availability {
    let instance = Instance::new(Arc::new(FixedClock(now)));
    let guard = Guard {
        timeout: Duration::from_secs(5),
        max_concurrency: 4,
        limits: LIMITS,
        ..Guard::default()
    };
    let domains = vec![MailDomain::parse("example.com").unwrap()];
    let backend = Arc::new(Memory(calendar));
    let endpoint = Endpoint::new("memory", domains, guard, backend, &instance);
    let settings = ServiceSettings::default();
    Availability::new(vec![Arc::new(endpoint)], &settings, &instance)
}

pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
}

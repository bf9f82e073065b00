//! What the ops listener tells about and acts on: the service and its endpoints of the moment. Counts nothing itself.

mod look_up;
mod status;

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::reload::Reloader;
use crate::domain::SmtpAddress;
use crate::metrics::{BreakerState, Metrics};
use crate::server::ops::{
    CertificateReadiness, EndpointReadiness, LookUp, OpsTarget, Readiness, Registry, Reloaded,
    Setup, Status,
};
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

    fn certificates(&self) -> Vec<CertificateReadiness> {
        let now = self.reloader.now();
        let shown = self.reloader.certificates();
        let shown = shown.iter().map(|shown| {
            let day = |ends: Timestamp| ends.strftime("%Y-%m-%d").to_string();
            CertificateReadiness {
                names: shown.names.join(", "),
                valid: shown.ends.is_none_or(|ends| ends > now),
                ends: shown.ends.map_or_else(|| "unknown".to_owned(), day),
            }
        });
        shown.collect()
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
            has_newest_configuration: self.reloader.refused_configuration().is_none(),
            has_newest_certificates: self.reloader.refused_certificates().is_none(),
            certificates: self.certificates(),
            endpoints: endpoints.collect(),
        }
    }

    fn refresh_metrics(&self) {
        let availability = self.availability();
        let (entries, bytes) = availability.cache_size();
        self.metrics.cache_size(entries, bytes);
        let endpoints = availability.endpoints();
        endpoints.for_each(|endpoint| endpoint.tell_metrics());
        // Of several, the one that ends first.
        let certificates = self.reloader.certificates();
        let server = certificates.iter().filter_map(|shown| shown.ends).min();
        self.metrics
            .certificate_expiry("server", server.map(Timestamp::as_second));
        let ops = self.reloader.ops_certificate().and_then(|shown| shown.ends);
        self.metrics
            .certificate_expiry("ops", ops.map(Timestamp::as_second));
    }

    fn status(&self) -> Status {
        status::status(&self.reloader, self.ready().is_ready())
    }

    fn today(&self) -> Date {
        self.reloader.now().to_zoned(TimeZone::UTC).date()
    }

    async fn look_up(&self, mailbox: &SmtpAddress, day: Date) -> Option<LookUp> {
        look_up::look_up(&self.reloader.world(), mailbox, day).await
    }

    fn setup(&self) -> Setup {
        let world = self.reloader.world();
        let accounts = world.server.access.role_accounts.iter();
        let accounts: Vec<_> = accounts
            .map(|account| account.address.to_string())
            .collect();
        let or_example = |name: Option<&String>, example: &str| {
            name.map_or_else(|| example.to_owned(), Clone::clone)
        };
        let mut south = world.south_accounts();
        if south.is_empty() {
            south.push("svc-interop@example.com".to_owned());
        }
        let domains = world.domains();
        Setup {
            ews_url: format!("{}EWS/Exchange.asmx", world.public_url),
            base_url: world.public_url.to_string(),
            first_role_account: or_example(accounts.first(), "interop@example.com"),
            role_accounts: accounts.join(","),
            domain: or_example(domains.first(), "example.com"),
            domains,
            south_accounts: south,
            registry: world
                .gssmo_registry()
                .map_or(Registry::None, Registry::File),
        }
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

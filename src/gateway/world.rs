//! What one configuration makes of the gateway, and how the next one is put in its place: a whole that is swapped at once.

use std::collections::BTreeSet;
use std::mem;
use std::sync::Arc;

use super::discovery::Discovery;
use super::routes::with_json_and_links;
use url::Url;

use crate::backend::build::{self, Built, Change};
use crate::backend::instance::Instance;
use crate::config::Config;
use crate::face::Routes;
use crate::face::connector::{self, ConnectorSettings, registry};
use crate::face::ews::EwsFace;
use crate::face::links::LinkSettings;
use crate::server::audit::AuditSettings;
use crate::server::settings::{OpsSettings, ServerSettings};
use crate::service::{Availability, Successor};

/// All that follows from one configuration.
pub(super) struct World {
    pub(super) server: ServerSettings,
    pub(super) ops: Option<OpsSettings>,
    pub(super) audit: Option<AuditSettings>,
    pub(super) public_url: Url,
    links: Vec<LinkSettings>,
    pub(super) availability: Arc<Availability>,
    endpoints: Vec<Built>,
    connectors: Vec<ConnectorSettings>,
    discovery: Discovery,
}

/// What became of each endpoint, in the order of the configuration.
pub(super) type Changes = Vec<(Arc<str>, Change)>;

impl World {
    /// The first one.
    pub(super) fn new(mut config: Config, instance: &Instance) -> Result<Self, build::BuildError> {
        let built = mem::take(&mut config.endpoints).into_iter();
        let endpoints: Vec<_> = built
            .map(|settings| Built::new(settings, instance))
            .collect::<Result<_, _>>()?;
        let shared = endpoints.iter().map(|built| Arc::clone(&built.endpoint));
        let availability = Availability::new(shared.collect(), &config.service, instance);
        Ok(Self::of(config, endpoints, availability, instance))
    }

    /// What is built of the configuration's endpoints stands beside it.
    fn of(
        config: Config,
        endpoints: Vec<Built>,
        availability: Availability,
        instance: &Instance,
    ) -> Self {
        Self {
            discovery: Discovery::new(&config.public_url, instance),
            server: config.server,
            ops: config.ops,
            audit: config.audit,
            public_url: config.public_url,
            links: config.links,
            availability: Arc::new(availability),
            endpoints,
            connectors: config.connectors,
        }
    }

    /// The one after `self`: endpoints whose settings did not change are the same ones. Every endpoint that cannot be
    /// built is told.
    pub(super) fn next(
        &self,
        mut config: Config,
        instance: &Instance,
    ) -> Result<(Self, Changes), Vec<build::BuildError>> {
        let (mut endpoints, mut changes, mut errors) = (Vec::new(), Vec::new(), Vec::new());
        let mut successors = Vec::new();
        for settings in mem::take(&mut config.endpoints) {
            match Built::again(settings, &self.endpoints, instance) {
                Ok((built, change)) => {
                    changes.push((Arc::clone(built.endpoint.name()), change));
                    successors.push(Successor {
                        endpoint: Arc::clone(&built.endpoint),
                        keeps_cache: change != Change::New,
                    });
                    endpoints.push(built);
                }
                Err(error) => errors.push(error),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let availability = &self.availability;
        let availability = availability.succeeded_by(&successors, &config.service, instance);
        Ok((Self::of(config, endpoints, availability, instance), changes))
    }

    /// Begins what goes on in the background. Only once nothing can fail any more: whoever is started over and over must
    /// not try its role accounts each time.
    pub(super) fn begin(&self) {
        self.availability.keep_rooms();
    }

    /// Which face answers where.
    pub(super) fn routes(&self) -> Routes {
        let accounts = self.server.access.role_accounts.iter();
        let ews = EwsFace::new(
            Arc::clone(&self.availability),
            accounts.map(|account| account.caller.clone()),
        );
        let routes = Routes::default().with(EwsFace::PATH, Arc::new(ews));
        let routes = self.discovery.put(routes, &self.availability);
        let ops_login = self.ops.as_ref().and_then(|ops| ops.login.as_ref());
        let directories = self.connectors.iter().cloned();
        let routes = directories.fold(routes, |routes, directory| {
            connector::with_directory(routes, directory, &self.availability, ops_login)
        });
        with_json_and_links(routes, &self.availability, self.links.clone())
    }

    /// The role accounts by which servers in the south are asked.
    pub(super) fn south_accounts(&self) -> Vec<String> {
        let endpoints = self.availability.endpoints();
        let accounts = endpoints.flat_map(|endpoint| endpoint.state().accounts);
        let names: BTreeSet<_> = accounts
            .map(|account| account.address.to_string())
            .collect();
        names.into_iter().collect()
    }

    /// The mail domains that endpoints have, without those that stand for many.
    pub(super) fn domains(&self) -> Vec<String> {
        let endpoints = self.availability.endpoints();
        let domains = endpoints.flat_map(|endpoint| endpoint.domains().iter());
        let names = domains.map(ToString::to_string);
        names.filter(|name| !name.contains('*')).collect()
    }

    /// What points GSSMO here; None where it is not served.
    pub(super) fn gssmo_registry(&self) -> Option<String> {
        let served = !self.connectors.is_empty();
        served.then(|| registry::file(self.public_url.as_str(), &self.connectors, 0))
    }

    pub(super) fn endpoint_names(&self) -> Vec<Arc<str>> {
        let endpoints = self.endpoints.iter();
        endpoints
            .map(|built| Arc::clone(built.endpoint.name()))
            .collect()
    }
}

//! What one [`Availability`] takes over from the one before it when the configuration is read again: the cache of
//! endpoints that are still the same source, their calls in flight, and where mailboxes were found.

use std::sync::Arc;

use super::Availability;
use super::cache::Cache;
use super::desk::Desk;
use super::location::Locations;
use super::settings::ServiceSettings;
use crate::backend::endpoint::Endpoint;
use crate::backend::instance::Instance;

/// An endpoint of the configuration that comes next.
pub struct Successor {
    /// The endpoint that was there before where its settings did not change, else a new one.
    pub endpoint: Arc<Endpoint>,
    /// Whether what the endpoint of the same name said before still holds: it is the same source.
    pub keeps_cache: bool,
}

/// What an [`Availability`] begins with.
pub(super) struct Estate<'a> {
    pub(super) cache: Arc<Cache>,
    pub(super) locations: Arc<Locations>,
    /// In the order of the endpoints.
    pub(super) parts: Vec<Part<'a>>,
}

/// What an endpoint begins with.
pub(super) struct Part<'a> {
    pub(super) seat: u32,
    pub(super) before: Option<&'a Desk>,
}

impl Estate<'_> {
    /// Nothing is there yet.
    pub(super) fn new(
        endpoints: &[Arc<Endpoint>],
        settings: &ServiceSettings,
        instance: &Instance,
    ) -> Self {
        let clock = Arc::clone(&instance.clock);
        let cache = Arc::new(Cache::new(settings.cache.max_bytes, clock));
        let parts = endpoints.iter().map(|_| Part {
            seat: cache.seat(),
            before: None,
        });
        Self {
            parts: parts.collect(),
            locations: Arc::new(Locations::new(settings.cache.location_for)),
            cache,
        }
    }
}

impl Availability {
    /// What answers after `self`, over other endpoints or with other settings. Both may be asked at the same time. A
    /// changed `cache.max_bytes` begins with an empty cache.
    #[must_use]
    pub fn succeeded_by(
        &self,
        successors: &[Successor],
        settings: &ServiceSettings,
        instance: &Instance,
    ) -> Self {
        let same = successors.iter().filter(|one| one.keeps_cache);
        let same: Vec<_> = same.map(|one| Arc::clone(one.endpoint.name())).collect();
        let next = self.furnished(successors, settings, instance);
        next.inherit_rooms(self, &same);
        next
    }

    fn furnished(
        &self,
        successors: &[Successor],
        settings: &ServiceSettings,
        instance: &Instance,
    ) -> Self {
        let endpoints: Vec<_> = successors.iter().map(|one| one.endpoint.clone()).collect();
        if self.cache.max_bytes() != settings.cache.max_bytes {
            return Self::new(endpoints, settings, instance);
        }
        let parts = successors.iter().map(|one| {
            let before = self.desk(one.endpoint.name());
            let kept = before.filter(|_| one.keeps_cache);
            Part {
                seat: kept.map_or_else(|| self.cache.seat(), Desk::seat),
                before: kept,
            }
        });
        let same_places = self
            .endpoints()
            .map(|endpoint| endpoint.name())
            .eq(endpoints.iter().map(|endpoint| endpoint.name()));
        let keep_for = settings.cache.location_for;
        let locations = if same_places && self.locations.keep_for() == keep_for {
            Arc::clone(&self.locations)
        } else {
            Arc::new(Locations::new(keep_for))
        };
        let estate = Estate {
            cache: Arc::clone(&self.cache),
            locations,
            parts: parts.collect(),
        };
        Self::over(endpoints, &estate, settings, instance)
    }

    /// Forgets what is cached of endpoints that are no longer there. May take a while.
    pub fn forget_others(&self) {
        let seats: Vec<_> = self.desks.iter().map(Desk::seat).collect();
        self.cache.keep_seats(&seats);
    }

    fn desk(&self, name: &str) -> Option<&Desk> {
        self.desks
            .iter()
            .find(|desk| **desk.endpoint().name() == *name)
    }
}

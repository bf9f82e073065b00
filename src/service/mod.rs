//! The availability question: which endpoint knows which mailbox, and how much may be told.
//!
//! Invariant: there is an outcome for every attendee, in the order asked; what is not known is an error, never free.

pub mod alias;
pub mod cache;
pub mod dated;
pub mod desk;
pub mod directory;
pub mod explain;
mod location;
pub mod names;
mod naming;
pub mod permit;
mod rounds;
pub mod route;
pub mod settings;
pub mod status_map;
mod succession;

use std::sync::Arc;

use tokio::time::Instant;

use crate::backend::endpoint::Endpoint;
use crate::backend::instance::Instance;
use crate::domain::via::Via;
use crate::domain::{
    Attendee, Audit, AvailabilityAnswer, AvailabilityQuery, Caller, Detail, InstanceId,
    MailboxError, Origin, Outcome, SmtpAddress,
};
use crate::metrics::{EndpointMetrics, labels};
use alias::Aliases;
use cache::{Cache, DropScope};
use desk::{Desk, Passage};
use directory::{Directory, Known};
use explain::{Explanation, Lookup, Policy, Routed};
use location::Locations;
use permit::Permit;
use rounds::{Pending, Question, Verdict};
use route::Routes;
use settings::ServiceSettings;
use status_map::StatusMap;
use succession::Estate;

pub use succession::Successor;

/// Instances that a question may have come through.
const MAX_VIA: usize = 3;

/// Answers questions over all endpoints.
pub struct Availability {
    desks: Vec<Desk>,
    /// For each desk whether it answers what other Exchange servers pass on.
    cross_forest: Vec<bool>,
    routes: Routes,
    aliases: Aliases,
    permit: Permit,
    status_map: StatusMap,
    locations: Arc<Locations>,
    cache: Arc<Cache>,
    directory: Directory,
    audit: Option<Arc<dyn Audit>>,
    /// Counts the mailboxes that are asked for nowhere.
    nowhere: EndpointMetrics,
    id: InstanceId,
}

impl Availability {
    /// `settings` mean the endpoints by their places.
    pub fn new(
        endpoints: Vec<Arc<Endpoint>>,
        settings: &ServiceSettings,
        instance: &Instance,
    ) -> Self {
        let estate = Estate::new(&endpoints, settings, instance);
        Self::over(endpoints, &estate, settings, instance)
    }

    /// `estate` has a part for each endpoint.
    fn over(
        endpoints: Vec<Arc<Endpoint>>,
        estate: &Estate<'_>,
        settings: &ServiceSettings,
        instance: &Instance,
    ) -> Self {
        let cache = &estate.cache;
        let service = |place: usize| settings.endpoints.get(place).copied().unwrap_or_default();
        let domains: Vec<_> = endpoints
            .iter()
            .map(|endpoint| endpoint.domains().to_vec())
            .collect();
        let aliases = Aliases::new(&settings.routing.aliases);
        let directory = Directory::new(
            &settings.rooms,
            settings.sharing,
            endpoints.iter().cloned(),
            &aliases,
            instance.clock.clone(),
        );
        let routes = Routes::new(
            &settings.routing,
            &settings.endpoints,
            domains.iter().map(Vec::as_slice),
        );
        let desks = endpoints.into_iter().enumerate().map(|(place, endpoint)| {
            let lifetimes = service(place).lifetimes.unwrap_or(settings.cache.lifetimes);
            let counted = instance.metrics(endpoint.name());
            let keep = (lifetimes, settings.cache.widen);
            let part = estate.parts.get(place);
            let seat = part.map_or_else(|| cache.seat(), |part| part.seat);
            let desk = Desk::new(seat, endpoint, cache.clone(), keep, counted);
            match part.and_then(|part| part.before) {
                Some(before) => desk.sharing_flights_of(before),
                None => desk,
            }
        });
        let availability = Self {
            desks: desks.collect(),
            cross_forest: (0..domains.len())
                .map(|place| service(place).answer_cross_forest)
                .collect(),
            routes,
            aliases,
            permit: Permit::new(&settings.permit, &settings.sharing),
            status_map: settings.sharing.status_map,
            locations: Arc::clone(&estate.locations),
            cache: Arc::clone(cache),
            nowhere: instance.metrics(labels::NONE),
            directory,
            audit: instance.audit.clone(),
            id: instance.id.clone(),
        };
        availability.arrange_rooms();
        availability
    }

    pub fn endpoints(&self) -> impl Iterator<Item = &Arc<Endpoint>> {
        self.desks.iter().map(Desk::endpoint)
    }

    /// Forgets what is remembered of mailboxes, and where they were found; how many entries. The names may be those of
    /// callers or of endpoints.
    pub fn drop_cached(&self, scope: &DropScope) -> u64 {
        self.directory.forget_members();
        let forget = |scope: &DropScope| {
            self.locations.forget(scope);
            self.cache.drop_entries(scope)
        };
        forget(scope) + self.internal_scope(scope).as_ref().map_or(0, forget)
    }

    /// The same in the names of endpoints, where those are others.
    fn internal_scope(&self, scope: &DropScope) -> Option<DropScope> {
        match scope {
            DropScope::Mailbox(asked) => {
                let internal = self.aliases.internal(asked);
                (internal != *asked).then_some(DropScope::Mailbox(internal))
            }
            DropScope::Domain(asked) => {
                let internal = self.aliases.internal_domain(asked);
                internal.cloned().map(DropScope::Domain)
            }
            DropScope::All => None,
        }
    }

    /// Entries of the cache and the bytes they hold.
    pub fn cache_size(&self) -> (u64, u64) {
        self.cache.size()
    }

    /// Asks every endpoint concerned at once; one that fails or hangs costs only its own mailboxes their answer.
    pub async fn answer(&self, query: &AvailabilityQuery, deadline: Instant) -> AvailabilityAnswer {
        let verdicts = self.judge(query, deadline).await;
        AvailabilityAnswer {
            per_mailbox: self.all_shown(query, verdicts),
        }
    }

    /// The same, and how each answer came about.
    pub async fn answer_explained(
        &self,
        query: &AvailabilityQuery,
        deadline: Instant,
    ) -> (AvailabilityAnswer, Vec<Explanation>) {
        let verdicts = self.judge(query, deadline).await;
        let explained = query
            .attendees
            .iter()
            .zip(&verdicts)
            .map(|(attendee, verdict)| self.explain(attendee, verdict, &query.caller));
        let explained = explained.collect();
        let per_mailbox = self.all_shown(query, verdicts);
        (AvailabilityAnswer { per_mailbox }, explained)
    }

    /// What becomes of each attendee, in the order of the question.
    async fn judge(&self, query: &AvailabilityQuery, deadline: Instant) -> Vec<Verdict> {
        let known = self.directory.known();
        let mut verdicts = Vec::with_capacity(query.attendees.len());
        let mut pending = Vec::with_capacity(query.attendees.len());
        for (place, attendee) in query.attendees.iter().enumerate() {
            let planned = attendee.mailbox.as_ref().map_err(|error| *error);
            let planned = planned.and_then(|asked| self.plan(place, asked, (query, &known)));
            verdicts.push(planned.as_ref().err().map(|error| Verdict::Refused(*error)));
            pending.extend(planned);
        }
        let passage = passage(&query.origin);
        let question = Question {
            known: &known,
            window: &query.window,
            passage: &passage,
            deadline,
        };
        self.ask_in_rounds(pending, &question, &mut verdicts).await;
        let unanswered = || Verdict::Refused(MailboxError::EndpointFailed);
        let verdicts: Vec<_> = verdicts
            .into_iter()
            .map(|verdict| verdict.unwrap_or_else(unanswered))
            .collect();
        self.count(&verdicts);
        if let Some(audit) = &self.audit {
            let answered: Vec<_> = verdicts.iter().map(Verdict::answered).collect();
            audit.note(query, &answered);
        }
        verdicts
    }

    /// Neighbours together: all threads count in the same places.
    fn count(&self, verdicts: &[Verdict]) {
        for alike in verdicts.chunk_by(|one, next| one.label() == next.label()) {
            let Some((by, result)) = alike.first().map(Verdict::label) else {
                continue;
            };
            match by.and_then(|by| self.desks.get(by)) {
                Some(desk) => desk.count(result, alike.len()),
                None => self.nowhere.mailbox_lookups(result, alike.len()),
            }
        }
    }

    /// Where one mailbox is asked for, or why it is not.
    fn plan<'a>(
        &'a self,
        place: usize,
        asked: &SmtpAddress,
        (query, known): (&AvailabilityQuery, &Known),
    ) -> Result<Pending<'a>, MailboxError> {
        let mailbox = self.aliases.internal(asked);
        self.permit.check(&query.caller, asked, &mailbox)?;
        let route = self.routes.find(&mailbox).ok_or(MailboxError::NotFound)?;
        if known.is_hidden_list(&mailbox, &route) {
            return Err(MailboxError::NotFound);
        }
        let via = &query.origin.via;
        let foreign = query.origin.cross_forest && !self.answers_cross_forest(route.endpoint);
        if foreign || self.is_loop(via) {
            return Err(MailboxError::Loop);
        }
        Ok(Pending::new(place, mailbox, &route))
    }

    /// Whether a question that came this way has been here before, or has come too far.
    pub fn is_loop(&self, via: &Via) -> bool {
        via.len() > MAX_VIA || via.contains(&self.id)
    }

    /// Whether an endpoint answers what other Exchange servers pass on.
    fn answers_cross_forest(&self, endpoint: usize) -> bool {
        self.cross_forest
            .get(endpoint)
            .is_some_and(|answers| *answers)
    }

    fn all_shown(&self, query: &AvailabilityQuery, verdicts: Vec<Verdict>) -> Vec<Outcome> {
        let detail = self.detail(query);
        let verdicts = verdicts.into_iter();
        verdicts
            .map(|verdict| self.shown(&query.caller, detail, verdict))
            .collect()
    }

    /// The most that is told of anybody in answer to a question.
    fn detail(&self, query: &AvailabilityQuery) -> Detail {
        query.detail.min(self.permit.detail(&query.caller))
    }

    /// What the caller sees of an attendee: the cache holds what the endpoint granted. Every answer goes through here, so
    /// that no face can forget a rule.
    fn shown(&self, caller: &Caller, detail: Detail, verdict: Verdict) -> Outcome {
        let (told, most) = match verdict {
            Verdict::Refused(error) => return Err(error),
            Verdict::Told { told, most, .. } => (told, most),
        };
        let known = told.outcome?;
        let known = self.status_map.shown(known.stripped_to(detail.min(most)));
        Ok(match caller.mask.as_deref() {
            Some(mask) => known.with_subjects(mask),
            None => known,
        })
    }

    fn explain(&self, attendee: &Attendee, verdict: &Verdict, caller: &Caller) -> Explanation {
        let Ok(asked) = &attendee.mailbox else {
            return Explanation::new(Policy::Refused);
        };
        let mailbox = self.aliases.internal(asked);
        let policy = match self.permit.check(caller, asked, &mailbox) {
            Ok(permitted) => Policy::Told {
                most: match verdict {
                    Verdict::Told { most, .. } => permitted.min(*most),
                    Verdict::Refused(_) => permitted,
                },
                statuses_mapped: !self.status_map.is_identity(),
            },
            Err(_) => Policy::Refused,
        };
        let name = |place: usize| {
            self.desks
                .get(place)
                .map(|desk| desk.endpoint().name().clone())
        };
        let route = self
            .routes
            .find(&mailbox)
            .filter(|_| policy != Policy::Refused);
        let (asked_for, by) = match verdict {
            Verdict::Refused(_) => (None, None),
            Verdict::Told { told, by, .. } => (Some(told), Some(*by)),
        };
        Explanation {
            alias: (mailbox != *asked).then_some(mailbox.clone()),
            route: route.and_then(|route| {
                let fallback = by.filter(|by| *by != route.endpoint).and_then(name);
                Some(Routed {
                    kind: route.kind,
                    endpoint: name(route.endpoint)?,
                    fallback,
                })
            }),
            took: asked_for.and_then(|told| told.trip.as_ref().map(|trip| trip.took)),
            asked: asked_for.map(|told| Lookup {
                cache: told.from,
                calls: told.trip.as_ref().map_or(0, |trip| trip.calls),
                accounts: told
                    .trip
                    .as_ref()
                    .map(|trip| trip.accounts.clone())
                    .unwrap_or_default(),
            }),
            ..Explanation::new(policy)
        }
    }
}

/// Questions that come from elsewhere share no call with those of people: their way is not ours to mix.
fn passage(origin: &Origin) -> Passage {
    let alone = origin.cross_forest.then(uuid::Uuid::new_v4);
    Passage {
        via: origin.via.clone(),
        alone,
        trace: origin.asker.as_ref().map(|asker| asker.trace.clone()),
    }
}

#[cfg(test)]
mod tests;

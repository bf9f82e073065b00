//! The availability question: which endpoint knows which mailbox, and how much may be told.
//!
//! Invariant: there is an outcome for every attendee, in the order asked; what is not known is an error, never free.

pub mod alias;
pub mod cache;
pub mod explain;
pub mod permit;
pub mod route;
pub mod settings;
pub mod status_map;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use futures_util::future::join_all;
use tokio::time::Instant;

use crate::backend::endpoint::Endpoint;
use crate::domain::{
    AvailabilityAnswer, AvailabilityQuery, Caller, Detail, DomainPattern, MailDomain, MailboxError,
    Outcome, SmtpAddress, TimeWindow,
};
use settings::SharingSettings;

/// Answers questions over all endpoints.
pub struct Availability {
    endpoints: Vec<Arc<Endpoint>>,
    /// Which endpoint a domain's mailboxes live at; no domain stands at two.
    routes: HashMap<MailDomain, usize>,
    sharing: SharingSettings,
}

impl Availability {
    pub fn new(endpoints: Vec<Arc<Endpoint>>, sharing: SharingSettings) -> Self {
        let routes = endpoints
            .iter()
            .enumerate()
            .flat_map(|(place, endpoint)| {
                endpoint
                    .domains()
                    .iter()
                    .filter_map(move |domain| match domain {
                        DomainPattern::Exactly(domain) => Some((domain.clone(), place)),
                        DomainPattern::Below(_) => None,
                    })
            })
            .collect();
        Self {
            endpoints,
            routes,
            sharing,
        }
    }

    pub fn endpoints(&self) -> &[Arc<Endpoint>] {
        &self.endpoints
    }

    /// Asks every endpoint concerned at once; one that fails or hangs costs only its own mailboxes their answer.
    pub async fn answer(&self, query: &AvailabilityQuery, deadline: Instant) -> AvailabilityAnswer {
        let detail = query.detail.min(self.permitted(&query.caller));
        let known = self.ask_all(query, deadline).await;
        let per_mailbox = query
            .attendees
            .iter()
            .map(|attendee| {
                let mailbox = attendee.mailbox.as_ref().map_err(|error| *error)?;
                let outcome = known
                    .get(mailbox)
                    .cloned()
                    .unwrap_or(Err(MailboxError::NotFound));
                outcome.map(|free_busy| free_busy.stripped_to(detail))
            })
            .collect();
        AvailabilityAnswer { per_mailbox }
    }

    /// The display name of a mailbox that an endpoint knows.
    pub async fn resolve(&self, mailbox: &SmtpAddress, deadline: Instant) -> Option<Arc<str>> {
        let endpoint = self.route(mailbox)?;
        // The endpoint has logged why it could not say.
        endpoint.resolve(mailbox, deadline).await.ok().flatten()
    }

    /// The most that this caller may be told of anybody.
    fn permitted(&self, caller: &Caller) -> Detail {
        let shared = if self.sharing.event_details {
            Detail::Subjects
        } else {
            Detail::BusyOnly
        };
        caller.detail.min(shared)
    }

    fn route(&self, mailbox: &SmtpAddress) -> Option<&Arc<Endpoint>> {
        self.routes
            .get(mailbox.domain_str())
            .and_then(|place| self.endpoints.get(*place))
    }

    /// One question to each endpoint, every mailbox once. Mailboxes without an endpoint are not in the result.
    async fn ask_all(
        &self,
        query: &AvailabilityQuery,
        deadline: Instant,
    ) -> BTreeMap<SmtpAddress, Outcome> {
        let mut asks: HashMap<usize, BTreeSet<&SmtpAddress>> = HashMap::new();
        for mailbox in query
            .attendees
            .iter()
            .filter_map(|attendee| attendee.mailbox.as_ref().ok())
        {
            if let Some(place) = self.routes.get(mailbox.domain_str()) {
                asks.entry(*place).or_default().insert(mailbox);
            }
        }
        let calls = asks.into_iter().filter_map(|(place, mailboxes)| {
            let endpoint = self.endpoints.get(place)?;
            Some(ask(endpoint, mailboxes, query.window, deadline))
        });
        let mut answers = join_all(calls).await.into_iter();
        let mut known = answers.next().unwrap_or_default();
        answers.for_each(|more| known.extend(more));
        known
    }
}

async fn ask(
    endpoint: &Endpoint,
    mailboxes: BTreeSet<&SmtpAddress>,
    window: TimeWindow,
    deadline: Instant,
) -> BTreeMap<SmtpAddress, Outcome> {
    let mailboxes: Vec<_> = mailboxes.into_iter().cloned().collect();
    endpoint.ask(&mailboxes, window, deadline).await
}

//! Who stands behind an attendee that is a list, so that each member counts. Members are asked for only where the answer
//! may be that of a list; whether they are free is not asked here.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use moka::future::Cache;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::{Known, is_final};
use crate::backend::EndpointError;
use crate::backend::endpoint::Endpoint;
use crate::domain::{Attendee, Caller, Detail, Listed, MailboxError, Outcome, SmtpAddress};
use crate::service::Availability;

/// The most members of a list that are counted, as with Exchange.
const MOST_MEMBERS: usize = 100;
/// Calls that one question makes to servers, at most, and at once: it is not to keep an endpoint from other callers. What
/// is left is a single mailbox this time.
const MOST_CALLS: usize = 20;
const CALLS_AT_ONCE: usize = 4;
/// How long what a server said of a list is good; also that it is none.
const KEPT: Duration = Duration::from_mins(10);
/// Addresses that are remembered in all, members and lists.
const MOST_KEPT: u64 = 200_000;

/// What is behind an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Members {
    /// No list, as far as anybody tells.
    Single,
    /// As the caller calls them; an error for one whom it may not ask for.
    Told(Vec<Result<SmtpAddress, MailboxError>>),
    TooMany,
    /// It is a list, and nobody tells all of its members.
    Untold,
}

/// What an endpoint said of an address, whoever asked.
#[derive(Debug, Clone)]
enum Expansion {
    NoList,
    Members(Arc<[SmtpAddress]>),
    TooMany,
    Untold,
    /// Not even whether it is a list.
    Unsaid,
}

/// What servers have said of lists, for a while, by the place of the endpoint.
pub(super) struct Expansions(Cache<(usize, SmtpAddress), Expansion>);

impl Default for Expansions {
    fn default() -> Self {
        let weigh = |_: &(usize, SmtpAddress), expansion: &Expansion| match expansion {
            Expansion::Members(members) => 1 + members.len() as u32,
            Expansion::NoList | Expansion::TooMany | Expansion::Untold | Expansion::Unsaid => 1,
        };
        let cache = Cache::builder()
            .weigher(weigh)
            .max_capacity(MOST_KEPT)
            .time_to_live(KEPT);
        Self(cache.build())
    }
}

impl Expansions {
    /// So that the next question asks servers again.
    pub(super) fn forget(&self) {
        self.0.invalidate_all();
    }
}

/// What one question has left.
struct Question<'a> {
    caller: &'a Caller,
    known: Arc<Known>,
    deadline: Instant,
    calls: AtomicUsize,
    at_once: Semaphore,
}

impl Availability {
    /// The members of each attendee, one level deep, in their order. `outcomes` are what the caller was told of them as
    /// mailboxes.
    pub async fn members(
        &self,
        caller: &Caller,
        attendees: &[Attendee],
        outcomes: &[Outcome],
        deadline: Instant,
    ) -> Vec<Members> {
        let question = &Question {
            caller,
            known: self.directory.known(),
            deadline,
            calls: AtomicUsize::new(MOST_CALLS),
            at_once: Semaphore::new(CALLS_AT_ONCE),
        };
        let asked = attendees
            .iter()
            .zip(outcomes)
            .map(|(attendee, outcome)| async move {
                match &attendee.mailbox {
                    Ok(asked) => self.members_of(asked, outcome, question).await,
                    Err(_) => Members::Single,
                }
            });
        join_all(asked).await
    }

    async fn members_of(
        &self,
        asked: &SmtpAddress,
        outcome: &Outcome,
        question: &Question<'_>,
    ) -> Members {
        let caller = question.caller;
        let internal = self.aliases.internal(asked);
        let list = question.known.catalogue.list(&internal);
        if let Some(list) = list.filter(|_| self.offers_rooms()) {
            if !self.admits_list(caller, asked, list) || !self.shows_rooms(caller, list) {
                return Members::Single;
            }
            // Whoever asks for the first part by its address means all of the list.
            if list.is_split && internal == list.whole {
                return Members::TooMany;
            }
            // Those of which GetRooms tells this caller, too.
            let shown = |room: &&SmtpAddress| self.told_address(caller, room).is_some();
            let rooms: Vec<_> = list.rooms.iter().filter(shown).cloned().collect();
            return self.as_called(caller, &rooms);
        }
        if self.permit.check(caller, asked, &internal).is_err() {
            return Members::Single;
        }
        match outcome {
            Err(MailboxError::ListTooLong) => Members::TooMany,
            // Of a list, sources tell merged times alone, or nothing where a member is not known. Whatever has events of
            // its own is asked for nothing more.
            Ok(known) if known.detail() == Detail::DigitsOnly => {
                self.expanded(&internal, question).await
            }
            Err(MailboxError::GenerationFailed) => self.expanded(&internal, question).await,
            Ok(_) | Err(_) => Members::Single,
        }
    }

    async fn expanded(&self, list: &SmtpAddress, question: &Question<'_>) -> Members {
        let Some(route) = self.routes.find(list) else {
            return Members::Single;
        };
        let known = &question.known;
        let places = route.places();
        for (place, desk) in places.filter_map(|place| Some((place, self.desks.get(place)?))) {
            // It could be a list of rooms, or have members of which nobody knows that they are rooms.
            if known.may_hide_rooms(place) {
                return Members::Single;
            }
            let is_of_rooms = |member: &SmtpAddress| known.is_of_rooms(member, place);
            match self.expansion(place, desk.endpoint(), list, question).await {
                Expansion::NoList => {}
                // A list of rooms by another of its addresses, for all that is known.
                Expansion::Members(members)
                    if !self.offers_rooms() && members.iter().any(is_of_rooms) =>
                {
                    return Members::Single;
                }
                Expansion::Members(members) => return self.as_called(question.caller, &members),
                Expansion::TooMany => return Members::TooMany,
                Expansion::Untold => return Members::Untold,
                Expansion::Unsaid => return Members::Single,
            }
        }
        Members::Single
    }

    /// What is remembered, or else what the endpoint says now, as far as the question may ask.
    async fn expansion(
        &self,
        place: usize,
        endpoint: &Endpoint,
        list: &SmtpAddress,
        question: &Question<'_>,
    ) -> Expansion {
        let ask = async || said(endpoint.expand(list, question.deadline).await);
        if endpoint.expands_at_hand() {
            return ask().await.unwrap_or_else(|passing| passing);
        }
        let known = &self.directory.expansions.0;
        let key = (place, list.clone());
        if let Some(expansion) = known.get(&key).await {
            return expansion;
        }
        let take = |left: usize| left.checked_sub(1);
        let left = &question.calls;
        if left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .is_err()
        {
            return Expansion::Unsaid;
        }
        // Never closed; whoever holds it ends by the deadline.
        let _permit = question.at_once.acquire().await;
        // Equal questions wait for the same call.
        let asked = known.try_get_with(key, ask()).await;
        asked.unwrap_or_else(|passing| Expansion::clone(&passing))
    }

    fn as_called(&self, caller: &Caller, members: &[SmtpAddress]) -> Members {
        // Servers keep members secret in this way; nobody is not free.
        if members.is_empty() {
            return Members::Untold;
        }
        let told = members.iter().map(|member| {
            self.told_address(caller, member)
                .ok_or(MailboxError::NoAccess)
        });
        Members::Told(told.collect())
    }
}

/// What an answer says; in the error what may be otherwise the next time, and is not remembered.
fn said(answer: Result<Option<Vec<Listed>>, EndpointError>) -> Result<Expansion, Expansion> {
    match answer {
        Ok(None) => Ok(Expansion::NoList),
        Ok(Some(members)) if members.len() > MOST_MEMBERS => Ok(Expansion::TooMany),
        Ok(Some(members)) => Ok(Expansion::Members(
            members.into_iter().map(|one| one.address).collect(),
        )),
        Err(EndpointError::BadAnswer(_)) => Ok(Expansion::Untold),
        Err(EndpointError::Source(_)) => Err(Expansion::Untold),
        // Logged by the endpoint.
        Err(error) if is_final(&error) => Ok(Expansion::Unsaid),
        Err(_) => Err(Expansion::Unsaid),
    }
}

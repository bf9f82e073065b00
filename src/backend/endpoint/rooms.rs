//! Rooms and names of an endpoint, asked for within its bounds. Remembers nothing of them but which lists are asked for
//! last.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, MutexGuard, PoisonError};

use tokio::time::Instant;
use tracing::{Instrument, debug, warn};

use super::Endpoint;
use super::breaker::Subject;
use crate::backend::rooms::{Found, OutsideRequests, RoomSource};
use crate::backend::{Ask, EndpointError};
use crate::domain::{Listed, Outcome, Room, RoomEntry, RoomList, SmtpAddress, TimeWindow};

/// The rooms of one source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoomStock {
    pub lists: Vec<RoomList>,
    /// Rooms that stand in no list.
    pub alone: Vec<Room>,
    /// Lists of which the source does not tell the rooms, or not all of them.
    pub untold: Vec<SmtpAddress>,
    /// Lists that cannot be read now, and are worth asking for again soon: in the order in which the next reading does.
    pub later: Vec<SmtpAddress>,
}

impl RoomStock {
    /// Some of them more than once.
    pub fn rooms(&self) -> impl Iterator<Item = &SmtpAddress> {
        let listed = self.lists.iter().flat_map(|list| &list.rooms);
        listed.chain(&self.alone).map(|room| &room.address)
    }
}

/// Lists in a row that cannot be read now; after so many the others are not asked for.
const MOST_FAILURES: usize = 3;

impl Endpoint {
    /// The same endpoint, with the rooms that are written down for it.
    #[must_use]
    pub fn with_rooms(mut self, rooms: Vec<RoomEntry>) -> Self {
        self.written_rooms = rooms;
        self
    }

    /// The rooms that are written down in the configuration.
    pub fn written_rooms(&self) -> &[RoomEntry] {
        &self.written_rooms
    }

    /// Whether [`Endpoint::rooms`] may know more than is written down.
    pub fn has_room_source(&self) -> bool {
        self.source().is_some()
    }

    /// Whether [`Endpoint::room_in_background`] may know more than [`Endpoint::rooms`].
    pub fn has_room_details(&self) -> bool {
        self.source().is_some_and(RoomSource::has_details)
    }

    /// All rooms that the source knows, one call after the other. A list that the server names and then does not tell, for
    /// whatever reason, costs no other: only its address is kept, with a warning. What concerns the server as a whole is an
    /// error.
    pub async fn rooms(&self) -> Result<RoomStock, EndpointError> {
        let Some(source) = self.source() else {
            return Ok(RoomStock::default());
        };
        let work = async {
            let lists = self.call(Subject::Endpoint, |by| source.room_lists(by));
            let mut stock = self.told_lists(source, lists.await?).await?;
            if source.has_rooms_alone() {
                let alone = self.call(Subject::Endpoint, |by| source.rooms_alone(by));
                stock.alone = alone.await?;
            }
            Ok(stock)
        };
        work.instrument(self.span()).await
    }

    async fn told_lists(
        &self,
        source: &dyn RoomSource,
        mut lists: Vec<Listed>,
    ) -> Result<RoomStock, EndpointError> {
        let places = lists.iter().map(|list| list.address.clone()).zip(0..);
        let places: HashMap<SmtpAddress, usize> = places.collect();
        self.put_last(&mut lists);
        let mut stock = RoomStock::default();
        let mut failed = Vec::new();
        let mut failures = 0;
        for listed in lists {
            if failures >= MOST_FAILURES {
                stock.later.push(listed.address);
                continue;
            }
            let asked = self.call(Subject::One, |by| source.rooms(&listed.address, by));
            let before = std::mem::take(&mut failures);
            match asked.await {
                Ok(Some(told)) => {
                    if told.may_have_more {
                        stock.untold.push(listed.address.clone());
                    }
                    stock.lists.push(RoomList {
                        listed,
                        rooms: told.rooms,
                    });
                }
                Ok(None) => {
                    warn!(endpoint.name = %self.name(), "A room list is left out: the server names it and does not find it");
                    stock.untold.push(listed.address);
                }
                Err(error) if is_about_the_list(&error) => {
                    warn!(endpoint.name = %self.name(), %error, "A room list is left out: the server does not tell its rooms");
                    stock.untold.push(listed.address);
                }
                Err(error) if is_passing(&error) => {
                    warn!(endpoint.name = %self.name(), %error, "A room list cannot be read now; what was known of it stays");
                    failures = before + 1;
                    failed.push(listed.address);
                }
                // Callers' calls failed meanwhile. What has been read is as good as before.
                Err(EndpointError::BreakerOpen(_)) if !stock.lists.is_empty() => {
                    failures = MOST_FAILURES;
                    stock.later.push(listed.address);
                }
                Err(error) => return Err(error),
            }
        }
        stock.later.append(&mut failed);
        stock
            .lists
            .sort_by_key(|list| places.get(&list.listed.address));
        self.later_lists().clone_from(&stock.later);
        Ok(stock)
    }

    /// Lists that could not be read last time come after the others, and those that failed after those that nobody asked
    /// for: no list is behind the same failing ones at every reading.
    fn put_last(&self, lists: &mut [Listed]) {
        let later = self.later_lists();
        let places: HashMap<&SmtpAddress, usize> = later.iter().zip(0..).collect();
        lists.sort_by_key(|list| places.get(&list.address).copied());
    }

    /// A panic elsewhere leaves the lists whole: they are changed by a plain assignment.
    fn later_lists(&self) -> MutexGuard<'_, Vec<SmtpAddress>> {
        self.later_lists
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// What the source knows of one room, asked while no caller needs the endpoint.
    pub async fn room_in_background(
        &self,
        room: &SmtpAddress,
    ) -> Result<Option<Room>, EndpointError> {
        let Some(source) = self.source() else {
            return Ok(None);
        };
        let asked = self
            .calls
            .in_background(Subject::One, self.guard.timeout, |by| source.room(room, by));
        asked.instrument(self.span()).await
    }

    /// When mailboxes are busy, asked in one call while no caller needs the endpoint; at most as many mailboxes and days
    /// as one call may have.
    pub async fn ask_in_background(
        &self,
        mailboxes: &[SmtpAddress],
        window: TimeWindow,
    ) -> Result<BTreeMap<SmtpAddress, Outcome>, EndpointError> {
        let backend = &self.calls.backend;
        let ask = Ask::new(mailboxes.to_vec(), window);
        let asked = self
            .calls
            .in_background(Subject::Endpoint, self.guard.timeout, |by| {
                backend.free_busy(&ask, by)
            });
        asked.instrument(self.span()).await
    }

    /// Whether [`Endpoint::display_name`] asks a directory.
    pub fn tells_names(&self) -> bool {
        self.has_room_details()
    }

    /// What the source's directory calls the mailbox of exactly this address; None where it knows no name, or does not
    /// tell any. Asks nothing where there is no directory.
    pub async fn display_name(
        &self,
        mailbox: &SmtpAddress,
        deadline: Instant,
    ) -> Result<Option<Arc<str>>, EndpointError> {
        let Some(source) = self.source().filter(|source| source.has_details()) else {
            return Ok(None);
        };
        let deadline = self.deadline(deadline);
        let work = async |_| source.room(mailbox, deadline).await;
        let asked = self.calls.guarded_about(Subject::One, deadline, work);
        match asked.instrument(self.span()).await {
            // An address in place of a name says nothing.
            Ok(found) => Ok(found
                .map(|found| found.name)
                .filter(|name| SmtpAddress::parse(name).is_err())),
            // A server without this operation, or one that keeps its directory to itself.
            Err(EndpointError::Fault {
                code,
                transient: false,
                ..
            }) => {
                debug!(endpoint.name = %self.name(), %code, "The server tells no names");
                Ok(None)
            }
            // Of this mailbox; other names may well be read.
            Err(error @ EndpointError::BadAnswer(_)) => {
                debug!(endpoint.name = %self.name(), %error, "The name of a mailbox cannot be read");
                Ok(None)
            }
            Err(error) => {
                self.warn(&error);
                Err(error)
            }
        }
    }

    /// The members of any list, one level deep; None where there is no such list.
    pub async fn expand(
        &self,
        list: &SmtpAddress,
        deadline: Instant,
    ) -> Result<Option<Vec<Listed>>, EndpointError> {
        let Some(source) = self.source() else {
            return Ok(None);
        };
        let deadline = self.deadline(deadline);
        let work = async |_| source.expand(list, deadline).await;
        let asked = self.calls.guarded(deadline, work);
        let result = asked.instrument(self.span()).await;
        result.inspect_err(|error| self.warn(error))
    }

    /// Whether [`Endpoint::expand`] asks no server.
    pub fn expands_at_hand(&self) -> bool {
        self.source().is_none_or(RoomSource::expands_at_hand)
    }

    /// Whoever is called so.
    pub async fn search(&self, name: &str, deadline: Instant) -> Result<Found, EndpointError> {
        let Some(source) = self.source() else {
            return Ok(Found::default());
        };
        let deadline = self.deadline(deadline);
        let work = async |_| source.search(name, deadline).await;
        let asked = self.calls.guarded(deadline, work);
        let result = asked.instrument(self.span()).await;
        result.inspect_err(|error| self.warn(error))
    }

    /// Whether a room takes requests from outside, as far as the source tells.
    pub fn outside_requests(&self, room: &SmtpAddress) -> OutsideRequests {
        match self.source() {
            Some(source) => source.outside_requests(room),
            None => OutsideRequests::Unknown {
                look_up: "ask the administrator of the calendars".to_owned(),
            },
        }
    }

    fn source(&self) -> Option<&dyn RoomSource> {
        self.calls.backend.room_source()
    }

    /// One call like those of callers, with all the time that the endpoint gives to one.
    async fn call<T, F>(
        &self,
        subject: Subject,
        work: impl FnOnce(Instant) -> F,
    ) -> Result<T, EndpointError>
    where
        F: Future<Output = Result<T, EndpointError>>,
    {
        let deadline = Instant::now() + self.guard.timeout;
        let work = work(deadline);
        let work = async |_| work.await;
        self.calls.guarded_about(subject, deadline, work).await
    }
}

/// Whether the same server may well tell of other lists.
fn is_about_the_list(error: &EndpointError) -> bool {
    matches!(
        error,
        EndpointError::Fault {
            transient: false,
            ..
        } | EndpointError::BadAnswer(_)
    )
}

/// Whether the server may tell of this list a little later, and of others now.
fn is_passing(error: &EndpointError) -> bool {
    match error {
        EndpointError::NotAsked(why) => is_passing(why),
        EndpointError::Fault { transient, .. } => *transient,
        EndpointError::Timeout(_) => true,
        EndpointError::Status(status) => *status >= 500,
        EndpointError::Connect(_)
        | EndpointError::Tls(_)
        | EndpointError::Unauthorized { .. }
        | EndpointError::NoAccount(_)
        | EndpointError::Forbidden(_)
        | EndpointError::Token { .. }
        | EndpointError::Throttled { .. }
        | EndpointError::Redirect { .. }
        | EndpointError::BadAnswer(_)
        | EndpointError::Source(_)
        | EndpointError::BreakerOpen(_) => false,
    }
}

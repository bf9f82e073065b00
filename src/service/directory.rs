//! The rooms of all endpoints, remembered and read again in the background. What a caller may see of them is decided in
//! `shown`; merging is the work of `catalogue`.

mod background;
pub mod catalogue;
mod hidden;
mod known;
mod members;
mod prefetch;
mod shown;
#[cfg(test)]
mod tests;
mod words;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, timeout_at};
use tracing::{debug, info, warn};

use super::Availability;
use super::alias::Aliases;
use super::settings::{RoomsSettings, SharingSettings};
use crate::backend::EndpointError;
use crate::backend::endpoint::rooms::RoomStock;
use crate::domain::room::arranged;
use crate::domain::{Clock, Room, SmtpAddress};
use catalogue::Catalogue;
pub(super) use known::Known;
pub use members::Members;
pub use shown::{DirectoryError, Resolved, ResolvedKind};

/// How long what is known of a single room is good: it changes when a room is rebuilt.
const DETAILS_FOR: SignedDuration = SignedDuration::from_hours(24);

/// What is known of rooms.
pub(super) struct Directory {
    settings: RoomsSettings,
    sharing: SharingSettings,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// What the state means, ready to be taken by each question: changed under the lock of the state.
    known: ArcSwap<Known>,
    expansions: members::Expansions,
    /// Held by the one who reads the rooms anew.
    refreshing: tokio::sync::Mutex<()>,
}

struct State {
    /// In the order of the endpoints.
    parts: Vec<Part>,
    /// Every source was asked, whatever it said.
    is_asked: bool,
}

/// The rooms of one endpoint.
struct Part {
    written: RoomStock,
    /// What the source said last; None where it has said nothing yet.
    stock: Option<RoomStock>,
    /// The source refuses for good to say anything.
    is_refused: bool,
    has_source: bool,
    details: HashMap<SmtpAddress, (Timestamp, Option<Room>)>,
}

impl Directory {
    pub(super) fn new(
        settings: &RoomsSettings,
        sharing: SharingSettings,
        parts: impl Iterator<Item = Arc<crate::backend::endpoint::Endpoint>>,
        aliases: &Aliases,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let parts: Vec<Part> = parts
            .map(|endpoint| {
                let (lists, alone) = arranged(endpoint.written_rooms());
                let written = RoomStock {
                    lists,
                    alone,
                    ..RoomStock::default()
                };
                Part {
                    written: words::in_own_words(written, aliases),
                    stock: None,
                    is_refused: false,
                    has_source: endpoint.has_room_source(),
                    details: HashMap::new(),
                }
            })
            .collect();
        let is_asked = parts.iter().all(|part| !part.has_source);
        Self {
            settings: settings.clone(),
            sharing,
            clock,
            known: ArcSwap::from_pointee(Known::of(
                &parts,
                Catalogue::default(),
                sharing,
                hidden::Namesakes::default(),
            )),
            state: Mutex::new(State { parts, is_asked }),
            expansions: members::Expansions::default(),
            refreshing: tokio::sync::Mutex::new(()),
        }
    }

    /// What is known now. To be taken once for a question.
    pub(super) fn known(&self) -> Arc<Known> {
        self.known.load_full()
    }

    /// Forgets what servers said of lists.
    pub(super) fn forget_members(&self) {
        self.expansions.forget();
    }

    /// Whether nothing at all is known of the rooms of some endpoint.
    fn any_silent(&self) -> bool {
        self.lock().parts.iter().any(Part::is_silent)
    }

    /// A panic elsewhere leaves the state whole: each change is a plain assignment.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Part {
    /// Whether there is a source that has said nothing yet.
    fn is_silent(&self) -> bool {
        self.has_source && self.stock.is_none()
    }

    /// Lists that could not be read this time.
    fn later(&self) -> &[SmtpAddress] {
        self.stock.as_ref().map_or(&[], |stock| &stock.later)
    }

    /// Takes what the source says now. Of a list that it names without telling the rooms, what it said before stays. One
    /// that cannot be read now is as well known as before: where all of its rooms were told, they are taken for all.
    fn hear(&mut self, mut stock: RoomStock) {
        let before = self.stock.take().unwrap_or_default();
        for list in &stock.later {
            let was_told = before.lists.iter().any(|told| told.listed.address == *list);
            if !was_told || before.untold.contains(list) {
                stock.untold.push(list.clone());
            }
        }
        for list in before.lists {
            let address = &list.listed.address;
            let is_told = stock
                .lists
                .iter()
                .any(|told| told.listed.address == *address);
            let is_missing = stock.untold.contains(address) || stock.later.contains(address);
            if is_missing && !is_told {
                stock.lists.push(list);
            }
        }
        self.stock = Some(stock);
        self.is_refused = false;
    }

    /// The rooms that the source has told.
    fn told_rooms(&self) -> impl Iterator<Item = &SmtpAddress> {
        self.stock.iter().flat_map(RoomStock::rooms)
    }

    /// Those that are written down as well.
    fn rooms(&self) -> impl Iterator<Item = &SmtpAddress> {
        self.told_rooms().chain(self.written.rooms())
    }

    /// The source's rooms with all that is known of each.
    fn detailed(&self) -> RoomStock {
        let mut stock = self.stock.clone().unwrap_or_default();
        let rooms = stock.lists.iter_mut().flat_map(|list| &mut list.rooms);
        for room in rooms.chain(&mut stock.alone) {
            if let Some((_, Some(details))) = self.details.get(&room.address) {
                *room = room.clone().completed_by(details);
            }
        }
        stock
    }

    /// The rooms of which more is to be asked.
    fn without_details(&self, now: Timestamp) -> Vec<SmtpAddress> {
        let stock = self.stock.iter();
        let rooms = stock.flat_map(|stock| stock.lists.iter().flat_map(|list| &list.rooms));
        let is_old = |room: &&Room| match self.details.get(&room.address) {
            Some((at, _)) => now.duration_since(*at) > DETAILS_FOR,
            None => true,
        };
        rooms
            .filter(is_old)
            .map(|room| room.address.clone())
            .collect()
    }
}

impl Availability {
    /// Puts what is known of the endpoints together. To be called when that has changed, and once at the beginning.
    pub(super) fn arrange_rooms(&self) {
        self.arrange(&self.directory.lock());
    }

    /// The same under a lock that is held: nobody sees what a source has told without the catalogue of it.
    fn arrange(&self, state: &State) {
        let stocks: Vec<RoomStock> = state
            .parts
            .iter()
            .flat_map(|part| [part.written.clone(), part.detailed()])
            .collect();
        let catalogue = Catalogue::merged(&stocks, |room| self.routes.find(room).is_some());
        let sharing = self.directory.sharing;
        let namesakes = if sharing.room_booking {
            hidden::Namesakes::default()
        } else {
            hidden::Namesakes::of(&state.parts, &self.routes)
        };
        let known = Known::of(&state.parts, catalogue, sharing, namesakes);
        self.directory.known.store(Arc::new(known));
    }

    /// Reads the rooms of all endpoints anew, side by side; what an endpoint has said before stays where it fails. Says
    /// whether nothing failed that may go well soon.
    pub async fn refresh_rooms(&self) -> bool {
        let _only_one = self.directory.refreshing.lock().await;
        self.read_rooms().await
    }

    async fn read_rooms(&self) -> bool {
        let asked = self.endpoints().enumerate();
        let mut answers: FuturesUnordered<_> = asked
            .filter(|(_, endpoint)| endpoint.has_room_source())
            .map(|(place, endpoint)| async move { (place, endpoint.rooms().await) })
            .collect();
        let mut all_well = true;
        while let Some((place, answer)) = answers.next().await {
            let name = self.desks.get(place).map(|desk| desk.endpoint().name());
            let name = name.map_or("", |name| name);
            match answer {
                Ok(stock) => {
                    all_well &= stock.later.is_empty();
                    self.hear(place, name, stock);
                }
                Err(error) if is_final(&error) => {
                    let mut state = self.directory.lock();
                    if let Some(part) = state.parts.get_mut(place) {
                        // What it has told before, it has told.
                        part.is_refused |= part.stock.is_none();
                        part.stock.get_or_insert_default();
                    }
                    self.arrange(&state);
                    drop(state);
                    warn!(endpoint.name = name, %error, "The server of endpoint `{name}` refuses to tell its rooms: name them with [[endpoint.room]]; without room booking, details of its mailboxes are told only then");
                }
                Err(error) => {
                    all_well = false;
                    warn!(endpoint.name = name, %error, "The rooms of endpoint `{name}` cannot be read; what was known of them stays");
                }
            }
        }
        self.directory.lock().is_asked = true;
        let known = self.directory.known();
        let (rooms, lists) = (
            known.catalogue.rooms().count(),
            known.catalogue.lists().len(),
        );
        debug!(rooms, lists, "The rooms have been read");
        all_well
    }

    /// Takes what the endpoint at `place` says now.
    fn hear(&self, place: usize, name: &str, stock: RoomStock) {
        let stock = words::in_own_words(stock, &self.aliases);
        let mut state = self.directory.lock();
        let Some(part) = state.parts.get_mut(place) else {
            return;
        };
        part.hear(stock);
        let rooms: HashSet<_> = part.rooms().collect();
        let rooms = rooms.into_iter();
        let strange = rooms.filter(|room| self.routes.find(room).is_none());
        let strange = strange.count();
        self.arrange(&state);
        drop(state);
        if strange > 0 {
            warn!(
                endpoint.name = name,
                rooms = strange,
                "Rooms of endpoint `{name}` are left out: no endpoint has their mail domains"
            );
        }
    }

    /// The endpoints that have not told, now or at all, which rooms they have, by name.
    pub fn unread_rooms(&self) -> Vec<&str> {
        let state = self.directory.lock();
        let parts = self.endpoints().zip(&state.parts);
        let unread = parts.filter(|(_, part)| part.may_hide_lists() || !part.later().is_empty());
        unread.map(|(endpoint, _)| &**endpoint.name()).collect()
    }

    /// Takes over what `before` knows of the rooms of `endpoints`, which are the same ones, until they are read anew.
    pub(super) fn inherit_rooms(&self, before: &Self, endpoints: &[Arc<str>]) {
        for name in endpoints {
            let place = |of: &Self| of.endpoints().position(|each| each.name() == name);
            let (Some(old), Some(new)) = (place(before), place(self)) else {
                continue;
            };
            let (stock, is_refused, details) = {
                let state = before.directory.lock();
                let Some(part) = state.parts.get(old) else {
                    continue;
                };
                (part.stock.clone(), part.is_refused, part.details.clone())
            };
            if let Some(part) = self.directory.lock().parts.get_mut(new) {
                part.stock = stock.map(|stock| words::in_own_words(stock, &self.aliases));
                part.is_refused = is_refused;
                part.details = details;
            }
        }
        let mut state = self.directory.lock();
        state.is_asked = !state.parts.iter().any(Part::is_silent);
        drop(state);
        self.arrange_rooms();
    }

    /// Waits until every source was asked for its rooms, where an answer depends on them: without room booking, as much is
    /// told of an unread endpoint's mailboxes as of rooms. For those who ask once and go.
    pub async fn await_rooms(&self, deadline: Instant) {
        if !self.directory.sharing.room_booking {
            self.known_rooms(deadline).await;
        }
    }

    /// What is known of rooms; where nothing was asked yet, after asking, as far as the deadline lets it.
    async fn known_rooms(&self, deadline: Instant) -> Arc<Known> {
        if !self.directory.lock().is_asked {
            let ask = async {
                let _only_one = self.directory.refreshing.lock().await;
                if !self.directory.lock().is_asked {
                    self.read_rooms().await;
                }
            };
            if timeout_at(deadline, ask).await.is_err() {
                info!("The rooms have not been read in time for a caller");
            }
        }
        self.directory.known()
    }
}

/// Whether the server will say the same next time: it has said what it has to say of rooms.
fn is_final(error: &EndpointError) -> bool {
    matches!(
        error,
        EndpointError::Fault {
            transient: false,
            ..
        }
    )
}

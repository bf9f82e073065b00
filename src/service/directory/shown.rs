//! What a caller sees of rooms, lists and names: nothing that the rules of sharing keep from it, in its own words. Nobody
//! can walk the directory through this: people are told by their exact address alone, unless the configuration opens the
//! directory.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::join_all;
use tokio::time::Instant;

use super::Known;
use super::catalogue::KnownList;
use crate::backend::rooms::Found;
use crate::domain::{Caller, Listed, MailboxError, Room, RoomDetails, SmtpAddress};
use crate::service::Availability;

/// The most that one answer tells.
const MOST_RESULTS: usize = 100;

/// Why nothing is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    #[error("there is no such thing, or none that the caller may see")]
    Unknown,
    #[error("the rooms are not known now")]
    Unavailable,
}

/// What a name or an address stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    pub listed: Listed,
    pub kind: ResolvedKind,
    /// Of a room.
    pub details: RoomDetails,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResolvedKind {
    Mailbox,
    RoomList,
}

impl Availability {
    /// Whether callers are told of rooms at all.
    pub fn offers_rooms(&self) -> bool {
        self.directory.sharing.room_booking
    }

    /// The room lists that the caller may see, by name; none where rooms are not offered.
    pub async fn room_lists(
        &self,
        caller: &Caller,
        deadline: Instant,
    ) -> Result<Vec<Listed>, DirectoryError> {
        if !self.directory.sharing.room_booking {
            return Ok(Vec::new());
        }
        let known = self.known_rooms(deadline).await;
        if known.is_nothing_known() {
            return Err(DirectoryError::Unavailable);
        }
        let lists = known.catalogue.lists().iter();
        Ok(lists
            .filter(|list| self.shows_rooms(caller, list))
            .filter_map(|list| self.told_list(caller, list))
            .collect())
    }

    /// The rooms of a list that the caller may see, by address; also the members of the list.
    pub async fn rooms(
        &self,
        caller: &Caller,
        list: &SmtpAddress,
        deadline: Instant,
    ) -> Result<Vec<Room>, DirectoryError> {
        if !self.directory.sharing.room_booking {
            return Err(DirectoryError::Unknown);
        }
        let known = self.known_rooms(deadline).await;
        let internal = self.aliases.internal(list);
        let Some(found) = known.catalogue.list(&internal) else {
            let may_ask = self.permit.check(caller, list, &internal).is_ok();
            return Err(if !may_ask {
                DirectoryError::Unknown
            } else if known.later.contains(&internal) {
                DirectoryError::Unavailable
            } else {
                known.nothing()
            });
        };
        if !self.admits_list(caller, list, found) || !self.shows_rooms(caller, found) {
            return Err(DirectoryError::Unknown);
        }
        let rooms = known.catalogue.rooms_of(found);
        Ok(rooms
            .filter_map(|room| self.told_room(caller, room, Some(list)))
            .collect())
    }

    /// Every room that the caller may see, by address, with the first list that it stands in.
    pub async fn all_rooms(
        &self,
        caller: &Caller,
        deadline: Instant,
    ) -> Result<Vec<(Room, Option<Listed>)>, DirectoryError> {
        if !self.directory.sharing.room_booking {
            return Ok(Vec::new());
        }
        let known = self.known_rooms(deadline).await;
        if known.is_nothing_known() {
            return Err(DirectoryError::Unavailable);
        }
        let mut lists: BTreeMap<&SmtpAddress, &KnownList> = BTreeMap::new();
        for list in known.catalogue.lists() {
            for room in &list.rooms {
                lists.entry(room).or_insert(list);
            }
        }
        let rooms = known.catalogue.rooms().filter_map(|room| {
            let list = lists.get(&room.address);
            let list = list.and_then(|list| self.told_list(caller, list));
            Some((self.told_room(caller, room, None)?, list))
        });
        Ok(rooms.collect())
    }

    /// What `entry` stands for: an address exactly, or the beginning of a name; at most 100, by name, and whether there
    /// are more.
    pub async fn resolve_names(
        &self,
        caller: &Caller,
        entry: &str,
        deadline: Instant,
    ) -> Result<(Vec<Resolved>, bool), DirectoryError> {
        let entry = entry.trim();
        let sharing = self.directory.sharing;
        // Without either, rooms change nothing, and nobody is to wait for them.
        let needs_rooms = sharing.room_booking || sharing.directory;
        let known = if needs_rooms {
            self.known_rooms(deadline).await
        } else {
            self.directory.known()
        };
        let mut nothing = if needs_rooms {
            known.nothing()
        } else {
            DirectoryError::Unknown
        };
        if let Ok(asked) = SmtpAddress::parse(entry) {
            match self.resolve_address(caller, &asked, &known, deadline).await {
                Ok(Some(found)) => return Ok((vec![found], false)),
                // It is there, perhaps, and will be told as soon as nobody can take it for a list of rooms.
                Err(error) if self.is_unread(&asked, &known) => nothing = error,
                // Docs: an exact address that its endpoint cannot be asked for is answered as one that is not there.
                Ok(None) | Err(_) => {}
            }
        }
        let mut found = BTreeMap::new();
        if self.directory.sharing.room_booking {
            let rooms = known.catalogue.rooms();
            for room in rooms.filter(|room| room.is_called(entry)) {
                if let Some(room) = self.told_room(caller, room, None) {
                    found.insert(room.address.clone(), resolved_room(room));
                }
            }
        }
        let mut more = false;
        if self.directory.sharing.directory {
            more = self
                .search_people(caller, entry, &known, (deadline, &mut found))
                .await;
        }
        if found.is_empty() {
            return Err(nothing);
        }
        let mut found: Vec<Resolved> = found.into_values().collect();
        found
            .sort_by_cached_key(|one| (one.listed.name.to_lowercase(), one.listed.address.clone()));
        more |= found.len() > MOST_RESULTS;
        found.truncate(MOST_RESULTS);
        Ok((found, more))
    }

    /// Whether nothing is told of an address because the rooms of its endpoint have not been read.
    fn is_unread(&self, asked: &SmtpAddress, known: &Known) -> bool {
        let route = self.routes.find(&self.aliases.internal(asked));
        let unread = |place| {
            known
                .hidden_list(place)
                .is_some_and(MailboxError::is_transient)
        };
        route.is_some_and(|route| route.places().any(unread))
    }

    async fn resolve_address(
        &self,
        caller: &Caller,
        asked: &SmtpAddress,
        known: &Known,
        deadline: Instant,
    ) -> Result<Option<Resolved>, DirectoryError> {
        let internal = self.aliases.internal(asked);
        if self.directory.sharing.room_booking {
            if let Some(list) = known.catalogue.list(&internal) {
                let is_shown =
                    self.admits_list(caller, asked, list) && self.shows_rooms(caller, list);
                return Ok(is_shown.then(|| Resolved {
                    listed: Listed {
                        address: asked.clone(),
                        name: Arc::clone(&list.listed.name),
                    },
                    kind: ResolvedKind::RoomList,
                    details: RoomDetails::default(),
                }));
            }
            if self.permit.check(caller, asked, &internal).is_err() {
                return Ok(None);
            }
            if let Some(room) = known.catalogue.room(&internal) {
                let told = self.told_room(caller, room, Some(asked));
                return Ok(told.map(resolved_room));
            }
        }
        let name = self.resolve(caller, asked, deadline).await?;
        Ok(name.map(|name| Resolved {
            listed: Listed {
                address: asked.clone(),
                name,
            },
            kind: ResolvedKind::Mailbox,
            details: RoomDetails::default(),
        }))
    }

    /// Adds whoever is called so at any endpoint that can search; whether there are more. An endpoint that fails has
    /// logged why; one that has not said which of its mailboxes are lists of rooms is not searched.
    async fn search_people(
        &self,
        caller: &Caller,
        entry: &str,
        known: &Known,
        (deadline, found): (Instant, &mut BTreeMap<SmtpAddress, Resolved>),
    ) -> bool {
        let endpoints = self.desks.iter().map(super::super::desk::Desk::endpoint);
        let asked = endpoints.enumerate().map(|(place, endpoint)| async move {
            if known.is_silent(place) || known.may_hide_rooms(place) {
                Ok(Found::default())
            } else {
                endpoint.search(entry, deadline).await
            }
        });
        let mut more = false;
        for (place, answer) in join_all(asked).await.into_iter().enumerate() {
            let answer = answer.unwrap_or_default();
            let mut tells_some = false;
            for listed in answer.listed {
                let is_here = self.routes.find(&listed.address).is_some_and(|route| {
                    route.endpoint == place || route.fallbacks.contains(&place)
                });
                // Rooms have been found already, where the caller may find them.
                if !is_here || known.is_of_rooms(&listed.address, place) {
                    continue;
                }
                if let Some(listed) = self.told(caller, &listed) {
                    let person = Resolved {
                        listed,
                        kind: ResolvedKind::Mailbox,
                        details: RoomDetails::default(),
                    };
                    found.entry(person.listed.address.clone()).or_insert(person);
                    tells_some = true;
                }
            }
            // That there are more of those of whom nothing is told is not told either.
            more |= answer.more && tells_some;
        }
        more
    }

    /// A list of which the caller may see no room is not there; one that has none is.
    pub(super) fn shows_rooms(&self, caller: &Caller, list: &KnownList) -> bool {
        list.rooms.is_empty()
            || list
                .rooms
                .iter()
                .any(|room| self.told_address(caller, room).is_some())
    }

    fn told_room(&self, caller: &Caller, room: &Room, asked: Option<&SmtpAddress>) -> Option<Room> {
        let as_asked = asked
            .map(|asked| self.aliases.external(&room.address, asked))
            .filter(|told| self.permit.check(caller, told, &room.address).is_ok());
        let address = match as_asked {
            Some(address) => address,
            None => self.told_address(caller, &room.address)?,
        };
        let name = told_name(&room.name, &room.address, &address);
        Some(Room {
            address,
            name,
            details: room.details.clone(),
        })
    }

    fn told_list(&self, caller: &Caller, list: &KnownList) -> Option<Listed> {
        let Listed { address, name } = &list.listed;
        let mut names = self.names(caller, address);
        let told = names.find(|told| self.admits_list(caller, told, list))?;
        let name = told_name(name, address, &told);
        Some(Listed {
            address: told,
            name,
        })
    }

    /// Whether the caller may ask for a list that it calls `asked`, by the rules for all of the list.
    pub(super) fn admits_list(
        &self,
        caller: &Caller,
        asked: &SmtpAddress,
        list: &KnownList,
    ) -> bool {
        list.whole.at(&asked.domain()).is_some_and(|whole| {
            let part = (asked, &list.listed.address);
            self.permit.admits_part(caller, (&whole, &list.whole), part)
        })
    }

    fn told(&self, caller: &Caller, listed: &Listed) -> Option<Listed> {
        let address = self.told_address(caller, &listed.address)?;
        let name = told_name(&listed.name, &listed.address, &address);
        Some(Listed { address, name })
    }

    /// How the caller calls what endpoints call `internal`: by an alias where there is one, its own first. None where it
    /// may ask for none of the names.
    pub(super) fn told_address(
        &self,
        caller: &Caller,
        internal: &SmtpAddress,
    ) -> Option<SmtpAddress> {
        let mut names = self.names(caller, internal);
        names.find(|told| self.permit.check(caller, told, internal).is_ok())
    }

    /// What the caller may know it by, the best first.
    fn names(&self, caller: &Caller, internal: &SmtpAddress) -> impl Iterator<Item = SmtpAddress> {
        let domains = self.aliases.externals(internal);
        let own = caller.account().map_or("", SmtpAddress::domain_str);
        let (first, others): (Vec<_>, Vec<_>) =
            domains.iter().partition(|domain| domain.as_str() == own);
        let names = first.into_iter().chain(others);
        names
            .filter_map(|domain| internal.at(domain))
            .chain(std::iter::once(internal.clone()))
    }
}

fn resolved_room(room: Room) -> Resolved {
    Resolved {
        listed: Listed {
            address: room.address,
            name: room.name,
        },
        kind: ResolvedKind::Mailbox,
        details: room.details,
    }
}

/// What has no better name than its address is called as the caller calls it.
fn told_name(name: &Arc<str>, internal: &SmtpAddress, told: &SmtpAddress) -> Arc<str> {
    if **name == *internal.as_str() {
        told.as_str().into()
    } else {
        Arc::clone(name)
    }
}

//! Rooms, names and members of lists from a folder: `rooms.toml` and `lists.toml` beside the calendars, and the names
//! that calendars have.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::time::Instant;
use tracing::warn;

use super::folder::{self, Folder};
use super::{CalendarFiles, MOST_MEMBERS, by, off_the_runtime};
use crate::backend::EndpointError;
use crate::backend::rooms::{Found, OutsideRequests, RoomSource, ToldRooms};
use crate::codec::rooms;
use crate::domain::room::arranged;
use crate::domain::{Listed, Room, RoomEntry, SmtpAddress};

/// The name of the file, in exactly this case.
pub(super) const FILE: &str = "rooms.toml";

impl CalendarFiles {
    /// The rooms as they are on disk now; none where there is no file.
    async fn entries(&self, deadline: Instant) -> Result<Vec<RoomEntry>, EndpointError> {
        let folder = Arc::clone(&self.folder);
        let read = async {
            let read = off_the_runtime(move || read(&folder)).await;
            read.unwrap_or_else(|_| Err("reading it was broken off".to_owned()))
                .map_err(|text| EndpointError::Source(format!("{FILE}: {text}").into()))
        };
        by(deadline, read).await
    }
}

pub(super) fn read(folder: &Folder) -> Result<Vec<RoomEntry>, String> {
    let Some(path) = folder.beside(FILE) else {
        return Ok(Vec::new());
    };
    let bytes = folder::read(&path).map_err(|error| error.to_string())?;
    let text = String::from_utf8(bytes).map_err(|_| "not in UTF-8".to_owned())?;
    rooms::read(&text).map_err(|error| error.to_string())
}

#[async_trait]
impl RoomSource for CalendarFiles {
    async fn room_lists(&self, deadline: Instant) -> Result<Vec<Listed>, EndpointError> {
        let (lists, _) = arranged(&self.entries(deadline).await?);
        Ok(lists.into_iter().map(|list| list.listed).collect())
    }

    async fn rooms(
        &self,
        list: &SmtpAddress,
        deadline: Instant,
    ) -> Result<Option<ToldRooms>, EndpointError> {
        let (lists, _) = arranged(&self.entries(deadline).await?);
        let mut lists = lists.into_iter();
        let found = lists.find(|found| found.listed.address == *list);
        Ok(found.map(|found| ToldRooms {
            rooms: found.rooms,
            may_have_more: false,
        }))
    }

    fn has_rooms_alone(&self) -> bool {
        true
    }

    async fn rooms_alone(&self, deadline: Instant) -> Result<Vec<Room>, EndpointError> {
        let (_, alone) = arranged(&self.entries(deadline).await?);
        Ok(alone)
    }

    async fn expand(
        &self,
        list: &SmtpAddress,
        deadline: Instant,
    ) -> Result<Option<Vec<Listed>>, EndpointError> {
        let now = by(deadline, self.list()).await?;
        let lists = now
            .lists
            .as_ref()
            .map_err(|_| EndpointError::Source("lists.toml cannot be read".into()))?;
        match lists.members(list, MOST_MEMBERS) {
            None => Ok(None),
            Some(Ok(members)) => Ok(Some(members.into_iter().map(Listed::unnamed).collect())),
            Some(Err(too_many)) => Err(EndpointError::Source(too_many.to_string().into())),
        }
    }

    /// Every calendar is read for its name; those that have not changed are known already.
    fn expands_at_hand(&self) -> bool {
        true
    }

    async fn search(&self, name: &str, deadline: Instant) -> Result<Found, EndpointError> {
        let now = by(deadline, self.list()).await?;
        let (shelf, name) = (Arc::clone(&self.shelf), name.to_owned());
        let work = async {
            let found = off_the_runtime(move || {
                let mut found = BTreeSet::new();
                for mailbox in now.listing.mailboxes() {
                    let mut listed = Listed::unnamed(mailbox.clone());
                    if let Ok(calendar) = shelf.calendar(&now.listing, mailbox)
                        && let Some(name) = calendar.name()
                    {
                        listed.name = name.into();
                    }
                    if listed.is_called(&name) {
                        found.insert(listed);
                    }
                }
                found
            });
            found.await.map_err(|error| {
                warn!(%error, "Searching the calendars broke off");
                EndpointError::Source("searching the calendars broke off".into())
            })
        };
        Ok(Found {
            listed: by(deadline, work).await?.into_iter().collect(),
            more: false,
        })
    }

    fn outside_requests(&self, _room: &SmtpAddress) -> OutsideRequests {
        OutsideRequests::Refused {
            why: "nobody answers requests for a calendar file",
        }
    }
}

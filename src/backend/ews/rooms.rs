//! Rooms, names and members of lists from an Exchange server.

use async_trait::async_trait;
use tokio::time::Instant;
use tracing::{info, warn};

use super::Ews;
use super::asking::Asking;
use crate::backend::rooms::{Found, OutsideRequests, RoomSource, ToldRooms};
use crate::backend::{Ask, EndpointError};
use crate::codec::ews::upstream::directory::{DirectoryAnswer, DirectoryQuestion};
use crate::codec::ews::upstream::{ReadError, SchemaLevel};
use crate::domain::{Listed, Room, SmtpAddress};

/// Where GetRooms ends without saying so.
const MOST_ROOMS_TOLD: usize = 100;

impl Asking for DirectoryQuestion {
    type Answer = Option<DirectoryAnswer>;

    fn write(&self, level: SchemaLevel) -> Vec<u8> {
        DirectoryQuestion::write(self, level)
    }

    fn read(&self, body: &[u8], _level: SchemaLevel) -> Result<Self::Answer, ReadError> {
        DirectoryQuestion::read(self, body)
    }
}

impl Ews {
    async fn directory(
        &self,
        question: DirectoryQuestion,
        deadline: Instant,
    ) -> Result<Option<DirectoryAnswer>, EndpointError> {
        let nobody = Ask::new(Vec::new(), self.moment()?);
        self.call(&question, &nobody, deadline).await
    }

    /// Adds the members of a list to its `rooms`; whether these are all of them then.
    async fn complete(
        &self,
        rooms: &mut Vec<Room>,
        list: &SmtpAddress,
        deadline: Instant,
    ) -> Result<bool, EndpointError> {
        let question = DirectoryQuestion::Expand(list.as_str().to_owned());
        match self.directory(question, deadline).await {
            Ok(Some(whole)) => {
                let is_whole = !whole.leaves_out();
                if !is_whole {
                    warn!("The members of a list of 100 rooms are told in part: it may have more");
                }
                // A list in the list is no room.
                let is_new = |room: &Room| {
                    !rooms.iter().any(|known| known.address == room.address)
                        && !whole.lists.contains(&room.address)
                };
                let more: Vec<_> = whole.found.into_iter().filter(is_new).collect();
                rooms.extend(more);
                Ok(is_whole)
            }
            Ok(None) => {
                warn!("A list of 100 rooms cannot be expanded: it may have more");
                Ok(false)
            }
            Err(error @ (EndpointError::Fault { .. } | EndpointError::BadAnswer(_))) => {
                warn!(%error, "A list of 100 rooms cannot be expanded: it may have more");
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

#[async_trait]
impl RoomSource for Ews {
    async fn room_lists(&self, deadline: Instant) -> Result<Vec<Listed>, EndpointError> {
        match self.directory(DirectoryQuestion::RoomLists, deadline).await {
            Ok(answer) => Ok(listed(answer.unwrap_or_default())),
            // Exchange 2007 and some that speak like it.
            Err(EndpointError::Fault { code, text, .. }) if is_unsupported(&code, &text) => {
                info!(%code, "The server has no room lists");
                Ok(Vec::new())
            }
            Err(error) => Err(error),
        }
    }

    /// A list of exactly as many rooms as one answer can have is asked for in another way, too.
    async fn rooms(
        &self,
        list: &SmtpAddress,
        deadline: Instant,
    ) -> Result<Option<ToldRooms>, EndpointError> {
        let question = DirectoryQuestion::Rooms(list.as_str().to_owned());
        let Some(answer) = self.directory(question, deadline).await? else {
            return Ok(None);
        };
        let is_full = answer.entries >= MOST_ROOMS_TOLD;
        let mut told = ToldRooms {
            may_have_more: answer.leaves_out(),
            rooms: answer.found,
        };
        if told.may_have_more {
            warn!("A room list has rooms without an SMTP address: they are left out");
        }
        if is_full {
            told.may_have_more |= !self.complete(&mut told.rooms, list, deadline).await?;
        }
        Ok(Some(told))
    }

    async fn room(
        &self,
        room: &SmtpAddress,
        deadline: Instant,
    ) -> Result<Option<Room>, EndpointError> {
        let answer = self.directory(exactly(room), deadline).await?;
        let found = answer.unwrap_or_default().found;
        Ok(found.into_iter().find(|found| found.address == *room))
    }

    fn has_details(&self) -> bool {
        true
    }

    async fn expand(
        &self,
        list: &SmtpAddress,
        deadline: Instant,
    ) -> Result<Option<Vec<Listed>>, EndpointError> {
        let question = DirectoryQuestion::Expand(list.as_str().to_owned());
        let Some(answer) = self.directory(question, deadline).await? else {
            return Ok(None);
        };
        if answer.leaves_out() {
            // Members that cannot be asked for are not left out in silence.
            return Err(EndpointError::BadAnswer(
                "the list has members without an SMTP address".into(),
            ));
        }
        Ok(Some(listed(answer)))
    }

    async fn search(&self, name: &str, deadline: Instant) -> Result<Found, EndpointError> {
        let question = DirectoryQuestion::Resolve(name.to_owned());
        let answer = self
            .directory(question, deadline)
            .await?
            .unwrap_or_default();
        Ok(Found {
            more: answer.more,
            listed: listed(answer),
        })
    }

    /// EWS has no word for it.
    fn outside_requests(&self, room: &SmtpAddress) -> OutsideRequests {
        // For PowerShell: a quote inside is written twice.
        let identity = room.as_str().replace('\'', "''");
        OutsideRequests::Unknown {
            look_up: format!(
                "Get-CalendarProcessing -Identity '{identity}' | Format-List AutomateProcessing,ProcessExternalMeetingMessages"
            ),
        }
    }
}

/// Not the beginning of a name.
fn exactly(mailbox: &SmtpAddress) -> DirectoryQuestion {
    DirectoryQuestion::Resolve(format!("smtp:{mailbox}"))
}

fn listed(answer: DirectoryAnswer) -> Vec<Listed> {
    let found = answer.found.into_iter();
    found
        .map(|room| Listed {
            address: room.address,
            name: room.name,
        })
        .collect()
}

/// Whether a server says that it has no such operation: Exchange by its codes, gromox by the text of a plain SOAP fault.
fn is_unsupported(code: &str, text: &str) -> bool {
    let is_plain = ["Server", "Client"].contains(&code);
    matches!(
        code,
        "ErrorInvalidRequest"
            | "ErrorSchemaValidation"
            | "ErrorInvalidServerVersion"
            | "ErrorInvalidOperation"
            | "ErrorNotSupported"
    ) || is_plain && text.starts_with("Unknown request")
}

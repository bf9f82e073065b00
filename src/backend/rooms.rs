//! Rooms, names and the members of lists: the second, optional half of a source. What is remembered of them, and who may
//! see it, is not decided here.

use async_trait::async_trait;
use tokio::time::Instant;

use super::EndpointError;
use crate::domain::{Listed, Room, SmtpAddress};

/// A source that knows more of its mailboxes than when they are busy. Like [`super::Backend`]: no retries, no cache.
#[async_trait]
pub trait RoomSource: Send + Sync {
    /// The lists of rooms, without the rooms; none where the source has none, or does not know what rooms are.
    async fn room_lists(&self, deadline: Instant) -> Result<Vec<Listed>, EndpointError>;

    /// The rooms of a list; None where there is no such list.
    async fn rooms(
        &self,
        list: &SmtpAddress,
        deadline: Instant,
    ) -> Result<Option<ToldRooms>, EndpointError>;

    /// Whether [`RoomSource::rooms_alone`] may know any; where it does not, it is not asked.
    fn has_rooms_alone(&self) -> bool {
        false
    }

    /// Rooms that stand in no list.
    async fn rooms_alone(&self, _deadline: Instant) -> Result<Vec<Room>, EndpointError> {
        Ok(Vec::new())
    }

    /// What else is known of a room, where [`RoomSource::rooms`] does not tell everything; and what any other mailbox of
    /// exactly this address is called.
    async fn room(
        &self,
        _room: &SmtpAddress,
        _deadline: Instant,
    ) -> Result<Option<Room>, EndpointError> {
        Ok(None)
    }

    /// Whether [`RoomSource::room`] may know more than the lists tell.
    fn has_details(&self) -> bool {
        false
    }

    /// The members of any list, one level deep; None where there is no such list.
    async fn expand(
        &self,
        list: &SmtpAddress,
        deadline: Instant,
    ) -> Result<Option<Vec<Listed>>, EndpointError>;

    /// Whether [`RoomSource::expand`] asks no server: it costs little, and answers may change at any time.
    fn expands_at_hand(&self) -> bool {
        false
    }

    /// Whoever is called so, by the beginning of the name.
    async fn search(&self, name: &str, deadline: Instant) -> Result<Found, EndpointError>;

    /// Whether a room takes requests from organisers outside its own organisation.
    fn outside_requests(&self, room: &SmtpAddress) -> OutsideRequests;
}

/// What a source tells of a list of rooms.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToldRooms {
    pub rooms: Vec<Room>,
    /// There are others, or may be, that the source has not told; it has logged why.
    pub may_have_more: bool,
}

/// What a search has found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    pub listed: Vec<Listed>,
    /// There are others that the source has not told.
    pub more: bool,
}

/// Whether a room can be booked from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutsideRequests {
    Accepted,
    Refused {
        why: &'static str,
    },
    /// The source does not tell.
    Unknown {
        /// What an administrator runs there to find out.
        look_up: String,
    },
}

//! GetRoomLists and GetRooms ([MS-OXWSGTRM]): the lists of rooms, and the rooms of one list. Neither answer has the
//! `ResponseMessages` that other operations wrap theirs in.

use super::email_address::{self, Kind};
use super::fault::Fault;
use crate::codec::xml::{Cursor, Element, Ns, Sequence, XmlWriter};
use crate::domain::Listed;

/// Which list is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomsRequest {
    /// As written; nothing where there is no address.
    pub list: String,
}

/// Why an operation on rooms, lists or names has no result; also the response code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoResult {
    /// There is no such thing, or none that the caller may see.
    Unknown,
    /// The catalogue is not known now: the endpoints could not be asked yet.
    Unavailable,
}

impl NoResult {
    pub fn code(self) -> &'static str {
        match self {
            Self::Unknown => "ErrorNameResolutionNoResults",
            Self::Unavailable => "ErrorInternalServerTransientError",
        }
    }

    /// Exchange's own texts.
    pub fn text(self) -> &'static str {
        match self {
            Self::Unknown => "No results were found.",
            Self::Unavailable => "An internal server error occurred. Try again later.",
        }
    }
}

/// GetRoomLists has no arguments.
pub(super) fn read_lists_request<'a>(
    cursor: &mut Cursor<'a>,
    element: &Element<'a>,
) -> Result<(), Fault> {
    cursor.only_attributes(element, &[])?;
    Sequence::of(cursor).end(cursor)?;
    Ok(())
}

impl RoomsRequest {
    pub(super) fn read<'a>(cursor: &mut Cursor<'a>, element: &Element<'a>) -> Result<Self, Fault> {
        cursor.only_attributes(element, &[])?;
        let mut parts = Sequence::of(cursor);
        let list = parts.required(cursor, Ns::Messages, "RoomList")?;
        cursor.only_attributes(&list, &[])?;
        let list = email_address::read(cursor)?;
        parts.end(cursor)?;
        Ok(Self {
            list: list.unwrap_or_default(),
        })
    }
}

/// The answer to GetRoomLists.
pub fn write_lists_answer(lists: Result<&[Listed], NoResult>) -> Vec<u8> {
    let mut w = XmlWriter::with_capacity(2048);
    w.raw(super::OPEN_BODY).raw("<GetRoomListsResponse");
    match lists {
        Ok(lists) => {
            open_success(&mut w);
            w.raw("<m:RoomLists");
            open_array(&mut w);
            for list in lists {
                w.raw("<t:Address>");
                email_address::write(&mut w, list, Kind::List);
                w.raw("</t:Address>");
            }
            w.raw("</m:RoomLists>");
        }
        Err(error) => write_error(&mut w, error),
    }
    w.raw("</GetRoomListsResponse>").raw(super::CLOSE_BODY);
    w.into_bytes()
}

/// The answer to GetRooms.
pub fn write_rooms_answer(rooms: Result<&[Listed], NoResult>) -> Vec<u8> {
    let mut w = XmlWriter::with_capacity(4096);
    w.raw(super::OPEN_BODY).raw("<GetRoomsResponse");
    match rooms {
        Ok(rooms) => {
            open_success(&mut w);
            w.raw("<m:Rooms");
            open_array(&mut w);
            for room in rooms {
                w.raw("<t:Room><t:Id>");
                email_address::write(&mut w, room, Kind::Mailbox);
                w.raw("</t:Id></t:Room>");
            }
            w.raw("</m:Rooms>");
        }
        Err(error) => write_error(&mut w, error),
    }
    w.raw("</GetRoomsResponse>").raw(super::CLOSE_BODY);
    w.into_bytes()
}

fn open_success(w: &mut XmlWriter) {
    w.raw(concat!(
        r#" ResponseClass="Success" xmlns="http://schemas.microsoft.com/exchange/services/2006/messages">"#,
        "<ResponseCode>NoError</ResponseCode>"
    ));
}

fn open_array(w: &mut XmlWriter) {
    w.raw(concat!(
        r#" xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages""#,
        r#" xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types">"#
    ));
}

fn write_error(w: &mut XmlWriter, error: NoResult) {
    w.raw(concat!(
        r#" ResponseClass="Error" xmlns="http://schemas.microsoft.com/exchange/services/2006/messages">"#,
        "<MessageText>"
    ));
    w.text(error.text()).raw("</MessageText><ResponseCode>");
    w.text(error.code())
        .raw("</ResponseCode><DescriptiveLinkKey>0</DescriptiveLinkKey>");
}

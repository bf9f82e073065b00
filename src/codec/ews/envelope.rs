//! The SOAP envelope of a request: its headers and which operation it asks for.

use super::availability::AvailabilityRequest;
use super::convert_id::ConvertIdRequest;
use super::expand_dl::ExpandDlRequest;
use super::fault::Fault;
use super::get_folder::GetFolderRequest;
use super::header::Header;
use super::item_change::{ItemChange, ItemChangeRequest};
use super::oof_settings::OofSettingsRequest;
use super::resolve_names::ResolveNamesRequest;
use super::rooms::{self, RoomsRequest};
use super::server_time_zones::TimeZonesRequest;
use crate::codec::xml::{Caps, Cursor, Element, Ns, Sequence};

/// A request, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    pub header: Header,
    pub operation: Operation,
}

#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every request is the large one, and each lives alone and shortly"
)]
pub enum Operation {
    GetUserAvailability(AvailabilityRequest),
    ConvertId(ConvertIdRequest),
    GetServerTimeZones(TimeZonesRequest),
    ResolveNames(ResolveNamesRequest),
    GetFolder(GetFolderRequest),
    GetUserOofSettings(OofSettingsRequest),
    /// CreateItem, UpdateItem or DeleteItem.
    ChangeItems(ItemChangeRequest),
    GetRoomLists,
    GetRooms(RoomsRequest),
    ExpandDL(ExpandDlRequest),
}

impl Operation {
    /// For logs and metric labels.
    pub fn name(&self) -> &'static str {
        match self {
            Self::GetUserAvailability(_) => "GetUserAvailability",
            Self::ConvertId(_) => "ConvertId",
            Self::GetServerTimeZones(_) => "GetServerTimeZones",
            Self::ResolveNames(_) => "ResolveNames",
            Self::GetFolder(_) => "GetFolder",
            Self::GetUserOofSettings(_) => "GetUserOofSettings",
            Self::ChangeItems(request) => request.kind.name(),
            Self::GetRoomLists => "GetRoomLists",
            Self::GetRooms(_) => "GetRooms",
            Self::ExpandDL(_) => "ExpandDL",
        }
    }
}

/// Reads a request body: UTF-8, with or without byte order mark.
pub fn read(body: &[u8]) -> Result<Request, Fault> {
    if body.is_empty() {
        return Err(Fault::InvalidRequest(None));
    }
    let text = std::str::from_utf8(body).map_err(|error| {
        let valid = body
            .get(..error.valid_up_to())
            .and_then(|valid| std::str::from_utf8(valid).ok())
            .unwrap_or("");
        Cursor::lenient(valid, Caps::REQUEST)
            .error_at(valid.len(), "Invalid character in the given encoding.")
    })?;
    let mut cursor = Cursor::strict(text, Caps::REQUEST)?;
    let root = cursor.root()?;
    if !root.is(Ns::Soap, "Envelope") {
        let is_envelope = root.local() == "Envelope";
        return Err(if is_envelope {
            Fault::VersionMismatch
        } else {
            cursor
                .error("The root element is not a SOAP envelope.")
                .into()
        });
    }
    let mut envelope = Sequence::of(&cursor);
    let header = match envelope.optional(&mut cursor, Ns::Soap, "Header")? {
        Some(_) => Header::read(&mut cursor)?,
        None => Header::default(),
    };
    envelope.required(&mut cursor, Ns::Soap, "Body")?;
    let operation = read_body(&mut cursor);
    // A document that breaks off or goes on after its end is broken, whatever stands in its body.
    if let Ok(_) | Err(Fault::InvalidRequest(_)) = &operation {
        envelope.end(&mut cursor)?;
        cursor.finish()?;
    }
    Ok(Request {
        header,
        operation: operation?,
    })
}

fn read_body(cursor: &mut Cursor<'_>) -> Result<Operation, Fault> {
    let Some(element) = cursor.child()? else {
        return Err(Fault::InvalidRequest(None));
    };
    let operation = match (element.ns, element.local()) {
        (Ns::Messages, "GetUserAvailabilityRequest") => {
            AvailabilityRequest::read(cursor, &element).map(Operation::GetUserAvailability)
        }
        (Ns::Messages, "ConvertId") => {
            ConvertIdRequest::read(cursor, &element).map(Operation::ConvertId)
        }
        (Ns::Messages, "GetServerTimeZones") => {
            TimeZonesRequest::read(cursor, &element).map(Operation::GetServerTimeZones)
        }
        (Ns::Messages, "ResolveNames") => {
            ResolveNamesRequest::read(cursor, &element).map(Operation::ResolveNames)
        }
        (Ns::Messages, "GetFolder") => {
            GetFolderRequest::read(cursor, &element).map(Operation::GetFolder)
        }
        (Ns::Messages, "GetUserOofSettingsRequest") => {
            OofSettingsRequest::read(cursor, &element).map(Operation::GetUserOofSettings)
        }
        (Ns::Messages, "CreateItem") => change(cursor, &element, ItemChange::Create),
        (Ns::Messages, "UpdateItem") => change(cursor, &element, ItemChange::Update),
        (Ns::Messages, "DeleteItem") => change(cursor, &element, ItemChange::Delete),
        (Ns::Messages, "GetRoomLists") => {
            rooms::read_lists_request(cursor, &element).map(|()| Operation::GetRoomLists)
        }
        (Ns::Messages, "GetRooms") => RoomsRequest::read(cursor, &element).map(Operation::GetRooms),
        (Ns::Messages, "ExpandDL") => {
            ExpandDlRequest::read(cursor, &element).map(Operation::ExpandDL)
        }
        (_, other) => {
            let name = other.chars().take(100).collect();
            cursor.skip()?;
            Err(Fault::InvalidRequest(Some(name)))
        }
    };
    if let Ok(_) | Err(Fault::InvalidRequest(_)) = &operation {
        Sequence::of(cursor).end(cursor)?;
    }
    operation
}

fn change<'a>(
    cursor: &mut Cursor<'a>,
    element: &Element<'a>,
    kind: ItemChange,
) -> Result<Operation, Fault> {
    ItemChangeRequest::read(kind, cursor, element).map(Operation::ChangeItems)
}

//! Rooms, lists and names as a client: what we ask of a server's directory, and its answers. Elements are found by their
//! local names; addresses that are not of SMTP are counted and left out.

use super::answer::{decode, read_fault, some_text};
use super::{ReadError, SchemaLevel};
use crate::codec::ews::resolve_names::read_notes;
use crate::codec::xml::{Caps, Cursor, DecodeError, Element, Foreign, XmlWriter, parse_boolean};
use crate::domain::{Listed, Room, RoomDetails, SmtpAddress};

/// A question about the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DirectoryQuestion {
    RoomLists,
    /// The rooms of a list.
    Rooms(String),
    /// The members of a list.
    Expand(String),
    /// What a name or an address stands for, with all that is known of it.
    Resolve(String),
}

/// What a server said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DirectoryAnswer {
    /// Lists, rooms or people; details only where contact data came along.
    pub found: Vec<Room>,
    /// Those of them that the server calls lists.
    pub lists: Vec<SmtpAddress>,
    /// Entries of the answer, those included that have no SMTP address.
    pub entries: usize,
    /// The server says that there is more.
    pub more: bool,
}

impl DirectoryAnswer {
    /// Whether something that belongs to it is not in it: the server has more, or entries have no SMTP address.
    pub fn leaves_out(&self) -> bool {
        self.more || self.entries > self.found.len()
    }
}

impl DirectoryQuestion {
    /// The element that the answer is in.
    fn response(&self) -> &'static str {
        match self {
            Self::RoomLists => "GetRoomListsResponse",
            Self::Rooms(_) => "GetRoomsResponse",
            Self::Expand(_) => "ExpandDLResponse",
            Self::Resolve(_) => "ResolveNamesResponse",
        }
    }

    /// The request body, UTF-8.
    pub fn write(&self, level: SchemaLevel) -> Vec<u8> {
        let mut w = XmlWriter::with_capacity(1024);
        super::open_envelope(&mut w, level);
        match self {
            Self::RoomLists => w.raw("<m:GetRoomLists/>"),
            Self::Rooms(list) => w
                .raw("<m:GetRooms><m:RoomList><t:EmailAddress>")
                .text(list)
                .raw("</t:EmailAddress></m:RoomList></m:GetRooms>"),
            Self::Expand(list) => w
                .raw("<m:ExpandDL><m:Mailbox><t:EmailAddress>")
                .text(list)
                .raw("</t:EmailAddress></m:Mailbox></m:ExpandDL>"),
            Self::Resolve(entry) => w
                .raw(concat!(
                    r#"<m:ResolveNames ReturnFullContactData="true" SearchScope="ActiveDirectory">"#,
                    "<m:UnresolvedEntry>"
                ))
                .text(entry)
                .raw("</m:UnresolvedEntry></m:ResolveNames>"),
        };
        w.raw("</soap:Body></soap:Envelope>");
        w.into_bytes()
    }

    /// Reads the answer; None where the server knows nothing of the kind.
    pub fn read(&self, body: &[u8]) -> Result<Option<DirectoryAnswer>, ReadError> {
        let text = decode(body)?;
        let mut cursor = Cursor::lenient(&text, Caps::ANSWER);
        if cursor.root()?.local() != "Envelope" {
            return Err(ReadError::Decode("the answer is no SOAP envelope".into()));
        }
        let mut read = None;
        while let Some(element) = cursor.child()? {
            if element.local() == "Body" {
                read = self.read_body(&mut cursor)?;
            } else {
                cursor.skip()?;
            }
        }
        cursor.finish()?;
        let read = read.ok_or_else(|| ReadError::Decode("the answer has no body".into()))?;
        match read.code.as_deref() {
            Some("NoError" | "ErrorNameResolutionMultipleResults") => Ok(Some(read.answer)),
            Some("ErrorNameResolutionNoResults") => Ok(None),
            Some(code) => Err(ReadError::Fault {
                code: code.into(),
                text: read.text.unwrap_or_default().into(),
                back_off: None,
            }),
            None => Err(ReadError::Decode("the answer has no response code".into())),
        }
    }

    fn read_body(&self, cursor: &mut Cursor<'_>) -> Result<Option<Parts>, ReadError> {
        let mut parts = None;
        while let Some(element) = cursor.child()? {
            if element.local() == "Fault" {
                return Err(read_fault(cursor)?);
            }
            if element.local() != self.response() {
                return Err(ReadError::Decode(
                    "the answer is of another operation".into(),
                ));
            }
            let mut read = Parts::default();
            read.collect(cursor)?;
            parts = Some(read);
        }
        Ok(parts)
    }
}

/// An answer while it is read.
#[derive(Default)]
struct Parts {
    code: Option<String>,
    text: Option<String>,
    answer: DirectoryAnswer,
}

impl Parts {
    fn collect(&mut self, cursor: &mut Cursor<'_>) -> Result<(), DecodeError> {
        while let Some(element) = cursor.child()? {
            match element.local() {
                "ResponseCode" => self.code = some_text(cursor)?,
                "MessageText" => self.text = some_text(cursor)?,
                "ResponseMessages"
                | "ResolveNamesResponseMessage"
                | "ExpandDLResponseMessage"
                | "RoomLists"
                | "Rooms"
                | "Room" => self.collect(cursor)?,
                "ResolutionSet" | "DLExpansion" => {
                    self.answer.more |= says_more(cursor, &element)?;
                    self.collect(cursor)?;
                }
                "Resolution" => {
                    let found = read_resolution(cursor)?;
                    self.note(found);
                }
                "Address" | "Id" | "Mailbox" => {
                    let found = Mailbox::read(cursor)?;
                    let is_list = found.is_list();
                    let found = found.into_room(None, RoomDetails::default());
                    if is_list {
                        let address = found.iter().map(|list| list.address.clone());
                        self.answer.lists.extend(address);
                    }
                    self.note(found);
                }
                _ => cursor.skip()?,
            }
        }
        Ok(())
    }

    fn note(&mut self, found: Option<Room>) {
        self.answer.entries += 1;
        self.answer.found.extend(found);
    }
}

fn says_more<'a>(cursor: &Cursor<'a>, element: &Element<'a>) -> Result<bool, DecodeError> {
    let attributes = cursor.attributes(element, Foreign::Ignored)?;
    let last = attributes
        .iter()
        .find(|(name, _)| *name == "IncludesLastItemInRange");
    Ok(last.and_then(|(_, value)| parse_boolean(value.trim())) == Some(false))
}

/// `EmailAddressType` as a server writes it.
#[derive(Default)]
struct Mailbox {
    name: Option<String>,
    address: Option<String>,
    kind: Option<String>,
}

impl Mailbox {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, DecodeError> {
        let mut mailbox = Self::default();
        while let Some(element) = cursor.child()? {
            match element.local() {
                "Name" => mailbox.name = some_text(cursor)?,
                "EmailAddress" => mailbox.address = some_text(cursor)?,
                "MailboxType" => mailbox.kind = some_text(cursor)?,
                _ => cursor.skip()?,
            }
        }
        Ok(mailbox)
    }

    fn is_list(&self) -> bool {
        let kind = self.kind.as_deref();
        kind.is_some_and(|kind| ["PublicDL", "PrivateDL"].contains(&kind))
    }

    /// `other`: an address of the contact data, where the mailbox's own is not of SMTP.
    fn into_room(self, other: Option<SmtpAddress>, details: RoomDetails) -> Option<Room> {
        let own = self.address.and_then(|text| SmtpAddress::parse(&text).ok());
        let listed = Listed::unnamed(own.or(other)?);
        let mut room = Room::new(listed);
        if let Some(name) = self.name {
            room.name = name.into();
        }
        room.details = details;
        Some(room)
    }
}

fn read_resolution(cursor: &mut Cursor<'_>) -> Result<Option<Room>, DecodeError> {
    let (mut mailbox, mut details, mut other) = (Mailbox::default(), RoomDetails::default(), None);
    while let Some(element) = cursor.child()? {
        match element.local() {
            "Mailbox" => mailbox = Mailbox::read(cursor)?,
            "Contact" => other = read_contact(cursor, &mut details)?,
            _ => cursor.skip()?,
        }
    }
    // Lists and contacts of other organisations have no calendar.
    let has_calendar = mailbox.kind.as_deref().is_none_or(|kind| kind == "Mailbox");
    Ok(mailbox.into_room(other, details).filter(|_| has_calendar))
}

/// The details of a room; an SMTP address, where there is one.
fn read_contact(
    cursor: &mut Cursor<'_>,
    details: &mut RoomDetails,
) -> Result<Option<SmtpAddress>, DecodeError> {
    let mut address = None;
    while let Some(element) = cursor.child()? {
        match element.local() {
            "OfficeLocation" => {
                if let Some(place) = some_text(cursor)? {
                    read_place(&place, details);
                }
            }
            "Notes" => read_notes(&cursor.text()?, details),
            "EmailAddresses" => {
                while cursor.child()?.is_some() {
                    let text = cursor.text()?;
                    address = address.or_else(|| SmtpAddress::parse(&text).ok());
                }
            }
            _ => cursor.skip()?,
        }
    }
    Ok(address)
}

/// A building, with a floor where it is written in our own way.
fn read_place(place: &str, details: &mut RoomDetails) {
    let (building, floor) = match place.rsplit_once(", floor ") {
        Some((building, floor)) => (Some(building), Some(floor)),
        None => match place.strip_prefix("floor ") {
            Some(floor) => (None, Some(floor)),
            None => (Some(place), None),
        },
    };
    details.building = building.map(Into::into);
    details.floor = floor.map(Into::into);
}

//! ResolveNames: what a name or an address stands for ([MS-OXWSRSLNM]).

use super::email_address::{self, Kind};
use super::fault::Fault;
use super::rooms::NoResult;
use crate::codec::xml::{Cursor, Element, Ns, Sequence, XmlWriter};
use crate::domain::{Listed, RoomDetails};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolveNamesRequest {
    /// The text to resolve, never empty.
    pub entry: String,
    pub full_contact_data: bool,
    /// Whether the directory is to be looked into, not only the caller's own contacts, which nobody has here.
    pub directory: bool,
}

/// What an entry stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    pub listed: Listed,
    pub kind: Kind,
    /// What is known of a room; nothing of people and lists.
    pub details: RoomDetails,
}

impl ResolveNamesRequest {
    pub(super) fn read<'a>(cursor: &mut Cursor<'a>, element: &Element<'a>) -> Result<Self, Fault> {
        let known = ["ReturnFullContactData", "SearchScope", "ContactDataShape"];
        let attributes = cursor.only_attributes(element, &known)?;
        let full_contact_data = attributes
            .iter()
            .find(|(name, _)| *name == "ReturnFullContactData")
            .ok_or_else(|| {
                cursor.error("The required attribute 'ReturnFullContactData' is missing.")
            })
            .and_then(|(_, value)| {
                crate::codec::xml::parse_boolean(value.trim()).ok_or_else(|| {
                    cursor.error("The 'ReturnFullContactData' attribute is invalid.")
                })
            })?;
        let scope = check_enumeration(cursor, &attributes, "SearchScope", &SEARCH_SCOPES)?;
        let directory = scope != Some("Contacts");
        check_enumeration(cursor, &attributes, "ContactDataShape", &DATA_SHAPES)?;
        let mut parts = Sequence::of(cursor);
        if parts
            .optional(cursor, Ns::Messages, "ParentFolderIds")?
            .is_some()
        {
            cursor.skip()?;
        }
        let datatype =
            "http://schemas.microsoft.com/exchange/services/2006/types:NonEmptyStringType";
        let entry = (Ns::Messages, "UnresolvedEntry");
        let entry = parts.value(cursor, entry, datatype, |text| {
            (!text.is_empty()).then(|| text.to_owned())
        })?;
        parts.end(cursor)?;
        Ok(Self {
            entry,
            full_contact_data,
            directory,
        })
    }
}

const SEARCH_SCOPES: [&str; 4] = [
    "ActiveDirectory",
    "ActiveDirectoryContacts",
    "Contacts",
    "ContactsActiveDirectory",
];
const DATA_SHAPES: [&str; 4] = ["IdOnly", "Default", "AllProperties", "PcxPeopleSearch"];

/// The attribute's value, one of those that are allowed.
fn check_enumeration<'v>(
    cursor: &Cursor<'_>,
    attributes: &'v [(&str, std::borrow::Cow<'_, str>)],
    name: &str,
    allowed: &[&str],
) -> Result<Option<&'v str>, Fault> {
    let value = attributes
        .iter()
        .find(|(found, _)| *found == name)
        .map(|(_, value)| value.trim());
    match value {
        Some(value) if !allowed.contains(&value) => Err(cursor
            .error(format!(
                "The '{name}' attribute is invalid - The value '{value:.60}' is invalid according to its datatype - The Enumeration constraint failed."
            ))
            .into()),
        value => Ok(value),
    }
}

/// The answer: what was found, or why nothing is told. `last`: nothing more was found than this.
pub fn write_answer(
    found: Result<&[Resolution], NoResult>,
    last: bool,
    full_contact_data: bool,
) -> Vec<u8> {
    let mut w = XmlWriter::with_capacity(2048);
    w.raw(super::OPEN_BODY).raw(concat!(
        r#"<m:ResolveNamesResponse xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages" "#,
        r#"xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"><m:ResponseMessages>"#
    ));
    match found {
        Err(error) => write_error(&mut w, error),
        Ok([]) => write_error(&mut w, NoResult::Unknown),
        Ok(found) => {
            if found.len() == 1 {
                w.raw(concat!(
                    r#"<m:ResolveNamesResponseMessage ResponseClass="Success">"#,
                    "<m:ResponseCode>NoError</m:ResponseCode>"
                ));
            } else {
                w.raw(concat!(
                    r#"<m:ResolveNamesResponseMessage ResponseClass="Warning">"#,
                    "<m:MessageText>Multiple results were found.</m:MessageText>",
                    "<m:ResponseCode>ErrorNameResolutionMultipleResults</m:ResponseCode>",
                    "<m:DescriptiveLinkKey>0</m:DescriptiveLinkKey>"
                ));
            }
            w.raw(r#"<m:ResolutionSet TotalItemsInView=""#)
                .number(i64::try_from(found.len()).unwrap_or(i64::MAX))
                .raw(r#"" IncludesLastItemInRange=""#);
            w.raw(if last { "true" } else { "false" }).raw(r#"">"#);
            for resolution in found {
                write_resolution(&mut w, resolution, full_contact_data);
            }
            w.raw("</m:ResolutionSet></m:ResolveNamesResponseMessage>");
        }
    }
    w.raw("</m:ResponseMessages></m:ResolveNamesResponse>")
        .raw(super::CLOSE_BODY);
    w.into_bytes()
}

fn write_error(w: &mut XmlWriter, error: NoResult) {
    w.raw(r#"<m:ResolveNamesResponseMessage ResponseClass="Error"><m:MessageText>"#)
        .text(error.text());
    w.raw("</m:MessageText><m:ResponseCode>").text(error.code());
    w.raw("</m:ResponseCode><m:DescriptiveLinkKey>0</m:DescriptiveLinkKey></m:ResolveNamesResponseMessage>");
}

fn write_resolution(w: &mut XmlWriter, resolution: &Resolution, full_contact_data: bool) {
    let Resolution {
        listed,
        kind,
        details,
    } = resolution;
    w.raw("<t:Resolution><t:Mailbox>");
    email_address::write(w, listed, *kind);
    w.raw("</t:Mailbox>");
    if full_contact_data {
        w.raw("<t:Contact><t:DisplayName>").text(&listed.name);
        w.raw(r#"</t:DisplayName><t:EmailAddresses><t:Entry Key="EmailAddress1">SMTP:"#)
            .text(listed.address.as_str());
        w.raw("</t:Entry></t:EmailAddresses><t:ContactSource>ActiveDirectory</t:ContactSource>");
        write_details(w, details);
        w.raw("</t:Contact>");
    }
    w.raw("</t:Resolution>");
}

/// The schema has no element for seats and equipment: they stand in the notes, one line each.
fn write_details(w: &mut XmlWriter, details: &RoomDetails) {
    if let Some(place) = details.place() {
        w.raw("<t:OfficeLocation>")
            .text(&place)
            .raw("</t:OfficeLocation>");
    }
    let mut notes = Vec::new();
    notes.extend(details.capacity.map(|seats| format!("{CAPACITY}{seats}")));
    if !details.features.is_empty() {
        notes.push(format!("{FEATURES}{}", details.features.join(", ")));
    }
    if !notes.is_empty() {
        w.raw("<t:Notes>").text(&notes.join("\n")).raw("</t:Notes>");
    }
}

const CAPACITY: &str = "Capacity: ";
const FEATURES: &str = "Features: ";

/// What [`write_answer`] has put into the notes of a room; other notes say nothing.
pub(super) fn read_notes(notes: &str, details: &mut RoomDetails) {
    for line in notes.lines() {
        if let Some(seats) = line.strip_prefix(CAPACITY) {
            details.capacity = seats.trim().parse().ok();
        } else if let Some(features) = line.strip_prefix(FEATURES) {
            let words = features.split(", ").filter(|word| !word.is_empty());
            details.features = words.map(Into::into).collect();
        }
    }
}

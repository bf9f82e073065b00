//! ResolveNames: what a name or an address stands for ([MS-OXWSRSLNM]).

use super::fault::Fault;
use crate::codec::xml::{Cursor, Element, Ns, Sequence, XmlWriter};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolveNamesRequest {
    /// The text to resolve, never empty.
    pub entry: String,
    pub full_contact_data: bool,
}

/// A mailbox that an entry stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    pub name: String,
    pub address: String,
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
        check_enumeration(cursor, &attributes, "SearchScope", &SEARCH_SCOPES)?;
        check_enumeration(cursor, &attributes, "ContactDataShape", &DATA_SHAPES)?;
        let mut parts = Sequence::of(cursor);
        if parts
            .optional(cursor, Ns::Messages, "ParentFolderIds")?
            .is_some()
        {
            cursor.skip()?;
        }
        let entry = parts.required(cursor, Ns::Messages, "UnresolvedEntry")?;
        let datatype =
            "http://schemas.microsoft.com/exchange/services/2006/types:NonEmptyStringType";
        let entry = cursor.value(&entry, datatype, |text| {
            (!text.is_empty()).then(|| text.to_owned())
        })?;
        parts.end(cursor)?;
        Ok(Self {
            entry,
            full_contact_data,
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

fn check_enumeration(
    cursor: &Cursor<'_>,
    attributes: &[(&str, std::borrow::Cow<'_, str>)],
    name: &str,
    allowed: &[&str],
) -> Result<(), Fault> {
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
        _ => Ok(()),
    }
}

/// The answer: the one mailbox that was found, or the error that says there is none.
pub fn write_answer(found: Option<&Resolution>, full_contact_data: bool) -> Vec<u8> {
    let mut w = XmlWriter::with_capacity(2048);
    w.raw(super::OPEN_BODY).raw(concat!(
        r#"<m:ResolveNamesResponse xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages" "#,
        r#"xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"><m:ResponseMessages>"#
    ));
    match found {
        None => {
            w.raw(concat!(
                r#"<m:ResolveNamesResponseMessage ResponseClass="Error"><m:MessageText>No results were found.</m:MessageText>"#,
                "<m:ResponseCode>ErrorNameResolutionNoResults</m:ResponseCode>",
                "<m:DescriptiveLinkKey>0</m:DescriptiveLinkKey></m:ResolveNamesResponseMessage>"
            ));
        }
        Some(resolution) => {
            w.raw(r#"<m:ResolveNamesResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode>"#);
            w.raw(r#"<m:ResolutionSet TotalItemsInView="1" IncludesLastItemInRange="true">"#);
            write_resolution(&mut w, resolution, full_contact_data);
            w.raw("</m:ResolutionSet></m:ResolveNamesResponseMessage>");
        }
    }
    w.raw("</m:ResponseMessages></m:ResolveNamesResponse>")
        .raw(super::CLOSE_BODY);
    w.into_bytes()
}

fn write_resolution(w: &mut XmlWriter, resolution: &Resolution, full_contact_data: bool) {
    w.raw("<t:Resolution><t:Mailbox><t:Name>")
        .text(&resolution.name);
    w.raw("</t:Name><t:EmailAddress>").text(&resolution.address);
    w.raw("</t:EmailAddress><t:RoutingType>SMTP</t:RoutingType><t:MailboxType>Mailbox</t:MailboxType></t:Mailbox>");
    if full_contact_data {
        w.raw("<t:Contact><t:DisplayName>").text(&resolution.name);
        w.raw(r#"</t:DisplayName><t:EmailAddresses><t:Entry Key="EmailAddress1">SMTP:"#)
            .text(&resolution.address);
        w.raw("</t:Entry></t:EmailAddresses><t:ContactSource>ActiveDirectory</t:ContactSource></t:Contact>");
    }
    w.raw("</t:Resolution>");
}

//! `EmailAddressType`: how mailboxes and lists are written in requests and answers ([MS-OXWSCDATA] section 2.2.4.31).

use super::fault::Fault;
use crate::codec::xml::{Cursor, Ns, Sequence, XmlWriter};
use crate::domain::Listed;

/// What stands behind an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Mailbox,
    /// A distribution list of the whole organisation; room lists are such.
    List,
}

const NON_EMPTY: &str =
    "http://schemas.microsoft.com/exchange/services/2006/types:NonEmptyStringType";
const KIND_TYPE: &str = "http://schemas.microsoft.com/exchange/services/2006/types:MailboxTypeType";
const KINDS: [&str; 9] = [
    "Unknown",
    "OneOff",
    "Contact",
    "Mailbox",
    "PrivateDL",
    "PublicDL",
    "PublicFolder",
    "GroupMailbox",
    "ImplicitContact",
];

/// The children of the element whose content the cursor is about to read; the text of its `EmailAddress`, which may be
/// missing. Name and kind say nothing that is believed: clients get them wrong.
pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Option<String>, Fault> {
    let mut parts = Sequence::of(cursor);
    if let Some(name) = parts.optional(cursor, Ns::Types, "Name")? {
        cursor.string(&name)?;
    }
    let address = match parts.optional(cursor, Ns::Types, "EmailAddress")? {
        Some(address) => Some(cursor.value(&address, NON_EMPTY, |text| {
            (!text.is_empty()).then(|| text.to_owned())
        })?),
        None => None,
    };
    if let Some(routing) = parts.optional(cursor, Ns::Types, "RoutingType")? {
        cursor.value(&routing, NON_EMPTY, |text| (!text.is_empty()).then_some(()))?;
    }
    if let Some(kind) = parts.optional(cursor, Ns::Types, "MailboxType")? {
        cursor.value(&kind, KIND_TYPE, |text| KINDS.contains(&text).then_some(()))?;
    }
    if parts.optional(cursor, Ns::Types, "ItemId")?.is_some() {
        cursor.skip()?;
    }
    if let Some(original) = parts.optional(cursor, Ns::Types, "OriginalDisplayName")? {
        cursor.string(&original)?;
    }
    parts.end(cursor)?;
    Ok(address)
}

/// The children of such an element.
pub(super) fn write(w: &mut XmlWriter, listed: &Listed, kind: Kind) {
    w.raw("<t:Name>").text(&listed.name);
    w.raw("</t:Name><t:EmailAddress>")
        .text(listed.address.as_str());
    w.raw("</t:EmailAddress><t:RoutingType>SMTP</t:RoutingType><t:MailboxType>");
    w.raw(match kind {
        Kind::Mailbox => "Mailbox",
        Kind::List => "PublicDL",
    });
    w.raw("</t:MailboxType>");
}

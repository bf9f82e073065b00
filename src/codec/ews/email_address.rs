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
    parts.optional_string(cursor, Ns::Types, "Name")?;
    let address = (Ns::Types, "EmailAddress");
    let address = parts.optional_value(cursor, address, NON_EMPTY, |text| {
        (!text.is_empty()).then(|| text.to_owned())
    })?;
    let routing = (Ns::Types, "RoutingType");
    parts.optional_value(cursor, routing, NON_EMPTY, |text| {
        (!text.is_empty()).then_some(())
    })?;
    let kind = (Ns::Types, "MailboxType");
    parts.optional_value(cursor, kind, KIND_TYPE, |text| {
        KINDS.contains(&text).then_some(())
    })?;
    if parts.optional(cursor, Ns::Types, "ItemId")?.is_some() {
        cursor.skip()?;
    }
    parts.optional_string(cursor, Ns::Types, "OriginalDisplayName")?;
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

//! CreateItem, UpdateItem and DeleteItem ([MS-OXWSCORE]): nothing can be changed through calbridge, so each item is
//! refused by itself. What the items are is not looked at, only how many there are.

use super::fault::Fault;
use crate::codec::xml::{Cursor, Element, Ns, Sequence, XmlWriter};

/// A request to change items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ItemChangeRequest {
    pub kind: ItemChange,
    /// How many items it is about, never none.
    pub items: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemChange {
    Create,
    Update,
    Delete,
}

/// More than any client sends; the answer grows with it.
const MAX_ITEMS: usize = 1000;

impl ItemChange {
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "CreateItem",
            Self::Update => "UpdateItem",
            Self::Delete => "DeleteItem",
        }
    }

    /// Known attributes, and the one that must be there.
    fn attributes(self) -> (&'static [&'static str], Option<&'static str>) {
        match self {
            Self::Create => (&["MessageDisposition", "SendMeetingInvitations"], None),
            Self::Update => (
                &[
                    "ConflictResolution",
                    "MessageDisposition",
                    "SendMeetingInvitationsOrCancellations",
                    "SuppressReadReceipts",
                ],
                Some("ConflictResolution"),
            ),
            Self::Delete => (
                &[
                    "DeleteType",
                    "SendMeetingCancellations",
                    "AffectedTaskOccurrences",
                    "SuppressReadReceipts",
                ],
                Some("DeleteType"),
            ),
        }
    }

    /// The element that holds the items.
    fn list(self) -> &'static str {
        match self {
            Self::Create => "Items",
            Self::Update => "ItemChanges",
            Self::Delete => "ItemIds",
        }
    }
}

impl ItemChangeRequest {
    pub(super) fn read<'a>(
        kind: ItemChange,
        cursor: &mut Cursor<'a>,
        element: &Element<'a>,
    ) -> Result<Self, Fault> {
        let (known, needed) = kind.attributes();
        let attributes = cursor.only_attributes(element, known)?;
        if let Some(needed) = needed
            && attributes.iter().all(|(name, _)| *name != needed)
        {
            return Err(cursor
                .error(format!("The required attribute '{needed}' is missing."))
                .into());
        }
        let mut parts = Sequence::of(cursor);
        if kind != ItemChange::Delete
            && parts
                .optional(cursor, Ns::Messages, "SavedItemFolderId")?
                .is_some()
        {
            cursor.skip()?;
        }
        parts.required(cursor, Ns::Messages, kind.list())?;
        let mut items = 0;
        while let Some(item) = cursor.child()? {
            if item.ns != Ns::Types {
                let violation = format!(
                    "The element '{}' has invalid child element '{:.60}'.",
                    kind.list(),
                    item.local()
                );
                return Err(cursor.error(violation).into());
            }
            cursor.skip()?;
            items += 1;
        }
        parts.end(cursor)?;
        if items == 0 || items > MAX_ITEMS {
            let violation = format!("The element '{}' has incomplete content.", kind.list());
            return Err(cursor.error(violation).into());
        }
        Ok(Self { kind, items })
    }

    /// A request of the same kind about as many items, in an envelope that declares the prefixes `m` and `t`.
    pub fn write(&self, w: &mut XmlWriter) {
        let (open, item, close) = match self.kind {
            ItemChange::Create => (
                r#"<m:CreateItem SendMeetingInvitations="SendToNone"><m:Items>"#,
                "<t:CalendarItem/>",
                "</m:Items></m:CreateItem>",
            ),
            ItemChange::Update => (
                r#"<m:UpdateItem ConflictResolution="NeverOverwrite"><m:ItemChanges>"#,
                r#"<t:ItemChange><t:ItemId Id="AAAA"/><t:Updates/></t:ItemChange>"#,
                "</m:ItemChanges></m:UpdateItem>",
            ),
            ItemChange::Delete => (
                r#"<m:DeleteItem DeleteType="MoveToDeletedItems"><m:ItemIds>"#,
                r#"<t:ItemId Id="AAAA"/>"#,
                "</m:ItemIds></m:DeleteItem>",
            ),
        };
        w.raw(open);
        for _ in 0..self.items {
            w.raw(item);
        }
        w.raw(close);
    }
}

/// What every message begins with, after its own tag.
macro_rules! denied {
    ($operation:literal, $items:literal) => {
        (
            concat!(
                "<m:", $operation,
                r#"Response xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages" "#,
                r#"xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"><m:ResponseMessages>"#
            ),
            concat!(
                "<m:", $operation, r#"ResponseMessage ResponseClass="Error">"#,
                "<m:MessageText>Access is denied. Check credentials and try again.</m:MessageText>",
                "<m:ResponseCode>ErrorAccessDenied</m:ResponseCode><m:DescriptiveLinkKey>0</m:DescriptiveLinkKey>",
                $items, "</m:", $operation, "ResponseMessage>"
            ),
            concat!("</m:ResponseMessages></m:", $operation, "Response>"),
        )
    };
}

/// One refusal for each item.
pub fn write_refusal(request: &ItemChangeRequest) -> Vec<u8> {
    let (open, message, close) = match request.kind {
        ItemChange::Create => denied!("CreateItem", "<m:Items/>"),
        ItemChange::Update => denied!("UpdateItem", "<m:Items/>"),
        ItemChange::Delete => denied!("DeleteItem", ""),
    };
    let mut w = XmlWriter::with_capacity(1024 + request.items * message.len());
    w.raw(super::OPEN_BODY).raw(open);
    for _ in 0..request.items {
        w.raw(message);
    }
    w.raw(close).raw(super::CLOSE_BODY);
    w.into_bytes()
}

//! ConvertId ([MS-OXWSCVTID]): clients send it to learn the server's version, or to learn whose mailbox they are in. The
//! ids of our own folders are converted, each to itself in any format; calbridge has no other ids.

use super::fault::Fault;
use super::folder::Folder;
use super::get_folder::attribute;
use crate::codec::xml::{Cursor, Element, Ns, Sequence, XmlWriter};
use crate::domain::SmtpAddress;

/// Which ids are to be converted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConvertIdRequest {
    pub format: IdFormat,
    /// Each as written; None for one of a public folder, which has no such id.
    pub ids: Vec<Option<String>>,
}

/// The formats of the protocol. Ours look the same in all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdFormat {
    EwsLegacyId,
    EwsId,
    EntryId,
    HexEntryId,
    StoreId,
    OwaId,
}

impl IdFormat {
    const ALL: [Self; 6] = [
        Self::EwsLegacyId,
        Self::EwsId,
        Self::EntryId,
        Self::HexEntryId,
        Self::StoreId,
        Self::OwaId,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::EwsLegacyId => "EwsLegacyId",
            Self::EwsId => "EwsId",
            Self::EntryId => "EntryId",
            Self::HexEntryId => "HexEntryId",
            Self::StoreId => "StoreId",
            Self::OwaId => "OwaId",
        }
    }
}

/// More than any client sends; the answer grows with it.
const MAX_IDS: usize = 1000;

impl ConvertIdRequest {
    pub(super) fn read<'a>(cursor: &mut Cursor<'a>, element: &Element<'a>) -> Result<Self, Fault> {
        cursor.only_attributes(element, &["DestinationFormat"])?;
        let written = attribute(cursor, element, "DestinationFormat")?;
        let format = IdFormat::ALL
            .into_iter()
            .find(|format| format.as_str() == written.trim())
            .ok_or_else(|| {
                cursor.error(format!(
                    "The 'DestinationFormat' attribute is invalid - The value '{written:.60}' is invalid according to its datatype - The Enumeration constraint failed."
                ))
            })?;
        let mut parts = Sequence::of(cursor);
        parts.required(cursor, Ns::Messages, "SourceIds")?;
        let mut ids = Vec::new();
        while let Some(id) = cursor.child()? {
            let known = ["AlternatePublicFolderId", "AlternatePublicFolderItemId"];
            let local = id.local();
            ids.push(if id.is(Ns::Types, "AlternateId") {
                Some(attribute(cursor, &id, "Id")?)
            } else if id.ns == Ns::Types && known.contains(&local) {
                None
            } else {
                let violation =
                    format!("The element 'SourceIds' has invalid child element '{local:.60}'.");
                return Err(cursor.error(violation).into());
            });
            cursor.skip()?;
        }
        parts.end(cursor)?;
        if ids.is_empty() || ids.len() > MAX_IDS {
            return Err(cursor
                .error("The element 'SourceIds' has incomplete content.")
                .into());
        }
        Ok(Self { format, ids })
    }

    /// The request's element, in an envelope that declares the prefixes `m` and `t`.
    pub fn write(&self, w: &mut XmlWriter) {
        w.raw("<m:ConvertId DestinationFormat=\"")
            .raw(self.format.as_str())
            .raw("\"><m:SourceIds>");
        for id in &self.ids {
            match id {
                Some(id) => w
                    .raw(r#"<t:AlternateId Format="EwsId" Mailbox="-" Id=""#)
                    .text(id)
                    .raw("\"/>"),
                None => w.raw(r#"<t:AlternatePublicFolderId Format="EwsId" FolderId="-"/>"#),
            };
        }
        w.raw("</m:SourceIds></m:ConvertId>");
    }
}

/// A message for each id: ours with the address of `owner`, whose they are, and an error for any other.
pub fn write_answer(request: &ConvertIdRequest, owner: Option<&SmtpAddress>) -> Vec<u8> {
    let mut w = XmlWriter::with_capacity(2048);
    w.raw(super::OPEN_BODY).raw(concat!(
        r#"<m:ConvertIdResponse xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages" "#,
        r#"xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"><m:ResponseMessages>"#
    ));
    for id in &request.ids {
        let own = id
            .as_deref()
            .zip(owner)
            .filter(|(id, owner)| Folder::of_id(id, owner).is_some());
        match own {
            Some((id, owner)) => {
                w.raw(r#"<m:ConvertIdResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode>"#);
                w.raw(r#"<m:AlternateId xsi:type="t:AlternateIdType" Format=""#)
                    .raw(request.format.as_str());
                w.raw(r#"" Id=""#).text(id.trim());
                w.raw(r#"" Mailbox=""#).text(owner.as_str());
                w.raw(r#""/></m:ConvertIdResponseMessage>"#);
            }
            None => {
                w.raw(concat!(
                    r#"<m:ConvertIdResponseMessage ResponseClass="Error"><m:MessageText>Id is malformed.</m:MessageText>"#,
                    "<m:ResponseCode>ErrorInvalidIdMalformed</m:ResponseCode><m:DescriptiveLinkKey>0</m:DescriptiveLinkKey>",
                    "</m:ConvertIdResponseMessage>"
                ));
            }
        }
    }
    w.raw("</m:ResponseMessages></m:ConvertIdResponse>")
        .raw(super::CLOSE_BODY);
    w.into_bytes()
}

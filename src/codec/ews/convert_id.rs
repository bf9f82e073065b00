//! ConvertId: calbridge has no items, so no id can be converted. Clients send it to learn the server's version.

use super::fault::Fault;
use crate::codec::xml::{Cursor, Element, Ns, Sequence, XmlWriter};

/// How many ids are to be converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvertIdRequest {
    pub ids: usize,
}

/// More than any client sends; the answer grows with it.
const MAX_IDS: usize = 1000;

impl ConvertIdRequest {
    pub(super) fn read<'a>(cursor: &mut Cursor<'a>, element: &Element<'a>) -> Result<Self, Fault> {
        cursor.only_attributes(element, &["DestinationFormat"])?;
        let mut parts = Sequence::of(cursor);
        parts.required(cursor, Ns::Messages, "SourceIds")?;
        let mut ids = 0;
        while let Some(id) = cursor.child()? {
            let known = [
                "AlternateId",
                "AlternatePublicFolderId",
                "AlternatePublicFolderItemId",
            ];
            if id.ns != Ns::Types || !known.contains(&id.local()) {
                return Err(cursor
                    .error(format!(
                        "The element 'SourceIds' has invalid child element '{:.60}'.",
                        id.local()
                    ))
                    .into());
            }
            cursor.skip()?;
            ids += 1;
        }
        parts.end(cursor)?;
        if ids == 0 || ids > MAX_IDS {
            return Err(cursor
                .error("The element 'SourceIds' has incomplete content.")
                .into());
        }
        Ok(Self { ids })
    }
}

/// One error for each id.
pub fn write_answer(request: &ConvertIdRequest) -> Vec<u8> {
    let mut w = XmlWriter::with_capacity(2048);
    w.raw(super::OPEN_BODY).raw(concat!(
        r#"<m:ConvertIdResponse xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages" "#,
        r#"xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"><m:ResponseMessages>"#
    ));
    for _ in 0..request.ids {
        w.raw(concat!(
            r#"<m:ConvertIdResponseMessage ResponseClass="Error"><m:MessageText>Id is malformed.</m:MessageText>"#,
            "<m:ResponseCode>ErrorInvalidIdMalformed</m:ResponseCode><m:DescriptiveLinkKey>0</m:DescriptiveLinkKey>",
            "</m:ConvertIdResponseMessage>"
        ));
    }
    w.raw("</m:ResponseMessages></m:ConvertIdResponse>")
        .raw(super::CLOSE_BODY);
    w.into_bytes()
}

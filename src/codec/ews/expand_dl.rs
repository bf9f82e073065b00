//! ExpandDL: the members of a list, one level deep ([MS-OXWSEDGL]).

use super::email_address::{self, Kind};
use super::fault::Fault;
use super::rooms::NoResult;
use crate::codec::xml::{Cursor, Element, Ns, Sequence, XmlWriter};
use crate::domain::Listed;

/// Which list is to be expanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpandDlRequest {
    /// As written; nothing where there is no address.
    pub list: String,
}

impl ExpandDlRequest {
    pub(super) fn read<'a>(cursor: &mut Cursor<'a>, element: &Element<'a>) -> Result<Self, Fault> {
        cursor.only_attributes(element, &[])?;
        let mut parts = Sequence::of(cursor);
        let mailbox = parts.required(cursor, Ns::Messages, "Mailbox")?;
        cursor.only_attributes(&mailbox, &[])?;
        let list = email_address::read(cursor)?;
        parts.end(cursor)?;
        Ok(Self {
            list: list.unwrap_or_default(),
        })
    }
}

/// The answer: all members, which are mailboxes.
pub fn write_answer(members: Result<&[Listed], NoResult>) -> Vec<u8> {
    let mut w = XmlWriter::with_capacity(4096);
    w.raw(super::OPEN_BODY).raw(concat!(
        r#"<m:ExpandDLResponse xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages" "#,
        r#"xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"><m:ResponseMessages>"#
    ));
    match members {
        Err(error) => {
            w.raw(r#"<m:ExpandDLResponseMessage ResponseClass="Error"><m:MessageText>"#);
            w.text(error.text())
                .raw("</m:MessageText><m:ResponseCode>")
                .text(error.code());
            w.raw("</m:ResponseCode><m:DescriptiveLinkKey>0</m:DescriptiveLinkKey>");
        }
        Ok(members) => {
            w.raw(concat!(
                r#"<m:ExpandDLResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode>"#,
                r#"<m:DLExpansion TotalItemsInView=""#
            ));
            w.number(i64::try_from(members.len()).unwrap_or(i64::MAX))
                .raw(r#"" IncludesLastItemInRange="true">"#);
            for member in members {
                w.raw("<t:Mailbox>");
                email_address::write(&mut w, member, Kind::Mailbox);
                w.raw("</t:Mailbox>");
            }
            w.raw("</m:DLExpansion>");
        }
    }
    w.raw("</m:ExpandDLResponseMessage></m:ResponseMessages></m:ExpandDLResponse>")
        .raw(super::CLOSE_BODY);
    w.into_bytes()
}

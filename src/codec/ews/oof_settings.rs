//! GetUserOofSettings ([MS-OXWOOF] section 3.1.4.1): a role account has no mailbox here, so nobody is told that it is away.

use super::fault::Fault;
use crate::codec::xml::{Cursor, Element, Ns, Sequence, XmlWriter};

/// Whose settings are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OofSettingsRequest {
    /// As written.
    pub address: String,
}

/// What is said of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OofSettings {
    Disabled,
    /// Of somebody else: calbridge does not know, and does not guess.
    Denied,
}

impl OofSettingsRequest {
    pub(super) fn read<'a>(cursor: &mut Cursor<'a>, element: &Element<'a>) -> Result<Self, Fault> {
        cursor.only_attributes(element, &[])?;
        let mut parts = Sequence::of(cursor);
        let mailbox = parts.required(cursor, Ns::Types, "Mailbox")?;
        cursor.only_attributes(&mailbox, &[])?;
        let mut inner = Sequence::of(cursor);
        inner.optional_string(cursor, Ns::Types, "Name")?;
        let address = inner.string(cursor, Ns::Types, "Address")?;
        let address = address.trim().to_owned();
        inner.optional_string(cursor, Ns::Types, "RoutingType")?;
        inner.end(cursor)?;
        parts.end(cursor)?;
        Ok(Self { address })
    }

    /// The request's element, in an envelope that declares the prefixes `m` and `t`.
    pub fn write(&self, w: &mut XmlWriter) {
        w.raw("<m:GetUserOofSettingsRequest><t:Mailbox><t:Address>")
            .text(&self.address)
            .raw("</t:Address></t:Mailbox></m:GetUserOofSettingsRequest>");
    }
}

pub fn write_answer(settings: OofSettings) -> Vec<u8> {
    let mut w = XmlWriter::with_capacity(2048);
    w.raw(super::OPEN_BODY)
        .raw(r#"<GetUserOofSettingsResponse xmlns="http://schemas.microsoft.com/exchange/services/2006/messages">"#);
    w.raw(match settings {
        OofSettings::Disabled => concat!(
            r#"<ResponseMessage ResponseClass="Success"><ResponseCode>NoError</ResponseCode></ResponseMessage>"#,
            r#"<OofSettings xmlns="http://schemas.microsoft.com/exchange/services/2006/types">"#,
            "<OofState>Disabled</OofState><ExternalAudience>None</ExternalAudience>",
            "<InternalReply><Message/></InternalReply><ExternalReply><Message/></ExternalReply></OofSettings>",
            "<AllowExternalOof>None</AllowExternalOof>"
        ),
        OofSettings::Denied => concat!(
            r#"<ResponseMessage ResponseClass="Error">"#,
            "<MessageText>Access is denied. Check credentials and try again.</MessageText>",
            "<ResponseCode>ErrorAccessDenied</ResponseCode><DescriptiveLinkKey>0</DescriptiveLinkKey></ResponseMessage>"
        ),
    });
    w.raw("</GetUserOofSettingsResponse>")
        .raw(super::CLOSE_BODY);
    w.into_bytes()
}

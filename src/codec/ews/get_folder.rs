//! GetFolder ([MS-OXWSFOLD] section 3.1.4.6): clients log in with it and look for the usual folders when they start.

use super::fault::Fault;
use super::folder::Folder;
use crate::codec::xml::{Cursor, Element, Ns, Sequence, XmlWriter};
use crate::domain::SmtpAddress;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetFolderRequest {
    pub shape: FolderShape,
    pub folders: Vec<FolderReference>,
}

/// Which properties are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderShape {
    pub base: BaseShape,
    /// Names of further properties, as `folder:DisplayName`. Those of other kinds are left out: no folder has them.
    pub further: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BaseShape {
    IdOnly,
    Default,
    AllProperties,
}

/// A folder as a request names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FolderReference {
    Distinguished {
        name: String,
        /// Of this mailbox, where it is not the caller's.
        mailbox: Option<String>,
    },
    Id(String),
}

/// More than any client asks for at once; the answer grows with it.
const MAX_FOLDERS: usize = 1000;

impl GetFolderRequest {
    pub(super) fn read<'a>(cursor: &mut Cursor<'a>, element: &Element<'a>) -> Result<Self, Fault> {
        cursor.only_attributes(element, &[])?;
        let mut parts = Sequence::of(cursor);
        let shape = parts.required(cursor, Ns::Messages, "FolderShape")?;
        cursor.only_attributes(&shape, &[])?;
        let shape = read_shape(cursor)?;
        let ids = parts.required(cursor, Ns::Messages, "FolderIds")?;
        cursor.only_attributes(&ids, &[])?;
        let folders = read_folders(cursor)?;
        parts.end(cursor)?;
        Ok(Self { shape, folders })
    }

    /// The request's element, in an envelope that declares the prefixes `m` and `t`.
    pub fn write(&self, w: &mut XmlWriter) {
        w.raw("<m:GetFolder><m:FolderShape><t:BaseShape>")
            .raw(match self.shape.base {
                BaseShape::IdOnly => "IdOnly",
                BaseShape::Default => "Default",
                BaseShape::AllProperties => "AllProperties",
            })
            .raw("</t:BaseShape>");
        if !self.shape.further.is_empty() {
            w.raw("<t:AdditionalProperties>");
            for name in &self.shape.further {
                w.raw("<t:FieldURI FieldURI=\"").text(name).raw("\"/>");
            }
            w.raw("</t:AdditionalProperties>");
        }
        w.raw("</m:FolderShape><m:FolderIds>");
        for folder in &self.folders {
            write_reference(w, folder);
        }
        w.raw("</m:FolderIds></m:GetFolder>");
    }
}

fn read_shape(cursor: &mut Cursor<'_>) -> Result<FolderShape, Fault> {
    let mut parts = Sequence::of(cursor);
    let datatype =
        "http://schemas.microsoft.com/exchange/services/2006/types:DefaultShapeNamesType";
    let base = (Ns::Types, "BaseShape");
    let base = parts.value(cursor, base, datatype, |text| match text {
        "IdOnly" => Some(BaseShape::IdOnly),
        "Default" => Some(BaseShape::Default),
        "AllProperties" => Some(BaseShape::AllProperties),
        _ => None,
    })?;
    let mut further = Vec::new();
    if parts
        .optional(cursor, Ns::Types, "AdditionalProperties")?
        .is_some()
    {
        while let Some(property) = cursor.child()? {
            if property.is(Ns::Types, "FieldURI") {
                further.push(attribute(cursor, &property, "FieldURI")?);
            }
            cursor.skip()?;
        }
    }
    parts.end(cursor)?;
    Ok(FolderShape { base, further })
}

fn read_folders(cursor: &mut Cursor<'_>) -> Result<Vec<FolderReference>, Fault> {
    let mut folders = Vec::new();
    while let Some(element) = cursor.child()? {
        let folder = if element.is(Ns::Types, "DistinguishedFolderId") {
            let name = attribute(cursor, &element, "Id")?;
            let mailbox = read_mailbox(cursor)?;
            FolderReference::Distinguished { name, mailbox }
        } else if element.is(Ns::Types, "FolderId") {
            let id = attribute(cursor, &element, "Id")?;
            cursor.skip()?;
            FolderReference::Id(id)
        } else {
            return Err(cursor
                .error(format!(
                    "The element 'FolderIds' has invalid child element '{:.60}'.",
                    element.local()
                ))
                .into());
        };
        folders.push(folder);
    }
    if folders.is_empty() || folders.len() > MAX_FOLDERS {
        return Err(cursor
            .error("The element 'FolderIds' has incomplete content.")
            .into());
    }
    Ok(folders)
}

/// `t:Mailbox` within a distinguished id, where there is one.
fn read_mailbox(cursor: &mut Cursor<'_>) -> Result<Option<String>, Fault> {
    let mut parts = Sequence::of(cursor);
    let mut address = None;
    if parts.optional(cursor, Ns::Types, "Mailbox")?.is_some() {
        while let Some(part) = cursor.child()? {
            if part.is(Ns::Types, "EmailAddress") {
                address = Some(cursor.string(&part)?.trim().to_owned());
            } else {
                cursor.skip()?;
            }
        }
    }
    parts.end(cursor)?;
    Ok(address)
}

/// The value of an attribute that must be there; others are no concern of ours.
pub(super) fn attribute<'a>(
    cursor: &Cursor<'a>,
    element: &Element<'a>,
    name: &str,
) -> Result<String, Fault> {
    let attributes = cursor.attributes(element, crate::codec::xml::Foreign::Refused)?;
    let found = attributes.into_iter().find(|(known, _)| *known == name);
    found.map(|(_, value)| value.into_owned()).ok_or_else(|| {
        cursor
            .error(format!("The required attribute '{name}' is missing."))
            .into()
    })
}

fn write_reference(w: &mut XmlWriter, folder: &FolderReference) {
    match folder {
        FolderReference::Id(id) => {
            w.raw("<t:FolderId Id=\"").text(id).raw("\"/>");
        }
        FolderReference::Distinguished { name, mailbox } => {
            w.raw("<t:DistinguishedFolderId Id=\"")
                .text(name)
                .raw("\">");
            if let Some(mailbox) = mailbox {
                w.raw("<t:Mailbox><t:EmailAddress>")
                    .text(mailbox)
                    .raw("</t:EmailAddress></t:Mailbox>");
            }
            w.raw("</t:DistinguishedFolderId>");
        }
    }
}

/// A message for each folder of the request: `owner`'s are empty, and nobody else has any.
pub fn write_answer(request: &GetFolderRequest, owner: Option<&SmtpAddress>) -> Vec<u8> {
    let mut w = XmlWriter::with_capacity(1024 + request.folders.len() * 1024);
    w.raw(super::OPEN_BODY).raw(concat!(
        r#"<m:GetFolderResponse xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages" "#,
        r#"xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"><m:ResponseMessages>"#
    ));
    for reference in &request.folders {
        match owner.and_then(|owner| Some((find(reference, owner)?, owner))) {
            Some((folder, owner)) => {
                w.raw(r#"<m:GetFolderResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode><m:Folders>"#);
                write_folder(&mut w, folder, owner, &request.shape);
                w.raw("</m:Folders></m:GetFolderResponseMessage>");
            }
            None => {
                w.raw(concat!(
                    r#"<m:GetFolderResponseMessage ResponseClass="Error">"#,
                    "<m:MessageText>The specified folder could not be found in the store.</m:MessageText>",
                    "<m:ResponseCode>ErrorFolderNotFound</m:ResponseCode><m:DescriptiveLinkKey>0</m:DescriptiveLinkKey>",
                    "<m:Folders/></m:GetFolderResponseMessage>"
                ));
            }
        }
    }
    w.raw("</m:ResponseMessages></m:GetFolderResponse>")
        .raw(super::CLOSE_BODY);
    w.into_bytes()
}

fn find(reference: &FolderReference, owner: &SmtpAddress) -> Option<Folder> {
    match reference {
        FolderReference::Id(id) => Folder::of_id(id, owner),
        FolderReference::Distinguished { name, mailbox } => {
            let is_own = mailbox
                .as_deref()
                .is_none_or(|mailbox| SmtpAddress::parse(mailbox).is_ok_and(|it| it == *owner));
            Folder::parse(name).filter(|_| is_own)
        }
    }
}

/// Which element a folder of this kind is.
fn tags(folder: Folder) -> (&'static str, &'static str) {
    match folder {
        Folder::Calendar => ("<t:CalendarFolder>", "</t:CalendarFolder>"),
        Folder::Contacts => ("<t:ContactsFolder>", "</t:ContactsFolder>"),
        Folder::Root
        | Folder::MessageRoot
        | Folder::Inbox
        | Folder::SentItems
        | Folder::Drafts
        | Folder::DeletedItems
        | Folder::JunkEmail
        | Folder::Outbox => ("<t:Folder>", "</t:Folder>"),
    }
}

fn write_folder(w: &mut XmlWriter, folder: Folder, owner: &SmtpAddress, shape: &FolderShape) {
    let wants = |name: &str, least: BaseShape| {
        shape.base as u8 >= least as u8 || shape.further.iter().any(|further| further == name)
    };
    let (open, close) = tags(folder);
    w.raw(open).raw("<t:FolderId Id=\"").text(&folder.id(owner));
    w.raw(r#"" ChangeKey="AQAAAA=="/>"#);
    if let (true, Some(parent)) = (
        wants("folder:ParentFolderId", BaseShape::AllProperties),
        folder.parent(),
    ) {
        w.raw("<t:ParentFolderId Id=\"").text(&parent.id(owner));
        w.raw(r#"" ChangeKey="AQAAAA=="/>"#);
    }
    if let (true, Some(class)) = (
        wants("folder:FolderClass", BaseShape::AllProperties),
        folder.class(),
    ) {
        w.raw("<t:FolderClass>").raw(class).raw("</t:FolderClass>");
    }
    if wants("folder:DisplayName", BaseShape::Default) {
        w.raw("<t:DisplayName>")
            .raw(folder.display_name())
            .raw("</t:DisplayName>");
    }
    if wants("folder:TotalCount", BaseShape::Default) {
        w.raw("<t:TotalCount>0</t:TotalCount>");
    }
    if wants("folder:ChildFolderCount", BaseShape::Default) {
        w.raw("<t:ChildFolderCount>0</t:ChildFolderCount>");
    }
    if wants("folder:EffectiveRights", BaseShape::AllProperties) {
        w.raw(concat!(
            "<t:EffectiveRights><t:CreateAssociated>false</t:CreateAssociated><t:CreateContents>false</t:CreateContents>",
            "<t:CreateHierarchy>false</t:CreateHierarchy><t:Delete>false</t:Delete><t:Modify>false</t:Modify>",
            "<t:Read>true</t:Read></t:EffectiveRights>"
        ));
    }
    if wants("folder:DistinguishedFolderId", BaseShape::AllProperties) {
        w.raw("<t:DistinguishedFolderId>")
            .raw(folder.name())
            .raw("</t:DistinguishedFolderId>");
    }
    let counts_unread = open == "<t:Folder>";
    if counts_unread && wants("folder:UnreadCount", BaseShape::Default) {
        w.raw("<t:UnreadCount>0</t:UnreadCount>");
    }
    w.raw(close);
}

//! The folders that clients look for when they start: they have names and stable ids, and nothing is in them. Which
//! messages carry them is in `get_folder.rs` and `convert_id.rs`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::domain::SmtpAddress;

/// A folder that every mailbox has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Folder {
    Root,
    MessageRoot,
    Inbox,
    Calendar,
    Contacts,
    SentItems,
    Drafts,
    DeletedItems,
    JunkEmail,
    Outbox,
}

impl Folder {
    const ALL: [Self; 10] = [
        Self::Root,
        Self::MessageRoot,
        Self::Inbox,
        Self::Calendar,
        Self::Contacts,
        Self::SentItems,
        Self::Drafts,
        Self::DeletedItems,
        Self::JunkEmail,
        Self::Outbox,
    ];

    /// By the distinguished id of the protocol; None for one that calbridge does not have.
    pub(super) fn parse(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|folder| folder.name() == id)
    }

    /// The distinguished id.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::MessageRoot => "msgfolderroot",
            Self::Inbox => "inbox",
            Self::Calendar => "calendar",
            Self::Contacts => "contacts",
            Self::SentItems => "sentitems",
            Self::Drafts => "drafts",
            Self::DeletedItems => "deleteditems",
            Self::JunkEmail => "junkemail",
            Self::Outbox => "outbox",
        }
    }

    pub(super) fn display_name(self) -> &'static str {
        match self {
            Self::Root => "Root",
            Self::MessageRoot => "Top of Information Store",
            Self::Inbox => "Inbox",
            Self::Calendar => "Calendar",
            Self::Contacts => "Contacts",
            Self::SentItems => "Sent Items",
            Self::Drafts => "Drafts",
            Self::DeletedItems => "Deleted Items",
            Self::JunkEmail => "Junk Email",
            Self::Outbox => "Outbox",
        }
    }

    /// The class of what could be in it ([MS-OXOSFLD] section 2.2.1).
    pub(super) fn class(self) -> Option<&'static str> {
        match self {
            Self::Root | Self::MessageRoot => None,
            Self::Calendar => Some("IPF.Appointment"),
            Self::Contacts => Some("IPF.Contact"),
            Self::Inbox
            | Self::SentItems
            | Self::Drafts
            | Self::DeletedItems
            | Self::JunkEmail
            | Self::Outbox => Some("IPF.Note"),
        }
    }

    pub(super) fn parent(self) -> Option<Self> {
        match self {
            Self::Root => None,
            Self::MessageRoot => Some(Self::Root),
            Self::Inbox
            | Self::Calendar
            | Self::Contacts
            | Self::SentItems
            | Self::Drafts
            | Self::DeletedItems
            | Self::JunkEmail
            | Self::Outbox => Some(Self::MessageRoot),
        }
    }

    /// The same on every instance and after every start.
    pub(super) fn id(self, owner: &SmtpAddress) -> String {
        STANDARD.encode(format!("{MARK}/{}/{owner}", self.name()))
    }

    /// The folder with this id, if it is one of `owner`'s.
    pub(super) fn of_id(id: &str, owner: &SmtpAddress) -> Option<Self> {
        let text = STANDARD.decode(id.trim()).ok()?;
        let text = std::str::from_utf8(&text).ok()?;
        let (name, address) = text
            .strip_prefix(MARK)?
            .strip_prefix('/')?
            .split_once('/')?;
        Self::parse(name).filter(|_| address == owner.as_str())
    }
}

/// Says whose ids these are, and in which form.
const MARK: &str = "calbridge-folder-1";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_its_owners_and_stays_the_same() {
        let [anna, bernd] =
            ["anna@example.com", "bernd@example.com"].map(|text| SmtpAddress::parse(text).unwrap());
        for folder in Folder::ALL {
            let id = folder.id(&anna);
            assert_eq!(Folder::of_id(&id, &anna), Some(folder));
            assert_eq!(Folder::of_id(&id, &bernd), None);
            assert_eq!(Folder::parse(folder.name()), Some(folder));
        }
        assert_eq!(
            Folder::Inbox.id(&anna),
            "Y2FsYnJpZGdlLWZvbGRlci0xL2luYm94L2FubmFAZXhhbXBsZS5jb20="
        );
        for other in ["", "DUMMY", "AAMkA", "Y2FsYnJpZGdlLWZvbGRlci0x", "ÄÖ"] {
            assert_eq!(Folder::of_id(other, &anna), None, "{other}");
        }
    }
}

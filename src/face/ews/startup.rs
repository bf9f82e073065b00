//! What clients ask for when they start, about the mailbox they log in with. A role account has none here: its folders
//! are empty, it is never away, and nothing can be put into it.

use crate::codec::ews::convert_id::{self, ConvertIdRequest};
use crate::codec::ews::get_folder::{self, GetFolderRequest};
use crate::codec::ews::oof_settings::{self, OofSettings, OofSettingsRequest};
use crate::codec::ews::{Header, Impersonation};
use crate::domain::caller::CallerId;
use crate::domain::{Caller, SmtpAddress};

/// Whose mailbox a client believes to be in: who is impersonated, else the account that it logged in with. None where
/// there is no address at all, as with a token that names no account.
pub(super) struct Owner(Option<SmtpAddress>);

impl Owner {
    /// Of a caller that may impersonate whom the header names.
    pub(super) fn of(caller: &Caller, header: &Header) -> Self {
        Self(match &header.impersonation {
            Some(Impersonation::Name(name)) => SmtpAddress::parse(name).ok(),
            Some(Impersonation::Sid) => None,
            None => match &caller.id {
                CallerId::Account(address) => Some(address.clone()),
                CallerId::Client(_)
                | CallerId::Certificate(_)
                | CallerId::Face(_)
                | CallerId::Nobody => None,
            },
        })
    }

    pub(super) fn folders(&self, asked: &GetFolderRequest) -> Vec<u8> {
        get_folder::write_answer(asked, self.0.as_ref())
    }

    pub(super) fn ids(&self, asked: &ConvertIdRequest) -> Vec<u8> {
        convert_id::write_answer(asked, self.0.as_ref())
    }

    pub(super) fn oof_settings(&self, asked: &OofSettingsRequest) -> Vec<u8> {
        let asked = SmtpAddress::parse(&asked.address).ok();
        let is_own = asked.is_some() && asked == self.0;
        oof_settings::write_answer(if is_own {
            OofSettings::Disabled
        } else {
            OofSettings::Denied
        })
    }
}

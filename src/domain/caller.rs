//! Who asks, and how much may be told to them.

use std::fmt;
use std::sync::Arc;

use super::{Detail, DomainPattern, SmtpAddress};

/// A caller that was admitted, and the rights that the configuration gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub id: CallerId,
    /// The most this caller may be told, whatever a question asks for.
    pub detail: Detail,
    /// The mail domains it may ask for; `None`: every one.
    pub domains: Option<Vec<DomainPattern>>,
    /// Told in place of an event's subject.
    pub mask: Option<Arc<str>>,
    /// The role accounts it may impersonate; `None`: every configured one.
    pub role_accounts: Option<Vec<SmtpAddress>>,
}

/// As what a caller was admitted. Its text may stand in logs: it is a word of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CallerId {
    /// `[[access.role_account]]`.
    Account(SmtpAddress),
    /// An OAuth 2.0 client by its id.
    Client(Arc<str>),
    /// `[[access.client_certificate]]` by its name.
    Certificate(Arc<str>),
    /// A face that admits by itself, by a name from the configuration that is no secret.
    Face(Arc<str>),
    /// Whoever comes to a face without a login.
    Nobody,
}

impl Caller {
    /// With the right to ask for everybody.
    pub fn new(id: CallerId, detail: Detail) -> Self {
        Self {
            id,
            detail,
            domains: None,
            mask: None,
            role_accounts: None,
        }
    }

    /// A role account with the right to ask for everybody.
    pub fn of_account(account: SmtpAddress, detail: Detail) -> Self {
        Self::new(CallerId::Account(account), detail)
    }

    /// Whoever comes without a login: may ask for nobody and impersonate nobody.
    pub fn nobody() -> Self {
        Self {
            domains: Some(Vec::new()),
            role_accounts: Some(Vec::new()),
            ..Self::new(CallerId::Nobody, Detail::DigitsOnly)
        }
    }

    /// The mailbox that the caller logged in as, where it is one.
    pub fn account(&self) -> Option<&SmtpAddress> {
        match &self.id {
            CallerId::Account(account) => Some(account),
            CallerId::Client(_)
            | CallerId::Certificate(_)
            | CallerId::Face(_)
            | CallerId::Nobody => None,
        }
    }

    /// Whether the caller's own rights allow a question for `mailbox`.
    pub fn may_ask_for(&self, mailbox: &SmtpAddress) -> bool {
        let Some(domains) = &self.domains else {
            return true;
        };
        let domain = mailbox.domain_str();
        domains.iter().any(|pattern| pattern.matches(domain))
    }
}

impl fmt::Display for CallerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(account) => write!(f, "{account}"),
            Self::Client(name) | Self::Certificate(name) | Self::Face(name) => f.write_str(name),
            Self::Nobody => f.write_str("nobody"),
        }
    }
}

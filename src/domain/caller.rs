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

    /// Whether the caller may name `account` in a header of impersonation, provided that there is such a role account.
    pub fn may_impersonate(&self, account: &SmtpAddress) -> bool {
        self.role_accounts
            .as_ref()
            .is_none_or(|own| own.contains(account))
    }

    /// The caller with what both it and `account` may do: impersonation takes rights away and never adds any.
    #[must_use]
    pub fn acting_for(&self, account: &Self) -> Self {
        let domains = match (&self.domains, &account.domains) {
            (None, one) | (one, None) => one.clone(),
            (Some(own), Some(other)) => {
                let pairs = own
                    .iter()
                    .flat_map(|own| other.iter().filter_map(|other| own.and(other)));
                Some(pairs.collect())
            }
        };
        Self {
            id: self.id.clone(),
            detail: self.detail.min(account.detail),
            domains,
            mask: self.mask.clone().or_else(|| account.mask.clone()),
            role_accounts: self.role_accounts.clone(),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(detail: Detail, domains: Option<&str>) -> Caller {
        let domains = domains.map(|list| {
            let patterns = list.split_whitespace();
            patterns
                .map(|one| DomainPattern::parse(one).unwrap())
                .collect()
        });
        Caller {
            domains,
            ..Caller::new(CallerId::Client("google".into()), detail)
        }
    }

    #[track_caller]
    fn check(own: Option<&str>, other: Option<&str>, meant: &str, not_meant: &str) {
        let (own, other) = (
            caller(Detail::Subjects, own),
            caller(Detail::Subjects, other),
        );
        for acting in [own.acting_for(&other), other.acting_for(&own)] {
            let may = |domain: &str| {
                acting.may_ask_for(&SmtpAddress::parse(&format!("x@{domain}")).unwrap())
            };
            assert!(meant.split_whitespace().all(may), "{meant}: {acting:?}");
            assert!(
                !not_meant.split_whitespace().any(may),
                "{not_meant}: {acting:?}"
            );
        }
    }

    #[test]
    fn impersonation_leaves_what_both_may() {
        check(None, None, "a.example b.example", "");
        check(Some("a.example"), None, "a.example", "b.example");
        check(
            Some("a.example b.example"),
            Some("b.example c.example"),
            "b.example",
            "a.example c.example",
        );
        check(
            Some("*.a.example"),
            Some("x.a.example a.example"),
            "x.a.example",
            "a.example y.a.example",
        );
        check(
            Some("*.a.example"),
            Some("*.b.a.example"),
            "x.b.a.example",
            "b.a.example x.a.example",
        );
        check(
            Some("*.a.example"),
            Some("*.b.example"),
            "",
            "x.a.example x.b.example",
        );
        let (much, little) = (
            caller(Detail::Subjects, None),
            caller(Detail::BusyOnly, None),
        );
        assert_eq!(much.acting_for(&little).detail, Detail::BusyOnly);
        assert_eq!(little.acting_for(&much).detail, Detail::BusyOnly);
    }

    #[test]
    fn nobody_may_do_nothing() {
        let anna = SmtpAddress::parse("anna@a.example").unwrap();
        assert!(!Caller::nobody().may_ask_for(&anna) && !Caller::nobody().may_impersonate(&anna));
    }
}

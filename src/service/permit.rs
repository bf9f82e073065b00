//! Who may be asked for, and how much this caller may be told of them. Decides before anything is asked or looked up in
//! the cache; knows no endpoint.

use std::collections::HashSet;

use super::settings::{PermitSettings, SharingSettings};
use crate::domain::pattern::parents;
use crate::domain::{
    Caller, Detail, DomainPattern, MailDomain, MailboxError, MailboxPattern, SmtpAddress,
};

/// The rules of `[sharing]` about mailboxes, ready to be asked: a few hash look-ups for each mailbox, no allocation.
pub struct Permit {
    deny: MailboxSet,
    only: Option<MailboxSet>,
    /// The most that anybody may be told.
    detail: Detail,
}

/// Mailboxes by their addresses, their domains, or a domain above.
#[derive(Debug, Default)]
struct MailboxSet {
    mailboxes: HashSet<SmtpAddress>,
    domains: HashSet<MailDomain>,
    below: HashSet<MailDomain>,
}

impl Permit {
    pub fn new(settings: &PermitSettings, sharing: &SharingSettings) -> Self {
        Self {
            deny: settings.deny.iter().cloned().collect(),
            only: settings
                .only
                .as_ref()
                .map(|only| only.iter().cloned().collect()),
            detail: if sharing.event_details {
                Detail::Subjects
            } else {
                Detail::BusyOnly
            },
        }
    }

    /// The most that `caller` may be told of a mailbox, or [`MailboxError::NoAccess`]. Both names of the mailbox must
    /// pass, the one that was asked for and the one that an endpoint is asked for: an alias opens no way around a rule.
    pub fn check(
        &self,
        caller: &Caller,
        asked: &SmtpAddress,
        known_as: &SmtpAddress,
    ) -> Result<Detail, MailboxError> {
        let admits = |mailbox| self.admits(mailbox) && caller.may_ask_for(mailbox);
        let passes = admits(asked) && (asked == known_as || admits(known_as));
        if passes {
            Ok(self.detail(caller))
        } else {
            Err(MailboxError::NoAccess)
        }
    }

    /// The same of a list that is told in parts: what holds for the `whole` holds for each `part`, of which no approval can
    /// name the address, since we made it. Each by the name that was asked for and by that of an endpoint.
    pub fn admits_part(
        &self,
        caller: &Caller,
        whole: (&SmtpAddress, &SmtpAddress),
        part: (&SmtpAddress, &SmtpAddress),
    ) -> bool {
        let is_denied = self.deny.contains(part.0) || self.deny.contains(part.1);
        !is_denied && self.check(caller, whole.0, whole.1).is_ok()
    }

    /// The most that `caller` may be told of anybody.
    pub fn detail(&self, caller: &Caller) -> Detail {
        caller.detail.min(self.detail)
    }

    fn admits(&self, mailbox: &SmtpAddress) -> bool {
        !self.deny.contains(mailbox) && self.only.as_ref().is_none_or(|only| only.contains(mailbox))
    }
}

impl MailboxSet {
    fn contains(&self, mailbox: &SmtpAddress) -> bool {
        let domain = mailbox.domain_str();
        self.mailboxes.contains(mailbox)
            || self.domains.contains(domain)
            || !self.below.is_empty() && parents(domain).any(|above| self.below.contains(above))
    }
}

impl FromIterator<MailboxPattern> for MailboxSet {
    fn from_iter<I: IntoIterator<Item = MailboxPattern>>(patterns: I) -> Self {
        let mut set = Self::default();
        for pattern in patterns {
            match pattern {
                MailboxPattern::Mailbox(mailbox) => set.mailboxes.insert(mailbox),
                MailboxPattern::Domain(DomainPattern::Exactly(domain)) => {
                    set.domains.insert(domain)
                }
                MailboxPattern::Domain(DomainPattern::Below(parent)) => set.below.insert(parent),
            };
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(text: &str) -> Vec<MailboxPattern> {
        text.split_whitespace()
            .map(|entry| MailboxPattern::parse(entry).unwrap())
            .collect()
    }

    fn permit(deny: &str, only: Option<&str>) -> Permit {
        let settings = PermitSettings {
            deny: patterns(deny),
            only: only.map(patterns),
        };
        Permit::new(&settings, &SharingSettings::default())
    }

    fn caller(detail: Detail) -> Caller {
        Caller::of_account(SmtpAddress::parse("interop@example.com").unwrap(), detail)
    }

    /// `asked` is an address, or `asked>final` where an alias changed it.
    #[track_caller]
    fn check(deny: &str, only: Option<&str>, asked: &str, expect: bool) {
        let (asked_as, known_as) = asked.split_once('>').unwrap_or((asked, asked));
        let address = |text| SmtpAddress::parse(text).unwrap();
        let got = permit(deny, only).check(
            &caller(Detail::Subjects),
            &address(asked_as),
            &address(known_as),
        );
        let expected = if expect {
            Ok(Detail::Subjects)
        } else {
            Err(MailboxError::NoAccess)
        };
        assert_eq!(got, expected, "deny {deny:?}, only {only:?}, {asked}");
    }

    #[test]
    fn without_rules_everybody_may_be_asked_for() {
        check("", None, "anna@example.com", true);
    }

    #[test]
    fn denied_addresses_domains_and_subdomains() {
        let deny = "anna@example.com @closed.example *.deep.example";
        check(deny, None, "anna@example.com", false);
        check(deny, None, "bert@example.com", true);
        check(deny, None, "anna@closed.example", false);
        check(deny, None, "anna@sub.closed.example", true);
        check(deny, None, "anna@deep.example", true);
        check(deny, None, "anna@a.deep.example", false);
        check(deny, None, "anna@a.b.deep.example", false);
    }

    #[test]
    fn only_the_approved() {
        let only = Some("anna@example.com open.example *.deep.example");
        check("", only, "anna@example.com", true);
        check("", only, "bert@example.com", false);
        check("", only, "bert@open.example", true);
        check("", only, "bert@x.deep.example", true);
        check("", only, "bert@deep.example", false);
        check("", Some(""), "anna@example.com", false);
    }

    #[test]
    fn deny_is_stronger_than_only() {
        check("anna@x.example", Some("x.example"), "anna@x.example", false);
        check("anna@x.example", Some("x.example"), "bert@x.example", true);
    }

    #[test]
    fn both_names_must_pass() {
        let asked = "anna@google.example>anna@corp.example";
        check("", None, asked, true);
        check("@google.example", None, asked, false);
        check("anna@corp.example", None, asked, false);
        check("", Some("google.example"), asked, false);
        check("", Some("anna@corp.example"), asked, false);
        check("", Some("google.example anna@corp.example"), asked, true);
    }

    #[test]
    fn the_lowest_detail_holds() {
        let of = |event_details, detail| {
            let sharing = SharingSettings {
                event_details,
                ..SharingSettings::default()
            };
            let anna = SmtpAddress::parse("anna@example.com").unwrap();
            Permit::new(&PermitSettings::default(), &sharing).check(&caller(detail), &anna, &anna)
        };
        assert_eq!(of(true, Detail::Subjects), Ok(Detail::Subjects));
        assert_eq!(of(true, Detail::BusyOnly), Ok(Detail::BusyOnly));
        assert_eq!(of(false, Detail::Subjects), Ok(Detail::BusyOnly));
        assert_eq!(of(false, Detail::DigitsOnly), Ok(Detail::DigitsOnly));
    }
}

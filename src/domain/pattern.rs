//! Which mailboxes an entry of a configuration means: one address, a mail domain, or everything below a mail domain.

use std::fmt;

use super::address::{AddressError, MailDomain, SmtpAddress};

/// A mail domain, or with `*.` in front all of its subdomains at any depth, but not the domain itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DomainPattern {
    Exactly(MailDomain),
    Below(MailDomain),
}

impl DomainPattern {
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        match text.strip_prefix("*.") {
            Some(parent) => MailDomain::parse(parent).map(Self::Below),
            None => MailDomain::parse(text).map(Self::Exactly),
        }
    }

    /// Whether `domain`, in lower case, is meant.
    pub fn matches(&self, domain: &str) -> bool {
        match self {
            Self::Exactly(own) => own.as_str() == domain,
            Self::Below(parent) => parents(domain).any(|above| above == parent.as_str()),
        }
    }

    /// The domains that both mean, if there can be any.
    pub fn and(&self, other: &Self) -> Option<Self> {
        let (narrow, wide) = match (self, other) {
            (Self::Exactly(_), _) => (self, other),
            (Self::Below(_), Self::Exactly(_)) => (other, self),
            (Self::Below(own), Self::Below(parent)) => {
                let deeper = own == parent || parents(own.as_str()).any(|up| up == parent.as_str());
                if deeper { (self, other) } else { (other, self) }
            }
        };
        let both = match (narrow, wide) {
            (Self::Exactly(domain), _) => wide.matches(domain.as_str()),
            (Self::Below(own), Self::Below(_)) => narrow == wide || wide.matches(own.as_str()),
            (Self::Below(_), Self::Exactly(_)) => false,
        };
        both.then(|| narrow.clone())
    }
}

impl From<MailDomain> for DomainPattern {
    fn from(domain: MailDomain) -> Self {
        Self::Exactly(domain)
    }
}

impl fmt::Display for DomainPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(domain) => write!(f, "{domain}"),
            Self::Below(parent) => write!(f, "*.{parent}"),
        }
    }
}

/// A mailbox by its address, or all mailboxes of a domain pattern.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MailboxPattern {
    Mailbox(SmtpAddress),
    Domain(DomainPattern),
}

impl MailboxPattern {
    /// `anna@example.com`, `example.com`, `@example.com` or `*.example.com`.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        let domain = text.strip_prefix('@').unwrap_or(text);
        if domain.contains('@') {
            SmtpAddress::parse(text).map(Self::Mailbox)
        } else {
            DomainPattern::parse(domain).map(Self::Domain)
        }
    }
}

/// The domains above a domain, nearest first: of `a.b.c` these are `b.c` and `c`.
pub fn parents(domain: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(domain), |domain| {
        domain.split_once('.').map(|(_, above)| above)
    })
    .skip(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, meant: &[&str], not_meant: &[&str]) {
        let parsed = DomainPattern::parse(pattern).unwrap();
        for domain in meant {
            assert!(parsed.matches(domain), "{pattern} means {domain}");
        }
        for domain in not_meant {
            assert!(!parsed.matches(domain), "{pattern} does not mean {domain}");
        }
    }

    #[test]
    fn a_domain_means_itself_only() {
        let others = ["sub.example.com", "com", "xexample.com", "example.com.x"];
        check("Example.COM", &["example.com"], &others);
    }

    #[test]
    fn a_wildcard_means_every_depth_below() {
        check(
            "*.Example.com",
            &["a.example.com", "a.b.example.com"],
            &["example.com", "xexample.com", "a.example.org", "com"],
        );
    }

    #[test]
    fn entries_are_told_apart() {
        let text = |text| match MailboxPattern::parse(text).unwrap() {
            MailboxPattern::Mailbox(address) => format!("mailbox {address}"),
            MailboxPattern::Domain(domain) => format!("domain {domain}"),
        };
        assert_eq!(text(" Anna@Example.com "), "mailbox anna@example.com");
        assert_eq!(text("@Example.com"), "domain example.com");
        assert_eq!(text("example.com"), "domain example.com");
        assert_eq!(text("*.example.com"), "domain *.example.com");
        assert_eq!(text("@*.example.com"), "domain *.example.com");
    }

    #[test]
    fn what_means_nobody_is_refused() {
        for pattern in ["", "*", "*.", "*x.example", "a.*.example", "-x.example"] {
            assert!(DomainPattern::parse(pattern).is_err(), "{pattern:?}");
            assert!(MailboxPattern::parse(pattern).is_err(), "{pattern:?}");
        }
        for pattern in [
            "@",
            "a@",
            "a b@example.com",
            "*@example.com.",
            "@@x.example",
        ] {
            assert!(MailboxPattern::parse(pattern).is_err(), "{pattern:?}");
        }
    }
}

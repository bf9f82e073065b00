//! Mail domains that callers write and endpoints do not know: the asked address becomes the endpoint's before it is
//! routed, and answers speak the caller's names. Knows no endpoint.

use std::collections::HashMap;
use std::sync::Arc;

use super::settings::AliasSettings;
use crate::domain::{MailDomain, SmtpAddress};

/// The aliases by their external domains. Two external domains may mean the same internal one; the way back is told by
/// what was asked.
#[derive(Debug, Default)]
pub struct Aliases {
    internal: HashMap<MailDomain, MailDomain>,
    /// The way back, in the order of the configuration.
    externals: HashMap<MailDomain, Vec<MailDomain>>,
}

impl Aliases {
    pub fn new(aliases: &[AliasSettings]) -> Self {
        let pairs = aliases
            .iter()
            .map(|alias| (alias.external.clone(), alias.internal.clone()));
        let mut externals: HashMap<_, Vec<_>> = HashMap::new();
        for alias in aliases {
            externals
                .entry(alias.internal.clone())
                .or_default()
                .push(alias.external.clone());
        }
        Self {
            internal: pairs.collect(),
            externals,
        }
    }

    /// The domains under which callers know those of `internal`: for what nobody has asked for by name.
    pub fn externals(&self, internal: &SmtpAddress) -> &[MailDomain] {
        let domains = self.externals.get(internal.domain_str());
        domains.map_or(&[], Vec::as_slice)
    }

    /// What endpoints are asked for; the same address, not copied, where its domain is no alias. One step, never
    /// several: an internal domain is no alias itself.
    #[must_use]
    pub fn internal(&self, asked: &SmtpAddress) -> SmtpAddress {
        self.domain_for(asked)
            // An address that would be too long has no mailbox at any endpoint.
            .and_then(|domain| asked.at(domain))
            .unwrap_or_else(|| asked.clone())
    }

    /// What endpoints are asked for of a domain; None where it is no alias.
    #[must_use]
    pub fn internal_domain(&self, asked: &MailDomain) -> Option<&MailDomain> {
        self.internal.get(asked)
    }

    /// An address that was found, in the words of the one who asked for `asked`.
    #[must_use]
    pub fn external(&self, found: &SmtpAddress, asked: &SmtpAddress) -> SmtpAddress {
        match self.domain_for(asked) {
            Some(internal) if internal.as_str() == found.domain_str() => {
                found.at(&asked.domain()).unwrap_or_else(|| asked.clone())
            }
            Some(_) | None => found.clone(),
        }
    }

    /// A display name in the words of the one who asked for `asked`: sources without a better name give the address.
    #[must_use]
    pub fn external_name(&self, name: Arc<str>, asked: &SmtpAddress) -> Arc<str> {
        if self.domain_for(asked).is_none() {
            return name;
        }
        match SmtpAddress::parse(&name) {
            Ok(found) => self.external(&found, asked).as_str().into(),
            Err(_) => name,
        }
    }

    fn domain_for(&self, asked: &SmtpAddress) -> Option<&MailDomain> {
        self.internal.get(asked.domain_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aliases() -> Aliases {
        let alias = |external, internal| AliasSettings {
            external: MailDomain::parse(external).unwrap(),
            internal: MailDomain::parse(internal).unwrap(),
        };
        Aliases::new(&[
            alias("google.example.com", "example.com"),
            alias("old.example.com", "example.com"),
            alias("x.example", "a-much-longer-domain.example"),
        ])
    }

    fn address(text: &str) -> SmtpAddress {
        SmtpAddress::parse(text).unwrap()
    }

    /// What is asked for in the south, and how that very address is called in the north.
    #[track_caller]
    fn check(asked: &str, internal: &str) {
        let asked = address(asked);
        let got = aliases().internal(&asked);
        assert_eq!(got.as_str(), internal);
        assert_eq!(aliases().external(&got, &asked), asked);
    }

    #[test]
    fn external_domains_become_internal_and_back() {
        check("anna@google.example.com", "anna@example.com");
        check("Anna@OLD.example.com", "anna@example.com");
        check("anna@example.com", "anna@example.com");
        check("anna@sub.google.example.com", "anna@sub.google.example.com");
    }

    #[test]
    fn an_address_without_alias_is_not_copied() {
        let asked = address("anna@example.com");
        let internal = aliases().internal(&asked);
        assert!(std::ptr::eq(internal.as_str(), asked.as_str()));
    }

    #[test]
    fn an_address_that_would_be_too_long_stays() {
        let long = format!("{}@x.example", "a".repeat(64));
        check(
            &long,
            &format!("{}@a-much-longer-domain.example", "a".repeat(64)),
        );
        let label = "a".repeat(60);
        let domain = format!("{label}.{label}.{label}.example");
        let alias = AliasSettings {
            external: MailDomain::parse("x.example").unwrap(),
            internal: MailDomain::parse(&domain).unwrap(),
        };
        let asked = address(&long);
        assert_eq!(Aliases::new(&[alias]).internal(&asked), asked);
    }

    #[test]
    fn answers_speak_the_callers_names() {
        let name = |name: &str, asked| {
            let told = aliases().external_name(name.into(), &address(asked));
            told.to_string()
        };
        let asked = "anna@google.example.com";
        assert_eq!(name("anna@example.com", asked), "anna@google.example.com");
        assert_eq!(name("a.b@example.com", asked), "a.b@google.example.com");
        assert_eq!(name("Anna Example", asked), "Anna Example");
        assert_eq!(name("anna@other.example", asked), "anna@other.example");
        let internal = "anna@example.com";
        assert_eq!(name("anna@example.com", internal), "anna@example.com");
    }
}

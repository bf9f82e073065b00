//! From the addresses of a question to what is known of them, in the order asked. Whoever may not be asked for, or is not
//! known, is left out without a word.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::DomainMapping;
use crate::domain::freebusy::Owner;
use crate::domain::{
    Caller, Detail, DomainPattern, MailDomain, MailboxError, Outcome, SmtpAddress, TimeWindow,
};
use crate::face::{Call, question};
use crate::service::Availability;
use crate::service::explain::Explanation;
use crate::service::names::Names;

/// Addresses of one question.
pub(super) const MOST_ADDRESSES: usize = 100;
/// Days of one question; a question for iCalendar that names no window is about ninety.
pub(super) const MOST_DAYS: i64 = 92;

pub(super) struct Lookup {
    availability: Arc<Availability>,
    names: Names,
    domains: Vec<DomainPattern>,
    /// What callers write to what it is called here, and back.
    inward: HashMap<MailDomain, MailDomain>,
    outward: HashMap<MailDomain, MailDomain>,
}

/// One mailbox of an answer.
pub(super) struct Found {
    /// As callers write it.
    pub(super) address: SmtpAddress,
    /// The display name, where it is known.
    pub(super) name: Option<Arc<str>>,
    /// Never [`MailboxError::NotFound`] or [`MailboxError::InvalidAddress`].
    pub(super) outcome: Outcome,
}

/// Why a mailbox is not asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LeftOut {
    NoAddress,
    /// Of none of the domains that may be asked for.
    Domain,
}

/// What becomes of one mailbox, and how.
pub(super) struct Examined {
    pub(super) found: Found,
    /// The mailbox as it was asked for here, where a domain is mapped.
    pub(super) mapped: Option<SmtpAddress>,
    pub(super) explanation: Option<Explanation>,
}

/// Why a question is not asked at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    Reversed,
    TooLong,
    TooManyAddresses,
}

impl Refused {
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Reversed => "must lie after the start",
            Self::TooLong => "is more than 92 days after the start",
            Self::TooManyAddresses => "more than 100 addresses",
        }
    }
}

/// The window of a question.
pub(super) fn window(start: Timestamp, end: Timestamp) -> Result<TimeWindow, Refused> {
    let window = TimeWindow::new(start, end).map_err(|_| Refused::Reversed)?;
    // A clock that was put back makes one of the days longer.
    if window.duration() > SignedDuration::from_hours(24 * MOST_DAYS + 1) {
        return Err(Refused::TooLong);
    }
    Ok(window)
}

impl Lookup {
    pub(super) fn new(
        availability: Arc<Availability>,
        domains: Vec<DomainPattern>,
        mapping: &[DomainMapping],
    ) -> Self {
        let pair = |from: &MailDomain, to: &MailDomain| (from.clone(), to.clone());
        let pairs = mapping.iter();
        Self {
            names: Names::new(Arc::clone(&availability)),
            availability,
            domains,
            inward: pairs
                .clone()
                .map(|m| pair(&m.external, &m.internal))
                .collect(),
            outward: pairs.map(|m| pair(&m.internal, &m.external)).collect(),
        }
    }

    /// The time by which answers are dated.
    pub(super) fn now(&self) -> Timestamp {
        self.availability.now()
    }

    /// What is known of these mailboxes, with at most `detail`, and what they are called.
    pub(super) async fn find_named<'a>(
        &self,
        users: impl ExactSizeIterator<Item = &'a str>,
        window: TimeWindow,
        detail: Detail,
        call: &Call,
    ) -> Result<Vec<Found>, Refused> {
        let mut found = self.find_here(users, window, detail, call).await?;
        self.fill_names(&mut found, &call.caller, call.deadline)
            .await;
        Ok(self.outward(found))
    }

    /// The same without names: none is asked for.
    pub(super) async fn find<'a>(
        &self,
        users: impl ExactSizeIterator<Item = &'a str>,
        window: TimeWindow,
        detail: Detail,
        call: &Call,
    ) -> Result<Vec<Found>, Refused> {
        let found = self.find_here(users, window, detail, call).await?;
        Ok(self.outward(found))
    }

    /// By the addresses that mailboxes have here.
    async fn find_here<'a>(
        &self,
        users: impl ExactSizeIterator<Item = &'a str>,
        window: TimeWindow,
        detail: Detail,
        call: &Call,
    ) -> Result<Vec<Found>, Refused> {
        if users.len() > MOST_ADDRESSES {
            return Err(Refused::TooManyAddresses);
        }
        let mailboxes = self.mailboxes(users);
        if mailboxes.is_empty() {
            return Ok(Vec::new());
        }
        let asked = mailboxes.iter().cloned().map(Ok);
        let query = question(
            (&call.caller, call.origin(super::NAME)),
            asked,
            window,
            detail,
        );
        let answer = self.availability.answer(&query, call.deadline).await;
        Ok(mailboxes
            .into_iter()
            .zip(answer.per_mailbox)
            .filter(|(_, outcome)| !is_nobody(outcome))
            .map(|(mailbox, outcome)| Found {
                name: None,
                address: mailbox,
                outcome,
            })
            .collect())
    }

    /// By the addresses that callers write.
    fn outward(&self, mut found: Vec<Found>) -> Vec<Found> {
        if !self.outward.is_empty() {
            for one in &mut found {
                one.address = map(&self.outward, one.address.clone());
            }
        }
        found
    }

    /// What [`Lookup::find`] makes of one mailbox, and how. One that is not known stays.
    pub(super) async fn examine(
        &self,
        user: &str,
        window: TimeWindow,
        detail: Detail,
        call: &Call,
    ) -> Result<Examined, LeftOut> {
        let mailbox = self.mailbox(user)?;
        let query = question(
            (&call.caller, call.origin(super::NAME)),
            [Ok(mailbox.clone())],
            window,
            detail,
        );
        let answer = self.availability.answer_explained(&query, call.deadline);
        let (answer, explained) = answer.await;
        let outcome = answer.per_mailbox.into_iter().next();
        let mut found = [Found {
            name: None,
            address: mailbox.clone(),
            outcome: outcome.unwrap_or(Err(MailboxError::EndpointFailed)),
        }];
        self.fill_names(&mut found, &call.caller, call.deadline)
            .await;
        let [mut found] = found;
        found.address = map(&self.outward, found.address);
        Ok(Examined {
            mapped: (found.address != mailbox).then_some(mailbox),
            found,
            explanation: explained.into_iter().next(),
        })
    }

    /// The mailboxes that may be asked for, by the addresses that they have here, each once.
    fn mailboxes<'a>(&self, users: impl Iterator<Item = &'a str>) -> Vec<SmtpAddress> {
        let mut seen = HashSet::new();
        users
            .filter_map(|user| self.mailbox(user).ok())
            .filter(|mailbox| seen.insert(mailbox.clone()))
            .collect()
    }

    /// The mailbox that a caller means, by the address that it has here.
    fn mailbox(&self, user: &str) -> Result<SmtpAddress, LeftOut> {
        let asked = SmtpAddress::parse(user).map_err(|_| LeftOut::NoAddress)?;
        let may_ask = self.may_ask_for(&asked);
        let mailbox = map(&self.inward, asked);
        if may_ask || self.may_ask_for(&mailbox) {
            Ok(mailbox)
        } else {
            Err(LeftOut::Domain)
        }
    }

    fn may_ask_for(&self, mailbox: &SmtpAddress) -> bool {
        let domain = mailbox.domain_str();
        self.domains.iter().any(|pattern| pattern.matches(domain))
    }

    /// A calendar says itself whose it is, or the directory behind it does.
    async fn fill_names(&self, found: &mut [Found], caller: &Caller, deadline: Instant) {
        if !self.names.are_told() {
            return;
        }
        let mut unknown = Vec::new();
        for one in found.iter_mut().filter(|one| one.wants_name()) {
            match self.names.known(&one.address) {
                Some(name) => one.name = name,
                None => unknown.push((&one.address, &mut one.name)),
            }
        }
        if !unknown.is_empty() {
            self.names.ask(caller, unknown, deadline).await;
        }
    }
}

impl Found {
    /// The name to be shown.
    pub(super) fn display_name(&self) -> &str {
        self.owner()
            .and_then(|owner| owner.display_name.as_deref())
            .or(self.name.as_deref())
            .unwrap_or(self.address.as_str())
    }

    /// Whoever stands for an organizer that is not known.
    pub(super) fn common_name(&self) -> &str {
        self.owner()
            .and_then(|owner| owner.common_name.as_deref())
            .unwrap_or_default()
    }

    /// Whether its name is to be asked for. Whoever cannot be asked for events cannot be asked for a name, and of a mailbox
    /// that may not be read nothing is told.
    fn wants_name(&self) -> bool {
        match &self.outcome {
            Ok(known) => known
                .owner
                .as_ref()
                .is_none_or(|owner| owner.display_name.is_none()),
            Err(error) => *error != MailboxError::NoAccess && !error.is_outage(),
        }
    }

    fn owner(&self) -> Option<&Owner> {
        self.outcome.as_ref().ok()?.owner.as_deref()
    }
}

/// The same mailbox at the domain that this one is mapped to.
fn map(mapping: &HashMap<MailDomain, MailDomain>, address: SmtpAddress) -> SmtpAddress {
    if mapping.is_empty() {
        return address;
    }
    let to = mapping.get(address.domain_str());
    to.and_then(|to| address.at(to)).unwrap_or(address)
}

/// Whether the mailbox does not exist, as far as anybody can tell.
fn is_nobody(outcome: &Outcome) -> bool {
    matches!(
        outcome,
        Err(MailboxError::NotFound | MailboxError::InvalidAddress)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn windows_have_bounds() {
        let start = at("2026-09-01T00:00:00Z");
        assert_eq!(window(start, start), Err(Refused::Reversed));
        assert_eq!(
            window(start, at("2026-08-01T00:00:00Z")),
            Err(Refused::Reversed)
        );
        assert!(window(start, at("2026-12-02T01:00:00Z")).is_ok());
        assert_eq!(
            window(start, at("2026-12-02T01:00:01Z")),
            Err(Refused::TooLong)
        );
    }
}

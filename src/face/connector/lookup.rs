//! From the addresses of a question to what is known of them, in the order asked. Whoever may not be asked for, or is not
//! known, is left out without a word.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::DomainMapping;
use super::names::Names;
use crate::domain::{
    Attendee, AttendeeRole, AvailabilityQuery, Caller, Detail, DomainPattern, MailDomain,
    MailboxError, Origin, Outcome, SmtpAddress, TimeWindow,
};
use crate::face::Call;
use crate::service::Availability;

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

    /// What is known of these mailboxes, with at most `detail`.
    pub(super) async fn find<'a>(
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
        let query = AvailabilityQuery {
            caller: Arc::clone(&call.caller),
            attendees: mailboxes.iter().map(attendee).collect(),
            window,
            detail,
            origin: Origin::default(),
        };
        let answer = self.availability.answer(&query, call.deadline).await;
        let mut found: Vec<Found> = mailboxes
            .into_iter()
            .zip(answer.per_mailbox)
            .filter(|(_, outcome)| !is_nobody(outcome))
            .map(|(mailbox, outcome)| Found {
                name: None,
                address: mailbox,
                outcome,
            })
            .collect();
        self.fill_names(&mut found, &call.caller, call.deadline)
            .await;
        for one in &mut found {
            one.address = map(&self.outward, one.address.clone());
        }
        Ok(found)
    }

    /// The mailboxes that may be asked for, by the addresses that they have here, each once.
    fn mailboxes<'a>(&self, users: impl Iterator<Item = &'a str>) -> Vec<SmtpAddress> {
        let mut seen = HashSet::new();
        users
            .filter_map(|user| SmtpAddress::parse(user).ok())
            .filter_map(|asked| {
                let mailbox = map(&self.inward, asked.clone());
                (self.may_ask_for(&asked) || self.may_ask_for(&mailbox)).then_some(mailbox)
            })
            .filter(|mailbox| seen.insert(mailbox.clone()))
            .collect()
    }

    fn may_ask_for(&self, mailbox: &SmtpAddress) -> bool {
        let domain = mailbox.domain_str();
        self.domains.iter().any(|pattern| pattern.matches(domain))
    }

    /// A calendar says itself whose it is, or the directory behind it does.
    async fn fill_names(&self, found: &mut [Found], caller: &Caller, deadline: Instant) {
        let wanted = found.iter_mut().filter_map(|one| match &one.outcome {
            Ok(known) => {
                let owner = known.owner.as_ref();
                let named = owner.is_some_and(|owner| owner.display_name.is_some());
                (!named).then_some(one)
            }
            // Whoever cannot be asked for events cannot be asked for a name.
            Err(error) => (!error.is_outage()).then_some(one),
        });
        let naming = wanted.map(async |one| {
            one.name = self.names.find(caller, &one.address, deadline).await;
        });
        futures_util::future::join_all(naming).await;
    }
}

impl Found {
    /// The name to be shown.
    pub(super) fn display_name(&self) -> &str {
        let owner = self
            .outcome
            .as_ref()
            .ok()
            .and_then(|known| known.owner.as_ref());
        owner
            .and_then(|owner| owner.display_name.as_deref())
            .or(self.name.as_deref())
            .unwrap_or(self.address.as_str())
    }

    /// Whoever stands for an organizer that is not known.
    pub(super) fn common_name(&self) -> &str {
        let owner = self
            .outcome
            .as_ref()
            .ok()
            .and_then(|known| known.owner.as_ref());
        owner
            .and_then(|owner| owner.common_name.as_deref())
            .unwrap_or_default()
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

fn attendee(mailbox: &SmtpAddress) -> Attendee {
    Attendee {
        mailbox: Ok(mailbox.clone()),
        role: AttendeeRole::Required,
        exclude_conflicts: false,
    }
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

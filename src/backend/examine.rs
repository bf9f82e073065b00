//! What looking at each role account of an endpoint has shown, one attempt each: for `check --online`.

use std::time::Duration;

use super::EndpointError;
use crate::domain::{Detail, MailboxError, SmtpAddress};

/// One role account.
#[derive(Debug, Clone)]
pub struct AccountFinding {
    pub address: SmtpAddress,
    /// Whose calendar it was to see.
    pub about: SmtpAddress,
    pub seen: Seen,
}

#[derive(Debug, Clone)]
pub enum Seen {
    /// It sees the calendar that was asked for, in this detail.
    Calendar(Detail),
    /// It may ask, and was told this of the mailbox.
    Mailbox(MailboxError),
    /// The call failed. A refused login is quarantined from now on, here and in the gateway.
    Failed(EndpointError),
    /// It was not tried, because it was refused before; for so long it still is not.
    Quarantined { left: Duration },
}

/// Whether accounts of one endpoint see the same calendar in different detail: what callers are shown would depend on
/// chance. What an account sees of its own calendar says nothing of others.
pub fn details_differ(findings: &[AccountFinding]) -> bool {
    let others = findings.iter().filter(|one| one.address != one.about);
    let mut details = others.filter_map(|finding| match finding.seen {
        Seen::Calendar(detail) => Some(detail),
        Seen::Mailbox(_) | Seen::Failed(_) | Seen::Quarantined { .. } => None,
    });
    details
        .next()
        .is_some_and(|first| details.any(|detail| detail != first))
}

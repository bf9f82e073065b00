//! Display names of mailboxes whose calendars do not say whose they are. They are asked for apart from events, and seldom:
//! a name changes less often than a calendar, and no answer waits for one for long.

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;
use tokio::time::Instant;

use crate::domain::{Caller, SmtpAddress};
use crate::service::Availability;

const KEPT: Duration = Duration::from_mins(10);
const MOST_KEPT: u64 = 100_000;
/// How long an answer waits for names.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) struct Names {
    availability: Arc<Availability>,
    /// None where the mailbox has no better name than its address, or nobody could say.
    known: Cache<SmtpAddress, Option<Arc<str>>>,
}

impl Names {
    pub(super) fn new(availability: Arc<Availability>) -> Self {
        Self {
            availability,
            known: Cache::builder()
                .max_capacity(MOST_KEPT)
                .time_to_live(KEPT)
                .build(),
        }
    }

    pub(super) async fn find(
        &self,
        caller: &Caller,
        mailbox: &SmtpAddress,
        deadline: Instant,
    ) -> Option<Arc<str>> {
        if let Some(known) = self.known.get(mailbox).await {
            return known;
        }
        let deadline = deadline.min(Instant::now() + PATIENCE);
        let ask = async {
            let name = self.availability.resolve(caller, mailbox, deadline).await;
            // Without a name the answer is as good.
            let name = name.ok().flatten();
            // An address in place of a name says nothing, and would show an alias.
            name.filter(|name| !name.contains('@'))
        };
        self.known.get_with_by_ref(mailbox, ask).await
    }
}

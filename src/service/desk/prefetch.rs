//! Fetching for the cache alone: nobody waits for it, so it shares no flight with callers, who would have to wait for it
//! then.

use super::Desk;
use crate::backend::EndpointError;
use crate::domain::{MailboxError, SmtpAddress, TimeWindow};
use crate::service::cache::Found;

impl Desk {
    /// Asks for those mailboxes of which the cache has nothing fresh, call after call, each of which gives way to callers.
    /// Ends with the first call that fails. `told` hears what is known of each mailbox until then, the cache's answers
    /// included.
    pub async fn prefetch(
        &self,
        mailboxes: &[SmtpAddress],
        window: &TimeWindow,
        mut told: impl FnMut(&SmtpAddress, Result<(), MailboxError>) + Send,
    ) -> Result<(), EndpointError> {
        if self.lifetimes.fresh_for.is_zero() {
            return Ok(());
        }
        let limits = self.endpoint.limits();
        let wide = super::widen::widened(window, self.widen, limits.days_per_call);
        let wide = shortened(wide, limits.days_per_call);
        let mut waiting = mailboxes;
        loop {
            let (old, rest) = self.next_old(waiting, &wide, limits.mailboxes_per_call, &mut told);
            if old.is_empty() {
                return Ok(());
            }
            waiting = rest;
            let asking = self.cache.asking(self.seat);
            let outcomes = self.endpoint.ask_in_background(&old, wide).await?;
            for (mailbox, outcome) in &outcomes {
                self.cache.store(&asking, mailbox, &wide, outcome);
                told(mailbox, outcome.as_ref().map(drop).map_err(|error| *error));
            }
        }
    }

    /// The next mailboxes to be asked for, if any, and those after them. The cache is looked into just before: a caller may
    /// have fetched them.
    fn next_old<'a>(
        &self,
        mailboxes: &'a [SmtpAddress],
        window: &TimeWindow,
        most: usize,
        told: &mut impl FnMut(&SmtpAddress, Result<(), MailboxError>),
    ) -> (Vec<SmtpAddress>, &'a [SmtpAddress]) {
        let keep = (&self.lifetimes, self.cache.now());
        let mut old = Vec::new();
        let mut rest = mailboxes;
        while let [mailbox, others @ ..] = rest {
            if old.len() == most {
                break;
            }
            rest = others;
            match self.cache.find(self.seat, mailbox, window, keep) {
                Found::Stale { .. } | Found::Missing => old.push(mailbox.clone()),
                Found::Fresh(_) => told(mailbox, Ok(())),
                Found::Failed(error) => told(mailbox, Err(error)),
                Found::Rescued(_) => {}
            }
        }
        (old, rest)
    }
}

/// No longer than one call may ask for.
fn shortened(window: TimeWindow, days: u16) -> TimeWindow {
    let most = jiff::SignedDuration::from_hours(24 * i64::from(days));
    let end = window.start().checked_add(most).ok();
    end.filter(|end| *end < window.end())
        .and_then(|end| TimeWindow::new(window.start(), end).ok())
        .unwrap_or(window)
}

//! Fetching for the cache alone: nobody waits for it, so it shares no flight with callers, who would have to wait for it
//! then.

use super::Desk;
use crate::backend::EndpointError;
use crate::domain::{SmtpAddress, TimeWindow};
use crate::service::cache::Found;

impl Desk {
    /// Asks for those mailboxes of which the cache has nothing fresh, call after call, each of which gives way to callers.
    /// Ends with the first call that fails. `found` is told which mailboxes are here.
    pub async fn prefetch(
        &self,
        mailboxes: &[SmtpAddress],
        window: &TimeWindow,
        found: impl Fn(&SmtpAddress),
    ) -> Result<(), EndpointError> {
        if self.lifetimes.fresh_for.is_zero() {
            return Ok(());
        }
        let limits = self.endpoint.limits();
        let wide = super::widen::widened(window, self.widen, limits.days_per_call);
        let wide = shortened(wide, limits.days_per_call);
        let mut waiting = mailboxes;
        while let Some((old, rest)) = self.next_old(waiting, &wide, limits.mailboxes_per_call) {
            waiting = rest;
            let asking = self.cache.asking(self.seat);
            let outcomes = self.endpoint.ask_in_background(&old, wide).await?;
            for (mailbox, outcome) in &outcomes {
                self.cache.store(&asking, mailbox, &wide, outcome);
                if outcome.is_ok() {
                    found(mailbox);
                }
            }
        }
        Ok(())
    }

    /// The next mailboxes to be asked for, and those after them. The cache is looked into just before: a caller may have
    /// fetched them.
    fn next_old<'a>(
        &self,
        mailboxes: &'a [SmtpAddress],
        window: &TimeWindow,
        most: usize,
    ) -> Option<(Vec<SmtpAddress>, &'a [SmtpAddress])> {
        let keep = (&self.lifetimes, self.cache.now());
        let mut old = Vec::new();
        let mut rest = mailboxes;
        while let [mailbox, others @ ..] = rest {
            if old.len() == most {
                break;
            }
            rest = others;
            let found = self.cache.find(self.seat, mailbox, window, keep);
            if matches!(found, Found::Stale { .. } | Found::Missing) {
                old.push(mailbox.clone());
            }
        }
        (!old.is_empty()).then_some((old, rest))
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

//! The endpoint kind `calendar-files`: a folder of iCalendar files, `<address>.ics`, one for each mailbox.
//!
//! The folder is listed for every question and the mailbox is looked up in the list; what a caller writes never
//! becomes a path. Reading the format is the work of [`crate::codec::ical`].

mod folder;
pub mod inspect;
mod lists;
mod rooms;
mod shelf;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout_at};
use tracing::{Span, debug, warn};

use self::folder::{Folder, Listing};
use self::lists::Lists;
use self::shelf::Shelf;
use super::rooms::RoomSource;
use super::settings::CalendarFilesSettings;
use super::{Ask, Backend, EndpointError, Limits};
use crate::codec::address_lists::TooManyMembers;
use crate::codec::ical::Calendar;
use crate::domain::{
    Clock, Detail, FreeBusy, MailboxError, Outcome, Owner, SmtpAddress, TimeWindow,
};

/// Mailboxes that a list may have, those of lists within it included; as many as Exchange expands.
const MOST_MEMBERS: usize = 100;
/// Files that one question reads side by side.
const SIDE_BY_SIDE: usize = 4;

/// A folder of calendar files. Cheap to build: nothing is read before the first question.
pub struct CalendarFiles {
    folder: Arc<Folder>,
    shelf: Arc<Shelf>,
    lists: Arc<Lists>,
}

/// What is in the folder while one question is answered.
struct Inventory {
    listing: Listing,
    lists: lists::Known,
}

impl CalendarFiles {
    pub fn new(settings: CalendarFilesSettings, clock: Arc<dyn Clock>) -> Self {
        Self {
            folder: Arc::new(Folder::new(settings.directory)),
            shelf: Arc::new(Shelf::new(settings.time_zone, Arc::clone(&clock))),
            lists: Arc::new(Lists::new(clock)),
        }
    }

    async fn list(&self) -> Result<Arc<Inventory>, EndpointError> {
        let folder = Arc::clone(&self.folder);
        let (shelf, lists) = (Arc::clone(&self.shelf), Arc::clone(&self.lists));
        let inventory = off_the_runtime(move || {
            let listing = folder.list()?;
            shelf.keep_only(&listing);
            let lists = lists.read(&folder);
            Ok::<_, io::Error>(Inventory { listing, lists })
        })
        .await
        .map_err(|_| EndpointError::Source("listing the folder failed".into()))?;
        inventory.map(Arc::new).map_err(|error| {
            let text = format!("{}: {error}", self.folder.directory().display());
            EndpointError::Source(text.into())
        })
    }

    /// The calendar of a mailbox as it is on disk now.
    async fn calendar(
        &self,
        now: &Arc<Inventory>,
        mailbox: &SmtpAddress,
    ) -> Result<Arc<Calendar>, MailboxError> {
        let (shelf, now, wanted) = (Arc::clone(&self.shelf), Arc::clone(now), mailbox.clone());
        off_the_runtime(move || shelf.calendar(&now.listing, &wanted))
            .await
            .unwrap_or_else(|error| Err(broken_off(&error, mailbox)))
    }

    /// What is known of a mailbox or of a list.
    async fn outcome(
        &self,
        now: &Arc<Inventory>,
        mailbox: &SmtpAddress,
        window: TimeWindow,
    ) -> Outcome {
        let members = match &now.lists {
            Ok(lists) => lists.members(mailbox, MOST_MEMBERS),
            Err(_) => None,
        };
        match members {
            None => match (self.events(now, mailbox, window).await, &now.lists) {
                // It may be one of the lists that cannot be read.
                (Err(MailboxError::NotFound), Err(unreadable)) => Err(*unreadable),
                (outcome, _) => outcome,
            },
            Some(_) if now.listing.has(mailbox) => {
                warn!(directory = %self.folder.directory().display(), "A list has the address of a mailbox, neither is used");
                debug!(%mailbox, "It is this mailbox");
                Err(MailboxError::GenerationFailed)
            }
            Some(Err(TooManyMembers)) => Err(MailboxError::ListTooLong),
            Some(Ok(members)) => {
                let lists = now.lists.as_ref().ok();
                let owner = lists.and_then(|lists| lists.name(mailbox)).map(|name| {
                    Arc::new(Owner {
                        display_name: Some(name.into()),
                        common_name: None,
                    })
                });
                let together = self.together(now, members, window).await;
                together.map(|known| known.owned_by(owner))
            }
        }
    }

    /// All members as one, by their times only: what Exchange tells of lists. One member that is not known makes the list
    /// unknown, because it would be shown as free.
    async fn together(
        &self,
        now: &Arc<Inventory>,
        members: Vec<SmtpAddress>,
        window: TimeWindow,
    ) -> Outcome {
        if members.is_empty() {
            return Err(MailboxError::NoCalendar);
        }
        let asked = members
            .into_iter()
            .map(|member| async move { self.events(now, &member, window).await });
        let outcomes: Vec<Outcome> = stream::iter(asked).buffered(SIDE_BY_SIDE).collect().await;
        let calendars: Vec<FreeBusy> = outcomes
            .into_iter()
            .collect::<Result<_, _>>()
            .map_err(|error| match error {
                // The list is there; it is a member that is not.
                MailboxError::NotFound => {
                    warn!(directory = %self.folder.directory().display(), "A list has a member without a calendar file");
                    MailboxError::GenerationFailed
                }
                other => other,
            })?;
        off_the_runtime(move || FreeBusy::runs_of(&calendars))
            .await
            .map_err(|error| {
                warn!(%error, "Merging the calendars of a list broke off");
                MailboxError::GenerationFailed
            })
    }

    /// The events of one calendar file.
    async fn events(
        &self,
        now: &Arc<Inventory>,
        mailbox: &SmtpAddress,
        window: TimeWindow,
    ) -> Outcome {
        let calendar = self.calendar(now, mailbox).await?;
        let owner = Arc::clone(calendar.owner());
        off_the_runtime(move || calendar.events(&window))
            .await
            .map_err(|error| broken_off(&error, mailbox))?
            .map(|events| FreeBusy::new(events, Detail::Subjects, None).owned_by(Some(owner)))
            .map_err(|error| {
                warn!(directory = %self.folder.directory().display(), %error, "A calendar file needs too much work");
                debug!(%mailbox, "It is the file of this mailbox");
                MailboxError::TooManyEvents
            })
    }
}

#[async_trait]
impl Backend for CalendarFiles {
    /// Files cost little to ask; the bound on events of one mailbox is the codec's.
    fn limits(&self) -> Limits {
        Limits {
            mailboxes_per_call: 1000,
            days_per_call: 3660,
        }
    }

    async fn free_busy(
        &self,
        ask: &Ask,
        deadline: Instant,
    ) -> Result<BTreeMap<SmtpAddress, Outcome>, EndpointError> {
        ask.trail.called(None);
        let now = by(deadline, self.list()).await?;
        let asked = ask.mailboxes.clone().into_iter().map(|mailbox| {
            let now = &now;
            async move {
                let outcome = timeout_at(deadline, self.outcome(now, &mailbox, ask.window));
                let outcome = outcome.await.unwrap_or(Err(MailboxError::Timeout));
                (mailbox, outcome)
            }
        });
        let outcomes = stream::iter(asked)
            .buffer_unordered(SIDE_BY_SIDE)
            .collect()
            .await;
        Ok(outcomes)
    }

    /// A file that cannot be read has a mailbox all the same.
    async fn resolve(
        &self,
        mailbox: &SmtpAddress,
        deadline: Instant,
    ) -> Result<Option<Arc<str>>, EndpointError> {
        let now = by(deadline, self.list()).await?;
        if let Some(lists) = now.lists.as_ref().ok().filter(|lists| lists.has(mailbox)) {
            return Ok(Some(lists.name(mailbox).unwrap_or(mailbox.as_str()).into()));
        }
        let calendar = by(deadline, async { Ok(self.calendar(&now, mailbox).await) }).await?;
        Ok(match calendar {
            Ok(calendar) => Some(calendar.name().unwrap_or(mailbox.as_str()).into()),
            Err(MailboxError::NotFound) => None,
            Err(_) => Some(mailbox.as_str().into()),
        })
    }

    async fn probe(&self, deadline: Instant) -> Result<(), EndpointError> {
        by(deadline, self.list()).await.map(drop)
    }

    fn room_source(&self) -> Option<&dyn RoomSource> {
        Some(self)
    }
}

async fn by<T>(
    deadline: Instant,
    work: impl Future<Output = Result<T, EndpointError>>,
) -> Result<T, EndpointError> {
    let started = Instant::now();
    timeout_at(deadline, work)
        .await
        .unwrap_or_else(|_| Err(EndpointError::Timeout(started.elapsed())))
}

/// Runs `work` where it may block, with the span of the caller around its log lines.
async fn off_the_runtime<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, tokio::task::JoinError> {
    let span = Span::current();
    spawn_blocking(move || span.in_scope(work)).await
}

/// A defect of ours costs one mailbox its answer, not the others theirs.
fn broken_off(error: &tokio::task::JoinError, mailbox: &SmtpAddress) -> MailboxError {
    warn!(%error, "Reading a calendar file broke off");
    debug!(%mailbox, "It is the file of this mailbox");
    MailboxError::GenerationFailed
}

#[cfg(test)]
mod tests;

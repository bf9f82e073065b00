//! The calendars that were read, each kept until its file changes. Failures are kept as well: a broken file is not read
//! again before somebody writes to it.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::tz::TimeZone;
use tracing::{debug, warn};

use super::folder::{self, Listing, Place, Stamp};
use crate::codec::ical::Calendar;
use crate::domain::{Clock, MailboxError, SmtpAddress};

pub(super) struct Shelf {
    time_zone: TimeZone,
    clock: Arc<dyn Clock>,
    kept: Mutex<HashMap<SmtpAddress, Kept>>,
}

struct Kept {
    stamp: Stamp,
    calendar: Result<Arc<Calendar>, MailboxError>,
}

impl Shelf {
    pub(super) fn new(time_zone: TimeZone, clock: Arc<dyn Clock>) -> Self {
        Self {
            time_zone,
            clock,
            kept: Mutex::default(),
        }
    }

    /// Forgets the mailboxes whose files are gone.
    pub(super) fn keep_only(&self, listing: &Listing) {
        self.kept().retain(|mailbox, _| listing.has(mailbox));
    }

    pub(super) fn calendar(
        &self,
        listing: &Listing,
        mailbox: &SmtpAddress,
    ) -> Result<Arc<Calendar>, MailboxError> {
        let path = match listing.find(mailbox) {
            Place::Missing => return Err(MailboxError::NotFound),
            Place::Twice => return Err(MailboxError::GenerationFailed),
            Place::File(path) => path,
        };
        // The stamp is taken before the bytes: a file that is written meanwhile shows as changed the next time.
        let stamp = Stamp::of(&path).map_err(|error| failed(mailbox, &error))?;
        if let Some(kept) = self.kept().get(mailbox)
            && kept.stamp == stamp
        {
            return kept.calendar.clone();
        }
        let calendar = self.read(&path, mailbox);
        let mut kept = self.kept();
        if stamp.is_settled(self.clock.now()) {
            let entry = Kept {
                stamp,
                calendar: calendar.clone(),
            };
            kept.insert(mailbox.clone(), entry);
        } else {
            kept.remove(mailbox);
        }
        calendar
    }

    fn read(&self, path: &Path, mailbox: &SmtpAddress) -> Result<Arc<Calendar>, MailboxError> {
        let bytes = folder::read(path).map_err(|error| failed(mailbox, &error))?;
        Calendar::read(&bytes, &self.time_zone)
            .map(Arc::new)
            .map_err(|error| failed(mailbox, &error))
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<SmtpAddress, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The endpoint's name stands in the span around; the mailbox is for the test machine's eyes.
fn failed(mailbox: &SmtpAddress, error: &dyn std::error::Error) -> MailboxError {
    warn!(%error, "A calendar file cannot be read");
    debug!(%mailbox, "It is the file of this mailbox");
    MailboxError::GenerationFailed
}

//! The distribution lists of a folder: `lists.toml` beside the calendars, read again when it changes. What is said of the
//! members is not decided here.

use std::sync::{Arc, Mutex, PoisonError};

use tracing::warn;

use super::folder::{self, Folder, Stamp};
use crate::codec::address_lists::AddressLists;
use crate::domain::{Clock, MailboxError};

/// The name of the file, in exactly this case.
pub(super) const FILE: &str = "lists.toml";

/// What the file says, or that it cannot be read. Addresses that are no mailboxes of the folder may be lists then.
pub(super) type Known = Result<Arc<AddressLists>, MailboxError>;

pub(super) struct Lists {
    clock: Arc<dyn Clock>,
    kept: Mutex<Option<Kept>>,
}

struct Kept {
    stamp: Stamp,
    known: Known,
}

impl Lists {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            kept: Mutex::default(),
        }
    }

    /// The lists as they are on disk now; none where there is no file.
    pub(super) fn read(&self, folder: &Folder) -> Known {
        let Some(path) = folder.beside(FILE) else {
            return Ok(Arc::default());
        };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        // The stamp is taken before the bytes: a file that is written meanwhile shows as changed the next time.
        let stamp = Stamp::of(&path).map_err(|error| failed(&error))?;
        if let Some(kept) = kept.as_ref().filter(|kept| kept.stamp == stamp) {
            return kept.known.clone();
        }
        let known = read(&path);
        let is_settled = stamp.is_settled(self.clock.now());
        *kept = is_settled.then(|| Kept {
            stamp,
            known: known.clone(),
        });
        known
    }
}

fn read(path: &std::path::Path) -> Known {
    let bytes = folder::read(path).map_err(|error| failed(&error))?;
    let text = String::from_utf8(bytes).map_err(|error| failed(&error.utf8_error()))?;
    AddressLists::read(&text)
        .map(Arc::new)
        .map_err(|error| failed(&error))
}

fn failed(error: &dyn std::error::Error) -> MailboxError {
    warn!(%error, "The file {FILE} cannot be read");
    MailboxError::GenerationFailed
}

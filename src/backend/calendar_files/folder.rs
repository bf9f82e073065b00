//! The folder: which file belongs to which mailbox, and opening one without leaving the folder. Knows nothing of what is
//! in the files.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use tracing::{debug, warn};

use crate::domain::SmtpAddress;

/// Larger files are refused.
pub(super) const MAX_FILE: u64 = 16 * 1024 * 1024;

pub(super) struct Folder {
    directory: PathBuf,
    warned: Warned,
}

/// What is said once, and not again for every question.
#[derive(Default)]
struct Warned {
    twice: AtomicBool,
    outside: AtomicBool,
}

/// The mailboxes of the folder at one moment.
pub(super) struct Listing {
    files: BTreeMap<SmtpAddress, PathBuf>,
    /// Mailboxes that two files claim (`A@x.ics`, `a@x.ics`): neither is believed.
    twice: BTreeSet<SmtpAddress>,
}

/// What tells one state of a file from the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    path: PathBuf,
    modified: (i64, i64),
    changed: (i64, i64),
    length: u64,
    inode: (u64, u64),
}

/// Where a mailbox's calendar is.
pub(super) enum Place {
    Missing,
    Twice,
    File(PathBuf),
}

impl Folder {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            warned: Warned::default(),
        }
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Reads the folder anew: a listing is cheap, and times of change are too coarse to be trusted for what is new.
    pub(super) fn list(&self) -> io::Result<Listing> {
        let root = fs::canonicalize(&self.directory)?;
        let mut listing = Listing {
            files: BTreeMap::new(),
            twice: BTreeSet::new(),
        };
        for entry in fs::read_dir(&root)? {
            let entry = entry?;
            let Some(mailbox) = mailbox(&entry.file_name()) else {
                continue;
            };
            let Some(path) = self.inside(&root, &entry.path()) else {
                continue;
            };
            if listing.files.insert(mailbox.clone(), path).is_some() {
                listing.twice.insert(mailbox);
                self.warn_once(
                    &self.warned.twice,
                    "Two files claim one mailbox, neither is used",
                );
            }
        }
        Ok(listing)
    }

    /// A file of the folder that is no mailbox's.
    pub(super) fn beside(&self, name: &str) -> Option<PathBuf> {
        let root = fs::canonicalize(&self.directory).ok()?;
        let path = root.join(name);
        fs::symlink_metadata(&path).ok()?;
        self.inside(&root, &path)
    }

    /// The file behind a name of the folder: links are followed within the folder only, and nothing but a regular file
    /// is ever opened.
    fn inside(&self, root: &Path, path: &Path) -> Option<PathBuf> {
        let found = fs::canonicalize(path).ok()?;
        if !found.starts_with(root) {
            self.warn_once(
                &self.warned.outside,
                "A link leads out of the folder and is not followed",
            );
            return None;
        }
        fs::metadata(&found).ok()?.is_file().then_some(found)
    }

    fn warn_once(&self, said: &AtomicBool, text: &str) {
        if !said.swap(true, Ordering::Relaxed) {
            warn!(directory = %self.directory.display(), "{text}");
        }
    }
}

impl Listing {
    pub(super) fn find(&self, mailbox: &SmtpAddress) -> Place {
        if self.twice.contains(mailbox) {
            return Place::Twice;
        }
        match self.files.get(mailbox) {
            Some(path) => Place::File(path.clone()),
            None => Place::Missing,
        }
    }

    pub(super) fn mailboxes(&self) -> impl Iterator<Item = &SmtpAddress> {
        self.files.keys()
    }

    pub(super) fn has(&self, mailbox: &SmtpAddress) -> bool {
        self.files.contains_key(mailbox)
    }
}

/// `<address>.ics` in any case. Names that are not exactly an address are not mailboxes.
pub(super) fn mailbox(name: &OsStr) -> Option<SmtpAddress> {
    let name = name.to_str()?;
    let (stem, extension) = name.rsplit_once('.')?;
    if !extension.eq_ignore_ascii_case("ics") {
        return None;
    }
    let address = SmtpAddress::parse(stem)
        .inspect_err(|error| debug!(name, %error, "Not a mailbox's file"))
        .ok()?;
    address
        .as_str()
        .eq_ignore_ascii_case(stem)
        .then_some(address)
}

impl Stamp {
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let of = fs::metadata(path)?;
        Ok(Self {
            path: path.to_owned(),
            modified: (of.mtime(), of.mtime_nsec()),
            changed: (of.ctime(), of.ctime_nsec()),
            length: of.len(),
            inode: (of.dev(), of.ino()),
        })
    }

    /// Whether the last change is so long ago that a further one would show in the times, however coarse they are.
    pub(super) fn is_settled(&self, now: Timestamp) -> bool {
        let last = self.modified.0.max(self.changed.0);
        now.as_second().saturating_sub(last) > 2
    }
}

/// The bytes of a file; an error where there are more than [`MAX_FILE`].
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(MAX_FILE + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            "larger than 16 MiB",
        ));
    }
    Ok(bytes)
}

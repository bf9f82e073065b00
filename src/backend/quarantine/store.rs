//! The files of the state directory: what is known of logins, and the key that their marks are made with. Writes are
//! atomic and one at a time among all processes; a file that cannot be read is set aside, never overwritten.
//!
//! Root may open the files of a directory that belongs to the service. Whoever took the service over must gain nothing
//! by that: links are not followed, and ownership is given through the open file, never by its name.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use aws_lc_rs::rand;
use serde::{Deserialize, Serialize};
use tracing::warn;
use uuid::Uuid;

use super::notes::{Notes, merged};
use crate::domain::Clock;

pub(super) const KEY_LENGTH: usize = 32;
const KEY: &str = "role-accounts.key";
const RECORDS: &str = "role-accounts.json";
const LOCK: &str = "role-accounts.lock";
const VERSION: u32 = 1;
/// Thousands of accounts.
const LONGEST_FILE: u64 = 4 << 20;

/// Why the state directory cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("server.state_directory: {}: {why}", path.display())]
pub struct StateError {
    pub path: PathBuf,
    pub why: io::Error,
}

pub(super) struct Store {
    directory: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Document {
    version: u32,
    role_accounts: Notes,
}

impl Store {
    /// Makes the directory and the key where they are missing, and tries that it can be written to.
    pub(super) fn open(directory: &Path) -> Result<(Self, [u8; KEY_LENGTH]), StateError> {
        let store = Self {
            directory: directory.to_owned(),
        };
        let at = |path: &Path| {
            let path = path.to_owned();
            move |why| StateError { path, why }
        };
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(directory).map_err(at(directory))?;
        let _lock = store.locked()?;
        let key = store.key().map_err(at(&store.path(KEY)))?;
        store.read_or_set_aside()?;
        Ok((store, key))
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// All that is known. A file that is not ours, or broken, is set aside and counts as empty.
    pub(super) fn read(&self) -> Result<Notes, StateError> {
        if let Ok(known) = self.look()? {
            return Ok(known);
        }
        // Only under the lock: another process may have put a good one there meanwhile.
        let _lock = self.locked()?;
        self.read_or_set_aside()
    }

    /// The same for whoever holds the lock.
    fn read_or_set_aside(&self) -> Result<Notes, StateError> {
        match self.look()? {
            Ok(known) => Ok(known),
            Err(why) => {
                self.set_aside(RECORDS, why)?;
                Ok(Notes::new())
            }
        }
    }

    /// What the file says, or why it says nothing.
    fn look(&self) -> Result<Result<Notes, &'static str>, StateError> {
        let path = self.path(RECORDS);
        let bytes = match read_bounded(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Ok(Notes::new()));
            }
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                return Ok(Err("it is too long"));
            }
            Err(why) => return Err(StateError { path, why }),
        };
        // The parser's own words may repeat parts of the file.
        Ok(match serde_json::from_slice::<Document>(&bytes) {
            Ok(document) if document.version == VERSION => Ok(document.role_accounts),
            Ok(_) => Err("another version wrote it"),
            Err(_) => Err("it is damaged"),
        })
    }

    /// Writes what this process knows, beside what others have written meanwhile, the newest of each login; returns all.
    pub(super) fn note(&self, own: Notes, clock: &dyn Clock) -> Result<Notes, StateError> {
        let _lock = self.locked()?;
        let read = self.read_or_set_aside()?;
        // Read under the lock, after all that is in the file: else that would seem to be from the future.
        let all = merged(read, own, clock.now());
        let document = Document {
            version: VERSION,
            role_accounts: all,
        };
        let bytes = serde_json::to_vec_pretty(&document).map_err(io::Error::other);
        bytes
            .and_then(|bytes| self.write(RECORDS, &bytes))
            .map_err(|why| StateError {
                path: self.path(RECORDS),
                why,
            })?;
        Ok(document.role_accounts)
    }

    /// Held by one process at a time, until it is dropped.
    fn locked(&self) -> Result<File, StateError> {
        let path = self.path(LOCK);
        let lock = || {
            let mut options = OpenOptions::new();
            options.create(true).truncate(false).write(true).mode(0o600);
            let file = open_regular(&mut options, &path)?;
            self.give_to_owner(&file);
            file.lock()?;
            Ok(file)
        };
        lock().map_err(|why| StateError {
            path: path.clone(),
            why,
        })
    }

    /// The key of the marks, made at the first start.
    fn key(&self) -> io::Result<[u8; KEY_LENGTH]> {
        let path = self.path(KEY);
        match read_bounded(&path) {
            Ok(bytes) => {
                if let Ok(key) = bytes.try_into() {
                    return Ok(key);
                }
                self.set_aside(KEY, "it has not the length of a key")
                    .map_err(|error| error.why)?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let mut key = [0; KEY_LENGTH];
        rand::fill(&mut key).map_err(|_| io::Error::other("no random numbers"))?;
        self.write(KEY, &key)?;
        Ok(key)
    }

    /// All of it or nothing, also when the machine stops meanwhile.
    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut file = tempfile::Builder::new()
            .prefix(name)
            .permissions(Permissions::from_mode(0o600))
            .tempfile_in(&self.directory)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        self.give_to_owner(file.as_file());
        file.persist(self.path(name)).map_err(|error| error.error)?;
        File::open(&self.directory)?.sync_all()
    }

    /// An administrator who calls `check --online` as root leaves files that the service can read. Whoever may not give
    /// files away has the right owner already.
    fn give_to_owner(&self, file: &File) {
        let (Ok(directory), Ok(own)) = (fs::metadata(&self.directory), file.metadata()) else {
            return;
        };
        let owner = (directory.uid(), directory.gid());
        // A file with a second name may be somebody else's.
        if own.nlink() == 1 && (own.uid(), own.gid()) != owner {
            let _ = fchown(file, Some(owner.0), Some(owner.1));
        }
    }

    fn set_aside(&self, name: &str, why: &str) -> Result<(), StateError> {
        let from = self.path(name);
        let to = self.path(&format!("{name}.set-aside-{}", Uuid::new_v4()));
        warn!(file = %from.display(), aside = %to.display(), "A file of server.state_directory cannot be used and was set aside: {why}");
        fs::rename(&from, &to).map_err(|why| StateError { path: from, why })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

/// Opens a regular file: not what a link leads to, nor a device, and without waiting for whoever writes a pipe.
fn open_regular(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let file = options
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)
        .map_err(|error| match error.raw_os_error() {
            Some(libc::ELOOP) => io::Error::other("it is a symbolic link, not a file of ours"),
            _ => error,
        })?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::other("it is no regular file"))
    }
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = open_regular(OpenOptions::new().read(true), path)?;
    file.take(LONGEST_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LONGEST_FILE {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}

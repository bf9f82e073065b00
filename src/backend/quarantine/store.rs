//! The files of the state directory: what is known of logins, and the key that their marks are made with. Writes are
//! atomic and one at a time among all processes; a file that cannot be read is set aside, never overwritten.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use aws_lc_rs::rand;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use tracing::warn;
use uuid::Uuid;

use super::{Known, Mark};

pub(super) const KEY_LENGTH: usize = 32;
const KEY: &str = "role-accounts.key";
const RECORDS: &str = "role-accounts.json";
const LOCK: &str = "role-accounts.lock";
const VERSION: u32 = 1;
/// Thousands of accounts.
const LONGEST_FILE: u64 = 4 << 20;
/// What is older says nothing any more.
const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_hours(30 * 24);

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
    role_accounts: BTreeMap<Mark, Known>,
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
        let _lock = store.lock().map_err(at(&store.path(LOCK)))?;
        let key = store.key().map_err(at(&store.path(KEY)))?;
        store.read()?;
        Ok((store, key))
    }

    /// All that is known. A file that is not ours, or broken, is set aside and counts as empty.
    pub(super) fn read(&self) -> Result<BTreeMap<Mark, Known>, StateError> {
        let path = self.path(RECORDS);
        let bytes = match read_bounded(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                return self
                    .set_aside(RECORDS, "it is too long")
                    .map(|()| BTreeMap::new());
            }
            Err(why) => return Err(StateError { path, why }),
        };
        // The parser's own words may repeat parts of the file.
        let why = match serde_json::from_slice::<Document>(&bytes) {
            Ok(document) if document.version == VERSION => return Ok(document.role_accounts),
            Ok(_) => "another version wrote it",
            Err(_) => "it is damaged",
        };
        self.set_aside(RECORDS, why)?;
        Ok(BTreeMap::new())
    }

    /// Writes what has become of one login beside what others have written meanwhile; returns all.
    pub(super) fn note(
        &self,
        mark: Mark,
        known: Known,
    ) -> Result<BTreeMap<Mark, Known>, StateError> {
        let _lock = self.lock().map_err(|why| StateError {
            path: self.path(LOCK),
            why,
        })?;
        let mut all = self.read()?;
        let now = known.noted;
        all.retain(|_, known| now.duration_since(known.noted) < FORGOTTEN_AFTER);
        all.insert(mark, known);
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
    fn lock(&self) -> io::Result<File> {
        let path = self.path(LOCK);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)?;
        self.give_to_owner(&path);
        file.lock()?;
        Ok(file)
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
        self.give_to_owner(file.path());
        file.persist(self.path(name)).map_err(|error| error.error)?;
        File::open(&self.directory)?.sync_all()
    }

    /// An administrator who calls `check --online` as root leaves files that the service can read. Whoever may not give
    /// files away has the right owner already.
    fn give_to_owner(&self, file: &Path) {
        if let Ok(directory) = fs::metadata(&self.directory) {
            let _ = chown(file, Some(directory.uid()), Some(directory.gid()));
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

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = File::open(path)?;
    file.take(LONGEST_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LONGEST_FILE {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}

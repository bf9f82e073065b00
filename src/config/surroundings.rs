//! What a configuration file refers to outside of itself: the folder it is in, and environment variables.
//!
//! The one place of the library that reads the environment.

use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The longest secret file or PEM file that is read.
const LONGEST_FILE: u64 = 1 << 20;
/// The longest list of addresses that is read.
const LONGEST_LIST: u64 = 64 << 20;

/// Reads an environment variable; tests and the demo pass their own.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;

pub(super) struct Surroundings<'a> {
    folder: &'a Path,
    environment: Environment<'a>,
}

impl<'a> Surroundings<'a> {
    /// `folder` is where relative paths start.
    pub(super) fn new(folder: &'a Path, environment: Environment<'a>) -> Self {
        Self {
            folder,
            environment,
        }
    }

    /// The path as written, or from the configuration's folder where it is relative.
    pub(super) fn path(&self, text: &str) -> PathBuf {
        self.folder.join(text)
    }

    /// A whole file; the error is a sentence that names the path.
    pub(super) fn file(&self, text: &str) -> Result<Vec<u8>, String> {
        self.read(text, LONGEST_FILE)
    }

    /// A list of addresses in UTF-8; the error is a sentence that names the path.
    pub(super) fn list(&self, text: &str) -> Result<String, String> {
        String::from_utf8(self.read(text, LONGEST_LIST)?)
            .map_err(|_| format!("{} is not in UTF-8", self.path(text).display()))
    }

    /// A credential that systemd gives the service (`LoadCredential=`); the error is a sentence.
    pub(super) fn credential(&self, name: &str) -> Result<Vec<u8>, String> {
        if name.is_empty() || name.contains('/') || matches!(name, "." | "..") {
            return Err("must be the name of a credential, not a path".to_owned());
        }
        let folder = self.variable("CREDENTIALS_DIRECTORY").map_err(|error| {
            format!("{error}: systemd sets it for a service with LoadCredential=")
        })?;
        let path = Path::new(&folder).join(name);
        read_bounded(&path, LONGEST_FILE)
            .map_err(|error| format!("{} cannot be read: {error}", path.display()))
    }

    /// The state directory that systemd gives the service (`StateDirectory=`); the first of several.
    pub(super) fn state_directory(&self) -> Option<PathBuf> {
        let value = (self.environment)("STATE_DIRECTORY")?;
        let first = std::env::split_paths(&value).next()?;
        (!first.as_os_str().is_empty()).then_some(first)
    }

    fn read(&self, text: &str, longest: u64) -> Result<Vec<u8>, String> {
        let path = self.path(text);
        read_bounded(&path, longest)
            .map_err(|error| format!("{} cannot be read: {error}", path.display()))
    }

    /// A variable that must be set, in UTF-8.
    pub(super) fn variable(&self, name: &str) -> Result<String, String> {
        let value = (self.environment)(name)
            .ok_or_else(|| format!("the environment variable {name} is not set"))?;
        value
            .into_string()
            .map_err(|_| format!("the environment variable {name} is not valid UTF-8"))
    }
}

/// The environment of this process.
pub fn process_environment(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

fn read_bounded(path: &Path, longest: u64) -> std::io::Result<Vec<u8>> {
    let file = fs::File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(std::io::ErrorKind::IsADirectory.into());
    }
    let mut bytes = Vec::new();
    file.take(longest + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > longest {
        return Err(std::io::ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}

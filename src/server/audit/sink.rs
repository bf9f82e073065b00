//! Where lines of the audit log go: a file that may be rotated away, or systemd's journal by its own protocol.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use super::AuditTarget;

/// Whoever reads it reads who meets whom.
const MODE: u32 = 0o600;

pub(super) enum Sink {
    File { path: PathBuf, file: File },
    Journal { socket: UnixDatagram, path: PathBuf },
}

impl Sink {
    pub(super) fn open(target: &AuditTarget) -> io::Result<Self> {
        match target {
            AuditTarget::File(path) => Ok(Self::File {
                path: path.clone(),
                file: open(path)?,
            }),
            AuditTarget::Journal(path) => {
                let socket = UnixDatagram::unbound()?;
                socket.connect(path)?;
                Ok(Self::Journal {
                    socket,
                    path: path.clone(),
                })
            }
        }
    }

    /// All lines, each whole. The file is opened anew where its path leads to another one, or to none.
    pub(super) fn write(&mut self, lines: &[String]) -> io::Result<()> {
        match self {
            Self::File { path, file } => {
                if !is_at(file, path) {
                    *file = open(path)?;
                }
                let mut text = lines.join("\n");
                text.push('\n');
                file.write_all(text.as_bytes())
            }
            Self::Journal { socket, path } => {
                for line in lines {
                    let entry =
                        format!("SYSLOG_IDENTIFIER=calbridge-audit\nPRIORITY=6\nMESSAGE={line}\n");
                    if socket.send(entry.as_bytes()).is_err() {
                        // The journal was started again.
                        socket.connect(&*path)?;
                        socket.send(entry.as_bytes())?;
                    }
                }
                Ok(())
            }
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(MODE)
        .open(path)
}

fn is_at(file: &File, path: &Path) -> bool {
    let (Ok(own), Ok(there)) = (file.metadata(), std::fs::metadata(path)) else {
        return false;
    };
    (own.dev(), own.ino()) == (there.dev(), there.ino())
}

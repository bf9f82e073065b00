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
    File {
        path: PathBuf,
        file: File,
        /// What was written last ends within a line.
        is_cut: bool,
    },
    Journal {
        socket: UnixDatagram,
        path: PathBuf,
    },
}

impl Sink {
    pub(super) fn open(target: &AuditTarget) -> io::Result<Self> {
        match target {
            AuditTarget::File(path) => Ok(Self::File {
                path: path.clone(),
                file: open(path)?,
                is_cut: false,
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
            Self::File { path, file, is_cut } => {
                if !is_at(file, path) {
                    *file = open(path)?;
                    *is_cut = false;
                }
                let mut text = lines.join("\n");
                text.push('\n');
                append(file, text.as_bytes(), is_cut)
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

/// Where a line was cut, as by a full disk, the next one begins on a line of its own.
fn append(file: &mut impl Write, text: &[u8], is_cut: &mut bool) -> io::Result<()> {
    if *is_cut {
        file.write_all(b"\n")?;
        *is_cut = false;
    }
    let mut rest = text;
    while !rest.is_empty() {
        let result = match file.write(rest) {
            Ok(0) => Err(io::ErrorKind::WriteZero.into()),
            other => other,
        };
        match result {
            Ok(length) => {
                let (written, left) = rest.split_at(length.min(rest.len()));
                *is_cut = !written.ends_with(b"\n");
                rest = left;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes so many bytes, and is full then.
    struct Disk {
        written: Vec<u8>,
        room: usize,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(self.room);
            if taken == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.room -= taken;
            self.written.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[track_caller]
    fn check(room: usize, expect: &str) {
        let (written, mut is_cut) = (Vec::new(), false);
        let mut disk = Disk { written, room };
        append(&mut disk, b"one\ntwo\n", &mut is_cut).unwrap_err();
        append(&mut disk, b"three\n", &mut is_cut).unwrap_err();
        disk.room = 100;
        append(&mut disk, b"four\n", &mut is_cut).unwrap();
        append(&mut disk, b"five\n", &mut is_cut).unwrap();
        assert_eq!(String::from_utf8(disk.written).unwrap(), expect);
    }

    #[test]
    fn after_a_line_that_was_cut_the_next_one_begins_anew() {
        check(0, "four\nfive\n");
        check(2, "on\nfour\nfive\n");
        check(4, "one\nfour\nfive\n");
        check(6, "one\ntw\nfour\nfive\n");
    }
}

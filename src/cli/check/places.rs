//! Where the service will write: whether it can, as far as looking tells. Nothing is made or opened, and what only this
//! user may not see is no mistake: the service is another one.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use crate::config::Config;
use crate::server::audit::AuditTarget;

/// What systemd makes for the unit that calbridge is installed with: LogsDirectory= and StateDirectory=.
const MADE_BY_SYSTEMD: [&str; 2] = ["/var/log/calbridge", "/var/lib/calbridge"];

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Findings {
    /// For these, `serve` would end.
    pub(super) problems: Vec<String>,
    pub(super) warnings: Vec<String>,
}

pub(super) fn look(config: &Config) -> Findings {
    let mut findings = Findings::default();
    match config.audit.as_ref().map(|audit| &audit.to) {
        Some(AuditTarget::File(file)) => findings.audit_file(file),
        Some(AuditTarget::Journal(socket)) => findings.journal(socket),
        None => {}
    }
    if let Some(directory) = &config.state_directory {
        findings.state_directory(directory);
    }
    findings
}

impl Findings {
    fn audit_file(&mut self, file: &Path) {
        let folder = file.parent().unwrap_or(Path::new("/"));
        if file.is_dir() {
            self.problem("audit.file", file, "is a directory");
        } else if folder.is_file() {
            self.problem("audit.file", folder, "is not a directory");
        } else if is_missing(folder) {
            if is_made_by_systemd(folder) {
                self.left_to_systemd("audit.file", folder);
            } else {
                self.problem("audit.file", folder, "does not exist; make this folder");
            }
        }
    }

    fn journal(&mut self, socket: &Path) {
        if is_missing(socket) {
            self.problem(
                "audit.journald",
                socket,
                "does not exist: systemd's journal does not run here; name a file in audit.file",
            );
        }
    }

    /// `serve` makes it, and the folders above it.
    fn state_directory(&mut self, directory: &Path) {
        const KEY: &str = "server.state_directory";
        if !is_missing(directory) {
            return;
        }
        let above = directory.ancestors().skip(1);
        let Some(there) = above.into_iter().find(|folder| !is_missing(folder)) else {
            return;
        };
        if is_made_by_systemd(directory) {
            self.left_to_systemd(KEY, directory);
        } else if there.is_file() {
            self.problem(KEY, there, "is not a directory");
        } else {
            // Mode bits do not tell whether it may: root writes where they forbid it.
            self.warnings.push(format!(
                "{KEY}: {} does not exist yet: the service makes it, if it may write to {}",
                directory.display(),
                there.display()
            ));
        }
    }

    fn problem(&mut self, key: &str, path: &Path, what: &str) {
        self.problems
            .push(format!("{key}: {} {what}", path.display()));
    }

    fn left_to_systemd(&mut self, key: &str, folder: &Path) {
        let folder = folder.display();
        self.warnings.push(format!(
            "{key}: {folder} does not exist yet: systemd makes it when the service starts; without systemd, make it"
        ));
    }
}

/// Not where it merely cannot be seen. An empty path is the folder that the command runs in.
fn is_missing(path: &Path) -> bool {
    !path.as_os_str().is_empty()
        && fs::symlink_metadata(path).is_err_and(|error| {
            matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
        })
}

fn is_made_by_systemd(folder: &Path) -> bool {
    MADE_BY_SYSTEMD.iter().any(|made| folder == Path::new(made))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// The ends of the texts, problems before warnings.
    #[track_caller]
    fn check(look: impl Fn(&mut Findings), expect: [&[&str]; 2]) {
        let mut found = Findings::default();
        look(&mut found);
        for (found, expect) in [found.problems, found.warnings].iter().zip(expect) {
            assert_eq!(found.len(), expect.len(), "{found:?}");
            for (found, expect) in found.iter().zip(expect) {
                assert!(found.contains(expect), "{found}");
            }
        }
    }

    #[test]
    fn what_serve_would_end_for_is_a_problem() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("file"), "").unwrap();
        let audit = |name: &str, expect| check(|found| found.audit_file(&at(name)), expect);
        audit("audit.jsonl", [&[], &[]]);
        audit("file", [&[], &[]]);
        audit("none/audit.jsonl", [&["none does not exist"], &[]]);
        audit("file/audit.jsonl", [&["file is not a directory"], &[]]);
        audit("", [&["is a directory"], &[]]);
        check(
            |found| found.journal(&at("socket")),
            [&["journal does not run here"], &[]],
        );
        check(|found| found.journal(&at("file")), [&[], &[]]);
        let state = |name: &str, expect| check(|found| found.state_directory(&at(name)), expect);
        state("", [&[], &[]]);
        state("a/b", [&[], &["a/b does not exist yet: the service makes"]]);
        state("file/state", [&["file is not a directory"], &[]]);
        fs::create_dir(at("sealed")).unwrap();
        fs::set_permissions(at("sealed"), fs::Permissions::from_mode(0o555)).unwrap();
        state(
            "sealed/state",
            [&[], &["sealed/state does not exist yet: the service makes"]],
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn what_systemd_makes_is_left_to_it() {
        for made in MADE_BY_SYSTEMD
            .map(Path::new)
            .iter()
            .filter(|made| !made.exists())
        {
            let expect = [&[][..], &["systemd makes it"]];
            check(|found| found.audit_file(&made.join("audit.jsonl")), expect);
            check(|found| found.state_directory(made), expect);
        }
    }
}

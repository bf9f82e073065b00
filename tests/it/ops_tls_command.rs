//! Commands that ask a running gateway over `[ops.tls]`, with a certificate whose authority nobody on the machine knows,
//! and as a user who may read the configuration and none of its secrets.

use std::net::SocketAddr;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use crate::installation::{certify, files, head};
use crate::program::Program;

/// The chain as an authority of one's own gives it: without the root.
fn certificate(folder: &Path, name: &str) {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = Issuer::new(authority, KeyPair::generate().unwrap());
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(["ops.example.com".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &authority).unwrap();
    std::fs::write(folder.join(format!("{name}.pem")), leaf.pem()).unwrap();
    std::fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
}

fn ops(listen: &str, tls: Option<&str>) -> String {
    let tls = tls.map(|name| {
        format!("[ops.tls]\ncertificate = \"{name}.pem\"\nprivate_key = \"{name}.key\"\n")
    });
    format!("[ops]\nlisten = \"{listen}\"\n{}", tls.unwrap_or_default())
}

struct Served {
    folder: tempfile::TempDir,
    address: SocketAddr,
    _program: Program,
}

impl Served {
    fn start(tls: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        certify(folder.path(), "Operator-secret-7f20");
        std::fs::create_dir(folder.path().join("calendars")).unwrap();
        for name in ["ops", "other"] {
            certificate(folder.path(), name);
        }
        let file = folder.path().join("calbridge.toml");
        let text = head("127.0.0.1:0") + &files("example.com", "UTC") + &ops("127.0.0.1:0", tls);
        std::fs::write(&file, text).unwrap();
        let program = Program::serve(&file);
        let _callers = program.address();
        let address = program.address();
        Self {
            folder,
            address,
            _program: program,
        }
    }

    /// The status and the output of a command whose configuration has this in `[ops]`.
    fn ask(&self, tls: Option<&str>, command: &[&str], errors: bool) -> (Option<i32>, String) {
        let file = self.folder.path().join("asked.toml");
        let text = head("127.0.0.1:0") + &ops(&self.address.to_string(), tls);
        // As systemd would give it to the service, and to nobody else.
        let text = text.replace("password_file", "password_credential");
        std::fs::write(&file, text).unwrap();
        let (name, more) = command.split_first().unwrap();
        let arguments = [&[*name, "--config", file.to_str().unwrap()], more].concat();
        Program::run(&arguments, errors)
    }
}

#[test]
fn the_certificate_of_the_file_is_enough() {
    let served = Served::start(Some("ops"));
    for command in [&["health"][..], &["reload"], &["cache", "drop", "--all"]] {
        let (status, said) = served.ask(Some("ops"), command, true);
        assert_eq!((status, &*said), (Some(0), ""), "{command:?}");
    }
}

#[test]
fn another_certificate_is_not_taken_for_nobody() {
    let served = Served::start(Some("ops"));
    for command in [&["health"][..], &["reload"], &["cache", "drop", "--all"]] {
        let (status, said) = served.ask(Some("other"), command, true);
        assert_eq!(status, Some(1), "{command:?}: {said}");
        assert!(said.contains("is not that of ops.tls"), "{said}");
        assert!(said.contains("kill -HUP"), "{said}");
        assert!(!said.contains("nobody listens"), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[test]
fn a_listener_without_tls_is_told_from_nobody() {
    let served = Served::start(None);
    let (status, said) = served.ask(Some("ops"), &["reload"], true);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("does not speak TLS"), "{said}");
    assert!(said.contains("kill -HUP"), "{said}");
    let (status, said) = served.ask(None, &["health"], false);
    assert_eq!(status, Some(0), "{said}");
}

//! `calbridge reload` and `calbridge check --online --json` as processes, with a gateway that runs.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::process::configuration;
use crate::program::Program;

const CLIENT: &str = "[[access.client]]\nclient_id = \"google\"\nclient_secret_hash = \"HASH\"\n\
    role_accounts = [\"interop@example.com\"]\n";

/// The configuration of the other tests, with an ops listener, a client of the own token endpoint, and calendar files in
/// place of a server that nobody runs.
fn write(folder: &Path, public_url: &str) -> PathBuf {
    let file = folder.join("calbridge.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let hash = crate::world::role_account("x@example.com", "any").password_hash;
    let (text, _) = text.split_once("[[endpoint]]").unwrap();
    let text = text.replace("https://localhost", public_url)
        + &CLIENT.replace("HASH", &hash)
        + "[ops]\nlisten = \"127.0.0.1:0\"\n\
           [[endpoint]]\nname = \"files\"\nkind = \"calendar-files\"\ndomains = [\"example.com\"]\n\
           directory = \"calendars\"\ntime_zone = \"UTC\"\n";
    std::fs::write(&file, text).unwrap();
    file
}

struct Served {
    folder: tempfile::TempDir,
    file: PathBuf,
    /// For commands: where the gateway really listens.
    asked: PathBuf,
    public: SocketAddr,
    _program: Program,
}

impl Served {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("calendars")).unwrap();
        configuration(folder.path(), "127.0.0.1:0");
        let file = write(folder.path(), "https://localhost");
        let program = Program::serve(&file);
        let (public, ops) = (program.address(), program.address());
        let asked = folder.path().join("asked.toml");
        std::fs::write(&asked, format!("[ops]\nlisten = \"{ops}\"\n")).unwrap();
        Self {
            folder,
            file,
            asked,
            public,
            _program: program,
        }
    }

    fn configure(&self, public_url: &str) {
        configuration(self.folder.path(), "127.0.0.1:0");
        write(self.folder.path(), public_url);
    }

    /// The status and the lines of `calbridge reload`.
    fn reload(&self, errors: bool) -> (Option<i32>, String) {
        let arguments = ["reload", "--config", self.asked.to_str().unwrap()];
        Program::run(&arguments, errors)
    }

    /// The status and the findings of the doctor.
    fn doctor(&self) -> (Option<i32>, Value) {
        let arguments = [
            "check",
            "--online",
            "--json",
            "--config",
            self.file.to_str().unwrap(),
        ];
        let (status, lines) = Program::start(&arguments, Program::stdout).wait();
        let text = lines.join("\n");
        let told = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        (status.code(), told)
    }
}

/// The verdict and the text of one finding about the gateway.
fn finding<'a>(told: &'a Value, check: &str) -> (&'a str, &'a str) {
    let all = told["findings"].as_array().unwrap();
    let found = all
        .iter()
        .find(|finding| finding["subject"] == "gateway" && finding["check"] == check)
        .unwrap_or_else(|| panic!("no {check} in {told}"));
    (
        found["verdict"].as_str().unwrap(),
        found["text"].as_str().unwrap(),
    )
}

#[test]
fn reload_says_what_changed_or_every_problem_and_the_doctor_finds_the_token_endpoint() {
    let served = Served::start();
    // The certificate was made anew by `configure`: it is taken with the rest.
    let public_url = format!("https://localhost:{}", served.public.port());
    served.configure(&public_url);
    let (_, told) = served.doctor();
    let (verdict, text) = finding(&told, "token endpoint");
    assert_eq!(verdict, "warn", "{text}");
    let (status, said) = served.reload(false);
    assert_eq!(status, Some(0), "{said}");
    assert_eq!(
        said,
        "endpoints unchanged: files\nthe configuration is in use"
    );
    let (status, told) = served.doctor();
    let (verdict, text) = finding(&told, "token endpoint");
    assert_eq!(
        (verdict, text),
        ("ok", &*format!("it answers as {public_url}"))
    );
    assert_eq!(finding(&told, "tcp").0, "ok", "{told}");
    assert_eq!(finding(&told, "name").0, "ok", "{told}");
    let count = |verdict: &str| told[verdict].as_u64().unwrap();
    let all = told["findings"].as_array().unwrap().len() as u64;
    assert_eq!(count("ok") + count("warn") + count("fail"), all);
    assert_eq!(status == Some(1), count("fail") > 0, "{told}");
    // Another issuer answers than the one that the file names now.
    let file = std::fs::read_to_string(&served.file).unwrap();
    std::fs::write(
        &served.file,
        file.replace("https://localhost:", "https://127.0.0.1:"),
    )
    .unwrap();
    let (status, told) = served.doctor();
    assert_eq!(status, Some(1), "{told}");
    assert_eq!(finding(&told, "name").0, "fail", "{told}");
    // Mistakes are told by the gateway, all of them.
    let broken = file.replace("allow =", "alow =") + "[sharing]\nevent_details = 7\n";
    std::fs::write(&served.file, broken).unwrap();
    let (status, said) = served.reload(true);
    assert_eq!(status, Some(1), "{said}");
    for named in [
        "access.alow",
        "access.allow: is missing",
        "sharing.event_details",
        "the old one serves on",
    ] {
        assert!(said.contains(named), "{named} is not in {said}");
    }
}

#[test]
fn reload_without_a_gateway_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let file = folder.path().join("calbridge.toml");
    std::fs::write(&file, format!("[ops]\nlisten = \"{address}\"\n")).unwrap();
    let arguments = ["reload", "--config", file.to_str().unwrap()];
    let (status, lines) = Program::start(&arguments, Program::stderr).wait();
    assert_eq!(status.code(), Some(1));
    let said = lines.join("\n");
    assert!(
        said.contains(&format!("nobody listens on {address}")),
        "{said}"
    );
}

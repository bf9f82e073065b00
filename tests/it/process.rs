//! `calbridge serve` (and `check` before it) as a process: it serves, it is asked to stop, it says why it cannot start.

use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::installation::install;
use crate::program::Program;

/// A configuration whose only endpoint is an Exchange server that nobody runs.
pub(crate) fn configuration(folder: &Path, listen: &str) -> PathBuf {
    let more = r#"[[endpoint]]
name = "hq"
kind = "ews"
domains = ["example.com"]
url = "https://127.0.0.1:1/EWS/Exchange.asmx"
role_account = [{ address = "svc@example.com", password_file = "secret" }]
"#;
    install(folder, listen, "Program-secret-61d0", more).file
}

/// The configuration comes through a pipe, so that it is known when the program reads it.
#[test]
fn a_reload_that_is_wished_for_while_it_starts_ends_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let file = configuration(folder.path(), "127.0.0.1:0");
    let text = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let made = Command::new("mkfifo").arg(&file).status().unwrap();
    assert!(made.success());
    let mut program = Program::serve(&file);
    // This returns when there is a reader.
    let mut pipe = std::fs::OpenOptions::new().write(true).open(&file).unwrap();
    program.hang_up();
    pipe.write_all(&text).unwrap();
    drop(pipe);
    program.address();
    std::fs::write(&file, &text).unwrap();
    program.lines_until("Applied the configuration");
    assert_eq!(program.terminate().code(), Some(0));
}

#[test]
fn check_sums_up_a_valid_configuration_and_listens_nowhere() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let file = configuration(folder.path(), &address);
    let arguments = ["check", "--config", file.to_str().unwrap()];
    let (status, lines) = Program::start(&arguments, Program::stdout).wait();
    assert_eq!(status.code(), Some(0));
    assert_eq!(
        lines,
        [
            format!("listens on {address} as https://localhost/"),
            "admits 1 network and 1 role account".to_owned(),
            "endpoint hq: ews, https://127.0.0.1:1/EWS/Exchange.asmx".to_owned(),
            "mailboxes are asked for at".to_owned(),
            "  example.com  domain    hq".to_owned(),
            "configuration is valid".to_owned(),
        ]
    );
}

#[test]
fn check_prints_which_mailboxes_go_where() {
    let folder = tempfile::tempdir().unwrap();
    let file = configuration(folder.path(), "127.0.0.1:0");
    let text = std::fs::read_to_string(&file).unwrap();
    let text = text.replace(
        r#"domains = ["example.com"]"#,
        r#"domains = ["*.example.com", "example.com"]
fallback = "cloud""#,
    );
    let more = r#"
[[endpoint]]
name = "cloud"
kind = "ews"
default = true
url = "https://127.0.0.1:1/EWS/Exchange.asmx"
role_account = [{ address = "svc@example.com", password_file = "secret" }]
[[route]]
address = "lobby@example.com"
endpoint = "cloud"
[[alias]]
external = "google.example.com"
internal = "example.com"
[sharing]
deny = ["boss@example.com"]
only = ["example.com", "google.example.com"]
[ops]
listen = "127.0.0.1:9464"
"#;
    std::fs::write(&file, text + more).unwrap();
    let arguments = ["check", "--config", file.to_str().unwrap()];
    let (status, lines) = Program::start(&arguments, Program::stdout).wait();
    assert_eq!(status.code(), Some(0), "{lines:#?}");
    let table = lines.join("\n");
    assert!(
        table.ends_with(
            "mailboxes are asked for at
  lobby@example.com  address   cloud
  example.com        domain    hq -> cloud
  *.example.com      wildcard  hq -> cloud
  all others         default   cloud
asks for example.com where callers write google.example.com
answers for 2 addresses or domains only, and refuses 1 address or domain
configuration is valid"
        ),
        "{table}"
    );
}

#[test]
fn serve_listens_although_its_endpoint_does_not_answer_and_stops_on_a_signal() {
    let folder = tempfile::tempdir().unwrap();
    let file = configuration(folder.path(), "127.0.0.1:0");
    let mut program = Program::serve(&file);
    std::net::TcpStream::connect(program.address()).unwrap();
    assert_eq!(program.terminate().code(), Some(0));
}

/// What the program writes to its standard error, a file that is or is not the journal's stream: a filter that cannot be
/// read is a warning.
fn warned(folder: &Path, is_journal: bool) -> String {
    let path = folder.join("stderr");
    let stderr = std::fs::File::create(&path).unwrap();
    let own = stderr.metadata().unwrap();
    let inode = own.ino() + u64::from(!is_journal);
    let status = Command::new(env!("CARGO_BIN_EXE_calbridge"))
        .args(["check", "--config", "nowhere"])
        .env_clear()
        .env("CALBRIDGE_LOG", "=[=")
        .env("JOURNAL_STREAM", format!("{}:{inode}", own.dev()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(stderr)
        .status();
    assert!(!status.unwrap().success());
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn the_journal_is_told_the_priority_of_each_line_and_nobody_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let text = warned(folder.path(), true);
    let line = text.lines().find(|line| line.contains("log filter"));
    assert!(line.unwrap().starts_with("<4>20"), "{text}");
    let text = warned(folder.path(), false);
    let line = text.lines().find(|line| line.contains("log filter"));
    assert!(line.unwrap().starts_with("20"), "{text}");
}

#[test]
fn logs_are_json_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let file = configuration(folder.path(), "127.0.0.1:0");
    let arguments = [
        "--log-format",
        "json",
        "serve",
        "--config",
        file.to_str().unwrap(),
    ];
    let program = Program::start(&arguments, Program::stderr);
    let lines = program.lines_until("address");
    let line: serde_json::Value = serde_json::from_str(lines.last().unwrap()).unwrap();
    assert_eq!(line["level"], "INFO");
    assert!(line["address"].as_str().unwrap().starts_with("127.0.0.1:"));
}

#[test]
fn an_address_in_use_is_a_failure_and_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let file = configuration(folder.path(), &address);
    let (status, lines) = Program::serve(&file).wait();
    assert_eq!(status.code(), Some(1), "{lines:#?}");
    assert!(
        lines.iter().any(|line| line.contains(&address)),
        "{lines:#?}"
    );
}

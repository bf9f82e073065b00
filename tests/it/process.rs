//! The program as a process: it serves, it is asked to stop, it says why it cannot start.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_mins(1);

/// A started program; killed, at the latest, when the test ends.
struct Program {
    child: Child,
    lines: Receiver<String>,
}

impl Program {
    /// Reads its standard output, or its standard error, line by line.
    fn start(arguments: &[&str], from: fn(&mut Child) -> Box<dyn std::io::Read + Send>) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_calbridge"))
            .args(arguments)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let reader = BufReader::new(from(&mut child));
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in reader.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self { child, lines }
    }

    fn stderr(child: &mut Child) -> Box<dyn std::io::Read + Send> {
        Box::new(child.stderr.take().unwrap())
    }

    /// All lines up to the first that has `text` in it.
    fn lines_until(&self, text: &str) -> Vec<String> {
        let mut seen = Vec::new();
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => seen.push(line),
                Err(error) => panic!("no {text:?} ({error}) in {seen:#?}"),
            }
            if seen.last().is_some_and(|line| line.contains(text)) {
                return seen;
            }
        }
    }

    fn terminate(&mut self) -> ExitStatus {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status().unwrap();
        assert!(sent.success());
        // The readers end with the process.
        while self.lines.recv_timeout(PATIENCE).is_ok() {}
        self.child.wait().unwrap()
    }

    fn wait(mut self) -> (ExitStatus, Vec<String>) {
        let mut seen = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            seen.push(line);
        }
        (self.child.wait().unwrap(), seen)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A configuration whose only endpoint is an Exchange server that nobody runs.
fn configuration(folder: &Path, listen: &str) -> PathBuf {
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(folder.join("server.pem"), pair.cert.pem()).unwrap();
    std::fs::write(folder.join("server.key"), pair.signing_key.serialize_pem()).unwrap();
    std::fs::write(folder.join("secret"), "a secret").unwrap();
    let text = format!(
        r#"[server]
listen = ["{listen}"]
public_url = "https://localhost"
tls = {{ certificate = "server.pem", private_key = "server.key" }}
[access]
allow = ["127.0.0.1"]
role_account = [{{ address = "interop@example.com", password_file = "secret" }}]
[[endpoint]]
name = "hq"
kind = "ews"
domains = ["example.com"]
url = "https://127.0.0.1:1/EWS/Exchange.asmx"
role_account = [{{ address = "svc@example.com", password_file = "secret" }}]
"#
    );
    let file = folder.join("calbridge.toml");
    std::fs::write(&file, text).unwrap();
    file
}

#[test]
fn serve_listens_although_its_endpoint_does_not_answer_and_stops_on_a_signal() {
    let folder = tempfile::tempdir().unwrap();
    let file = configuration(folder.path(), "127.0.0.1:0");
    let arguments = ["serve", "--config", file.to_str().unwrap()];
    let mut program = Program::start(&arguments, Program::stderr);
    let lines = program.lines_until("address=");
    let line = lines.last().unwrap();
    let address = line.split("address=").nth(1).unwrap();
    let address = address.split_whitespace().next().unwrap();
    std::net::TcpStream::connect(address).unwrap();
    assert_eq!(program.terminate().code(), Some(0));
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
    let arguments = ["serve", "--config", file.to_str().unwrap()];
    let (status, lines) = Program::start(&arguments, Program::stderr).wait();
    assert_eq!(status.code(), Some(1), "{lines:#?}");
    assert!(
        lines.iter().any(|line| line.contains(&address)),
        "{lines:#?}"
    );
}

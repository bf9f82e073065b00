//! A started program: its lines as they come, and its exit status.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use crate::logs;

pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

fn keep(log: Option<&mut File>, line: &str) {
    if let Some(log) = log {
        writeln!(log, "{line}").unwrap();
    }
}

/// A started program; killed, at the latest, when the test ends.
pub(crate) struct Program {
    child: Child,
    lines: Receiver<String>,
}

impl Program {
    /// Reads its standard output, or its standard error, line by line.
    pub(crate) fn start(arguments: &[&str], from: fn(&mut Child) -> Box<dyn Read + Send>) -> Self {
        Self::start_with(arguments, &[], from)
    }

    /// What a command that ends by itself exits with and writes: its errors, or else its output.
    pub(crate) fn run(arguments: &[&str], errors: bool) -> (Option<i32>, String) {
        let from = if errors { Self::stderr } else { Self::stdout };
        let (status, lines) = Self::start(arguments, from).wait();
        (status.code(), lines.join("\n"))
    }

    /// `calbridge serve` with this configuration; its log is read.
    pub(crate) fn serve(file: &Path) -> Self {
        let arguments = ["serve", "--config", file.to_str().unwrap()];
        Self::start(&arguments, Self::stderr)
    }

    /// The same as [`Self::start`] with variables in its environment, which is empty otherwise.
    pub(crate) fn start_with(
        arguments: &[&str],
        environment: &[(&str, &str)],
        from: fn(&mut Child) -> Box<dyn Read + Send>,
    ) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_calbridge"))
            .args(arguments)
            .env_clear()
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let reader = BufReader::new(from(&mut child));
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            let mut log = logs::file("programs");
            // To the end, so that all of it is kept.
            for line in reader.lines().map_while(Result::ok) {
                keep(log.as_mut(), &line);
                let _ = sender.send(line);
            }
        });
        let others = [
            child
                .stdout
                .take()
                .map(|out| Box::new(out) as Box<dyn Read + Send>),
            child
                .stderr
                .take()
                .map(|err| Box::new(err) as Box<dyn Read + Send>),
        ];
        for other in others.into_iter().flatten() {
            std::thread::spawn(move || {
                let mut log = logs::file("programs");
                for line in BufReader::new(other).lines().map_while(Result::ok) {
                    keep(log.as_mut(), &line);
                }
            });
        }
        Self { child, lines }
    }

    pub(crate) fn stdout(child: &mut Child) -> Box<dyn Read + Send> {
        Box::new(child.stdout.take().unwrap())
    }

    pub(crate) fn stderr(child: &mut Child) -> Box<dyn Read + Send> {
        Box::new(child.stderr.take().unwrap())
    }

    /// All lines up to the first that has `text` in it.
    pub(crate) fn lines_until(&self, text: &str) -> Vec<String> {
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

    /// The next address that its log tells: first those for callers, then that of the ops listener.
    pub(crate) fn address(&self) -> SocketAddr {
        let lines = self.lines_until("address=");
        let address = lines.last().unwrap().split("address=").nth(1).unwrap();
        address.split_whitespace().next().unwrap().parse().unwrap()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends SIGHUP.
    pub(crate) fn hang_up(&self) {
        let id = self.id().to_string();
        let kill = Command::new("sh")
            .args(["-c", "kill -HUP \"$0\"", &id])
            .status();
        assert!(kill.unwrap().success());
    }

    pub(crate) fn terminate(&mut self) -> ExitStatus {
        self.trigger().pull();
        self.stopped()
    }

    /// Makes ready to send SIGTERM.
    pub(crate) fn trigger(&self) -> Trigger {
        let id = self.child.id().to_string();
        let mut shell = Command::new("sh");
        shell.args(["-c", "echo ready; read -r _; kill -TERM \"$0\"", &id]);
        let shell = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut shell = shell.unwrap();
        let mut ready = [0; 6];
        let output = shell.stdout.as_mut().unwrap();
        output.read_exact(&mut ready).unwrap();
        Trigger(shell)
    }

    /// Waits for the end.
    pub(crate) fn stopped(&mut self) -> ExitStatus {
        // The readers end with the process.
        while self.lines.recv_timeout(PATIENCE).is_ok() {}
        self.child.wait().unwrap()
    }

    pub(crate) fn wait(mut self) -> (ExitStatus, Vec<String>) {
        let mut seen = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            seen.push(line);
        }
        (self.child.wait().unwrap(), seen)
    }
}

/// A shell that has only to be told to send the signal: starting it first would take longer than what the signal is to
/// interrupt.
pub(crate) struct Trigger(Child);

impl Trigger {
    /// Sends the signal and does not wait for what it does.
    pub(crate) fn pull(mut self) {
        self.0.stdin.take().unwrap().write_all(b"\n").unwrap();
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

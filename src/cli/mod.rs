//! The command line: what can be asked of the program, one file for each command.

mod check;
mod hash_password;
mod output;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{self, Config};
use crate::telemetry::LogFormat;

/// Calendar Interop free/busy bridge: an Exchange Web Services door in front of the calendar servers of a company.
#[derive(Debug, Parser)]
#[command(version, about, after_help = EXIT_STATUS)]
pub struct Cli {
    /// How log lines are written to standard error; the variable CALBRIDGE_LOG (or RUST_LOG) says which, as "info"
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    #[command(subcommand)]
    command: Command,
}

const EXIT_STATUS: &str =
    "Exit status: 0 success, 1 failure, 2 wrong usage or an invalid configuration";

#[derive(Debug, Subcommand)]
enum Command {
    /// Check a configuration and everything it refers to, without the network
    Check(ConfigFile),
    /// Read a password from standard input (one line) and print its Argon2id hash
    HashPassword,
}

#[derive(Debug, Args)]
struct ConfigFile {
    /// The configuration file, TOML
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// How a command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    Success,
    Failure,
    /// Wrong usage, or a configuration that cannot be used.
    Usage,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Success => Self::SUCCESS,
            Exit::Failure => Self::from(1),
            Exit::Usage => Self::from(2),
        }
    }
}

/// A command that could not do its work; the text is for the person at the terminal.
#[derive(Debug, thiserror::Error)]
enum CommandError {
    #[error("{0:#}")]
    Failed(#[from] anyhow::Error),
    #[error("{0}")]
    Usage(String),
    #[error(transparent)]
    Config(#[from] config::ConfigErrors),
}

/// Runs the command; errors are written to standard error.
#[expect(clippy::unused_async, reason = "serve, lookup and demo will wait")]
pub async fn run(cli: Cli) -> ExitCode {
    let result = match cli.command {
        Command::Check(file) => check::run(&file),
        Command::HashPassword => hash_password::run(),
    };
    let exit = result.unwrap_or_else(|error| {
        output::complain(&error);
        match error {
            CommandError::Failed(_) => Exit::Failure,
            CommandError::Usage(_) | CommandError::Config(_) => Exit::Usage,
        }
    });
    exit.into()
}

impl ConfigFile {
    /// The configuration; its warnings go to standard error.
    fn load(&self) -> Result<Config, CommandError> {
        let config = config::load(&self.config)?;
        for warning in &config.warnings {
            output::complain(&format_args!("warning: {}", warning.in_file(&self.config)));
        }
        Ok(config)
    }
}

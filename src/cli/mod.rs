//! The command line: what can be asked of the program, one file for each command.

mod asker;
mod cache;
#[cfg(feature = "acme")]
mod certificate;
mod check;
mod demo;
mod doctor;
mod ending;
mod gssmo;
mod hash_password;
mod health;
mod lookup;
mod new_key;
mod ops;
mod output;
mod reload;
mod rooms;
mod serve;
mod shell;
mod systemd;
mod timeline;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand};

use crate::backend::instance::Instance;
use crate::backend::quarantine::Quarantine;
use crate::config::{self, Config};
use crate::gateway::BuildError;
use crate::server::clock::SystemClock;
use crate::telemetry::LogFormat;

/// Calendar Interop free/busy bridge: an Exchange Web Services door in front of the calendar servers of a company.
#[derive(Debug, Parser)]
#[command(version = env!("CALBRIDGE_VERSION"), about, after_help = EXIT_STATUS)]
pub struct Cli {
    /// How log lines are written to standard error; the variable CALBRIDGE_LOG (or RUST_LOG) says which, as "info"
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    #[command(subcommand)]
    command: Command,
}

impl Cli {
    /// Whether callers are answered, and not only the person at the terminal.
    pub fn serves(&self) -> bool {
        matches!(self.command, Command::Serve(_))
    }
}

const EXIT_STATUS: &str = "Exit status: 0 success, 1 failure (also of a file that the configuration names), 2 wrong usage or an invalid configuration";

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer callers until SIGTERM or SIGINT
    Serve(ConfigFile),
    /// Try everything on this machine: an Exchange side with demo calendars, and the gateway in front of it
    Demo(demo::Demo),
    /// Check a configuration and everything it refers to; with --online, what it names on the network, too
    Check(check::Check),
    /// Ask for mailboxes the way the server does, and draw their days
    Lookup(lookup::Lookup),
    /// List the rooms, with the next hour in which each is free
    Rooms(rooms::Rooms),
    /// Change what a running gateway has cached, over its ops listener
    Cache(cache::Cache),
    /// Get a certificate from an ACME authority, as Let's Encrypt, or renew it when it is time
    #[cfg(feature = "acme")]
    Certificate(certificate::Order),
    /// Let a running gateway read its configuration again, over its ops listener
    Reload(ConfigFile),
    /// Say whether a running gateway is alive (or ready), by the exit status: for container health checks
    Health(health::Health),
    /// Read a password from standard input (one line) and print its Argon2id hash
    HashPassword,
    /// Print a new key for a free/busy link, its SHA-256, and the entry of the configuration to paste
    NewKey,
    /// Print the registry file and the Group Policy values by which GSSMO asks here
    Gssmo(gssmo::Gssmo),
    /// Print a script that completes commands and options in a shell
    Completions(shell::Completions),
    /// Print the manual page: calbridge manual | man -l -
    Manual,
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
    /// Wrong usage, or a configuration that says what cannot be used.
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
    #[error(transparent)]
    Build(#[from] BuildError),
}

/// What a command asks endpoints as. Logins that the service knows to be refused are not tried, whoever types the command
/// however often; where that cannot be known, it is said.
fn instance(config: &Config) -> Instance {
    let instance = Instance::new(Arc::new(SystemClock));
    let Some(directory) = &config.state_directory else {
        return instance;
    };
    match Quarantine::open(directory) {
        Ok(quarantine) => instance.remembering(quarantine),
        Err(error) => {
            let told = "role accounts that the service knows to be refused are tried once more";
            output::complain(&format_args!("warning: {error}: {told}"));
            instance
        }
    }
}

impl CommandError {
    fn exit(&self) -> Exit {
        match self {
            Self::Failed(_) => Exit::Failure,
            // Facts of the machine, as a port in use, that may pass while the configuration stays.
            Self::Build(error) if error.may_pass() => Exit::Failure,
            Self::Config(errors) if errors.are_of_files() => Exit::Failure,
            Self::Usage(_) | Self::Config(_) | Self::Build(_) => Exit::Usage,
        }
    }
}

/// Runs the command; errors are written to standard error.
pub async fn run(cli: Cli) -> ExitCode {
    let result = match cli.command {
        Command::Serve(file) => serve::run(&file).await,
        Command::Demo(demo) => demo::run(&demo).await,
        Command::Check(check) => check::run(&check).await,
        Command::Cache(cache) => cache::run(&cache).await,
        #[cfg(feature = "acme")]
        Command::Certificate(asked) => certificate::run(&asked).await,
        Command::Lookup(lookup) => lookup::run(&lookup).await,
        Command::Reload(file) => reload::run(&file).await,
        Command::Health(health) => health::run(&health).await,
        Command::Rooms(rooms) => rooms::run(&rooms).await,
        Command::HashPassword => hash_password::run(),
        Command::NewKey => new_key::run(),
        Command::Gssmo(gssmo) => gssmo::run(&gssmo),
        Command::Completions(asked) => shell::completions(&asked),
        Command::Manual => shell::manual(),
    };
    let exit = result.unwrap_or_else(|error| {
        output::complain(&error);
        error.exit()
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

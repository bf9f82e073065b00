//! Where log lines go and how they look: standard error, as text or as JSON. What is logged is decided where it happens.

mod lines;
mod text;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

use lines::Lines;
pub use lines::LogGuard;
use text::Text;

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

/// Starts logging for the whole process. `filter` is what the environment asks for (`info`, `calbridge=debug`); one that
/// cannot be read is told and replaced by `info`. What is logged is written when the guard is dropped, at the latest.
pub fn start(format: LogFormat, filter: Option<&str>) -> LogGuard {
    let wanted = filter
        .filter(|text| !text.trim().is_empty())
        .unwrap_or("info");
    let parsed = EnvFilter::try_new(wanted);
    let is_readable = parsed.is_ok();
    let (writer, guard) = match Lines::start(std::io::stderr()) {
        Some((lines, guard)) => (BoxMakeWriter::new(lines), guard),
        None => (BoxMakeWriter::new(std::io::stderr), LogGuard::idle()),
    };
    let lines = tracing_subscriber::fmt()
        .with_env_filter(parsed.unwrap_or_else(|_| EnvFilter::new("info")))
        .with_writer(writer);
    let started = match format {
        LogFormat::Text => lines.with_ansi(false).event_format(Text).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    // Only a second start in one process fails, and then lines have a place to go to already.
    if started.is_ok() && !is_readable {
        tracing::warn!("The log filter from the environment cannot be read; using info");
    }
    guard
}

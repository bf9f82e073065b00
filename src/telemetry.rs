//! Where log lines go and how they look: standard error, as text or as JSON; and where spans go, if anywhere. What is logged
//! and told is decided where it happens.

mod lines;
#[cfg(feature = "otlp")]
mod otlp;
mod text;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;

use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

use lines::{Lines, LogGuard};
use text::Text;

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

/// What is logged and told is written when it is dropped, at the latest.
#[must_use = "what is left may be lost without it"]
pub struct Guard {
    // Before the lines: its end may have something to say.
    #[cfg(feature = "otlp")]
    _spans: Option<otlp::SpanGuard>,
    _lines: LogGuard,
}

/// Whether the environment names a collector of OpenTelemetry for spans, by the variables of its specification. Without
/// one nothing is exported; the specification's default, an address of this machine, does not count.
pub fn collector_is_named(environment: &dyn Fn(&str) -> Option<OsString>) -> bool {
    let is = |name: &str, word: &str| {
        let value = environment(name).unwrap_or_default();
        value.to_string_lossy().trim().eq_ignore_ascii_case(word)
    };
    let is_named = [
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    ];
    is_named.iter().any(|name| !is(name, ""))
        && !is("OTEL_SDK_DISABLED", "true")
        && !is("OTEL_TRACES_EXPORTER", "none")
}

/// Whether standard error is the stream of systemd's journal that `JOURNAL_STREAM` names (systemd.exec(5)): as
/// `device:inode`, since a program may have been given the variable of another one.
pub fn is_read_by_journal(journal_stream: Option<&OsStr>) -> bool {
    let Some(named) = journal_stream else {
        return false;
    };
    let own = std::io::stderr().as_fd().try_clone_to_owned();
    let own = own.and_then(|stream| File::from(stream).metadata());
    own.is_ok_and(|own| *named == *format!("{}:{}", own.dev(), own.ino()))
}

/// Starts logging for the whole process. `filter` is what the environment asks for (`info`, `calbridge=debug`); one that
/// cannot be read is told and replaced by `info`. `exports`: spans go to the collector that the environment names.
/// `for_journal`: lines of text begin with their priority.
pub fn start(format: LogFormat, filter: Option<&str>, exports: bool, for_journal: bool) -> Guard {
    let wanted = filter
        .filter(|text| !text.trim().is_empty())
        .unwrap_or("info");
    let parsed = EnvFilter::try_new(wanted);
    let is_readable = parsed.is_ok();
    let filter = parsed.unwrap_or_else(|_| EnvFilter::new("info"));
    let with_priority = for_journal && format == LogFormat::Text;
    let (writer, lines) = match Lines::start(std::io::stderr(), with_priority) {
        Some((lines, guard)) => (BoxMakeWriter::new(lines), guard),
        None => (BoxMakeWriter::new(std::io::stderr), LogGuard::idle()),
    };
    let layer = fmt::layer().with_writer(writer);
    let layer = match format {
        LogFormat::Text => layer
            .with_ansi(false)
            .event_format(Text { with_priority })
            .boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    };
    let guard = with_spans(layer, filter, exports, lines);
    if !is_readable {
        tracing::warn!("The log filter from the environment cannot be read; using info");
    }
    guard
}

type LineLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// Only a second start in one process fails, and then lines have a place to go to already.
fn lines_alone(lines: LineLayer, filter: EnvFilter) -> Result<(), TryInitError> {
    tracing_subscriber::registry()
        .with(lines)
        .with(filter)
        .try_init()
}

#[cfg(not(feature = "otlp"))]
fn with_spans(layer: LineLayer, filter: EnvFilter, exports: bool, lines: LogGuard) -> Guard {
    let is_first = lines_alone(layer, filter).is_ok();
    if exports && is_first {
        tracing::warn!(
            "The environment names a collector of OpenTelemetry, and this calbridge was built without the feature otlp: no spans are exported"
        );
    }
    Guard { _lines: lines }
}

#[cfg(feature = "otlp")]
fn with_spans(layer: LineLayer, filter: EnvFilter, exports: bool, lines: LogGuard) -> Guard {
    use crate::domain::Trace;
    use tracing_subscriber::filter::{LevelFilter, Targets};

    let started = exports.then(otlp::Spans::start).transpose();
    let (guard, problem) = match started {
        Ok(Some((spans, guard))) => {
            let told = Targets::new().with_target(Trace::SPANS, LevelFilter::TRACE);
            let both = tracing_subscriber::registry()
                .with(layer.with_filter(filter))
                .with(spans.with_filter(told));
            (both.try_init().ok().map(|()| guard), None)
        }
        Ok(None) => {
            let _ = lines_alone(layer, filter);
            (None, None)
        }
        Err(error) => {
            let _ = lines_alone(layer, filter);
            (None, Some(error))
        }
    };
    if let Some(cause) = problem {
        tracing::error!(%cause, "Spans are not exported: OTEL_EXPORTER_OTLP_ENDPOINT or another variable of it cannot be used");
    }
    Guard {
        _spans: guard,
        _lines: lines,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(variables: &[(&str, &str)], expect: bool) {
        let environment = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| OsString::from(value))
        };
        assert_eq!(collector_is_named(&environment), expect, "{variables:?}");
    }

    #[test]
    fn only_a_collector_that_is_named_and_not_turned_off_is_sent_spans() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");
        check(&[], false);
        check(&[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")], false);
        check(&[endpoint], true);
        check(
            &[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://[::1]/x")],
            true,
        );
        check(&[endpoint, ("OTEL_SDK_DISABLED", "True")], false);
        check(&[endpoint, ("OTEL_SDK_DISABLED", "false")], true);
        check(&[endpoint, ("OTEL_TRACES_EXPORTER", "none")], false);
        check(&[endpoint, ("OTEL_TRACES_EXPORTER", "otlp")], true);
    }
}

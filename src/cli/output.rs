//! Lines to the terminal. Written and flushed one by one; a closed pipe is an error, not a panic.

use std::fmt::Display;
use std::io::Write;

/// A line to standard output.
pub(super) fn say(text: &dyn Display) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()?;
    Ok(())
}

/// A whole text to standard output, with the line ends that it has.
pub(super) fn put(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

/// A line to standard error. Where even that is closed, nobody is left to be told.
pub(super) fn complain(text: &dyn Display) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

//! Log lines as text: time, level, spans, where from, message and fields, in the order and form of tracing-subscriber's own
//! format without colours. Put together here because a line is written for every request, and the library goes through its
//! colours for each field even where they are off; and because it lets control characters of fields through.

use std::fmt::{self, Debug, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormattedFields};
use tracing_subscriber::registry::{LookupSpan, Scope};

use crate::codec::xml::moment::LocalText;

/// Of a line, in bytes. A longer one takes more.
const USUAL_LENGTH: usize = 384;

pub(super) struct Text {
    /// Each line begins with its priority, as sd-daemon(3) has it.
    pub(super) with_priority: bool,
}

impl<S, N> FormatEvent<S, N> for Text
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        // The writer is called once: it may be anything, and a line has many pieces.
        let mut line = String::with_capacity(USUAL_LENGTH);
        let metadata = event.metadata();
        if self.with_priority {
            line.push_str(priority(*metadata.level()));
        }
        write_time(&mut line)?;
        line.push_str(level(*metadata.level()));
        let mut spans = false;
        for span in context.event_scope().into_iter().flat_map(Scope::from_root) {
            spans = true;
            line.push_str(span.metadata().name());
            let extensions = span.extensions();
            if let Some(fields) = extensions.get::<FormattedFields<N>>()
                && !fields.is_empty()
            {
                write!(line, "{{{fields}}}")?;
            }
            line.push(':');
        }
        if spans {
            line.push(' ');
        }
        line.push_str(metadata.target());
        line.push(':');
        let mut fields = Fields {
            line: &mut line,
            result: Ok(()),
        };
        event.record(&mut fields);
        fields.result?;
        line.push('\n');
        writer.write_str(&line)
    }
}

/// The time of day in UTC to the microsecond. Where the clock cannot tell it, the line is written all the same.
#[expect(
    clippy::disallowed_methods,
    reason = "a line tells the real time, whatever clock the gateway is tested with"
)]
fn write_time(line: &mut String) -> fmt::Result {
    let Ok(now) = SystemTime::now().duration_since(UNIX_EPOCH) else {
        line.push_str("<unknown time>");
        return Ok(());
    };
    let second = LocalText::default().of(now.as_secs() as i64);
    line.push_str(std::str::from_utf8(&second).unwrap_or_default());
    write!(line, ".{:06}Z", now.subsec_micros())
}

/// The priorities of syslog(3): error, warning, informational, debug.
fn priority(level: Level) -> &'static str {
    match level {
        Level::ERROR => "<3>",
        Level::WARN => "<4>",
        Level::INFO => "<6>",
        Level::DEBUG | Level::TRACE => "<7>",
    }
}

/// Five characters and a blank on each side.
fn level(level: Level) -> &'static str {
    match level {
        Level::ERROR => " ERROR ",
        Level::WARN => "  WARN ",
        Level::INFO => "  INFO ",
        Level::DEBUG => " DEBUG ",
        Level::TRACE => " TRACE ",
    }
}

struct Fields<'a> {
    line: &'a mut String,
    result: fmt::Result,
}

impl Fields<'_> {
    fn push(&mut self, field: &Field, write: impl FnOnce(&mut Harmless<'_>) -> fmt::Result) {
        self.result = self.result.and_then(|()| {
            self.line.push(' ');
            if field.name() != "message" {
                self.line.push_str(field.name());
                self.line.push('=');
            }
            write(&mut Harmless(self.line))
        });
    }
}

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.push(field, |line| write!(line, "{value:?}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.push(field, |line| write!(line.0, "{value}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.push(field, |line| line.write_str(value));
        } else if is_plain(value) {
            self.push(field, |line| {
                line.0.push('"');
                line.0.push_str(value);
                line.0.push('"');
                Ok(())
            });
        } else {
            self.push(field, |line| write!(line, "{value:?}"));
        }
    }
}

/// Whether nothing of it changes between quotes.
fn is_plain(text: &str) -> bool {
    text.bytes()
        .all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\'))
}

/// Writes control characters that a terminal could obey as what they are called.
struct Harmless<'a>(&'a mut String);

impl Write for Harmless<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            self.0.push_str(text);
            return Ok(());
        }
        let is_harmful = |c: char| c.is_control() && !matches!(c, '\n' | '\t' | '\r');
        let mut rest = text;
        while let Some(at) = rest.find(is_harmful) {
            let (before, from) = rest.split_at(at);
            self.0.push_str(before);
            let mut characters = from.chars();
            if let Some(harmful) = characters.next() {
                match u32::from(harmful) {
                    code @ ..0x80 => write!(self.0, "\\x{code:02x}")?,
                    code => write!(self.0, "\\u{{{code:x}}}")?,
                }
            }
            rest = characters.as_str();
        }
        self.0.push_str(rest);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex, PoisonError};

    use tracing::subscriber::with_default;
    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Written {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    impl Written {
        /// The lines without their times, which differ.
        fn lines(&self) -> Vec<String> {
            let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let text = String::from_utf8(all.clone()).unwrap();
            let without_time = |line: &str| match line.split_once(' ') {
                Some((time, rest)) if time.parse::<jiff::Timestamp>().is_ok() => rest.to_owned(),
                _ => line.to_owned(),
            };
            text.lines().map(without_time).collect()
        }
    }

    const BARE: Text = Text {
        with_priority: false,
    };

    fn talk() {
        tracing::info!(face = "ews", status = 200_u16, id = %"a-b", "Answered a request");
        tracing::warn!(quoted = "a \"b\"\nc", some = ?Some(1), negative = -3, "Two\nlines");
        tracing::error!("The {} in \u{1b}[31mred", "end\u{7}");
        let outer = tracing::info_span!("call", endpoint = "hq", number = 7);
        let _outer = outer.enter();
        let inner = tracing::info_span!("bare");
        let _inner = inner.enter();
        tracing::debug!(target: "elsewhere", truth = true, part = 0.5, "Inside");
        tracing::trace!(only = "fields");
    }

    #[test]
    fn lines_are_those_of_the_library() {
        let (own, its) = (Written::default(), Written::default());
        let builder = || {
            tracing_subscriber::fmt()
                .with_max_level(Level::TRACE)
                .with_ansi(false)
        };
        with_default(
            builder()
                .event_format(BARE)
                .with_writer(own.clone())
                .finish(),
            talk,
        );
        with_default(builder().with_writer(its.clone()).finish(), talk);
        assert_eq!(own.lines(), its.lines());
        assert_eq!(own.lines().len(), 6, "one line holds a line break");
    }

    #[test]
    fn a_line_for_the_journal_begins_with_its_priority() {
        let own = Written::default();
        let told = tracing_subscriber::fmt()
            .with_max_level(Level::TRACE)
            .event_format(Text {
                with_priority: true,
            })
            .with_writer(own.clone())
            .finish();
        with_default(told, || {
            tracing::error!("E");
            tracing::warn!("W");
            tracing::info!("I");
            tracing::debug!("D");
            tracing::trace!("T");
        });
        let lines = own.lines();
        let begins: Vec<_> = lines.iter().map(|line| &line[..5]).collect();
        assert_eq!(begins, ["<3>20", "<4>20", "<6>20", "<7>20", "<7>20"]);
    }

    #[test]
    fn no_field_commands_a_terminal() {
        let own = Written::default();
        let told = tracing_subscriber::fmt()
            .event_format(BARE)
            .with_writer(own.clone())
            .finish();
        with_default(told, || {
            tracing::info!(shown = %"a\u{1b}[31mred\u{9b}1m", told = "\u{1b}[0m", "Colours\u{7f}");
        });
        let from = module_path!();
        let fields = r#"shown=a\x1b[31mred\u{9b}1m told="\u{1b}[0m""#;
        assert_eq!(
            own.lines(),
            [format!(" INFO {from}: Colours\\x7f {fields}")]
        );
    }
}

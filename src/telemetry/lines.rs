//! Log lines on their way out. Whoever logs leaves the line in memory and goes on; a thread of its own writes what has
//! come together. What is in a line is decided elsewhere.
//!
//! The first line after a pause is written at once, those that follow within some milliseconds together. Nothing is lost
//! at an orderly end, nor while the reader of the log keeps up; a reader that does not costs lines, which are counted, and
//! never holds up an answer.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// Bytes that wait to be written, at most.
const ROOM: usize = 8 << 20;
/// How long lines are collected after some were written.
const PAUSE: Duration = Duration::from_millis(10);
/// How long an orderly end waits for whoever reads the log.
const LAST_WRITE: Duration = Duration::from_secs(2);

/// Where lines are left.
#[derive(Clone)]
pub(super) struct Lines(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Something changed for the thread that writes.
    work: Condvar,
    /// It has ended.
    ended: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    /// Lines for which there was no room, and that nobody was told of yet.
    lost: u64,
    stopping: bool,
    ended: bool,
}

/// Writes what is left when it is dropped.
#[must_use = "lines that are left may be lost without it"]
pub(super) struct LogGuard(Option<Lines>);

impl Lines {
    /// Starts the thread that writes to `out`; where there can be none, `None`. `with_priority`: as the lines that come,
    /// one of its own begins with its priority.
    pub(super) fn start(
        out: impl Write + Send + 'static,
        with_priority: bool,
    ) -> Option<(Self, LogGuard)> {
        let warning = if with_priority { "<4>" } else { "" };
        let lines = Self(Arc::default());
        let shared = Arc::clone(&lines.0);
        std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || shared.write_until_stopped(out, warning))
            .ok()?;
        Some((lines.clone(), LogGuard(Some(lines))))
    }
}

impl LogGuard {
    /// One that has nothing to guard.
    pub(super) fn idle() -> Self {
        Self(None)
    }
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        let Some(Lines(shared)) = self.0.take() else {
            return;
        };
        let mut state = shared.lock();
        state.stopping = true;
        shared.work.notify_one();
        let waited = shared
            .ended
            .wait_timeout_while(state, LAST_WRITE, |state| !state.ended);
        drop(waited);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leave(&self, line: &[u8]) {
        let mut state = self.lock();
        if state.waiting.len() + line.len() > ROOM {
            state.lost += 1;
            return;
        }
        let is_first = state.waiting.is_empty();
        state.waiting.extend_from_slice(line);
        drop(state);
        if is_first {
            self.work.notify_one();
        }
    }

    fn write_until_stopped(&self, mut out: impl Write, warning: &str) {
        let mut taken = Vec::new();
        loop {
            let state = self.lock();
            let mut state = self
                .work
                .wait_while(state, |state| state.waiting.is_empty() && !state.stopping)
                .unwrap_or_else(PoisonError::into_inner);
            std::mem::swap(&mut taken, &mut state.waiting);
            let lost = std::mem::take(&mut state.lost);
            let stopping = state.stopping;
            drop(state);
            // Where standard error is gone there is nobody left to tell.
            let _ = out.write_all(&taken);
            if lost > 0 {
                let _ = writeln!(
                    out,
                    "{warning}calbridge: {lost} log lines were lost: they came faster than they were read"
                );
            }
            let _ = out.flush();
            taken.clear();
            taken.shrink_to(64 << 10);
            let mut state = self.lock();
            if stopping && state.waiting.is_empty() {
                state.ended = true;
                self.ended.notify_all();
                return;
            }
            // Cut short by the end of the program only.
            let pause = self
                .work
                .wait_timeout_while(state, PAUSE, |state| !state.stopping);
            drop(pause);
        }
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(&self.0)
    }
}

/// Takes one line, which the formatter gives whole.
pub(super) struct Line<'a>(&'a Shared);

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.leave(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Passes on what is written, each time only after leave was given.
    struct Slow {
        leave: mpsc::Receiver<()>,
        written: mpsc::Sender<Vec<u8>>,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.leave.recv();
            let _ = self.written.send(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn slow() -> (Slow, mpsc::Sender<()>, mpsc::Receiver<Vec<u8>>) {
        let (let_go, leave) = mpsc::channel();
        let (written, seen) = mpsc::channel();
        (Slow { leave, written }, let_go, seen)
    }

    #[test]
    fn all_lines_are_written_in_order_at_the_end() {
        let (out, let_go, seen) = slow();
        drop(let_go);
        let (lines, guard) = Lines::start(out, false).unwrap();
        for number in 0..10_000 {
            writeln!(lines.make_writer(), "{number}").unwrap();
        }
        drop(guard);
        let text: Vec<u8> = seen.try_iter().flatten().collect();
        let text = String::from_utf8(text).unwrap();
        let expect = (0..10_000).map(|number: u32| number.to_string());
        assert!(text.ends_with('\n'));
        assert!(text.lines().eq(expect), "{text}");
    }

    #[test]
    fn lines_beyond_the_room_are_counted_and_hold_up_nobody() {
        let (out, let_go, seen) = slow();
        let (lines, guard) = Lines::start(out, true).unwrap();
        let line = vec![b'x'; ROOM / 4];
        // One is being written, four wait, and for the rest there is no room.
        lines.make_writer().write_all(&line).unwrap();
        while !lines.0.lock().waiting.is_empty() {
            std::thread::yield_now();
        }
        for _ in 0..7 {
            lines.make_writer().write_all(&line).unwrap();
        }
        assert_eq!(lines.0.lock().lost, 3);
        drop(let_go);
        drop(guard);
        let text: Vec<u8> = seen.try_iter().flatten().collect();
        let told = String::from_utf8(text).unwrap();
        assert_eq!(told.matches('x').count(), 5 * line.len());
        assert!(told.contains("<4>calbridge: 3 log lines were lost"));
    }
}

//! The audit log: one line of JSON for each mailbox that was asked for, to a file of its own or to the journal. What is
//! noted is decided by `service`; here it is written, by a thread, so that nobody waits for a disk.
//!
//! The file may be renamed or removed at any time, as `logrotate` does: before each write it is looked whether the path
//! still leads to it, and a new one is begun where it does not.

mod sink;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use aws_lc_rs::hmac;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use self::sink::Sink;
use super::StartError;
use crate::domain::{Answered, Audit, AvailabilityQuery, Clock};
use crate::metrics::Metrics;

/// Lines that wait to be written, at most.
const ROOM: usize = 8_192;

/// `[audit]`.
#[derive(Debug, Clone)]
pub struct AuditSettings {
    pub to: AuditTarget,
    /// The key under which mailboxes are hashed; None writes them as they are.
    pub hash_key: Option<SecretString>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditTarget {
    File(PathBuf),
    /// The socket of systemd's journal.
    Journal(PathBuf),
}

impl PartialEq for AuditSettings {
    fn eq(&self, other: &Self) -> bool {
        let key = |settings: &Self| {
            let key = settings.hash_key.as_ref();
            key.map(|key| key.expose_secret().to_owned())
        };
        self.to == other.to && key(self) == key(other)
    }
}

/// Writes what is left when it is dropped.
pub struct AuditLog {
    clock: Arc<dyn Clock>,
    key: Option<hmac::Key>,
    lines: Option<SyncSender<String>>,
    lost: Arc<Lost>,
    writer: Option<JoinHandle<()>>,
}

/// Lines that will never be written.
struct Lost {
    /// Those that the log has not told of yet.
    untold: AtomicU64,
    metrics: Arc<Metrics>,
}

impl Lost {
    fn add(&self, lines: usize) {
        self.untold.fetch_add(lines as u64, Ordering::Relaxed);
        self.metrics.audit_lost(lines as u64);
    }
}

#[derive(Serialize)]
struct Line<'a> {
    time: String,
    request_id: Option<String>,
    trace_id: Option<String>,
    face: &'a str,
    caller: String,
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mailbox: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mailbox_hash: Option<String>,
    from: String,
    to: String,
    outcome: &'static str,
    cache: Option<&'static str>,
}

impl AuditLog {
    /// Opens the file or the socket, and starts the thread.
    pub fn start(
        settings: &AuditSettings,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, StartError> {
        let sink = Sink::open(&settings.to).map_err(|source| StartError::Audit {
            path: match &settings.to {
                AuditTarget::File(path) | AuditTarget::Journal(path) => path.clone(),
            },
            source,
        })?;
        let (lines, waiting) = sync_channel(ROOM);
        let lost = Arc::new(Lost {
            untold: AtomicU64::new(0),
            metrics,
        });
        let counted = Arc::clone(&lost);
        let writer = std::thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || write_until_closed(sink, &waiting, &counted))
            .map_err(|source| StartError::Audit {
                path: PathBuf::new(),
                source,
            })?;
        let key = settings.hash_key.as_ref();
        Ok(Self {
            clock,
            key: key.map(|key| hmac::Key::new(hmac::HMAC_SHA256, key.expose_secret().as_bytes())),
            lines: Some(lines),
            lost,
            writer: Some(writer),
        })
    }

    fn hashed(&self, mailbox: &str) -> Option<String> {
        let tag = hmac::sign(self.key.as_ref()?, mailbox.as_bytes());
        let digits = tag.as_ref().iter().map(|byte| format!("{byte:02x}"));
        Some(digits.collect())
    }

    fn leave(&self, line: String) {
        let Some(lines) = &self.lines else { return };
        match lines.try_send(line) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => self.lost.add(1),
        }
    }
}

impl Audit for AuditLog {
    fn note(&self, query: &AvailabilityQuery, answered: &[Answered]) {
        let time = self.clock.now().to_string();
        let (from, to) = (query.window.start(), query.window.end());
        let asker = query.origin.asker.as_ref();
        for (attendee, answered) in query.attendees.iter().zip(answered) {
            // What is no address might be anything.
            let mailbox = attendee.mailbox.as_ref().ok();
            let mailbox = mailbox.map(crate::domain::SmtpAddress::as_str);
            let line = Line {
                time: time.clone(),
                request_id: asker.map(|asker| asker.request_id.to_string()),
                trace_id: asker.map(|asker| asker.trace.id()),
                face: asker.map_or("none", |asker| asker.face),
                caller: query.caller.id.to_string(),
                address: asker.and_then(|asker| Some(asker.address?.to_string())),
                mailbox: mailbox.filter(|_| self.key.is_none()),
                mailbox_hash: mailbox.and_then(|mailbox| self.hashed(mailbox)),
                from: from.to_string(),
                to: to.to_string(),
                outcome: answered.outcome,
                cache: answered.cache,
            };
            // Texts and numbers only: it does not fail.
            if let Ok(line) = serde_json::to_string(&line) {
                self.leave(line);
            }
        }
    }
}

impl Drop for AuditLog {
    fn drop(&mut self) {
        self.lines = None;
        if let Some(writer) = self.writer.take() {
            // It ends when all is written; a panic of its own was told already.
            let _ = writer.join();
        }
    }
}

fn write_until_closed(mut sink: Sink, waiting: &Receiver<String>, lost: &Lost) {
    let mut is_failing = false;
    while let Ok(first) = waiting.recv() {
        let lines: Vec<String> = std::iter::once(first).chain(waiting.try_iter()).collect();
        match sink.write(&lines) {
            Ok(()) => is_failing = false,
            Err(cause) => {
                lost.add(lines.len());
                if !is_failing {
                    tracing::error!(%cause, "The audit log cannot be written; questions are answered all the same");
                }
                is_failing = true;
            }
        }
        if !is_failing {
            let lost = lost.untold.swap(0, Ordering::Relaxed);
            if lost > 0 {
                tracing::error!(lost, "Lines of the audit log were lost");
            }
        }
    }
}

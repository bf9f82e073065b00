//! `[audit]`: where it is written who asked for whom, and whether mailboxes stand there as they are.

use super::document::Section;
use super::secret::{self, AUDIT_KEY};
use super::surroundings::Surroundings;
use crate::server::audit::{AuditSettings, AuditTarget};

/// Where systemd's journal takes entries.
const JOURNAL: &str = "/run/systemd/journal/socket";
/// Shorter keys could be tried out.
const SHORTEST_KEY: usize = 16;

enum Mailboxes {
    Clear,
    Hash,
}

pub(super) fn read(section: &Section<'_>, around: &Surroundings<'_>) -> Option<AuditSettings> {
    let to = target(section, around);
    let has_key = AUDIT_KEY.any(section);
    section.require("mailboxes");
    let mailboxes = section.text("mailboxes").and_then(|text| {
        text.parse(|text| match *text {
            "clear" => Ok(Mailboxes::Clear),
            "hash" => Ok(Mailboxes::Hash),
            _ => Err("must be \"clear\" or \"hash\""),
        })
    })?;
    let hash_key = match mailboxes {
        Mailboxes::Clear => {
            if has_key {
                section.problem("a key has no effect with mailboxes = \"clear\"");
            }
            None
        }
        Mailboxes::Hash => {
            let key = secret::secret(section, &AUDIT_KEY, around)?;
            if secret::is_shorter(&key, SHORTEST_KEY) {
                section.problem("the key is shorter than 16 characters");
                return None;
            }
            Some(key)
        }
    };
    Some(AuditSettings { to: to?, hash_key })
}

fn target(section: &Section<'_>, around: &Surroundings<'_>) -> Option<AuditTarget> {
    let file = section.text("file");
    let journald = section.flag("journald").unwrap_or(false);
    match (file, journald) {
        (Some(file), false) => Some(AuditTarget::File(around.path(file.value))),
        (None, true) => Some(AuditTarget::Journal(JOURNAL.into())),
        (Some(_), true) | (None, false) => {
            section.problem("needs exactly one of file and journald = true");
            None
        }
    }
}

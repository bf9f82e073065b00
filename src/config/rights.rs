//! What one caller may ask for and be told: the keys that role accounts, OAuth 2.0 clients and client certificates share.

use std::sync::Arc;

use super::document::Section;
use crate::domain::{Caller, CallerId, Detail, DomainPattern};

/// The longest word that stands in place of a title.
const LONGEST_MASK: usize = 64;

/// `domains`, `event_details` and `mask_subjects` of one caller.
pub(super) fn caller(section: &Section<'_>, id: CallerId) -> Caller {
    let detail = match section.flag("event_details") {
        Some(false) => Detail::BusyOnly,
        // `sharing.event_details` lowers it for everybody.
        Some(true) | None => Detail::Subjects,
    };
    Caller {
        domains: domains(section),
        mask: mask(section),
        ..Caller::new(id, detail)
    }
}

fn domains(section: &Section<'_>) -> Option<Vec<DomainPattern>> {
    let list = section.texts("domains")?;
    if list.value.is_empty() {
        list.problem("is empty: nobody could be asked for");
    }
    let parsed = list.value.iter().filter_map(|entry| {
        entry.parse(|text| {
            DomainPattern::parse(text)
                .map_err(|_| "must be a mail domain, or \"*.\" and a mail domain for all below it")
        })
    });
    Some(parsed.collect())
}

fn mask(section: &Section<'_>) -> Option<Arc<str>> {
    let text = section.text("mask_subjects")?;
    let word = text.value.trim();
    if word.is_empty() || word.chars().count() > LONGEST_MASK || word.contains(char::is_control) {
        text.problem(format!(
            "must be a word to show in place of titles, of 1 to {LONGEST_MASK} characters"
        ));
        return None;
    }
    Some(word.into())
}

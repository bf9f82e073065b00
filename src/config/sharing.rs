//! `[sharing]`: what callers may be told, of whom, and how statuses are shown.

use super::document::Section;
use super::findings::Located;
use super::surroundings::Surroundings;
use crate::domain::{BusyStatus, MailboxPattern};
use crate::service::settings::{PermitSettings, SharingSettings};
use crate::service::status_map::{StatusMap, StatusMapError};

/// Of a file that is no list of addresses, not every line is told.
const MOST_BAD_LINES: usize = 10;

pub(super) fn read(
    section: &Section<'_>,
    around: &Surroundings<'_>,
) -> (SharingSettings, PermitSettings) {
    let default = SharingSettings::default();
    let sharing = SharingSettings {
        event_details: section
            .flag("event_details")
            .unwrap_or(default.event_details),
        room_booking: section.flag("room_booking").unwrap_or(default.room_booking),
        directory: section.flag("directory").unwrap_or(default.directory),
        status_map: section
            .within("status_map", status_map)
            .unwrap_or(default.status_map),
    };
    let permit = PermitSettings {
        deny: section
            .texts("deny")
            .map(|list| patterns(&list))
            .unwrap_or_default(),
        only: only(section, around),
    };
    (sharing, permit)
}

/// `only` and `only_file` together.
fn only(section: &Section<'_>, around: &Surroundings<'_>) -> Option<Vec<MailboxPattern>> {
    let listed = section.texts("only").map(|list| {
        if list.value.is_empty() {
            list.problem("is empty: nobody could be asked for");
        }
        patterns(&list)
    });
    let filed = section.text("only_file").map(|path| {
        let text = path.parse(|path| around.list(path));
        text.map(|text| lines(&path, &text)).unwrap_or_default()
    });
    match (listed, filed) {
        (None, None) => None,
        (listed, filed) => {
            let both = listed.into_iter().chain(filed).flatten();
            Some(both.collect())
        }
    }
}

fn patterns(list: &Located<'_, Vec<Located<'_, &str>>>) -> Vec<MailboxPattern> {
    let parsed = list.value.iter();
    parsed
        .filter_map(|entry| entry.parse(|text| MailboxPattern::parse(text)))
        .collect()
}

/// One entry a line; empty lines and comments count for nothing.
fn lines(path: &Located<'_, &str>, text: &str) -> Vec<MailboxPattern> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut found = Vec::new();
    let mut bad = 0;
    for (index, line) in text.lines().enumerate() {
        let entry = without_comment(line).trim();
        if entry.is_empty() {
            continue;
        }
        match MailboxPattern::parse(entry) {
            Ok(pattern) => found.push(pattern),
            Err(error) => {
                bad += 1;
                if bad <= MOST_BAD_LINES {
                    path.problem(format!("line {}: {error}", index + 1));
                }
            }
        }
    }
    if bad > MOST_BAD_LINES {
        let more = bad - MOST_BAD_LINES;
        path.problem(format!("{more} more lines cannot be read"));
    }
    if found.is_empty() && bad == 0 {
        path.problem("the file lists nobody: nobody could be asked for");
    }
    found
}

/// A `#` begins a comment at the start of a line or after a blank; addresses may have one inside.
fn without_comment(line: &str) -> &str {
    let begins = |(at, _): &(usize, &str)| {
        let before = line[..*at].chars().next_back();
        before.is_none_or(char::is_whitespace)
    };
    let comment = line.match_indices('#').find(begins);
    comment.map_or(line, |(at, _)| &line[..at])
}

fn status_map(section: &Section<'_>) -> StatusMap {
    let map = StatusMap::default();
    let map = shown(
        section,
        "working_elsewhere",
        map,
        StatusMap::working_elsewhere,
    );
    let map = shown(section, "tentative", map, StatusMap::tentative);
    shown(section, "no_data", map, StatusMap::no_data)
}

fn shown(
    section: &Section<'_>,
    key: &'static str,
    map: StatusMap,
    set: fn(StatusMap, BusyStatus) -> Result<StatusMap, StatusMapError>,
) -> StatusMap {
    let Some(text) = section.text(key) else {
        return map;
    };
    text.parse(|word| status(word))
        .and_then(|status| text.parse(|_| set(map, status)))
        .unwrap_or(map)
}

fn status(word: &str) -> Result<BusyStatus, &'static str> {
    Ok(match word {
        "free" => BusyStatus::Free,
        "tentative" => BusyStatus::Tentative,
        "busy" => BusyStatus::Busy,
        "oof" => BusyStatus::OutOfOffice,
        "working_elsewhere" => BusyStatus::WorkingElsewhere,
        "no_data" => BusyStatus::NoData,
        _ => {
            return Err(
                "must be \"free\", \"tentative\", \"busy\", \"oof\", \"working_elsewhere\" or \"no_data\"",
            );
        }
    })
}

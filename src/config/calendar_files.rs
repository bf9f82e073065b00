//! The keys of an endpoint of kind `calendar-files`.

use std::path::PathBuf;

use jiff::tz::TimeZone;

use super::document::Section;
use super::surroundings::Surroundings;
use crate::backend::settings::CalendarFilesSettings;

pub(super) fn read(
    section: &Section<'_>,
    around: &Surroundings<'_>,
) -> Option<CalendarFilesSettings> {
    let directory = directory(section, around);
    let time_zone = time_zone(section);
    Some(CalendarFilesSettings {
        directory: directory?,
        time_zone: time_zone?,
    })
}

fn directory(section: &Section<'_>, around: &Surroundings<'_>) -> Option<PathBuf> {
    section.require("directory");
    let text = section.text("directory")?;
    let path = around.path(text.value);
    text.parse(|_| {
        std::fs::read_dir(&path)
            .map_err(|error| format!("the folder {} cannot be read: {error}", path.display()))
    })?;
    Some(path)
}

fn time_zone(section: &Section<'_>) -> Option<TimeZone> {
    section.require("time_zone");
    let text = section.text("time_zone")?;
    text.parse(|name| {
        jiff::tz::db()
            .get(name)
            .map_err(|_| "must be an IANA time zone, as \"Europe/Berlin\"")
    })
}

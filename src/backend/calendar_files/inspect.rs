//! What is wrong with the files of a folder, for whoever checks a configuration. Answers no questions and keeps nothing.

use std::fs;
use std::io;

use jiff::tz::TimeZone;

use super::folder::{self, Folder, Place};
use super::lists;
use super::rooms;
use crate::backend::settings::CalendarFilesSettings;
use crate::codec::address_lists::AddressLists;
use crate::codec::ical::Calendar;
use crate::domain::RoomEntry;

/// What is found in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// Mailboxes with a calendar that can be read.
    pub readable: usize,
    /// What questions will trip over, by file names; names may be mailboxes, so this is not for the log.
    pub flaws: Vec<Flaw>,
    /// What `rooms.toml` says.
    pub rooms: Vec<RoomEntry>,
}

/// A file that does not do what it is there for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    pub file: String,
    pub text: String,
}

/// Reads every file of the folder; an error where the folder itself cannot be listed.
pub fn inspect(settings: &CalendarFilesSettings) -> io::Result<Inspection> {
    let folder = Folder::new(settings.directory.clone());
    let listing = folder.list()?;
    let mut names = Vec::new();
    for entry in fs::read_dir(folder.directory())? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort_unstable();
    let mut found = Inspection {
        readable: 0,
        flaws: Vec::new(),
        rooms: Vec::new(),
    };
    for file in names {
        let outcome = if file == lists::FILE {
            lists(&folder).map(|()| 0)
        } else if file == rooms::FILE {
            folder
                .beside(rooms::FILE)
                .ok_or_else(|| "not a regular file of the folder".to_owned())
                .and_then(|_| rooms::read(&folder))
                .map(|rooms| {
                    found.rooms = rooms;
                    0
                })
        } else if is_calendar(&file) {
            calendar(&file, &listing, &settings.time_zone).map(|()| 1)
        } else {
            Ok(0)
        };
        match outcome {
            Ok(more) => found.readable += more,
            Err(text) => found.flaws.push(Flaw { file, text }),
        }
    }
    Ok(found)
}

fn is_calendar(file: &str) -> bool {
    file.rsplit_once('.')
        .is_some_and(|(_, extension)| extension.eq_ignore_ascii_case("ics"))
}

fn calendar(file: &str, listing: &folder::Listing, zone: &TimeZone) -> Result<(), String> {
    let mailbox = folder::mailbox(file.as_ref())
        .ok_or("the name is no address, so that it is nobody's calendar")?;
    let path = match listing.find(&mailbox) {
        Place::File(path) => path,
        Place::Twice => return Err("another file claims the same mailbox".to_owned()),
        Place::Missing => return Err("not a regular file of the folder".to_owned()),
    };
    let bytes = folder::read(&path).map_err(|error| error.to_string())?;
    Calendar::read(&bytes, zone)
        .map(drop)
        .map_err(|error| error.to_string())
}

fn lists(folder: &Folder) -> Result<(), String> {
    let path = folder
        .beside(lists::FILE)
        .ok_or("not a regular file of the folder")?;
    let bytes = folder::read(&path).map_err(|error| error.to_string())?;
    let text = String::from_utf8(bytes).map_err(|_| "not in UTF-8".to_owned())?;
    AddressLists::read(&text)
        .map(drop)
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART:20260901T090000Z\r\nEND:VEVENT\r\n\
                         END:VCALENDAR\r\n";

    #[test]
    fn every_flaw_is_named_with_its_file() {
        let outer = tempfile::tempdir().unwrap();
        let directory = outer.path().join("calendars");
        fs::create_dir_all(directory.join("dir@files.example.ics")).unwrap();
        let write = |name: &str, text: &str| fs::write(directory.join(name), text).unwrap();
        write("anna@files.example.ics", WHOLE);
        write("bernd@files.example.ICS", WHOLE);
        write("broken@files.example.ics", &WHOLE.replace("UID:1", "UID"));
        write("carla.ics", WHOLE);
        write("twice@files.example.ics", WHOLE);
        write("Twice@files.example.ics", WHOLE);
        write("notes.txt", "nothing");
        write("lists.toml", "[[list]]\n");
        fs::write(outer.path().join("elsewhere"), WHOLE).unwrap();
        let link = directory.join("link@files.example.ics");
        std::os::unix::fs::symlink("../elsewhere", link).unwrap();
        let settings = CalendarFilesSettings {
            directory,
            time_zone: TimeZone::UTC,
        };
        let found = inspect(&settings).unwrap();
        assert_eq!(found.readable, 2);
        let told: Vec<_> = found
            .flaws
            .iter()
            .map(|flaw| (flaw.file.as_str(), flaw.text.as_str()))
            .collect();
        let (twice, outside) = (
            "another file claims the same mailbox",
            "not a regular file of the folder",
        );
        assert!(matches!(told[5], ("lists.toml", text) if text.starts_with("not valid")));
        assert_eq!(
            [&told[..5], &told[6..]].concat(),
            [
                ("Twice@files.example.ics", twice),
                ("broken@files.example.ics", "line 3: not a property"),
                (
                    "carla.ics",
                    "the name is no address, so that it is nobody's calendar"
                ),
                ("dir@files.example.ics", outside),
                ("link@files.example.ics", outside),
                ("twice@files.example.ics", twice),
            ]
        );
    }
}

//! The conformance corpus for rooms, lists and names: what is read is written and read again the same.

use calbridge::codec::ews::email_address::Kind;
use calbridge::codec::ews::resolve_names::Resolution;
use calbridge::codec::ews::rooms::NoResult;
use calbridge::codec::ews::upstream::SchemaLevel;
use calbridge::codec::ews::upstream::directory::{DirectoryAnswer, DirectoryQuestion};
use calbridge::codec::ews::{Operation, Request, envelope, expand_dl, resolve_names, rooms};
use calbridge::domain::{Listed, Room};

use crate::corpus::samples;
use crate::world::keep_answer;

/// The question that is asked so.
fn question(operation: &Operation) -> Option<DirectoryQuestion> {
    Some(match operation {
        Operation::GetRoomLists => DirectoryQuestion::RoomLists,
        Operation::GetRooms(asked) => DirectoryQuestion::Rooms(asked.list.clone()),
        Operation::ExpandDL(asked) => DirectoryQuestion::Expand(asked.list.clone()),
        Operation::ResolveNames(asked) => DirectoryQuestion::Resolve(asked.entry.clone()),
        _ => return None,
    })
}

#[test]
fn requests_survive_a_round_trip() {
    let mut seen = 0;
    for (folder, file, body) in samples(".request.xml") {
        let Ok(Request { operation, .. }) = envelope::read(&body) else {
            continue;
        };
        let Some(asked) = question(&operation) else {
            continue;
        };
        seen += 1;
        for level in [SchemaLevel::Exchange2013Sp1, SchemaLevel::Exchange2010Sp1] {
            let again = envelope::read(&asked.write(level)).unwrap();
            assert_eq!(
                question(&again.operation).as_ref(),
                Some(&asked),
                "{folder}/{file}"
            );
        }
    }
    assert!(seen >= 7 || std::env::var_os("CALBRIDGE_CORPUS").is_none());
}

fn listed(rooms: &[Room]) -> Vec<Listed> {
    let listed = rooms.iter().map(|room| Listed {
        address: room.address.clone(),
        name: room.name.clone(),
    });
    listed.collect()
}

/// As our own face writes what was read.
fn write(question: &DirectoryQuestion, answer: Option<&DirectoryAnswer>) -> Vec<u8> {
    let found = answer.map(|answer| listed(&answer.found));
    let found = found.as_deref().ok_or(NoResult::Unknown);
    match question {
        DirectoryQuestion::RoomLists => rooms::write_lists_answer(found),
        DirectoryQuestion::Rooms(_) => rooms::write_rooms_answer(found),
        DirectoryQuestion::Expand(_) => expand_dl::write_answer(found),
        DirectoryQuestion::Resolve(_) => {
            let found = answer.map(|answer| {
                let found = answer.found.iter().map(|room| Resolution {
                    listed: listed(std::slice::from_ref(room)).remove(0),
                    kind: Kind::Mailbox,
                    details: room.details.clone(),
                });
                found.collect::<Vec<_>>()
            });
            let last = answer.is_none_or(|answer| !answer.more);
            resolve_names::write_answer(found.as_deref().ok_or(NoResult::Unknown), last, true)
        }
    }
}

#[test]
fn answers_are_read_and_written_again_the_same() {
    let mut seen = 0;
    for (folder, file, body) in samples(".response.xml") {
        let question = match folder.as_str() {
            "getroomlists" => DirectoryQuestion::RoomLists,
            "getrooms" => DirectoryQuestion::Rooms(String::new()),
            "expanddl" => DirectoryQuestion::Expand(String::new()),
            "resolvenames" => DirectoryQuestion::Resolve(String::new()),
            _ => continue,
        };
        seen += 1;
        let read = question
            .read(&body)
            .unwrap_or_else(|error| panic!("{folder}/{file}: {error}"));
        check(&String::from_utf8(body).unwrap(), read.as_ref(), &file);
        let written = write(&question, read.as_ref());
        keep_answer(&written);
        // Addresses of Exchange's own directory are counted and cannot be told.
        let told = read.map(|answer| DirectoryAnswer {
            entries: answer.found.len(),
            ..answer
        });
        assert_eq!(question.read(&written).unwrap(), told, "{folder}/{file}");
    }
    assert!(seen >= 12 || std::env::var_os("CALBRIDGE_CORPUS").is_none());
}

/// Nothing is lost on the way in, counted on the text.
fn check(text: &str, read: Option<&DirectoryAnswer>, file: &str) {
    let addresses = text.matches("EmailAddress>").count() / 2;
    let is_error = text.contains("ErrorNameResolutionNoResults");
    assert_eq!(read.is_none(), is_error, "{file}");
    if let Some(answer) = read {
        assert_eq!(answer.entries, addresses, "{file}");
        let other = text.matches(">EX<").count();
        assert_eq!(answer.found.len(), addresses - other, "{file}");
    }
}

#[test]
fn answers_of_other_operations_are_not_taken_for_rooms() {
    for (folder, file, body) in samples(".response.xml") {
        if folder != "getroomlists" {
            let read = DirectoryQuestion::RoomLists.read(&body);
            assert!(read.is_err(), "{folder}/{file}");
        }
        if folder != "resolvenames" {
            let read = DirectoryQuestion::Resolve(String::new()).read(&body);
            assert!(read.is_err(), "{folder}/{file}");
        }
    }
}

//! `rooms.toml`: the rooms of a folder of calendars, in a form of our own. Knows no files.
//!
//! ```toml
//! [[room]]
//! address = "room-aurora@example.com"
//! name = "Aurora"
//! building = "Head office"
//! floor = "2"
//! capacity = 8
//! features = ["projector"]
//! list = "Head office <rooms-hq@example.com>"
//! ```

use std::collections::BTreeSet;

use serde::Deserialize;

use super::toml_fault::describe;
use crate::domain::address::AddressError;
use crate::domain::{Listed, Room, RoomDetails, RoomEntry, SmtpAddress};

/// Why a file cannot be used; says where, and repeats no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RoomsError {
    #[error("not valid: {0}")]
    Form(String),
    #[error("room {room}: {key}: {error}")]
    Address {
        room: usize,
        key: &'static str,
        error: AddressError,
    },
    #[error("room {room}: its address is that of another room, too")]
    Twice { room: usize },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    room: Vec<RawRoom>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRoom {
    address: String,
    name: Option<String>,
    building: Option<String>,
    floor: Option<String>,
    capacity: Option<u32>,
    #[serde(default)]
    features: Vec<String>,
    list: Option<String>,
}

/// Reads the whole file; one room that cannot be read spoils it, so that none is missing in silence.
pub fn read(text: &str) -> Result<Vec<RoomEntry>, RoomsError> {
    let file: File =
        toml::from_str(text).map_err(|error| RoomsError::Form(describe(text, &error)))?;
    let mut seen = BTreeSet::new();
    let rooms = file.room.into_iter().enumerate();
    rooms
        .map(|(index, raw)| entry(raw, index + 1, &mut seen))
        .collect()
}

fn entry(
    raw: RawRoom,
    room: usize,
    seen: &mut BTreeSet<SmtpAddress>,
) -> Result<RoomEntry, RoomsError> {
    let refuse = |key, error| RoomsError::Address { room, key, error };
    let address = SmtpAddress::parse(&raw.address).map_err(|error| refuse("address", error))?;
    let list = raw.list.as_deref().map(Listed::parse).transpose();
    let list = list.map_err(|error| refuse("list", error))?;
    if !seen.insert(address.clone()) {
        return Err(RoomsError::Twice { room });
    }
    let name = raw.name.unwrap_or_else(|| address.as_str().to_owned());
    Ok(RoomEntry {
        room: Room {
            address,
            name: name.into(),
            details: RoomDetails {
                building: raw.building.map(Into::into),
                floor: raw.floor.map(Into::into),
                capacity: raw.capacity,
                features: raw.features.into_iter().map(Into::into).collect(),
            },
        },
        list,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_with_all_and_with_little() {
        let text = r#"
[[room]]
address = "Aurora@x.example"
name = "Aurora"
building = "HQ"
floor = "2"
capacity = 8
features = ["projector", "whiteboard"]
list = "Head office <hq@x.example>"
[[room]]
address = "b@x.example"
"#;
        let rooms = read(text).unwrap();
        let [aurora, plain] = rooms.as_slice() else {
            panic!("{rooms:?}")
        };
        assert_eq!(aurora.room.address.as_str(), "aurora@x.example");
        assert_eq!(aurora.room.details.place().unwrap(), "HQ, floor 2");
        assert_eq!(aurora.room.details.capacity, Some(8));
        assert_eq!(aurora.room.details.features.len(), 2);
        assert_eq!(&*aurora.list.as_ref().unwrap().name, "Head office");
        assert!(plain.room.is_unnamed());
        assert_eq!(plain.room.details, RoomDetails::default());
        assert_eq!(plain.list, None);
        assert_eq!(read(""), Ok(Vec::new()));
    }

    #[test]
    fn what_is_no_room_is_refused() {
        let of = |lines: &str| read(&format!("[[room]]\n{lines}")).unwrap_err().to_string();
        assert!(of("name = \"A\"").starts_with("not valid: line 1: missing field `address`"));
        assert!(
            of("address = \"a@x.example\"\nseats = 4")
                .starts_with("not valid: line 3: unknown field `seats`")
        );
        assert!(of("address = \"a@x.example\"\ncapacity = -1").starts_with("not valid: line 3: "));
        assert_eq!(
            of("address = \"a\""),
            "room 1: address: an address has the form local-part@domain"
        );
        assert_eq!(
            of("address = \"a@x.example\"\nlist = \"HQ\""),
            "room 1: list: an address has the form local-part@domain"
        );
        assert_eq!(
            of("address = \"a@x.example\"\n[[room]]\naddress = \"A@x.example\""),
            "room 2: its address is that of another room, too"
        );
    }
}

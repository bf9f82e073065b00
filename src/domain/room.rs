//! Rooms and the lists that they stand in. Whether a room is free is asked like of any mailbox; how lists are told to
//! callers is not decided here.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::SmtpAddress;

/// Something in a directory: a mailbox or a list, by its address and what it is called.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    pub address: SmtpAddress,
    /// Its address where it has no better name.
    pub name: Arc<str>,
}

/// A mailbox that stands for a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    pub address: SmtpAddress,
    pub name: Arc<str>,
    pub details: RoomDetails,
}

/// What helps to choose a room; nothing of it has to be known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoomDetails {
    pub building: Option<Arc<str>>,
    pub floor: Option<Arc<str>>,
    /// People that it has seats for.
    pub capacity: Option<u32>,
    /// What is in it, in the words of its owner: "projector", "wheelchair access".
    pub features: Vec<Arc<str>>,
}

/// A list of rooms, as a building or a floor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomList {
    pub listed: Listed,
    pub rooms: Vec<Room>,
}

/// A room as an administrator writes it down: with the list that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomEntry {
    pub room: Room,
    pub list: Option<Listed>,
}

impl Listed {
    /// `address`, or `Name <address>` (RFC 5322 section 3.4).
    pub fn parse(text: &str) -> Result<Self, super::address::AddressError> {
        let text = text.trim();
        let named = text
            .strip_suffix('>')
            .and_then(|text| text.rsplit_once('<'))
            .map(|(name, address)| (name.trim().trim_matches('"').trim(), address));
        let (name, address) = named.unwrap_or(("", text));
        let address = SmtpAddress::parse(address)?;
        Ok(if name.is_empty() {
            Self::unnamed(address)
        } else {
            Self {
                address,
                name: name.into(),
            }
        })
    }

    pub fn unnamed(address: SmtpAddress) -> Self {
        let name = address.as_str().into();
        Self { address, name }
    }

    /// Whether `text` begins its name, a word of its name, or its address; in any case, and no character is a wildcard.
    pub fn is_called(&self, text: &str) -> bool {
        is_called(&self.name, &self.address, text)
    }

    /// Whether nobody has given it a name.
    pub fn is_unnamed(&self) -> bool {
        *self.name == *self.address.as_str()
    }
}

impl Room {
    pub fn new(listed: Listed) -> Self {
        Self {
            address: listed.address,
            name: listed.name,
            details: RoomDetails::default(),
        }
    }

    /// Whether nobody has given it a name.
    pub fn is_unnamed(&self) -> bool {
        *self.name == *self.address.as_str()
    }

    /// See [`Listed::is_called`].
    pub fn is_called(&self, text: &str) -> bool {
        is_called(&self.name, &self.address, text)
    }

    /// The same room, with what `other` knows where this one says nothing.
    #[must_use]
    pub fn completed_by(mut self, other: &Self) -> Self {
        if self.is_unnamed() && !other.is_unnamed() {
            self.name = Arc::clone(&other.name);
        }
        let (own, more) = (&mut self.details, &other.details);
        own.building = own.building.take().or_else(|| more.building.clone());
        own.floor = own.floor.take().or_else(|| more.floor.clone());
        own.capacity = own.capacity.or(more.capacity);
        if own.features.is_empty() {
            own.features.clone_from(&more.features);
        }
        self
    }
}

impl RoomDetails {
    /// Where it is, in one line.
    pub fn place(&self) -> Option<String> {
        match (&self.building, &self.floor) {
            (Some(building), Some(floor)) => Some(format!("{building}, floor {floor}")),
            (Some(building), None) => Some(building.to_string()),
            (None, Some(floor)) => Some(format!("floor {floor}")),
            (None, None) => None,
        }
    }
}

/// Longer than any name: what is asked for with more than this is not there.
const LONGEST_ENTRY: usize = 256;

fn is_called(name: &str, address: &SmtpAddress, text: &str) -> bool {
    let text = text.trim();
    if text.is_empty() || text.len() > LONGEST_ENTRY {
        return false;
    }
    let text = text.to_lowercase();
    let name = name.to_lowercase();
    let words = name.char_indices().filter(|(at, c)| {
        let before = name
            .get(..*at)
            .and_then(|before| before.chars().next_back());
        c.is_alphanumeric() && !before.is_some_and(char::is_alphanumeric)
    });
    let mut words = words.filter_map(|(at, _)| name.get(at..));
    name.starts_with(&text)
        || words.any(|rest| rest.starts_with(&text))
        || address.as_str().starts_with(&text)
}

/// The lists of `entries` in the order of first mention, and the rooms that stand in none.
pub fn arranged(entries: &[RoomEntry]) -> (Vec<RoomList>, Vec<Room>) {
    let mut lists: Vec<RoomList> = Vec::new();
    let mut places: BTreeMap<&SmtpAddress, usize> = BTreeMap::new();
    let mut alone = Vec::new();
    for entry in entries {
        let Some(listed) = &entry.list else {
            alone.push(entry.room.clone());
            continue;
        };
        let place = *places.entry(&listed.address).or_insert_with(|| {
            lists.push(RoomList {
                listed: listed.clone(),
                rooms: Vec::new(),
            });
            lists.len() - 1
        });
        if let Some(list) = lists.get_mut(place) {
            if list.listed.is_unnamed() {
                list.listed = listed.clone();
            }
            list.rooms.push(entry.room.clone());
        }
    }
    (lists, alone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Option<(&str, &str)>) {
        let got = Listed::parse(text).ok();
        let got = got
            .as_ref()
            .map(|listed| (listed.address.as_str(), &*listed.name));
        assert_eq!(got, expect, "{text:?}");
    }

    #[test]
    fn lists_may_have_a_name() {
        check("HQ@x.example", Some(("hq@x.example", "hq@x.example")));
        check(
            "HQ rooms <hq@x.example>",
            Some(("hq@x.example", "HQ rooms")),
        );
        check(
            "\"Müller, EG\" <hq@x.example>",
            Some(("hq@x.example", "Müller, EG")),
        );
        check("<hq@x.example>", Some(("hq@x.example", "hq@x.example")));
        check("HQ rooms", None);
        check("HQ <hq>", None);
        check("", None);
    }

    #[test]
    fn names_are_found_by_their_beginnings() {
        let room = Listed::parse("Room Aurora (2nd Floor) <room-aurora@x.example>").unwrap();
        for text in [
            "room",
            "AUR",
            "2nd fl",
            "Room Aurora (",
            "room-",
            "room-aurora@x",
        ] {
            assert!(room.is_called(text), "{text}");
        }
        let long = "room".repeat(2_500);
        for text in [
            "",
            " ",
            "*",
            "r*",
            "?oom",
            "%",
            "urora",
            "oom",
            "x.example",
            ".*",
            &long,
        ] {
            assert!(!room.is_called(text), "{text}");
        }
        let room = Listed::parse("Großer Saal <saal@x.example>").unwrap();
        assert!(room.is_called("GROẞ") && room.is_called("saa"));
    }

    fn entry(room: &str, list: Option<&str>) -> RoomEntry {
        RoomEntry {
            room: Room::new(Listed::parse(room).unwrap()),
            list: list.map(|list| Listed::parse(list).unwrap()),
        }
    }

    #[test]
    fn rooms_are_put_into_their_lists() {
        let entries = [
            entry("A <a@x.example>", Some("one@x.example")),
            entry("B <b@x.example>", None),
            entry("C <c@x.example>", Some("Two <two@x.example>")),
            entry("D <d@x.example>", Some("One <one@x.example>")),
        ];
        let (lists, alone) = arranged(&entries);
        let told: Vec<_> = lists
            .iter()
            .map(|list| {
                let rooms: Vec<_> = list.rooms.iter().map(|room| &*room.name).collect();
                (&*list.listed.name, rooms)
            })
            .collect();
        assert_eq!(told, [("One", vec!["A", "D"]), ("Two", vec!["C"])]);
        assert_eq!(alone, [entries[1].room.clone()]);
    }

    #[test]
    fn what_is_known_is_not_overwritten() {
        let mut known = entry("a@x.example", None).room;
        known.details.capacity = Some(4);
        let mut other = entry("Aurora <a@x.example>", None).room;
        other.details.capacity = Some(9);
        other.details.floor = Some("2".into());
        let whole = known.completed_by(&other);
        assert_eq!(&*whole.name, "Aurora");
        assert_eq!(whole.details.capacity, Some(4));
        assert_eq!(whole.details.place().unwrap(), "floor 2");
    }
}

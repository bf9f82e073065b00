//! The rooms of all endpoints as one: merged, sorted, and in lists that every client can take. Asks nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::backend::endpoint::rooms::RoomStock;
use crate::domain::{Listed, Room, SmtpAddress};

/// The most rooms that clients take of one list: what Exchange tells at most.
pub const MOST_ROOMS: usize = 100;
/// RFC 5321 section 4.5.3.1.1.
const LONGEST_LOCAL_PART: usize = 64;

/// Everything that is known of rooms. The same endpoints give the same catalogue, on every instance and each time.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Catalogue {
    rooms: BTreeMap<SmtpAddress, Room>,
    /// In the order in which they are told: by name.
    lists: Vec<KnownList>,
    places: BTreeMap<SmtpAddress, usize>,
    /// Lists of which nobody tells the rooms.
    untold: BTreeSet<SmtpAddress>,
}

/// A list of at most [`MOST_ROOMS`] rooms.
#[derive(Debug, PartialEq, Eq)]
pub struct KnownList {
    pub listed: Listed,
    /// The address of the list that this is, or is a part of: what rules are written for.
    pub whole: SmtpAddress,
    /// There are other parts.
    pub is_split: bool,
    /// Sorted, each of them in the catalogue.
    pub rooms: Vec<SmtpAddress>,
}

/// A list before it is split.
struct WholeList {
    name: Arc<str>,
    rooms: BTreeSet<SmtpAddress>,
}

impl Catalogue {
    /// Where two stocks know the same room or list, the first that names it holds, and others add what it does not say.
    /// Rooms that `is_asked_for` denies are left out: nobody could say whether they are free.
    pub fn merged<'a>(
        stocks: impl IntoIterator<Item = &'a RoomStock>,
        is_asked_for: impl Fn(&SmtpAddress) -> bool,
    ) -> Self {
        let mut catalogue = Self::default();
        let mut lists: BTreeMap<SmtpAddress, WholeList> = BTreeMap::new();
        for stock in stocks {
            catalogue.untold.extend(stock.untold.iter().cloned());
            for list in &stock.lists {
                let whole = lists
                    .entry(list.listed.address.clone())
                    .or_insert_with(|| WholeList {
                        name: Arc::clone(&list.listed.name),
                        rooms: BTreeSet::new(),
                    });
                if *whole.name == *list.listed.address.as_str() {
                    whole.name = Arc::clone(&list.listed.name);
                }
                for room in list.rooms.iter().filter(|room| is_asked_for(&room.address)) {
                    whole.rooms.insert(room.address.clone());
                    catalogue.add(room);
                }
            }
            let alone = stock.alone.iter();
            alone
                .filter(|room| is_asked_for(&room.address))
                .for_each(|room| catalogue.add(room));
        }
        catalogue.split(lists);
        catalogue
    }

    fn add(&mut self, room: &Room) {
        let known = match self.rooms.remove(&room.address) {
            Some(known) => known.completed_by(room),
            None => room.clone(),
        };
        self.rooms.insert(room.address.clone(), known);
    }

    /// Lists that are too long become several: the first keeps name and address, the others are numbered.
    fn split(&mut self, lists: BTreeMap<SmtpAddress, WholeList>) {
        let mut taken: BTreeSet<SmtpAddress> =
            lists.keys().chain(self.rooms.keys()).cloned().collect();
        let mut parts = Vec::new();
        for (address, list) in lists {
            let rooms: Vec<SmtpAddress> = list.rooms.into_iter().collect();
            // A list without rooms stays: it is there.
            let count = rooms.len().div_ceil(MOST_ROOMS).max(1);
            for part in 0..count {
                let of_part = rooms.chunks(MOST_ROOMS).nth(part).unwrap_or_default();
                let listed = if part == 0 {
                    Listed {
                        address: address.clone(),
                        name: Arc::clone(&list.name),
                    }
                } else {
                    numbered(&address, &list.name, part + 1, &mut taken)
                };
                let order = (list.name.to_lowercase(), address.clone(), part);
                let known = KnownList {
                    listed,
                    whole: address.clone(),
                    is_split: count > 1,
                    rooms: of_part.to_vec(),
                };
                parts.push((order, known));
            }
        }
        parts.sort_by(|(left, _), (right, _)| left.cmp(right));
        self.lists = parts.into_iter().map(|(_, list)| list).collect();
        let places = self.lists.iter().enumerate();
        self.places = places
            .map(|(place, list)| (list.listed.address.clone(), place))
            .collect();
    }

    pub fn lists(&self) -> &[KnownList] {
        &self.lists
    }

    pub fn list(&self, address: &SmtpAddress) -> Option<&KnownList> {
        self.lists.get(*self.places.get(address)?)
    }

    /// Whether it is a list of rooms, told or not.
    pub fn is_list(&self, address: &SmtpAddress) -> bool {
        self.places.contains_key(address) || self.untold.contains(address)
    }

    pub fn room(&self, address: &SmtpAddress) -> Option<&Room> {
        self.rooms.get(address)
    }

    /// By address.
    pub fn rooms(&self) -> impl Iterator<Item = &Room> {
        self.rooms.values()
    }

    /// The rooms of a list, by address.
    pub fn rooms_of<'a>(&'a self, list: &'a KnownList) -> impl Iterator<Item = &'a Room> {
        list.rooms.iter().filter_map(|room| self.rooms.get(room))
    }

    pub fn is_empty(&self) -> bool {
        self.rooms.is_empty() && self.lists.is_empty()
    }
}

/// `list+2@domain` and `Name (2)`: the first number from `number` on whose address nothing else has, in both.
fn numbered(
    address: &SmtpAddress,
    name: &str,
    number: usize,
    taken: &mut BTreeSet<SmtpAddress>,
) -> Listed {
    let candidates = (number..).map_while(|candidate| {
        let suffix = format!("+{candidate}");
        let most = LONGEST_LOCAL_PART - suffix.len().min(LONGEST_LOCAL_PART);
        // Addresses are of ASCII alone.
        let local = address.local_part();
        let local = local.get(..most.min(local.len()))?.trim_end_matches('.');
        let part = format!("{local}{suffix}@{}", address.domain_str());
        Some((candidate, SmtpAddress::parse(&part).ok()?))
    });
    let free = candidates
        .into_iter()
        .find(|(_, each)| !taken.contains(each));
    let (number, told) = free.unwrap_or_else(|| (number, address.clone()));
    taken.insert(told.clone());
    Listed {
        name: format!("{name} ({number})").into(),
        address: told,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::RoomList;

    fn listed(text: &str) -> Listed {
        Listed::parse(text).unwrap()
    }

    /// A list of rooms `room000@x.example` and so on.
    fn list(text: &str, rooms: std::ops::Range<usize>) -> RoomList {
        let rooms = rooms.map(|n| Room::new(listed(&format!("room{n:03}@x.example"))));
        RoomList {
            listed: listed(text),
            rooms: rooms.collect(),
        }
    }

    fn stock(lists: Vec<RoomList>) -> RoomStock {
        RoomStock {
            lists,
            ..RoomStock::default()
        }
    }

    fn told(catalogue: &Catalogue) -> Vec<String> {
        let lists = catalogue.lists().iter();
        lists
            .map(|list| {
                let Listed { address, name } = &list.listed;
                format!("{name} <{address}> {}", list.rooms.len())
            })
            .collect()
    }

    #[test]
    fn long_lists_are_split_with_stable_names() {
        let stocks = [stock(vec![
            list("Tower <tower@x.example>", 0..250),
            list("Annex <annex@x.example>", 0..100),
        ])];
        let catalogue = Catalogue::merged(&stocks, |_| true);
        let expect = [
            "Annex <annex@x.example> 100",
            "Tower <tower@x.example> 100",
            "Tower (2) <tower+2@x.example> 100",
            "Tower (3) <tower+3@x.example> 50",
        ];
        assert_eq!(told(&catalogue), expect);
        let part = listed("tower+2@x.example").address;
        let rooms: Vec<_> = catalogue
            .rooms_of(catalogue.list(&part).unwrap())
            .map(|room| room.address.local_part().to_owned())
            .collect();
        assert_eq!((&*rooms[0], &*rooms[99]), ("room100", "room199"));
        // The order in which a source tells its rooms changes nothing.
        let mut turned = stocks[0].clone();
        turned.lists.reverse();
        turned
            .lists
            .iter_mut()
            .for_each(|list| list.rooms.reverse());
        assert_eq!(Catalogue::merged(&[turned], |_| true), catalogue);
    }

    #[test]
    fn an_address_that_is_taken_is_not_given_twice() {
        let long = "l".repeat(64);
        let lists = vec![
            list("A <a@x.example>", 0..250),
            list("B <a+2@x.example>", 0..1),
            list(&format!("Long <{long}@x.example>"), 0..101),
        ];
        let catalogue = Catalogue::merged(&[stock(lists)], |_| true);
        let long_part = format!("Long (2) <{}+2@x.example> 1", "l".repeat(62));
        assert_eq!(
            told(&catalogue),
            [
                "A <a@x.example> 100".to_owned(),
                "A (3) <a+3@x.example> 100".to_owned(),
                "A (4) <a+4@x.example> 50".to_owned(),
                "B <a+2@x.example> 1".to_owned(),
                format!("Long <{long}@x.example> 100"),
                long_part,
            ]
        );
    }

    #[test]
    fn stocks_are_merged() {
        let mut written = list("one@x.example", 0..1);
        written.rooms[0].details.capacity = Some(4);
        let mut asked = list("One <one@x.example>", 0..2);
        asked.rooms[0].name = "Aurora".into();
        asked.rooms[0].details.capacity = Some(9);
        let strange = RoomStock {
            alone: vec![Room::new(listed("room@elsewhere.example"))],
            ..RoomStock::default()
        };
        let stocks = [stock(vec![written]), stock(vec![asked]), strange];
        let is_asked_for = |room: &SmtpAddress| room.domain_str() == "x.example";
        let catalogue = Catalogue::merged(&stocks, is_asked_for);
        assert_eq!(told(&catalogue), ["One <one@x.example> 2"]);
        let room = catalogue
            .room(&listed("room000@x.example").address)
            .unwrap();
        assert_eq!((&*room.name, room.details.capacity), ("Aurora", Some(4)));
        assert_eq!(catalogue.rooms().count(), 2);
    }
}

//! `[rooms]`, and the rooms that `[[endpoint.room]]` writes down.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::document::Section;
use super::values::bounded;
use crate::domain::{Listed, Room, RoomDetails, RoomEntry, SmtpAddress};
use crate::service::settings::RoomsSettings;

/// Each reading asks Exchange for every list.
const SHORTEST_REFRESH: Duration = Duration::from_secs(1);
/// Whoever wants to see new rooms a week later wants none.
const LONGEST_REFRESH: Duration = Duration::from_hours(7 * 24);
/// As many days as one call may ask of any Exchange server.
const MOST_DAYS: u64 = 42;
const MOST_SEATS: u64 = 1_000_000;

pub(super) fn read(section: &Section<'_>) -> RoomsSettings {
    let default = RoomsSettings::default();
    RoomsSettings {
        refresh: refresh(section).unwrap_or(default.refresh),
        prefetch_days: section
            .count("prefetch_days", MOST_DAYS)
            .and_then(|days| u16::try_from(days).ok())
            .unwrap_or(default.prefetch_days),
        time_zone: section
            .text("time_zone")
            .and_then(|text| {
                text.parse(|name| {
                    jiff::tz::db()
                        .get(name)
                        .map_err(|_| "must be an IANA time zone, as \"Europe/Berlin\"")
                })
            })
            .unwrap_or(default.time_zone),
    }
}

fn refresh(section: &Section<'_>) -> Option<Duration> {
    let bounds = SHORTEST_REFRESH..=LONGEST_REFRESH;
    let must_be = "must be from 1s to 168h, such as \"15m\" or \"1h\"";
    bounded(section, "refresh", must_be, must_be, |read| {
        bounds.contains(&read)
    })
}

/// The rooms of an endpoint; those that cannot be read have been noted.
pub(super) fn written(endpoint: &Section<'_>) -> Vec<RoomEntry> {
    let mut seen = BTreeSet::new();
    let rooms = endpoint.each("room", |room| entry(room, &mut seen));
    rooms.into_iter().flatten().collect()
}

fn entry(section: &Section<'_>, seen: &mut BTreeSet<SmtpAddress>) -> Option<RoomEntry> {
    let words = |key| section.text(key).map(|text| Arc::from(text.value));
    let name = words("name");
    let details = RoomDetails {
        building: words("building"),
        floor: words("floor"),
        capacity: section
            .count("capacity", MOST_SEATS)
            .and_then(|seats| u32::try_from(seats).ok()),
        features: section
            .texts("features")
            .map(|features| {
                features
                    .value
                    .iter()
                    .map(|word| word.value.into())
                    .collect()
            })
            .unwrap_or_default(),
    };
    let list = section
        .text("list")
        .and_then(|text| text.parse(|text| Listed::parse(text)));
    section.require("address");
    let text = section.text("address")?;
    let address = text.parse(|text| SmtpAddress::parse(text))?;
    if !seen.insert(address.clone()) {
        text.problem("is the address of another room, too");
    }
    let name = name.unwrap_or_else(|| address.as_str().into());
    Some(RoomEntry {
        room: Room {
            address,
            name,
            details,
        },
        list,
    })
}

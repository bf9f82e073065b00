//! How rooms are printed: a table for people, or JSON.
//!
//! JSON is one object with `rooms`, sorted by address: `address`, `name`, `list` (`address`, `name`) or null, `building`,
//! `floor`, `capacity` and `features`, `next_free_hour` (RFC 3339 in UTC) or null where there is none within a week,
//! with `--free-between` `free` (null where it is not known), and `error` where the calendar is not known.

use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::domain::{Listed, Room};

/// A room with what was found out about it.
pub(super) struct Row {
    pub(super) room: Room,
    pub(super) list: Option<Listed>,
    pub(super) next_free_hour: Option<Timestamp>,
    /// All the time that was asked for; None where nobody asked, or where it is not known.
    pub(super) is_free: Option<bool>,
    pub(super) error: Option<String>,
}

impl Row {
    pub(super) fn new(room: Room, list: Option<Listed>) -> Self {
        Self {
            room,
            list,
            next_free_hour: None,
            is_free: None,
            error: None,
        }
    }

    pub(super) fn is_unknown(&self) -> bool {
        self.error.is_some()
    }
}

pub(super) struct Table<'a> {
    pub(super) rows: &'a [&'a Row],
    pub(super) zone: &'a TimeZone,
}

const HEADS: [&str; 5] = ["ADDRESS", "NAME", "LIST", "CAPACITY", "NEXT FREE HOUR"];

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = vec![HEADS.map(str::to_owned)];
        lines.extend(self.rows.iter().map(|row| self.cells(row)));
        let mut widths = [0; HEADS.len()];
        for line in &lines {
            for (width, cell) in widths.iter_mut().zip(line) {
                *width = (*width).max(cell.chars().count());
            }
        }
        for (number, line) in lines.iter().enumerate() {
            if number > 0 {
                writeln!(f)?;
            }
            let cells = line.iter().zip(widths);
            let text: Vec<_> = cells
                .map(|(cell, width)| format!("{cell:<width$}"))
                .collect();
            f.write_str(text.join("  ").trim_end())?;
        }
        Ok(())
    }
}

impl Table<'_> {
    fn cells(&self, row: &Row) -> [String; HEADS.len()] {
        let next = match (&row.error, row.next_free_hour) {
            (Some(_), _) => "not known".to_owned(),
            (None, None) => "none within a week".to_owned(),
            (None, Some(hour)) => {
                let local = hour.to_zoned(self.zone.clone());
                local.strftime("%a %Y-%m-%d %H:%M").to_string()
            }
        };
        let capacity = row.room.details.capacity;
        let cells = [
            row.room.address.as_str().to_owned(),
            row.room.name.to_string(),
            row.list
                .as_ref()
                .map_or_else(|| "-".to_owned(), |list| list.name.to_string()),
            capacity.map_or_else(|| "-".to_owned(), |seats| seats.to_string()),
            next,
        ];
        // Names come from elsewhere: none of them may steer the terminal.
        cells.map(|cell| cell.replace(char::is_control, " "))
    }
}

#[derive(Serialize)]
struct Document<'a> {
    rooms: Vec<Told<'a>>,
}

#[derive(Serialize)]
struct Told<'a> {
    address: &'a str,
    name: &'a str,
    list: Option<List<'a>>,
    building: Option<&'a str>,
    floor: Option<&'a str>,
    capacity: Option<u32>,
    features: Vec<&'a str>,
    next_free_hour: Option<String>,
    free: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

#[derive(Serialize)]
struct List<'a> {
    address: &'a str,
    name: &'a str,
}

pub(super) fn json(rows: &[&Row]) -> serde_json::Result<String> {
    let rooms = rows.iter().map(|row| {
        let details = &row.room.details;
        Told {
            address: row.room.address.as_str(),
            name: &row.room.name,
            list: row.list.as_ref().map(|list| List {
                address: list.address.as_str(),
                name: &list.name,
            }),
            building: details.building.as_deref(),
            floor: details.floor.as_deref(),
            capacity: details.capacity,
            features: details.features.iter().map(|word| &**word).collect(),
            next_free_hour: row.next_free_hour.map(|hour| hour.to_string()),
            free: row.is_free,
            error: row.error.as_deref(),
        }
    });
    serde_json::to_string_pretty(&Document {
        rooms: rooms.collect(),
    })
}

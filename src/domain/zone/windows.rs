//! The zones of Windows by id and by display name, with the IANA zone that CLDR gives each. No other names: ids of a
//! single client or mailbox ("Customized Time Zone", "tzone://...") mean nothing by themselves.

use std::collections::HashMap;
use std::sync::{LazyLock, OnceLock};

use jiff::tz::TimeZone;
use strum::IntoEnumIterator;
use windows_timezones::WindowsTimezone;

use super::Zone;
use super::definition::ZoneDefinition;

static ALL: LazyLock<Vec<WindowsZone>> = LazyLock::new(load);
static BY_ID: LazyLock<HashMap<String, &'static WindowsZone>> =
    LazyLock::new(|| index(|zone| zone.id));
static BY_PLACES: LazyLock<HashMap<String, &'static WindowsZone>> =
    LazyLock::new(|| index(|zone| places(zone.name)));

/// One time zone of Windows.
#[derive(Debug)]
pub struct WindowsZone {
    /// The id in the registry, such as `W. Europe Standard Time`.
    pub id: &'static str,
    /// The display name, such as `(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna`.
    pub name: &'static str,
    /// The IANA zone, such as `Europe/Berlin`.
    pub iana: &'static str,
    pub(super) zone: TimeZone,
    pub(super) definition: OnceLock<ZoneDefinition>,
}

/// All zones of Windows that CLDR knows, sorted by id.
#[must_use]
pub fn all() -> &'static [WindowsZone] {
    &ALL
}

/// The zone with this id, in any case.
#[must_use]
pub fn find(id: &str) -> Option<&'static WindowsZone> {
    BY_ID.get(&folded(id)).copied()
}

/// The zone with this id, in any case.
#[must_use]
pub fn zone(id: &str) -> Option<Zone> {
    find(id).map(|found| Zone::iana(found.zone.clone()))
}

/// The zone with this display name, whatever offset stands in front of it: releases of Windows wrote `(GMT+01:00)`
/// and `(UTC+01:00)`, and moved zones to other offsets. An id written as a name is taken as well.
#[must_use]
pub fn by_name(display: &str) -> Option<Zone> {
    match find_by_name(display) {
        Some(found) => Some(Zone::iana(found.zone.clone())),
        None => zone(display),
    }
}

/// The same without the ids.
pub(super) fn find_by_name(display: &str) -> Option<&'static WindowsZone> {
    BY_PLACES.get(&folded(places(display))).copied()
}

/// The name of the IANA zone for this id.
#[must_use]
pub fn iana(id: &str) -> Option<&'static str> {
    find(id).map(|found| found.iana)
}

fn load() -> Vec<WindowsZone> {
    let mut all: Vec<WindowsZone> = WindowsTimezone::iter()
        .filter_map(|known| {
            Some(WindowsZone {
                id: known.name(),
                name: known.description(),
                iana: known.tzdb_id(),
                zone: TimeZone::get(known.tzdb_id()).ok()?,
                definition: OnceLock::new(),
            })
        })
        .collect();
    all.sort_by_key(|zone| zone.id);
    all
}

fn index(key: impl Fn(&WindowsZone) -> &'static str) -> HashMap<String, &'static WindowsZone> {
    all().iter().map(|zone| (folded(key(zone)), zone)).collect()
}

/// The display name without the offset in parentheses.
fn places(display: &str) -> &str {
    let display = display.trim();
    match display
        .strip_prefix('(')
        .and_then(|rest| rest.split_once(')'))
    {
        Some((offset, places)) if is_offset(offset) => places.trim(),
        Some(_) | None => display,
    }
}

/// `UTC`, `GMT`, `UTC+01:00` and the like.
fn is_offset(text: &str) -> bool {
    let text = text.trim();
    let Some((scale, offset)) = text.split_at_checked(3) else {
        return false;
    };
    ["UTC", "GMT"]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(scale))
        && offset
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, '+' | '-' | ':' | '.' | ' '))
}

/// One spelling for all: lower case, single blanks.
fn folded(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(found: Option<&Zone>, expect: Option<&str>) {
        assert_eq!(
            found,
            expect
                .map(|name| Zone::iana(TimeZone::get(name).unwrap()))
                .as_ref()
        );
    }

    #[test]
    fn every_zone_of_cldr_is_known_and_has_its_data() {
        assert_eq!(all().len(), WindowsTimezone::iter().count());
        assert!(all().len() >= 139);
        assert!(all().is_sorted_by(|a, b| a.id < b.id));
        for known in all() {
            let expect = Some(Zone::iana(known.zone.clone()));
            assert_eq!(zone(known.id), expect, "{}", known.id);
            assert_eq!(by_name(known.name), expect, "{}", known.name);
            assert_eq!(iana(known.id), Some(known.iana));
        }
        assert_eq!(BY_PLACES.len(), all().len(), "no two zones share a name");
    }

    #[test]
    fn ids_are_found_in_any_case_and_nothing_else_is() {
        check(
            zone("W. Europe Standard Time").as_ref(),
            Some("Europe/Berlin"),
        );
        check(
            zone("w. europe STANDARD time").as_ref(),
            Some("Europe/Berlin"),
        );
        check(zone("UTC").as_ref(), Some("Etc/UTC"));
        for unknown in [
            "",
            "Customized Time Zone",
            "tzone://Microsoft/Custom",
            "tzone://Microsoft/Utc",
            "Europe/Berlin",
            "W. Europe",
        ] {
            check(zone(unknown).as_ref(), None);
            check(by_name(unknown).as_ref(), None);
        }
    }

    #[test]
    fn names_are_found_whatever_their_offset() {
        for name in [
            "(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna",
            "(GMT+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna",
            " (utc)  amsterdam, berlin, bern, rome, stockholm, vienna ",
            "Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna",
            "W. Europe Standard Time",
        ] {
            check(by_name(name).as_ref(), Some("Europe/Berlin"));
        }
        check(
            by_name("(UTC) Coordinated Universal Time").as_ref(),
            Some("Etc/UTC"),
        );
        check(
            by_name("(UTC-05:00) Eastern Time (US & Canada)").as_ref(),
            Some("America/New_York"),
        );
        check(by_name("(UTC+01:00) ").as_ref(), None);
        check(by_name("(Süd) Berlin").as_ref(), None);
    }
}

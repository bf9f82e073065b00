//! A time zone by whatever name people and programs write: IANA, Windows id, Windows display name.

use jiff::tz::TimeZone;

use super::windows;

/// Longer than any name of a zone.
const LONGEST: usize = 100;

/// Names of the tz database that mean that no zone was chosen.
const NO_ZONE: [&str; 2] = ["Etc/Unknown", "Factory"];

/// The zone with this name: an IANA name (links of the tz database included), the id of a Windows zone with or without
/// "Standard Time", or the display name of one. All in any case.
#[must_use]
pub fn find(name: &str) -> Option<TimeZone> {
    let name = name.trim();
    if name.is_empty() || name.len() > LONGEST || is_no_zone(name) {
        return None;
    }
    // No name of the tz database has a blank in it, and most of the others have.
    let iana = (!name.contains(' ')).then(|| TimeZone::get(name).ok());
    iana.flatten().or_else(|| windows_zone(name))
}

fn is_no_zone(name: &str) -> bool {
    NO_ZONE.iter().any(|none| none.eq_ignore_ascii_case(name))
}

fn windows_zone(name: &str) -> Option<TimeZone> {
    windows::find(name)
        .or_else(|| windows::find(&format!("{name} Standard Time")))
        .or_else(|| windows::find_by_name(name))
        .map(|found| found.zone.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expect: Option<&str>) {
        let found = find(name);
        let found = found.as_ref().and_then(TimeZone::iana_name);
        assert_eq!(found, expect, "{name:?}");
    }

    #[test]
    fn zones_by_all_their_names() {
        check("Europe/Berlin", Some("Europe/Berlin"));
        check(" europe/berlin ", Some("Europe/Berlin"));
        for link in [
            "US/Pacific",
            "Asia/Calcutta",
            "Asia/Kolkata",
            "EST5EDT",
            "Etc/UTC",
        ] {
            assert!(find(link).is_some(), "{link}");
        }
        check("Asia/Ho_Chi_Minh", Some("Asia/Ho_Chi_Minh"));
        check("Pacific Standard Time", Some("America/Los_Angeles"));
        check("pacific", Some("America/Los_Angeles"));
        check("W. Europe", Some("Europe/Berlin"));
        check(
            "(GMT+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna",
            Some("Europe/Berlin"),
        );
    }

    #[test]
    fn what_is_no_zone() {
        for name in [
            "",
            " ",
            "Mars/Olympus",
            "Standard Time",
            "etc/unknown",
            "Factory",
            "../../etc/passwd",
            "CET-1CEST,M3.5.0,M10.5.0",
            "+01:00",
        ] {
            check(name, None);
        }
        assert_eq!(find(&"x".repeat(5000)), None);
    }
}

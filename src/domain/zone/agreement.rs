//! The promise of this module, checked: the rules of one year tell the same local times as the IANA database.

use std::collections::HashMap;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::{Zone, ZoneRules, windows};

/// Both hemispheres, whole and half hours, half-hour daylight time, zones without any; none of them broke its rhythm
/// since 2008.
const ZONES: [&str; 24] = [
    "Europe/Berlin",
    "Europe/London",
    "Europe/Dublin",
    "Europe/Lisbon",
    "Europe/Athens",
    "Atlantic/Azores",
    "America/New_York",
    "America/Chicago",
    "America/Los_Angeles",
    "America/Phoenix",
    "America/Halifax",
    "America/St_Johns",
    "America/Anchorage",
    "Asia/Tokyo",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Asia/Dubai",
    "Africa/Johannesburg",
    "Australia/Sydney",
    "Australia/Adelaide",
    "Australia/Brisbane",
    "Australia/Lord_Howe",
    "Pacific/Auckland",
    "Pacific/Chatham",
];

const FIRST_YEAR: i16 = 2008;
const YEARS: u64 = 60;

#[test]
fn a_thousand_instants_in_each_zone_agree_with_the_database() {
    let mut random = Random(20_260_901);
    for name in ZONES {
        let iana = TimeZone::get(name).unwrap();
        let mut years = HashMap::new();
        for _ in 0..1000 {
            let at = random.instant();
            let zone = years
                .entry(iana.to_datetime(at).year())
                .or_insert_with_key(|&year| Zone::from_rules(ZoneRules::for_year(&iana, year)));
            assert_same(name, &iana, zone, at);
        }
    }
}

#[test]
fn the_hours_around_every_change_agree_with_the_database() {
    let mut changes = 0;
    for name in ZONES {
        let iana = TimeZone::get(name).unwrap();
        let start = "2008-01-02T00:00Z".parse::<Timestamp>().unwrap();
        let end = "2040-01-01T00:00Z".parse::<Timestamp>().unwrap();
        for change in iana.following(start).take_while(|t| t.timestamp() < end) {
            let year = iana.to_datetime(change.timestamp()).year();
            let zone = Zone::from_rules(ZoneRules::for_year(&iana, year));
            if iana.to_offset(change.timestamp() - 1.second()) == change.offset() {
                continue;
            }
            for minutes in (-150..=150).step_by(10) {
                let at = change.timestamp() + SignedDuration::from_mins(minutes);
                assert_same(name, &iana, &zone, at);
                assert_same(name, &iana, &zone, at - 1.second());
            }
            changes += 1;
        }
    }
    assert_eq!(
        changes,
        17 * 32 * 2,
        "seventeen of the zones have daylight time"
    );
}

#[test]
fn every_zone_of_windows_agrees_in_every_year_of_two_changes_or_none() {
    let (mut exact, mut others) = (0, 0);
    for known in windows::all() {
        let iana = TimeZone::get(known.iana).unwrap();
        for year in 2000..=2037 {
            let start = new_year(&iana, year);
            let end = new_year(&iana, year + 1) - 1.second();
            let changes: Vec<Timestamp> = iana
                .following(start)
                .map(|change| change.timestamp())
                .take_while(|&at| at <= end)
                .filter(|&at| iana.to_offset(at) != iana.to_offset(at - 1.second()))
                .collect();
            // Bangladesh ended its only summer time with the year 2009, which rules can say to the second only.
            let at_year_end = (known.iana, year) == ("Asia/Dhaka", 2009);
            if ![0, 2].contains(&changes.len()) || at_year_end {
                others += 1;
                continue;
            }
            let zone = Zone::from_rules(ZoneRules::for_year(&iana, year));
            for at in changes.into_iter().chain([start, end]) {
                for at in [at, at - 1.second()] {
                    if at >= start {
                        assert_eq!(
                            zone.offset_at(at),
                            iana.to_offset(at).seconds(),
                            "{} at {at}",
                            known.id
                        );
                    }
                }
            }
            exact += 1;
        }
    }
    assert_eq!(exact + others, 38 * windows::all().len());
    assert!(others < 150, "{others} years cannot be said exactly");
}

#[track_caller]
fn assert_same(name: &str, iana: &TimeZone, zone: &Zone, at: Timestamp) {
    assert_eq!(
        zone.offset_at(at),
        iana.to_offset(at).seconds(),
        "{name} at {at}"
    );
    let local = iana.to_datetime(at);
    assert_eq!(
        zone.to_utc(local).unwrap(),
        iana.to_timestamp(local).unwrap(),
        "{name}, local {local}"
    );
    // Also local times that the clock of this zone may leave out.
    let odd = local.saturating_add(SignedDuration::from_mins(61));
    if odd.year() == local.year() {
        assert_eq!(
            zone.to_utc(odd).unwrap(),
            iana.to_timestamp(odd).unwrap(),
            "{name}, local {odd}"
        );
    }
}

fn new_year(zone: &TimeZone, year: i16) -> Timestamp {
    zone.to_timestamp(DateTime::constant(year, 1, 1, 0, 0, 0, 0))
        .unwrap()
}

/// A small generator with a fixed seed: the test is the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Between the second day of [`FIRST_YEAR`] and the end of the years.
    fn instant(&mut self) -> Timestamp {
        let start = DateTime::constant(FIRST_YEAR, 1, 2, 0, 0, 0, 0)
            .to_zoned(TimeZone::UTC)
            .unwrap()
            .timestamp();
        let seconds = self.next() % (YEARS * 365 * 86_400);
        start + SignedDuration::from_secs(seconds as i64)
    }
}

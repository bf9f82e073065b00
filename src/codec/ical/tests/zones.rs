//! TZIDs and VTIMEZONEs.

use super::*;

fn in_zone(id: &str, definition: &str) -> String {
    calendar(&format!(
        "{definition}BEGIN:VEVENT\nUID:1\nDTSTART;TZID={id}:20260701T090000\nEND:VEVENT\n\
         BEGIN:VEVENT\nUID:2\nDTSTART;TZID={id}:20261201T090000\nEND:VEVENT"
    ))
}

#[test]
fn names_of_zones() {
    let berlin = ["07-01T07:00/07-01T07:00", "12-01T08:00/12-01T08:00"];
    for id in [
        "Europe/Berlin",
        "europe/berlin",
        "W. Europe Standard Time",
        "\"W. Europe Standard Time\"",
        "/freeassociation.sourceforge.net/Europe/Berlin",
        "/freeassociation.sourceforge.net/Tzfile/Europe/Berlin",
    ] {
        check(&in_zone(id, ""), &berlin);
    }
    // Buenos Aires, UTC-3 all year: three parts of a name.
    check(
        &in_zone("/example.com/America/Argentina/Buenos_Aires", ""),
        &["07-01T12:00/07-01T12:00", "12-01T12:00/12-01T12:00"],
    );
    check(
        &in_zone("UTC", ""),
        &["07-01T09:00/07-01T09:00", "12-01T09:00/12-01T09:00"],
    );
}

#[test]
fn an_unknown_zone_is_an_error() {
    for id in [
        "Mars/Olympus",
        "Etc/Unknown",
        "/example.com/Nowhere",
        "\"\"",
        "../../etc/passwd",
    ] {
        let error = Calendar::read(in_zone(id, "").as_bytes(), &berlin()).unwrap_err();
        assert!(matches!(error, ReadError::Zone(_)), "{id}: {error}");
    }
}

/// As Outlook writes a zone of its own: rules from 1601 on.
const OUTLOOK: &str = "BEGIN:VTIMEZONE\nTZID:Customized Time Zone\n\
    BEGIN:STANDARD\nDTSTART:16011028T030000\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10\n\
    TZOFFSETFROM:+0200\nTZOFFSETTO:+0100\nEND:STANDARD\n\
    BEGIN:DAYLIGHT\nDTSTART:16010325T020000\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3\n\
    TZOFFSETFROM:+0100\nTZOFFSETTO:+0200\nEND:DAYLIGHT\nEND:VTIMEZONE\n";

#[test]
fn a_zone_of_the_file_changes_at_the_right_instant() {
    let file = in_zone("Customized Time Zone", OUTLOOK);
    check(
        &file,
        &["07-01T07:00/07-01T07:00", "12-01T08:00/12-01T08:00"],
    );
    // The same as the IANA zone, on both sides of the change and in the gap.
    for time in [
        "20260329T013000",
        "20260329T023000",
        "20260329T030000",
        "20261025T023000",
        "20261025T030000",
    ] {
        let instant = |id: &str| {
            let lines = format!("BEGIN:VEVENT\nDTSTART;TZID={id}:{time}\nEND:VEVENT");
            only(&calendar(&format!("{OUTLOOK}{lines}"))).start
        };
        assert_eq!(
            instant("Customized Time Zone"),
            instant("Europe/Berlin"),
            "{time}"
        );
    }
}

#[test]
fn a_zone_with_dates_instead_of_rules_and_one_without_summer() {
    // Summer time in 2026 from 12 April to 1 November, UTC-5 and UTC-4; before it UTC-5 as well.
    let dates = "BEGIN:VTIMEZONE\nTZID:Here\n\
        BEGIN:DAYLIGHT\nDTSTART:20250413T020000\nRDATE:20260412T020000\nTZOFFSETFROM:-0500\nTZOFFSETTO:-0400\nEND:DAYLIGHT\n\
        BEGIN:STANDARD\nDTSTART:20251102T020000\nRDATE:20261101T020000\nTZOFFSETFROM:-0400\nTZOFFSETTO:-0500\nEND:STANDARD\n\
        END:VTIMEZONE\n";
    check(
        &in_zone("Here", dates),
        &["07-01T13:00/07-01T13:00", "12-01T14:00/12-01T14:00"],
    );
    let fixed = "BEGIN:VTIMEZONE\nTZID:Kathmandu\nBEGIN:STANDARD\nDTSTART:19700101T000000\n\
        TZOFFSETFROM:+0545\nTZOFFSETTO:+0545\nEND:STANDARD\nEND:VTIMEZONE\n";
    check(
        &in_zone("Kathmandu", fixed),
        &["07-01T03:15/07-01T03:15", "12-01T03:15/12-01T03:15"],
    );
}

#[test]
fn a_definition_that_cannot_be_read_fails_only_who_uses_it() {
    let broken = "BEGIN:VTIMEZONE\nTZID:Broken\nEND:VTIMEZONE\n";
    let error = Calendar::read(in_zone("Broken", broken).as_bytes(), &berlin()).unwrap_err();
    assert_eq!(error, ReadError::Property("VTIMEZONE"));
    check(
        &in_zone("Europe/Berlin", broken),
        &["07-01T07:00/07-01T07:00", "12-01T08:00/12-01T08:00"],
    );
}

#[test]
fn the_file_names_the_mailboxes_zone() {
    let body =
        "X-WR-TIMEZONE:America/New_York\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:20260310\nEND:VEVENT";
    check(&calendar(body), &["03-10T04:00/03-11T04:00"]);
    let unknown = body.replace("America/New_York", "Nowhere");
    let error = Calendar::read(calendar(&unknown).as_bytes(), &berlin()).unwrap_err();
    assert_eq!(error, ReadError::Zone("Nowhere".into()));
}

//! The rooms of one endpoint: whether each takes requests from outside its organisation, as far as the source tells.

use std::collections::BTreeSet;

use super::report::Chart;
use crate::backend::endpoint::Endpoint;
use crate::backend::endpoint::rooms::RoomStock;
use crate::backend::rooms::OutsideRequests;

/// For every room that the endpoint knows or the configuration names, by address.
pub(super) async fn tell(chart: &mut Chart, endpoint: &Endpoint) {
    let stock = match endpoint.rooms().await {
        Ok(stock) => stock,
        Err(error) => {
            let advice = "callers see the rooms of the configuration only; docs/rooms.md says where others come from";
            chart.warn("rooms", format!("they cannot be read: {error}"), advice);
            RoomStock::default()
        }
    };
    if !stock.later.is_empty() {
        let lists = stock.later.len();
        chart.warn(
            "rooms",
            format!("the rooms of {lists} of its lists cannot be read now"),
            "the log names the reason of each; calbridge asks for them again after a minute",
        );
    }
    let listed = stock.lists.iter().flat_map(|list| &list.rooms);
    let known = listed.chain(&stock.alone).map(|room| &room.address);
    let written = endpoint.written_rooms().iter();
    let rooms: BTreeSet<_> = known
        .chain(written.map(|entry| &entry.room.address))
        .collect();
    for room in rooms {
        match endpoint.outside_requests(room) {
            OutsideRequests::Accepted => {
                chart.ok("room", format!("{room} accepts requests from outside"));
            }
            OutsideRequests::Refused { why } => {
                chart.ok(
                    "room",
                    format!("{room} accepts no requests from outside: {why}"),
                );
            }
            OutsideRequests::Unknown { look_up } => chart.hint(
                "room",
                format!(
                    "{room}: the server does not tell whether it accepts requests from outside"
                ),
                &look_up,
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::backend::build;
    use crate::backend::instance::Instance;
    use crate::backend::settings::{BackendSettings, CalendarFilesSettings, EndpointSettings};
    use crate::domain::{DomainPattern, Listed, Room, RoomEntry};
    use crate::server::clock::SystemClock;

    /// What is told of a folder with this `rooms.toml` and a room in the configuration.
    async fn told(rooms: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("rooms.toml"), rooms).unwrap();
        let written = Listed::parse("written@x.example").unwrap();
        let settings = EndpointSettings {
            name: "files".to_owned(),
            domains: vec![DomainPattern::parse("x.example").unwrap()],
            timeout: std::time::Duration::from_secs(10),
            max_concurrency: 4,
            hedge_after: None,
            probe_interval: EndpointSettings::DEFAULT_PROBE_INTERVAL,
            limits: crate::backend::Limits::default(),
            rooms: vec![RoomEntry {
                room: Room::new(written),
                list: None,
            }],
            kind: BackendSettings::CalendarFiles(CalendarFilesSettings {
                directory: folder.path().to_owned(),
                time_zone: jiff::tz::TimeZone::UTC,
            }),
        };
        let endpoint = build::endpoint(settings, &Instance::new(Arc::new(SystemClock))).unwrap();
        let mut chart = Chart::of("endpoint files");
        tell(&mut chart, &endpoint).await;
        let findings = chart.findings.iter();
        findings.map(ToString::to_string).collect()
    }

    #[tokio::test]
    async fn each_room_is_told_once() {
        let why = "accepts no requests from outside: nobody answers requests for a calendar file";
        let told_of = |room: &str| format!("ok    endpoint files: room: {room}@x.example {why}");
        let rooms = "[[room]]\naddress = \"b@x.example\"\n[[room]]\naddress = \"a@x.example\"\n\
            list = \"l@x.example\"\n[[room]]\naddress = \"written@x.example\"\n";
        assert_eq!(told(rooms).await, ["a", "b", "written"].map(told_of));
        let broken = told("nonsense").await;
        assert!(broken[0].starts_with("warn  endpoint files: rooms: they cannot be read"));
        assert_eq!(broken[1..], [told_of("written")]);
    }

    #[test]
    fn what_is_to_be_looked_up_is_no_fault() {
        let mut chart = Chart::of("endpoint hq");
        chart.hint("room", "a@x.example: unknown", "Get-CalendarProcessing");
        assert_eq!(
            chart.findings[0].to_string(),
            "ok    endpoint hq: room: a@x.example: unknown\n      -> Get-CalendarProcessing"
        );
    }
}

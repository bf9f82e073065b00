//! Reads `tests/golden/suggestions.toml`, whose head explains it, and computes what stands there.

use std::fmt::Write as _;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::*;
use crate::domain::freebusy::WorkingDay;
use crate::domain::zone::ZoneRules;
use crate::domain::{CalendarEvent, Detail, WorkingHours, WorkingPeriod};

const GOLDEN: &str = include_str!("../../../tests/golden/suggestions.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    zone: Option<String>,
    window: Option<[String; 2]>,
    duration: Option<i64>,
    good_threshold: Option<u8>,
    minimum: Option<String>,
    per_day: Option<usize>,
    per_day_outside: Option<usize>,
    current: Option<String>,
    attendees: Vec<Attendee>,
    expect: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Attendee {
    /// For the reader: roles make no difference.
    #[serde(rename = "role")]
    _role: Option<String>,
    hours: Option<String>,
    events: Vec<String>,
    must_be_free: bool,
    unknown: bool,
    too_big: bool,
    members: Vec<Attendee>,
}

#[test]
fn the_cases_worked_out_by_hand() {
    let cases: Cases = toml::from_str(GOLDEN).unwrap();
    assert!(cases.case.len() >= 25);
    for case in cases.case {
        let got = case.run();
        assert_eq!(got, case.expect, "{}", case.name);
    }
}

impl Case {
    fn run(&self) -> Vec<String> {
        let zone = zone(self.zone.as_deref().unwrap_or("Europe/Berlin"));
        let at = |text: &str| zone.to_utc(local(text)).unwrap();
        let window = match &self.window {
            Some([start, end]) => [start.as_str(), end.as_str()],
            None => ["2026-09-01 00:00", "2026-09-02 00:00"],
        };
        let day = &window[0][..10];
        let window = TimeWindow::new(at(window[0]), at(window[1])).unwrap();
        let defaults = SuggestionOptions::default_in(window);
        let options = SuggestionOptions {
            window,
            duration: self
                .duration
                .map_or(defaults.duration, SignedDuration::from_mins),
            good_threshold: self.good_threshold.unwrap_or(defaults.good_threshold),
            minimum: self.minimum.as_deref().map_or(defaults.minimum, quality),
            per_day: self.per_day.unwrap_or(defaults.per_day),
            per_day_outside: self.per_day_outside.unwrap_or(defaults.per_day_outside),
            current: self.current.as_deref().map(at),
        };
        let told: Vec<(Outcome, Vec<Outcome>)> = self
            .attendees
            .iter()
            .map(|attendee| {
                let members = attendee.members.iter();
                (
                    attendee.outcome(&zone, day),
                    members.map(|member| member.outcome(&zone, day)).collect(),
                )
            })
            .collect();
        let invited: Vec<_> = self
            .attendees
            .iter()
            .zip(&told)
            .map(|(attendee, (outcome, members))| Invited {
                known: if members.is_empty() {
                    outcome.into()
                } else {
                    Known::Group(members)
                },
                must_be_free: attendee.must_be_free,
            })
            .collect();
        let days = suggest(&options, &zone, &invited);
        days.iter().map(|day| shown(day, &zone)).collect()
    }
}

impl Attendee {
    fn outcome(&self, zone: &Zone, day: &str) -> Outcome {
        if self.unknown {
            return Err(MailboxError::NotFound);
        }
        if self.too_big {
            return Err(MailboxError::ListTooLong);
        }
        let events = self.events.iter().map(|text| event(text, zone, day));
        let hours = self.hours.as_deref().map(|text| hours(text).into());
        Ok(FreeBusy::new(events.collect(), Detail::BusyOnly, hours))
    }
}

fn zone(name: &str) -> Zone {
    Zone::iana(TimeZone::get(name).unwrap())
}

fn local(text: &str) -> DateTime {
    text.replace(' ', "T").parse().unwrap()
}

/// `from-to status`: a time, a date and a time, or the same in UTC with a Z.
fn event(text: &str, zone: &Zone, day: &str) -> CalendarEvent {
    let (times, word) = text.rsplit_once(' ').unwrap();
    let at = |text: &str| -> Timestamp {
        if text.ends_with('Z') {
            text.replace(' ', "T").parse().unwrap()
        } else if text.len() == 5 {
            zone.to_utc(local(&format!("{day} {text}"))).unwrap()
        } else {
            zone.to_utc(local(text)).unwrap()
        }
    };
    let (start, end) = times.split_at(times.len() / 2);
    let status = STATUSES.iter().find(|(name, ..)| *name == word).unwrap().1;
    CalendarEvent {
        start: at(start),
        end: at(end.trim_start_matches('-')),
        status,
        details: None,
    }
}

const STATUSES: [(&str, BusyStatus, char); 6] = [
    ("free", BusyStatus::Free, '.'),
    ("elsewhere", BusyStatus::WorkingElsewhere, 'w'),
    ("tentative", BusyStatus::Tentative, 't'),
    ("busy", BusyStatus::Busy, 'b'),
    ("oof", BusyStatus::OutOfOffice, 'o'),
    ("nodata", BusyStatus::NoData, 'n'),
];

fn hours(text: &str) -> WorkingHours {
    let mut zone = None;
    let periods = text.split(" + ").map(|period| {
        let [name, days, times] = period.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{period}");
        };
        zone = Some(ZoneRules::for_year(&TimeZone::get(name).unwrap(), 2026));
        let (start, end) = times.split_once('-').unwrap();
        let minute = |text: &str| {
            let (hour, minute) = text.split_once(':').unwrap();
            hour.parse::<u16>().unwrap() * 60 + minute.parse::<u16>().unwrap()
        };
        let days = match days {
            "mon-fri" => vec![WorkingDay::Weekday],
            "day" => vec![WorkingDay::EveryDay],
            "sun" => vec![WorkingDay::Day(jiff::civil::Weekday::Sunday)],
            "none" => vec![],
            other => panic!("{other}"),
        };
        WorkingPeriod {
            days,
            start_minute: minute(start),
            end_minute: minute(end),
        }
    });
    let periods = periods.collect();
    WorkingHours {
        zone: zone.unwrap(),
        periods,
    }
}

const QUALITIES: [Quality; 4] = [
    Quality::Poor,
    Quality::Fair,
    Quality::Good,
    Quality::Excellent,
];

fn quality(word: &str) -> Quality {
    QUALITIES
        .into_iter()
        .find(|quality| format!("{quality:?}") == word)
        .unwrap()
}

fn shown(day: &SuggestedDay, zone: &Zone) -> String {
    let mut line = format!("{} {:?}", day.date, day.quality);
    for (place, each) in day.suggestions.iter().enumerate() {
        let separator = if place == 0 { ": " } else { "; " };
        let time = local_time(zone, each.start).unwrap();
        assert_eq!(time.date(), day.date);
        let outside = if each.is_work_time { "" } else { "*" };
        let letter = &format!("{:?}", each.quality)[..1];
        write!(
            line,
            "{separator}{}{outside} {letter} ",
            time.strftime("%H:%M")
        )
        .unwrap();
        for conflict in &each.conflicts {
            line.push_str(&sign(*conflict));
        }
    }
    line
}

fn sign(conflict: Conflict) -> String {
    match conflict {
        Conflict::Individual(status) => STATUSES
            .iter()
            .find(|(_, each, _)| *each == status)
            .unwrap()
            .2
            .into(),
        Conflict::Group(group) => format!(
            "({}:{}:{}:{})",
            group.members, group.available, group.in_conflict, group.unknown
        ),
        Conflict::TooBigGroup => "!".into(),
        Conflict::Unknown => "?".into(),
    }
}

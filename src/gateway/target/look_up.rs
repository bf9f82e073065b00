//! One mailbox's day for the status page: the times that the first role account of callers would be told, and how the
//! answer came about. Subjects stay where they are.

use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;
use uuid::Uuid;

use crate::domain::{
    Asker, Attendee, AttendeeRole, AvailabilityQuery, BusyStatus, Detail, FreeBusy, MailboxError,
    Origin, SmtpAddress, TimeWindow, Trace,
};
use crate::gateway::world::World;
use crate::server::ops::{Hour, LOOK_UP_TIME, Line, LookUp, LookUpEvent};
use crate::service::explain::{CacheResult, Explanation, Policy};

const DAY_MINUTES: i64 = 24 * 60;
/// One number below the drawing for so many hours.
const EVERY_HOURS: i64 = 3;

/// None where there is no role account to ask as, or the day is none of ours.
pub(super) async fn look_up(world: &World, mailbox: &SmtpAddress, day: Date) -> Option<LookUp> {
    let account = world.server.access.role_accounts.first()?;
    let begin = day.to_zoned(TimeZone::UTC).ok()?.timestamp();
    let length = SignedDuration::from_mins(DAY_MINUTES);
    let window = TimeWindow::new(begin, begin.checked_add(length).ok()?).ok()?;
    let request_id = Uuid::new_v4();
    let query = AvailabilityQuery {
        caller: Arc::new(account.caller.clone()),
        attendees: Arc::new([Attendee {
            mailbox: Ok(mailbox.clone()),
            role: AttendeeRole::Required,
            exclude_conflicts: false,
        }]),
        window,
        detail: Detail::BusyOnly,
        origin: Origin {
            asker: Some(Asker {
                face: "ops",
                address: None,
                request_id,
                trace: Trace::begun_by(request_id),
            }),
            ..Origin::default()
        },
    };
    let deadline = Instant::now() + world.server.limits.deadline.min(LOOK_UP_TIME);
    let (answer, explained) = world.availability.answer_explained(&query, deadline).await;
    let explanation = explained.first().map(lines).unwrap_or_default();
    let (events, error) = match answer.per_mailbox.into_iter().next()? {
        Ok(known) => (events(&known, &window), None),
        Err(error) => (Vec::new(), Some(in_words(error))),
    };
    Some(LookUp {
        title: day.strftime("%A, %-d %B %Y").to_string(),
        error,
        events,
        explanation,
        hours: hours(),
    })
}

/// What callers see as hash marks, and where to look.
fn in_words(error: MailboxError) -> String {
    let then = match error {
        MailboxError::InvalidAddress | MailboxError::NotFound => {
            "Does an endpoint serve its mail domain, and does the server behind it have the mailbox?"
        }
        MailboxError::NoAccess => {
            "The role accounts of the endpoint need rights to its calendar, or the policy refuses it."
        }
        MailboxError::Timeout
        | MailboxError::Throttled
        | MailboxError::EndpointFailed
        | MailboxError::MailboxUnavailable => "The endpoint's last error, on this page, says why.",
        MailboxError::NoCalendar
        | MailboxError::GenerationFailed
        | MailboxError::TooManyEvents
        | MailboxError::ListTooLong
        | MailboxError::Loop => "docs/errors.md says what to do.",
    };
    format!("There is no answer: {error}. {then}")
}

fn events(known: &FreeBusy, window: &TimeWindow) -> Vec<LookUpEvent> {
    let (origin, end) = window.seconds();
    let known = known.to_vec();
    let told = known.iter().filter_map(|event| {
        let from = event.start.as_second().clamp(origin, end) - origin;
        let to = event.end.as_second().clamp(origin, end) - origin;
        let (status, class) = words(event.status);
        (to > from).then(|| LookUpEvent {
            from: from / 60,
            width: ((to - from) / 60).max(2),
            begins: clock(event.start),
            ends: clock(event.end),
            status,
            class,
        })
    });
    told.collect()
}

/// For people, and for the style.
fn words(status: BusyStatus) -> (&'static str, &'static str) {
    match status {
        BusyStatus::Free => ("free", "free"),
        BusyStatus::WorkingElsewhere => ("working elsewhere", "elsewhere"),
        BusyStatus::Tentative => ("tentative", "tentative"),
        BusyStatus::Busy => ("busy", "busy"),
        BusyStatus::OutOfOffice => ("out of office", "away"),
        BusyStatus::NoData => ("not known", "none"),
    }
}

fn hours() -> Vec<Hour> {
    let hours = 0_i64..=24;
    hours
        .map(|hour| Hour {
            x: hour * 60,
            text: if hour % EVERY_HOURS == 0 {
                format!("{hour:02}")
            } else {
                String::new()
            },
        })
        .collect()
}

fn lines(explanation: &Explanation) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut tell = |word, text: String| lines.push(Line { word, text });
    if let Some(alias) = &explanation.alias {
        tell("Alias", format!("asked for as {alias}"));
    }
    match &explanation.route {
        None => tell("Route", "none".to_owned()),
        Some(route) => {
            let by = route.kind.label();
            let then = route.fallback.as_ref();
            let then = then.map_or_else(String::new, |name| format!(", then its fallback {name}"));
            let text = format!("by {by} to endpoint {}{then}", route.endpoint);
            tell("Route", text);
        }
    }
    if let Some(asked) = &explanation.asked {
        tell("Cache", cache(asked.cache).to_owned());
        let accounts: Vec<_> = asked.accounts.iter().map(SmtpAddress::as_str).collect();
        let by = if accounts.is_empty() {
            String::new()
        } else {
            format!(", as {}", accounts.join(", "))
        };
        tell("Calls", format!("{}{by}", asked.calls));
    }
    tell("Policy", policy(explanation.policy).to_owned());
    if let Some(took) = explanation.took {
        tell("Time", format!("{:.1} ms", took.as_secs_f64() * 1000.0));
    }
    lines
}

fn cache(result: CacheResult) -> &'static str {
    match result {
        CacheResult::Hit => "hit: known, and fresh",
        CacheResult::Stale => "stale: known, and asked for again in the background",
        CacheResult::StaleOnError => "stale: known, and the endpoint fails",
        CacheResult::Miss => "miss: the endpoint was asked",
        CacheResult::Shared => "shared: a call that was under way was waited for",
        CacheResult::Negative => "hit: known to have no answer just now",
    }
}

fn policy(policy: Policy) -> &'static str {
    match policy {
        Policy::Refused => "nobody may be told anything of this mailbox",
        Policy::Told { most, .. } => match most {
            Detail::DigitsOnly => "merged times only may be told",
            Detail::BusyOnly => "times and statuses may be told",
            Detail::Subjects => "subjects and locations may be told",
        },
    }
}

fn clock(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M").to_string()
}

//! `calbridge lookup`: asks the way the server does, and draws or prints the answer.

mod explanation;
mod json;
pub(super) mod window;

use std::sync::Arc;

use clap::Args;
use jiff::tz::TimeZone;
use tokio::time::Instant;

use super::asker::Asker;
use super::ending::{remembered, unless_interrupted};
use super::timeline::{self, Timeline};
use super::{CommandError, ConfigFile, Exit, output};
use crate::domain::{
    Attendee, AttendeeRole, AvailabilityAnswer, AvailabilityQuery, Caller, Clock, Detail, Origin,
    Outcome, SmtpAddress, TimeWindow,
};
use crate::server::clock::SystemClock;
use crate::service::Availability;
use crate::service::explain::Explanation;

/// What the command is asked.
#[derive(Debug, Args)]
pub(super) struct Lookup {
    #[command(flatten)]
    file: ConfigFile,
    /// Start: 2026-09-07, 2026-09-07T09:00 or 2026-09-07T09:00:00+02:00 [default: today's midnight]
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// End, written like the start [default: a day after the start]
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// IANA time zone of the drawing, and of times without an offset
    #[arg(long, value_name = "ZONE", default_value = "UTC", value_parser = zone)]
    zone: TimeZone,
    /// Ask for subjects and locations, too
    #[arg(long)]
    details: bool,
    /// Print JSON instead of a drawing: window, and for each mailbox its events or an error
    #[arg(long)]
    json: bool,
    /// Tell for each mailbox how its answer came about: alias, route, cache, calls, rules, time
    #[arg(long)]
    explain: bool,
    /// Mailboxes to ask for
    #[arg(value_name = "ADDRESS", required = true, value_parser = SmtpAddress::parse)]
    addresses: Vec<SmtpAddress>,
}

/// A question from the terminal.
pub(super) struct Question<'a> {
    pub(super) caller: Caller,
    pub(super) mailboxes: &'a [SmtpAddress],
    pub(super) window: TimeWindow,
    pub(super) detail: Detail,
    pub(super) deadline: Instant,
}

/// Fails (status 1) where any mailbox could not be answered.
pub(super) async fn run(lookup: &Lookup) -> Result<Exit, CommandError> {
    let (from, to) = (lookup.from.as_deref(), lookup.to.as_deref());
    let window =
        window::window(from, to, &lookup.zone, SystemClock.now()).map_err(CommandError::Usage)?;
    let Asker {
        availability,
        caller,
        deadline,
        quarantine,
    } = Asker::of(&lookup.file)?;
    let question = Question {
        caller,
        mailboxes: &lookup.addresses,
        window,
        detail: if lookup.details {
            Detail::Subjects
        } else {
            Detail::BusyOnly
        },
        deadline,
    };
    let work = async {
        if lookup.explain {
            explain(&availability, &question).await
        } else {
            (ask(&availability, &question).await, Vec::new())
        }
    };
    let (answers, explanations) = unless_interrupted(&quarantine, work).await?;
    let told = tell(lookup, &window, &answers, &explanations);
    remembered(&quarantine).await;
    told?;
    Ok(if answers.iter().all(|(_, outcome)| outcome.is_ok()) {
        Exit::Success
    } else {
        Exit::Failure
    })
}

fn tell(
    lookup: &Lookup,
    window: &TimeWindow,
    answers: &[(SmtpAddress, Outcome)],
    explanations: &[Explanation],
) -> anyhow::Result<()> {
    if lookup.json {
        return output::say(&json::document(window, answers, explanations)?);
    }
    draw(window, &lookup.zone, answers)?;
    explanation::say(answers, explanations)
}

/// Each mailbox with its outcome, in the order asked.
pub(super) async fn ask(
    availability: &Availability,
    question: &Question<'_>,
) -> Vec<(SmtpAddress, Outcome)> {
    availability.await_rooms(question.deadline).await;
    let answer = availability
        .answer(&question.query(), question.deadline)
        .await;
    question.named(answer)
}

/// The same, and how each answer came about.
async fn explain(
    availability: &Availability,
    question: &Question<'_>,
) -> (Vec<(SmtpAddress, Outcome)>, Vec<Explanation>) {
    availability.await_rooms(question.deadline).await;
    let (answer, explanations) = availability
        .answer_explained(&question.query(), question.deadline)
        .await;
    (question.named(answer), explanations)
}

impl Question<'_> {
    fn query(&self) -> AvailabilityQuery {
        let attendees = self.mailboxes.iter().map(|mailbox| Attendee {
            mailbox: Ok(mailbox.clone()),
            role: AttendeeRole::Required,
            exclude_conflicts: false,
        });
        AvailabilityQuery {
            caller: Arc::new(self.caller.clone()),
            attendees: attendees.collect(),
            window: self.window,
            detail: self.detail,
            origin: Origin::default(),
        }
    }

    /// The outcomes with the mailboxes that they belong to.
    fn named(&self, answer: AvailabilityAnswer) -> Vec<(SmtpAddress, Outcome)> {
        let mailboxes = self.mailboxes.iter().cloned();
        mailboxes.zip(answer.per_mailbox).collect()
    }
}

/// Draws all mailboxes, with the legend above them.
pub(super) fn draw(
    window: &TimeWindow,
    zone: &TimeZone,
    answers: &[(SmtpAddress, Outcome)],
) -> anyhow::Result<()> {
    let name = zone.iana_name().unwrap_or("local time");
    output::say(&format_args!("{}   times in {name}", timeline::legend()))?;
    for (mailbox, outcome) in answers {
        let timeline = Timeline {
            mailbox,
            outcome,
            window: *window,
            zone,
        };
        output::say(&format_args!("\n{timeline}"))?;
    }
    Ok(())
}

pub(super) fn zone(name: &str) -> Result<TimeZone, String> {
    jiff::tz::db()
        .get(name)
        .map_err(|_| "not an IANA time zone, as Europe/Berlin".to_owned())
}

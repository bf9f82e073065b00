//! `ExchangeQuerierAsIcal.aspx`: the same question, or named parameters, answered with iCalendar. No details are told here:
//! a VFREEBUSY has no place for them that its readers know.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::USER_AGENT;
use http::{Method, Response, StatusCode};
use jiff::Timestamp;

use super::blocks::is_busy;
use super::lookup::{Found, Refused, window};
use super::{Directory, METHODS, NAME, come_back, content_type, respond, reword_limit};
use crate::codec::connector::form::{self, Field};
use crate::codec::connector::parameters::{self, Parameters};
use crate::codec::connector::request::Request;
use crate::codec::ical::content::Writer;
use crate::codec::ical::freebusy::{self, BusyPeriod, BusyType, FreeBusyHead};
use crate::domain::freebusy::bounds::Listing;
use crate::domain::{BusyStatus, Detail, FreeBusy, MailboxError, TimeWindow};
use crate::face::{Admission, Answer, Call, Face};

const CALENDAR: &str = "text/calendar; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// Of the names that nobody knows, and of each of them, no more than this is logged.
const MOST_NAMES: usize = 10;
const LONGEST_NAME: usize = 40;
const LONGEST_AGENT: usize = 120;

pub(super) struct AsIcalFace(pub(super) Arc<Directory>);

/// A question, whichever way it was written.
struct Asked {
    users: Vec<String>,
    start: Timestamp,
    end: Timestamp,
}

impl AsIcalFace {
    pub(super) const PAGE: &'static str = "ExchangeQuerierAsIcal.aspx";

    async fn tell(&self, call: &Call) -> Result<Vec<u8>, (StatusCode, String)> {
        let bad = |text: String| (StatusCode::BAD_REQUEST, text);
        let asked = self.read(call).map_err(bad)?;
        let window = window(asked.start, asked.end).map_err(|refused| bad(told(refused)))?;
        let users = asked.users.iter().map(String::as_str);
        let lookup = self.0.lookup.find(users, window, Detail::BusyOnly, call);
        let mut found = lookup.await.map_err(|refused| bad(told(refused)))?;
        // There is no place for it here to say that nothing may be known, and the other mailboxes keep their answer.
        found.retain(|one| one.outcome.as_ref().err() != Some(&MailboxError::NoAccess));
        if found.is_empty() {
            let text = "no such mailbox can be asked for here".to_owned();
            return Err((StatusCode::NOT_FOUND, text));
        }
        write(&found, &window, self.0.lookup.now()).map_err(|text| (StatusCode::BAD_GATEWAY, text))
    }

    fn read(&self, call: &Call) -> Result<Asked, String> {
        let query = call.query.as_deref().unwrap_or_default();
        let mut fields = form::urlencoded(query.as_bytes());
        fields.extend(form::body(content_type(call), &call.body));
        tell_unknown(&fields, call);
        if let Some(message) = form::joined(&fields, "text") {
            let request = Request::read(&message).map_err(|error| format!("text: {error}"))?;
            return Ok(Asked {
                users: request
                    .users
                    .iter()
                    .map(|user| (*user).to_owned())
                    .collect(),
                start: request.start_utc,
                end: request.end_utc,
            });
        }
        let zone = &self.0.settings.time_zone;
        let read = Parameters::read(&fields, zone, self.0.lookup.now());
        let Parameters { users, start, end } = read.map_err(|error| error.to_string())?;
        Ok(Asked { users, start, end })
    }
}

#[async_trait]
impl Face for AsIcalFace {
    fn name(&self) -> &'static str {
        NAME
    }

    fn methods(&self) -> &'static [Method] {
        METHODS
    }

    fn admission(&self) -> Admission {
        self.0.admission()
    }

    async fn answer(&self, call: Call) -> Answer {
        let response = match self.tell(&call).await {
            Ok(document) => respond(StatusCode::OK, CALENDAR, document),
            Err((status, text)) => respond(status, TEXT, format!("{text}\n")),
        };
        Answer::to("ExchangeQuerierAsIcal", response)
    }

    fn reword(&self, refused: Response<Bytes>) -> Response<Bytes> {
        reword_limit(refused, too_many)
    }

    fn busy(&self, _request_id: uuid::Uuid) -> Response<Bytes> {
        come_back(too_many())
    }
}

fn too_many() -> Response<Bytes> {
    let text = "too many requests, to be asked again\n";
    respond(StatusCode::SERVICE_UNAVAILABLE, TEXT, text)
}

fn told(refused: Refused) -> String {
    let parameter = match refused {
        Refused::Reversed | Refused::TooLong => "end",
        Refused::TooManyAddresses => "email",
    };
    format!("{parameter}: {}", refused.text())
}

/// One VFREEBUSY for each mailbox. One that is not known would look free by its absence, so that then there is none.
fn write(found: &[Found], window: &TimeWindow, now: Timestamp) -> Result<Vec<u8>, String> {
    let mut writer = Writer::with_capacity(256 + found.len() * 512);
    let mut listing = Listing::default();
    freebusy::open_calendar(&mut writer);
    for one in found {
        let known = one.outcome.as_ref().map_err(ToString::to_string)?;
        let head = FreeBusyHead {
            mailbox: one.address.as_str(),
            window: *window,
            stamp: now,
            url: None,
        };
        let runs = FreeBusy::runs_of([known]);
        let (first, last) = window.seconds();
        let periods = || runs.events_in(window).filter(|run| is_busy(run.status));
        let room = listing.take(periods().count(), 0);
        room.map_err(|error| error.to_string())?;
        let periods = periods().map(|run| BusyPeriod {
            start: run.start.max(first),
            end: run.end.min(last),
            busy: busy_type(run.status),
            summary: None,
            location: None,
        });
        freebusy::write_component(&mut writer, &head, periods);
    }
    writer.end("VCALENDAR");
    Ok(writer.finish())
}

fn busy_type(status: BusyStatus) -> BusyType {
    match status {
        BusyStatus::Tentative => BusyType::Tentative,
        // Nobody can be booked while nothing is known.
        BusyStatus::OutOfOffice | BusyStatus::NoData => BusyType::Unavailable,
        BusyStatus::Free | BusyStatus::WorkingElsewhere | BusyStatus::Busy => BusyType::Busy,
    }
}

/// What no known client sends: its names may tell what a client that we have never seen wants. Values stay out of it.
fn tell_unknown(fields: &[Field<'_>], call: &Call) {
    let names: Vec<&str> = parameters::unknown(fields)
        .take(MOST_NAMES)
        .map(printable)
        .collect();
    if names.is_empty() {
        return;
    }
    let agent = call.headers.get(USER_AGENT);
    let agent = agent.and_then(|agent| agent.to_str().ok());
    let agent = agent.map_or("-", |agent| agent.get(..LONGEST_AGENT).unwrap_or(agent));
    tracing::info!(
        face = NAME,
        names = names.join(" "),
        user_agent = agent,
        "A request has parameters that are not known"
    );
}

/// A name as programs write them; anything else may be an address.
fn printable(name: &str) -> &str {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.$[]".contains(&byte);
    if (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(plain) {
        name
    } else {
        "?"
    }
}

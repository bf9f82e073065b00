//! `GET /v1/availability`: who is free when, with statuses, details where they may be told, and the age of it all.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, Response};
use utoipa::IntoParams;

use crate::codec::ews::fault::MAX_MAILBOXES;
use crate::codec::json::availability::{Age, AvailabilityAnswer, MailboxAnswer};
use crate::codec::json::failure::ErrorAnswer;
use crate::codec::json::{Failure, instant};
use crate::codec::query::Query;
use crate::domain::freebusy::bounds::{Listing, MAX_LISTED};
use crate::domain::{Detail, FreeBusy, MailboxError, SmtpAddress, TimeWindow};
use crate::face::{Answer, Call, Face};
use crate::service::Availability;

/// The project's own question.
pub struct AvailabilityFace {
    availability: Arc<Availability>,
}

impl AvailabilityFace {
    pub const PATH: &'static str = "/v1/availability";

    pub fn new(availability: Arc<Availability>) -> Self {
        Self { availability }
    }
}

/// The parameters, for the description; [`Asked`] reads them.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only its description is used")]
struct AvailabilityParameters {
    /// The mail address of a mailbox; several are asked for by repeating the parameter.
    #[param(min_items = 1, max_items = 100, style = Form, explode)]
    address: Vec<String>,
    /// Start of the window, RFC 3339 with an offset.
    #[param(format = DateTime)]
    from: String,
    /// End of the window, RFC 3339 with an offset; at most 62 days after its start.
    #[param(format = DateTime)]
    to: String,
}

struct Asked<'a> {
    /// Each mailbox once.
    addresses: Vec<&'a str>,
    window: TimeWindow,
}

impl<'a> Asked<'a> {
    fn read(query: &'a Query) -> Result<Self, Failure> {
        let mut addresses = query.all("address");
        match addresses.len() {
            0 => return Err(Failure::Missing("address")),
            count if count > MAX_MAILBOXES => return Err(Failure::TooManyCalendars),
            _ => {}
        }
        let mut seen = HashSet::new();
        addresses.retain(|address| {
            let parsed = SmtpAddress::parse(address);
            let mailbox = parsed.map_or_else(|_| (*address).to_owned(), |known| known.to_string());
            seen.insert(mailbox)
        });
        let bound = |name: &'static str| {
            let text = query.get(name).ok_or(Failure::Missing(name))?;
            instant::read(text).ok_or(Failure::Invalid(name))
        };
        Ok(Self {
            addresses,
            window: super::window(bound("from")?, bound("to")?)?,
        })
    }
}

/// Who is free when.
///
/// One entry for each mailbox, in the order asked, also where its address is repeated: what takes its time in the window, or why nothing is known.
#[utoipa::path(
    get,
    path = "/v1/availability",
    operation_id = "availability",
    params(AvailabilityParameters),
    responses(
        (status = 200, description = "One entry for each mailbox", body = AvailabilityAnswer, content_type = "application/json"),
        (status = 400, description = "The request makes no sense", body = ErrorAnswer, content_type = "application/json"),
        (status = 401, description = "No login, or a wrong one", body = ErrorAnswer, content_type = "application/json"),
        (status = 405, description = "Another method", body = ErrorAnswer, content_type = "application/json"),
        (status = 413, description = "The request is too large", body = ErrorAnswer, content_type = "application/json"),
        (status = 415, description = "The body is compressed", body = ErrorAnswer, content_type = "application/json"),
        (status = 429, description = "Too many requests of this caller, or too many wrong logins", body = ErrorAnswer, content_type = "application/json"),
        (status = 503, description = "Too much to do, or no answer in time; try again", body = ErrorAnswer, content_type = "application/json"),
    ),
    security(("basic" = []), ("bearer" = [])),
)]
async fn availability(service: &Availability, call: &Call) -> Result<Vec<u8>, Failure> {
    let query = call.query.as_deref().unwrap_or_default();
    let query = Query::read(query).map_err(|_| Failure::BadQuery)?;
    let asked = Asked::read(&query)?;
    let question = super::question(call, &asked.addresses, asked.window, Detail::Subjects);
    let mut known = service.answer_dated(&question, call.deadline).await;
    let mut listing = Listing::default();
    for dated in &mut known {
        let outcome = std::mem::replace(&mut dated.outcome, Err(MailboxError::TooManyEvents));
        dated.outcome = outcome.and_then(|known| listed(known, &asked.window, &mut listing));
    }
    let now = service.now();
    let mailboxes = asked.addresses.iter().zip(&known).map(|(address, dated)| {
        let age = Age {
            as_of: dated.as_of,
            seconds: u64::try_from(now.duration_since(dated.as_of).as_secs()).unwrap_or(0),
            fresh_for_seconds: dated.fresh_for.as_secs(),
        };
        match &dated.outcome {
            Ok(known) => MailboxAnswer::known(address, known, &asked.window, age),
            Err(error) => MailboxAnswer::failed(address, *error),
        }
    });
    Ok(AvailabilityAnswer::new(&asked.window, mailboxes.collect()).write())
}

/// What is listed of one mailbox. Of more events than there is room for, where only their times are told anyway, the runs of
/// busy time are listed, which the answer then says.
fn listed(
    known: FreeBusy,
    window: &TimeWindow,
    listing: &mut Listing,
) -> Result<FreeBusy, MailboxError> {
    let has_too_many = || known.times_in(window).count() > MAX_LISTED;
    let known = if known.detail() < Detail::Subjects && has_too_many() {
        FreeBusy::runs_of([&known])
    } else {
        known
    };
    let events = known.times_in(window).count();
    listing.take(events, known.text_told_in(window))?;
    Ok(known)
}

#[async_trait]
impl Face for AvailabilityFace {
    fn name(&self) -> &'static str {
        "json"
    }

    fn methods(&self) -> &'static [Method] {
        &[Method::GET]
    }

    fn is_hidden_from_strangers(&self) -> bool {
        true
    }

    async fn answer(&self, call: Call) -> Answer {
        let response = super::answer(availability(&self.availability, &call).await);
        Answer::to("availability", response)
    }

    fn reword(&self, refused: Response<Bytes>) -> Response<Bytes> {
        super::reword(refused)
    }

    fn busy(&self, _request_id: uuid::Uuid) -> Response<Bytes> {
        super::busy()
    }
}

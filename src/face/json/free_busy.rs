//! `POST /calendar/v3/freeBusy`: what a program written for Google's Calendar API asks, answered from the calendars
//! behind the gateway.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, Response};

use crate::codec::json::Failure;
use crate::codec::json::failure::ErrorAnswer;
use crate::codec::json::free_busy::{
    FreeBusyAnswer, FreeBusyCalendar, FreeBusyQuery, FreeBusyRequest,
};
use crate::domain::Detail;
use crate::domain::freebusy::bounds::Listing;
use crate::face::{Answer, Call, Face};
use crate::service::Availability;

/// Google's free/busy question.
pub struct FreeBusyFace {
    availability: Arc<Availability>,
}

impl FreeBusyFace {
    pub const PATH: &'static str = "/calendar/v3/freebusy";

    pub fn new(availability: Arc<Availability>) -> Self {
        Self { availability }
    }
}

/// Busy times as Google's Calendar API tells them: `freeBusy.query`.
///
/// Tentative, busy and out of office are busy; free and working elsewhere are not told. A calendar with `errors` is
/// unknown, not free. Parameters of the query such as `alt`, `fields` and `prettyPrint` change nothing.
#[utoipa::path(
    post,
    path = "/calendar/v3/freeBusy",
    operation_id = "freeBusy.query",
    request_body(content = FreeBusyQuery, content_type = "application/json"),
    responses(
        (status = 200, description = "Busy times by calendar", body = FreeBusyAnswer, content_type = "application/json"),
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
async fn query(availability: &Availability, call: &Call) -> Result<Vec<u8>, Failure> {
    let request = FreeBusyRequest::read(&call.body)?;
    let window = super::window(request.start, request.end)?;
    let mut seen = BTreeSet::new();
    let ids = request.items.iter().map(String::as_str);
    let mut asked: Vec<_> = ids.filter(|id| seen.insert(*id)).collect();
    let beyond = asked.split_off(request.most.min(asked.len()));
    let question = super::question(call, &asked, window, Detail::BusyOnly);
    let known = availability.answer(&question, call.deadline).await;
    let mut listing = Listing::default();
    let told = asked.iter().zip(known.per_mailbox).map(|(id, outcome)| {
        let told = outcome.and_then(|known| {
            let times = known.busy_times(&window);
            listing.take(times.len(), 0)?;
            Ok(FreeBusyCalendar::busy(times, &request.zone))
        });
        (*id, told.unwrap_or_else(FreeBusyCalendar::failed))
    });
    let left_out = beyond.iter().map(|id| (*id, FreeBusyCalendar::too_many()));
    let bounds = (request.start, request.end);
    Ok(FreeBusyAnswer::new(bounds, told.chain(left_out)).write())
}

#[async_trait]
impl Face for FreeBusyFace {
    fn name(&self) -> &'static str {
        "json"
    }

    fn methods(&self) -> &'static [Method] {
        &[Method::POST]
    }

    fn is_hidden_from_strangers(&self) -> bool {
        true
    }

    async fn answer(&self, call: Call) -> Answer {
        let response = super::answer(query(&self.availability, &call).await);
        Answer::to("freeBusy.query", response)
    }

    fn reword(&self, refused: Response<Bytes>) -> Response<Bytes> {
        super::reword(refused)
    }

    fn busy(&self, _request_id: uuid::Uuid) -> Response<Bytes> {
        super::busy()
    }
}

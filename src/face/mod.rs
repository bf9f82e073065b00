//! North-bound: from an HTTP request to a question, from the answer to a response. A face knows no sockets.

pub mod admission;
pub mod autodiscover;
pub mod connector;
pub mod description;
pub mod ews;
pub mod json;
pub mod links;
pub mod routes;

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use tokio::time::Instant;
use uuid::Uuid;

use crate::domain::via::Via;
use crate::domain::{
    Asker, Attendee, AttendeeRole, AvailabilityQuery, Caller, Detail, MailboxError, Origin,
    SmtpAddress, TimeWindow, Trace,
};

pub use admission::{Admission, OwnAdmission, OwnLogin};
pub use routes::{Route, Routes};

/// One request that passed the gate and the login.
pub struct Call {
    pub method: Method,
    /// As the caller wrote it, without the query. Not for logs, see [`Call::template`].
    pub path: Arc<str>,
    /// The pattern of the route, as it may stand in logs.
    pub template: Arc<str>,
    /// What stands in the path for the pattern's parameters.
    pub parameters: Parameters,
    /// What follows the question mark, as the caller wrote it.
    pub query: Option<Arc<str>>,
    /// The address that the call counts as coming from, in canonical form.
    pub client: IpAddr,
    pub headers: HeaderMap,
    /// The whole body, within the size limit, not compressed.
    pub body: Bytes,
    pub caller: Arc<Caller>,
    /// What the caller finds in the `request-id` header.
    pub request_id: Uuid,
    /// The trace that the caller names, see [`trace_of`], in the span of this call.
    pub trace: Option<Trace>,
    /// When the answer must have been written.
    pub deadline: Instant,
}

impl Call {
    /// Where a question of this call comes from; `face` is [`Face::name`].
    pub fn origin(&self, face: &'static str) -> Origin {
        let asker = Asker {
            face,
            address: Some(self.client),
            request_id: self.request_id,
            trace: (self.trace.clone()).unwrap_or_else(|| Trace::begun_by(self.request_id)),
        };
        Origin {
            asker: Some(asker),
            ..Origin::default()
        }
    }

    /// The gateways that the call came through. What cannot be read is no way that one of ours has written.
    fn via(&self) -> Via {
        if !self.headers.contains_key(VIA) {
            return Via::default();
        }
        let values = self.headers.get_all(VIA).iter();
        let values: Vec<_> = values
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
            .collect();
        Via::parse(&values.join(","))
    }
}

const VIA: HeaderName = HeaderName::from_static(Via::HEADER);
const TRACE: HeaderName = HeaderName::from_static(Trace::HEADER);
const TRACE_STATE: HeaderName = HeaderName::from_static(Trace::STATE_HEADER);

/// The trace that a caller names, in the caller's span. Two names are none.
pub fn trace_of(headers: &HeaderMap) -> Option<Trace> {
    let mut values = headers.get_all(TRACE).iter();
    let value = values.next()?.to_str().ok()?;
    let is_alone = values.next().is_none();
    let trace = is_alone.then(|| Trace::parse(value)).flatten()?;
    let states = headers.get_all(TRACE_STATE).iter();
    // One that is no text makes the whole list no list.
    Some(trace.with_state(states.map(|state| state.to_str().unwrap_or("?"))))
}

/// The parameters of a route's pattern, percent-decoded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters(Vec<(Arc<str>, String)>);

impl Parameters {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| &**known == name)
            .map(|(_, value)| value.as_str())
    }
}

/// One north-bound protocol.
#[async_trait]
pub trait Face: Send + Sync + 'static {
    /// A short word for logs and metric labels.
    fn name(&self) -> &'static str;

    /// The methods it answers; others get 405 with this list in `Allow`.
    fn methods(&self) -> &'static [Method];

    /// How its callers are admitted; asked once, when the face gets its routes.
    fn admission(&self) -> Admission {
        Admission::Login
    }

    /// Whether a caller outside of `access.allow` is told what an unknown path is told, in place of 403. One outside of a
    /// list of the face's own always is.
    fn is_hidden_from_strangers(&self) -> bool {
        false
    }

    /// Whether such a request is told what an unknown path is told, whatever else is wrong with it. Asked before anything
    /// but the address list refuses it.
    fn is_hidden_from(&self, _parameters: &Parameters, _client: IpAddr) -> bool {
        false
    }

    /// As whom a call counts whose path shows who makes it. None: as its admission says.
    fn caller_of(&self, _parameters: &Parameters) -> Option<&Arc<Caller>> {
        None
    }

    /// Never fails: whatever is wrong with the call is told in the face's own form.
    async fn answer(&self, call: Call) -> Answer;

    /// What the server refused by itself (a login, a method, a body), in the face's own form. Its status and what its
    /// headers say stay.
    fn reword(&self, refused: Response<Bytes>) -> Response<Bytes> {
        refused
    }

    /// The face's own way of saying "too many requests in flight, try again", to the request of this id.
    fn busy(&self, request_id: Uuid) -> Response<Bytes>;
}

/// A question for these mailboxes, in their order; one that is no address keeps its place.
fn question(
    (caller, origin): (&Arc<Caller>, Origin),
    mailboxes: impl IntoIterator<Item = Result<SmtpAddress, MailboxError>>,
    window: TimeWindow,
    detail: Detail,
) -> AvailabilityQuery {
    let attendees = mailboxes.into_iter().map(|mailbox| Attendee {
        mailbox,
        role: AttendeeRole::default(),
        exclude_conflicts: false,
    });
    AvailabilityQuery {
        caller: Arc::clone(caller),
        attendees: attendees.collect(),
        window,
        detail,
        origin,
    }
}

/// What a face answers to a call.
#[derive(Debug)]
pub struct Answer {
    pub response: Response<Bytes>,
    /// What the call turned out to ask for, for the metrics.
    pub operation: Option<&'static str>,
    /// It says that a secret which the face has compared is wrong, and is sent as late as the server says so.
    pub is_held_back: bool,
}

impl Answer {
    pub fn to(operation: &'static str, response: Response<Bytes>) -> Self {
        Self {
            operation: Some(operation),
            ..response.into()
        }
    }
}

impl From<Response<Bytes>> for Answer {
    fn from(response: Response<Bytes>) -> Self {
        Self {
            response,
            operation: None,
            is_held_back: false,
        }
    }
}

/// The answer of a path that does not exist, for faces that do not want to be found by everybody. It is the very answer
/// that the server gives by itself.
pub fn no_such_path() -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(b"There is nothing at this address.\n"));
    *response.status_mut() = StatusCode::NOT_FOUND;
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}

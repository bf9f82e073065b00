//! One request's way from its head to its answer, as one readable list: route, address, method, room, body, login, face.
//!
//! Knows HTTP but no sockets. The order is part of the contract: what costs nothing comes first, and the body is read
//! before a 401 so that a caller who first asks without credentials keeps the connection.

mod denial;
mod refusals;
mod span;
mod succession;

use std::convert::Infallible;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tracing::field::display;
use uuid::Uuid;

use refusals::{broken, busy, refuse, refuse_body, refuse_unread};

use super::body::{self, BodyReader};
use super::compress::{self, Coding};
use super::count::CountedRequest;
use super::gate::Gates;
use super::login::{self, Login, Recent, Shown};
use super::pulse::Pulse;
use super::reply::{self, Refusal};
use super::settings::{ServerLimits, ServerSettings};
use super::stop::Stop;
use super::within::within;
use crate::domain::Trace;
use crate::face::{Answer, Call, Face, Parameters, Route, Routes, trace_of};
use crate::metrics::Metrics;
use crate::metrics::labels::NONE;

/// Header lines of one request, and bytes of all of them. The connection takes twice as much before it gives up without
/// an answer of ours.
pub(super) const MAX_HEADERS: usize = 100;
pub(super) const MAX_HEADER_BYTES: usize = 64 << 10;
/// What a turned away caller waits.
const COME_BACK: Duration = Duration::from_secs(1);
/// A face ought to have answered by its deadline; it is still waited for by this part of the deadline.
const OVERTIME: u32 = 5;

/// What all requests share.
pub(super) struct Pipeline {
    routes: Routes,
    gates: Gates,
    limits: ServerLimits,
    realm: String,
    in_flight: Arc<Semaphore>,
    bodies: BodyReader,
    metrics: Arc<Metrics>,
    stop: Stop,
}

/// Where a request comes from.
#[derive(Clone)]
pub(super) struct Origin {
    /// The peer, or who the peer announced in its PROXY header.
    pub(super) source: IpAddr,
    /// SHA-256 of the certificate that it has shown, where it has a valid one.
    pub(super) certificate: Option<[u8; 32]>,
    pub(super) pulse: Arc<Pulse>,
    /// Who logged in before on this connection.
    pub(super) recent: Arc<Recent>,
}

/// A request that a route's gate let through.
struct Passed<'a> {
    head: &'a mut Parts,
    route: &'a Route,
    parameters: Parameters,
    client: IpAddr,
    origin: &'a Origin,
    id: Uuid,
    trace: Option<Trace>,
}

/// How a caller wants any answer. Read at the start: the face takes the request's headers away.
struct Wanted {
    coding: Option<Coding>,
    client_id: Option<HeaderValue>,
    /// The trace that it says to belong to, in the span of this request.
    trace: Option<Trace>,
}

impl Wanted {
    fn of(head: &Parts, id: Uuid) -> Self {
        Self {
            coding: compress::choose(&head.headers),
            client_id: reply::client_request_id(&head.headers),
            trace: trace_of(&head.headers).map(|trace| trace.within(id)),
        }
    }
}

/// An answer on its way out.
struct Outgoing {
    response: Response<Bytes>,
    /// Its template: the path itself may have a key or an address in it.
    route: Option<Arc<str>>,
    face: &'static str,
    /// For the metrics.
    operation: &'static str,
    outcome: &'static str,
    /// Most refusals are logged at a lower level than answers.
    refused: bool,
    /// The request's body was not read to its end.
    body_left: bool,
}

impl Pipeline {
    pub(super) fn new(
        settings: &ServerSettings,
        routes: Routes,
        gates: Gates,
        metrics: Arc<Metrics>,
        stop: Stop,
    ) -> Self {
        let limits = settings.limits.clone();
        Self {
            gates,
            routes,
            realm: settings.realm.clone(),
            in_flight: Arc::new(Semaphore::new(
                limits.max_in_flight.min(Semaphore::MAX_PERMITS),
            )),
            bodies: BodyReader::new(&limits),
            limits,
            metrics,
            stop,
        }
    }

    pub(super) fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    pub(super) fn login(&self) -> &Arc<Login> {
        self.gates.login()
    }

    /// Never fails and never panics.
    pub(super) async fn answer(
        &self,
        request: Request<Incoming>,
        origin: Origin,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let _in_work = origin.pulse.begin();
        let id = Uuid::new_v4();
        let counted = CountedRequest::begin(&self.metrics, id);
        let (mut head, body) = request.into_parts();
        let wanted = Wanted::of(&head, id);
        let outgoing =
            AssertUnwindSafe(self.walk(&mut head, body, &origin, (id, wanted.trace.clone())))
                .catch_unwind()
                .await
                .unwrap_or_else(|panic| broken(id, panic.as_ref()));
        let (took, trace) = (counted.elapsed(), wanted.trace.as_ref());
        log(&head.method, &outgoing, took, (id, trace));
        span::tell(&head.method, &outgoing, took, (id, trace));
        let asked = (outgoing.face, outgoing.operation);
        counted.end(asked, outgoing.outcome, took);
        if outgoing.body_left {
            origin.pulse.leave_body_unread();
        }
        let closes = outgoing.body_left || self.stop.is_said();
        let mut response = compress::as_asked(wanted.coding, outgoing.response).await;
        reply::sign(response.headers_mut(), id, wanted.client_id);
        if closes && head.version < Version::HTTP_2 {
            reply::announce_close(response.headers_mut());
        }
        Ok(if head.method == Method::HEAD {
            without_body(response)
        } else {
            response.map(Full::new)
        })
    }

    async fn walk(
        &self,
        head: &mut Parts,
        body: Incoming,
        origin: &Origin,
        (id, trace): (Uuid, Option<Trace>),
    ) -> Outgoing {
        let Some((route, parameters)) = self.routes.find(head.uri.path()) else {
            return refuse_unread(head, body, NONE, Refusal::NoSuchPath).await;
        };
        let mut outgoing = match self.admit(head, route, &parameters, origin) {
            Ok(client) => {
                let passed = Passed {
                    head,
                    route,
                    parameters,
                    client,
                    origin,
                    id,
                    trace,
                };
                self.attend(passed, body).await
            }
            Err(Refusal::NoSuchPath) => {
                return refuse_unread(head, body, NONE, Refusal::NoSuchPath).await;
            }
            Err(refusal) => refuse_unread(head, body, route.face.name(), refusal).await,
        };
        if outgoing.refused {
            outgoing.response = route.face.reword(outgoing.response);
        }
        outgoing.route = Some(Arc::clone(&route.template));
        outgoing
    }

    /// A request that may be made here, from its body on.
    async fn attend(&self, passed: Passed<'_>, body: Incoming) -> Outgoing {
        let Passed { head, route, .. } = passed;
        let face = route.face.as_ref();
        let Ok(permit) = self.in_flight.try_acquire() else {
            let body_left = !body::discard(&head.headers, body).await;
            return Outgoing {
                body_left,
                ..busy(face, passed.id)
            };
        };
        if is_compressed(&head.headers) {
            return refuse_unread(head, body, face.name(), Refusal::CompressedBody).await;
        }
        let (bytes, share) = match self.bodies.read(body).await {
            Ok(held) => held.into_parts(),
            Err(error) => return refuse_body(face, error, passed.id),
        };
        let shown = Shown {
            headers: &head.headers,
            client: passed.client,
            certificate: passed.origin.certificate,
            recent: Some(&passed.origin.recent),
        };
        let caller = self.gates.caller(route, &passed.parameters, &shown);
        let caller = match caller.await {
            Ok(caller) => caller,
            Err(denied) => {
                // An answer that is held back holds nothing else.
                drop((permit, bytes, share));
                return self.deny(route, denied, passed.client).await;
            }
        };
        let deadline = Instant::now() + self.limits.deadline;
        let overtime = self.limits.deadline / OVERTIME;
        let call = Call {
            method: face_method(route, &head.method),
            path: head.uri.path().into(),
            template: Arc::clone(&route.template),
            parameters: passed.parameters,
            query: head.uri.query().map(Into::into),
            client: passed.client,
            headers: self.headers_for(route, std::mem::take(&mut head.headers)),
            body: bytes,
            caller,
            request_id: passed.id,
            trace: passed.trace,
            deadline,
        };
        let Ok(answer) = within(|| deadline + overtime, face.answer(call)).await else {
            return refuse(face.name(), &Refusal::Late(COME_BACK));
        };
        if answer.is_held_back {
            drop((permit, share));
            login::hold_back().await;
        }
        answered(face, answer)
    }

    /// What can be told from the head alone.
    fn admit(
        &self,
        head: &Parts,
        route: &Route,
        parameters: &Parameters,
        origin: &Origin,
    ) -> Result<IpAddr, Refusal> {
        let client = self
            .gates
            .admit(route, origin.source, &head.headers)
            .inspect_err(|_| self.metrics.denied())?;
        if route.face.is_hidden_from(parameters, client) {
            return Err(Refusal::NoSuchPath);
        }
        if head.headers.len() > MAX_HEADERS || header_bytes(&head.headers) > MAX_HEADER_BYTES {
            return Err(Refusal::TooManyHeaders);
        }
        if !route.methods.contains(&face_method(route, &head.method)) {
            return Err(Refusal::Method(route.methods));
        }
        Ok(client)
    }

    /// A face has no use for the password, unless it is the one that compares it.
    fn headers_for(&self, route: &Route, mut headers: HeaderMap) -> HeaderMap {
        if !self.gates.leaves_credentials(route) {
            headers.remove(AUTHORIZATION);
        }
        headers
    }
}

fn answered(face: &dyn Face, answer: Answer) -> Outgoing {
    let status = answer.response.status();
    let failed = status.is_client_error() || status.is_server_error();
    Outgoing {
        response: answer.response,
        route: None,
        face: face.name(),
        operation: answer.operation.unwrap_or(NONE),
        outcome: if failed { "fault" } else { "answered" },
        refused: false,
        body_left: false,
    }
}

/// HEAD is GET without the body, unless a route wants it otherwise.
fn face_method(route: &Route, method: &Method) -> Method {
    if *method == Method::HEAD && !route.methods.contains(method) {
        Method::GET
    } else {
        method.clone()
    }
}

/// As on the wire of HTTP/1.1.
fn header_bytes(headers: &HeaderMap) -> usize {
    headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum()
}

fn is_compressed(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_ENCODING).iter().any(|coding| {
        !coding
            .as_bytes()
            .trim_ascii()
            .eq_ignore_ascii_case(b"identity")
    })
}

fn without_body(response: Response<Bytes>) -> Response<Full<Bytes>> {
    let (mut head, body) = response.into_parts();
    // What has not changed has the length of the answer that it stands for, which is not here.
    if head.status != StatusCode::NOT_MODIFIED {
        head.headers
            .insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    Response::from_parts(head, Full::default())
}

/// No address, no account and no path, only the route's template: none of them is needed to see what the server does.
fn log(method: &Method, outgoing: &Outgoing, took: Duration, (id, trace): (Uuid, Option<&Trace>)) {
    let (face, status) = (outgoing.face, outgoing.response.status().as_u16());
    let route = outgoing.route.as_deref().unwrap_or(NONE);
    let duration_ms = took.as_millis() as u64;
    // One that begins here has the request's own id.
    let trace = trace.map(|trace| display(trace.id()));
    // What an operator wants to see is told as answers are; what anybody on the network can cause, if asked for.
    if outgoing.refused && !matches!(outgoing.outcome, "busy" | "timeout") {
        tracing::debug!(face, route, %method, status, duration_ms, request_id = %id, trace_id = trace, "Refused a request");
    } else if outgoing.refused {
        tracing::info!(face, route, %method, status, duration_ms, request_id = %id, trace_id = trace, "Turned a request away");
    } else {
        tracing::info!(face, route, %method, status, duration_ms, request_id = %id, trace_id = trace, "Answered a request");
    }
}

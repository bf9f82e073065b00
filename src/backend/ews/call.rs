//! One call to an Exchange server: the HTTP request, and what the answer means for the account, the schema level and the
//! caller. Tries nothing twice.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Client, Response, StatusCode, Url};
use tokio::task::spawn_blocking;
use tracing::debug;
use uuid::Uuid;

use super::asking::Asking;
use super::login::{Credential, Login};
use super::refusal;
use crate::backend::build::BuildProblem;
use crate::backend::http;
use crate::backend::instance::Instance;
use crate::backend::{Ask, EndpointError};
use crate::codec::ews::reaction::{Reaction, reaction};
use crate::codec::ews::upstream::{ReadError, SchemaLevel};
use crate::domain::{Trace, Via};

/// Exactly so, with the blank: Exchange 2010 answers 415 to anything else.
const XML: &str = "text/xml; charset=utf-8";

/// The longest answer that is read between other work, in bytes: about a millisecond.
const LONGEST_AT_ONCE: usize = 256 << 10;

/// The server's address, the clock that its dates are compared with, and the name that calls go under.
pub(super) struct Server {
    url: Url,
    instance: Instance,
}

/// Why one call gave nothing, and what may be tried next.
pub(super) enum Failure {
    /// The server refused the login.
    Refused(Arc<str>),
    /// The server took the login, and does not let this account do what it was asked for.
    Forbidden(Arc<str>),
    /// The same, or something in front of the server that lets nobody through: only what another account gets tells.
    PerhapsForbidden(Arc<str>),
    /// The account is to wait.
    Throttled(Option<Duration>),
    /// Another account would fare no better.
    Any(Setback),
}

/// Why no account gets an answer.
pub(super) enum Setback {
    /// The server may know an older schema.
    Level(EndpointError),
    /// Nothing else is worth trying now.
    Final(EndpointError),
}

impl From<EndpointError> for Failure {
    fn from(error: EndpointError) -> Self {
        Self::Any(Setback::Final(error))
    }
}

impl Server {
    pub(super) fn new(url: &str, instance: &Instance) -> Result<Self, BuildProblem> {
        let url = Url::parse(url)
            .ok()
            .filter(|url| url.scheme() == "https" && url.host_str().is_some())
            .ok_or(BuildProblem::Url)?;
        Ok(Self {
            url,
            instance: instance.clone(),
        })
    }

    pub(super) fn now(&self) -> Timestamp {
        self.instance.clock.now()
    }

    /// One HTTP request and what its answer says. Of `ask`, only where the question comes from is looked at.
    pub(super) async fn call<A: Asking>(
        &self,
        login: &Login,
        (asking, level): (&A, SchemaLevel),
        ask: &Ask,
    ) -> Result<A::Answer, Failure> {
        let credential = login.credential().await?;
        let client = login.client();
        let result = self
            .call_as(client, &credential, (asking, level), ask)
            .await;
        match result {
            // Once: a token that is new is not refused for its age.
            Err(Failure::Refused(_)) if login.refused(&credential) => {
                let credential = login.credential().await?;
                self.call_as(client, &credential, (asking, level), ask)
                    .await
            }
            result => result,
        }
    }

    async fn call_as<A: Asking>(
        &self,
        client: &Client,
        credential: &Credential<'_>,
        (asking, level): (&A, SchemaLevel),
        ask: &Ask,
    ) -> Result<A::Answer, Failure> {
        let fresh = Uuid::new_v4();
        let request_id = (ask.trace.as_ref()).map_or(fresh, |trace| trace.name_of_call(fresh));
        let mut request = client
            .post(self.url.clone())
            .header(CONTENT_TYPE, XML)
            .header(ACCEPT, "text/xml")
            .header("client-request-id", request_id.to_string())
            .header("return-client-request-id", "true")
            .header(Via::HEADER, ask.via.with(&self.instance.id).to_string());
        if let Some(trace) = &ask.trace {
            request = request.header(Trace::HEADER, trace.header());
            if let Some(state) = trace.state() {
                request = request.header(Trace::STATE_HEADER, state);
            }
        }
        let answer = http::send(credential.log_in(request, asking.write(level))).await?;
        trace_answer(request_id, &answer);
        let by_token = credential.is_token();
        self.judge(answer, asking, level, by_token).await
    }

    async fn judge<A: Asking>(
        &self,
        answer: Response,
        asking: &A,
        level: SchemaLevel,
        by_token: bool,
    ) -> Result<A::Answer, Failure> {
        let status = answer.status();
        let headers = answer.headers().clone();
        match status {
            StatusCode::OK => {
                if let Some(error) = refusal::not_xml(&headers) {
                    return Err(error.into());
                }
                let body = http::body(answer).await?;
                let read = decode(&body, asking, level).await?;
                read.map_err(|error| unreadable(error, &body))
            }
            StatusCode::INTERNAL_SERVER_ERROR => {
                let body = http::body(answer).await?;
                match decode(&body, asking, level).await? {
                    Err(error @ ReadError::Fault { .. }) => Err(unreadable(error, &body)),
                    Ok(_) | Err(ReadError::Count { .. } | ReadError::Decode(_)) => {
                        Err(EndpointError::Status(status.as_u16()).into())
                    }
                }
            }
            StatusCode::UNAUTHORIZED if by_token => {
                Err(Failure::Refused(refusal::token_refused(&headers)))
            }
            StatusCode::UNAUTHORIZED => Err(Failure::Refused(refusal::unauthorized(&headers))),
            StatusCode::FORBIDDEN if by_token || refusal::is_online(&self.url) => {
                Err(Failure::Forbidden(refusal::FORBIDDEN_ONLINE.into()))
            }
            StatusCode::FORBIDDEN => Err(Failure::PerhapsForbidden(refusal::FORBIDDEN.into())),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Err(
                Failure::Throttled(refusal::retry_after(&headers, self.instance.clock.now())),
            ),
            _ => Err(refusal::other(status, &headers, &self.url).into()),
        }
    }
}

/// Reads an answer. A long one is read on a thread of its own: it would keep everything else waiting.
async fn decode<A: Asking>(
    body: &Bytes,
    asking: &A,
    level: SchemaLevel,
) -> Result<Result<A::Answer, ReadError>, EndpointError> {
    if body.len() <= LONGEST_AT_ONCE {
        return Ok(asking.read(body, level));
    }
    let (body, asking) = (body.clone(), asking.clone());
    spawn_blocking(move || asking.read(&body, level))
        .await
        .map_err(|_| EndpointError::BadAnswer("reading it was broken off".into()))
}

fn unreadable(error: ReadError, body: &[u8]) -> Failure {
    match error {
        ReadError::Fault {
            code,
            text,
            back_off,
        } => {
            let kind = reaction(&code);
            let fault = EndpointError::Fault {
                code: refusal::without_addresses(&code).into(),
                text: refusal::without_addresses(&text).into(),
                transient: kind == Reaction::TryAgain,
            };
            match kind {
                Reaction::Wait => Failure::Throttled(back_off),
                Reaction::LowerLevel => Failure::Any(Setback::Level(fault)),
                Reaction::OtherAccount => Failure::Forbidden(fault.to_string().into()),
                Reaction::TryAgain | Reaction::GiveUp => fault.into(),
            }
        }
        ReadError::Count { .. } => EndpointError::BadAnswer(error.to_string().into()).into(),
        ReadError::Decode(text) => refusal::unreadable(&text, body).into(),
    }
}

/// What an administrator of the server needs to find the request in its own logs.
fn trace_answer(request_id: Uuid, answer: &Response) {
    let header = |name: &str| refusal::text_of(answer.headers(), name);
    debug!(
        client_request_id = %request_id,
        status = answer.status().as_u16(),
        request_id = header("request-id"),
        front_end = header("x-feserver"),
        back_end = header("x-beserver"),
        "Answer of the server"
    );
}

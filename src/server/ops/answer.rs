//! From a request to the ops listener to its answer. Knows HTTP but no sockets.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use tokio_util::sync::CancellationToken;

use super::front::Front;
use super::origin::{self, Foreign, Own};
use super::process::Process;
use super::scope::{self, ScopeError};
use super::{OpsTarget, Readiness, Reloaded, page};
use crate::metrics::{Metrics, TEXT_FORMAT};
use crate::server::login::{self, Denied};

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
/// A page of another origin cannot send it without asking first, and nobody answers that question.
const WANTED: HeaderName = HeaderName::from_static("x-calbridge-ops");
/// An address and its name take less.
const MAX_BODY: usize = 4 << 10;

/// One connection, as far as it decides over its answer.
#[derive(Clone)]
pub(super) struct Visit {
    /// The address that the connection was made to.
    pub(super) local: IpAddr,
    pub(super) peer: IpAddr,
    pub(super) front: Arc<Front>,
    /// Cancelled when the gateway is about to end.
    pub(super) stopping: CancellationToken,
    /// Cancelled when the request is one that may take long.
    pub(super) reloads: CancellationToken,
}

/// Who answers.
pub(super) struct Desk {
    target: Arc<dyn OpsTarget>,
    metrics: Arc<Metrics>,
    process: Process,
}

impl Desk {
    pub(super) fn new(target: Arc<dyn OpsTarget>, metrics: Arc<Metrics>) -> Self {
        Self {
            target,
            metrics,
            process: Process::new(),
        }
    }

    pub(super) async fn answer(
        &self,
        request: Request<Incoming>,
        visit: &Visit,
    ) -> Response<Full<Bytes>> {
        let is_head = request.method() == Method::HEAD;
        let own = Own {
            address: visit.local,
            hosts: &visit.front.hosts,
            has_tls: visit.front.tls.is_some(),
        };
        let mut response = match origin::check(request.uri(), request.headers(), &own) {
            Ok(()) => match self.admit(&request, visit).await {
                Ok(()) => self.answer_own(request, visit).await,
                Err(refusal) => refusal,
            },
            Err(Foreign::Host) => say(
                StatusCode::MISDIRECTED_REQUEST,
                "Ask by the listener's address or as localhost.\n",
            ),
            Err(Foreign::Page) => say(
                StatusCode::FORBIDDEN,
                "Pages of other origins may not ask.\n",
            ),
        };
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if is_head {
            let length = HeaderValue::from(response.body().len());
            response.headers_mut().insert(CONTENT_LENGTH, length);
            *response.body_mut() = Bytes::new();
        }
        response.map(Full::new)
    }

    /// Probes ask without a login: whether it lives and is ready is no secret.
    async fn admit(
        &self,
        request: &Request<Incoming>,
        visit: &Visit,
    ) -> Result<(), Response<Bytes>> {
        if matches!(request.uri().path(), "/livez" | "/readyz") && request.uri().query().is_none() {
            return Ok(());
        }
        let admitted = visit.front.admits(request.headers(), visit.peer).await;
        match admitted.inspect_err(|denied| denied.tell(visit.peer)) {
            Ok(()) => Ok(()),
            Err(Denied::Overloaded) => Err(say(
                StatusCode::SERVICE_UNAVAILABLE,
                "Too many logins wait to be verified.\n",
            )),
            Err(Denied::Limited(_)) => Err(say(
                StatusCode::TOO_MANY_REQUESTS,
                "Too many wrong passwords came from there. Wait a minute.\n",
            )),
            Err(Denied::Absent) => Err(challenge()),
            Err(Denied::InvalidToken) => {
                self.metrics.login_failed();
                Err(challenge())
            }
            Err(Denied::Wrong) => {
                self.metrics.login_failed();
                tracing::warn!("A login at the ops listener was refused");
                login::hold_back().await;
                Err(challenge())
            }
        }
    }

    async fn answer_own(&self, request: Request<Incoming>, visit: &Visit) -> Response<Bytes> {
        let stopping = visit.stopping.is_cancelled();
        let query = request.uri().query().unwrap_or("");
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        match request.uri().path() {
            "/" | "/setup" | "/style.css" | "/icon.svg" | "/metrics" | "/livez" | "/readyz"
                if !reads =>
            {
                not_allowed("GET, HEAD")
            }
            "/" => page::status(&self.target, query, visit.front.has_login()).await,
            "/setup" => page::setup(&self.target, visit.front.has_login()),
            "/style.css" => page::style(),
            "/icon.svg" => page::icon(),
            "/metrics" => self.metrics(),
            "/livez" => respond(StatusCode::OK, TEXT, "ok\n"),
            "/readyz" => readyz(&self.target.ready(), stopping, is_verbose(query)),
            "/cache/drop" | "/reload" if *request.method() != Method::POST => not_allowed("POST"),
            "/cache/drop" => self.drop_cached(request).await,
            "/reload" => self.reload(request.headers(), visit).await,
            _ => say(StatusCode::NOT_FOUND, "There is nothing at this address.\n"),
        }
    }

    fn metrics(&self) -> Response<Bytes> {
        self.target.refresh_metrics();
        let text = self.metrics.render() + &self.process.render();
        respond(StatusCode::OK, TEXT_FORMAT, text)
    }

    async fn reload(&self, headers: &HeaderMap, visit: &Visit) -> Response<Bytes> {
        if let Some(refusal) = unwanted(headers) {
            return refusal;
        }
        visit.reloads.cancel();
        // In a task of its own: who hangs up does not leave a change half made.
        let target = Arc::clone(&self.target);
        let Ok(reloaded) = tokio::spawn(async move { target.reload().await }).await else {
            return fail(StatusCode::INTERNAL_SERVER_ERROR, "a defect of calbridge");
        };
        match reloaded {
            Reloaded::Applied(changes) => respond(StatusCode::OK, JSON, format!("{changes}\n")),
            Reloaded::Refused(problems) => {
                let answer = serde_json::json!({
                    "error": "the configuration is not used, the old one serves on",
                    "problems": problems,
                });
                respond(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    JSON,
                    format!("{answer}\n"),
                )
            }
        }
    }

    async fn drop_cached(&self, request: Request<Incoming>) -> Response<Bytes> {
        let (head, body) = request.into_parts();
        if let Some(refusal) = unwanted(&head.headers) {
            return refusal;
        }
        let body = match Limited::new(body, MAX_BODY).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => {
                return fail(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large");
            }
            Err(_) => return fail(StatusCode::BAD_REQUEST, "the body breaks off"),
        };
        let content_type = head.headers.get(CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok());
        let scope = match scope::read(head.uri.query(), content_type, &body) {
            Ok(scope) => scope,
            Err(error @ ScopeError::MediaType) => {
                return fail(StatusCode::UNSUPPORTED_MEDIA_TYPE, &error.to_string());
            }
            Err(error) => return fail(StatusCode::BAD_REQUEST, &error.to_string()),
        };
        let target = Arc::clone(&self.target);
        // It may have to look at every entry.
        match tokio::task::spawn_blocking(move || target.drop_cached(&scope)).await {
            Ok(dropped) => {
                tracing::info!(
                    dropped,
                    "Dropped cached answers, as asked over the ops listener"
                );
                let answer = serde_json::json!({ "dropped": dropped });
                respond(StatusCode::OK, JSON, format!("{answer}\n"))
            }
            Err(_) => fail(StatusCode::INTERNAL_SERVER_ERROR, "a defect of calbridge"),
        }
    }
}

/// What a request that changes something is refused with where a page may have sent it.
fn unwanted(headers: &HeaderMap) -> Option<Response<Bytes>> {
    let is_wanted = headers.get(WANTED).is_some_and(|value| value == "1");
    (!is_wanted).then(|| {
        fail(
            StatusCode::FORBIDDEN,
            "the header X-Calbridge-Ops: 1 is missing",
        )
    })
}

/// `?verbose`, as Kubernetes' own probes have it.
fn is_verbose(query: &str) -> bool {
    query.split('&').any(|part| {
        let name = part.split('=').next();
        name == Some("verbose")
    })
}

fn readyz(readiness: &Readiness, stopping: bool, verbose: bool) -> Response<Bytes> {
    let is_ready = readiness.is_ready() && !stopping;
    let mut text = String::new();
    if verbose {
        // Binding comes before this listener is served at all.
        let listener = if stopping { "stopping" } else { "bound" };
        line(&mut text, !stopping, "listener", listener);
        let configuration = if readiness.has_newest_configuration {
            "in use"
        } else {
            "as last read it was refused; the one before serves"
        };
        line(&mut text, true, "configuration", configuration);
        if !readiness.has_newest_certificates {
            let state = "as last read they were refused; those from before are shown";
            line(&mut text, true, "certificates", state);
        }
        for shown in &readiness.certificates {
            let name = format!("certificate {}", shown.names);
            let state = if shown.valid {
                "valid until"
            } else {
                "expired on"
            };
            line(
                &mut text,
                shown.valid,
                &name,
                &format!("{state} {}", shown.ends),
            );
        }
        for endpoint in &readiness.endpoints {
            let name = format!("endpoint {}", endpoint.name);
            line(&mut text, endpoint.usable, &name, endpoint.state);
        }
    }
    text.push_str(if is_ready { "ready\n" } else { "not ready\n" });
    let status = if is_ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    respond(status, TEXT, text)
}

fn line(text: &mut String, good: bool, what: &str, state: &str) {
    let sign = if good { '+' } else { '-' };
    // Writing to a String does not fail.
    let _ = writeln!(text, "[{sign}] {what}: {state}");
}

fn challenge() -> Response<Bytes> {
    let mut response = say(
        StatusCode::UNAUTHORIZED,
        "This needs the login of [ops.login].\n",
    );
    let realm = HeaderValue::from_static("Basic realm=\"calbridge ops\", charset=\"UTF-8\"");
    response.headers_mut().insert(WWW_AUTHENTICATE, realm);
    response
}

fn not_allowed(methods: &'static str) -> Response<Bytes> {
    let mut response = say(
        StatusCode::METHOD_NOT_ALLOWED,
        "There is another method for this address.\n",
    );
    let methods = HeaderValue::from_static(methods);
    response.headers_mut().insert(ALLOW, methods);
    response
}

fn say(status: StatusCode, text: &'static str) -> Response<Bytes> {
    respond(status, TEXT, text)
}

fn fail(status: StatusCode, text: &str) -> Response<Bytes> {
    let answer = serde_json::json!({ "error": text });
    respond(status, JSON, format!("{answer}\n"))
}

fn respond(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static(content_type);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

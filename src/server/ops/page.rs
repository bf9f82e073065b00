//! The pages for people: how the gateway is, what a mailbox's day looks like, and what is to be pasted where. They work
//! without script and name nothing of another host.

use std::sync::Arc;

use askama::Template;
use bytes::Bytes;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use http::{HeaderValue, Response, StatusCode};
use jiff::civil::Date;

use super::OpsTarget;
use crate::domain::SmtpAddress;

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const CSS: HeaderValue = HeaderValue::from_static("text/css; charset=utf-8");
const STYLE: &str = include_str!("../../../templates/style.css");
/// Nothing but our own style; the form leads back here.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

/// How the gateway is, in words.
#[derive(Debug, Clone, Default)]
pub struct Status {
    pub version: &'static str,
    pub now: String,
    pub ready: bool,
    pub endpoints: Vec<EndpointStatus>,
    pub cache_entries: u64,
    pub cache_bytes: u64,
    pub expiries: Vec<ExpiryStatus>,
    pub denied: Vec<DeniedNetwork>,
}

#[derive(Debug, Clone, Default)]
pub struct EndpointStatus {
    pub name: String,
    pub usable: bool,
    pub state: &'static str,
    pub in_flight: usize,
    pub last_success: String,
    pub last_error: String,
    pub spark: Sparkline,
    pub accounts: Vec<AccountStatus>,
}

/// Times of the latest calls as the points of a line, 24 high.
#[derive(Debug, Clone, Default)]
pub struct Sparkline {
    pub points: String,
    pub width: usize,
    /// Milliseconds of the slowest.
    pub most: u64,
}

#[derive(Debug, Clone)]
pub struct AccountStatus {
    pub address: String,
    pub usable: bool,
    pub state: &'static str,
    pub left: String,
    pub in_flight: usize,
}

#[derive(Debug, Clone)]
pub struct ExpiryStatus {
    pub what: String,
    pub on: String,
    pub days: i64,
}

/// Networks only: who it was exactly is nobody's concern.
#[derive(Debug, Clone)]
pub struct DeniedNetwork {
    pub network: String,
    pub last: String,
    pub count: u64,
}

/// One mailbox's day.
#[derive(Debug, Clone, Default)]
pub struct LookUp {
    pub error: Option<String>,
    pub events: Vec<LookUpEvent>,
    pub explanation: Vec<Line>,
    pub hours: Vec<Hour>,
}

#[derive(Debug, Clone)]
pub struct LookUpEvent {
    /// Minutes of the day.
    pub from: i64,
    pub width: i64,
    pub begins: String,
    pub ends: String,
    pub status: &'static str,
    /// `busy`, `tentative`, `away` or `none`.
    pub class: &'static str,
}

#[derive(Debug, Clone)]
pub struct Line {
    pub word: &'static str,
    pub text: String,
}

#[derive(Debug, Clone)]
pub struct Hour {
    pub x: i64,
    pub text: String,
}

/// What others have to be told of this gateway.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    pub ews_url: String,
    pub base_url: String,
    pub role_accounts: Vec<String>,
    pub south_account: String,
}

#[derive(Default)]
struct Asked {
    mailbox: String,
    day: String,
    problem: Option<&'static str>,
    found: Option<LookUp>,
}

#[derive(Template)]
#[template(path = "status.html")]
struct StatusPage {
    status: Status,
    may_look_up: bool,
    asked: Asked,
}

#[derive(Template)]
#[template(path = "setup.html")]
struct SetupPage {
    setup: Setup,
}

/// `query` may ask for a mailbox's day; it is answered to those who have logged in only.
pub(super) async fn status(
    target: &Arc<dyn OpsTarget>,
    query: &str,
    may_look_up: bool,
) -> Response<Bytes> {
    let asked = if may_look_up {
        look_up(target, query).await
    } else {
        Asked::default()
    };
    let page = StatusPage {
        status: target.status(),
        may_look_up,
        asked,
    };
    answer(&page)
}

pub(super) fn setup(target: &Arc<dyn OpsTarget>) -> Response<Bytes> {
    answer(&SetupPage {
        setup: target.setup(),
    })
}

pub(super) fn style() -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(STYLE.as_bytes()));
    response.headers_mut().insert(CONTENT_TYPE, CSS);
    response
}

async fn look_up(target: &Arc<dyn OpsTarget>, query: &str) -> Asked {
    let mut asked = Asked {
        day: target.today().to_string(),
        ..Asked::default()
    };
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "mailbox" => asked.mailbox = value.trim().to_owned(),
            "day" if !value.is_empty() => asked.day = value.into_owned(),
            _ => {}
        }
    }
    if asked.mailbox.is_empty() {
        return asked;
    }
    match (
        SmtpAddress::parse(&asked.mailbox),
        asked.day.parse::<Date>(),
    ) {
        (Ok(mailbox), Ok(day)) => asked.found = target.look_up(&mailbox, day).await,
        (Err(_), _) => asked.problem = Some("This is no address of a mailbox."),
        (Ok(_), Err(_)) => asked.problem = Some("This is no day, as 2026-09-07."),
    }
    asked
}

fn answer(page: &impl Template) -> Response<Bytes> {
    let Ok(text) = page.render() else {
        let mut response = Response::default();
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        return response;
    };
    let mut response = Response::new(Bytes::from(text));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HTML);
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

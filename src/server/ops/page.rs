//! The pages for people: how the gateway is, what a mailbox's day looks like, and what is to be pasted where. They work
//! without script and name nothing of another host.

use std::fmt;
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
const SVG: HeaderValue = HeaderValue::from_static("image/svg+xml");
const STYLE: &str = include_str!("../../../templates/style.css");
const ICON: &str = include_str!("../../../templates/icon.svg");
/// Nothing but our own style and icon; the form leads back here.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

/// Days before an expiry at which it is time to act, and to think of it.
const SOON: i64 = 7;
const SOME_DAY: i64 = 30;

/// How the gateway is, in words.
#[derive(Debug, Clone, Default)]
pub struct Status {
    pub version: &'static str,
    pub now: String,
    pub tone: Tone,
    pub headline: &'static str,
    pub summary: String,
    pub refusals: Vec<RefusalStatus>,
    pub endpoints: Vec<EndpointStatus>,
    pub cache_entries: u64,
    pub cache_bytes: String,
    /// The part of all mailboxes that was answered without asking.
    pub cache_answers: String,
    pub expiries: Vec<ExpiryStatus>,
    pub denied: Vec<DeniedNetwork>,
}

/// How something is meant to look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tone {
    #[default]
    Good,
    Warn,
    Bad,
}

impl fmt::Display for Tone {
    /// The class of the style.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Good => "good",
            Self::Warn => "warn",
            Self::Bad => "bad",
        })
    }
}

/// What was last read from disk and is not used.
#[derive(Debug, Clone)]
pub struct RefusalStatus {
    /// As it begins a sentence.
    pub what: &'static str,
    pub at: String,
    /// For those who have logged in only: they name files and values.
    pub problems: Vec<String>,
}

#[derive(Debug, Clone, Default)]
pub struct EndpointStatus {
    pub name: String,
    pub domains: String,
    pub tone: Tone,
    pub state: &'static str,
    pub breaker: String,
    pub in_flight: usize,
    pub last_success: String,
    pub last_error: Option<ErrorStatus>,
    /// The last call has failed.
    pub failing: bool,
    pub spark: Sparkline,
    pub accounts: Vec<AccountStatus>,
}

#[derive(Debug, Clone)]
pub struct ErrorStatus {
    pub at: String,
    pub text: String,
}

/// Times of the latest calls as the points of a line in a field of 240 by 48.
#[derive(Debug, Clone, Default)]
pub struct Sparkline {
    /// Empty where there were no calls.
    pub line: String,
    /// What lies below the line.
    pub area: String,
    pub calls: usize,
    /// The slowest and the last one, with their unit.
    pub most: String,
    pub last: String,
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
    /// Below zero where it has expired.
    pub days: i64,
}

impl ExpiryStatus {
    pub fn tone(&self) -> Tone {
        match self.days {
            ..SOON => Tone::Bad,
            SOON..SOME_DAY => Tone::Warn,
            SOME_DAY.. => Tone::Good,
        }
    }

    fn left(&self) -> String {
        match self.days {
            ..0 => "expired".to_owned(),
            0 => "less than a day".to_owned(),
            1 => "1 day".to_owned(),
            days => format!("{days} days"),
        }
    }
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
    /// The day, in words.
    pub title: String,
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
    /// `busy`, `tentative`, `away`, `elsewhere`, `none` or `free`.
    pub class: &'static str,
}

#[derive(Debug, Clone)]
pub struct Line {
    pub word: &'static str,
    pub text: String,
}

#[derive(Debug, Clone)]
pub struct Hour {
    /// Minutes of the day.
    pub x: i64,
    /// Empty where there is no room for it.
    pub text: String,
}

/// What others have to be told of this gateway.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    pub ews_url: String,
    /// With a slash at its end.
    pub base_url: String,
    /// Separated by commas.
    pub role_accounts: String,
    /// One of them, or an example.
    pub first_role_account: String,
    /// The mail domains that are answered for, and one of them or an example.
    pub domains: Vec<String>,
    pub domain: String,
    /// By which Exchange is asked, or an example.
    pub south_accounts: Vec<String>,
    pub registry: Registry,
}

/// The file that points GSSMO here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Registry {
    /// GSSMO is not served.
    #[default]
    None,
    /// Not for everybody: the directory in it may be what keeps strangers out.
    Secret,
    File(String),
}

#[derive(Default)]
struct Asked {
    mailbox: String,
    day: String,
    problem: Option<&'static str>,
    found: Option<LookUp>,
}

impl Asked {
    /// Whether there is something to read at the form.
    fn is_answered(&self) -> bool {
        self.problem.is_some() || self.found.is_some()
    }
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

/// `has_login`: whoever asks has logged in.
pub(super) fn setup(target: &Arc<dyn OpsTarget>, has_login: bool) -> Response<Bytes> {
    let mut setup = target.setup();
    if !has_login && setup.registry != Registry::None {
        setup.registry = Registry::Secret;
    }
    answer(&SetupPage { setup })
}

pub(super) fn style() -> Response<Bytes> {
    file(CSS, STYLE)
}

pub(super) fn icon() -> Response<Bytes> {
    file(SVG, ICON)
}

fn file(content_type: HeaderValue, text: &'static str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(text.as_bytes()));
    response.headers_mut().insert(CONTENT_TYPE, content_type);
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
        (Ok(_), Err(_)) => {
            asked.problem = Some("This is no day, as 2026-09-07.");
            // Browsers complain of a field of this kind that holds anything else.
            asked.day = target.today().to_string();
        }
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

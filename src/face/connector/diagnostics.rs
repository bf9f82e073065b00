//! `Diagnostics`: what one virtual directory is configured to do, and what it answers for one mailbox, in words. For whoever
//! runs the gateway: it asks for the ops login, from the networks that may call the directory, and is not there without
//! one. Tells no secrets and no titles.

use std::sync::Arc;

use askama::Template;
use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Method, Response, StatusCode};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::lookup::{Examined, LeftOut};
use super::{AsIcalFace, Directory, NAME, QuerierFace, come_back, respond};
use crate::codec::connector::answer::Form;
use crate::codec::connector::form;
use crate::domain::freebusy::bounds::Listing;
use crate::domain::{Detail, MailboxError, TimeWindow};
use crate::face::{Admission, Answer, Call, Face, OwnAdmission, OwnLogin};
use crate::service::explain::Explanation;

const HTML: &str = "text/html; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// Nothing runs, nothing is loaded, and the form leads back here.
const POLICY: &str =
    "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// A test asks for so much time before and after now, as the original's did.
const AROUND: SignedDuration = SignedDuration::from_hours(7 * 24);

pub(super) struct DiagnosticsFace {
    pub(super) directory: Arc<Directory>,
    pub(super) login: OwnLogin,
}

/// `[[freebusy_url]]` in words.
struct Entry<'a> {
    name: &'a str,
    directory: &'a str,
    pages: [&'static str; 2],
    allow: String,
    login: String,
    domains: String,
    mapping: String,
    submit_url: &'a str,
    form: &'static str,
    details: &'static str,
    time_zone: &'a str,
}

/// What became of a test.
#[derive(Default)]
struct Outcome {
    verdict: String,
    /// How it came about: words and what they say.
    steps: Vec<(&'static str, String)>,
    busy: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "diagnostics.html")]
struct Page<'a> {
    entry: Entry<'a>,
    address: &'a str,
    found: Option<Outcome>,
}

impl DiagnosticsFace {
    /// The original's page, and the same without its ending.
    pub(super) const PAGES: [&'static str; 2] = ["Diagnostics", "Diagnostics.aspx"];

    async fn look_up(&self, address: &str, call: &Call) -> Outcome {
        let now = self.directory.lookup.now();
        let Some(window) = around(now) else {
            return said("The clock of this machine shows no usable time.");
        };
        let lookup = &self.directory.lookup;
        let examined = lookup.examine(address, window, Detail::BusyOnly, call);
        match examined.await {
            Err(LeftOut::NoAddress) => {
                said("This is no mail address. Such a text is left out of answers without a word.")
            }
            Err(LeftOut::Domain) => said(
                "The address is of none of the domains that may be asked for here. It is left out of answers without a word.",
            ),
            Ok(examined) => told(&examined, &window, &self.directory.settings.time_zone),
        }
    }
}

#[async_trait]
impl Face for DiagnosticsFace {
    fn name(&self) -> &'static str {
        NAME
    }

    fn methods(&self) -> &'static [Method] {
        &[Method::GET]
    }

    /// The allow list of the directory, but not its login.
    fn admission(&self) -> Admission {
        Admission::Own(OwnAdmission {
            allow: self.directory.settings.allow.clone(),
            login: Some(self.login.clone()),
            caller: Arc::clone(&self.directory.caller),
        })
    }

    async fn answer(&self, call: Call) -> Answer {
        let query = call.query.as_deref().unwrap_or_default();
        let fields = form::urlencoded(query.as_bytes());
        let address = form::joined(&fields, "address").unwrap_or_default();
        let address = address.trim();
        let found = if address.is_empty() {
            None
        } else {
            Some(self.look_up(address, &call).await)
        };
        let page = Page {
            entry: entry(&self.directory),
            address,
            found,
        };
        let mut response = page.render().map_or_else(
            |_| {
                let text = "a defect of calbridge\n";
                respond(StatusCode::INTERNAL_SERVER_ERROR, TEXT, text)
            },
            |page| respond(StatusCode::OK, HTML, page),
        );
        let headers = response.headers_mut();
        for (name, value) in [
            (CONTENT_SECURITY_POLICY, POLICY),
            (REFERRER_POLICY, "no-referrer"),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        Answer::to("Diagnostics", response)
    }

    fn busy(&self, _request_id: uuid::Uuid) -> Response<Bytes> {
        let text = "too many requests, to be asked again\n";
        come_back(respond(StatusCode::SERVICE_UNAVAILABLE, TEXT, text))
    }
}

fn around(now: Timestamp) -> Option<TimeWindow> {
    let second = Timestamp::from_second(now.as_second()).ok()?;
    let (start, end) = (second.checked_sub(AROUND), second.checked_add(AROUND));
    TimeWindow::new(start.ok()?, end.ok()?).ok()
}

fn entry(directory: &Directory) -> Entry<'_> {
    let settings = &directory.settings;
    let pairs = settings.domain_mapping.iter();
    let mapping = pairs.map(|pair| format!("{} to {}", pair.external, pair.internal));
    let login = settings.login.as_ref();
    Entry {
        name: &settings.name,
        directory: &settings.directory,
        pages: [QuerierFace::PAGE, AsIcalFace::PAGE],
        allow: list(settings.allow.iter().map(ToString::to_string)),
        login: login.map_or_else(
            || "none: the networks alone decide".to_owned(),
            |login| format!("Basic, as {}", login.user),
        ),
        domains: list(settings.domains.iter().map(ToString::to_string)),
        mapping: list(mapping),
        submit_url: &settings.submit_url,
        form: match settings.form {
            Form::Json => "json",
            Form::Legacy => "legacy",
        },
        details: if settings.event_details {
            "told, where [sharing] and the endpoint allow it"
        } else {
            "not told"
        },
        time_zone: settings.time_zone.iana_name().unwrap_or("UTC"),
    }
}

fn list(words: impl Iterator<Item = String>) -> String {
    let words: Vec<_> = words.collect();
    if words.is_empty() {
        return "none".to_owned();
    }
    words.join(", ")
}

fn said(verdict: &str) -> Outcome {
    Outcome {
        verdict: verdict.to_owned(),
        ..Outcome::default()
    }
}

/// What callers are answered, and how that came about.
fn told(examined: &Examined, window: &TimeWindow, zone: &TimeZone) -> Outcome {
    let mut steps = Vec::new();
    if let Some(mapped) = &examined.mapped {
        steps.push(("Asked for as", mapped.to_string()));
    }
    steps.extend(examined.explanation.iter().flat_map(way));
    let busy = examined.found.outcome.as_ref().map_err(|error| *error);
    let busy = busy.and_then(|known| {
        let times = known.busy_times(window);
        Listing::default().take(times.len(), 0)?;
        Ok(times)
    });
    let (verdict, busy) = match busy {
        Ok(times) => (answered(&times), times),
        Err(MailboxError::NotFound | MailboxError::InvalidAddress) => (
            "Nobody of this address is known. It is left out of answers without a word.".to_owned(),
            Vec::new(),
        ),
        Err(error) => (
            format!(
                "Nothing is known, which callers are told as such, never as free time: {error}."
            ),
            Vec::new(),
        ),
    };
    if examined.found.outcome.is_ok() {
        steps.insert(0, ("Shown as", examined.found.display_name().to_owned()));
    }
    let clock = |second: i64| {
        let at = Timestamp::from_second(second).unwrap_or_default();
        let at = at.to_zoned(zone.clone());
        at.strftime("%a %Y-%m-%d %H:%M:%S %:z").to_string()
    };
    let busy = busy
        .into_iter()
        .map(|(start, end)| (clock(start), clock(end)));
    Outcome {
        verdict,
        steps,
        busy: busy.collect(),
    }
}

fn answered(times: &[(i64, i64)]) -> String {
    match times.len() {
        0 => "The mailbox is answered: it has no busy time in these days.".to_owned(),
        1 => "The mailbox is answered: it has one stretch of busy time in these days.".to_owned(),
        count => {
            format!("The mailbox is answered: it has {count} stretches of busy time in these days.")
        }
    }
}

/// Where it was asked for.
fn way(explanation: &Explanation) -> Vec<(&'static str, String)> {
    let mut steps = Vec::new();
    if let Some(alias) = &explanation.alias {
        steps.push(("Alias of", alias.to_string()));
    }
    steps.push((
        "Endpoint",
        explanation.route.as_ref().map_or_else(
            || "none".to_owned(),
            |route| {
                let name = route.fallback.as_ref().unwrap_or(&route.endpoint);
                name.to_string()
            },
        ),
    ));
    if let Some(asked) = &explanation.asked {
        steps.push((
            "Cache",
            format!(
                "{}; calls to the endpoint: {}",
                asked.cache.label(),
                asked.calls
            ),
        ));
    }
    steps
}

//! The connector face: what GSSMO and its predecessors find behind a `FreeBusyURL`, in virtual directories that stand side
//! by side and know nothing of each other. Each has a page that answers by posting on, one that answers with iCalendar, and
//! one for whoever runs the gateway.

mod as_ical;
mod blocks;
mod diagnostics;
mod lookup;
mod querier;
pub mod registry;

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, EXPIRES, RETRY_AFTER};
use http::{HeaderValue, Method, Response, StatusCode};
use ipnet::IpNet;
use jiff::tz::TimeZone;

use super::{Admission, Call, Face, OwnAdmission, OwnLogin, Routes};
pub use crate::codec::connector::answer::Form;
use crate::codec::connector::page::Page;
use crate::domain::{Caller, CallerId, Detail, DomainPattern, MailDomain};
use crate::service::Availability;
use as_ical::AsIcalFace;
use diagnostics::DiagnosticsFace;
use lookup::Lookup;
use querier::QuerierFace;

/// The face's name in logs and metrics.
const NAME: &str = "connector";

const METHODS: &[Method] = &[Method::GET, Method::POST];

/// When callers should come back who were one too many.
const BACK_OFF_SECONDS: u64 = 2;

/// One virtual directory, `[[freebusy_url]]`.
#[derive(Debug, Clone)]
pub struct ConnectorSettings {
    /// What stands for it in logs, because the directory may be a secret: `freebusy_url[0]`.
    pub name: Arc<str>,
    /// One segment of a path.
    pub directory: String,
    /// Networks that may call.
    pub allow: Vec<IpNet>,
    pub login: Option<OwnLogin>,
    /// Who may be asked for, by the domain that callers write or by the one that it is mapped to.
    pub domains: Vec<DomainPattern>,
    pub event_details: bool,
    pub domain_mapping: Vec<DomainMapping>,
    /// Where the page of an answer posts it to.
    pub submit_url: String,
    pub form: Form,
    /// Of questions for iCalendar that name no zone.
    pub time_zone: TimeZone,
}

/// A domain that callers write, and what it is called here. Answers are in the callers' words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainMapping {
    pub external: MailDomain,
    pub internal: MailDomain,
}

/// Puts the pages of a virtual directory at their paths; those for diagnostics only where there is a login for them.
#[must_use]
pub fn with_directory(
    routes: Routes,
    settings: ConnectorSettings,
    availability: &Arc<Availability>,
    diagnostics: Option<&OwnLogin>,
) -> Routes {
    let path = |page: &str| format!("/{{directory={}}}/{page}", settings.directory);
    let (querier, as_ical) = (path(QuerierFace::PAGE), path(AsIcalFace::PAGE));
    let for_diagnostics = DiagnosticsFace::PAGES.map(path);
    let directory = Arc::new(Directory::new(settings, Arc::clone(availability)));
    let routes = routes
        .with(&querier, Arc::new(QuerierFace(Arc::clone(&directory))))
        .with(&as_ical, Arc::new(AsIcalFace(Arc::clone(&directory))));
    let Some(login) = diagnostics else {
        return routes;
    };
    let face = Arc::new(DiagnosticsFace {
        directory,
        login: login.clone(),
    });
    for_diagnostics.iter().fold(routes, |routes, page| {
        routes.with(page, Arc::clone(&face) as Arc<dyn Face>)
    })
}

/// What the pages of one directory share.
struct Directory {
    settings: ConnectorSettings,
    page: Page,
    caller: Arc<Caller>,
    lookup: Lookup,
}

impl Directory {
    fn new(settings: ConnectorSettings, availability: Arc<Availability>) -> Self {
        let detail = if settings.event_details {
            Detail::Subjects
        } else {
            Detail::BusyOnly
        };
        let id = CallerId::Face(Arc::clone(&settings.name));
        let caller = Caller {
            role_accounts: Some(Vec::new()),
            ..Caller::new(id, detail)
        };
        let lookup = Lookup::new(
            availability,
            settings.domains.clone(),
            &settings.domain_mapping,
        );
        Self {
            page: Page::new(&settings.submit_url),
            settings,
            caller: Arc::new(caller),
            lookup,
        }
    }

    fn admission(&self) -> Admission {
        Admission::Own(OwnAdmission {
            allow: self.settings.allow.clone(),
            login: self.settings.login.clone(),
            caller: Arc::clone(&self.caller),
        })
    }
}

fn content_type(call: &Call) -> Option<&str> {
    call.headers.get(CONTENT_TYPE)?.to_str().ok()
}

/// Header fields of an answer.
const MOST_HEADERS: usize = 10;

/// An answer that nobody may keep.
fn respond(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    // With those that are still to come.
    headers.reserve(MOST_HEADERS);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        EXPIRES,
        HeaderValue::from_static("Thu, 01 Jan 1970 00:00:00 GMT"),
    );
    response
}

/// The server's own "too many" (429, 503), in the words of the page. Its status and what its headers say stay; a 503 that has
/// words is the page's already.
fn reword_limit(
    refused: Response<Bytes>,
    words: impl FnOnce() -> Response<Bytes>,
) -> Response<Bytes> {
    let status = refused.status();
    let is_limit = [
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::SERVICE_UNAVAILABLE,
    ]
    .contains(&status);
    if !is_limit || !refused.body().is_empty() {
        return refused;
    }
    let mut worded = words();
    *worded.status_mut() = status;
    worded.headers_mut().extend(refused.into_parts().0.headers);
    worded
}

fn come_back(mut response: Response<Bytes>) -> Response<Bytes> {
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from(BACK_OFF_SECONDS));
    response
}

//! Free/busy links: `/freebusy/<key>/<address>.ifb`, for calendar programs that read a URL. Whoever has a key may read
//! what its entry allows; everybody else is told what an unknown path is told.

mod cached;
mod document;
mod window;

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header};
use ipnet::IpNet;
use jiff::Timestamp;

use super::{Admission, Answer, Call, Face, OwnAdmission, Parameters, no_such_path, question};
use cached::{Changes, Validity};

use crate::codec::query::Query;
use crate::domain::caller::CallerId;
use crate::domain::{Caller, Detail, MailboxError, MailboxPattern, SmtpAddress};
use crate::service::Availability;

/// When a caller should come back who was one too many, or whose calendar did not answer; in seconds.
const COME_BACK: u64 = 5;

/// What one key opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkSettings {
    /// Of the key's text. The key itself is not known here.
    pub key_sha256: [u8; 32],
    /// Who may be asked for with it.
    pub mailboxes: Vec<MailboxPattern>,
    /// Whether subjects and locations may be told.
    pub event_details: bool,
    /// From where; everywhere where None.
    pub allow: Option<Vec<IpNet>>,
}

/// `GET /freebusy/{key}/{file}`.
pub struct LinksFace {
    availability: Arc<Availability>,
    links: Vec<Link>,
    /// From when on answers follow from this configuration.
    since: Timestamp,
    changes: Changes,
}

struct Link {
    settings: LinkSettings,
    caller: Arc<Caller>,
}

impl LinksFace {
    pub const PATH: &'static str = "/freebusy/{key}/{file}";

    pub fn new(availability: Arc<Availability>, links: Vec<LinkSettings>) -> Self {
        let links = links.into_iter().enumerate().map(|(place, settings)| {
            let detail = if settings.event_details {
                Detail::Subjects
            } else {
                Detail::BusyOnly
            };
            let name = format!("freebusy_link[{place}]");
            let caller = Caller::new(CallerId::Face(name.into()), detail);
            Link {
                settings,
                caller: Arc::new(caller),
            }
        });
        Self {
            links: links.collect(),
            since: availability.now(),
            changes: Changes::new(),
            availability,
        }
    }

    /// The link of a key. Every entry is compared, whole, whichever it is.
    fn link(&self, key: &str) -> Option<&Link> {
        let hash = digest(&SHA256, key.as_bytes());
        let mut found = None;
        for link in &self.links {
            if verify_slices_are_equal(hash.as_ref(), &link.settings.key_sha256).is_ok() {
                found = Some(link);
            }
        }
        found
    }

    /// What the key, the address of the caller and the name of the file open.
    fn open(&self, parameters: &Parameters, client: IpAddr) -> Option<(&Link, SmtpAddress)> {
        let link = self.link(parameters.get("key")?)?;
        let mailbox = mailbox(parameters.get("file")?)?;
        let opens = link.lets_in(client) && link.means(&mailbox);
        opens.then_some((link, mailbox))
    }

    async fn publish(&self, link: &Link, mailbox: SmtpAddress, call: &Call) -> Response<Bytes> {
        let Ok(query) = Query::read(call.query.as_deref().unwrap_or_default()) else {
            return text(StatusCode::BAD_REQUEST, "The query cannot be read");
        };
        let asked = match window::read(&query, self.availability.now()) {
            Ok(asked) => asked,
            Err(wrong) => return text(StatusCode::BAD_REQUEST, &wrong.to_string()),
        };
        let detail = link.caller.detail;
        let question = question(
            (&link.caller, call.origin("links")),
            [Ok(mailbox.clone())],
            asked.window,
            detail,
        );
        let mut dated = self
            .availability
            .answer_dated(&question, call.deadline)
            .await;
        let Some(dated) = dated.pop() else {
            return failed(MailboxError::EndpointFailed);
        };
        let body = dated
            .outcome
            .and_then(|known| document::write(&mailbox, &known, &asked, dated.as_of));
        match body {
            Ok(body) => {
                let tag = cached::tag(&body);
                let at_latest = asked.since.max(self.since).max(dated.as_of);
                let window = asked.window.seconds();
                let answered = (mailbox, window, asked.availability, detail);
                let validity = Validity {
                    changed: self.changes.since(answered, &tag, at_latest),
                    tag,
                    now: self.availability.now(),
                    fresh_for: dated.fresh_for,
                };
                cached::respond(body, &validity, &call.headers)
            }
            Err(error) => failed(error),
        }
    }
}

impl Link {
    fn lets_in(&self, client: IpAddr) -> bool {
        let allow = self.settings.allow.as_ref();
        allow.is_none_or(|allow| allow.iter().any(|network| network.contains(&client)))
    }

    fn means(&self, mailbox: &SmtpAddress) -> bool {
        self.settings.mailboxes.iter().any(|pattern| match pattern {
            MailboxPattern::Mailbox(own) => own == mailbox,
            MailboxPattern::Domain(domain) => domain.matches(mailbox.domain_str()),
        })
    }
}

#[async_trait]
impl Face for LinksFace {
    fn name(&self) -> &'static str {
        "freebusy_link"
    }

    fn methods(&self) -> &'static [Method] {
        &[Method::GET]
    }

    fn admission(&self) -> Admission {
        let everywhere = self.links.iter().any(|link| link.settings.allow.is_none());
        let own = self
            .links
            .iter()
            .filter_map(|link| link.settings.allow.as_ref());
        let allow = if everywhere {
            every_network()
        } else {
            own.flatten().copied().collect()
        };
        Admission::Own(OwnAdmission {
            allow,
            login: None,
            caller: Arc::new(Caller::nobody()),
        })
    }

    /// A refused method or body would tell those without a key that there is something here.
    fn is_hidden_from(&self, parameters: &Parameters, client: IpAddr) -> bool {
        self.open(parameters, client).is_none()
    }

    fn caller_of(&self, parameters: &Parameters) -> Option<&Arc<Caller>> {
        let link = self.link(parameters.get("key")?)?;
        Some(&link.caller)
    }

    async fn answer(&self, call: Call) -> Answer {
        match self.open(&call.parameters, call.client) {
            None => no_such_path().into(),
            Some((link, mailbox)) => {
                let response = self.publish(link, mailbox, &call).await;
                Answer::to("publish", response)
            }
        }
    }

    fn busy(&self, _request_id: uuid::Uuid) -> Response<Bytes> {
        come_back(text(StatusCode::SERVICE_UNAVAILABLE, "Too many requests"))
    }
}

fn every_network() -> Vec<IpNet> {
    ["0.0.0.0/0", "::/0"]
        .iter()
        .filter_map(|text| text.parse().ok())
        .collect()
}

/// `anna@example.com.ifb`: what stands before one of the three endings.
fn mailbox(file: &str) -> Option<SmtpAddress> {
    let (address, ending) = file.rsplit_once('.')?;
    let known = ["ifb", "vfb", "ics"];
    let is_known = known.iter().any(|known| ending.eq_ignore_ascii_case(known));
    // What stands for others in other places stands for nobody here.
    if !is_known || address.contains(['*', '%', '?']) {
        return None;
    }
    // A prefix such as `smtp:` makes an address of a text that is none by itself.
    let parsed = SmtpAddress::parse(address).ok()?;
    (parsed.as_str().len() == address.len()).then_some(parsed)
}

/// A mailbox that is not there, or not to be asked for, is nothing; of any other it is not said that it is free.
fn failed(error: MailboxError) -> Response<Bytes> {
    match error {
        MailboxError::InvalidAddress | MailboxError::NotFound | MailboxError::NoAccess => {
            no_such_path()
        }
        MailboxError::Timeout
        | MailboxError::Throttled
        | MailboxError::EndpointFailed
        | MailboxError::MailboxUnavailable
        | MailboxError::NoCalendar
        | MailboxError::GenerationFailed
        | MailboxError::TooManyEvents
        | MailboxError::ListTooLong
        | MailboxError::Loop => {
            let response = text(StatusCode::BAD_GATEWAY, &error.to_string());
            if error.is_transient() {
                come_back(response)
            } else {
                response
            }
        }
    }
}

fn come_back(mut response: Response<Bytes>) -> Response<Bytes> {
    response
        .headers_mut()
        .insert(header::RETRY_AFTER, HeaderValue::from(COME_BACK));
    response
}

fn text(status: StatusCode, line: &str) -> Response<Bytes> {
    let mut response = Response::new(format!("{line}.\n").into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(file: &str, expect: Option<&str>) {
        let got = mailbox(file);
        assert_eq!(got.as_ref().map(SmtpAddress::as_str), expect, "{file:?}");
    }

    #[test]
    fn a_file_is_a_mailbox_with_an_ending() {
        for ending in ["ifb", "vfb", "ics", "IFB", "Vfb"] {
            check(
                &format!("Anna@Example.com.{ending}"),
                Some("anna@example.com"),
            );
        }
        for file in [
            "anna@example.com",
            "anna@example.com.txt",
            "*.ifb",
            "*@example.com.ifb",
            "an%@example.com.ifb",
            "anna.ifb",
            ".ifb",
            "",
            "smtp:anna@example.com.ifb",
            " anna@example.com.ifb",
            "anna@example.com.ifb.",
            "../anna@example.com.ifb",
        ] {
            check(file, None);
        }
    }
}

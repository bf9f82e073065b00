//! `ExchangeQuerier.aspx`: a message in a form field, answered with a page that posts on. Whatever is wrong is told inside
//! the page, with status 200, because its readers look nowhere else.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::FutureExt;
use http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Method, Response, StatusCode};

use super::blocks::Telling;
use super::lookup::{Found, Refused, window};
use super::{Directory, METHODS, NAME, come_back, content_type, respond, reword_limit};
use crate::codec::connector::answer::{self, Answer, Entry, User};
use crate::codec::connector::request::Request;
use crate::codec::connector::{ErrorId, form, page};
use crate::domain::freebusy::bounds::Listing;
use crate::domain::zone::Zone;
use crate::domain::{Detail, MailboxError};
use crate::face::{self, Admission, Call, Face};

const HTML: &str = "text/html; charset=utf-8";

pub(super) struct QuerierFace(pub(super) Arc<Directory>);

/// What is told in place of an answer.
struct Trouble<'a> {
    /// Of the message, once it was read.
    id: Option<&'a str>,
    error: ErrorId,
    text: String,
}

impl QuerierFace {
    pub(super) const PAGE: &'static str = "ExchangeQuerier.aspx";

    /// The page of the answer.
    async fn tell(&self, message: &str, call: &Call) -> String {
        let told = match Request::read(message) {
            Ok(request) => self.tell_request(&request, call).await,
            Err(error) => Err(Trouble {
                id: None,
                error: error.id,
                text: error.text.to_owned(),
            }),
        };
        told.unwrap_or_else(|trouble| {
            tracing::debug!(
                error = trouble.error.number(),
                "The message was answered with an error"
            );
            self.error(trouble.id, trouble.error, &trouble.text)
        })
    }

    fn error(&self, id: Option<&str>, error: ErrorId, text: &str) -> String {
        let form = self.0.settings.form;
        let page = &self.0.page;
        page.around(|out| answer::push_error_as_attribute(out, id, error, text, form))
    }

    fn too_many(&self) -> String {
        let text = "too many requests, to be asked again";
        self.error(None, ErrorId::Generic, text)
    }

    async fn tell_request<'a>(
        &self,
        request: &Request<'a>,
        call: &Call,
    ) -> Result<String, Trouble<'a>> {
        // A defect of ours costs this question its answer, and its reader learns which question it was.
        AssertUnwindSafe(self.look_up(request, call))
            .catch_unwind()
            .await
            .unwrap_or_else(|_| {
                Err(Trouble {
                    id: Some(request.id),
                    error: ErrorId::Generic,
                    text: "the request could not be answered".to_owned(),
                })
            })
    }

    async fn look_up<'a>(&self, request: &Request<'a>, call: &Call) -> Result<String, Trouble<'a>> {
        let trouble = |error, text: String| Trouble {
            id: Some(request.id),
            error,
            text,
        };
        let refused = |refused: Refused| {
            let of = match refused {
                Refused::Reversed | Refused::TooLong => "the end of the range ",
                Refused::TooManyAddresses => "the list of addresses has ",
            };
            trouble(ErrorId::Malformed, format!("{of}{}", refused.text()))
        };
        let window = window(request.start_utc, request.end_utc).map_err(refused)?;
        let detail = if self.0.settings.event_details {
            Detail::Subjects
        } else {
            Detail::BusyOnly
        };
        let users = request.users.iter().copied();
        let lookup = self.0.lookup.find_named(users, window, detail, call);
        let found = lookup.await.map_err(refused)?;
        let clock = Zone::iana(request.zone.clone()).local_view(&window);
        let telling = Telling {
            window: &window,
            clock: &clock,
        };
        let told = told(&found, &telling);
        if let Some(reason) = all_failed(&told) {
            let text = format!("no calendar could be asked: {reason}");
            return Err(trouble(ErrorId::Unreachable, text));
        }
        let users = found.iter().zip(told).map(|(one, entries)| User {
            name: one.display_name(),
            address: one.address.as_str(),
            entries: entries.ok(),
        });
        let answer = Answer {
            id: request.id,
            start: request.start.date(),
            end: request.end.date(),
            since: request.since,
            users: users.collect(),
        };
        let form = self.0.settings.form;
        let page = &self.0.page;
        Ok(page.around(|out| answer::push_as_attribute(out, &answer, form)))
    }
}

fn shown(page: String) -> Response<Bytes> {
    let mut response = respond(StatusCode::OK, HTML, page);
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(page::CONTENT_SECURITY_POLICY),
    );
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // The page posts on to another host, and its address may have a secret in it.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

#[async_trait]
impl Face for QuerierFace {
    fn name(&self) -> &'static str {
        NAME
    }

    fn methods(&self) -> &'static [Method] {
        METHODS
    }

    fn admission(&self) -> Admission {
        self.0.admission()
    }

    async fn answer(&self, call: Call) -> face::Answer {
        // The query is not looked at: the original did not.
        let fields = form::body(content_type(&call), &call.body);
        let message = form::joined(&fields, "text").unwrap_or_default();
        let response = shown(self.tell(&message, &call).await);
        face::Answer::to("ExchangeQuerier", response)
    }

    fn reword(&self, refused: Response<Bytes>) -> Response<Bytes> {
        reword_limit(refused, || shown(self.too_many()))
    }

    fn busy(&self, _request_id: uuid::Uuid) -> Response<Bytes> {
        come_back(shown(self.too_many()))
    }
}

/// The entries of each mailbox, as far as the answer has room for them: events with titles stand by themselves, other time
/// as the blocks that it makes.
fn told<'a>(
    found: &'a [Found],
    telling: &Telling<'_>,
) -> Vec<Result<Vec<Entry<'a>>, MailboxError>> {
    let mut listing = Listing::default();
    let told = found.iter().map(|one| {
        let known = one.outcome.as_ref().map_err(|error| *error)?;
        let entries = telling.entries(known, one.common_name());
        listing.take(entries.len(), known.text_told_in(telling.window))?;
        Ok(entries)
    });
    told.collect()
}

/// Why nothing is known, where that holds of every mailbox. One without data is not a failure: there was an answer.
fn all_failed(told: &[Result<Vec<Entry<'_>>, MailboxError>]) -> Option<MailboxError> {
    let reason = told.first()?.as_ref().err().copied();
    let failed = |one: &Result<_, _>| one.as_ref().is_err_and(|error| is_failure(*error));
    told.iter().all(failed).then_some(reason).flatten()
}

fn is_failure(error: MailboxError) -> bool {
    match error {
        MailboxError::Timeout
        | MailboxError::Throttled
        | MailboxError::EndpointFailed
        | MailboxError::MailboxUnavailable
        | MailboxError::GenerationFailed
        | MailboxError::TooManyEvents
        | MailboxError::Loop => true,
        MailboxError::InvalidAddress
        | MailboxError::NotFound
        | MailboxError::NoAccess
        | MailboxError::NoCalendar
        | MailboxError::ListTooLong => false,
    }
}

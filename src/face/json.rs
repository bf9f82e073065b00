//! The faces for programs: Google's `freeBusy.query` and the project's own availability, both JSON with a login, and
//! their description.

pub mod availability;
pub mod free_busy;
pub mod openapi;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};

use super::Call;
use crate::codec::ews::fault::MAX_WINDOW_DAYS;
use crate::codec::json::Failure;
use crate::domain::{AvailabilityQuery, Detail, MailboxError, SmtpAddress, TimeWindow};
use jiff::{SignedDuration, Timestamp};

pub use availability::AvailabilityFace;
pub use free_busy::FreeBusyFace;
pub use openapi::OpenApiFace;

/// When callers should come back who were one too many, in seconds.
const COME_BACK: u64 = 2;

fn window(start: Timestamp, end: Timestamp) -> Result<TimeWindow, Failure> {
    let window = TimeWindow::new(start, end).map_err(|_| Failure::EmptyWindow)?;
    if window.duration() > SignedDuration::from_hours(24 * MAX_WINDOW_DAYS) {
        return Err(Failure::WindowTooLong);
    }
    Ok(window)
}

/// A question for these addresses, in their order; one that is no address keeps its place.
fn question(
    call: &Call,
    addresses: &[&str],
    window: TimeWindow,
    detail: Detail,
) -> AvailabilityQuery {
    let mailboxes = addresses.iter().map(|address| {
        let mailbox = SmtpAddress::parse(address);
        mailbox.map_err(|_| MailboxError::InvalidAddress)
    });
    super::question(
        (&call.caller, call.origin("json")),
        mailboxes,
        window,
        detail,
    )
}

fn answer(result: Result<Vec<u8>, Failure>) -> Response<Bytes> {
    match result {
        Ok(document) => respond(StatusCode::OK, document),
        Err(failure) => refuse(failure),
    }
}

fn refuse(failure: Failure) -> Response<Bytes> {
    let status = StatusCode::from_u16(failure.status());
    respond(
        status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        failure.write(),
    )
}

fn busy() -> Response<Bytes> {
    let mut response = refuse(Failure::Busy);
    response
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from(COME_BACK));
    response
}

/// What the server has refused before the face was asked, in the words of the face; its headers stay.
fn reword(refused: Response<Bytes>) -> Response<Bytes> {
    let status = refused.status();
    let Some(failure) = Failure::of_status(status.as_u16()) else {
        return refused;
    };
    let (mut head, _) = refused.into_parts();
    let json = HeaderValue::from_static("application/json; charset=UTF-8");
    head.headers.insert(CONTENT_TYPE, json);
    Response::from_parts(head, failure.write_with(status.as_u16()).into())
}

fn respond(status: StatusCode, document: Vec<u8>) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(document));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/json; charset=UTF-8"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    response
}

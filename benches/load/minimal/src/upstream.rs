//! An upstream that says yes to everything: each mailbox of a GetUserAvailability request gets the same number of
//! detailed events, spread over the window that was asked for. Texts and identifiers differ from event to event, so
//! that nothing is gained by storing equal ones once.
//!
//! It finds the two things that it needs in a request by searching, and is no XML reader. GET answers the number of
//! requests posted so far.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::rt::{Read, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use jiff::civil::DateTime;
use jiff::{SignedDuration, ToSpan};

use crate::tls::{AsyncServe, Listener};

#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    listener: Listener,
    /// Milliseconds before each answer.
    #[arg(long, default_value_t = 0)]
    delay: u64,
    /// Events of each mailbox in any window.
    #[arg(long, default_value_t = 40)]
    events: u32,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let script = Script {
        delay: Duration::from_millis(options.delay),
        events: options.events,
        posted: Arc::default(),
    };
    tokio::runtime::Runtime::new()?.block_on(options.listener.accept_all(script))
}

#[derive(Clone)]
struct Script {
    delay: Duration,
    events: u32,
    posted: Arc<AtomicU64>,
}

impl AsyncServe for Script {
    async fn connection<I>(self, io: I)
    where
        I: Read + Write + Unpin + Send + 'static,
    {
        let service = service_fn(move |request| {
            let script = self.clone();
            async move { Ok::<_, Infallible>(script.answer(request).await) }
        });
        let _ = http1::Builder::new().serve_connection(io, service).await;
    }
}

impl Script {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        if request.method() != Method::POST {
            let count = self.posted.load(Ordering::Relaxed).to_string();
            return Response::new(Full::new(count.into()));
        }
        self.posted.fetch_add(1, Ordering::Relaxed);
        let body = request.into_body().collect().await;
        let body = body
            .map(http_body_util::Collected::to_bytes)
            .unwrap_or_default();
        let answer = std::str::from_utf8(&body)
            .ok()
            .and_then(|request| self.document(request));
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
        let mut response = Response::new(Full::default());
        match answer {
            Some(document) => *response.body_mut() = Full::new(document.into()),
            None => *response.status_mut() = StatusCode::BAD_REQUEST,
        }
        let content_type = HeaderValue::from_static("text/xml; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, content_type);
        response
    }

    fn document(&self, request: &str) -> Option<String> {
        let start: DateTime = content(request, "StartTime>").next()?.parse().ok()?;
        let end: DateTime = content(request, "EndTime>").next()?.parse().ok()?;
        let mut out = String::with_capacity(request.len() * self.events as usize);
        out.push_str(concat!(
            r#"<?xml version="1.0" encoding="utf-8"?>"#,
            r#"<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>"#,
            r#"<GetUserAvailabilityResponse xmlns="http://schemas.microsoft.com/exchange/services/2006/messages">"#,
            "<FreeBusyResponseArray>"
        ));
        for mailbox in content(request, "Address>") {
            self.view(&mut out, mailbox, start, end)?;
        }
        out.push_str(
            "</FreeBusyResponseArray></GetUserAvailabilityResponse></s:Body></s:Envelope>",
        );
        Some(out)
    }

    fn view(&self, out: &mut String, mailbox: &str, start: DateTime, end: DateTime) -> Option<()> {
        out.push_str(concat!(
            r#"<FreeBusyResponse><ResponseMessage ResponseClass="Success"><ResponseCode>NoError</ResponseCode>"#,
            r#"</ResponseMessage><FreeBusyView><FreeBusyViewType "#,
            r#"xmlns="http://schemas.microsoft.com/exchange/services/2006/types">Detailed</FreeBusyViewType>"#,
            r#"<CalendarEventArray xmlns="http://schemas.microsoft.com/exchange/services/2006/types">"#
        ));
        let step = start.duration_until(end) / i32::try_from(self.events.max(1)).ok()?;
        // In whole seconds and inside the window, whatever its length.
        let step = SignedDuration::from_secs(step.as_secs());
        let mut begin = start;
        for number in 0..self.events {
            let finish = begin + (step.as_secs() / 2).seconds();
            event(out, mailbox, number, begin, finish).ok()?;
            begin = begin.checked_add(step).ok()?;
        }
        out.push_str("</CalendarEventArray></FreeBusyView></FreeBusyResponse>");
        Some(())
    }
}

/// Subject, place and a 70-byte entry id in hexadecimal, as Exchange gives them.
fn event(
    out: &mut String,
    mailbox: &str,
    number: u32,
    begin: DateTime,
    finish: DateTime,
) -> std::fmt::Result {
    let (name, _) = mailbox.split_once('@').unwrap_or((mailbox, ""));
    let store = mailbox
        .bytes()
        .fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
        });
    let item = store.rotate_left(17) ^ u64::from(number);
    write!(
        out,
        "<CalendarEvent><StartTime>{begin}</StartTime><EndTime>{finish}</EndTime><BusyType>Busy</BusyType>\
         <CalendarEventDetails><ID>00000000{store:032X}{store:032X}{item:068X}</ID>\
         <Subject>Planning {number}, {name}</Subject><Location>Room {number}, 2nd floor</Location>\
         <IsMeeting>true</IsMeeting><IsRecurring>false</IsRecurring><IsException>false</IsException>\
         <IsReminderSet>true</IsReminderSet><IsPrivate>false</IsPrivate></CalendarEventDetails></CalendarEvent>"
    )
}

/// What stands in each element whose opening tag ends like this, whatever its prefix.
fn content<'a>(text: &'a str, tag_end: &'a str) -> impl Iterator<Item = &'a str> {
    let mut pieces = text.split(tag_end);
    let mut before = pieces.next();
    pieces.filter_map(move |piece| {
        // A closing tag ends the same way as an opening one; only what follows an opening one counts.
        let opens = before.is_some_and(|before| {
            before
                .rsplit_once('<')
                .is_some_and(|(_, name)| !name.starts_with('/'))
        });
        before = Some(piece);
        opens.then(|| piece.split_once('<').map_or(piece, |(value, _)| value))
    })
}

//! Odd requests over a real TLS socket: each gets the answer that is documented for it, and the next request on the same
//! connection (on a new one, where the answer closes it) is answered as if nothing had been.
//!
//! Rows are numbered as in the table of edge cases of the conformance corpus' notes; rows without a number state what
//! those notes say in prose. One file for each layer of a request.

mod answer;
mod header;
mod http;
mod mailboxes;
mod options;
mod schema;
mod suggestions;
mod window;
mod xml;
mod zone;

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use calbridge::domain::{BusyStatus, EventDetails};
use calbridge::server::settings::ServerSettings;
use calbridge::service::settings::SharingSettings;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::gateway_world::{
    MemoryBackend, ask, busy, endpoint, event, gateway, texts, with_details,
};
use crate::world::{Answer, PATH, Raw, TestServer, keep_answer, logged_in};

/// What a request must be answered with.
pub(super) enum Expect<'a> {
    /// An EWS fault with this code.
    Fault(&'a str),
    /// A fault of SOAP itself: the local name of its code.
    SoapFault(&'a str),
    /// A document with these response codes, in this order.
    Codes(&'a [&'a str]),
    /// One mailbox with these slots.
    Digits(&'a str),
    /// These events, of all mailboxes in order: `start end BusyType`.
    Events(&'a [&'a str]),
    /// No document, only a status.
    Status(u16),
}

use Expect::{Codes, Digits, Events, Fault, SoapFault, Status};

/// The one mailbox that every probe asks for.
pub(super) const ANNA_DIGITS: &str = "0201003300";

/// A gateway with Anna's calendar and one connection to it.
pub(super) struct Edge {
    pub(super) server: TestServer,
    pub(super) backend: Arc<MemoryBackend>,
    connection: Raw<TlsStream<TcpStream>>,
}

impl Edge {
    pub(super) async fn new() -> Self {
        Self::with(SharingSettings::default(), |_| {}).await
    }

    /// Since the last look, no mailbox was asked for together with another.
    #[track_caller]
    pub(super) fn asked_one_by_one(&self) {
        let asked = self.backend.take_asked();
        assert!(asked.iter().all(|call| call.len() == 1), "{asked:?}");
    }

    pub(super) async fn with(
        sharing: SharingSettings,
        tweak: impl FnOnce(&mut ServerSettings),
    ) -> Self {
        let backend = MemoryBackend::new();
        put_anna(&backend);
        let domains = ["example.com", "xn--mller-kva.example"];
        let endpoints = vec![endpoint(
            "memory",
            &domains,
            Arc::clone(&backend),
            Duration::from_secs(20),
        )];
        let server = gateway(endpoints, sharing, tweak).await;
        Self {
            connection: server.connect().await,
            server,
            backend,
        }
    }

    /// Posts `body` as callers do.
    pub(super) async fn check(
        &mut self,
        row: &str,
        body: impl AsRef<[u8]>,
        expect: Expect<'_>,
    ) -> Answer {
        self.check_http(row, post(body), expect).await
    }

    /// Sends a request, byte for byte.
    pub(super) async fn check_http(
        &mut self,
        row: &str,
        request: impl AsRef<[u8]>,
        expect: Expect<'_>,
    ) -> Answer {
        self.connection.send(request).await;
        self.check_next(row, "POST", expect).await
    }

    /// Bytes without waiting for an answer; see [`Edge::check_next`].
    pub(super) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.connection.send(bytes).await;
    }

    /// The answer to what was sent, by a request of this method.
    pub(super) async fn check_next(
        &mut self,
        row: &str,
        method: &str,
        expect: Expect<'_>,
    ) -> Answer {
        let answer = self.connection.answer_to(method).await;
        judge(row, &answer, &expect);
        if answer.status != 100 {
            self.go_on(row, &answer).await;
        }
        answer
    }

    /// The next request is answered.
    async fn go_on(&mut self, row: &str, answer: &Answer) {
        if answer.closes() {
            assert!(self.connection.closed().await.is_empty(), "row {row}");
            self.connection = self.server.connect().await;
        }
        let probe = self.connection.ask(post(ask().xml())).await;
        judge(
            &format!("{row}, the next request"),
            &probe,
            &Digits(ANNA_DIGITS),
        );
    }
}

/// Hours of Anna's first of September 2026, UTC: busy 9 to 10, tentative 11:30 to 12, away 14 to 15:30, elsewhere 16
/// to 17. By the hour from 8 to 18 that is 0201003300.
fn put_anna(backend: &MemoryBackend) {
    put_anna_as(backend, "anna@example.com");
}

/// Anna's calendar under another address.
fn put_anna_as(backend: &MemoryBackend, address: &str) {
    let review = EventDetails {
        id: Some("0000A1".into()),
        subject: Some("Review".into()),
        location: Some("Room 1".into()),
        ..EventDetails::default()
    };
    let on = |time: &str| format!("2026-09-01T{time}");
    backend.put(
        address,
        vec![
            with_details(busy(&on("09:00"), &on("10:00")), review),
            event(&on("11:30"), &on("12:00"), BusyStatus::Tentative),
            event(&on("14:00"), &on("15:30"), BusyStatus::OutOfOffice),
            event(&on("16:00"), &on("17:00"), BusyStatus::WorkingElsewhere),
        ],
    );
}

/// A POST with the right credential and content type.
pub(crate) fn post(body: impl AsRef<[u8]>) -> Vec<u8> {
    post_with("Content-Type: text/xml; charset=utf-8\r\n", body)
}

/// A POST with the right credential and these headers, which end in CRLF each.
pub(super) fn post_with(headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut head = format!("POST {PATH} HTTP/1.1\r\nHost: localhost\r\n{headers}");
    write!(
        head,
        "Authorization: {}\r\nContent-Length: {}\r\n\r\n",
        logged_in(),
        body.len()
    )
    .unwrap();
    [head.as_bytes(), body].concat()
}

fn judge(row: &str, answer: &Answer, expect: &Expect<'_>) {
    if let Status(status) = expect {
        assert_eq!(answer.status, *status, "row {row}: {answer:?}");
        return;
    }
    let status = match expect {
        Fault(_) | SoapFault(_) => 500,
        Codes(_) | Digits(_) | Events(_) | Status(_) => 200,
    };
    let text = answer.text();
    assert_eq!(answer.status, status, "row {row}: {text}");
    check_document(row, answer);
    match expect {
        Fault(code) => check_fault(row, text, code),
        SoapFault(code) => {
            assert_eq!(texts(text, "faultcode"), [format!("s:{code}")], "row {row}");
            assert_eq!(texts(text, "ResponseCode").len(), 0, "row {row}: {text}");
        }
        Codes(codes) => assert_eq!(texts(text, "ResponseCode"), *codes, "row {row}: {text}"),
        Digits(digits) => {
            assert_eq!(
                texts(text, "ResponseCode"),
                ["NoError"],
                "row {row}: {text}"
            );
            assert_eq!(
                texts(text, "MergedFreeBusy"),
                [*digits],
                "row {row}: {text}"
            );
        }
        Events(events) => assert_eq!(listed(text), *events, "row {row}: {text}"),
        Status(_) => {}
    }
}

/// What holds for every document.
fn check_document(row: &str, answer: &Answer) {
    keep_answer(&answer.body);
    let text = answer.text();
    assert_eq!(
        answer.header("content-type"),
        Some("text/xml; charset=utf-8"),
        "row {row}"
    );
    let start = concat!(
        r#"<?xml version="1.0" encoding="utf-8"?>"#,
        r#"<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:"#
    );
    assert!(text.starts_with(start), "row {row}: {text}");
    let id = answer.header("request-id").unwrap_or_default();
    assert!(uuid::Uuid::try_parse(id).is_ok(), "row {row}: {id:?}");
}

/// The form of Exchange 2010 and later, character for character up to the texts.
fn check_fault(row: &str, text: &str, code: &str) {
    let faultcode = format!(
        r#"<s:Body><s:Fault><faultcode xmlns:a="http://schemas.microsoft.com/exchange/services/2006/types">a:{code}</faultcode><faultstring xml:lang="en-US">"#
    );
    assert!(text.contains(&faultcode), "row {row}: {text}");
    let detail = format!(
        r#"</faultstring><detail><e:ResponseCode xmlns:e="http://schemas.microsoft.com/exchange/services/2006/errors">{code}</e:ResponseCode><e:Message xmlns:e="#
    );
    assert!(text.contains(&detail), "row {row}: {text}");
    assert!(!text.contains("<s:Header"), "row {row}: {text}");
}

/// `start end BusyType` of each event.
fn listed(text: &str) -> Vec<String> {
    let ends = texts(text, "EndTime");
    let kinds = texts(text, "BusyType");
    let starts = texts(text, "StartTime");
    assert_eq!(
        (starts.len(), kinds.len()),
        (ends.len(), ends.len()),
        "{text}"
    );
    starts
        .iter()
        .zip(&ends)
        .zip(&kinds)
        .map(|((start, end), kind)| format!("{start} {end} {kind}"))
        .collect()
}

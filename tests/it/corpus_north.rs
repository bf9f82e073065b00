//! The recorded answers of the conformance corpus, served by a scripted Exchange server and asked for through the whole
//! gateway over TLS on both sides: what comes out in the north has the same events.

use std::sync::Arc;
use std::time::Duration;

use calbridge::codec::ews::upstream::{self, MailboxAnswer, Question as Asked, SchemaLevel};
use calbridge::domain::{FreeBusy, MailboxError, SmtpAddress, TimeWindow};
use calbridge::service::settings::SharingSettings;
use jiff::{Timestamp, ToSpan};

use crate::corpus::{read_all, samples};
use crate::ews_backend::endpoint as exchange;
use crate::gateway_world::{Question, ask, gateway, version};
use crate::upstream::{Reply, Upstream};
use crate::world::{keep_answer, post};

/// From the day of the first event to the day after the last one.
fn span(answers: &[MailboxAnswer]) -> (Timestamp, Timestamp) {
    let events = || answers.iter().flatten().flat_map(FreeBusy::events);
    let quiet: Timestamp = "2026-09-01T00:00Z".parse().unwrap();
    let start = events().map(|event| event.starts()).min().unwrap_or(quiet);
    let end = events().map(|event| event.ends()).max().unwrap_or(quiet);
    (start - 1.hour(), end + 1.hour())
}

fn known(answers: Vec<MailboxAnswer>) -> Vec<Result<FreeBusy, MailboxError>> {
    answers
        .into_iter()
        .map(|answer| answer.map_err(|failure| failure.error))
        .collect()
}

/// Asks the gateway for `count` mailboxes and reads its answer as another gateway would.
async fn ask_north(
    body: Vec<u8>,
    count: usize,
    (start, end): (Timestamp, Timestamp),
) -> Vec<MailboxAnswer> {
    let server = Upstream::start(move |_, _| Reply::xml(200, body.clone())).await;
    let gateway = gateway(
        vec![Arc::new(exchange(&server))],
        SharingSettings::default(),
        |_| {},
    )
    .await;
    let addresses: Vec<_> = (0..count)
        .map(|n| format!("person{n:03}@example.com"))
        .collect();
    let naive = |instant: Timestamp| instant.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let question = Question {
        header: &version("Exchange2013"),
        mailboxes: &addresses.join(" "),
        start: &naive(start),
        end: &naive(end),
        zone: "",
        ..ask()
    };
    let answer = gateway.connect().await.ask(post(&question.xml())).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    keep_answer(&answer.body);
    let mailboxes: Vec<_> = addresses
        .iter()
        .map(|address| SmtpAddress::parse(address).unwrap())
        .collect();
    let asked = Asked {
        level: SchemaLevel::Exchange2013Sp1,
        mailboxes: &mailboxes,
        window: TimeWindow::new(start, end).unwrap(),
    };
    upstream::read(&answer.body, &asked).unwrap()
}

#[tokio::test]
async fn recorded_answers_come_out_with_the_same_events() {
    let mut events = 0;
    for (folder, file, body) in samples(".response.xml") {
        if folder != "getuseravailability" || file.starts_with("f-") {
            continue;
        }
        let Ok(answers) = read_all(&body) else {
            panic!("{file}")
        };
        let span = span(&answers);
        if answers.is_empty()
            || span.1.duration_since(span.0) > Duration::from_hours(24 * 62).try_into().unwrap()
        {
            continue;
        }
        let north = known(ask_north(body, answers.len(), span).await);
        events += north.iter().flatten().map(FreeBusy::len).sum::<usize>();
        assert_eq!(north, known(answers), "{file}");
    }
    assert!(events > 0 || std::env::var_os("CALBRIDGE_CORPUS").is_none());
}

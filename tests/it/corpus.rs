//! The conformance corpus: real requests and answers, read from the folder that `CALBRIDGE_CORPUS` names. Without it
//! these tests say so in one plain line and pass; golden files of our own are tested elsewhere.

use std::path::{Path, PathBuf};

use calbridge::codec::ews::availability::{FreeBusyPart, SuggestionsPart, View, write_answer};
use calbridge::codec::ews::upstream::{self, MailboxAnswer, Question, ReadError, SchemaLevel};
use calbridge::codec::ews::{Fault, Operation, Request, envelope};
use calbridge::codec::xml::XmlWriter;
use calbridge::domain::zone::Zone;
use calbridge::domain::{Detail, Outcome, SmtpAddress, TimeWindow};
use jiff::SignedDuration;

/// The samples whose path matches, as (operation folder, file name, bytes); empty without a corpus.
#[expect(
    clippy::print_stderr,
    reason = "a test that had nothing to test says so"
)]
pub(crate) fn samples(suffix: &str) -> Vec<(String, String, Vec<u8>)> {
    let Some(corpus) = std::env::var_os("CALBRIDGE_CORPUS").map(PathBuf::from) else {
        eprintln!(
            "The conformance corpus was not given (CALBRIDGE_CORPUS): its samples are not tested."
        );
        return Vec::new();
    };
    let mut found = Vec::new();
    for folder in list(&corpus.join("ews-samples")) {
        if folder.is_dir() {
            for file in list(&folder)
                .into_iter()
                .filter(|file| file.to_string_lossy().ends_with(suffix))
            {
                found.push((name(&folder), name(&file), std::fs::read(&file).unwrap()));
            }
        }
    }
    assert!(!found.is_empty(), "the corpus has no samples");
    found
}

fn list(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

/// What a request sample must become: its operation, or the fault that is due.
fn expected(folder: &str, file: &str) -> Result<&'static str, &'static str> {
    match (folder, file) {
        (_, "x-docs-wrong-soap-namespace.request.xml") => Err("VersionMismatch"),
        (
            _,
            "e2007beta-docs-nonworkinghours.request.xml"
            | "e2007beta-docs-request-element.request.xml",
        )
        // Its element stands in the wrong namespace.
        | ("expanddl", "docs-private.request.xml") => Err("ErrorSchemaValidation"),
        ("getuseravailability", _) => Ok("GetUserAvailability"),
        ("convertid", _) => Ok("ConvertId"),
        ("getservertimezones", _) => Ok("GetServerTimeZones"),
        ("resolvenames", _) => Ok("ResolveNames"),
        ("getfolder", _) => Ok("GetFolder"),
        ("createitem" | "cancelcalendaritem", _) => Ok("CreateItem"),
        ("updateitem", _) => Ok("UpdateItem"),
        ("deleteitem", _) => Ok("DeleteItem"),
        ("getroomlists", _) => Ok("GetRoomLists"),
        ("getrooms", _) => Ok("GetRooms"),
        ("expanddl", _) => Ok("ExpandDL"),
        _ => Err("ErrorInvalidRequest"),
    }
}

#[test]
fn requests_decode_as_their_operation_or_yield_the_documented_fault() {
    for (folder, file, body) in samples(".request.xml") {
        if folder.starts_with("autodiscover") {
            continue;
        }
        let got = envelope::read(&body);
        let told = got
            .as_ref()
            .map(|request| request.operation.name())
            .map_err(|fault| fault.code().unwrap_or("VersionMismatch"));
        assert_eq!(
            told,
            expected(&folder, &file),
            "{folder}/{file}: {:?}",
            got.as_ref().err()
        );
    }
}

#[test]
fn every_mailbox_of_a_request_is_read() {
    for (folder, file, body) in samples(".request.xml") {
        if let Ok(Request {
            operation: Operation::GetUserAvailability(request),
            ..
        }) = envelope::read(&body)
        {
            let text = String::from_utf8(body).unwrap();
            let written = text.matches("MailboxData>").count().div_ceil(2);
            assert_eq!(request.attendees.len(), written, "{folder}/{file}");
            assert!(
                request
                    .attendees
                    .iter()
                    .all(|attendee| attendee.mailbox.is_ok()),
                "{folder}/{file}"
            );
        }
    }
}

#[test]
fn requests_survive_a_round_trip() {
    for (folder, file, body) in samples(".request.xml") {
        let Ok(Request { operation, .. }) = envelope::read(&body) else {
            continue;
        };
        let Some(written) = write_request(&operation) else {
            continue;
        };
        let again = envelope::read(&written).unwrap();
        assert_eq!(again.operation, operation, "{folder}/{file}");
    }
}

/// The request as we would write it; None for what we only read.
fn write_request(operation: &Operation) -> Option<Vec<u8>> {
    let mut w = XmlWriter::default();
    w.raw(concat!(
        r#"<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" "#,
        r#"xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages" "#,
        r#"xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"><s:Body>"#
    ));
    match operation {
        Operation::GetUserAvailability(request) => request.write(&mut w),
        Operation::ConvertId(request) => request.write(&mut w),
        Operation::GetFolder(request) => request.write(&mut w),
        Operation::GetUserOofSettings(request) => request.write(&mut w),
        Operation::ChangeItems(request) => request.write(&mut w),
        // Those about rooms and names are written by the client in the south, see `corpus_rooms`.
        Operation::GetServerTimeZones(_)
        | Operation::ResolveNames(_)
        | Operation::GetRoomLists
        | Operation::GetRooms(_)
        | Operation::ExpandDL(_) => return None,
    }
    w.raw("</s:Body></s:Envelope>");
    Some(w.into_bytes())
}

/// A window that holds all events of the samples.
fn long_window() -> TimeWindow {
    TimeWindow::new(
        "2000-01-01T00:00Z".parse().unwrap(),
        "2030-01-01T00:00Z".parse().unwrap(),
    )
    .unwrap()
}

fn read(body: &[u8], mailboxes: usize) -> Result<Vec<MailboxAnswer>, ReadError> {
    let mailboxes: Vec<_> = (0..mailboxes)
        .map(|n| SmtpAddress::parse(&format!("m{n}@example.com")).unwrap())
        .collect();
    let question = Question {
        level: SchemaLevel::Exchange2013Sp1,
        mailboxes: &mailboxes,
        window: long_window(),
    };
    upstream::read(body, &question)
}

/// Reads with as many mailboxes as the answer has.
pub(crate) fn read_all(body: &[u8]) -> Result<Vec<MailboxAnswer>, ReadError> {
    match read(body, 1) {
        Err(ReadError::Count { got, .. }) => read(body, got),
        other => other,
    }
}

#[test]
fn answers_are_read_and_written_again_the_same() {
    let mut answers_read = 0;
    for (folder, file, body) in samples(".response.xml") {
        if folder != "getuseravailability" || file.starts_with("f-") {
            continue;
        }
        let answers = read_all(&body).unwrap_or_else(|error| panic!("{folder}/{file}: {error}"));
        answers_read += answers.len();
        check_events(&String::from_utf8(body).unwrap(), &answers, &file);
        let outcomes: Vec<Outcome> = answers
            .iter()
            .map(|answer| answer.clone().map_err(|failure| failure.error))
            .collect();
        let written = write(&outcomes);
        crate::world::keep_answer(&written);
        // With nobody asked there is nothing to read again.
        if outcomes.is_empty() {
            continue;
        }
        let again: Vec<Outcome> = read_all(&written)
            .unwrap()
            .into_iter()
            .map(|answer| answer.map_err(|failure| failure.error))
            .collect();
        assert_eq!(again, outcomes, "{folder}/{file}");
    }
    assert!(answers_read >= 10 || std::env::var_os("CALBRIDGE_CORPUS").is_none());
}

/// Nothing is lost on the way in, counted on the text. A response that does not say that it succeeded is an error.
fn check_events(text: &str, answers: &[MailboxAnswer], file: &str) {
    let responses: Vec<_> = text.split("<FreeBusyResponse>").skip(1).collect();
    assert_eq!(answers.len(), responses.len(), "{file}");
    for (answer, response) in answers.iter().zip(responses) {
        let succeeded = response.contains("<ResponseCode>NoError</ResponseCode>");
        assert_eq!(answer.is_ok(), succeeded, "{file}");
        if let Ok(known) = answer {
            assert_eq!(
                known.len(),
                response.matches("<CalendarEvent>").count(),
                "{file}"
            );
            assert_eq!(
                known.working_hours.is_some(),
                response.contains("<WorkingHours"),
                "{file}"
            );
            assert_eq!(
                known.detail() == Detail::Subjects,
                response.contains(">Detailed"),
                "{file}"
            );
        }
    }
}

fn write(outcomes: &[Outcome]) -> Vec<u8> {
    let zone = Zone::utc().local_view(&long_window());
    let part = FreeBusyPart {
        outcomes,
        window: long_window(),
        interval: SignedDuration::from_hours(24),
        view: View::Detailed,
        zone: &zone,
        working_elsewhere: true,
    };
    write_answer(Some(&part), &SuggestionsPart::NotAsked)
}

#[test]
fn faults_are_read_with_their_code_and_back_off() {
    for (folder, file, body) in samples(".response.xml") {
        let expect = match (folder.as_str(), file.as_str()) {
            (_, "f-mailbox-array-too-big.response.xml") => "ErrorMailboxDataArrayTooBig",
            (_, "f-time-interval-too-big.response.xml") => "ErrorTimeIntervalTooBig",
            (
                "faults",
                "server-busy-backoff.response.xml" | "server-busy-concurrency.response.xml",
            ) => "ErrorServerBusy",
            ("faults", name) if name.contains("schema-validation") => "ErrorSchemaValidation",
            _ => continue,
        };
        match read_all(&body) {
            Err(ReadError::Fault { code, back_off, .. }) => {
                assert_eq!(&*code, expect, "{file}");
                let milliseconds = back_off.map(|back_off| back_off.as_millis());
                assert_eq!(
                    milliseconds,
                    file.contains("backoff").then_some(297_749),
                    "{file}"
                );
            }
            other => panic!("{folder}/{file}: {other:?}"),
        }
    }
}

#[test]
fn answers_of_other_operations_are_never_taken_for_free_busy_data() {
    for (folder, file, body) in samples(".response.xml") {
        if folder != "getuseravailability" {
            assert!(read_all(&body).is_err(), "{folder}/{file}");
        }
    }
}

#[test]
fn no_prefix_of_a_sample_is_read_or_panics() {
    for (folder, file, body) in samples(".xml") {
        for cut in (1..body.trim_ascii_end().len()).step_by(61) {
            let part = &body[..cut];
            assert!(read_all(part).is_err(), "{folder}/{file} cut at {cut}");
            let fault = envelope::read(part).expect_err("a request that breaks off is refused");
            assert!(
                !matches!(fault, Fault::InvalidRequest(_)),
                "{folder}/{file} cut at {cut}"
            );
        }
    }
}

//! The answer as HTTP caches want it (RFC 9110 section 8.8 and 13, RFC 9111): validators, how long it may be kept, and
//! 304 where the reader has it already.

use std::fmt::Write as _;
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
    REFERRER_POLICY, VARY,
};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use moka::sync::Cache;

use crate::domain::{Detail, SmtpAddress};

const CALENDAR: HeaderValue =
    HeaderValue::from_static("text/calendar; charset=utf-8; component=VFREEBUSY; method=PUBLISH");

/// Documents whose last change is remembered, and for how long without being asked for. What is forgotten has changed just
/// now, which is late and never wrong.
const MOST_REMEMBERED: u64 = 10_000;
const REMEMBERED: Duration = Duration::from_hours(48);

/// What a document is an answer to: mailbox, window in Unix seconds, with working hours, with details.
pub(super) type Question = (SmtpAddress, (i64, i64), bool, Detail);

/// Since when documents say what they say. A calendar that was asked anew and told the same has not changed.
pub(super) struct Changes(Cache<Question, (String, Timestamp)>);

impl Changes {
    pub(super) fn new() -> Self {
        let cache = Cache::builder().max_capacity(MOST_REMEMBERED);
        Self(cache.time_to_idle(REMEMBERED).build())
    }

    /// `at_latest`: when the calendar was asked.
    pub(super) fn since(&self, question: Question, tag: &str, at_latest: Timestamp) -> Timestamp {
        let before = self.0.get(&question);
        match before {
            Some((known, since)) if known == tag => since,
            Some(_) | None => {
                self.0.insert(question, (tag.to_owned(), at_latest));
                at_latest
            }
        }
    }
}

/// How long a document has been what it is, and will be.
#[derive(Debug, Clone)]
pub(super) struct Validity {
    pub(super) tag: String,
    /// Since when nothing that it follows from has changed: the calendar, the configuration, the day of its window.
    pub(super) changed: Timestamp,
    pub(super) now: Timestamp,
    pub(super) fresh_for: Duration,
}

/// The document, or that it has not changed.
pub(super) fn respond(
    document: Vec<u8>,
    validity: &Validity,
    asked: &HeaderMap,
) -> Response<Bytes> {
    let unchanged = is_known(asked, validity);
    let mut response = Response::new(if unchanged {
        Bytes::new()
    } else {
        document.into()
    });
    if unchanged {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    if !unchanged {
        headers.insert(CONTENT_TYPE, CALENDAR);
    }
    // The server compresses what is long enough; whoever keeps a document is told so each time.
    headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    // The key is part of the address.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    let lifetime = format!("private, max-age={}", validity.fresh_for.as_secs());
    let date = rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&validity.changed);
    let values = [
        (ETAG, validity.tag.clone()),
        (CACHE_CONTROL, lifetime),
        (LAST_MODIFIED, date.unwrap_or_default()),
    ];
    for (name, value) in values {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
    response
}

/// Weak, because two documents that differ only in when they were made say the same.
pub(super) fn tag(document: &[u8]) -> String {
    // A line of its own: a title that holds the name stands within a line, and a folded line goes on with a blank.
    let stamp = b"\r\nDTSTAMP:";
    let mut hash = Context::new(&SHA256);
    let mut rest = document;
    while let Some(at) = rest.windows(stamp.len()).position(|text| text == stamp) {
        let (before, after) = rest.split_at(at + stamp.len());
        hash.update(before);
        // A time in UTC has sixteen characters.
        rest = after.get(16..).unwrap_or_default();
    }
    hash.update(rest);
    let hash = hash.finish();
    let mut tag = String::from("W/\"");
    for byte in hash.as_ref().iter().take(16) {
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    tag
}

/// RFC 9110 section 13.2.2: a tag counts, and only without one the time: any that is not before the last change, as that
/// of a file which was just saved. Not within the second of the change, in which there may have been another document
/// before.
fn is_known(asked: &HeaderMap, validity: &Validity) -> bool {
    if asked.contains_key(IF_NONE_MATCH) {
        let opaque = validity.tag.trim_start_matches("W/");
        return asked
            .get_all(IF_NONE_MATCH)
            .iter()
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(','))
            .map(str::trim)
            .any(|known| known == "*" || known.trim_start_matches("W/") == opaque);
    }
    let since = asked
        .get(IF_MODIFIED_SINCE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| rfc2822::DateTimeParser::new().parse_timestamp(value).ok());
    let changed = validity.changed.as_second();
    since.is_some_and(|since| since.as_second() >= changed) && validity.now.as_second() > changed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::ical::content::Writer;

    const DOCUMENT: &[u8] = b"UID:1\r\nDTSTAMP:20260901T000000Z\r\nFREEBUSY:x\r\n";

    /// The status of a document that was known at 2026-09-01T00:00:00Z, for a reader that has `name: value` a minute later.
    #[track_caller]
    fn check(name: &'static str, value: &str, expect: u16) {
        check_after(60, name, value, expect);
    }

    #[track_caller]
    fn check_after(seconds: i64, name: &'static str, value: &str, expect: u16) {
        let mut asked = HeaderMap::new();
        asked.insert(name, HeaderValue::try_from(value).unwrap());
        let changed: Timestamp = "2026-09-01T00:00:00Z".parse().unwrap();
        let validity = Validity {
            tag: tag(DOCUMENT),
            changed,
            now: Timestamp::from_second(changed.as_second() + seconds).unwrap(),
            fresh_for: Duration::from_secs(30),
        };
        let response = respond(DOCUMENT.to_vec(), &validity, &asked);
        assert_eq!(response.status(), expect, "{name}: {value}");
        assert_eq!(response.body().is_empty(), expect == 304);
        let header = |name| response.headers().get(name).unwrap().to_str().unwrap();
        assert_eq!(header(CACHE_CONTROL), "private, max-age=30");
        assert_eq!(header(LAST_MODIFIED), "Tue, 01 Sep 2026 00:00:00 GMT");
        assert_eq!(header(ETAG), tag(DOCUMENT));
        assert_eq!(header(VARY), "Accept-Encoding");
    }

    #[test]
    fn a_reader_that_has_it_gets_304() {
        let own = tag(DOCUMENT);
        check("if-none-match", &own, 304);
        check("if-none-match", own.trim_start_matches("W/"), 304);
        check("if-none-match", &format!("\"x\", {own}"), 304);
        check("if-none-match", "*", 304);
        check("if-none-match", "\"x\"", 200);
        check("if-none-match", "", 200);
        check("if-modified-since", "Tue, 01 Sep 2026 00:00:00 GMT", 304);
        check("if-modified-since", "Mon, 31 Aug 2026 23:59:59 GMT", 200);
        check("if-modified-since", "Tue, 01 Sep 2026 00:00:01 GMT", 304);
        check("if-modified-since", "yesterday", 200);
        let same = "Tue, 01 Sep 2026 00:00:00 GMT";
        check_after(1, "if-modified-since", same, 304);
        check_after(0, "if-modified-since", same, 200);
        check_after(0, "if-none-match", &own, 304);
        check("accept", "*/*", 200);
    }

    #[test]
    fn what_says_the_same_has_not_changed() {
        let changes = Changes::new();
        let at = |second| Timestamp::from_second(second).unwrap();
        let mailbox = SmtpAddress::parse("anna@example.com").unwrap();
        let week = (mailbox.clone(), (0, 604_800), false, Detail::BusyOnly);
        let day = (mailbox, (0, 86_400), false, Detail::BusyOnly);
        let since = |question: &Question, tag, at_latest| {
            changes
                .since(question.clone(), tag, at(at_latest))
                .as_second()
        };
        assert_eq!(since(&week, "a", 10), 10);
        assert_eq!(since(&week, "a", 20), 10);
        assert_eq!(since(&day, "a", 30), 30);
        assert_eq!(since(&week, "b", 40), 40);
        // It is what it once was, but not all the time since.
        assert_eq!(since(&week, "a", 50), 50);
        assert_eq!(since(&week, "a", 60), 50);
    }

    #[test]
    fn a_tag_knows_all_but_the_stamp() {
        let text = std::str::from_utf8(DOCUMENT).unwrap();
        let later = text.replace("0901T", "0902T");
        assert_eq!(tag(later.as_bytes()), tag(DOCUMENT));
        let other = text.replace("FREEBUSY:x", "FREEBUSY:y");
        assert_ne!(tag(other.as_bytes()), tag(DOCUMENT));
    }

    #[test]
    fn a_title_that_names_the_stamp_hides_nothing() {
        let document = |title: &str, stamp: &str| {
            let mut writer = Writer::default();
            writer.begin("VFREEBUSY");
            writer.property("DTSTAMP").plain(stamp);
            let property = writer.property("FREEBUSY");
            property.parameter("X-SUMMARY", title).plain("x");
            writer.end("VFREEBUSY");
            tag(&writer.finish())
        };
        // Within a line, behind a fold, and behind what would be a line break.
        for before in ["", &"x".repeat(55), "\r\n"] {
            let titled = |after: &str, stamp| document(&format!("{before}DTSTAMP:{after}"), stamp);
            let own = titled("Meeting with Anna", "20260901T000000Z");
            assert_ne!(own, titled("Meeting with Bernd", "20260901T000000Z"));
            assert_eq!(own, titled("Meeting with Anna", "20260902T000000Z"));
        }
    }
}

//! VFREEBUSY as it is published (RFC 5545 sections 3.6.4, RFC 5546 section 3.3.1): the busy time of one mailbox in one
//! window, written and read. Which events are busy time, and what may be told of them, is decided before.

use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::content::{self, ContentLine, Writer};
use crate::domain::TimeWindow;

/// Who made the document (RFC 5545 section 3.7.3).
pub(super) const PRODUCT: &str = "-//calbridge//Free Busy//EN";

/// How a period is taken, FBTYPE of RFC 5545 section 3.2.9. Free time is not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BusyType {
    Busy,
    Tentative,
    Unavailable,
}

/// A period that is not free, in Unix seconds, `start < end`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BusyPeriod<'a> {
    pub start: i64,
    pub end: i64,
    pub busy: BusyType,
    /// `X-SUMMARY` and `X-LOCATION`, as Evolution reads them: parameters in plain text.
    pub summary: Option<&'a str>,
    pub location: Option<&'a str>,
}

/// A free/busy document, without its periods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreeBusyHead<'a> {
    /// Whose time it is, a mail address.
    pub mailbox: &'a str,
    pub window: TimeWindow,
    /// When that was known.
    pub stamp: Timestamp,
    /// Where the document is to be found again.
    pub url: Option<&'a str>,
}

/// A free/busy document, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadFreeBusy {
    pub mailbox: String,
    pub start: Timestamp,
    pub end: Timestamp,
    pub stamp: Timestamp,
    pub periods: Vec<ReadPeriod>,
}

/// A period that was read; the same fields as [`BusyPeriod`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReadPeriod {
    pub start: i64,
    pub end: i64,
    pub busy: BusyType,
    pub summary: Option<String>,
    pub location: Option<String>,
}

/// A document that is no free/busy document of this form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is missing or cannot be read")]
pub struct NoFreeBusy(&'static str);

impl BusyType {
    /// The word of the parameter.
    pub fn word(self) -> &'static str {
        match self {
            Self::Busy => "BUSY",
            Self::Tentative => "BUSY-TENTATIVE",
            Self::Unavailable => "BUSY-UNAVAILABLE",
        }
    }

    /// None for FREE. A word that is not known is BUSY (RFC 5545 section 3.2.9).
    fn read(word: Option<&str>) -> Option<Self> {
        let word = word.unwrap_or("BUSY").to_ascii_uppercase();
        match word.as_str() {
            "FREE" => None,
            "BUSY-TENTATIVE" => Some(Self::Tentative),
            "BUSY-UNAVAILABLE" => Some(Self::Unavailable),
            _ => Some(Self::Busy),
        }
    }
}

/// A whole VCALENDAR, METHOD:PUBLISH, with one VFREEBUSY.
pub fn write<'a>(
    head: &FreeBusyHead<'_>,
    periods: impl Iterator<Item = BusyPeriod<'a>>,
) -> Vec<u8> {
    let mut writer = Writer::with_capacity(512 + periods.size_hint().0 * 64);
    open_calendar(&mut writer);
    write_component(&mut writer, head, periods);
    writer.end("VCALENDAR");
    writer.finish()
}

/// Opens a published VCALENDAR; whoever calls it closes it.
pub fn open_calendar(writer: &mut Writer) {
    writer.begin("VCALENDAR");
    writer.property("VERSION").plain("2.0");
    writer.property("PRODID").plain(PRODUCT);
    writer.property("METHOD").plain("PUBLISH");
}

/// One VFREEBUSY component.
pub fn write_component<'a>(
    writer: &mut Writer,
    head: &FreeBusyHead<'_>,
    periods: impl Iterator<Item = BusyPeriod<'a>>,
) {
    let (start, end) = head.window.seconds();
    writer.begin("VFREEBUSY");
    // The same mailbox and window are the same object, whenever they are asked for.
    let id = Utc(start);
    writer
        .property("UID")
        .plain(&format!("{id}-{}-{}", Utc(end), head.mailbox));
    writer
        .property("DTSTAMP")
        .plain(&Utc(head.stamp.as_second()).to_string());
    writer
        .property("ORGANIZER")
        .plain(&format!("mailto:{}", head.mailbox));
    writer.property("DTSTART").plain(&Utc(start).to_string());
    writer.property("DTEND").plain(&Utc(end).to_string());
    if let Some(url) = head.url {
        writer.property("URL").plain(url);
    }
    for period in periods {
        write_period(writer, &period);
    }
    writer.end("VFREEBUSY");
}

fn write_period(writer: &mut Writer, period: &BusyPeriod<'_>) {
    let mut property = writer
        .property("FREEBUSY")
        .parameter("FBTYPE", period.busy.word());
    if let Some(summary) = period.summary {
        property = property.parameter("X-SUMMARY", summary);
    }
    if let Some(location) = period.location {
        property = property.parameter("X-LOCATION", location);
    }
    let mut value = [0; 33];
    property.plain(period_text(&mut value, period.start, period.end));
}

/// `start/end` without an allocation: a document has hundreds of them.
fn period_text(text: &mut [u8; 33], start: i64, end: i64) -> &str {
    let (first, rest) = text.split_at_mut(16);
    utc_text(first, start);
    if let Some((slash, second)) = rest.split_first_mut() {
        *slash = b'/';
        utc_text(second, end);
    }
    std::str::from_utf8(text).unwrap_or_default()
}

/// A DATE-TIME in UTC, from Unix seconds.
#[derive(Debug, Clone, Copy)]
pub struct Utc(pub i64);

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 16];
        utc_text(&mut text, self.0);
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

/// `YYYYMMDDTHHMMSSZ`; what has more than four digits of a year is written as the last second that has not.
fn utc_text(text: &mut [u8], second: i64) {
    const FIRST: i64 = -62_135_596_800;
    const LAST: i64 = 253_402_207_200;
    let instant = Timestamp::from_second(second.clamp(FIRST, LAST)).unwrap_or_default();
    let at = TimeZone::UTC.to_datetime(instant);
    let two = |number: i8| [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
    let (high, low) = (two((at.year() / 100) as i8), two((at.year() % 100) as i8));
    let pieces: [&[u8]; 9] = [
        &high,
        &low,
        &two(at.month()),
        &two(at.day()),
        b"T",
        &two(at.hour()),
        &two(at.minute()),
        &two(at.second()),
        b"Z",
    ];
    for (place, byte) in text.iter_mut().zip(pieces.into_iter().flatten()) {
        *place = *byte;
    }
}

/// Reads a document with one VFREEBUSY whose times are in UTC.
pub fn read(document: &str) -> Result<ReadFreeBusy, NoFreeBusy> {
    let lines: Option<Vec<ContentLine>> = content::read(document).collect();
    let lines = lines.ok_or(NoFreeBusy("a content line"))?;
    let inside: Vec<_> = lines
        .iter()
        .skip_while(|line| !(line.name == "BEGIN" && line.value == "VFREEBUSY"))
        .take_while(|line| !(line.name == "END" && line.value == "VFREEBUSY"))
        .collect();
    let find = |name: &'static str| {
        let line = inside.iter().find(|line| line.name == name);
        line.ok_or(NoFreeBusy(name))
    };
    let time = |name| read_utc(&find(name)?.value).ok_or(NoFreeBusy(name));
    let mailbox = find("ORGANIZER")?.value.clone();
    let mut periods = Vec::new();
    for line in inside.iter().filter(|line| line.name == "FREEBUSY") {
        read_periods(line, &mut periods).ok_or(NoFreeBusy("FREEBUSY"))?;
    }
    Ok(ReadFreeBusy {
        mailbox: mailbox
            .strip_prefix("mailto:")
            .unwrap_or(&mailbox)
            .to_owned(),
        start: time("DTSTART")?,
        end: time("DTEND")?,
        stamp: time("DTSTAMP")?,
        periods,
    })
}

fn read_periods(line: &ContentLine, periods: &mut Vec<ReadPeriod>) -> Option<()> {
    let Some(busy) = BusyType::read(line.parameter("FBTYPE")) else {
        return Some(());
    };
    for period in line.value.split(',') {
        let (start, end) = period.split_once('/')?;
        periods.push(ReadPeriod {
            start: read_utc(start)?.as_second(),
            end: read_utc(end)?.as_second(),
            busy,
            summary: line.parameter("X-SUMMARY").map(Into::into),
            location: line.parameter("X-LOCATION").map(Into::into),
        });
    }
    Some(())
}

/// `YYYYMMDDTHHMMSSZ`.
pub fn read_utc(text: &str) -> Option<Timestamp> {
    let digits = text.strip_suffix('Z').filter(|digits| digits.len() == 15)?;
    let plain = |(place, byte): (usize, u8)| byte.is_ascii_digit() != (place == 8);
    if !digits.bytes().enumerate().all(plain) || digits.as_bytes().get(8) != Some(&b'T') {
        return None;
    }
    let at = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%S", digits).ok()?;
    TimeZone::UTC.to_timestamp(at).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn window(start: i64, end: i64) -> TimeWindow {
        TimeWindow::new(
            Timestamp::from_second(start).unwrap(),
            Timestamp::from_second(end).unwrap(),
        )
        .unwrap()
    }

    fn busy_type(number: u8) -> BusyType {
        match number % 3 {
            0 => BusyType::Busy,
            1 => BusyType::Tentative,
            _ => BusyType::Unavailable,
        }
    }

    #[test]
    fn a_document_as_clients_expect_it() {
        let head = FreeBusyHead {
            mailbox: "anna@example.com",
            window: window(1_788_220_800, 1_788_307_200),
            stamp: Timestamp::from_second(1_788_220_801).unwrap(),
            url: None,
        };
        let period = BusyPeriod {
            start: 1_788_253_200,
            end: 1_788_256_800,
            busy: BusyType::Tentative,
            summary: Some("Plan: \"B\""),
            location: None,
        };
        let document = write(&head, std::iter::once(period));
        assert_eq!(
            std::str::from_utf8(&document).unwrap(),
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//calbridge//Free Busy//EN\r\nMETHOD:PUBLISH\r\n\
             BEGIN:VFREEBUSY\r\nUID:20260901T000000Z-20260902T000000Z-anna@example.com\r\n\
             DTSTAMP:20260901T000001Z\r\nORGANIZER:mailto:anna@example.com\r\n\
             DTSTART:20260901T000000Z\r\nDTEND:20260902T000000Z\r\n\
             FREEBUSY;FBTYPE=BUSY-TENTATIVE;X-SUMMARY=\"Plan: ^'B^'\":20260901T090000Z/202\r\n 60901T100000Z\r\n\
             END:VFREEBUSY\r\nEND:VCALENDAR\r\n"
        );
    }

    #[test]
    fn times_have_one_form() {
        for text in [
            "20260230T000000Z",
            "20260201T000000",
            "2026-02-01T00:00:00Z",
            "202602010000000Z",
            "+0260201T000000Z",
            "",
        ] {
            assert_eq!(read_utc(text), None, "{text:?}");
        }
        assert_eq!(Utc(i64::MAX).to_string().len(), 16);
        assert_eq!(Utc(i64::MIN).to_string(), "00010101T000000Z");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            start in 0_i64..4_000_000_000, length in 1_i64..5_000_000,
            periods in prop::collection::vec((0_i64..4_000_000_000, 1_i64..1_000_000, any::<u8>(), prop::option::of("\\PC{0,120}"), prop::option::of("[a-z\",;:^üß😀 ]{0,90}")), 0..20),
        ) {
            let head = FreeBusyHead { mailbox: "o'neil+x@sub.example.com", window: window(start, start + length), stamp: Timestamp::from_second(start).unwrap(), url: Some("https://bridge.example.com/") };
            let written = periods.iter().map(|(start, length, busy, summary, location)| BusyPeriod {
                start: *start, end: start + length, busy: busy_type(*busy), summary: summary.as_deref(), location: location.as_deref(),
            });
            let document = write(&head, written);
            let back = read(std::str::from_utf8(&document).unwrap()).unwrap();
            prop_assert_eq!(back.mailbox, head.mailbox);
            prop_assert_eq!((back.start, back.end, back.stamp), (head.window.start(), head.window.end(), head.stamp));
            let expect: Vec<_> = periods.into_iter().map(|(start, length, busy, summary, location)| ReadPeriod {
                start, end: start + length, busy: busy_type(busy), summary, location,
            }).collect();
            prop_assert_eq!(back.periods, expect);
        }

        #[test]
        fn reading_never_panics(text in "(BEGIN:VFREEBUSY\r?\n)?([A-Z;:=/0-9TZ,\r\n ]{0,80})") {
            let _ = read(&text);
        }
    }
}

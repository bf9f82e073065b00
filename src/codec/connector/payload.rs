//! How a payload is written, piece by piece. What it is made of stands in `answer`.

use jiff::civil::{Date, DateTime};

use super::ErrorId;
use super::answer::{Answer, Entry, Form, Status, User};
use super::escape::{Place, push_json, push_legacy, push_legacy_raw};
use crate::codec::xml::moment::LocalText;

/// The version that is spoken, and what stands in its place where the question was not read.
const VERSION: &str = "1";
const NOTHING: &str = "0";

/// What four digits of a year can tell: from 0001-01-01T00:00:00 to 9999-12-31T23:59:59, where calendars end.
const FIRST_SECOND: i64 = -62_135_596_800;
const LAST_SECOND: i64 = 253_402_300_799;

/// The places of `YYYYMMDDTHHMMSS` in `YYYY-MM-DDTHH:MM:SS`.
const SHORT_FORM: [usize; 15] = [0, 1, 2, 3, 5, 6, 8, 9, 10, 11, 12, 14, 15, 17, 18];

type ShortForm = [u8; SHORT_FORM.len()];

/// A payload that is being written.
pub(super) struct Payload<'o> {
    out: &'o mut String,
    form: Form,
    place: Place,
    clock: LocalText,
}

impl<'o> Payload<'o> {
    pub(super) fn new(out: &'o mut String, form: Form, place: Place) -> Self {
        Self {
            out,
            form,
            place,
            clock: LocalText::default(),
        }
    }

    pub(super) fn answer(&mut self, answer: &Answer<'_>) {
        self.raw("[");
        self.literal(VERSION);
        self.comma();
        self.literal(answer.id);
        self.raw(",[");
        self.literal("_ME_AddData");
        self.comma();
        self.range(answer.start, answer.end);
        self.comma();
        self.moment(answer.since);
        self.raw(",[");
        for (place, user) in answer.users.iter().enumerate() {
            if place > 0 {
                self.comma();
            }
            self.user(user);
        }
        self.raw("]]]");
    }

    pub(super) fn error(&mut self, id: Option<&str>, error: ErrorId, text: &str) {
        self.raw("[");
        self.literal(id.map_or(NOTHING, |_| VERSION));
        self.comma();
        self.literal(id.unwrap_or(NOTHING));
        self.comma();
        self.literal(&error.number().to_string());
        self.comma();
        self.text(text);
        self.raw("]");
    }

    fn user(&mut self, user: &User<'_>) {
        self.literal(user.name);
        self.comma();
        self.literal(user.address);
        self.comma();
        self.literal(match user.entries {
            Some(_) => "20",
            None => "0",
        });
        self.raw(",[");
        let mut block = Block::default();
        for (place, entry) in user.entries.iter().flatten().enumerate() {
            if place > 0 {
                self.comma();
            }
            if entry.subject.is_empty() && entry.location.is_empty() {
                self.block(&mut block, entry);
            } else {
                self.entry(entry);
            }
        }
        self.raw("]");
    }

    fn entry(&mut self, entry: &Entry<'_>) {
        self.raw("[");
        self.text(entry.subject);
        self.comma();
        self.second(entry.start);
        self.comma();
        self.second(entry.end);
        self.comma();
        self.text(entry.location);
        self.comma();
        self.text(entry.organizer);
        self.comma();
        self.out.push(entry.status.digit());
        self.raw("]");
    }

    /// The same without a title and a place: most answers consist of nothing else, and one block differs from the one
    /// before in its times only.
    fn block<'e>(&mut self, block: &mut Block<'e>, entry: &Entry<'e>) {
        if !block.is_like(entry) {
            let mut text = String::new();
            Payload::new(&mut text, self.form, self.place).entry(entry);
            *block = Block::new(entry, text, self.quote().len());
        }
        block.start(self.short_form(entry.start));
        block.end(self.short_form(entry.end));
        self.out.push_str(block.text());
    }

    /// A text that people wrote.
    fn text(&mut self, text: &str) {
        match self.form {
            Form::Json => push_json(self.out, text, self.place),
            Form::Legacy => push_legacy(self.out, text),
        }
    }

    /// A text that the original left as it was.
    fn literal(&mut self, text: &str) {
        match self.form {
            Form::Json => push_json(self.out, text, self.place),
            Form::Legacy => push_legacy_raw(self.out, text),
        }
    }

    fn range(&mut self, start: Date, end: Date) {
        self.raw(self.quote());
        self.date(start);
        self.out.push('/');
        self.date(end);
        self.raw(self.quote());
    }

    fn second(&mut self, second: i64) {
        let digits = self.short_form(second);
        self.raw(self.quote());
        self.out
            .push_str(std::str::from_utf8(&digits).unwrap_or_default());
        self.raw(self.quote());
    }

    /// Without what divides date and clock in their long form.
    fn short_form(&mut self, second: i64) -> ShortForm {
        let text = self.clock.of(second.clamp(FIRST_SECOND, LAST_SECOND));
        SHORT_FORM.map(|place| text[place])
    }

    fn moment(&mut self, at: DateTime) {
        self.raw(self.quote());
        self.date(at.date());
        self.out.push('T');
        for part in [at.hour(), at.minute(), at.second()] {
            self.two(part.unsigned_abs());
        }
        self.raw(self.quote());
    }

    fn date(&mut self, date: Date) {
        let year = date.year().clamp(1, 9999).unsigned_abs();
        self.two((year / 100) as u8);
        self.two((year % 100) as u8);
        self.two(date.month().unsigned_abs());
        self.two(date.day().unsigned_abs());
    }

    fn two(&mut self, number: u8) {
        self.out.push(char::from(b'0' + number / 10));
        self.out.push(char::from(b'0' + number % 10));
    }

    fn quote(&self) -> &'static str {
        match self.form {
            Form::Json => self.place.double_quote(),
            Form::Legacy => "'",
        }
    }

    fn comma(&mut self) {
        self.out.push(',');
    }

    fn raw(&mut self, text: &'static str) {
        self.out.push_str(text);
    }
}

/// The last entry that was written without a title and a place.
#[derive(Default)]
struct Block<'e> {
    /// Its organizer and status; None before the first.
    of: Option<(&'e str, Status)>,
    text: Vec<u8>,
    start: usize,
    end: usize,
}

impl<'e> Block<'e> {
    fn new(entry: &Entry<'e>, text: String, quote: usize) -> Self {
        // Before the start stand a bracket, the quotes of the title, a comma and a quote.
        let start = 1 + 2 * quote + 1 + quote;
        Self {
            of: Some((entry.organizer, entry.status)),
            text: text.into_bytes(),
            start,
            end: start + SHORT_FORM.len() + quote + 1 + quote,
        }
    }

    /// The blocks of one mailbox have one and the same organizer. Another text of the same letters is as good as another,
    /// and texts are not compared: where they are empty, that can cost more than all the rest.
    fn is_like(&self, entry: &Entry<'_>) -> bool {
        let is_same = |(organizer, status): (&str, Status)| {
            std::ptr::eq::<str>(organizer, entry.organizer) && status == entry.status
        };
        self.of.is_some_and(is_same)
    }

    fn start(&mut self, time: ShortForm) {
        self.put(self.start, time);
    }

    fn end(&mut self, time: ShortForm) {
        self.put(self.end, time);
    }

    fn put(&mut self, place: usize, time: ShortForm) {
        if let Some(old) = self.text.get_mut(place..place + time.len()) {
            old.copy_from_slice(&time);
        }
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.text).unwrap_or_default()
    }
}

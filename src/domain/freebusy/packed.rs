//! The events of one calendar in three blocks of memory, whatever their number: a cache holds a hundred thousand
//! calendars, and an answer walks through them from front to back.

use jiff::Timestamp;

use super::EventFlags;
use super::event::{Details, Event, EventId, HexadecimalId};
use super::search;
use crate::domain::memory::block;
use crate::domain::{BusyStatus, TimeWindow};

/// Sorted by start, then end. Whole seconds: fractions are rounded outwards, so that nothing gets shorter.
#[derive(Debug, Default)]
pub(super) struct Packed {
    events: Box<[Slot]>,
    /// Subjects, locations, organizers (each ended by a line break) and ids that are not hexadecimal, one after another.
    text: Box<str>,
    /// Hexadecimal ids, as bytes. The first one whole; of the others what they do not share with it.
    ids: Box<[u8]>,
    /// Seconds from the start to the end of the longest event.
    longest: i64,
    /// Where the first and the last event start: a search begins near its end without looking at events in between.
    first: i64,
    last: i64,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    start: i64,
    end: i64,
    /// Where the subject begins in the text; the location follows it.
    text_at: u32,
    /// Where the id begins, in the text or among the ids. Among the ids, the byte there says how many bytes it shares
    /// with the first one.
    id_at: u32,
    subject: u16,
    location: u16,
    /// Bytes that are kept of it here.
    id: u16,
    /// Status, flags of the event, and what there is.
    bits: u16,
}

/// A length that means that there is no such text.
const ABSENT: u16 = u16::MAX;

const STATUS: u16 = 0b111;
const MEETING: u16 = 1 << 3;
const RECURRING: u16 = 1 << 4;
const EXCEPTION: u16 = 1 << 5;
const REMINDER_SET: u16 = 1 << 6;
const PRIVATE: u16 = 1 << 7;
const HAS_DETAILS: u16 = 1 << 8;
const HEXADECIMAL_ID: u16 = 1 << 9;
/// A slot has no place for its length: few sources tell who organizes.
const HAS_ORGANIZER: u16 = 1 << 10;

/// Collects events in any order.
#[derive(Debug, Default)]
pub struct Builder {
    events: Vec<Slot>,
    text: String,
    ids: Vec<u8>,
    /// Bytes of the first id.
    first_id: usize,
    scratch: Vec<u8>,
}

impl Builder {
    pub fn len(&self) -> usize {
        self.events.len()
    }

    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// `start <= end`. Of a private event only the flags are kept: whatever a source sends, nothing private enters.
    pub fn push(
        &mut self,
        start: Timestamp,
        end: Timestamp,
        status: BusyStatus,
        details: Option<&Details<'_>>,
    ) {
        let first = start.as_second() - i64::from(start.subsec_nanosecond() < 0);
        let last = if start == end {
            first
        } else {
            end.as_second() + i64::from(end.subsec_nanosecond() > 0)
        };
        let mut slot = Slot {
            start: first,
            end: last,
            text_at: self.text.len() as u32,
            id_at: 0,
            subject: ABSENT,
            location: ABSENT,
            id: ABSENT,
            bits: status as u16,
        };
        if let Some(details) = details {
            slot.bits |= HAS_DETAILS | flag_bits(details.flags);
            if !details.flags.private {
                self.push_details(&mut slot, details);
            }
        }
        self.events.push(slot);
    }

    fn push_details(&mut self, slot: &mut Slot, details: &Details<'_>) {
        slot.subject = details
            .subject
            .map_or(ABSENT, |text| push_text(&mut self.text, text));
        slot.location = details
            .location
            .map_or(ABSENT, |text| push_text(&mut self.text, text));
        let organizer = details.organizer.and_then(|text| text.lines().next());
        if let Some(line) = organizer.filter(|line| !line.is_empty()) {
            slot.bits |= HAS_ORGANIZER;
            self.text.push_str(line);
            self.text.push('\n');
        }
        match details.id {
            None => {}
            Some(EventId::Text(text)) => {
                let mut bytes = std::mem::take(&mut self.scratch);
                bytes.clear();
                if push_hexadecimal(&mut bytes, text) {
                    self.push_id(slot, &bytes);
                } else {
                    slot.id_at = self.text.len() as u32;
                    slot.id = push_text(&mut self.text, text);
                }
                self.scratch = bytes;
            }
            Some(EventId::Hexadecimal(id)) => {
                let mut bytes = std::mem::take(&mut self.scratch);
                bytes.clear();
                bytes.extend(id.bytes().take(usize::from(ABSENT - 1)));
                self.push_id(slot, &bytes);
                self.scratch = bytes;
            }
        }
    }

    /// Keeps what the id does not share with the first one.
    fn push_id(&mut self, slot: &mut Slot, id: &[u8]) {
        let first = self.ids.get(1..1 + self.first_id).unwrap_or_default();
        let same = first.iter().zip(id).take(usize::from(u8::MAX));
        let shared = same.take_while(|(a, b)| a == b).count();
        let tail = id.get(shared..).unwrap_or_default();
        slot.bits |= HEXADECIMAL_ID;
        (slot.id_at, slot.id) = (self.ids.len() as u32, tail.len() as u16);
        if self.ids.is_empty() {
            self.first_id = id.len();
        }
        self.ids.push(shared as u8);
        self.ids.extend_from_slice(tail);
    }

    /// An event that comes from another calendar.
    pub(super) fn push_seconds(&mut self, event: &Event<'_>) {
        self.push(
            event.starts(),
            event.ends(),
            event.status,
            event.details.as_ref(),
        );
    }

    /// Everything is copied into blocks of its size: an allocator that shrinks a grown block leaves it as it is while
    /// half of it is in use.
    pub(super) fn finish(self) -> Packed {
        let mut packed = Packed {
            events: Box::default(),
            text: self.text.as_str().into(),
            ids: self.ids.as_slice().into(),
            longest: 0,
            first: 0,
            last: 0,
        };
        let mut events = self.events;
        // By start, then end; the rest only so that equal sets of events have one order.
        if !events.is_sorted_by_key(|slot| (slot.start, slot.end)) || has_twins(&events) {
            events.sort_by(|a, b| packed.event(a, true).cmp(&packed.event(b, true)));
        }
        let lengths = events
            .iter()
            .map(|slot| slot.end.saturating_sub(slot.start));
        packed.longest = lengths.max().unwrap_or(0);
        packed.first = events.first().map_or(0, |slot| slot.start);
        packed.last = events.last().map_or(0, |slot| slot.start);
        packed.events = events.as_slice().into();
        packed
    }
}

fn has_twins(events: &[Slot]) -> bool {
    events
        .windows(2)
        .any(|pair| matches!(pair, [a, b] if (a.start, a.end) == (b.start, b.end)))
}

/// Appends `text` and says how much of it: what is longer than any calendar allows is cut.
fn push_text(all: &mut String, text: &str) -> u16 {
    let end = text.floor_char_boundary(usize::from(ABSENT - 1));
    let kept = text.get(..end).unwrap_or_default();
    all.push_str(kept);
    kept.len() as u16
}

/// Appends the bytes of upper-case hexadecimal digits; nothing if `text` is something else.
fn push_hexadecimal(all: &mut Vec<u8>, text: &str) -> bool {
    let before = all.len();
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let fits = !pairs.is_empty() && rest.is_empty() && pairs.len() < usize::from(ABSENT);
    let whole = fits
        && pairs
            .iter()
            .all(|&[high, low]| match (digit(high), digit(low)) {
                (Some(high), Some(low)) => {
                    all.push(high << 4 | low);
                    true
                }
                _ => false,
            });
    if !whole {
        all.truncate(before);
    }
    whole
}

impl Packed {
    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    pub(super) fn iter(
        &self,
        details: bool,
    ) -> impl DoubleEndedIterator<Item = Event<'_>> + ExactSizeIterator {
        self.events
            .iter()
            .map(move |slot| self.event(slot, details))
    }

    /// Those that belong to `window`.
    pub(super) fn touching<'a>(
        &'a self,
        window: &TimeWindow,
        details: bool,
    ) -> impl Iterator<Item = Event<'a>> + use<'a> {
        let (start, end) = window.seconds();
        let belongs =
            move |slot: &&Slot| slot.end > start || (slot.start == slot.end && slot.start == start);
        self.near(start, end)
            .iter()
            .filter(belongs)
            .map(move |slot| self.event(slot, details))
    }

    /// About how many events belong to `window`, and about how many characters of text they have.
    pub(super) fn size_in(&self, window: &TimeWindow) -> (usize, usize) {
        let (start, end) = window.seconds();
        let count = self.near(start, end).len();
        (count, self.size().1 * count / self.events.len().max(1))
    }

    /// How many events there are, and about how many characters of text.
    pub(super) fn size(&self) -> (usize, usize) {
        let count = self.events.len();
        // All ids are about as long as the first.
        let first = self.events.first().filter(|_| !self.ids.is_empty());
        let first_id = first.map_or(0, |slot| self.id_digits(slot));
        (count, self.text.len() + first_id * count)
    }

    /// No more characters of text and ids than this, whatever is told of the events.
    pub(super) fn most_text(&self) -> usize {
        let shared = self.ids.len().min(usize::from(u8::MAX)) * self.events.len();
        self.text.len() + 2 * (self.ids.len() + shared)
    }

    fn id_digits(&self, slot: &Slot) -> usize {
        match self.details(slot).id {
            Some(EventId::Hexadecimal(id)) => 2 * id.len(),
            Some(EventId::Text(_)) | None => 0,
        }
    }

    /// Those that start before `end` and not so long before `start` that none of them can reach it.
    fn near(&self, start: i64, end: i64) -> &[Slot] {
        let start_of = |slot: &Slot| slot.start;
        let earliest = start.saturating_sub(self.longest);
        let first = search::first_from(&self.events, start_of, (self.first, self.last), earliest);
        let end = search::ascend(&self.events, start_of, first, end);
        self.events.get(first..end).unwrap_or_default()
    }

    /// Bytes on the heap, its own included, as an allocator gives them.
    pub(super) fn held_bytes(&self) -> usize {
        // Shared blocks begin with two counters.
        block(size_of::<Self>() + 2 * size_of::<usize>())
            + block(size_of_val(&*self.events))
            + block(self.text.len())
            + block(self.ids.len())
    }

    fn event(&self, slot: &Slot, details: bool) -> Event<'_> {
        Event {
            start: slot.start,
            end: slot.end,
            status: status_of(slot.bits),
            details: (details && slot.bits & HAS_DETAILS != 0).then(|| self.details(slot)),
        }
    }

    fn details(&self, slot: &Slot) -> Details<'_> {
        let length = |length: u16| Some(usize::from(length)).filter(|_| length != ABSENT);
        let text = |at: usize, of: u16| self.text.get(at..at + length(of)?);
        let at = slot.text_at as usize;
        let location_at = at + length(slot.subject).unwrap_or(0);
        let organizer_at = location_at + length(slot.location).unwrap_or(0);
        let organizer = (slot.bits & HAS_ORGANIZER != 0)
            .then(|| self.text.get(organizer_at..)?.lines().next())
            .flatten();
        let id_at = slot.id_at as usize;
        let id = if slot.bits & HEXADECIMAL_ID == 0 {
            text(id_at, slot.id).map(EventId::Text)
        } else {
            self.hexadecimal_id(id_at, usize::from(slot.id))
        };
        Details {
            id,
            subject: text(at, slot.subject),
            location: text(location_at, slot.location),
            organizer,
            flags: flags_of(slot.bits),
        }
    }

    fn hexadecimal_id(&self, at: usize, kept: usize) -> Option<EventId<'_>> {
        let shared = usize::from(*self.ids.get(at)?);
        Some(EventId::Hexadecimal(HexadecimalId {
            head: self.ids.get(1..1 + shared)?,
            tail: self.ids.get(at + 1..at + 1 + kept)?,
        }))
    }
}

fn status_of(bits: u16) -> BusyStatus {
    match bits & STATUS {
        0 => BusyStatus::Free,
        1 => BusyStatus::WorkingElsewhere,
        2 => BusyStatus::Tentative,
        3 => BusyStatus::Busy,
        4 => BusyStatus::OutOfOffice,
        _ => BusyStatus::NoData,
    }
}

fn flag_bits(flags: EventFlags) -> u16 {
    let bit = |set: bool, bit: u16| if set { bit } else { 0 };
    bit(flags.meeting, MEETING)
        | bit(flags.recurring, RECURRING)
        | bit(flags.exception, EXCEPTION)
        | bit(flags.reminder_set, REMINDER_SET)
        | bit(flags.private, PRIVATE)
}

fn flags_of(bits: u16) -> EventFlags {
    EventFlags {
        meeting: bits & MEETING != 0,
        recurring: bits & RECURRING != 0,
        exception: bits & EXCEPTION != 0,
        reminder_set: bits & REMINDER_SET != 0,
        private: bits & PRIVATE != 0,
    }
}

#[cfg(test)]
#[path = "packed_tests.rs"]
mod tests;

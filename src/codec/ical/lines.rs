//! The shape of a file, checked before calcard reads it: whole lines, matching BEGIN and END, and dates, durations and
//! rules in the form that RFC 5545 gives them. calcard reads on over all of these and guesses; we refuse the file.

use std::borrow::Cow;

use super::ReadError;

/// Components nest at most VCALENDAR, VEVENT, VALARM and one below.
const MAX_DEPTH: usize = 8;
const MAX_COMPONENTS: usize = 200_000;

/// The text of a file in UTF-8; None where it is not. Lines may be folded between any two octets, also within a
/// character (RFC 5545 section 3.1): such a file is text only once its lines are whole.
pub(super) fn decode(bytes: &[u8]) -> Option<Cow<'_, str>> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(Cow::Borrowed(text)),
        Err(_) => String::from_utf8(joined(bytes)).ok().map(Cow::Owned),
    }
}

/// Without the folds within a character; all others stay, so that lines keep their numbers as far as they can.
fn joined(bytes: &[u8]) -> Vec<u8> {
    let mut joined = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        let fold = [&b"\r\n "[..], b"\r\n\t", b"\n ", b"\n\t"]
            .into_iter()
            .find_map(|fold| rest.strip_prefix(fold));
        match fold {
            // The next octet goes on with a character (RFC 3629 section 3).
            Some(more) if more.first().is_some_and(|byte| byte & 0xC0 == 0x80) => rest = more,
            Some(_) | None => {
                joined.push(byte);
                rest = after;
            }
        }
    }
    joined
}

/// The text as calcard has to be given it.
pub(super) fn checked(text: &str) -> Result<Cow<'_, str>, ReadError> {
    let mut is_misread = false;
    let mut open: Vec<String> = Vec::new();
    let mut components = 0_usize;
    for (line, content) in unfolded(text) {
        if content.trim().is_empty() {
            continue;
        }
        let fail = |what| ReadError::Line { line, what };
        let (name, value) = split(&content).ok_or_else(|| fail("not a property"))?;
        is_misread |= is_misread_in(head(&content, value));
        let value = value.trim();
        match name.to_ascii_uppercase().as_str() {
            "BEGIN" => {
                components += 1;
                begin(value, &mut open, components).map_err(fail)?;
            }
            "END" => end(value, &mut open).map_err(fail)?,
            _ if open.is_empty() => return Err(fail("a property outside of VCALENDAR")),
            name => check_value(name, value).map_err(fail)?,
        }
    }
    if components == 0 || !open.is_empty() {
        return Err(ReadError::NoCalendar);
    }
    Ok(if is_misread {
        Cow::Owned(with_plain_parameters(text))
    } else {
        Cow::Borrowed(text)
    })
}

/// What stands before the colon of the value.
fn head<'a>(content: &'a str, value: &str) -> &'a str {
    let before = content.strip_suffix(value).unwrap_or_default();
    before.strip_suffix(':').unwrap_or_default()
}

/// Whether calcard finds other parameters in this line than there are. To calcard a backslash takes the meaning from what
/// follows it, to RFC 5545 (section 3.2) it is a character as any other. Where both find the same parameters it stays:
/// many write `CN="Roe\, Jane"` and mean the comma alone.
fn is_misread_in(head: &str) -> bool {
    head.contains('\\') && !ends(head, false).eq(ends(head, true))
}

/// Where parameters end. With `escapes` as calcard finds them: a tab or CR behind a backslash is skipped, and the backslash
/// takes the meaning from what follows that.
fn ends(head: &str, escapes: bool) -> impl Iterator<Item = usize> {
    let (mut quoted, mut escaped) = (false, false);
    let mut bytes = head.bytes().chain([b':']).enumerate();
    std::iter::from_fn(move || {
        bytes.by_ref().find_map(|(at, byte)| {
            if escaped {
                escaped = matches!(byte, b'\t' | b'\r');
                return None;
            }
            escaped = escapes && byte == b'\\';
            quoted ^= byte == b'"';
            (!quoted && matches!(byte, b';' | b':')).then_some(at)
        })
    })
}

/// Without folds, and with each backslash of such lines' parameters doubled, which calcard reads as one.
fn with_plain_parameters(text: &str) -> String {
    let mut plain = String::with_capacity(text.len() + 64);
    for (_, content) in unfolded(text) {
        let head = split(&content).map_or("", |(_, value)| head(&content, value));
        if is_misread_in(head) {
            plain.push_str(&head.replace('\\', "\\\\"));
            plain.push_str(content.strip_prefix(head).unwrap_or_default());
        } else {
            plain.push_str(&content);
        }
        plain.push_str("\r\n");
    }
    plain
}

fn begin(value: &str, open: &mut Vec<String>, components: usize) -> Result<(), &'static str> {
    let component = value.to_ascii_uppercase();
    if open.is_empty() != (component == "VCALENDAR") {
        return Err("a component in the wrong place");
    }
    open.push(component);
    if open.len() > MAX_DEPTH || components > MAX_COMPONENTS {
        return Err("too many components");
    }
    Ok(())
}

fn end(value: &str, open: &mut Vec<String>) -> Result<(), &'static str> {
    match open.pop() {
        Some(component) if component.eq_ignore_ascii_case(value) => Ok(()),
        Some(_) | None => Err("an END without its BEGIN"),
    }
}

/// `name` in upper case.
fn check_value(name: &str, value: &str) -> Result<(), &'static str> {
    let times = || value.split(',').map(str::trim).all(is_time_or_period);
    match name {
        "DTSTART" | "DTEND" | "RECURRENCE-ID" | "EXDATE" | "RDATE" if !times() => {
            Err("not a date or time")
        }
        "DURATION" if !is_duration(value) => Err("not a duration"),
        "RRULE" if !is_rule(value) => Err("not a recurrence rule"),
        _ => Ok(()),
    }
}

/// Content lines with the number of their first line, from 1. Lines may end in LF alone.
pub(super) fn unfolded(text: &str) -> impl Iterator<Item = (usize, String)> {
    let mut lines = text
        .split('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line))
        .enumerate()
        .peekable();
    std::iter::from_fn(move || {
        let (number, first) = lines.next()?;
        let mut content = first.to_owned();
        while let Some((_, more)) = lines.next_if(|(_, line)| line.starts_with([' ', '\t'])) {
            content.extend(more.chars().skip(1));
        }
        Some((number + 1, content))
    })
}

/// A property's name and its value; the parameters between them may hold colons in quotes.
pub(super) fn split(content: &str) -> Option<(&str, &str)> {
    let end = content.find([':', ';'])?;
    let (name, rest) = content.split_at(end);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if name.is_empty() || !name.bytes().all(plain) {
        return None;
    }
    let mut quoted = false;
    for (at, byte) in rest.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b':' if !quoted => return rest.get(at + 1..).map(|value| (name, value)),
            _ => {}
        }
    }
    None
}

fn is_time_or_period(value: &str) -> bool {
    match value.split_once('/') {
        None => is_time(value),
        Some((start, end)) => is_time(start) && (is_time(end) || is_duration(end)),
    }
}

/// `DATE`, or `DATE-TIME` floating or in UTC; an offset is not allowed (RFC 5545 section 3.3.5).
fn is_time(value: &str) -> bool {
    let digits = |text: &str, length| text.len() == length && is_number(text);
    match value.split_once(['T', 't']) {
        None => digits(value, 8),
        Some((date, time)) => {
            digits(date, 8) && digits(time.strip_suffix(['Z', 'z']).unwrap_or(time), 6)
        }
    }
}

/// RFC 5545 section 3.3.6, somewhat wider: any units in any order, each at most eight digits.
fn is_duration(value: &str) -> bool {
    let value = value.strip_prefix(['+', '-']).unwrap_or(value);
    let Some(value) = value.strip_prefix(['P', 'p']) else {
        return false;
    };
    let (days, time) = value.split_once(['T', 't']).unwrap_or((value, ""));
    let units = |part: &str, allowed: &str| {
        part.split_inclusive(|c: char| c.is_ascii_alphabetic())
            .all(|piece| {
                let Some(unit) = piece.chars().last() else {
                    return false;
                };
                let number = piece.strip_suffix(unit).unwrap_or_default();
                number.len() <= 8
                    && is_number(number)
                    && allowed.contains(unit.to_ascii_uppercase())
            })
    };
    !(days.is_empty() && time.is_empty()) && units(days, "WD") && units(time, "HMS")
}

/// RFC 5545 section 3.3.10: known parts only, numbers small enough that calcard does not wrap them.
fn is_rule(value: &str) -> bool {
    let value = value.strip_suffix(';').unwrap_or(value);
    value.split(';').all(|part| {
        let Some((key, value)) = part.split_once('=') else {
            return false;
        };
        let number = |limit: u32| {
            is_number(value) && value.parse().is_ok_and(|n: u32| (1..=limit).contains(&n))
        };
        let list = |limit: i32, least: i32| {
            value.split(',').all(|item| {
                let digits = item.strip_prefix(['+', '-']).unwrap_or(item);
                let parsed = item.parse::<i32>();
                is_number(digits) && parsed.is_ok_and(|n| (least..=limit).contains(&n))
            })
        };
        match key.to_ascii_uppercase().as_str() {
            "FREQ" | "WKST" | "BYDAY" | "RSCALE" | "SKIP" => !value.is_empty(),
            "UNTIL" => is_time(value),
            "COUNT" => number(u32::MAX),
            "INTERVAL" => number(u32::from(u16::MAX)),
            "BYSECOND" | "BYMINUTE" => list(59, 0),
            "BYHOUR" => list(23, 0),
            "BYMONTHDAY" => list(31, -31),
            "BYYEARDAY" | "BYSETPOS" => list(366, -366),
            "BYWEEKNO" => list(53, -53),
            "BYMONTH" => list(12, 1),
            _ => false,
        }
    })
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

//! The fields of a form, from the body of a POST or from a query. Names are compared without regard to case by whoever asks
//! for them.

use std::borrow::Cow;

use url::form_urlencoded;

/// More fields than any client sends; what comes after them is not read.
const MOST_FIELDS: usize = 1000;

/// Name and value of one field.
pub type Field<'a> = (Cow<'a, str>, Cow<'a, str>);

/// The fields of `application/x-www-form-urlencoded`. Bytes that are no UTF-8 become U+FFFD, in which no address and no
/// date can be found.
#[must_use]
pub fn urlencoded(text: &[u8]) -> Vec<Field<'_>> {
    form_urlencoded::parse(text).take(MOST_FIELDS).collect()
}

/// The fields of a body by its content type; none where it is no form. A body without a type is read as urlencoded.
#[must_use]
pub fn body<'a>(content_type: Option<&str>, body: &'a [u8]) -> Vec<Field<'a>> {
    let (kind, parameters) = match content_type {
        None => return urlencoded(body),
        Some(header) => header.split_once(';').unwrap_or((header, "")),
    };
    let is = |name: &str| kind.trim().eq_ignore_ascii_case(name);
    if is("application/x-www-form-urlencoded") {
        urlencoded(body)
    } else if is("multipart/form-data") {
        boundary(parameters).map_or_else(Vec::new, |boundary| multipart(&boundary, body))
    } else {
        Vec::new()
    }
}

/// All values of a field, joined by commas, as the original's platform does; None where there is no such field.
#[must_use]
pub fn joined<'a>(fields: &'a [Field<'_>], name: &str) -> Option<Cow<'a, str>> {
    let mut values = fields
        .iter()
        .filter(|(own, _)| own.eq_ignore_ascii_case(name))
        .map(|(_, value)| value);
    let first = values.next()?;
    Some(values.fold(Cow::Borrowed(&**first), |joined, value| {
        Cow::Owned(format!("{joined},{value}"))
    }))
}

fn boundary(parameters: &str) -> Option<Vec<u8>> {
    let value = parameter(parameters, "boundary")?;
    (1..=70)
        .contains(&value.len())
        .then(|| [b"--", value.as_bytes()].concat())
}

/// RFC 7578: parts between lines that begin with the boundary. Parts with a file name are files, not fields.
fn multipart<'a>(boundary: &[u8], body: &'a [u8]) -> Vec<Field<'a>> {
    let mut fields = Vec::new();
    let mut rest = after(body, boundary);
    while let Some(part) = rest {
        let Some(part) = part.strip_prefix(b"\r\n") else {
            break;
        };
        let Some(end) = find(part, boundary) else {
            break;
        };
        let (content, next) = part.split_at(end);
        fields.extend(field(content));
        if fields.len() >= MOST_FIELDS {
            break;
        }
        rest = next.get(boundary.len()..);
    }
    fields
}

fn field(part: &[u8]) -> Option<Field<'_>> {
    let end = find(part, b"\r\n\r\n")?;
    let head = std::str::from_utf8(part.get(..end)?).ok()?;
    let value = part.get(end + 4..)?.strip_suffix(b"\r\n")?;
    let disposition = head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-disposition")
            .then_some(value)
    })?;
    if parameter(disposition, "filename").is_some() {
        return None;
    }
    let name = parameter(disposition, "name")?;
    Some((Cow::Borrowed(name), String::from_utf8_lossy(value)))
}

/// `name=value` or `name="value"` among parts that semicolons divide.
fn parameter<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    header.split(';').find_map(|part| {
        let (own, value) = part.split_once('=')?;
        let value = value.trim();
        let quoted = value
            .strip_prefix('"')
            .and_then(|value| value.strip_suffix('"'));
        own.trim()
            .eq_ignore_ascii_case(name)
            .then(|| quoted.unwrap_or(value))
    })
}

fn after<'a>(bytes: &'a [u8], pattern: &[u8]) -> Option<&'a [u8]> {
    bytes.get(find(bytes, pattern)? + pattern.len()..)
}

fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes
        .windows(pattern.len())
        .position(|window| window == pattern)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(content_type: Option<&str>, content: &[u8], expect: Option<&str>) {
        let fields = body(content_type, content);
        assert_eq!(joined(&fields, "text").as_deref(), expect);
    }

    const URLENCODED: Option<&str> = Some("Application/X-WWW-Form-Urlencoded; charset=UTF-8");

    #[test]
    fn fields_of_urlencoded_bodies() {
        check(URLENCODED, b"text=%5B1%2C7%5D&other=1", Some("[1,7]"));
        check(None, b"TEXT=a+b", Some("a b"));
        check(URLENCODED, b"text=a&x=1&Text=b&text=", Some("a,b,"));
        check(
            URLENCODED,
            "text=M\u{fc}ller".as_bytes(),
            Some("M\u{fc}ller"),
        );
        check(URLENCODED, b"text=a\xffb%ff", Some("a\u{fffd}b\u{fffd}"));
        check(URLENCODED, b"", None);
        check(URLENCODED, b"text", Some(""));
        check(Some("text/plain"), b"text=a", None);
    }

    #[test]
    fn fields_of_multipart_bodies() {
        let kind = Some("multipart/form-data; boundary=\"--x-7\"");
        let content = b"preamble\r\n----x-7\r\nContent-Disposition: form-data; name=\"file\"; filename=\"text\"\r\n\r\nf\r\n\
            ----x-7\r\nContent-Type: text/plain\r\ncontent-disposition: form-data; name=\"Text\"\r\n\r\n[1,\r\n7]\r\n----x-7--\r\n";
        check(kind, content, Some("[1,\r\n7]"));
        check(kind, b"----x-7\r\n\r\n----x-7--", None);
        check(
            kind,
            b"----x-7\r\nContent-Disposition: form-data; name=text\r\n\r\nendless",
            None,
        );
        check(Some("multipart/form-data"), content, None);
        check(Some("multipart/form-data; boundary="), content, None);
    }

    proptest! {
        #[test]
        fn reading_never_panics(content in prop::collection::vec(any::<u8>(), 0..200), kind in "\\PC{0,30}") {
            for kind in [None, URLENCODED, Some("multipart/form-data; boundary=a"), Some(&*kind)] {
                let _ = body(kind, &content);
            }
        }

        #[test]
        fn a_field_that_a_client_writes_is_read(text in any::<String>()) {
            let written = form_urlencoded::Serializer::new(String::new()).append_pair("text", &text).finish();
            check(URLENCODED, written.as_bytes(), Some(&text));
        }
    }
}

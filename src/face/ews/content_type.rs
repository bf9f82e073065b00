//! What a caller may say about the type of its request: `text/xml` in UTF-8, however it is spelt.

use http::HeaderValue;

/// The type is not one that can be read; the text is IIS's own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "Cannot process the message because the content type '{0}' was not the expected type 'text/xml; charset=utf-8'."
)]
pub(super) struct Unsupported(String);

/// Accepts `text/xml` without a charset or with one whose bytes are UTF-8; no header at all if the body looks like XML.
/// UTF-16 is refused rather than garbled.
pub(super) fn check(header: Option<&HeaderValue>, body: &[u8]) -> Result<(), Unsupported> {
    let Some(header) = header else {
        let head = body
            .strip_prefix(b"\xEF\xBB\xBF")
            .unwrap_or(body)
            .trim_ascii_start();
        return if body.is_empty() || head.starts_with(b"<") {
            Ok(())
        } else {
            Err(Unsupported(String::new()))
        };
    };
    // As nearly everybody writes it.
    if header == "text/xml; charset=utf-8" {
        return Ok(());
    }
    let value = String::from_utf8_lossy(header.as_bytes());
    let mut parts = value.split(';').map(str::trim);
    let is_xml = parts
        .next()
        .is_some_and(|kind| kind.eq_ignore_ascii_case("text/xml"));
    let charset = parts
        .filter_map(|part| part.split_once('='))
        .find_map(|(name, value)| {
            name.trim()
                .eq_ignore_ascii_case("charset")
                .then(|| value.trim().trim_matches(['"', '\'']).to_ascii_lowercase())
        });
    let readable = match charset.as_deref() {
        None | Some("utf-8" | "utf8") => true,
        Some("us-ascii" | "ascii" | "iso-8859-1" | "windows-1252") => body.is_ascii(),
        Some(_) => false,
    };
    if is_xml && readable {
        Ok(())
    } else {
        Err(Unsupported(value.chars().take(200).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_type(value: Option<&'static str>, body: &[u8], accepted: bool) {
        let header = value.map(HeaderValue::from_static);
        assert_eq!(check(header.as_ref(), body).is_ok(), accepted, "{value:?}");
    }

    #[test]
    fn text_xml_in_any_spelling() {
        for value in [
            "text/xml; charset=utf-8",
            "text/xml;charset=utf-8",
            "TEXT/XML; Charset=\"UTF-8\"",
            "text/xml",
            "text/xml; action=\"x\"; charset=utf-8",
            "text/xml ; charset = utf-8",
        ] {
            check_type(Some(value), "<ü/>".as_bytes(), true);
        }
    }

    #[test]
    fn other_types_are_refused() {
        for value in [
            "application/soap+xml",
            "text/plain",
            "",
            "text/xml; charset=utf-16",
            "application/xml",
        ] {
            check_type(Some(value), b"<a/>", false);
        }
    }

    #[test]
    fn a_missing_type_goes_by_the_body_and_latin_by_its_bytes() {
        check_type(None, b" <a/>", true);
        check_type(None, b"", true);
        check_type(None, b"{}", false);
        check_type(Some("text/xml; charset=iso-8859-1"), b"<a/>", true);
        check_type(Some("text/xml; charset=iso-8859-1"), b"<\xFC/>", false);
    }
}

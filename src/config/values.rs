//! Values that several sections have: durations, https URLs, pairs of domains, the addresses of role accounts. No files.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::SignedDuration;
use url::Url;

use super::document::Section;
use super::findings::Located;
use crate::domain::{MailDomain, SmtpAddress};

/// A duration such as `"20s"`, `"500ms"` or `"1m 30s"`: more than nothing, at most `most`.
pub(super) fn duration(
    section: &Section<'_>,
    key: &'static str,
    most: Duration,
) -> Option<Duration> {
    let hint = "must be a duration such as \"20s\", \"500ms\" or \"1m\"";
    let bounds = format!("must be more than 0s and at most {}s", most.as_secs());
    bounded(section, key, hint, &bounds, |read| {
        !read.is_zero() && read <= most
    })
}

/// How long something is kept: a duration that may be nothing at all, at most `most`.
pub(super) fn lifetime(
    section: &Section<'_>,
    key: &'static str,
    most: Duration,
) -> Option<Duration> {
    let hint = "must be a duration such as \"60s\" or \"15m\", or \"0s\" for never";
    let bounds = format!("must be at most {}h", most.as_secs() / 3600);
    bounded(section, key, hint, &bounds, |read| read <= most)
}

/// `hint` is told of what is no duration, `bounds` of one that is not `allowed`; a negative one never is.
pub(super) fn bounded(
    section: &Section<'_>,
    key: &'static str,
    hint: &'static str,
    bounds: &str,
    allowed: impl Fn(Duration) -> bool,
) -> Option<Duration> {
    let text = section.text(key)?;
    let read = text.parse(|text| text.parse::<SignedDuration>().map_err(|_| hint))?;
    let read = Duration::try_from(read).ok().filter(|read| allowed(*read));
    if read.is_none() {
        text.problem(bounds);
    }
    read
}

/// A domain that callers write, `external`, and what it is called here, `internal`; both are required.
pub(super) fn domain_pair<'a>(
    section: &Section<'a>,
) -> Option<(Located<'a, MailDomain>, Located<'a, MailDomain>)> {
    let (external, internal) = (domain(section, "external"), domain(section, "internal"));
    Some((external?, internal?))
}

fn domain<'a>(section: &Section<'a>, key: &'static str) -> Option<Located<'a, MailDomain>> {
    section.require(key);
    let text = section.text(key)?;
    let value = text.parse(|text| MailDomain::parse(text))?;
    Some(Located {
        value,
        place: text.place,
        findings: text.findings,
    })
}

/// An amount of bytes: a number, or a string such as `"512MiB"`.
pub(super) fn bytes(
    section: &Section<'_>,
    key: &'static str,
    bounds: std::ops::RangeInclusive<u64>,
) -> Option<u64> {
    let text = section.amount(key)?;
    let amount = text.parse(|text| {
        parse_bytes(text).ok_or("must be a number of bytes, or a string such as \"512MiB\"")
    })?;
    if bounds.contains(&amount) {
        return Some(amount);
    }
    text.problem(format!(
        "must be from {} to {} bytes",
        bounds.start(),
        bounds.end()
    ));
    None
}

/// Units of 1024 only: those of 1000 are as often meant as not.
fn parse_bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == ' ');
    let shift = match text.get(digits.len()..)?.trim() {
        "" | "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(1 << shift)
}

/// An absolute `https` URL with a host and without login, query and fragment.
pub(super) fn https_url(text: &Located<'_, &str>) -> Option<Url> {
    let url = text.parse(|text| Url::parse(text).map_err(|_| "must be an https URL"))?;
    if url.scheme() != "https" || url.host_str().is_none() {
        text.problem("must be an https URL");
    } else if has_login(&url) {
        text.problem("must not hold a user name or password");
    } else if url.query().is_some() || url.fragment().is_some() {
        text.problem("must not have a query or fragment");
    } else {
        return Some(url);
    }
    None
}

/// The `address` of a role account, which no other account of the same list may have.
pub(super) fn address(
    account: &Section<'_>,
    seen: &mut BTreeSet<SmtpAddress>,
) -> Option<SmtpAddress> {
    account.require("address");
    let text = account.text("address")?;
    let address = text.parse(|text| SmtpAddress::parse(text))?;
    if !seen.insert(address.clone()) {
        text.problem("is the address of another role account, too");
    }
    Some(address)
}

pub(super) fn has_login(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_of_bytes() {
        let cases = [
            ("0", Some(0)),
            ("1048576", Some(1 << 20)),
            ("512MiB", Some(512 << 20)),
            ("2 GiB", Some(2 << 30)),
            ("7KiB", Some(7 << 10)),
            ("7 B", Some(7)),
            ("", None),
            ("MiB", None),
            ("-1", None),
            ("1.5GiB", None),
            ("512MB", None),
            ("512mib", None),
            ("99999999999999999999", None),
            ("18446744073709551615 KiB", None),
        ];
        for (text, expect) in cases {
            assert_eq!(parse_bytes(text), expect, "{text:?}");
        }
    }
}

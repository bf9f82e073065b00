//! Values that several sections have: durations, https URLs, the addresses of role accounts. No files.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::SignedDuration;
use url::Url;

use super::document::Section;
use super::findings::Located;
use crate::domain::SmtpAddress;

/// A duration such as `"20s"`, `"500ms"` or `"1m 30s"`: more than nothing, at most `most`.
pub(super) fn duration(
    section: &Section<'_>,
    key: &'static str,
    most: Duration,
) -> Option<Duration> {
    let text = section.text(key)?;
    let parsed = text.parse(|text| {
        text.parse::<SignedDuration>()
            .map_err(|_| "must be a duration such as \"20s\", \"500ms\" or \"1m\"")
    })?;
    match Duration::try_from(parsed) {
        Ok(duration) if !duration.is_zero() && duration <= most => Some(duration),
        Ok(_) | Err(_) => {
            text.problem(format!(
                "must be more than 0s and at most {}s",
                most.as_secs()
            ));
            None
        }
    }
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

//! What it means when an Exchange server answers with something else than an EWS answer: the HTTP statuses and headers,
//! in words that name the cure. Pure; the texts name no mailbox.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use reqwest::{StatusCode, Url};

use crate::backend::EndpointError;

/// The longest foreign text that is passed on, in characters.
const LONGEST_TEXT: usize = 300;

/// The host names of Exchange Online and its national clouds end so.
const ONLINE: [&str; 4] = [
    ".office365.com",
    ".office365.us",
    ".office.com",
    ".outlook.cn",
];

/// Why a login was refused, from the challenges of a 401.
pub(super) fn unauthorized(headers: &HeaderMap) -> Arc<str> {
    let schemes = schemes(headers);
    let offers = |name: &str| schemes.iter().any(|s| s.eq_ignore_ascii_case(name));
    if offers("basic") {
        "the password is wrong, or the account is locked, disabled or not allowed to use EWS".into()
    } else if offers("ntlm") || offers("negotiate") {
        "the server offers only NTLM/Negotiate; enable Basic authentication on the EWS virtual directory \
         (Set-WebServicesVirtualDirectory -BasicAuthentication $true), or ask a server that offers it"
            .into()
    } else if offers("bearer") {
        "the server offers only OAuth (Bearer), as Exchange Online does: Basic authentication is switched off there"
            .into()
    } else {
        "the server offers no Basic authentication; enable it on the EWS virtual directory, and on any proxy in front"
            .into()
    }
}

/// What a 200 that is a web page means; None where the answer may be XML.
pub(super) fn not_xml(headers: &HeaderMap) -> Option<EndpointError> {
    let kind = text_of(headers, CONTENT_TYPE.as_str()).to_ascii_lowercase();
    (kind.starts_with("text/html") || kind.starts_with("application/json")).then(|| {
        EndpointError::BadAnswer(
            "it is not EWS but a web page or the like; is the URL right?".into(),
        )
    })
}

/// What a 200 or a fault that the codec could not read means.
pub(super) fn unreadable(text: &str, body: &[u8]) -> EndpointError {
    let start = body.trim_ascii_start();
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    let is_page = start
        .get(..5)
        .is_some_and(|s| s.eq_ignore_ascii_case(b"<html") || s.eq_ignore_ascii_case(b"<!doc"));
    if start.starts_with(b"<") && !is_page {
        EndpointError::BadAnswer(without_addresses(text).into())
    } else {
        EndpointError::BadAnswer("it is not EWS; is the URL right?".into())
    }
}

/// `Retry-After`: seconds, or a date, which is compared with the server's own clock where it tells it, else with `now`.
pub(super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = text_of(headers, RETRY_AFTER.as_str()).trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = http_date(text)?;
    let now = http_date(text_of(headers, DATE.as_str())).unwrap_or(now);
    Some(until.duration_since(now).try_into().unwrap_or_default())
}

/// The statuses that say nothing about an account's login or budget.
pub(super) fn other(status: StatusCode, headers: &HeaderMap, url: &Url) -> EndpointError {
    match status {
        status if status.is_redirection() => EndpointError::Redirect {
            status: status.as_u16(),
            host: redirect_host(headers, url),
        },
        status => EndpointError::Status(status.as_u16()),
    }
}

/// What a 403 of Exchange Online means. It does not pass by itself.
pub(super) const FORBIDDEN_ONLINE: &str = "403: EWS is being retired in Exchange Online: since 1 October 2026 EWSEnabled \
     must be True and the application ID must stand in EwsAllowedAppIDs (Set-OrganizationConfig); else the application \
     lacks full_access_as_app, a policy or scope keeps it from the role account's mailbox, or that mailbox has EWS off \
     or no licence for it";

/// What a 403 of any other server means.
pub(super) const FORBIDDEN: &str = "403: EWS is switched off for the role account (Set-CASMailbox -EwsEnabled), or a policy or a \
     proxy in front of the server forbids the call";

/// Whether the server is that of Microsoft's cloud.
pub(super) fn is_online(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    ONLINE.iter().any(|end| host.ends_with(end))
}

/// Why a server refused a token that was valid by its time.
pub(super) fn token_refused(headers: &HeaderMap) -> Arc<str> {
    let diagnostics = without_addresses(text_of(headers, "x-ms-diagnostics"));
    let words = if diagnostics.is_empty() {
        without_addresses(text_of(headers, WWW_AUTHENTICATE.as_str()))
    } else {
        diagnostics
    };
    format!(
        "the server does not accept the token; is auth.scope the server's, and has the application full_access_as_app? \
         It says: {words}"
    )
    .into()
}

fn redirect_host(headers: &HeaderMap, url: &Url) -> Arc<str> {
    url.join(text_of(headers, LOCATION.as_str()))
        .ok()
        .and_then(|target| target.host_str().map(Into::into))
        .unwrap_or_else(|| "nowhere".into())
}

/// The header as text; empty where it is missing.
pub(super) fn text_of<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

/// The authentication schemes of all challenges, in separate headers or joined with commas (RFC 9110 section 11.6.1).
fn schemes(headers: &HeaderMap) -> Vec<String> {
    let mut found = Vec::new();
    for value in headers.get_all(WWW_AUTHENTICATE) {
        let text = String::from_utf8_lossy(value.as_bytes());
        let mut quoted = false;
        for part in text.split(|c| {
            quoted ^= c == '"';
            c == ',' && !quoted
        }) {
            // A part that is no parameter (`name=value`) begins with a scheme.
            let word = part.split_whitespace().next().unwrap_or_default();
            if !word.is_empty() && !word.contains('=') {
                found.push(word.to_owned());
            }
        }
    }
    found
}

/// RFC 9110 section 5.6.7, in the one form that is still sent.
fn http_date(text: &str) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(text).ok()
}

/// A text of the server for the administrator: on one line, not too long, and without addresses, which may be those of
/// mailboxes that were asked for.
pub(super) fn without_addresses(text: &str) -> String {
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .map(|word| {
            if word.contains('@') {
                "(address)"
            } else {
                word
            }
        })
        .collect();
    words.join(" ").chars().take(LONGEST_TEXT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderName;

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.clone(), value.parse().unwrap()))
            .collect()
    }

    #[track_caller]
    fn check_challenge(challenges: &[&str], expect: &str) {
        let pairs: Vec<_> = challenges.iter().map(|c| (WWW_AUTHENTICATE, *c)).collect();
        let hint = unauthorized(&headers(&pairs));
        assert!(hint.contains(expect), "{challenges:?}: {hint}");
    }

    #[test]
    fn the_challenges_of_a_refusal_are_named() {
        check_challenge(&["Basic realm=\"mail\""], "password is wrong");
        check_challenge(&["Negotiate", "NTLM", "basic"], "password is wrong");
        check_challenge(
            &["Negotiate, NTLM, Basic realm=\"a, b\""],
            "password is wrong",
        );
        check_challenge(&["Negotiate", "NTLM"], "only NTLM/Negotiate");
        check_challenge(&["Negotiate,NTLM"], "Set-WebServicesVirtualDirectory");
        check_challenge(
            &["Bearer client_id=\"7, Basic x\", token_types=\"app\""],
            "only OAuth (Bearer)",
        );
        check_challenge(&[], "no Basic authentication");
    }

    #[track_caller]
    fn check_wait(pairs: &[(HeaderName, &str)], expect: Option<u64>) {
        let now = "2026-11-22T10:00:00Z".parse().unwrap();
        let got = retry_after(&headers(pairs), now);
        assert_eq!(got, expect.map(Duration::from_secs), "{pairs:?}");
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        check_wait(&[(RETRY_AFTER, "120")], Some(120));
        check_wait(&[(RETRY_AFTER, " 0 ")], Some(0));
        check_wait(&[(RETRY_AFTER, "Sun, 22 Nov 2026 10:02:00 GMT")], Some(120));
        check_wait(&[(RETRY_AFTER, "Sun, 22 Nov 2026 09:00:00 GMT")], Some(0));
        check_wait(
            &[
                (RETRY_AFTER, "Sun, 22 Nov 2026 12:00:30 GMT"),
                (DATE, "Sun, 22 Nov 2026 12:00:00 GMT"),
            ],
            Some(30),
        );
        check_wait(&[(RETRY_AFTER, "soon")], None);
        check_wait(&[(RETRY_AFTER, "-5")], None);
        check_wait(&[], None);
    }

    #[test]
    fn exchange_online_is_known_by_its_host() {
        let check = |url: &str, expect: bool| {
            assert_eq!(is_online(&Url::parse(url).unwrap()), expect, "{url}");
        };
        check("https://outlook.office365.com/EWS/Exchange.asmx", true);
        check("https://partner.outlook.cn/EWS/Exchange.asmx", true);
        check("https://mail.example.com/EWS/Exchange.asmx", false);
        check("https://notoffice365.com/EWS/Exchange.asmx", false);
    }

    #[test]
    fn the_reason_for_a_refused_token_is_told_without_addresses() {
        let name = HeaderName::from_static("x-ms-diagnostics");
        let told = "2000008;reason=\"The audience is wrong for a@b.example.\";error_category=\"invalid_resource\"";
        let text = token_refused(&headers(&[(name, told)]));
        assert!(
            text.contains("invalid_resource") || text.contains("The audience is wrong"),
            "{text}"
        );
        assert!(!text.contains("a@b"), "{text}");
        let challenge = "Bearer error=\"invalid_token\"";
        let text = token_refused(&headers(&[(WWW_AUTHENTICATE, challenge)]));
        assert!(text.contains("invalid_token"), "{text}");
    }

    #[test]
    fn foreign_texts_lose_addresses_and_lines() {
        assert_eq!(
            without_addresses("No mailbox\r\n SMTP:anna@example.com here\u{1}."),
            "No mailbox (address) here ."
        );
        assert_eq!(without_addresses(&"x".repeat(999)).len(), LONGEST_TEXT);
    }

    #[test]
    fn a_page_is_told_from_broken_xml() {
        let text = |body: &[u8]| unreadable("line 1: end of input", body).to_string();
        assert!(text(b"<!DOCTYPE html><html>").contains("is the URL right?"));
        assert!(text(b"\xef\xbb\xbf<html>").contains("is the URL right?"));
        assert!(text(b"hello").contains("is the URL right?"));
        assert!(text(b"").contains("is the URL right?"));
        assert!(text(b" <s:Envelope").contains("line 1"));
    }
}

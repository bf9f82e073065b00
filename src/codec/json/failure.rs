//! A request that is not answered, as Google's APIs say it: an `error` object with a code, a message, and the reasons.

use std::borrow::Cow;

use serde::Serialize;
use utoipa::ToSchema;

/// Why a request was not answered. Texts are ours: nothing of the request is repeated but names of parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The body is not JSON, or not of this form.
    Unreadable,
    /// The query is not percent-encoded UTF-8, or too long.
    BadQuery,
    Missing(&'static str),
    /// A parameter with a value that it cannot have.
    Invalid(&'static str),
    /// The window ends before or where it starts.
    EmptyWindow,
    WindowTooLong,
    TooManyCalendars,
    NotLoggedIn,
    Forbidden,
    NoSuchPath,
    Method,
    TooLarge,
    MediaType,
    /// One caller, or all of them, asked more often than is allowed.
    RateLimit,
    Busy,
    Internal,
}

/// The document.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorAnswer {
    error: ErrorObject,
}

#[derive(Debug, Serialize, ToSchema)]
struct ErrorObject {
    /// The HTTP status.
    code: u16,
    /// For people.
    message: String,
    /// The status as a word.
    status: &'static str,
    errors: Vec<ErrorReason>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ErrorReason {
    message: String,
    domain: &'static str,
    /// For programs.
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    location_type: Option<&'static str>,
    /// The parameter or header that is at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<&'static str>,
}

/// What a failure says.
struct Words {
    status: u16,
    reason: &'static str,
    message: Cow<'static, str>,
    domain: &'static str,
    /// What is at fault: its kind and its name.
    location: Option<(&'static str, &'static str)>,
}

impl Words {
    fn new(status: u16, reason: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            reason,
            message: message.into(),
            domain: "global",
            location: None,
        }
    }

    fn about(self, kind: &'static str, name: &'static str) -> Self {
        let location = Some((kind, name));
        Self { location, ..self }
    }

    fn of_calendars(self) -> Self {
        let domain = "calendar";
        Self { domain, ..self }
    }
}

impl Failure {
    /// The HTTP status.
    pub fn status(self) -> u16 {
        self.words().status
    }

    /// The failure that an HTTP status of the server means, where it is one.
    pub fn of_status(status: u16) -> Option<Self> {
        Some(match status {
            400 | 408 | 431 => Self::Unreadable,
            401 => Self::NotLoggedIn,
            403 => Self::Forbidden,
            404 => Self::NoSuchPath,
            405 => Self::Method,
            413 => Self::TooLarge,
            415 => Self::MediaType,
            429 => Self::RateLimit,
            503 => Self::Busy,
            500..=599 => Self::Internal,
            _ => return None,
        })
    }

    /// The document, in UTF-8.
    pub fn write(self) -> Vec<u8> {
        self.write_with(self.status())
    }

    /// The document where the status is already decided.
    pub fn write_with(self, status: u16) -> Vec<u8> {
        let words = self.words();
        let answer = ErrorAnswer {
            error: ErrorObject {
                code: status,
                message: words.message.to_string(),
                status: code(words.status),
                errors: vec![ErrorReason {
                    message: words.message.into_owned(),
                    domain: words.domain,
                    reason: words.reason,
                    location_type: words.location.map(|(kind, _)| kind),
                    location: words.location.map(|(_, name)| name),
                }],
            },
        };
        serde_json::to_vec(&answer).unwrap_or_default()
    }

    /// The one table of what failures are called.
    fn words(self) -> Words {
        match self {
            Self::Unreadable => Words::new(400, "parseError", "Parse Error"),
            Self::BadQuery => {
                let text = "The query is not percent-encoded UTF-8, or has too many parameters.";
                Words::new(400, "badRequest", text)
            }
            Self::Missing(name) => {
                let text = format!("Missing parameter: {name}.");
                Words::new(400, "required", text).about("parameter", name)
            }
            Self::Invalid(name) => {
                let text = format!("Invalid value for: {name}.");
                Words::new(400, "invalid", text).about("parameter", name)
            }
            Self::EmptyWindow => {
                let text = "The specified time range is empty.";
                let words = Words::new(400, "timeRangeEmpty", text).of_calendars();
                words.about("parameter", "timeMax")
            }
            Self::WindowTooLong => {
                let text = "The requested time range is too long.";
                let words = Words::new(400, "timeRangeTooLong", text).of_calendars();
                words.about("parameter", "timeMax")
            }
            Self::TooManyCalendars => {
                let text = "Too many calendars requested.";
                Words::new(400, "tooManyCalendarsRequested", text)
            }
            Self::NotLoggedIn => {
                Words::new(401, "required", "Login Required.").about("header", "Authorization")
            }
            Self::Forbidden => Words::new(403, "forbidden", "Forbidden."),
            Self::NoSuchPath => Words::new(404, "notFound", "Not Found."),
            Self::Method => Words::new(405, "httpMethodNotAllowed", "Method Not Allowed."),
            Self::TooLarge => Words::new(413, "uploadTooLarge", "The request is too large."),
            Self::MediaType => {
                let text = "The media type or coding of the body is not supported.";
                Words::new(415, "unsupportedMediaType", text)
            }
            Self::RateLimit => Words::new(429, "rateLimitExceeded", "Rate Limit Exceeded."),
            Self::Internal => Words::new(500, "internalError", "Internal Error."),
            Self::Busy => Words::new(
                503,
                "backendError",
                "The server is busy, or had no answer in time; try again later.",
            ),
        }
    }
}

/// google.rpc.Code of an HTTP status.
fn code(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        503 => "UNAVAILABLE",
        500..=599 => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_the_form_that_clients_read() {
        let document: serde_json::Value =
            serde_json::from_slice(&Failure::Invalid("timeZone").write()).unwrap();
        let expect = serde_json::json!({"error": {
            "code": 400,
            "message": "Invalid value for: timeZone.",
            "status": "INVALID_ARGUMENT",
            "errors": [{
                "message": "Invalid value for: timeZone.", "domain": "global", "reason": "invalid",
                "locationType": "parameter", "location": "timeZone",
            }],
        }});
        assert_eq!(document, expect);
    }

    #[test]
    fn every_refusal_of_the_server_has_a_failure() {
        for status in [400, 401, 403, 404, 405, 408, 413, 415, 429, 431, 500, 503] {
            let failure = Failure::of_status(status).unwrap();
            let same = [408, 431].contains(&status) || failure.status() == status;
            assert!(same, "{status}");
        }
        let limited = String::from_utf8(Failure::RateLimit.write()).unwrap();
        assert!(
            limited.contains(r#""status":"RESOURCE_EXHAUSTED""#)
                && limited.contains(r#""reason":"rateLimitExceeded""#),
            "{limited}"
        );
        assert_eq!(Failure::of_status(200), None);
        assert_eq!(Failure::of_status(304), None);
    }
}

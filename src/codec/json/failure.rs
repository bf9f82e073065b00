//! A request that is not answered, as Google's APIs say it: an `error` object with a code, a message, and the reasons.

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
    Late,
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

impl Failure {
    /// The HTTP status.
    pub fn status(self) -> u16 {
        match self {
            Self::Unreadable
            | Self::BadQuery
            | Self::Missing(_)
            | Self::Invalid(_)
            | Self::EmptyWindow
            | Self::WindowTooLong
            | Self::TooManyCalendars => 400,
            Self::NotLoggedIn => 401,
            Self::Forbidden => 403,
            Self::NoSuchPath => 404,
            Self::Method => 405,
            Self::TooLarge => 413,
            Self::MediaType => 415,
            Self::RateLimit => 429,
            Self::Internal => 500,
            Self::Busy => 503,
            Self::Late => 504,
        }
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
            504 => Self::Late,
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
        let message = self.message();
        let location = self.location();
        let answer = ErrorAnswer {
            error: ErrorObject {
                code: status,
                message: message.clone(),
                status: self.word(),
                errors: vec![ErrorReason {
                    message,
                    domain: self.domain(),
                    reason: self.reason(),
                    location_type: location.map(|(kind, _)| kind),
                    location: location.map(|(_, name)| name),
                }],
            },
        };
        serde_json::to_vec(&answer).unwrap_or_default()
    }

    fn message(self) -> String {
        match self {
            Self::Unreadable => "Parse Error".into(),
            Self::BadQuery => {
                "The query is not percent-encoded UTF-8, or has too many parameters.".into()
            }
            Self::Missing(name) => format!("Missing parameter: {name}."),
            Self::Invalid(name) => format!("Invalid value for: {name}."),
            Self::EmptyWindow => "The specified time range is empty.".into(),
            Self::WindowTooLong => "The requested time range is too long.".into(),
            Self::TooManyCalendars => "Too many calendars requested.".into(),
            Self::NotLoggedIn => "Login Required.".into(),
            Self::Forbidden => "Forbidden.".into(),
            Self::NoSuchPath => "Not Found.".into(),
            Self::Method => "Method Not Allowed.".into(),
            Self::TooLarge => "The request is too large.".into(),
            Self::MediaType => "The media type or coding of the body is not supported.".into(),
            Self::RateLimit => "Rate Limit Exceeded.".into(),
            Self::Busy => "The server is busy; try again later.".into(),
            Self::Late => "The answer took too long.".into(),
            Self::Internal => "Internal Error.".into(),
        }
    }

    /// google.rpc.Code.
    fn word(self) -> &'static str {
        match self {
            Self::Unreadable
            | Self::BadQuery
            | Self::Missing(_)
            | Self::Invalid(_)
            | Self::EmptyWindow
            | Self::WindowTooLong
            | Self::TooManyCalendars
            | Self::Method
            | Self::TooLarge
            | Self::MediaType => "INVALID_ARGUMENT",
            Self::NotLoggedIn => "UNAUTHENTICATED",
            Self::Forbidden => "PERMISSION_DENIED",
            Self::NoSuchPath => "NOT_FOUND",
            Self::RateLimit => "RESOURCE_EXHAUSTED",
            Self::Busy => "UNAVAILABLE",
            Self::Late => "DEADLINE_EXCEEDED",
            Self::Internal => "INTERNAL",
        }
    }

    fn domain(self) -> &'static str {
        match self {
            Self::EmptyWindow | Self::WindowTooLong => "calendar",
            Self::Unreadable
            | Self::BadQuery
            | Self::Missing(_)
            | Self::Invalid(_)
            | Self::TooManyCalendars
            | Self::NotLoggedIn
            | Self::Forbidden
            | Self::NoSuchPath
            | Self::Method
            | Self::TooLarge
            | Self::MediaType
            | Self::RateLimit
            | Self::Busy
            | Self::Late
            | Self::Internal => "global",
        }
    }

    fn reason(self) -> &'static str {
        match self {
            Self::Unreadable => "parseError",
            Self::BadQuery => "badRequest",
            Self::Missing(_) | Self::NotLoggedIn => "required",
            Self::Invalid(_) => "invalid",
            Self::EmptyWindow => "timeRangeEmpty",
            Self::WindowTooLong => "timeRangeTooLong",
            Self::TooManyCalendars => "tooManyCalendarsRequested",
            Self::Forbidden => "forbidden",
            Self::NoSuchPath => "notFound",
            Self::Method => "httpMethodNotAllowed",
            Self::TooLarge => "uploadTooLarge",
            Self::MediaType => "unsupportedMediaType",
            Self::RateLimit => "rateLimitExceeded",
            Self::Busy | Self::Late => "backendError",
            Self::Internal => "internalError",
        }
    }

    fn location(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Missing(name) | Self::Invalid(name) => Some(("parameter", name)),
            Self::EmptyWindow | Self::WindowTooLong => Some(("parameter", "timeMax")),
            Self::NotLoggedIn => Some(("header", "Authorization")),
            Self::Unreadable
            | Self::BadQuery
            | Self::TooManyCalendars
            | Self::Forbidden
            | Self::NoSuchPath
            | Self::Method
            | Self::TooLarge
            | Self::MediaType
            | Self::RateLimit
            | Self::Busy
            | Self::Late
            | Self::Internal => None,
        }
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
        for status in [
            400, 401, 403, 404, 405, 408, 413, 415, 429, 431, 500, 503, 504,
        ] {
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

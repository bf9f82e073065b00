//! The one table between [`MailboxError`] and what Exchange writes and says for it, in both directions.

use crate::codec::xml::XmlWriter;
use crate::domain::MailboxError;

/// Exchange's name for a failure: response code, class of the exception, and its number where it is known.
struct Told {
    code: &'static str,
    exception: &'static str,
    number: Option<&'static str>,
}

fn told(error: MailboxError) -> Told {
    let (code, exception, number) = match error {
        MailboxError::InvalidAddress => (
            "ErrorInvalidSmtpAddress",
            "InvalidSmtpAddressException",
            Some("5035"),
        ),
        MailboxError::NotFound => (
            "ErrorMailRecipientNotFound",
            "MailRecipientNotFoundException",
            Some("5009"),
        ),
        MailboxError::NoAccess => (
            "ErrorNoFreeBusyAccess",
            "NoFreeBusyAccessException",
            Some("5037"),
        ),
        MailboxError::Timeout => ("ErrorTimeoutExpired", "TimeoutExpiredException", None),
        MailboxError::Throttled => ("ErrorServerBusy", "ServerBusyException", None),
        MailboxError::EndpointFailed => (
            "ErrorProxyRequestProcessingFailed",
            "ProxyWebRequestProcessingException",
            Some("5016"),
        ),
        MailboxError::MailboxUnavailable
        | MailboxError::NoCalendar
        | MailboxError::GenerationFailed
        | MailboxError::TooManyEvents => (
            "ErrorFreeBusyGenerationFailed",
            "FreeBusyGenerationFailedException",
            None,
        ),
        MailboxError::ListTooLong => (
            "ErrorFreeBusyDLLimitReached",
            "FreeBusyDLLimitReachedException",
            None,
        ),
        MailboxError::Loop => (
            "ErrorProxyRequestNotAllowed",
            "ProxyRequestNotAllowedException",
            None,
        ),
    };
    Told {
        code,
        exception,
        number,
    }
}

/// The sentence for the person in front of the caller. Names no address, account or server.
fn text(error: MailboxError) -> &'static str {
    match error {
        MailboxError::InvalidAddress => "The e-mail address is not a valid SMTP address.",
        MailboxError::NotFound => "Unable to resolve e-mail address to a mailbox.",
        MailboxError::NoAccess => "The caller does not have access to free/busy data.",
        MailboxError::Timeout => "The calendar server did not answer in time.",
        MailboxError::Throttled => {
            "The server cannot service this request right now. Try again later."
        }
        MailboxError::EndpointFailed => "The calendar server could not be asked.",
        MailboxError::MailboxUnavailable => "The mailbox is temporarily unavailable.",
        MailboxError::NoCalendar => "The mailbox has no calendar.",
        MailboxError::GenerationFailed => "Free/busy data could not be generated.",
        MailboxError::TooManyEvents => "The mailbox has too many events in this window.",
        MailboxError::ListTooLong => "The distribution list has too many members.",
        MailboxError::Loop => "The request came back to the server that proxied it.",
    }
}

/// The response code that callers are given.
pub fn code(error: MailboxError) -> &'static str {
    told(error).code
}

/// `ResponseMessage` and `FreeBusyView` of a mailbox that nothing is known of. The view is never left out: some clients
/// lose count without it.
pub(super) fn write(w: &mut XmlWriter, error: MailboxError) {
    let told = told(error);
    w.raw(r#"<ResponseMessage ResponseClass="Error"><MessageText>"#)
        .raw(text(error));
    w.raw("</MessageText><ResponseCode>").raw(told.code);
    w.raw("</ResponseCode><DescriptiveLinkKey>0</DescriptiveLinkKey><MessageXml>");
    w.raw(r#"<ExceptionType xmlns="http://schemas.microsoft.com/exchange/services/2006/errors">Microsoft.Exchange.InfoWorker.Common.Availability."#);
    w.raw(told.exception).raw("</ExceptionType>");
    if let Some(number) = told.number {
        w.raw(
            r#"<ExceptionCode xmlns="http://schemas.microsoft.com/exchange/services/2006/errors">"#,
        );
        w.raw(number).raw("</ExceptionCode>");
    }
    w.raw("</MessageXml></ResponseMessage><FreeBusyView>");
    w.raw(r#"<FreeBusyViewType xmlns="http://schemas.microsoft.com/exchange/services/2006/types">None</FreeBusyViewType>"#);
    w.raw("</FreeBusyView>");
}

/// What a server's per-mailbox response code means. A code that is not known is a failure of the endpoint: never "free".
pub(super) fn meaning(code: &str) -> MailboxError {
    match code {
        "ErrorInvalidSmtpAddress" => MailboxError::InvalidAddress,
        "ErrorMailRecipientNotFound" => MailboxError::NotFound,
        "ErrorNoFreeBusyAccess" | "ErrorAccessDenied" => MailboxError::NoAccess,
        "ErrorTimeoutExpired" => MailboxError::Timeout,
        "ErrorServerBusy" | "ErrorExceededConnectionCount" | "ErrorTooManyObjectsOpened" => {
            MailboxError::Throttled
        }
        "ErrorMailboxLogonFailed"
        | "ErrorMailboxStoreUnavailable"
        | "ErrorMailboxMoveInProgress"
        | "ErrorMailboxFailover" => MailboxError::MailboxUnavailable,
        "ErrorNoCalendar" => MailboxError::NoCalendar,
        "ErrorFreeBusyGenerationFailed" => MailboxError::GenerationFailed,
        "ErrorResultSetTooBig" => MailboxError::TooManyEvents,
        "ErrorFreeBusyDLLimitReached" | "ErrorIndividualMailboxLimitReached" => {
            MailboxError::ListTooLong
        }
        "ErrorProxyRequestNotAllowed" => MailboxError::Loop,
        _ => MailboxError::EndpointFailed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_we_tell_is_understood_by_another_gateway() {
        for error in MailboxError::ALL {
            let again = meaning(code(error));
            let shares_a_code = code(error) == "ErrorFreeBusyGenerationFailed";
            assert!(
                again == error || (shares_a_code && again == MailboxError::GenerationFailed),
                "{error:?}"
            );
        }
    }
}

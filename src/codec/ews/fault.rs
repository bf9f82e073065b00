//! SOAP faults as Exchange 2010 and later writes them: what is wrong with a request as a whole.
//!
//! All travel with HTTP status 500.

use std::borrow::Cow;
use std::time::Duration;

use uuid::Uuid;

use crate::codec::xml::{DecodeError, XmlWriter};
use crate::domain::zone::ZoneError;

/// A request that is not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Not XML, not SOAP, or not what the schema allows.
    SchemaValidation(DecodeError),
    /// An empty body, or an operation that calbridge does not have; its name where there is one.
    InvalidRequest(Option<String>),
    /// The envelope is not of SOAP 1.1 (section 4.1.2 of that specification).
    VersionMismatch,
    /// A header that must be understood and is not (SOAP 1.1 section 4.2.3).
    MustUnderstand,
    DuplicateSoapHeader,
    InvalidServerVersion,
    MailboxDataArrayEmpty,
    /// How many mailboxes there were.
    MailboxDataArrayTooBig(usize),
    InvalidTimeInterval,
    /// The window's length in days, begun days counted.
    TimeIntervalTooBig(i64),
    /// The same two for `DetailedSuggestionsWindow`.
    InvalidSuggestionsWindow,
    SuggestionsWindowTooBig(i64),
    /// A value that its type allows and its meaning does not.
    InvalidArgument {
        /// `Parent.Element`.
        element: &'static str,
        /// What is allowed, for a person.
        allowed: Cow<'static, str>,
    },
    InvalidMergedFreeBusyInterval,
    InvalidFreeBusyViewType,
    TimeZone(ZoneError),
    /// `TimeZoneContext` names a zone that nobody knows.
    UnknownTimeZone,
    AccessDenied,
    ImpersonateUserDenied,
    InvalidImpersonationHeader,
    ServerBusy(Duration),
    InternalServerError,
}

/// The largest number of mailboxes in one request ([MS-OXWAVLS] section 3.1.4.1).
pub const MAX_MAILBOXES: usize = 100;
/// The longest window, in days, as Exchange 2013 and later allow.
pub const MAX_WINDOW_DAYS: i64 = 62;

impl From<DecodeError> for Fault {
    fn from(error: DecodeError) -> Self {
        Self::SchemaValidation(error)
    }
}

impl Fault {
    /// The EWS response code; None for the two faults of SOAP itself.
    pub fn code(&self) -> Option<&'static str> {
        Some(match self {
            Self::VersionMismatch | Self::MustUnderstand => return None,
            Self::SchemaValidation(_) => "ErrorSchemaValidation",
            Self::InvalidRequest(_) => "ErrorInvalidRequest",
            Self::DuplicateSoapHeader => "ErrorDuplicateSOAPHeader",
            Self::InvalidServerVersion => "ErrorInvalidServerVersion",
            Self::MailboxDataArrayEmpty => "ErrorMailboxDataArrayEmpty",
            Self::MailboxDataArrayTooBig(_) => "ErrorMailboxDataArrayTooBig",
            Self::InvalidTimeInterval | Self::InvalidSuggestionsWindow => {
                "ErrorInvalidTimeInterval"
            }
            Self::TimeIntervalTooBig(_) | Self::SuggestionsWindowTooBig(_) => {
                "ErrorTimeIntervalTooBig"
            }
            Self::InvalidArgument { .. } => "ErrorInvalidArgument",
            Self::InvalidMergedFreeBusyInterval => "ErrorInvalidMergedFreeBusyInterval",
            Self::InvalidFreeBusyViewType => "ErrorInvalidFreeBusyViewType",
            Self::TimeZone(_) | Self::UnknownTimeZone => "ErrorTimeZone",
            Self::AccessDenied => "ErrorAccessDenied",
            Self::ImpersonateUserDenied => "ErrorImpersonateUserDenied",
            Self::InvalidImpersonationHeader => "ErrorInvalidExchangeImpersonationHeaderData",
            Self::ServerBusy(_) => "ErrorServerBusy",
            Self::InternalServerError => "ErrorInternalServerError",
        })
    }

    /// `e:Message`. Clients compare some of these texts: they are Exchange's own.
    fn message(&self) -> String {
        match self {
            Self::SchemaValidation(_) => "The request failed schema validation.".into(),
            Self::InvalidRequest(_) => "The request is invalid.".into(),
            Self::VersionMismatch => "The SOAP envelope is not of version 1.1.".into(),
            Self::MustUnderstand => "A SOAP header that must be understood was not understood.".into(),
            Self::DuplicateSoapHeader => "A SOAP header was given more than once.".into(),
            Self::InvalidServerVersion => "The specified server version is invalid.".into(),
            Self::MailboxDataArrayEmpty => "There are no target users in the EmailAddress array.".into(),
            Self::MailboxDataArrayTooBig(actual) => format!(
                "There are too many target users in the EmailAddress array. The allowed size = {MAX_MAILBOXES}; the actual size = {actual}."
            ),
            Self::InvalidTimeInterval => {
                "The time duration specified for FreeBusyViewOptions.TimeWindow is invalid.".into()
            }
            Self::TimeIntervalTooBig(days) => format!(
                "The requested time duration specified for FreeBusyViewOptions.TimeWindow is too long. The allowed limit = {MAX_WINDOW_DAYS} days; the actual limit = {days} days."
            ),
            Self::InvalidSuggestionsWindow => {
                "The time duration specified for SuggestionsViewOptions.DetailedSuggestionsWindow is invalid.".into()
            }
            Self::SuggestionsWindowTooBig(days) => format!(
                "The requested time duration specified for SuggestionsViewOptions.DetailedSuggestionsWindow is too long. The allowed limit = {MAX_WINDOW_DAYS} days; the actual limit = {days} days."
            ),
            Self::InvalidArgument { element, allowed } => {
                format!("The value of {element} is invalid: {allowed}.")
            }
            Self::InvalidMergedFreeBusyInterval => {
                "The interval specified for FreeBusyViewOptions.MergedFreeBusyIntervalInMinutes is invalid: 5 to 1440 minutes are allowed.".into()
            }
            Self::InvalidFreeBusyViewType => "The specified free/busy view type is invalid.".into(),
            Self::TimeZone(error) => format!("The time zone is invalid: {error}."),
            Self::UnknownTimeZone => "The time zone of the TimeZoneContext header is not known.".into(),
            Self::AccessDenied => "Access is denied. Check credentials and try again.".into(),
            Self::ImpersonateUserDenied => {
                "The account does not have permission to impersonate the requested user.".into()
            }
            Self::InvalidImpersonationHeader => "The ExchangeImpersonation SOAP header is not valid.".into(),
            Self::ServerBusy(_) => "The server cannot service this request right now. Try again later.".into(),
            Self::InternalServerError => "An internal server error occurred. The operation failed.".into(),
        }
    }

    /// The whole document.
    pub fn write(&self) -> Vec<u8> {
        self.document(None)
    }

    /// The same with the id of the request; faults about headers may not have details (SOAP 1.1 section 4.4) and do not
    /// tell it.
    pub fn write_for(&self, request_id: Uuid) -> Vec<u8> {
        self.document(Some(request_id))
    }

    fn document(&self, request_id: Option<Uuid>) -> Vec<u8> {
        let mut w = XmlWriter::with_capacity(1024);
        w.raw(super::DECLARATION).raw(
            r#"<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault>"#,
        );
        let message = self.message();
        match self.code() {
            None => self.write_soap_fault(&mut w, &message),
            Some(code) => self.write_ews_fault(&mut w, code, &message, request_id),
        }
        w.raw("</s:Fault></s:Body></s:Envelope>");
        w.into_bytes()
    }

    fn write_soap_fault(&self, w: &mut XmlWriter, message: &str) {
        let code = if *self == Self::VersionMismatch {
            "s:VersionMismatch"
        } else {
            "s:MustUnderstand"
        };
        w.raw("<faultcode>")
            .text(code)
            .raw(r#"</faultcode><faultstring xml:lang="en-US">"#);
        w.text(message).raw("</faultstring>");
    }

    fn write_ews_fault(
        &self,
        w: &mut XmlWriter,
        code: &str,
        message: &str,
        request_id: Option<Uuid>,
    ) {
        w.raw(
            r#"<faultcode xmlns:a="http://schemas.microsoft.com/exchange/services/2006/types">a:"#,
        )
        .text(code);
        w.raw(r#"</faultcode><faultstring xml:lang="en-US">"#);
        match self {
            Self::SchemaValidation(error) => {
                w.raw("The request failed schema validation: ")
                    .text(&error.violation);
            }
            _ => {
                w.text(message);
            }
        }
        w.raw(r#"</faultstring><detail><e:ResponseCode xmlns:e="http://schemas.microsoft.com/exchange/services/2006/errors">"#);
        w.text(code);
        w.raw(r#"</e:ResponseCode><e:Message xmlns:e="http://schemas.microsoft.com/exchange/services/2006/errors">"#);
        w.text(message).raw("</e:Message>");
        self.write_message_xml(w, request_id);
        w.raw("</detail>");
    }

    fn write_message_xml(&self, w: &mut XmlWriter, request_id: Option<Uuid>) {
        let (is_told, request_id) = (self.has_message_xml(), request_id.map(|id| id.to_string()));
        if !is_told && request_id.is_none() {
            return;
        }
        w.raw(
            r#"<t:MessageXml xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types">"#,
        );
        match self {
            Self::SchemaValidation(error) => {
                w.raw("<t:LineNumber>").number(error.line);
                w.raw("</t:LineNumber><t:LinePosition>")
                    .number(error.column);
                w.raw("</t:LinePosition><t:Violation>")
                    .text(&error.violation)
                    .raw("</t:Violation>");
            }
            Self::InvalidRequest(Some(operation)) => {
                w.raw(r#"<t:Value Name="Operation">"#)
                    .text(operation)
                    .raw("</t:Value>");
            }
            Self::ServerBusy(back_off) => {
                let milliseconds = i64::try_from(back_off.as_millis()).unwrap_or(i64::MAX);
                w.raw(r#"<t:Value Name="BackOffMilliseconds">"#)
                    .number(milliseconds);
                w.raw("</t:Value>");
            }
            _ => {}
        }
        if let Some(id) = request_id {
            w.raw(r#"<t:Value Name="RequestId">"#)
                .text(&id)
                .raw("</t:Value>");
        }
        w.raw("</t:MessageXml>");
    }

    /// Whether there is more to say than the code and the message.
    fn has_message_xml(&self) -> bool {
        matches!(
            self,
            Self::SchemaValidation(_) | Self::InvalidRequest(Some(_)) | Self::ServerBusy(_)
        )
    }
}

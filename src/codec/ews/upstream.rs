//! GetUserAvailability as a client: the request we send, and the answers that Exchange 2007 to SE, Exchange Online and
//! gromox give.

use std::time::Duration;

use crate::codec::xml::XmlWriter;
use crate::domain::{FreeBusy, MailboxError, SmtpAddress, TimeWindow};

mod answer;
pub mod directory;
mod view;

pub use answer::read;

/// The schema level of our requests, newest first: after a version or schema error the next one is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaLevel {
    Exchange2013Sp1,
    Exchange2010Sp1,
    Exchange2007Sp1,
}

impl SchemaLevel {
    /// The level to try after the server refused this one.
    pub fn lower(self) -> Option<Self> {
        match self {
            Self::Exchange2013Sp1 => Some(Self::Exchange2010Sp1),
            Self::Exchange2010Sp1 => Some(Self::Exchange2007Sp1),
            Self::Exchange2007Sp1 => None,
        }
    }
}

/// A question to an Exchange server, always in UTC and `DetailedMerged`.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    pub level: SchemaLevel,
    pub mailboxes: &'a [SmtpAddress],
    /// Widened to whole days, UTC, before it is asked ([`Question::asked_window`]).
    pub window: TimeWindow,
}

/// What the server said of one mailbox.
pub type MailboxAnswer = Result<FreeBusy, MailboxFailure>;

/// A per-mailbox error of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailboxFailure {
    pub error: MailboxError,
    /// The server's own response code, for the log.
    pub code: Box<str>,
    /// `BackOffMilliseconds`, where the server gave one.
    pub back_off: Option<Duration>,
}

/// Why a whole answer gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// A SOAP fault, whatever the HTTP status. `code` is the response code, or the fault code's local name without one.
    #[error("fault {code}: {text}")]
    Fault {
        code: Box<str>,
        text: Box<str>,
        back_off: Option<Duration>,
    },
    #[error("{asked} mailboxes asked, {got} answered")]
    Count { asked: usize, got: usize },
    /// Not an EWS answer at all, or a broken one; the text says where and why.
    #[error("{0}")]
    Decode(Box<str>),
}

impl Question<'_> {
    /// The window that is really asked for: whole days, because some servers cut what is not, and the clients that they
    /// were built for never ask for less.
    pub fn asked_window(&self) -> TimeWindow {
        self.window.whole_days()
    }
}

/// Length of the slots of the merged string, which is used only where a server grants nothing better.
const INTERVAL_MINUTES: i64 = 15;

/// The request body, UTF-8: UTC in the form of longest record, routing type SMTP, `DetailedMerged`.
pub fn write(question: &Question<'_>) -> Vec<u8> {
    let mut w = XmlWriter::with_capacity(2048 + question.mailboxes.len() * 256);
    open_envelope(&mut w, question.level);
    w.raw(concat!(
        "<m:GetUserAvailabilityRequest><t:TimeZone><t:Bias>0</t:Bias>",
        "<t:StandardTime><t:Bias>0</t:Bias><t:Time>02:00:00</t:Time><t:DayOrder>1</t:DayOrder><t:Month>3</t:Month>",
        "<t:DayOfWeek>Sunday</t:DayOfWeek></t:StandardTime>",
        "<t:DaylightTime><t:Bias>0</t:Bias><t:Time>02:00:00</t:Time><t:DayOrder>1</t:DayOrder><t:Month>10</t:Month>",
        "<t:DayOfWeek>Sunday</t:DayOfWeek></t:DaylightTime></t:TimeZone><m:MailboxDataArray>"
    ));
    for mailbox in question.mailboxes {
        w.raw("<t:MailboxData><t:Email><t:Address>")
            .text(mailbox.as_str());
        w.raw("</t:Address><t:RoutingType>SMTP</t:RoutingType></t:Email><t:AttendeeType>Required</t:AttendeeType>");
        w.raw("<t:ExcludeConflicts>false</t:ExcludeConflicts></t:MailboxData>");
    }
    let window = question.asked_window();
    w.raw("</m:MailboxDataArray><t:FreeBusyViewOptions><t:TimeWindow><t:StartTime>");
    w.local_time(window.start().as_second())
        .raw("</t:StartTime><t:EndTime>");
    w.local_time(window.end().as_second());
    w.raw("</t:EndTime></t:TimeWindow><t:MergedFreeBusyIntervalInMinutes>")
        .number(INTERVAL_MINUTES);
    w.raw("</t:MergedFreeBusyIntervalInMinutes><t:RequestedView>DetailedMerged</t:RequestedView>");
    w.raw("</t:FreeBusyViewOptions></m:GetUserAvailabilityRequest></soap:Body></soap:Envelope>");
    w.into_bytes()
}

/// The same request, made in the name of a mailbox: an application's token says nothing of who asks.
pub fn impersonating(request: Vec<u8>, mailbox: &SmtpAddress) -> Vec<u8> {
    const END: &[u8] = b"</soap:Header>";
    // Our own requests have exactly one, before everything that comes from outside.
    let Some(at) = request.windows(END.len()).position(|part| part == END) else {
        return request;
    };
    let mut w = XmlWriter::with_capacity(256);
    w.raw("<t:ExchangeImpersonation><t:ConnectingSID><t:SmtpAddress>")
        .text(mailbox.as_str());
    w.raw("</t:SmtpAddress></t:ConnectingSID></t:ExchangeImpersonation>");
    let mut whole = request;
    whole.splice(at..at, w.into_bytes());
    whole
}

/// The beginning of a request, up to its operation's element.
fn open_envelope(w: &mut XmlWriter, level: SchemaLevel) {
    w.raw(concat!(
        r#"<?xml version="1.0" encoding="utf-8"?>"#,
        r#"<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" "#,
        r#"xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages" "#,
        r#"xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types">"#,
        r#"<soap:Header><t:RequestServerVersion Version=""#
    ));
    w.raw(match level {
        SchemaLevel::Exchange2013Sp1 => "Exchange2013_SP1",
        SchemaLevel::Exchange2010Sp1 => "Exchange2010_SP1",
        SchemaLevel::Exchange2007Sp1 => "Exchange2007_SP1",
    });
    w.raw(r#""/></soap:Header><soap:Body>"#);
}

//! The envelope of an answer: one outcome for each mailbox asked, or the fault that took its place.

use std::borrow::Cow;
use std::time::Duration;

use super::{MailboxAnswer, MailboxFailure, Question, ReadError, view};
use crate::codec::ews::mailbox_error;
use crate::codec::xml::{Caps, Cursor, DecodeError, Foreign};
use crate::domain::MailboxError;

impl From<DecodeError> for ReadError {
    fn from(error: DecodeError) -> Self {
        Self::Decode(error.to_string().into())
    }
}

/// Reads the answer to `question`: one [`MailboxAnswer`] for each mailbox, in the order asked. Elements are found by
/// their local names, in any order, unknown ones are stepped over: servers differ.
pub fn read(body: &[u8], question: &Question<'_>) -> Result<Vec<MailboxAnswer>, ReadError> {
    let text = decode(body)?;
    let mut cursor = Cursor::lenient(&text, Caps::ANSWER);
    let answers = read_root(&mut cursor, question)?;
    cursor.finish()?;
    let (asked, got) = (question.mailboxes.len(), answers.len());
    if asked == got {
        Ok(answers)
    } else {
        Err(ReadError::Count { asked, got })
    }
}

/// UTF-8. A byte that is not costs a subject its character, never the mailbox its answer.
pub(super) fn decode(body: &[u8]) -> Result<Cow<'_, str>, ReadError> {
    let head = body.trim_ascii_start();
    let head = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head);
    if !head.starts_with(b"<") {
        return Err(ReadError::Decode("the answer is not XML".into()));
    }
    Ok(String::from_utf8_lossy(body))
}

fn read_root(
    cursor: &mut Cursor<'_>,
    question: &Question<'_>,
) -> Result<Vec<MailboxAnswer>, ReadError> {
    let root = cursor.root()?;
    match root.local() {
        "Envelope" => {}
        "GetUserAvailabilityResponse" => return read_operation(cursor, question),
        _ => return Err(ReadError::Decode("the answer is no SOAP envelope".into())),
    }
    let mut answers = None;
    while let Some(element) = cursor.child()? {
        if element.local() == "Body" {
            answers = Some(read_body(cursor, question)?);
        } else {
            cursor.skip()?;
        }
    }
    answers.ok_or_else(|| ReadError::Decode("the answer has no body".into()))
}

fn read_body(
    cursor: &mut Cursor<'_>,
    question: &Question<'_>,
) -> Result<Vec<MailboxAnswer>, ReadError> {
    let mut answers = None;
    while let Some(element) = cursor.child()? {
        match element.local() {
            "Fault" => return Err(read_fault(cursor)?),
            "GetUserAvailabilityResponse" => answers = Some(read_operation(cursor, question)?),
            _ => {
                return Err(ReadError::Decode(
                    "the answer is of another operation".into(),
                ));
            }
        }
    }
    answers.ok_or_else(|| ReadError::Decode("the body of the answer is empty".into()))
}

fn read_operation(
    cursor: &mut Cursor<'_>,
    question: &Question<'_>,
) -> Result<Vec<MailboxAnswer>, ReadError> {
    let mut answers = Vec::with_capacity(question.mailboxes.len());
    while let Some(element) = cursor.child()? {
        if element.local() != "FreeBusyResponseArray" {
            cursor.skip()?;
            continue;
        }
        while let Some(response) = cursor.child()? {
            if response.local() == "FreeBusyResponse" {
                answers.push(read_response(cursor, question)?);
            } else {
                cursor.skip()?;
            }
        }
    }
    Ok(answers)
}

fn read_response(
    cursor: &mut Cursor<'_>,
    question: &Question<'_>,
) -> Result<MailboxAnswer, DecodeError> {
    let (mut message, mut view) = (None, None);
    while let Some(element) = cursor.child()? {
        match element.local() {
            "ResponseMessage" => message = Some(read_message(cursor)?),
            "FreeBusyView" => view = Some(view::read(cursor, &question.asked_window())?),
            _ => cursor.skip()?,
        }
    }
    let Some(message) = message else {
        return Ok(Err(incomplete("no response message")));
    };
    Ok(match (message.code.as_deref(), view) {
        (Some("NoError"), Some(view)) => Ok(view.into_free_busy(&question.asked_window())),
        (Some("NoError"), None) => Err(incomplete("no free/busy view")),
        (None, _) => Err(incomplete("no response code")),
        (Some(code), _) => Err(message.failure(code)),
    })
}

/// Something that should be there is not: the mailbox is unknown, not free.
fn incomplete(what: &str) -> MailboxFailure {
    MailboxFailure {
        error: MailboxError::EndpointFailed,
        code: what.into(),
        back_off: None,
    }
}

/// `ResponseMessage`, or the detail of a fault: both say what is wrong in the same words.
#[derive(Default)]
struct Message {
    code: Option<String>,
    text: Option<String>,
    inner_code: Option<String>,
    back_off: Option<Duration>,
}

impl Message {
    fn failure(&self, code: &str) -> MailboxFailure {
        // A busy server may hide behind an internal error.
        let error = match (
            mailbox_error::meaning(code),
            self.inner_code.as_deref().map(mailbox_error::meaning),
        ) {
            (MailboxError::EndpointFailed, Some(inner)) => inner,
            (outer, _) => outer,
        };
        MailboxFailure {
            error,
            code: code.into(),
            back_off: self.back_off,
        }
    }
}

fn read_message(cursor: &mut Cursor<'_>) -> Result<Message, DecodeError> {
    let mut message = Message::default();
    while let Some(element) = cursor.child()? {
        match element.local() {
            "ResponseCode" => message.code = some_text(cursor)?,
            "MessageText" | "Message" => message.text = some_text(cursor)?,
            "MessageXml" => read_values(cursor, &mut message)?,
            _ => cursor.skip()?,
        }
    }
    Ok(message)
}

fn read_values(cursor: &mut Cursor<'_>, message: &mut Message) -> Result<(), DecodeError> {
    while let Some(element) = cursor.child()? {
        let attributes = cursor.attributes(&element, Foreign::Ignored)?;
        let name = attributes
            .iter()
            .find(|(name, _)| *name == "Name")
            .map(|(_, value)| value.as_ref());
        let name = name.unwrap_or(element.local()).to_owned();
        let text = cursor.text()?;
        match name.as_str() {
            "BackOffMilliseconds" => {
                message.back_off = text.trim().parse().ok().map(Duration::from_millis);
            }
            "InnerErrorResponseCode" => message.inner_code = Some(text.trim().to_owned()),
            _ => {}
        }
    }
    Ok(())
}

pub(super) fn read_fault(cursor: &mut Cursor<'_>) -> Result<ReadError, DecodeError> {
    let (mut code, mut text, mut detail) = (None, None, Message::default());
    while let Some(element) = cursor.child()? {
        match element.local() {
            "faultcode" => code = some_text(cursor)?.map(|code| local_name(&code).to_owned()),
            "faultstring" => text = some_text(cursor)?,
            "detail" => detail = read_message(cursor)?,
            _ => cursor.skip()?,
        }
    }
    Ok(ReadError::Fault {
        code: detail
            .inner_code
            .filter(|inner| inner == "ErrorServerBusy")
            .or(detail.code)
            .or(code)
            .unwrap_or_default()
            .into(),
        text: detail.text.or(text).unwrap_or_default().into(),
        back_off: detail.back_off,
    })
}

pub(super) fn some_text(cursor: &mut Cursor<'_>) -> Result<Option<String>, DecodeError> {
    let text = cursor.text()?;
    let text = text.trim();
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

fn local_name(qualified: &str) -> &str {
    qualified
        .rsplit_once(':')
        .map_or(qualified, |(_, local)| local)
}

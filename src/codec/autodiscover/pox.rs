//! Autodiscover in plain XML ([MS-OXDSCLI] section 2.2.3): Outlook's request schema, and the refusal of others. All answers
//! have HTTP status 200, errors included.

use jiff::Timestamp;

use super::Found;
use crate::codec::xml::{Caps, Cursor, Ns, XmlWriter};

/// What is asked for: settings of this address, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoxRequest {
    pub address: String,
}

/// The errors of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoxError {
    /// No address that is served here.
    UnknownAddress,
    /// Not a request at all.
    InvalidRequest,
    /// A request schema or an answer schema that nobody here speaks, as that of ActiveSync.
    UnknownSchema,
}

const OUTLOOK_ANSWER: &str =
    "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a";

/// Reads a body of UTF-8, with or without byte order mark.
pub fn read(body: &[u8]) -> Result<PoxRequest, PoxError> {
    let text = std::str::from_utf8(body).map_err(|_| PoxError::InvalidRequest)?;
    let mut cursor = Cursor::strict(text, Caps::REQUEST).map_err(|_| PoxError::InvalidRequest)?;
    let root = cursor.root().map_err(|_| PoxError::InvalidRequest)?;
    if root.local() != "Autodiscover" {
        return Err(PoxError::InvalidRequest);
    }
    if root.ns != Ns::OutlookAutodiscover {
        return Err(if root.ns == Ns::MobileAutodiscover {
            PoxError::UnknownSchema
        } else {
            PoxError::InvalidRequest
        });
    }
    read_request(&mut cursor).map_err(|_| PoxError::InvalidRequest)?
}

/// The elements have no order that clients agree on.
fn read_request(
    cursor: &mut Cursor<'_>,
) -> Result<Result<PoxRequest, PoxError>, crate::codec::xml::DecodeError> {
    let (mut address, mut schema, mut other_name) = (None, None, false);
    while let Some(element) = cursor.child()? {
        if !element.is(Ns::OutlookAutodiscover, "Request") {
            cursor.skip()?;
            continue;
        }
        while let Some(part) = cursor.child()? {
            match part.local() {
                "EMailAddress" => address = Some(cursor.text()?.trim().to_owned()),
                "AcceptableResponseSchema" => schema = Some(cursor.text()?.trim().to_owned()),
                local => {
                    other_name |= local == "LegacyDN";
                    cursor.skip()?;
                }
            }
        }
    }
    cursor.finish()?;
    Ok(match (address, schema) {
        (_, Some(schema)) if schema != OUTLOOK_ANSWER => Err(PoxError::UnknownSchema),
        (Some(address), Some(_)) if !address.is_empty() => Ok(PoxRequest { address }),
        // A distinguished name is of nobody here.
        (_, Some(_)) if other_name => Err(PoxError::UnknownAddress),
        (_, None | Some(_)) => Err(PoxError::InvalidRequest),
    })
}

impl PoxRequest {
    pub fn write(&self) -> Vec<u8> {
        let mut w = XmlWriter::default();
        w.raw(OPEN).raw(
            r#"<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"><Request><EMailAddress>"#,
        );
        w.text(&self.address);
        w.raw("</EMailAddress><AcceptableResponseSchema>")
            .raw(OUTLOOK_ANSWER)
            .raw("</AcceptableResponseSchema></Request></Autodiscover>");
        w.into_bytes()
    }
}

const OPEN: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n";
const OPEN_ANSWER: &str = "<Autodiscover xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006\">\n";

/// The settings. One element a line: a client looks for the URL's element within a line.
pub fn write(found: &Found<'_>) -> Vec<u8> {
    let mut w = XmlWriter::with_capacity(2048);
    w.raw(OPEN).raw(OPEN_ANSWER).raw(
        "<Response xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a\">\n<User>\n<DisplayName>",
    );
    w.text(found.address)
        .raw("</DisplayName>\n<AutoDiscoverSMTPAddress>")
        .text(found.address);
    w.raw("</AutoDiscoverSMTPAddress>\n</User>\n<Account>\n<AccountType>email</AccountType>\n<Action>settings</Action>\n");
    for kind in ["EXCH", "EXPR"] {
        w.raw("<Protocol>\n<Type>").raw(kind).raw("</Type>\n");
        w.raw("<Server>")
            .text(host(found.ews_url))
            .raw("</Server>\n");
        if kind == "EXPR" {
            w.raw("<SSL>On</SSL>\n<AuthPackage>Basic</AuthPackage>\n");
        }
        write_urls(&mut w, found.ews_url);
        w.raw("</Protocol>\n");
    }
    w.raw("<Protocol>\n<Type>WEB</Type>\n");
    for (open, close) in [
        ("<Internal>\n", "</Internal>\n"),
        ("<External>\n", "</External>\n"),
    ] {
        w.raw(open)
            .raw("<Protocol>\n<Type>EXCH</Type>\n<ASUrl>")
            .text(found.ews_url);
        w.raw("</ASUrl>\n</Protocol>\n").raw(close);
    }
    w.raw("</Protocol>\n</Account>\n</Response>\n</Autodiscover>\n");
    w.into_bytes()
}

/// Some clients read the one element, some the other; out-of-office settings are answered at the same place.
fn write_urls(w: &mut XmlWriter, url: &str) {
    w.raw("<ASUrl>")
        .text(url)
        .raw("</ASUrl>\n<EwsUrl>")
        .text(url);
    w.raw("</EwsUrl>\n<OOFUrl>").text(url).raw("</OOFUrl>\n");
}

fn host(url: &str) -> &str {
    let after = url.split_once("://").map_or(url, |(_, after)| after);
    after.split(['/', ':']).next().unwrap_or(after)
}

impl PoxError {
    pub fn code(self) -> u16 {
        match self {
            Self::UnknownAddress => 500,
            Self::InvalidRequest => 600,
            Self::UnknownSchema => 601,
        }
    }

    fn message(self) -> &'static str {
        match self {
            Self::UnknownAddress => "The email address can't be found.",
            Self::InvalidRequest => "Invalid Request",
            Self::UnknownSchema => "Provider is not available",
        }
    }

    /// The answer; `id` is for the log.
    pub fn write(self, now: Timestamp, id: u32) -> Vec<u8> {
        let mut w = XmlWriter::with_capacity(1024);
        w.raw(OPEN)
            .raw(OPEN_ANSWER)
            .raw("<Response>\n<Error Time=\"");
        w.text(&now.strftime("%H:%M:%S").to_string());
        w.raw("\" Id=\"").number(id);
        w.raw("\">\n<ErrorCode>").number(self.code());
        w.raw("</ErrorCode>\n<Message>").raw(self.message());
        w.raw("</Message>\n<DebugData />\n</Error>\n</Response>\n</Autodiscover>\n");
        w.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTLOOK: &str =
        "http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006";
    const MOBILE: &str =
        "http://schemas.microsoft.com/exchange/autodiscover/mobilesync/requestschema/2006";

    #[track_caller]
    fn check(schema: &str, content: &str, expect: Result<&str, PoxError>) {
        let body = format!("<Autodiscover xmlns=\"{schema}\">{content}</Autodiscover>");
        let got = read(body.as_bytes());
        assert_eq!(
            got,
            expect.map(|address| PoxRequest {
                address: address.into()
            })
        );
        if let Ok(request) = got {
            assert_eq!(read(&request.write()), Ok(request));
        }
    }

    #[test]
    fn requests_of_outlook_are_read_and_others_refused() {
        let answer =
            format!("<AcceptableResponseSchema>{OUTLOOK_ANSWER}</AcceptableResponseSchema>");
        let address = "<EMailAddress> anna@example.com </EMailAddress>";
        let request = |parts: &str| format!("<Request>{parts}</Request>");
        check(
            OUTLOOK,
            &request(&format!("{address}{answer}")),
            Ok("anna@example.com"),
        );
        check(
            OUTLOOK,
            &request(&format!("{answer}<Odd/>{address}")),
            Ok("anna@example.com"),
        );
        check(OUTLOOK, &request(address), Err(PoxError::InvalidRequest));
        check(OUTLOOK, &request(&answer), Err(PoxError::InvalidRequest));
        check(OUTLOOK, "", Err(PoxError::InvalidRequest));
        check("urn:odd", &request(address), Err(PoxError::InvalidRequest));
        check(
            MOBILE,
            &request(&format!("{address}{answer}")),
            Err(PoxError::UnknownSchema),
        );
        let mobile = answer.replace(
            "outlook/responseschema/2006a",
            "mobilesync/responseschema/2006",
        );
        check(
            OUTLOOK,
            &request(&format!("{address}{mobile}")),
            Err(PoxError::UnknownSchema),
        );
        check(
            OUTLOOK,
            &request(&format!("<LegacyDN>/o=First/cn=anna</LegacyDN>{answer}")),
            Err(PoxError::UnknownAddress),
        );
    }

    #[test]
    fn what_is_no_xml_is_an_invalid_request() {
        let bomb = "<!DOCTYPE a [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><Autodiscover>&b;</Autodiscover>";
        for body in [
            &b""[..],
            b"{}",
            b"<Autodiscover",
            b"\xFF\xFE<\0",
            bomb.as_bytes(),
        ] {
            assert_eq!(read(body), Err(PoxError::InvalidRequest));
        }
    }

    #[test]
    fn the_error_has_its_time_and_its_id() {
        let now = "2026-09-01T12:34:56.7Z".parse().unwrap();
        let text = String::from_utf8(PoxError::UnknownAddress.write(now, 7)).unwrap();
        assert!(text.contains("<Error Time=\"12:34:56\" Id=\"7\">\n<ErrorCode>500</ErrorCode>"));
    }
}

//! Autodiscover's SOAP service ([MS-OXWSADISC]): GetUserSettings of one or more mailboxes. The other operations are refused.

use super::Found;
use crate::codec::ews::Fault;
use crate::codec::xml::{Caps, Cursor, DecodeError, Ns, XmlWriter};

/// Whose settings are asked for, and which, both as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserSettingsRequest {
    pub users: Vec<String>,
    pub settings: Vec<String>,
}

/// More than any client asks for at once; the answer grows with both.
const MAX_USERS: usize = 100;
const MAX_SETTINGS: usize = 200;
/// Bytes. Every name comes back once for each user; the longest of Exchange's has 45.
const MAX_SETTING_NAME: usize = 64;

/// A setting that calbridge has for every mailbox.
#[derive(Debug, Clone, Copy)]
enum Setting {
    DisplayName,
    Address,
    EwsUrl,
    Schemas,
    Version,
}

impl Setting {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "UserDisplayName" => Self::DisplayName,
            "AutoDiscoverSMTPAddress" => Self::Address,
            "InternalEwsUrl" | "ExternalEwsUrl" => Self::EwsUrl,
            "EwsSupportedSchemas" => Self::Schemas,
            "CasVersion" | "ExternalEwsVersion" => Self::Version,
            _ => return None,
        })
    }

    fn value<'a>(self, found: &Found<'a>) -> &'a str {
        match self {
            Self::DisplayName | Self::Address => found.address,
            Self::EwsUrl => found.ews_url,
            Self::Schemas => {
                "Exchange2007, Exchange2007_SP1, Exchange2010, Exchange2010_SP1, Exchange2010_SP2, Exchange2013, Exchange2013_SP1, Exchange2015, Exchange2016"
            }
            // The build that every EWS answer reports.
            Self::Version => "15.02.1748.010",
        }
    }
}

/// Reads a body of UTF-8, with or without byte order mark.
pub fn read(body: &[u8]) -> Result<UserSettingsRequest, Fault> {
    if body.is_empty() {
        return Err(Fault::InvalidRequest(None));
    }
    let text = String::from_utf8_lossy(body);
    let mut cursor = Cursor::strict(&text, Caps::REQUEST)?;
    let root = cursor.root()?;
    if !root.is(Ns::Soap, "Envelope") {
        return Err(if root.local() == "Envelope" {
            Fault::VersionMismatch
        } else {
            cursor
                .error("The root element is not a SOAP envelope.")
                .into()
        });
    }
    let mut request = None;
    while let Some(part) = cursor.child()? {
        if part.is(Ns::Soap, "Header") {
            read_header(&mut cursor)?;
        } else if part.is(Ns::Soap, "Body") && request.is_none() {
            request = Some(read_body(&mut cursor)?);
        } else {
            let violation = format!(
                "The envelope has an odd child element '{:.60}'.",
                part.local()
            );
            return Err(cursor.error(violation).into());
        }
    }
    cursor.finish()?;
    request.ok_or(Fault::InvalidRequest(None))
}

/// WS-Addressing and the version are stepped over: the operation is named by the body.
fn read_header(cursor: &mut Cursor<'_>) -> Result<(), Fault> {
    while let Some(header) = cursor.child()? {
        let known = matches!(header.ns, Ns::Addressing | Ns::Autodiscover);
        if !known && cursor.soap_flag(&header, "mustUnderstand") {
            return Err(Fault::MustUnderstand);
        }
        cursor.skip()?;
    }
    Ok(())
}

fn read_body(cursor: &mut Cursor<'_>) -> Result<UserSettingsRequest, Fault> {
    let Some(operation) = cursor.child()? else {
        return Err(Fault::InvalidRequest(None));
    };
    if !operation.is(Ns::Autodiscover, "GetUserSettingsRequestMessage") {
        let name = operation.local().chars().take(100).collect();
        return Err(Fault::InvalidRequest(Some(name)));
    }
    let mut request = UserSettingsRequest {
        users: Vec::new(),
        settings: Vec::new(),
    };
    // Requests differ in what stands beside these two, and in its order.
    while let Some(element) = cursor.child()? {
        if element.local() != "Request" {
            cursor.skip()?;
            continue;
        }
        while let Some(part) = cursor.child()? {
            match part.local() {
                "Users" => read_users(cursor, &mut request.users)?,
                "RequestedSettings" => {
                    while cursor.child()?.is_some() {
                        request.settings.push(cursor.text()?.trim().to_owned());
                    }
                }
                _ => cursor.skip()?,
            }
        }
    }
    if cursor.child()?.is_some() {
        return Err(cursor
            .error("The body has more than one child element.")
            .into());
    }
    Ok(request)
}

fn read_users(cursor: &mut Cursor<'_>, users: &mut Vec<String>) -> Result<(), DecodeError> {
    while cursor.child()?.is_some() {
        while let Some(part) = cursor.child()? {
            if part.local() == "Mailbox" {
                users.push(cursor.text()?.trim().to_owned());
            } else {
                cursor.skip()?;
            }
        }
    }
    Ok(())
}

impl UserSettingsRequest {
    /// Whether it asks for something, and for no more than is answered.
    pub fn is_answerable(&self) -> bool {
        (1..=MAX_USERS).contains(&self.users.len())
            && (1..=MAX_SETTINGS).contains(&self.settings.len())
            && self
                .settings
                .iter()
                .all(|name| name.len() <= MAX_SETTING_NAME)
    }

    pub fn write(&self) -> Vec<u8> {
        let mut w = XmlWriter::default();
        w.raw(concat!(
            r#"<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" "#,
            r#"xmlns:a="http://schemas.microsoft.com/exchange/2010/Autodiscover"><s:Body>"#,
            "<a:GetUserSettingsRequestMessage><a:Request><a:Users>"
        ));
        for user in &self.users {
            w.raw("<a:User><a:Mailbox>")
                .text(user)
                .raw("</a:Mailbox></a:User>");
        }
        w.raw("</a:Users><a:RequestedSettings>");
        for setting in &self.settings {
            w.raw("<a:Setting>").text(setting).raw("</a:Setting>");
        }
        w.raw("</a:RequestedSettings></a:Request></a:GetUserSettingsRequestMessage></s:Body></s:Envelope>");
        w.into_bytes()
    }
}

const OPEN: &str = concat!(
    r#"<?xml version="1.0" encoding="utf-8"?>"#,
    r#"<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:a="http://www.w3.org/2005/08/addressing">"#,
    r#"<s:Header><a:Action s:mustUnderstand="1">"#,
    "http://schemas.microsoft.com/exchange/2010/Autodiscover/Autodiscover/GetUserSettingsResponse</a:Action>",
    r#"<h:ServerVersionInfo xmlns:h="http://schemas.microsoft.com/exchange/2010/Autodiscover" "#,
    r#"xmlns:i="http://www.w3.org/2001/XMLSchema-instance"><h:MajorVersion>15</h:MajorVersion><h:MinorVersion>2</h:MinorVersion>"#,
    "<h:MajorBuildNumber>1748</h:MajorBuildNumber><h:MinorBuildNumber>10</h:MinorBuildNumber>",
    "<h:Version>Exchange2015</h:Version></h:ServerVersionInfo></s:Header>",
    r#"<s:Body><GetUserSettingsResponseMessage xmlns="http://schemas.microsoft.com/exchange/2010/Autodiscover">"#,
    r#"<Response xmlns:i="http://www.w3.org/2001/XMLSchema-instance">"#
);
const CLOSE: &str = "</Response></GetUserSettingsResponseMessage></s:Body></s:Envelope>";

/// The answer: for each user of the request, in its order, what was found, or nothing. A request that asks for nothing, or
/// for too much, is told so as a whole.
pub fn write(request: &UserSettingsRequest, found: &[Option<Found<'_>>]) -> Vec<u8> {
    let mut w = XmlWriter::with_capacity(4096);
    w.raw(OPEN);
    if request.is_answerable() {
        w.raw("<ErrorCode>NoError</ErrorCode><ErrorMessage/><UserResponses>");
        for found in found {
            match found {
                Some(found) => write_user(&mut w, request, found),
                None => {
                    w.raw(concat!(
                        "<UserResponse><ErrorCode>InvalidUser</ErrorCode>",
                        "<ErrorMessage>No mailbox with this address is served here.</ErrorMessage>",
                        r#"<RedirectTarget i:nil="true"/><UserSettingErrors/><UserSettings/></UserResponse>"#
                    ));
                }
            }
        }
        w.raw("</UserResponses>");
    } else {
        w.raw(concat!(
            "<ErrorCode>InvalidRequest</ErrorCode>",
            "<ErrorMessage>The request must name 1 to 100 users and 1 to 200 settings of at most 64 characters.</ErrorMessage>",
            r#"<UserResponses i:nil="true"/>"#
        ));
    }
    w.raw(CLOSE);
    w.into_bytes()
}

fn write_user(w: &mut XmlWriter, request: &UserSettingsRequest, found: &Found<'_>) {
    w.raw(concat!(
        "<UserResponse><ErrorCode>NoError</ErrorCode><ErrorMessage>No error.</ErrorMessage>",
        r#"<RedirectTarget i:nil="true"/><UserSettingErrors>"#
    ));
    let settings = || {
        request
            .settings
            .iter()
            .map(|name| (name, Setting::parse(name)))
    };
    for (name, _) in settings().filter(|(_, setting)| setting.is_none()) {
        w.raw("<UserSettingError><ErrorCode>SettingIsNotAvailable</ErrorCode><ErrorMessage>The setting is not available.</ErrorMessage><SettingName>");
        w.text(name).raw("</SettingName></UserSettingError>");
    }
    w.raw("</UserSettingErrors><UserSettings>");
    for (name, setting) in settings().filter_map(|(name, setting)| Some((name, setting?))) {
        w.raw(r#"<UserSetting i:type="StringSetting"><Name>"#)
            .text(name);
        w.raw("</Name><Value>")
            .text(setting.value(found))
            .raw("</Value></UserSetting>");
    }
    w.raw("</UserSettings></UserResponse>");
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOUND: Found<'_> = Found {
        address: "anna@example.com",
        ews_url: "https://calendar.example.com/EWS/Exchange.asmx",
    };

    /// `tells`: whether each setting is answered; else the request is refused as a whole, in a few words.
    #[track_caller]
    fn check(users: usize, settings: usize, name: &str, tells: bool) {
        let request = UserSettingsRequest {
            users: vec!["anna@example.com".to_owned(); users],
            settings: vec![name.to_owned(); settings],
        };
        let request = read(&request.write()).unwrap();
        assert_eq!(request.is_answerable(), tells);
        let answer = write(&request, &vec![Some(FOUND); users]);
        let answer = String::from_utf8(answer).unwrap();
        let errors = answer.matches("<UserSettingError>").count();
        assert_eq!(errors, if tells { users * settings } else { 0 });
        assert_eq!(answer.contains("<ErrorCode>InvalidRequest<"), !tells);
        if !tells {
            assert!(answer.len() < 2000, "{answer}");
        }
    }

    #[test]
    fn an_answer_cannot_be_made_much_longer_than_its_question() {
        check(1, 1, "Unknown", true);
        check(100, 200, &"x".repeat(64), true);
        check(1, 1, &"x".repeat(65), false);
        check(1, 1, &"ü".repeat(33), false);
        check(100, 200, &"x".repeat(4900), false);
        check(100, 201, "x", false);
        check(101, 1, "x", false);
        check(0, 1, "x", false);
        check(1, 0, "x", false);
    }
}

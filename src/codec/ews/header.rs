//! The SOAP headers of a request that mean something here; the others are stepped over, unless they must be understood.

use smallvec::SmallVec;

use super::fault::Fault;
use super::version::RequestVersion;
use super::zone_context;
use crate::codec::xml::{Cursor, Element, Foreign, Ns, Sequence};
use crate::domain::zone::Zone;

#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    pub version: RequestVersion,
    /// The zone of `TimeZoneContext`.
    pub zone: Option<Zone>,
    pub impersonation: Option<Impersonation>,
    /// `RequestTypeHeader`: another Exchange asks on behalf of its users.
    pub cross_forest: bool,
}

/// Whom `ExchangeImpersonation` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Impersonation {
    /// A principal name or an SMTP address, as written.
    Name(String),
    /// A security identifier, which nobody here has.
    Sid,
}

impl Default for Header {
    fn default() -> Self {
        Self {
            version: RequestVersion::OLDEST,
            zone: None,
            impersonation: None,
            cross_forest: false,
        }
    }
}

/// Headers by which an Exchange server or an administrator asks for rights that no caller of a gateway has.
const PRIVILEGED: [&str; 6] = [
    "ManagementRole",
    "OpenAsAdminOrSystemService",
    "ProxyPartnerToken",
    "ProxySecurityContext",
    "ProxySuggesterSid",
    "SerializedSecurityContext",
];

/// More than any client sends. Each header is compared with those before it.
const MAX_HEADERS: usize = 64;

impl Header {
    /// The content of `s:Header`.
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Self, Fault> {
        let mut header = Self::default();
        let mut seen: SmallVec<[&str; 4]> = SmallVec::new();
        let mut count = 0;
        while let Some(element) = cursor.child()? {
            count += 1;
            if count > MAX_HEADERS {
                let violation = format!("There are more than {MAX_HEADERS} SOAP headers.");
                return Err(cursor.error(violation).into());
            }
            let local = element.local();
            if element.ns != Ns::Types {
                skip_unknown(cursor, &element)?;
                continue;
            }
            if seen.contains(&local) {
                return Err(Fault::DuplicateSoapHeader);
            }
            seen.push(local);
            match local {
                "RequestServerVersion" => header.version = read_version(cursor, &element)?,
                "TimeZoneContext" => header.zone = Some(zone_context::read(cursor)?),
                "ExchangeImpersonation" => header.impersonation = Some(read_impersonation(cursor)?),
                "RequestTypeHeader" => {
                    cursor.skip()?;
                    header.cross_forest = true;
                }
                "MailboxCulture" | "DateTimePrecision" => cursor.skip()?,
                privileged if PRIVILEGED.contains(&privileged) => return Err(Fault::AccessDenied),
                _ => skip_unknown(cursor, &element)?,
            }
        }
        Ok(header)
    }
}

fn skip_unknown<'a>(cursor: &mut Cursor<'a>, element: &Element<'a>) -> Result<(), Fault> {
    if cursor.soap_flag(element, "mustUnderstand") {
        return Err(Fault::MustUnderstand);
    }
    Ok(cursor.skip()?)
}

fn read_version<'a>(
    cursor: &mut Cursor<'a>,
    element: &Element<'a>,
) -> Result<RequestVersion, Fault> {
    let attributes = cursor.attributes(element, Foreign::Ignored)?;
    let version = attributes
        .iter()
        .find(|(name, _)| *name == "Version")
        .map(|(_, value)| value.trim());
    let version = version
        .and_then(RequestVersion::parse)
        .ok_or(Fault::InvalidServerVersion)?;
    Sequence::of(cursor).end(cursor)?;
    Ok(version)
}

fn read_impersonation(cursor: &mut Cursor<'_>) -> Result<Impersonation, Fault> {
    let mut outer = Sequence::of(cursor);
    outer.required(cursor, Ns::Types, "ConnectingSID")?;
    let mut choice = Sequence::of(cursor);
    let mut named = None;
    for local in ["PrincipalName", "SID", "PrimarySmtpAddress", "SmtpAddress"] {
        if let Some(element) = choice.optional(cursor, Ns::Types, local)? {
            let text = cursor.string(&element)?;
            named = Some(if local == "SID" {
                Impersonation::Sid
            } else {
                Impersonation::Name(text.trim().to_owned())
            });
            break;
        }
    }
    let Some(named) = named else {
        choice.end(cursor)?;
        return Err(Fault::InvalidImpersonationHeader);
    };
    choice.end(cursor)?;
    outer.end(cursor)?;
    Ok(named)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::xml::Caps;

    fn read(headers: &str) -> Result<Header, Fault> {
        let document = format!(r#"<t:Header xmlns:t="{}">{headers}</t:Header>"#, Ns::TYPES);
        let mut cursor = Cursor::strict(&document, Caps::REQUEST).unwrap();
        cursor.root().unwrap();
        Header::read(&mut cursor)
    }

    #[test]
    fn no_caller_sends_a_hundred_headers() {
        let headers = |count| {
            (0..count)
                .map(|number| format!("<t:H{number}/>"))
                .collect::<Vec<_>>()
                .concat()
        };
        assert_eq!(read(&headers(MAX_HEADERS)), Ok(Header::default()));
        let refused = read(&headers(MAX_HEADERS + 1));
        assert!(
            matches!(refused, Err(Fault::SchemaValidation(_))),
            "{refused:?}"
        );
    }
}

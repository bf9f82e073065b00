//! Autodiscover v2: one GET, one URL in JSON.

use serde_json::json;

/// What a query asks for: `Protocol=EWS`, in any case of letters, and with it whose, where the path does not say it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    pub protocol: Option<String>,
    pub email: Option<String>,
}

/// Why no URL is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    NoProtocol,
    UnknownProtocol,
    InvalidAddress,
    UnknownDomain,
}

impl Query {
    /// The part of a URL after the question mark. Names are compared without regard to case.
    pub fn parse(text: &str) -> Self {
        let mut query = Self::default();
        for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
            let field = if name.eq_ignore_ascii_case("Protocol") {
                &mut query.protocol
            } else if name.eq_ignore_ascii_case("Email") {
                &mut query.email
            } else {
                continue;
            };
            field.get_or_insert_with(|| value.trim().to_owned());
        }
        query
    }

    /// Whether it is EWS that is looked for.
    pub fn check(&self) -> Result<(), Refusal> {
        match self.protocol.as_deref() {
            None | Some("") => Err(Refusal::NoProtocol),
            Some(word) if word.eq_ignore_ascii_case("EWS") => Ok(()),
            Some(_) => Err(Refusal::UnknownProtocol),
        }
    }
}

impl Refusal {
    /// The status that goes with it.
    pub fn status(self) -> u16 {
        match self {
            Self::NoProtocol | Self::UnknownProtocol | Self::InvalidAddress => 400,
            Self::UnknownDomain => 404,
        }
    }

    fn code(self) -> &'static str {
        match self {
            Self::NoProtocol => "MandatoryParameterMissing",
            Self::UnknownProtocol => "ProtocolNotSupported",
            Self::InvalidAddress => "InvalidUserId",
            Self::UnknownDomain => "UserNotFound",
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::NoProtocol => "A value must be given for the query parameter 'Protocol'.",
            Self::UnknownProtocol => "Only the protocol 'EWS' is served here.",
            Self::InvalidAddress => "The address is not a valid SMTP address.",
            Self::UnknownDomain => "No mailboxes of this mail domain are served here.",
        }
    }

    pub fn write(self) -> Vec<u8> {
        json!({ "ErrorCode": self.code(), "ErrorMessage": self.text() })
            .to_string()
            .into_bytes()
    }
}

pub fn write(ews_url: &str) -> Vec<u8> {
    json!({ "Protocol": "EWS", "Url": ews_url })
        .to_string()
        .into_bytes()
}

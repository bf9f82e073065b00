//! What `POST /cache/drop` is asked to drop: exactly one of `mailbox`, `domain` and `all`, said in the query, in a form
//! or in JSON. Drops nothing itself.

use serde::Deserialize;
use url::form_urlencoded;

use crate::domain::address::AddressError;
use crate::domain::{MailDomain, SmtpAddress};
use crate::service::cache::DropScope;

/// The texts are answered to whoever asked; they do not repeat what was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum ScopeError {
    #[error("say exactly one of mailbox, domain and all=true, once")]
    NotOne,
    #[error("say it as a form (mailbox=..., domain=..., all=true) or as JSON of the same names")]
    Unreadable,
    #[error("the body must be application/json or application/x-www-form-urlencoded")]
    MediaType,
    #[error("mailbox: {0}")]
    Mailbox(AddressError),
    #[error("domain: {0}")]
    Domain(AddressError),
    #[error("all can only be true")]
    All,
}

/// The same names in every form.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    mailbox: Option<String>,
    domain: Option<String>,
    all: Option<bool>,
}

/// `content_type` counts only where there is a body.
pub(super) fn read(
    query: Option<&str>,
    content_type: Option<&str>,
    body: &[u8],
) -> Result<DropScope, ScopeError> {
    let query = query.filter(|query| !query.is_empty());
    match (query, body) {
        (None, []) => Err(ScopeError::NotOne),
        (Some(query), []) => read_form(query.as_bytes())?.scope(),
        (None, body) => read_body(content_type, body)?.scope(),
        (Some(_), _) => Err(ScopeError::NotOne),
    }
}

fn read_body(content_type: Option<&str>, body: &[u8]) -> Result<Said, ScopeError> {
    let media = content_type.and_then(|text| text.split(';').next());
    let media = media.unwrap_or("").trim();
    if media.eq_ignore_ascii_case("application/json") {
        serde_json::from_slice(body).map_err(|_| ScopeError::Unreadable)
    } else if media.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        read_form(body)
    } else {
        Err(ScopeError::MediaType)
    }
}

fn read_form(text: &[u8]) -> Result<Said, ScopeError> {
    let mut said = Said::default();
    for (name, value) in form_urlencoded::parse(text.trim_ascii_end()) {
        let again = match name.as_ref() {
            "mailbox" => said.mailbox.replace(value.into_owned()).is_some(),
            "domain" => said.domain.replace(value.into_owned()).is_some(),
            "all" => {
                let all = value.parse().map_err(|_| ScopeError::All)?;
                said.all.replace(all).is_some()
            }
            _ => return Err(ScopeError::Unreadable),
        };
        if again {
            return Err(ScopeError::NotOne);
        }
    }
    Ok(said)
}

impl Said {
    fn scope(self) -> Result<DropScope, ScopeError> {
        match (self.mailbox, self.domain, self.all) {
            (Some(mailbox), None, None) => SmtpAddress::parse(&mailbox)
                .map(DropScope::Mailbox)
                .map_err(ScopeError::Mailbox),
            (None, Some(domain), None) => MailDomain::parse(&domain)
                .map(DropScope::Domain)
                .map_err(ScopeError::Domain),
            (None, None, Some(true)) => Ok(DropScope::All),
            (None, None, Some(false)) => Err(ScopeError::All),
            _ => Err(ScopeError::NotOne),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: Option<&str> = Some("application/x-www-form-urlencoded");
    const JSON: Option<&str> = Some("application/json; charset=utf-8");

    fn mailbox() -> DropScope {
        DropScope::Mailbox(SmtpAddress::parse("anna+x@example.com").unwrap())
    }

    fn domain() -> DropScope {
        DropScope::Domain(MailDomain::parse("example.com").unwrap())
    }

    #[track_caller]
    fn check(query: Option<&str>, content_type: Option<&str>, body: &str, expect: &DropScope) {
        let got = read(query, content_type, body.as_bytes());
        assert_eq!(
            got.as_ref(),
            Ok(expect),
            "{query:?} {content_type:?} {body:?}"
        );
    }

    #[track_caller]
    fn refuse(query: Option<&str>, content_type: Option<&str>, body: &str, expect: ScopeError) {
        let got = read(query, content_type, body.as_bytes());
        assert_eq!(got, Err(expect), "{query:?} {content_type:?} {body:?}");
    }

    #[test]
    fn a_scope_is_said_in_a_query_a_form_or_json() {
        check(Some("mailbox=Anna%2Bx@Example.com"), None, "", &mailbox());
        check(Some("domain=example.com"), None, "", &domain());
        check(Some("all=true"), FORM, "", &DropScope::All);
        check(None, FORM, "mailbox=anna%2bx%40example.com", &mailbox());
        check(Some(""), FORM, "domain=Example.COM\n", &domain());
        check(None, FORM, "all=true", &DropScope::All);
        check(
            None,
            JSON,
            r#"{"mailbox": "anna+x@example.com"}"#,
            &mailbox(),
        );
        check(None, JSON, r#"{"domain": "example.com"}"#, &domain());
        check(None, JSON, r#"{"all": true}"#, &DropScope::All);
    }

    #[test]
    fn exactly_one_thing_is_dropped() {
        refuse(None, None, "", ScopeError::NotOne);
        refuse(None, JSON, "{}", ScopeError::NotOne);
        let two = Some("domain=example.com&all=true");
        refuse(two, None, "", ScopeError::NotOne);
        let twice = Some("domain=example.com&domain=example.org");
        refuse(twice, None, "", ScopeError::NotOne);
        let query = Some("domain=example.com");
        refuse(query, FORM, "all=true", ScopeError::NotOne);
        refuse(Some("all=false"), None, "", ScopeError::All);
        refuse(Some("all="), None, "", ScopeError::All);
        refuse(None, JSON, r#"{"all": false}"#, ScopeError::All);
    }

    #[test]
    fn what_cannot_be_read_drops_nothing() {
        refuse(Some("everything=1"), None, "", ScopeError::Unreadable);
        refuse(
            None,
            JSON,
            r#"{"all": true, "x": 1}"#,
            ScopeError::Unreadable,
        );
        refuse(None, JSON, r#"{"all": "true"}"#, ScopeError::Unreadable);
        refuse(None, JSON, "all=true", ScopeError::Unreadable);
        refuse(
            None,
            JSON,
            r#"{"all":true,"all":true}"#,
            ScopeError::Unreadable,
        );
        refuse(None, None, "all=true", ScopeError::MediaType);
        refuse(None, Some("text/plain"), "all=true", ScopeError::MediaType);
        refuse(
            None,
            FORM,
            "mailbox=anna",
            ScopeError::Mailbox(AddressError::NoDomain),
        );
        refuse(
            None,
            FORM,
            "domain=a%20b",
            ScopeError::Domain(AddressError::Domain),
        );
        refuse(
            None,
            FORM,
            "domain=%00%ff",
            ScopeError::Domain(AddressError::Domain),
        );
    }
}

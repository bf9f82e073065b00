//! What a token endpoint says when it gives no token: the error answers of RFC 6749 section 5.2, and in them the AADSTS
//! codes of Microsoft Entra ID, with what an administrator can do about each. Pure; the one table of these codes.

use serde::Deserialize;

/// The longest foreign text that is passed on, in characters.
const LONGEST_TEXT: usize = 300;

/// A refusal, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRefusal {
    pub trouble: TokenTrouble,
    /// The number behind `AADSTS`.
    pub code: Option<u32>,
    /// `invalid_client` and the like.
    pub error: String,
    /// For Microsoft's support, and to find the attempt in the sign-in log.
    pub trace_id: Option<String>,
    /// In the server's words, on one line and bounded.
    pub description: String,
}

macro_rules! troubles {
    ($($(#[$doc:meta])* $name:ident, $label:literal, $advice:literal;)*) => {
        /// Why there is no token.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum TokenTrouble {
            $($(#[$doc])* $name,)*
        }

        impl TokenTrouble {
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// A word for logs and metric labels.
            pub fn label(self) -> &'static str {
                match self {
                    $(Self::$name => $label,)*
                }
            }

            /// What it means and what to do, for an administrator.
            pub fn advice(self) -> &'static str {
                match self {
                    $(Self::$name => $advice,)*
                }
            }
        }
    };
}

troubles! {
    SecretExpired, "secret_expired",
        "the client secret has expired: create a new one (App registrations, Certificates & secrets) and put its value \
         where auth.client_secret_* points to, or use a certificate";
    WrongSecret, "wrong_secret",
        "the client secret is wrong: the value of the secret is needed, not its ID; the portal shows it only once, so \
         create a new one if in doubt";
    NoSecret, "no_secret",
        "the application must prove itself by a secret or an assertion: set auth.client_secret_* or \
         auth.client_certificate";
    UnknownApplication, "unknown_application",
        "the tenant does not know the application: compare auth.client_id with the application (client) ID, and the \
         tenant in auth.token_url; an administrator of that tenant must have given consent";
    ApplicationDisabled, "application_disabled",
        "the application is switched off in the tenant: Enterprise applications, Properties, Enabled for users to \
         sign-in";
    UnknownTenant, "unknown_tenant",
        "there is no such tenant: compare the tenant in auth.token_url with the directory (tenant) ID, and the cloud \
         (worldwide, US government, China)";
    NoConsent, "no_consent",
        "the permission or the administrator's consent is missing: add the application permission \
         Office 365 Exchange Online, full_access_as_app, and choose Grant admin consent";
    ConditionalAccess, "conditional_access",
        "a conditional access policy, or the security defaults, keeps the application out: exclude the workload \
         identity or admit the address that calbridge calls from";
    BadScope, "bad_scope",
        "the scope is wrong: an application asks for a resource's /.default, as \
         https://outlook.office365.com/.default";
    UnknownResource, "unknown_resource",
        "the tenant does not know the resource in auth.scope: is it that of this cloud, and has the tenant Exchange \
         Online?";
    BadAssertion, "bad_assertion",
        "the certificate is not accepted: upload the public part of auth.client_certificate to this very application \
         (Certificates & secrets), and compare its thumbprint";
    AssertionTime, "assertion_time",
        "the assertion's time is not accepted: set the clock of this machine (NTP)";
    PublicClient, "public_client",
        "the application is registered as a public client, which cannot prove itself: register it as a web application";
    AccountTrouble, "account",
        "an account is unknown, locked, disabled or asked for a second factor: client credentials need no account, so \
         auth.token_url is probably not the one of an application";
    OldTls, "old_tls",
        "the token endpoint saw TLS older than 1.2 or an old cipher: look at what stands between, such as a proxy";
    BadRequest, "bad_request",
        "the token endpoint did not understand the request: auth.token_url must be the v2.0 endpoint, \
         https://login.microsoftonline.com/TENANT/oauth2/v2.0/token";
    GrantRefused, "grant_refused",
        "the application may not use client credentials at this token endpoint";
    /// Passes by itself.
    Busy, "busy",
        "the token endpoint is in trouble or asks for patience; it is asked again by itself";
    Other, "refused",
        "the token endpoint refused, for a reason that is not known here";
}

impl TokenTrouble {
    /// Whether the same request may succeed a little later.
    pub fn is_transient(self) -> bool {
        self == Self::Busy
    }

    /// Microsoft's list of AADSTS codes, and reports of what they are seen for.
    fn of_code(code: u32) -> Option<Self> {
        Some(match code {
            7_000_222 => Self::SecretExpired,
            7_000_215 | 50_012 => Self::WrongSecret,
            7_000_216 | 7_000_218 => Self::NoSecret,
            700_016 | 700_038 | 7_000_229 => Self::UnknownApplication,
            7_000_112 | 7_000_113 | 7_000_114 | 500_014 => Self::ApplicationDisabled,
            90_002 | 900_021 | 900_023 | 90_013 | 90_130 => Self::UnknownTenant,
            65_001 | 65_005 | 650_051 | 650_052 | 650_056 | 650_057 | 90_094 => Self::NoConsent,
            53_000..=53_004 | 53_009 | 53_011 | 530_032..=530_035 | 50_158 => {
                Self::ConditionalAccess
            }
            70_011 | 1_002_012 | 90_009 | 28_002 | 28_003 => Self::BadScope,
            500_011 | 50_001 | 500_012 => Self::UnknownResource,
            700_021..=700_023 | 700_027 | 700_030 | 50_013 => Self::BadAssertion,
            700_024 => Self::AssertionTime,
            700_025 => Self::PublicClient,
            50_034 | 50_053 | 50_055 | 50_057 | 50_076 | 50_079 | 50_126 => Self::AccountTrouble,
            1_002_016 => Self::OldTls,
            900_144 | 900_561 | 90_014 | 90_019 | 9_002_313 | 9_002_326 | 70_003 => {
                Self::BadRequest
            }
            70_001 | 70_002 | 700_005 | 70_007 => Self::GrantRefused,
            90_006 | 90_020 | 90_024 | 90_033 | 90_055 | 50_196 | 90_012 => Self::Busy,
            _ => return None,
        })
    }

    /// What the server says by both. A code that is not in the list says more than the word beside it, which Microsoft
    /// uses for many things; only that it passes by itself is believed.
    fn of(code: Option<u32>, error: &str) -> Self {
        match (code.map(Self::of_code), Self::of_word(error)) {
            (Some(Some(by_code)), _) => by_code,
            (None, by_word) | (Some(None), by_word @ Self::Busy) => by_word,
            (Some(None), _) => Self::Other,
        }
    }

    /// RFC 6749 section 5.2, for servers that are not Microsoft's.
    fn of_word(error: &str) -> Self {
        match error {
            "invalid_client" => Self::WrongSecret,
            "invalid_scope" => Self::BadScope,
            "invalid_request" | "unsupported_grant_type" => Self::BadRequest,
            "unauthorized_client" | "invalid_grant" | "access_denied" => Self::GrantRefused,
            "invalid_resource" => Self::UnknownResource,
            "temporarily_unavailable" | "server_error" | "slow_down" => Self::Busy,
            _ => Self::Other,
        }
    }
}

#[derive(Deserialize)]
struct Body {
    error: String,
    #[serde(default)]
    error_description: String,
    #[serde(default)]
    error_codes: Vec<u32>,
    trace_id: Option<String>,
}

/// Reads the body of an answer that is no 200; None where it is no error answer of a token endpoint. `clean` removes from
/// the server's texts what it must not repeat, before they are shortened.
pub fn read(body: &[u8], clean: &dyn Fn(&str) -> String) -> Option<TokenRefusal> {
    let body: Body = serde_json::from_slice(body).ok()?;
    let code = body
        .error_codes
        .first()
        .copied()
        .or_else(|| code_in(&body.error_description));
    Some(TokenRefusal {
        trouble: TokenTrouble::of(code, &body.error),
        code,
        error: plain(&clean(&body.error)),
        trace_id: body.trace_id.as_deref().map(|id| plain(&clean(id))),
        description: plain(&clean(&body.error_description)),
    })
}

/// `AADSTS7000215: Invalid client secret provided. ...`
fn code_in(description: &str) -> Option<u32> {
    let (_, after) = description.split_once("AADSTS")?;
    let end = after
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(after.len());
    after.get(..end)?.parse().ok()
}

/// A foreign text for a log line.
fn plain(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().take(LONGEST_TEXT).collect()
}

impl std::fmt::Display for TokenRefusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.code {
            Some(code) => write!(f, "AADSTS{code}: ")?,
            None => write!(f, "{}: ", self.error)?,
        }
        f.write_str(self.trouble.advice())?;
        if self.trouble == TokenTrouble::Other {
            write!(f, " ({})", self.description)?;
        }
        if let Some(trace) = &self.trace_id {
            write!(f, " (trace ID {trace})")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Microsoft writes it.
    fn azure(code: u32, error: &str) -> String {
        format!(
            r#"{{"error":"{error}","error_description":"AADSTS{code}: Some words. Trace ID: 8d5a\r\nCorrelation ID: 1f00","error_codes":[{code}],"timestamp":"2026-11-21 10:00:00Z","trace_id":"8d5a","correlation_id":"1f00","error_uri":"https://login.microsoftonline.com/error?code={code}"}}"#
        )
    }

    fn read_all(body: &str) -> Option<TokenRefusal> {
        read(body.as_bytes(), &str::to_owned)
    }

    #[track_caller]
    fn check(code: u32, expect: TokenTrouble) {
        let refusal = read_all(&azure(code, "invalid_client")).unwrap();
        assert_eq!(refusal.trouble, expect, "{code}");
        let text = refusal.to_string();
        assert!(text.starts_with(&format!("AADSTS{code}: ")), "{text}");
        assert!(
            text.contains(expect.advice()) && text.ends_with("(trace ID 8d5a)"),
            "{text}"
        );
    }

    #[test]
    fn the_codes_of_microsoft_are_known() {
        check(7_000_222, TokenTrouble::SecretExpired);
        check(7_000_215, TokenTrouble::WrongSecret);
        check(7_000_216, TokenTrouble::NoSecret);
        check(7_000_218, TokenTrouble::NoSecret);
        check(700_016, TokenTrouble::UnknownApplication);
        check(7_000_112, TokenTrouble::ApplicationDisabled);
        check(90_002, TokenTrouble::UnknownTenant);
        check(900_023, TokenTrouble::UnknownTenant);
        check(65_001, TokenTrouble::NoConsent);
        check(650_052, TokenTrouble::NoConsent);
        check(53_003, TokenTrouble::ConditionalAccess);
        check(530_035, TokenTrouble::ConditionalAccess);
        check(70_011, TokenTrouble::BadScope);
        check(1_002_012, TokenTrouble::BadScope);
        check(90_009, TokenTrouble::BadScope);
        check(500_011, TokenTrouble::UnknownResource);
        check(700_027, TokenTrouble::BadAssertion);
        check(700_024, TokenTrouble::AssertionTime);
        check(700_025, TokenTrouble::PublicClient);
        check(50_034, TokenTrouble::AccountTrouble);
        check(1_002_016, TokenTrouble::OldTls);
        check(900_144, TokenTrouble::BadRequest);
        check(90_033, TokenTrouble::Busy);
    }

    #[test]
    fn a_code_that_is_not_listed_is_told_in_the_words_of_the_server() {
        for word in ["invalid_client", "invalid_request", "unauthorized_client"] {
            let refusal = read_all(&azure(700_213, word)).unwrap();
            assert_eq!(refusal.trouble, TokenTrouble::Other, "{word}");
            let text = refusal.to_string();
            assert!(text.contains("(AADSTS700213: Some words."), "{text}");
        }
        // What passes by itself does so under any code.
        let busy = read_all(&azure(700_213, "temporarily_unavailable")).unwrap();
        assert_eq!(busy.trouble, TokenTrouble::Busy);
    }

    #[test]
    fn other_servers_are_read_by_their_words() {
        let of = |body: &str| read_all(body).map(|refusal| refusal.trouble);
        assert_eq!(
            of(r#"{"error":"invalid_scope"}"#),
            Some(TokenTrouble::BadScope)
        );
        assert_eq!(of(r#"{"error":"odd"}"#), Some(TokenTrouble::Other));
        let only_text = r#"{"error":"invalid_client","error_description":"AADSTS7000222: x"}"#;
        assert_eq!(of(only_text), Some(TokenTrouble::SecretExpired));
        for body in ["", "<html>", "[]", "{}", r#"{"error":7}"#] {
            assert_eq!(of(body), None, "{body}");
        }
    }

    #[test]
    fn foreign_texts_are_one_bounded_line() {
        let body = format!(
            r#"{{"error":"odd","error_description":"a\r\nb {}"}}"#,
            "x".repeat(999)
        );
        let text = read_all(&body).unwrap().to_string();
        assert!(
            text.contains("(a b xx") && !text.contains('\n') && text.len() < 500,
            "{text}"
        );
    }

    #[test]
    fn a_secret_is_removed_before_the_text_is_cut() {
        let body = format!(
            r#"{{"error":"odd","error_description":"{}geheim-geheim"}}"#,
            "x".repeat(LONGEST_TEXT - 6)
        );
        let clean = |text: &str| text.replace("geheim-geheim", "-");
        let refusal = read(body.as_bytes(), &clean).unwrap();
        assert!(!refusal.description.contains("geheim"), "{refusal}");
    }

    #[test]
    fn labels_are_words_of_their_own() {
        let mut labels: Vec<_> = TokenTrouble::ALL.iter().map(|t| t.label()).collect();
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), TokenTrouble::ALL.len());
    }
}

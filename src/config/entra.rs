//! `[access.entra]`: Bearer tokens that Microsoft Entra issued.

use url::Url;

use super::clients::role_accounts;
use super::document::Section;
use super::surroundings::Surroundings;
use super::values::https_url;
use super::{certificate, rights};
use crate::domain::CallerId;
use crate::server::settings::InboundAccount;
use crate::server::token::entra::EntraSettings;

const AUTHORITY: &str = "https://login.microsoftonline.com";
/// What tokens for Exchange Online itself are issued for.
const EXCHANGE: &str = "https://outlook.office365.com";
/// What else Exchange Online answers to: hosts, and its application.
const EXCHANGE_HOSTS: [&str; 3] = ["outlook.office365.com", "outlook.office.com", "outlook.com"];
const EXCHANGE_APPLICATION: &str = "00000002-0000-0ff1-ce00-000000000000";
/// The application role of Exchange Online.
const ROLE: &str = "full_access_as_app";

pub(super) fn read(
    section: &Section<'_>,
    around: &Surroundings<'_>,
    accounts: &[InboundAccount],
) -> Option<EntraSettings> {
    section.require("tenant_id");
    section.require("client_ids");
    let tenant_id = section.text("tenant_id").and_then(|text| guid(&text));
    let ids = section.texts("client_ids");
    if let Some(list) = ids.as_ref().filter(|list| list.value.is_empty()) {
        list.problem("is empty: no application could call");
    }
    let ids = ids.map_or(Vec::new(), |list| list.value);
    let authority = section.text("authority").map(|text| https_url(&text));
    let authority_ca = section.text("authority_ca").and_then(|path| {
        certificate::chain(&path, around)?;
        path.parse_file(|path| around.file(path))
    });
    let mut caller = rights::caller(section, CallerId::Nobody);
    caller.role_accounts = Some(role_accounts(section, accounts));
    let settings = EntraSettings {
        audiences: audiences(section),
        client_ids: ids.iter().filter_map(guid).collect(),
        role: section
            .text("role")
            .map_or(ROLE, |text| text.value)
            .to_owned(),
        authority: match authority {
            Some(url) => without_slash(&url?),
            None => AUTHORITY.to_owned(),
        },
        authority_ca,
        caller,
        tenant_id: tenant_id?,
    };
    Some(settings)
}

fn audiences(section: &Section<'_>) -> Vec<String> {
    let mut audiences = Vec::new();
    if let Some(audience) = section.text("audience") {
        if is_exchange(audience.value) {
            audience
                .problem("is the audience of Exchange Online itself: see accept_exchange_audience");
        } else if audience.value.is_empty() {
            audience.problem("is empty");
        }
        audiences.push(audience.value.to_owned());
    }
    if section.flag("accept_exchange_audience") == Some(true) {
        section.warning(
            "accept_exchange_audience",
            "tokens for Exchange Online are accepted: whoever sends one to calbridge hands over a token that opens \
             Exchange itself. Give calbridge an application of its own, with an audience of its own",
        );
        audiences.extend([EXCHANGE.to_owned(), format!("{EXCHANGE}/")]);
    }
    if audiences.is_empty() {
        section.problem_at("audience", "is missing");
    }
    audiences
}

/// Such a token opens Exchange itself.
fn is_exchange(audience: &str) -> bool {
    let audience = audience.trim().to_ascii_lowercase();
    let after_scheme = audience
        .split_once("://")
        .map_or(&*audience, |(_, rest)| rest);
    let host = after_scheme.split(['/', ':']).next().unwrap_or_default();
    audience.contains(EXCHANGE_APPLICATION) || EXCHANGE_HOSTS.contains(&host)
}

fn without_slash(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

/// Tenants and applications are compared as GUIDs; a tenant's domain name would be another issuer.
fn guid(text: &super::findings::Located<'_, &str>) -> Option<String> {
    text.parse(|text| {
        uuid::Uuid::try_parse(text)
            .map(|id| id.hyphenated().to_string())
            .map_err(|_| "must be a GUID, as 11111111-2222-3333-4444-555555555555")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audiences_of_exchange_are_known_however_they_are_written() {
        for audience in [
            "https://outlook.office365.com",
            "https://Outlook.Office365.com/",
            "https://outlook.office365.com:443/x",
            "https://outlook.office.com",
            "outlook.office.com",
            "00000002-0000-0FF1-CE00-000000000000",
            "spn:00000002-0000-0ff1-ce00-000000000000/outlook.office365.com",
        ] {
            assert!(is_exchange(audience), "{audience}");
        }
        for audience in [
            "api://calbridge",
            "https://calbridge.example.com",
            "https://outlook.office365.com.example.com",
            "bbbbbbbb-0000-0000-0000-000000000002",
        ] {
            assert!(!is_exchange(audience), "{audience}");
        }
    }
}

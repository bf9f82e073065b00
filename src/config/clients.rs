//! `[[access.client]]`: OAuth 2.0 clients, and what signs their tokens.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::document::Section;
use super::surroundings::Surroundings;
use super::values::duration;
use super::{password, rights};
use crate::domain::{CallerId, SmtpAddress};
use crate::server::settings::{AccessSettings, ClientAccount, InboundAccount};
use crate::server::token::key::TokenKey;

const LONGEST_ID: usize = 128;
const LONGEST_LIFETIME: Duration = Duration::from_hours(24);

/// The clients, and the keys of `[access]` about their tokens, put into `settings`.
pub(super) fn read(
    section: &Section<'_>,
    around: &Surroundings<'_>,
    settings: &mut AccessSettings,
) {
    let mut seen = BTreeSet::new();
    let read = section.each("client", |client| {
        read_client(client, &settings.role_accounts, &mut seen)
    });
    settings.clients = read.into_iter().flatten().collect();
    settings.token_key = token_key(section, around);
    if let Some(lifetime) = duration(section, "token_lifetime", LONGEST_LIFETIME) {
        settings.token_lifetime = lifetime;
        if lifetime.subsec_nanos() > 0 {
            section.problem_at("token_lifetime", "must be whole seconds");
        }
    }
    for key in ["token_key", "token_lifetime"] {
        if section.has(key) && settings.clients.is_empty() && !section.has("client") {
            section.warning(key, "has no effect without an [[access.client]]");
        }
    }
}

fn token_key(section: &Section<'_>, around: &Surroundings<'_>) -> Option<Arc<TokenKey>> {
    let path = section.text("token_key")?;
    let pem = path.parse_file(|path| around.file(path))?;
    path.parse(|_| TokenKey::from_pem(&pem)).map(Arc::new)
}

fn read_client(
    client: &Section<'_>,
    accounts: &[InboundAccount],
    seen: &mut BTreeSet<String>,
) -> Option<ClientAccount> {
    let id = client_id(client, seen);
    client.require("client_secret_hash");
    let secret_hash = client
        .text("client_secret_hash")
        .and_then(|hash| hash.parse(|text| password::check(text).map(|()| (*text).to_owned())));
    let role_accounts = role_accounts(client, accounts);
    let name = id.clone().unwrap_or_default();
    let mut caller = rights::caller(client, CallerId::Client(name.into()));
    caller.role_accounts = Some(role_accounts);
    Some(ClientAccount {
        id: id?,
        secret_hash: secret_hash?,
        caller,
    })
}

fn client_id(client: &Section<'_>, seen: &mut BTreeSet<String>) -> Option<String> {
    client.require("client_id");
    let text = client.text("client_id")?;
    let id = text.value;
    let harmless = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@');
    if id.is_empty() || id.len() > LONGEST_ID || !id.chars().all(harmless) {
        text.problem("must be 1 to 128 letters, digits and -_.@, as a GUID");
        return None;
    }
    if !seen.insert(id.to_ascii_lowercase()) {
        text.problem("is the id of another client, too");
    }
    Some(id.to_owned())
}

/// Whom the client may name in a header of impersonation.
pub(super) fn role_accounts(
    section: &Section<'_>,
    accounts: &[InboundAccount],
) -> Vec<SmtpAddress> {
    let Some(list) = section.texts("role_accounts") else {
        return Vec::new();
    };
    let known = list.value.iter().filter_map(|entry| {
        entry.parse(|text| {
            SmtpAddress::parse(text)
                .ok()
                .filter(|address| accounts.iter().any(|known| known.address == *address))
                .ok_or("is not the address of an [[access.role_account]]")
        })
    });
    known.collect()
}

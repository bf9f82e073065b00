//! The keys of an endpoint of kind `ews`.

use std::collections::BTreeSet;

use url::Url;

use super::certificate;
use super::document::Section;
use super::endpoint_auth::{self, Auth};
use super::secret;
use super::surroundings::Surroundings;
use super::values::{address, has_login, https_url};
use crate::backend::settings::{AuthSettings, EwsSettings, RoleAccountSettings};
use crate::domain::SmtpAddress;

/// Calls in flight at once by one account; Exchange allows 27.
const MOST_CONCURRENCY: u64 = 1_000;

/// What the accounts of one endpoint must not have in common.
#[derive(Default)]
struct Seen {
    addresses: BTreeSet<SmtpAddress>,
    /// What they log in as, in lower case: a directory does not tell cases apart.
    users: BTreeSet<String>,
}

impl Seen {
    /// Two entries of one account would show its password twice, and a directory counts both.
    fn log_in(
        &mut self,
        account: &Section<'_>,
        address: Option<&SmtpAddress>,
        username: Option<&str>,
    ) {
        let user = username.or(address.map(SmtpAddress::as_str));
        let is_new = user.is_none_or(|user| self.users.insert(user.to_lowercase()));
        let key = if username.is_some() {
            "username"
        } else {
            "address"
        };
        if !is_new && let Some(text) = account.text(key) {
            text.problem("is what another role account of this endpoint logs in as, too");
        }
    }
}

pub(super) fn read(section: &Section<'_>, around: &Surroundings<'_>) -> Option<EwsSettings> {
    section.require("url");
    let url = section.text("url").and_then(|text| https_url(&text));
    let proxy = proxy(section);
    let ca_certificate = section.text("ca_certificate").and_then(|path| {
        let _ = certificate::chain(&path, around)?;
        Some(around.path(path.value))
    });
    let auth = match section.within("auth", |auth| endpoint_auth::read(auth, around)) {
        Some(auth) => auth,
        None => Some(Auth::default()),
    };
    section.require("role_account");
    let mut seen = Seen::default();
    let accounts = section.each("role_account", |account| {
        role_account(account, around, auth.as_ref(), &mut seen)
    });
    Some(EwsSettings {
        url: url?.into(),
        ca_certificate,
        proxy,
        auth: auth?.settings,
        role_accounts: accounts.into_iter().flatten().collect(),
    })
}

fn proxy(section: &Section<'_>) -> Option<String> {
    let text = section.text("proxy")?;
    let not_a_proxy = "must be an http or https URL, as \"http://proxy.example.com:3128\"";
    let url = text.parse(|text| Url::parse(text).map_err(|_| not_a_proxy))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        text.problem(not_a_proxy);
        None
    } else if has_login(&url) {
        text.problem("must not hold a user name or password");
        None
    } else {
        Some(url.into())
    }
}

/// `auth` is None where a problem with it has been noted.
fn role_account(
    account: &Section<'_>,
    around: &Surroundings<'_>,
    auth: Option<&Auth>,
    seen: &mut Seen,
) -> Option<RoleAccountSettings> {
    let address = address(account, &mut seen.addresses);
    let username = username(account);
    seen.log_in(account, address.as_ref(), username.as_deref());
    let max_concurrency = account.count("max_concurrency", MOST_CONCURRENCY);
    let has_password = secret::PASSWORD.any(account);
    let password = match auth {
        Some(Auth {
            settings: AuthSettings::OAuth2(_),
            ..
        }) => {
            if has_password || username.is_some() {
                account.problem("needs no user name and no password: auth.kind is \"oauth2\"");
            }
            None
        }
        Some(Auth {
            shared: Some(shared),
            ..
        }) if !has_password => Some(shared.clone()),
        None if !has_password => None,
        Some(_) | None => Some(secret::secret(account, &secret::PASSWORD, around)?),
    };
    Some(RoleAccountSettings {
        address: address?,
        username,
        password,
        max_concurrency: max_concurrency.unwrap_or(RoleAccountSettings::DEFAULT_CONCURRENCY),
    })
}

/// HTTP Basic cannot carry a colon in the user name (RFC 7617 section 2).
fn username(account: &Section<'_>) -> Option<String> {
    let text = account.text("username")?;
    text.parse(|text| {
        if text.is_empty() || text.contains(':') || text.contains(char::is_control) {
            Err("must not be empty or have a colon or control characters")
        } else {
            Ok((*text).to_owned())
        }
    })
}

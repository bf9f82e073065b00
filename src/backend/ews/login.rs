//! How one role account logs in: by its own password (Basic), or by the endpoint's token and its name in the call.

use reqwest::{Client, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};

use crate::backend::EndpointError;
use crate::backend::build::BuildProblem;
use crate::backend::http::Reach;
use crate::backend::instance::Instance;
use crate::backend::role_account::{Account, Stakes};
use crate::backend::settings::{AuthSettings, ClientCredential, EwsSettings, RoleAccountSettings};
use crate::backend::token::{Token, TokenSource};
use crate::codec::ews::upstream;
use crate::domain::SmtpAddress;

/// What one role account calls with; the client holds its cookies.
pub(super) struct Login {
    client: Client,
    proof: Proof,
}

enum Proof {
    Basic {
        username: String,
        password: SecretString,
    },
    Token {
        source: TokenSource,
        /// In whose name calls are made.
        mailbox: SmtpAddress,
    },
}

/// What one call logs in with.
pub(super) enum Credential<'a> {
    Basic(&'a str, &'a SecretString),
    Token(Token, &'a SmtpAddress),
}

/// The accounts of an endpoint, and where they get their token.
pub(super) fn accounts(
    endpoint: &str,
    settings: EwsSettings,
    reach: &Reach,
    instance: &Instance,
) -> Result<Vec<Account<Login>>, BuildProblem> {
    let mark =
        |user: &str, secret: &SecretString| instance.quarantine.mark(&settings.url, user, secret);
    let application = match settings.auth {
        AuthSettings::Basic => None,
        AuthSettings::OAuth2(oauth2) => {
            let secret = match &oauth2.credential {
                ClientCredential::Secret { secret, .. } => secret.clone(),
                ClientCredential::Certificate(certificate) => certificate.key.clone(),
            };
            // Whatever of it is put right makes another login, which is tried at once.
            let context = format!(
                "{}\n{}\n{}",
                oauth2.client_id, oauth2.token_url, oauth2.scope
            );
            let proxy = settings.proxy.as_deref();
            let source = TokenSource::new(endpoint, *oauth2, proxy, instance)?;
            Some((source, secret, context))
        }
    };
    let account = |account: RoleAccountSettings| {
        let client = reach.client()?;
        let address = account.address.clone();
        let max_concurrency = account.max_concurrency;
        let (proof, mark, stakes) = if let Some((source, secret, context)) = &application {
            let proof = Proof::Token {
                source: source.clone(),
                mailbox: account.address,
            };
            let mark = mark(&format!("{address}\n{context}"), secret);
            (proof, mark, Stakes::None)
        } else {
            let (username, password) = basic(account)?;
            let mark = mark(&username, &password);
            (Proof::Basic { username, password }, mark, Stakes::LockOut)
        };
        Ok(Account {
            address,
            login: Login { client, proof },
            max_concurrency,
            mark,
            stakes,
        })
    };
    settings.role_accounts.into_iter().map(account).collect()
}

fn basic(account: RoleAccountSettings) -> Result<(String, SecretString), BuildProblem> {
    let username = account
        .username
        .unwrap_or_else(|| account.address.as_str().to_owned());
    // RFC 7617 section 2: the first colon ends the user name.
    if username.contains(':') {
        return Err(BuildProblem::UserName(account.address));
    }
    let Some(password) = account.password else {
        return Err(BuildProblem::NoPassword(account.address));
    };
    Ok((username, password))
}

impl Login {
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Waits for a token where there is none.
    pub(super) async fn credential(&self) -> Result<Credential<'_>, EndpointError> {
        Ok(match &self.proof {
            Proof::Basic { username, password } => Credential::Basic(username, password),
            Proof::Token { source, mailbox } => Credential::Token(source.token().await?, mailbox),
        })
    }

    /// The server refused this credential: whether another one may be accepted.
    pub(super) fn refused(&self, credential: &Credential<'_>) -> bool {
        match (&self.proof, credential) {
            (Proof::Token { source, .. }, Credential::Token(token, _)) => source.refused(token),
            // A password never changes by itself.
            (Proof::Basic { .. } | Proof::Token { .. }, _) => false,
        }
    }
}

impl Credential<'_> {
    pub(super) fn is_token(&self) -> bool {
        matches!(self, Self::Token(..))
    }

    /// Adds the login to a call.
    pub(super) fn log_in(&self, request: RequestBuilder, body: Vec<u8>) -> RequestBuilder {
        match self {
            Self::Basic(username, password) => request
                .basic_auth(username, Some(password.expose_secret()))
                .body(body),
            Self::Token(token, mailbox) => request
                .bearer_auth(token.secret.expose_secret())
                .header("X-AnchorMailbox", mailbox.as_str())
                .body(upstream::impersonating(body, mailbox)),
        }
    }
}

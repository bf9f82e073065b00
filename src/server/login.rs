//! Who asks: HTTP Basic (RFC 7617) against the configured accounts, Bearer tokens (RFC 6750), client certificates. Makes
//! no HTTP answers.

mod accounts;
mod basic;
mod failures;
mod passwords;
mod rate;
mod recent;
mod verdict;

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use secrecy::SecretString;

use self::accounts::{Accounts, Listed};
use self::basic::Credential;
use self::passwords::Passwords;
use self::rate::Rate;
use self::recent::PrintKey;
pub(super) use self::recent::Recent;
use super::StartError;
use super::denied;
use super::settings::{AccessSettings, ClientAccount, InboundAccount};
use super::token::bearer::{self, InvalidToken};
use super::token::entra::Entra;
use super::token::key::TokenKey;
use super::token::{Holder, Issuer, secret_mark};
use crate::domain::{Caller, CallerId};
use crate::face::OwnLogin;

const FAILURE_DELAY: Duration = Duration::from_millis(300);

/// How an answer to a wrong password is held back: guessing over one connection stays slow, and a person who mistyped
/// does not notice.
pub(super) async fn hold_back() {
    tokio::time::sleep(FAILURE_DELAY).await;
}

/// Why nobody logged in. Which part of a credential was wrong is not told to anyone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// There is no usable credential in the request.
    Absent,
    Wrong,
    /// A Bearer token that is not accepted, or no longer.
    InvalidToken,
    /// Too many logins wait to be verified.
    Overloaded,
    /// Too many wrong passwords came before, or too many requests; for how long nobody is listened to.
    Limited(Duration),
}

impl Denied {
    /// For whoever looks for the console with an old password: its network, but neither the account nor the address.
    pub(super) fn tell(self, client: IpAddr) {
        let why = match self {
            // Clients ask without one first.
            Self::Absent => return,
            Self::Wrong => "the password is wrong",
            Self::InvalidToken => "the token is not accepted",
            Self::Overloaded => "too many logins wait to be verified",
            Self::Limited(_) => "too many wrong passwords, or requests, came before",
        };
        if let Some(network) = denied::network(client) {
            tracing::debug!(%network, why, "Denied a login");
        }
    }
}

/// What a request shows of who makes it.
pub(super) struct Shown<'a> {
    pub(super) headers: &'a HeaderMap,
    pub(super) client: IpAddr,
    /// SHA-256 of the certificate that the connection was opened with, which an authority of ours has issued.
    pub(super) certificate: Option<[u8; 32]>,
    /// Of its connection, where that is remembered.
    pub(super) recent: Option<&'a Recent>,
}

/// Everybody who may log in.
pub struct Login {
    accounts: Accounts,
    clients: Accounts,
    certificates: HashMap<[u8; 32], Arc<Caller>>,
    issuer: Option<Arc<Issuer>>,
    kept: Kept,
}

/// What goes on when a configuration takes another one's place.
#[derive(Clone)]
pub(super) struct Kept {
    passwords: Arc<Passwords>,
    bounds: (usize, NonZeroU32),
    entra: Option<Arc<Entra>>,
    rate: Option<Arc<Rate>>,
    /// The keys that were made at the start.
    key: Arc<TokenKey>,
    print_key: PrintKey,
}

impl Login {
    /// `queue`: how many verifications may wait while one runs on each core. `before`: what goes on.
    pub(super) fn new(
        access: &AccessSettings,
        queue: usize,
        before: Option<Kept>,
    ) -> Result<Arc<Self>, StartError> {
        let kept = match before {
            Some(kept) => kept.adapted(queue, access)?,
            None => Kept::new(queue, access)?,
        };
        let accounts = access.role_accounts.iter().enumerate().map(listed_account);
        let clients = access.clients.iter().enumerate().map(listed_client);
        let issuer = (!access.clients.is_empty()).then(|| {
            let key = access.token_key.as_ref().unwrap_or(&kept.key);
            Arc::new(Issuer::new(
                Arc::clone(&access.issuer),
                Arc::clone(key),
                access.token_lifetime,
            ))
        });
        Ok(Arc::new(Self {
            accounts: Accounts::new("account", accounts)?,
            clients: Accounts::new("client", clients)?,
            certificates: certificates(access),
            issuer,
            kept,
        }))
    }

    /// A login with one user of its own, which shares only the work of verifying.
    pub(super) fn apart(
        &self,
        only: &OwnLogin,
        caller: &Arc<Caller>,
    ) -> Result<Arc<Self>, StartError> {
        let listed = Listed {
            user: basic::normalised(&only.user),
            hash: &only.password_hash,
            password: None,
            caller: Arc::clone(caller),
            key: only.key.clone(),
        };
        Ok(Arc::new(Self {
            accounts: Accounts::new(&only.key, [listed])?,
            clients: Accounts::new("client", [])?,
            certificates: HashMap::new(),
            issuer: None,
            kept: Kept {
                entra: None,
                ..self.kept.clone()
            },
        }))
    }

    pub(super) fn kept(&self) -> Kept {
        self.kept.clone()
    }

    /// Who gives out tokens here, where somebody does.
    pub(super) fn issuer(&self) -> Option<&Arc<Issuer>> {
        self.issuer.as_ref()
    }

    /// The schemes that [`Login::caller`] accepts.
    pub(super) fn schemes(&self) -> Vec<&'static str> {
        let basic = (!self.accounts.is_empty()).then_some("Basic");
        let takes_tokens = self.issuer.is_some() || self.kept.entra.is_some();
        let bearer = takes_tokens.then_some("Bearer");
        basic.into_iter().chain(bearer).collect()
    }

    /// Who made this request.
    pub(super) async fn caller(self: &Arc<Self>, shown: &Shown<'_>) -> Result<Arc<Caller>, Denied> {
        let recent = shown.recent;
        if let Some(caller) = recent.and_then(|recent| recent.caller(self, shown.headers)) {
            return Ok(caller);
        }
        if let Some(token) = bearer::token_in(shown.headers) {
            return self.bearer(token?).await;
        }
        // A certificate replaces a password that is not there; one that is there must be right.
        if !shown.headers.contains_key(AUTHORIZATION)
            && let Some(caller) = shown
                .certificate
                .and_then(|own| self.certificates.get(&own))
        {
            return Ok(Arc::clone(caller));
        }
        let Credential { user, password } =
            Credential::read(shown.headers).ok_or(Denied::Absent)?;
        let (attempt, caller) = self.accounts.attempt(user, password, shown.client);
        self.kept.passwords.check(attempt).await?;
        let caller = caller.ok_or(Denied::Wrong)?;
        if let Some(recent) = recent {
            recent.note(self, shown.headers, &caller);
        }
        Ok(caller)
    }

    /// The client that one of these readings of one credential names, when the secret is the client's.
    pub(super) async fn client(
        &self,
        readings: Vec<(String, SecretString)>,
        client: IpAddr,
    ) -> Result<Holder, Denied> {
        let readings = readings.into_iter().map(|(id, secret)| {
            let (attempt, _) = self.clients.attempt(client_key(&id), secret, client);
            attempt
        });
        let id = self.kept.passwords.check_any(readings.collect()).await?;
        let mark = self.clients.mark(&id).ok_or(Denied::Wrong)?;
        Ok(Holder {
            secret: secret_mark(mark),
            client: id,
        })
    }

    /// Counts a request against what one caller may ask.
    pub(super) fn count(&self, caller: &CallerId) -> Result<(), Denied> {
        let rate = self.kept.rate.as_ref();
        rate.map_or(Ok(()), |rate| rate.count(caller))
            .map_err(Denied::Limited)
    }

    /// Argon2 runs since the start.
    pub fn verifications(&self) -> u64 {
        self.kept.passwords.verifications()
    }

    async fn bearer(&self, token: &str) -> Result<Arc<Caller>, Denied> {
        // Only chooses who verifies it: each accepts its own issuer and its own keys alone.
        let claimed = bearer::claimed_issuer(token)?;
        let entra = self.kept.entra.as_ref();
        if let Some(entra) = entra.filter(|entra| entra.is_issuer(&claimed)) {
            let client = entra.client_of(token).await?;
            return Ok(Arc::new(Caller {
                id: CallerId::Client(client.into()),
                ..entra.settings.caller.clone()
            }));
        }
        let issuer = self.issuer.as_ref().filter(|own| *own.url == *claimed);
        let holder = issuer.ok_or(InvalidToken)?.holder_of(token)?;
        // A client that is no longer configured has no rights, however fresh its token is, and a token ends with its
        // secret.
        let mark = self.clients.mark(&holder.client).map(secret_mark);
        let caller = self.clients.find(&holder.client);
        caller
            .filter(|_| mark == Some(holder.secret))
            .cloned()
            .ok_or(Denied::InvalidToken)
    }
}

impl Kept {
    fn new(queue: usize, access: &AccessSettings) -> Result<Self, StartError> {
        Ok(Self {
            passwords: Arc::new(Passwords::new(queue, access.login_failures)?),
            bounds: (queue, access.login_failures),
            key: Arc::new(TokenKey::generate()?),
            print_key: PrintKey::generate()?,
            entra: made_entra(access)?,
            rate: made_rate(access),
        })
    }

    /// Under other bounds failures are counted anew; who was right stays known.
    fn adapted(mut self, queue: usize, access: &AccessSettings) -> Result<Self, StartError> {
        if self.entra.as_ref().map(|entra| &entra.settings) != access.entra.as_ref() {
            self.entra = made_entra(access)?;
        }
        if self.rate.as_ref().map(|rate| rate.per_minute) != access.rate_limit {
            self.rate = made_rate(access);
        }
        if self.bounds == (queue, access.login_failures) {
            return Ok(self);
        }
        Ok(Self {
            passwords: Arc::new(self.passwords.bounded(queue, access.login_failures)),
            bounds: (queue, access.login_failures),
            ..self
        })
    }
}

fn made_rate(access: &AccessSettings) -> Option<Arc<Rate>> {
    let per_minute = access.rate_limit?;
    Some(Arc::new(Rate::new(per_minute)))
}

fn made_entra(access: &AccessSettings) -> Result<Option<Arc<Entra>>, StartError> {
    let settings = access.entra.clone();
    settings
        .map(|settings| Entra::new(settings).map(Arc::new))
        .transpose()
}

fn certificates(access: &AccessSettings) -> HashMap<[u8; 32], Arc<Caller>> {
    let listed = access.client_certificates.iter();
    listed
        .map(|account| (account.fingerprint, Arc::new(account.caller.clone())))
        .collect()
}

/// Identifiers are GUIDs as a rule, which are written in either case.
fn client_key(id: &str) -> String {
    id.to_ascii_lowercase()
}

fn listed_account((index, account): (usize, &InboundAccount)) -> Listed<'_> {
    Listed {
        user: account.address.to_string(),
        hash: &account.password_hash,
        password: account.password.as_ref(),
        caller: Arc::new(account.caller.clone()),
        key: format!("access.role_account[{index}].password_hash"),
    }
}

fn listed_client((index, client): (usize, &ClientAccount)) -> Listed<'_> {
    Listed {
        user: client_key(&client.id),
        hash: &client.secret_hash,
        password: None,
        caller: Arc::new(client.caller.clone()),
        key: format!("access.client[{index}].client_secret_hash"),
    }
}

#[cfg(test)]
mod tests;

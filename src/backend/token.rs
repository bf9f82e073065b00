//! The token of one endpoint: OAuth 2.0 client credentials, asked for by one request at a time, shared by all calls, and
//! replaced before it expires. Knows nothing of what the token is for.

pub mod assertion;
mod echo;
mod request;

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use self::request::{Granted, TokenRequest};
use super::EndpointError;
use super::build::BuildProblem;
use super::instance::Instance;
use super::reach::Unreached;
use super::settings::OAuth2Settings;
use crate::metrics::EndpointMetrics;

/// A token that a server refused is replaced at once, but no more often than this.
const FORCED: Duration = Duration::from_secs(30);
/// How long nothing is asked for after a failure that may pass; doubled each time.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// The same after a refusal: it lasts until an administrator does something.
const REFUSED_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_REFUSED_PAUSE: Duration = Duration::from_mins(5);

/// Asks for one token and throws it away: for `calbridge check --online`, where no account may be tried.
pub(super) async fn rehearse(
    settings: OAuth2Settings,
    proxy: Option<&str>,
    now: Timestamp,
) -> Result<(), Unreached> {
    let request = TokenRequest::new(settings, proxy)?;
    request.ask(now).await?;
    Ok(())
}

/// Where an endpoint gets its token. Cheap to clone.
#[derive(Clone)]
pub(super) struct TokenSource(Arc<Inner>);

struct Inner {
    endpoint: Box<str>,
    request: TokenRequest,
    instance: Instance,
    metrics: EndpointMetrics,
    state: Mutex<State>,
    /// Held while a token is asked for.
    flight: tokio::sync::Mutex<()>,
}

/// A token, and which one it is.
#[derive(Clone)]
pub(super) struct Token {
    pub(super) secret: SecretString,
    number: u64,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    failure: Option<Failure>,
    /// Counts tokens.
    number: u64,
    /// When a refused token was last replaced.
    forced: Option<Instant>,
}

struct Held {
    token: Token,
    /// A server has refused it: to be replaced, and yet better than nothing where that fails.
    refused: bool,
    refresh_at: Instant,
    expires_at: Instant,
}

impl Held {
    /// For how many seconds it serves, rounded up.
    fn left(&self, now: Instant) -> Option<u64> {
        let left = self.expires_at.saturating_duration_since(now);
        let whole = left.as_secs() + u64::from(left.subsec_nanos() > 0);
        (whole > 0).then_some(whole)
    }
}

struct Failure {
    error: EndpointError,
    pause: Duration,
    until: Instant,
}

enum Look {
    Usable(Token),
    /// Usable, and to be replaced.
    Aging(Token),
    Failed(EndpointError),
    /// With the number of the last one.
    Missing(u64),
}

impl TokenSource {
    pub(super) fn new(
        endpoint: &str,
        settings: OAuth2Settings,
        proxy: Option<&str>,
        instance: &Instance,
    ) -> Result<Self, BuildProblem> {
        let metrics = instance.metrics(endpoint);
        metrics.uses_tokens();
        Ok(Self(Arc::new(Inner {
            endpoint: endpoint.into(),
            request: TokenRequest::new(settings, proxy)?,
            instance: instance.clone(),
            metrics,
            state: Mutex::default(),
            flight: tokio::sync::Mutex::default(),
        })))
    }

    /// A token that is valid now, or was when it came. Waits only where there is none.
    pub(super) async fn token(&self) -> Result<Token, EndpointError> {
        match self.0.look() {
            Look::Usable(token) => Ok(token),
            Look::Failed(error) => Err(error),
            Look::Aging(token) => {
                // Not where somebody is at it.
                if self.0.flight.try_lock().is_ok() {
                    let (inner, number) = (Arc::clone(&self.0), token.number);
                    tokio::spawn(async move { inner.replace(number).await });
                }
                Ok(token)
            }
            Look::Missing(number) => {
                // A task of its own: a caller who gives up takes the token from nobody.
                let inner = Arc::clone(&self.0);
                let asked = tokio::spawn(async move { inner.replace(number).await });
                asked.await.unwrap_or_else(|_| Err(broken_off()))
            }
        }
    }

    /// The server has refused this token: whether another call may go better, with a token that is new.
    pub(super) fn refused(&self, token: &Token) -> bool {
        let now = Instant::now();
        let mut state = self.0.lock();
        let failed = state.failure(now).is_some();
        let forced = state.forced.is_some_and(|at| now < at + FORCED);
        match &mut state.held {
            Some(held) if held.token.number == token.number => {
                let is_known = mem::replace(&mut held.refused, true);
                if failed {
                    // There is none to be had now.
                    return false;
                }
                if is_known {
                    // It is just being replaced.
                    return true;
                }
                if forced {
                    held.refused = false;
                    return false;
                }
                state.forced = Some(now);
                true
            }
            // It has been replaced meanwhile.
            Some(_) | None => true,
        }
    }
}

impl State {
    /// The failure that is in force.
    fn failure(&self, now: Instant) -> Option<&Failure> {
        self.failure.as_ref().filter(|failure| now < failure.until)
    }
}

impl Inner {
    fn look(&self) -> Look {
        let now = Instant::now();
        let state = self.lock();
        let held = state.held.as_ref().filter(|held| now < held.expires_at);
        match (held, state.failure(now)) {
            (Some(held), None) if held.refused => Look::Missing(state.number),
            (Some(held), None) if now >= held.refresh_at => Look::Aging(held.token.clone()),
            (Some(held), Some(_) | None) => Look::Usable(held.token.clone()),
            (None, Some(failure)) => Look::Failed(failure.error.clone()),
            (None, None) => Look::Missing(state.number),
        }
    }

    /// Asks for a token, unless somebody else has got one after number `old` meanwhile, or has failed. A token that came
    /// late is used once, whatever its age: asking again would bring it no sooner.
    async fn replace(&self, old: u64) -> Result<Token, EndpointError> {
        let _flight = self.flight.lock().await;
        if let Some(token) = self.newer(old) {
            return Ok(token);
        }
        match self.look() {
            Look::Aging(_) | Look::Missing(_) => {}
            Look::Usable(token) => return Ok(token),
            Look::Failed(error) => return Err(error),
        }
        let begun = Instant::now();
        let result = self.request.ask(self.instance.clock.now()).await;
        let outcome = result.as_ref().map_or_else(reason, |_| "ok");
        self.metrics.token_request(outcome);
        match result {
            Ok(granted) => Ok(self.keep(granted, begun)),
            Err(error) => {
                self.fail(&error);
                match self.look() {
                    Look::Usable(token) | Look::Aging(token) => Ok(token),
                    Look::Failed(_) | Look::Missing(_) => Err(error),
                }
            }
        }
    }

    fn newer(&self, old: u64) -> Option<Token> {
        let state = self.lock();
        let held = state.held.as_ref();
        held.filter(|held| held.token.number > old && !held.refused)
            .map(|held| held.token.clone())
    }

    fn keep(&self, granted: Granted, begun: Instant) -> Token {
        let mut state = self.lock();
        state.number += 1;
        let expires_at = begun + granted.lifetime;
        let token = Token {
            secret: granted.token,
            number: state.number,
        };
        let held = Held {
            token: token.clone(),
            refused: false,
            refresh_at: begun + refresh_after(granted.lifetime, uniform()),
            expires_at,
        };
        let failed = state.failure.take();
        state.held = Some(held);
        drop(state);
        let now = self.instance.clock.now();
        if let Ok(at) = now.checked_add(granted.lifetime) {
            self.metrics.token_expiry(at.as_second());
        }
        let (name, seconds) = (&self.endpoint, granted.lifetime.as_secs());
        if failed.is_some() {
            info!(endpoint.name = %name, seconds, "Endpoint `{name}` has a token again");
        } else {
            debug!(endpoint.name = %name, seconds, "Token granted");
        }
        token
    }

    fn fail(&self, error: &EndpointError) {
        let (first, longest) = if error.is_transient() {
            (PAUSE, LONGEST_PAUSE)
        } else {
            (REFUSED_PAUSE, LONGEST_REFUSED_PAUSE)
        };
        let mut state = self.lock();
        let before = state.failure.as_ref().map_or(Duration::ZERO, |f| f.pause);
        let pause = (before * 2).clamp(first, longest);
        let now = Instant::now();
        let spare = state.held.as_ref().and_then(|held| held.left(now));
        state.failure = Some(Failure {
            error: error.clone(),
            pause,
            until: now + pause,
        });
        drop(state);
        let (name, reason) = (&self.endpoint, reason(error));
        let again = pause.as_secs();
        match spare {
            Some(spare) => {
                warn!(endpoint.name = %name, reason, again, spare, "Endpoint `{name}` got no new token; the old one serves for {spare} s more: {error}");
            }
            None => {
                warn!(endpoint.name = %name, reason, again, "Endpoint `{name}` has no token, asked for again in {again} s: {error}");
            }
        }
    }

    /// A panic elsewhere leaves the state whole.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When a token that lives so long is replaced: at two thirds, or a little later, so that many instances do not come
/// together. `at`: from 0 to 1.
fn refresh_after(lifetime: Duration, at: f64) -> Duration {
    lifetime.mul_f64(0.66 + 0.2 * at.clamp(0.0, 1.0))
}

/// From 0 to 1; without randomness, the middle.
fn uniform() -> f64 {
    let mut bytes = [0; 4];
    match aws_lc_rs::rand::fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_be_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 0.5,
    }
}

fn reason(error: &EndpointError) -> &'static str {
    match error {
        EndpointError::Token { reason, .. } => reason,
        other => other.label(),
    }
}

fn broken_off() -> EndpointError {
    EndpointError::Token {
        reason: "broken_off",
        text: "asking for it was broken off".into(),
        transient: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_token_that_has_expired_serves_for_no_second_more() {
        let now = Instant::now();
        let held = Held {
            token: Token {
                secret: "x".into(),
                number: 1,
            },
            refused: false,
            refresh_at: now,
            expires_at: now + Duration::from_millis(1_500),
        };
        for (millis, left) in [(0, Some(2)), (1_000, Some(1)), (1_500, None), (9_000, None)] {
            assert_eq!(held.left(now + Duration::from_millis(millis)), left);
        }
    }

    #[test]
    fn tokens_are_replaced_in_the_last_third_of_their_lives() {
        let hour = Duration::from_hours(1);
        for at in [0.0, 0.5, 1.0, -7.0, 7.0] {
            let after = refresh_after(hour, at);
            assert!(
                after >= hour * 65 / 100 && after <= hour * 87 / 100,
                "{after:?}"
            );
        }
        assert_ne!(
            refresh_after(hour, uniform()),
            refresh_after(hour, uniform())
        );
    }
}

//! The keys that the authority publishes for one tenant: fetched when a token names one that is not known, and again when
//! the set grows old. Knows nothing of tokens.
//!
//! A fetch is a task of its own, which all who wait share: it does not end with the request that began it, and whoever
//! makes up names of keys causes no more fetches than the floor allows.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use url::Url;

/// From the end of a fetch that brought keys to the next one.
pub(super) const FLOOR: Duration = Duration::from_mins(1);
/// After a fetch that failed: callers wait for it to work again.
pub(super) const FLOOR_AFTER_ERROR: Duration = Duration::from_secs(5);
/// Microsoft withdraws keys without telling anybody, and advises to look once a day.
pub(super) const STALE: Duration = Duration::from_hours(24);
/// Keys that could not be confirmed for so long are trusted no more.
pub(super) const LIFETIME: Duration = Duration::from_hours(72);
/// Bytes of a key set; Microsoft's has some fifteen thousand.
const MAX_KEYS: usize = 256 << 10;
/// Requests that may wait for one fetch.
const WAITING: usize = 64;

pub(super) struct Keys {
    at: Url,
    http: reqwest::Client,
    set: ArcSwap<KeySet>,
    fetching: Mutex<Fetching>,
    waiting: Semaphore,
}

/// Why there is no key of that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoKey {
    /// The authority does not publish one.
    Unknown,
    /// Nobody can say now.
    Unavailable,
}

#[derive(Default)]
struct KeySet {
    keys: HashMap<String, DecodingKey>,
    fetched: Option<Instant>,
}

#[derive(Default)]
struct Fetching {
    running: Option<Shared<BoxFuture<'static, ()>>>,
    /// When the next one may begin.
    next: Option<Instant>,
    failed: bool,
}

impl Keys {
    pub(super) fn new(at: Url, http: reqwest::Client) -> Self {
        Self {
            at,
            http,
            set: ArcSwap::default(),
            fetching: Mutex::default(),
            waiting: Semaphore::new(WAITING),
        }
    }

    pub(super) async fn find(self: &Arc<Self>, id: &str) -> Result<DecodingKey, NoKey> {
        let set = self.set.load_full();
        if let Some(key) = set.find(id) {
            if set.age() >= STALE {
                // Answers now, and looks for the next ones.
                self.begin();
            }
            return Ok(key);
        }
        if let Some(fetch) = self.begin() {
            let place = self.waiting.try_acquire();
            let _place = place.map_err(|_| NoKey::Unavailable)?;
            fetch.await;
        }
        let found = self.set.load().find(id);
        found.ok_or_else(|| {
            if self.fetching().failed {
                NoKey::Unavailable
            } else {
                NoKey::Unknown
            }
        })
    }

    /// The fetch that goes on, or a new one where the floor allows it.
    fn begin(self: &Arc<Self>) -> Option<Shared<BoxFuture<'static, ()>>> {
        let mut fetching = self.fetching();
        // One that has ended and is still here has panicked: it would be waited for in vain for ever.
        let running = fetching.running.as_ref();
        if let Some(running) = running.filter(|running| running.peek().is_none()) {
            return Some(running.clone());
        }
        if fetching.next.is_some_and(|next| Instant::now() < next) {
            return None;
        }
        // Holds where the fetch breaks off; its end says otherwise.
        fetching.next = Some(Instant::now() + FLOOR_AFTER_ERROR);
        fetching.failed = true;
        let task = tokio::spawn(Arc::clone(self).refresh());
        let running = task.map(drop).boxed().shared();
        fetching.running = Some(running.clone());
        Some(running)
    }

    async fn refresh(self: Arc<Self>) {
        let fetched = self.fetch().await;
        let floor = match &fetched {
            Ok(_) => FLOOR,
            Err(reason) => {
                tracing::warn!(reason, "The keys of access.entra could not be fetched");
                FLOOR_AFTER_ERROR
            }
        };
        let failed = fetched.is_err();
        if let Ok(keys) = fetched {
            self.store(keys);
        }
        *self.fetching() = Fetching {
            running: None,
            next: Some(Instant::now() + floor),
            failed,
        };
    }

    fn store(&self, keys: HashMap<String, DecodingKey>) {
        self.set.store(Arc::new(KeySet {
            keys,
            fetched: Some(Instant::now()),
        }));
    }

    fn fetching(&self) -> std::sync::MutexGuard<'_, Fetching> {
        self.fetching.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn fetch(&self) -> Result<HashMap<String, DecodingKey>, &'static str> {
        let call = self.http.get(self.at.clone()).send();
        let mut answer = call.await.map_err(|_| "the authority cannot be reached")?;
        if answer.status() != reqwest::StatusCode::OK {
            return Err("the authority did not answer 200");
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|_| "the answer broke off")? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_KEYS {
                return Err("the answer is too long");
            }
        }
        let set: JwkSet =
            serde_json::from_slice(&body).map_err(|_| "the answer is no set of keys")?;
        let keys: HashMap<_, _> = set.keys.iter().filter_map(usable).collect();
        if keys.is_empty() {
            return Err("the answer has no key that could be used");
        }
        Ok(keys)
    }

    /// As if these had just been fetched: an unknown key is not asked for.
    #[cfg(test)]
    pub(super) fn put(&self, id: &str, key: DecodingKey) {
        self.store(HashMap::from([(id.to_owned(), key)]));
        self.fetching().next = Some(Instant::now() + FLOOR);
    }
}

impl KeySet {
    fn find(&self, id: &str) -> Option<DecodingKey> {
        let key = self.keys.get(id)?;
        (self.age() < LIFETIME).then(|| key.clone())
    }

    fn age(&self) -> Duration {
        self.fetched.map_or(Duration::MAX, |at| at.elapsed())
    }
}

fn usable(jwk: &Jwk) -> Option<(String, DecodingKey)> {
    let id = jwk.common.key_id.clone()?;
    let is_rsa = matches!(jwk.algorithm, AlgorithmParameters::RSA(_));
    let key = is_rsa.then(|| DecodingKey::from_jwk(jwk).ok()).flatten()?;
    Some((id, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nothing listens there.
    fn unreachable() -> Arc<Keys> {
        let at = Url::parse("https://127.0.0.1:1/keys").unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Arc::new(Keys::new(at, http))
    }

    #[tokio::test(start_paused = true)]
    async fn an_old_set_is_refreshed_behind_the_answer_and_ends_when_it_cannot_be() {
        let keys = unreachable();
        keys.put("k1", DecodingKey::from_secret(b"x"));
        assert!(keys.find("k1").await.is_ok());
        assert!(keys.fetching().running.is_none());
        tokio::time::advance(STALE).await;
        assert!(keys.find("k1").await.is_ok());
        let refresh = keys.fetching().running.clone();
        refresh.unwrap().await;
        assert!(keys.fetching().failed);
        // Still trusted, and not asked for again before the floor ends.
        assert!(keys.find("k1").await.is_ok());
        assert!(keys.fetching().running.is_none());
        tokio::time::advance(LIFETIME.saturating_sub(STALE)).await;
        assert_eq!(keys.find("k1").await.err(), Some(NoKey::Unavailable));
    }

    #[tokio::test(start_paused = true)]
    async fn the_floor_is_short_after_an_error_and_long_after_an_answer() {
        let keys = unreachable();
        assert_eq!(keys.find("k1").await.err(), Some(NoKey::Unavailable));
        assert!(keys.begin().is_none());
        tokio::time::advance(FLOOR_AFTER_ERROR).await;
        let again = keys.begin().unwrap();
        again.await;
        keys.fetching().failed = false;
        keys.put("k1", DecodingKey::from_secret(b"x"));
        tokio::time::advance(FLOOR_AFTER_ERROR).await;
        assert_eq!(keys.find("k2").await.err(), Some(NoKey::Unknown));
        tokio::time::advance(FLOOR).await;
        assert!(keys.begin().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_fetch_that_broke_off_is_begun_again() {
        let keys = unreachable();
        let broken = futures_util::future::ready(()).boxed().shared();
        broken.clone().await;
        keys.fetching().running = Some(broken);
        keys.begin().unwrap().await;
        assert!(keys.fetching().running.is_none(), "it came to its end");
        // One that breaks off again, and again.
        tokio::time::advance(FLOOR_AFTER_ERROR).await;
        let next = keys.begin().unwrap();
        let broken = futures_util::future::ready(()).boxed().shared();
        broken.clone().await;
        keys.fetching().running = Some(broken);
        assert!(keys.begin().is_none(), "not before the floor ends");
        assert_eq!(keys.find("k1").await.err(), Some(NoKey::Unavailable));
        next.await;
    }

    #[tokio::test]
    async fn only_so_many_wait() {
        let keys = unreachable();
        let all = keys.waiting.acquire_many(WAITING as u32).await.unwrap();
        assert_eq!(keys.find("k1").await.err(), Some(NoKey::Unavailable));
        drop(all);
    }
}

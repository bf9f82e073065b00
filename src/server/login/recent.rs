//! Who was right on one connection a moment ago. Callers send their password with every request, and most send several a
//! second over a connection: that the same header is right again need not be found out anew.
//!
//! What is kept of a header is a keyed hash, for the password's sake one of 128 bits that only this process can compute.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use http::HeaderMap;
use siphasher::sip128::{Hash128, SipHasher24};
use tokio::time::Instant;

use super::accounts::random_bytes;
use super::{Login, StartError};
use crate::domain::Caller;
use crate::server::token::bearer::only_authorization;

/// By so much a verdict may outlive what is said about it elsewhere.
pub(super) const LIFETIME: Duration = Duration::from_secs(1);

/// What is known of one connection.
#[derive(Default)]
pub(in crate::server) struct Recent(Mutex<Option<Known>>);

struct Known {
    print: Hash128,
    /// Another configuration has another one.
    login: Weak<Login>,
    caller: Arc<Caller>,
    until: Instant,
}

impl Recent {
    pub(super) fn caller(&self, login: &Arc<Login>, headers: &HeaderMap) -> Option<Arc<Caller>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.as_ref()?;
        let holds = std::ptr::eq(known.login.as_ptr(), Arc::as_ptr(login))
            && Instant::now() < known.until
            && login.kept.print_key.print(headers) == Some(known.print);
        holds.then(|| Arc::clone(&known.caller))
    }

    /// The password in the headers was right just now.
    pub(super) fn note(&self, login: &Arc<Login>, headers: &HeaderMap, caller: &Arc<Caller>) {
        let known = login.kept.print_key.print(headers).map(|print| Known {
            print,
            login: Arc::downgrade(login),
            caller: Arc::clone(caller),
            until: Instant::now() + LIFETIME,
        });
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = known;
    }
}

/// The key of this process for such hashes.
#[derive(Clone, Copy)]
pub(super) struct PrintKey([u8; 16]);

impl PrintKey {
    pub(super) fn generate() -> Result<Self, StartError> {
        random_bytes().map(Self)
    }

    /// Of the only `Authorization` line that there is.
    fn print(&self, headers: &HeaderMap) -> Option<Hash128> {
        let line = only_authorization(headers)?;
        Some(SipHasher24::new_with_key(&self.0).hash(line.as_bytes()))
    }
}

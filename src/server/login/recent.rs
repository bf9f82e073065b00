//! Who was right on one connection a moment ago. Callers send their password with every request, and most send several a
//! second over a connection: that the same header is right again need not be found out anew.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use secrecy::zeroize::Zeroizing;
use tokio::time::Instant;

use super::Login;
use crate::domain::Caller;

/// By so much a verdict may outlive what is said about it elsewhere.
pub(super) const LIFETIME: Duration = Duration::from_secs(1);

/// What is known of one connection.
#[derive(Default)]
pub(in crate::server) struct Recent(Mutex<Option<Known>>);

struct Known {
    header: Zeroizing<Vec<u8>>,
    /// Another configuration has another one.
    login: Weak<Login>,
    caller: Arc<Caller>,
    until: Instant,
}

impl Recent {
    pub(super) fn caller(&self, login: &Arc<Login>, headers: &HeaderMap) -> Option<Arc<Caller>> {
        let header = only_authorization(headers)?;
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.as_ref()?;
        let holds = std::ptr::eq(known.login.as_ptr(), Arc::as_ptr(login))
            && verify_slices_are_equal(&known.header, header).is_ok()
            && Instant::now() < known.until;
        holds.then(|| Arc::clone(&known.caller))
    }

    /// The password in the headers was right just now.
    pub(super) fn note(&self, login: &Arc<Login>, headers: &HeaderMap, caller: &Arc<Caller>) {
        let known = only_authorization(headers).map(|header| Known {
            header: Zeroizing::new(header.to_vec()),
            login: Arc::downgrade(login),
            caller: Arc::clone(caller),
            until: Instant::now() + LIFETIME,
        });
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = known;
    }
}

fn only_authorization(headers: &HeaderMap) -> Option<&[u8]> {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    let (line, more) = (lines.next()?, lines.next());
    more.is_none().then_some(line.as_bytes())
}

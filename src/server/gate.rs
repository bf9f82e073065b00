//! What stands before each route: the allow list that its callers must be on, and the login that is asked of them.

use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderMap;

use super::StartError;
use super::address::{Access, Networks};
use super::clock::SystemClock;
use super::denied::Denials;
use super::login::{Denied, Login, Shown};
use super::reply::Refusal;
use crate::domain::{Caller, Clock};
use crate::face::{Admission, Parameters, Route, Routes};

/// The gates of all routes.
pub(super) struct Gates {
    by_place: Vec<Gate>,
    access: Arc<Access>,
    login: Arc<Login>,
    nobody: Arc<Caller>,
    denied: Arc<Denials>,
}

enum Gate {
    /// The login that all such routes share.
    Login,
    Open,
    Own {
        allow: Networks,
        login: Option<Arc<Login>>,
        caller: Arc<Caller>,
    },
}

impl Gates {
    pub(super) fn new(
        routes: &Routes,
        access: Arc<Access>,
        login: Arc<Login>,
        denied: Arc<Denials>,
    ) -> Result<Self, StartError> {
        let gates = routes.iter().map(|route| match &route.admission {
            Admission::Login => Ok(Gate::Login),
            Admission::Open => Ok(Gate::Open),
            Admission::Own(own) => Ok(Gate::Own {
                allow: Networks::new(&own.allow),
                login: match &own.login {
                    Some(only) => Some(login.apart(only, &own.caller)?),
                    None => None,
                },
                caller: Arc::clone(&own.caller),
            }),
        });
        Ok(Self {
            by_place: gates.collect::<Result<_, StartError>>()?,
            access,
            login,
            nobody: Arc::new(Caller::nobody()),
            denied,
        })
    }

    pub(super) fn login(&self) -> &Arc<Login> {
        &self.login
    }

    /// The caller's address, when it may call this route; else its network is noted. `source`: see [`Access::client`].
    pub(super) fn admit(
        &self,
        route: &Route,
        source: IpAddr,
        headers: &HeaderMap,
    ) -> Result<IpAddr, Refusal> {
        let client = self.access.client(source, headers);
        let (admitted, is_hidden) = match self.by_place.get(route.place) {
            Some(Gate::Own { allow, .. }) => {
                (client.filter(|client| allow.contains(*client)), true)
            }
            Some(Gate::Login | Gate::Open) | None => (
                client.filter(|client| self.access.may_call(*client)),
                route.face.is_hidden_from_strangers(),
            ),
        };
        admitted.ok_or_else(|| {
            // A proxy that does not say for whom it asks stands for itself.
            let from = client.unwrap_or(source);
            self.denied.note(from, SystemClock.now());
            if is_hidden {
                // Who is not meant by it learns not even that it is there.
                Refusal::NoSuchPath
            } else {
                Refusal::AddressNotAllowed
            }
        })
    }

    /// As whom a request counts that was admitted to this route.
    pub(super) async fn caller(
        &self,
        route: &Route,
        parameters: &Parameters,
        shown: &Shown<'_>,
    ) -> Result<Arc<Caller>, Denied> {
        let admitted = self.logged_in(route, shown).await?;
        let by_path = route.face.caller_of(parameters).map(Arc::clone);
        let caller = by_path.unwrap_or(admitted);
        self.login.count(&caller.id)?;
        Ok(caller)
    }

    async fn logged_in(&self, route: &Route, shown: &Shown<'_>) -> Result<Arc<Caller>, Denied> {
        match self.by_place.get(route.place) {
            Some(Gate::Own {
                login: Some(login), ..
            }) => login.caller(shown).await,
            Some(Gate::Own {
                login: None,
                caller,
                ..
            }) => Ok(Arc::clone(caller)),
            Some(Gate::Open) => Ok(Arc::clone(&self.nobody)),
            Some(Gate::Login) | None => self.login.caller(shown).await,
        }
    }

    /// What `WWW-Authenticate` names where somebody has to log in.
    pub(super) fn schemes(&self, route: &Route) -> Vec<&'static str> {
        match self.by_place.get(route.place) {
            Some(Gate::Own {
                login: Some(login), ..
            }) => login.schemes(),
            Some(Gate::Login | Gate::Open | Gate::Own { login: None, .. }) | None => {
                self.login.schemes()
            }
        }
    }

    /// Whether the face behind this route reads the caller's credentials itself.
    pub(super) fn leaves_credentials(&self, route: &Route) -> bool {
        matches!(self.by_place.get(route.place), Some(Gate::Open))
    }
}

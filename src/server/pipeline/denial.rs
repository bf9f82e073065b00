//! What a caller is told who did not log in.

use std::net::IpAddr;

use http::HeaderValue;

use super::refusals::refuse;
use super::{COME_BACK, Outgoing, Pipeline};
use crate::face::Route;
use crate::server::login::{self, Denied};
use crate::server::reply::{self, Refusal};

impl Pipeline {
    /// `client`: where the request counts as coming from.
    pub(super) async fn deny(&self, route: &Route, denied: Denied, client: IpAddr) -> Outgoing {
        denied.tell(client);
        match denied {
            Denied::Absent => {}
            Denied::InvalidToken => self.metrics.login_failed(),
            Denied::Wrong => {
                self.metrics.login_failed();
                login::hold_back().await;
            }
            Denied::Overloaded => {
                return refuse(route.face.name(), &Refusal::ComeBack(COME_BACK));
            }
            Denied::Limited(left) => {
                return refuse(route.face.name(), &Refusal::Limited(left));
            }
        }
        let challenges = self.challenges(route, denied == Denied::InvalidToken);
        refuse(route.face.name(), &Refusal::NotLoggedIn(challenges))
    }

    /// One for each scheme that is accepted here.
    fn challenges(&self, route: &Route, token_is_invalid: bool) -> Vec<HeaderValue> {
        let schemes = self.gates.schemes(route);
        let challenges = schemes.into_iter().map(|scheme| {
            let challenge = reply::challenge(scheme, &self.realm);
            if token_is_invalid && scheme == "Bearer" {
                reply::invalid_token(&challenge)
            } else {
                challenge
            }
        });
        challenges.collect()
    }
}

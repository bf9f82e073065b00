//! Autodiscover v2: `GET /autodiscover/autodiscover.json/v1.0/{address}?Protocol=EWS`. Clients ask it before they log in,
//! so it has no login; it tells no more than whether a mail domain is served here.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, Response, StatusCode};

use super::{busy, respond};
use crate::codec::autodiscover::json::{self, Query, Refusal};
use crate::domain::SmtpAddress;
use crate::face::{Admission, Answer, Call, Face};
use crate::service::Availability;

const JSON: &str = "application/json; charset=utf-8";

pub struct AutodiscoverJsonFace {
    availability: Arc<Availability>,
    /// The answer, the same for all.
    found: Vec<u8>,
}

impl AutodiscoverJsonFace {
    pub const PATH: &'static str = "/autodiscover/autodiscover.json";
    pub const PATH_OF_ONE: &'static str = "/autodiscover/autodiscover.json/v1.0/{address}";

    pub fn new(availability: Arc<Availability>, ews_url: &str) -> Self {
        Self {
            availability,
            found: json::write(ews_url),
        }
    }

    fn find(&self, call: &Call) -> Result<(), Refusal> {
        let query = Query::parse(call.query.as_deref().unwrap_or_default());
        query.check()?;
        let written = call.parameters.get("address").or(query.email.as_deref());
        let address = written.ok_or(Refusal::InvalidAddress)?;
        let address = SmtpAddress::parse(address).map_err(|_| Refusal::InvalidAddress)?;
        if self.availability.serves_domain(&address) {
            Ok(())
        } else {
            Err(Refusal::UnknownDomain)
        }
    }
}

#[async_trait]
impl Face for AutodiscoverJsonFace {
    fn name(&self) -> &'static str {
        "autodiscover"
    }

    fn methods(&self) -> &'static [Method] {
        &[Method::GET]
    }

    fn admission(&self) -> Admission {
        Admission::Open
    }

    async fn answer(&self, call: Call) -> Answer {
        let response = match self.find(&call) {
            Ok(()) => respond(StatusCode::OK, JSON, self.found.clone()),
            Err(refusal) => {
                let status =
                    StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST);
                respond(status, JSON, refusal.write())
            }
        };
        Answer::to("Json", response)
    }

    fn busy(&self, _request_id: uuid::Uuid) -> Response<Bytes> {
        busy()
    }
}

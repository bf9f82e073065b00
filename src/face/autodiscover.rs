//! Where clients find the gateway by an address: Outlook's plain XML and the SOAP service behind the login, as at Exchange,
//! and the JSON form without one. Every mailbox of a routed domain is served at the one public URL; whether it exists is
//! not told, so that nobody can try out addresses here.

mod json;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header};

use super::{Answer, Call, Face};
use crate::codec::autodiscover::{Found, pox, soap};
use crate::domain::caller::CallerId;
use crate::domain::{Caller, Clock, SmtpAddress};
use crate::service::Availability;

pub use json::AutodiscoverJsonFace;

const XML: &str = "text/xml; charset=utf-8";
/// Seconds after which callers should come back who were one too many.
const BACK_OFF: u64 = 2;

/// `POST /autodiscover/autodiscover.xml` and `POST /autodiscover/autodiscover.svc`.
pub struct AutodiscoverFace {
    availability: Arc<Availability>,
    clock: Arc<dyn Clock>,
    /// The URL of the EWS face as callers reach it.
    ews_url: Box<str>,
}

impl AutodiscoverFace {
    pub const POX_PATH: &'static str = "/autodiscover/autodiscover.xml";
    pub const SOAP_PATH: &'static str = "/autodiscover/autodiscover.svc";
    /// A browser that looks at the service gets 405.
    pub const SOAP_METHODS: &'static [Method] = &[Method::POST];

    pub fn new(availability: Arc<Availability>, clock: Arc<dyn Clock>, ews_url: &str) -> Self {
        Self {
            availability,
            clock,
            ews_url: ews_url.into(),
        }
    }

    fn answer_pox(&self, call: &Call) -> Response<Bytes> {
        // Looked at with a browser, Exchange says the same.
        let request = if call.method == Method::POST {
            pox::read(&call.body)
        } else {
            Err(pox::PoxError::InvalidRequest)
        };
        let found = request.and_then(|request| {
            self.found(&call.caller, &request.address)
                .ok_or(pox::PoxError::UnknownAddress)
        });
        let document = match found {
            Ok(address) => pox::write(&self.found_at(&address)),
            Err(error) => {
                let id = (call.request_id.as_u128() >> 96) as u32;
                error.write(self.clock.now(), id)
            }
        };
        xml(StatusCode::OK, document)
    }

    fn answer_soap(&self, call: &Call) -> Response<Bytes> {
        let request = match soap::read(&call.body) {
            Ok(request) => request,
            Err(fault) => {
                return xml(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    fault.write_for(call.request_id),
                );
            }
        };
        let users: Vec<_> = if request.is_answerable() {
            let users = request.users.iter();
            users.map(|user| self.found(&call.caller, user)).collect()
        } else {
            Vec::new()
        };
        let found: Vec<_> = users
            .iter()
            .map(|address| address.as_ref().map(|address| self.found_at(address)))
            .collect();
        xml(StatusCode::OK, soap::write(&request, &found))
    }

    /// The address, where it is the caller's own or one that the caller may ask for.
    fn found(&self, caller: &Caller, text: &str) -> Option<SmtpAddress> {
        let address = SmtpAddress::parse(text).ok()?;
        let is_own = matches!(&caller.id, CallerId::Account(own) if *own == address);
        (is_own || self.availability.serves(caller, &address)).then_some(address)
    }

    fn found_at<'a>(&'a self, address: &'a SmtpAddress) -> Found<'a> {
        Found {
            address: address.as_str(),
            ews_url: &self.ews_url,
        }
    }
}

#[async_trait]
impl Face for AutodiscoverFace {
    fn name(&self) -> &'static str {
        "autodiscover"
    }

    fn methods(&self) -> &'static [Method] {
        &[Method::POST, Method::GET]
    }

    async fn answer(&self, call: Call) -> Answer {
        if *call.template == *Self::SOAP_PATH {
            Answer::to("GetUserSettings", self.answer_soap(&call))
        } else {
            Answer::to("Pox", self.answer_pox(&call))
        }
    }

    fn busy(&self, _request_id: uuid::Uuid) -> Response<Bytes> {
        busy()
    }
}

fn xml(status: StatusCode, document: Vec<u8>) -> Response<Bytes> {
    respond(status, XML, document)
}

fn respond(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn busy() -> Response<Bytes> {
    let mut response = respond(StatusCode::SERVICE_UNAVAILABLE, XML, Vec::new());
    response
        .headers_mut()
        .insert(header::RETRY_AFTER, HeaderValue::from(BACK_OFF));
    response
}

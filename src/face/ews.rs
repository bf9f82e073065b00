//! The EWS face: what callers take for an Exchange server. It answers the operations around availability and forwards
//! nothing: whatever it does not implement is refused here.

mod availability;
mod content_type;
mod directory;
mod startup;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header};
use uuid::Uuid;

use self::availability::Searches;
use self::startup::Owner;
use super::{Answer, Call, Face};
use crate::codec::ews::{
    Fault, Header, Impersonation, Operation, Request, envelope, item_change, server_time_zones,
};
use crate::domain::{Caller, SmtpAddress};
use crate::service::Availability;

/// DavMail parses an answer only if the header is exactly this.
const XML: &str = "text/xml; charset=utf-8";

/// When callers should come back who were one too many.
const BACK_OFF: Duration = Duration::from_secs(2);

/// `POST /EWS/Exchange.asmx`.
pub struct EwsFace {
    availability: Arc<Availability>,
    searches: Searches,
    /// Whom a caller may impersonate, and what those may do. It never adds rights.
    role_accounts: HashMap<SmtpAddress, Caller>,
}

impl EwsFace {
    /// In lower case, as [`super::Routes::with`] wants it.
    pub const PATH: &'static str = "/ews/exchange.asmx";

    pub fn new(
        availability: Arc<Availability>,
        role_accounts: impl IntoIterator<Item = Caller>,
    ) -> Self {
        let named = role_accounts.into_iter();
        Self {
            availability,
            searches: Searches::default(),
            role_accounts: named
                .filter_map(|caller| Some((caller.account()?.clone(), caller)))
                .collect(),
        }
    }

    async fn answer_soap(&self, request: &Request, call: &mut Call) -> Result<Vec<u8>, Fault> {
        if let Some(acting) = self.impersonated(&request.header, &call.caller)? {
            call.caller = Arc::new(acting);
        }
        let owner = Owner::of(&call.caller, &request.header);
        match &request.operation {
            Operation::GetUserAvailability(asked) => {
                let service = (&*self.availability, &self.searches);
                availability::answer(service, asked, &request.header, call).await
            }
            Operation::ConvertId(asked) => Ok(owner.ids(asked)),
            Operation::GetFolder(asked) => Ok(owner.folders(asked)),
            Operation::GetUserOofSettings(asked) => Ok(owner.oof_settings(asked)),
            Operation::ChangeItems(asked) => Ok(item_change::write_refusal(asked)),
            Operation::GetServerTimeZones(asked) => Ok(server_time_zones::write_answer(asked)),
            Operation::ResolveNames(asked) => {
                Ok(directory::resolve_names(&self.availability, asked, call).await)
            }
            Operation::GetRoomLists => Ok(directory::room_lists(&self.availability, call).await),
            Operation::GetRooms(asked) => {
                Ok(directory::rooms(&self.availability, asked, call).await)
            }
            Operation::ExpandDL(asked) => {
                Ok(directory::expand(&self.availability, asked, call).await)
            }
        }
    }

    /// The caller as it acts for a role account: with what both of them may do.
    fn impersonated(&self, header: &Header, caller: &Caller) -> Result<Option<Caller>, Fault> {
        let name = match &header.impersonation {
            None => return Ok(None),
            Some(Impersonation::Sid) => return Err(Fault::ImpersonateUserDenied),
            Some(Impersonation::Name(name)) => name,
        };
        let account = SmtpAddress::parse(name).ok();
        account
            .filter(|account| caller.may_impersonate(account))
            .and_then(|account| self.role_accounts.get(&account))
            .map(|account| Some(caller.acting_for(account)))
            .ok_or(Fault::ImpersonateUserDenied)
    }
}

#[async_trait]
impl Face for EwsFace {
    fn name(&self) -> &'static str {
        "ews"
    }

    fn methods(&self) -> &'static [Method] {
        &[Method::POST, Method::GET]
    }

    async fn answer(&self, mut call: Call) -> Answer {
        if call.method == Method::GET || call.method == Method::HEAD {
            return text(
                StatusCode::OK,
                "calbridge: free/busy lookups by Exchange Web Services. POST SOAP requests to this address.\n",
            )
            .into();
        }
        if let Err(refused) =
            content_type::check(call.headers.get(header::CONTENT_TYPE), &call.body)
        {
            return text(StatusCode::UNSUPPORTED_MEDIA_TYPE, &refused.to_string()).into();
        }
        let request = match envelope::read(&call.body) {
            Ok(request) => request,
            Err(fault) => return refuse(&fault, call.request_id).into(),
        };
        let operation = request.operation.name();
        let response = match self.answer_soap(&request, &mut call).await {
            Ok(document) => xml(StatusCode::OK, document),
            Err(fault) => refuse(&fault, call.request_id),
        };
        Answer::to(operation, response)
    }

    fn busy(&self, request_id: Uuid) -> Response<Bytes> {
        let mut response = xml(
            StatusCode::INTERNAL_SERVER_ERROR,
            Fault::ServerBusy(BACK_OFF).write_for(request_id),
        );
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(BACK_OFF.as_secs()));
        response
    }
}

fn refuse(fault: &Fault, request_id: Uuid) -> Response<Bytes> {
    tracing::debug!(
        fault = fault.code(),
        "The request was answered with a fault"
    );
    let document = fault.write_for(request_id);
    xml(StatusCode::INTERNAL_SERVER_ERROR, document)
}

fn xml(status: StatusCode, document: Vec<u8>) -> Response<Bytes> {
    respond(status, XML, document.into())
}

fn text(status: StatusCode, line: &str) -> Response<Bytes> {
    respond(
        status,
        "text/plain; charset=utf-8",
        Bytes::copy_from_slice(line.as_bytes()),
    )
}

fn respond(status: StatusCode, content_type: &'static str, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

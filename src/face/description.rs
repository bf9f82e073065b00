//! What the EWS face answers, as files for SOAP toolkits: a WSDL and the two schemas that it imports. They are written for
//! calbridge and describe its own operations only, so they are the documentation of the door as well. Behind the same
//! login as the face that they describe.

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header};

use super::{Answer, Call, Face};
use crate::codec::xml::push_escaped;

const SERVICES: &str = include_str!("description/services.wsdl");
const MESSAGES: &[u8] = include_bytes!("description/messages.xsd");
const TYPES: &[u8] = include_bytes!("description/types.xsd");
/// Where the URL of the EWS face belongs.
const URL_PLACE: &str = "{ews_url}";

/// `GET /EWS/services.wsdl` and its schemas.
pub struct DescriptionFace {
    services: Bytes,
}

impl DescriptionFace {
    pub const SERVICES_PATH: &'static str = "/ews/services.wsdl";
    pub const MESSAGES_PATH: &'static str = "/ews/messages.xsd";
    pub const TYPES_PATH: &'static str = "/ews/types.xsd";

    pub fn new(ews_url: &str) -> Self {
        let mut services = Vec::with_capacity(SERVICES.len() + ews_url.len());
        for (place, piece) in SERVICES.split(URL_PLACE).enumerate() {
            if place > 0 {
                push_escaped(&mut services, ews_url);
            }
            services.extend_from_slice(piece.as_bytes());
        }
        Self {
            services: services.into(),
        }
    }
}

#[async_trait]
impl Face for DescriptionFace {
    fn name(&self) -> &'static str {
        "ews"
    }

    fn methods(&self) -> &'static [Method] {
        &[Method::GET]
    }

    async fn answer(&self, call: Call) -> Answer {
        let file = match &*call.template {
            Self::MESSAGES_PATH => Bytes::from_static(MESSAGES),
            Self::TYPES_PATH => Bytes::from_static(TYPES),
            _ => self.services.clone(),
        };
        let mut response = Response::new(file);
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/xml; charset=utf-8"),
        );
        Answer::to("Description", response)
    }

    fn busy(&self, _request_id: uuid::Uuid) -> Response<Bytes> {
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(2));
        response
    }
}

//! What clients of the token endpoint read first: the OpenID configuration (OpenID Connect Discovery 1.0, RFC 8414) and
//! the key set (RFC 7517). Nothing in it is secret.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Response};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::Issuer;
use crate::face::{Admission, Answer, Call, Face};

/// What stands in a path as it is (RFC 3986 section 2.3).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Whichever of the two documents.
pub(in crate::server) enum Discovery {
    Configuration(Arc<Issuer>),
    Keys(Arc<Issuer>),
}

#[async_trait]
impl Face for Discovery {
    fn name(&self) -> &'static str {
        "discovery"
    }

    fn methods(&self) -> &'static [Method] {
        &[Method::GET]
    }

    fn admission(&self) -> Admission {
        Admission::Open
    }

    async fn answer(&self, call: Call) -> Answer {
        // Any one will do, as at the token endpoint.
        let tenant = call.parameters.get("tenant");
        let document = match self {
            Self::Configuration(issuer) => configuration(&issuer.url, tenant),
            Self::Keys(issuer) => json!({"keys": [issuer.key.public]}),
        };
        let mut response = Response::new(Bytes::from(document.to_string()));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        // A key made at the start is another one after a restart.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=60"));
        response.into()
    }

    fn busy(&self, _request_id: uuid::Uuid) -> Response<Bytes> {
        let mut response = Response::default();
        *response.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
        response
    }
}

fn configuration(url: &str, tenant: Option<&str>) -> Value {
    let base = tenant.map_or(url.to_owned(), |tenant| {
        format!("{url}/{}", utf8_percent_encode(tenant, UNRESERVED))
    });
    json!({
        "issuer": url,
        "token_endpoint": format!("{base}/oauth2/v2.0/token"),
        // Libraries of Microsoft refuse a document without it; nothing answers there.
        "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
        "jwks_uri": format!("{base}/discovery/v2.0/keys"),
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": ["token"],
        "subject_types_supported": ["public"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "id_token_signing_alg_values_supported": ["ES256"],
    })
}

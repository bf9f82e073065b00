//! What clients of the token endpoint read first: the OpenID configuration (OpenID Connect Discovery 1.0, RFC 8414) and
//! the key set (RFC 7517). Nothing in it is secret.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Response};
use serde_json::{Value, json};

use super::Issuer;
use crate::face::{Admission, Call, Face, no_such_path};

/// Characters of a tenant that is repeated in an answer; Azure's are GUIDs or domains.
const MAX_TENANT: usize = 64;

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

    async fn answer(&self, call: Call) -> Response<Bytes> {
        let tenant = call.parameters.get("tenant");
        if !tenant.is_none_or(is_tenant) {
            return no_such_path();
        }
        let document = match self {
            Self::Configuration(issuer) => configuration(&issuer.url, tenant),
            Self::Keys(issuer) => json!({"keys": [issuer.key.public]}),
        };
        let mut response = Response::new(Bytes::from(document.to_string()));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        // A key made at the start is another one after a restart.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=60"));
        response
    }

    fn busy(&self, _request_id: uuid::Uuid) -> Response<Bytes> {
        let mut response = Response::default();
        *response.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
        response
    }
}

fn is_tenant(text: &str) -> bool {
    text.len() <= MAX_TENANT
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
}

fn configuration(url: &str, tenant: Option<&str>) -> Value {
    let base = tenant.map_or(url.to_owned(), |tenant| format!("{url}/{tenant}"));
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

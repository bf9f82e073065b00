//! What a face is called with by the server, made by hand: a POST from a caller who has logged in.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use calbridge::domain::Caller;
use calbridge::face::{Call, Parameters};
use http::{HeaderMap, HeaderValue, Method};
use tokio::time::Instant;

pub(crate) fn post(
    path: &str,
    content_type: &'static str,
    body: &Bytes,
    caller: &Arc<Caller>,
) -> Call {
    let mut headers = HeaderMap::new();
    let content_type = HeaderValue::from_static(content_type);
    headers.insert(http::header::CONTENT_TYPE, content_type);
    Call {
        method: Method::POST,
        path: path.into(),
        template: path.into(),
        parameters: Parameters::default(),
        query: None,
        client: IpAddr::from([127, 0, 0, 1]),
        headers,
        body: body.clone(),
        caller: Arc::clone(caller),
        request_id: uuid::Uuid::nil(),
        trace: None,
        deadline: Instant::now() + Duration::from_secs(5),
    }
}

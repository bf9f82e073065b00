//! North-bound: from an HTTP request to a question, from the answer to a response. A face knows no sockets.

pub mod ews;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method, Response};
use tokio::time::Instant;

use crate::domain::Caller;

/// One request that passed the gate and the login.
pub struct Call {
    pub method: Method,
    /// As the caller wrote it, without the query.
    pub path: Arc<str>,
    pub headers: HeaderMap,
    /// The whole body, within the size limit, not compressed.
    pub body: Bytes,
    pub caller: Arc<Caller>,
    /// What the caller finds in the `request-id` header.
    pub request_id: uuid::Uuid,
    /// When the answer must have been written.
    pub deadline: Instant,
}

/// One north-bound protocol.
#[async_trait]
pub trait Face: Send + Sync + 'static {
    /// A short word for logs and metric labels.
    fn name(&self) -> &'static str;

    /// The methods it answers; others get 405 with this list in `Allow`.
    fn methods(&self) -> &'static [Method];

    /// Never fails: whatever is wrong with the call is told in the face's own form.
    async fn answer(&self, call: Call) -> Response<Bytes>;

    /// The face's own way of saying "too many requests in flight, try again".
    fn busy(&self) -> Response<Bytes>;
}

/// What a call turned out to ask for: a face puts it into the extensions of its response, for the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OperationName(pub &'static str);

/// Which face answers which path. Paths are compared without regard to case.
#[derive(Default)]
pub struct Routes {
    routes: Vec<(&'static str, Arc<dyn Face>)>,
}

impl Routes {
    /// `path` in lower case.
    #[must_use]
    pub fn with(mut self, path: &'static str, face: Arc<dyn Face>) -> Self {
        self.routes.push((path, face));
        self
    }

    pub fn find(&self, path: &str) -> Option<&Arc<dyn Face>> {
        self.routes
            .iter()
            .find(|(route, _)| route.eq_ignore_ascii_case(path))
            .map(|(_, face)| face)
    }
}

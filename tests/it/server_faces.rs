//! Faces for tests of the server: one that repeats what it was asked, one that a test answers by hand, one that panics.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use calbridge::face::{Answer, Call, Face};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Method, Response, StatusCode};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::world::PATIENCE;

const METHODS: &[Method] = &[Method::POST, Method::GET];

fn xml(text: String) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(text));
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/xml; charset=utf-8"),
    );
    response
}

fn busy() -> Response<Bytes> {
    let mut response = xml("<busy/>".to_owned());
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// Answers `METHOD account body`, or panics when the body says so.
pub(crate) struct Echo;

#[async_trait]
impl Face for Echo {
    fn name(&self) -> &'static str {
        "echo"
    }

    fn methods(&self) -> &'static [Method] {
        METHODS
    }

    async fn answer(&self, call: Call) -> Answer {
        assert!(!call.headers.contains_key("authorization"));
        let body = String::from_utf8(call.body.to_vec()).unwrap();
        assert_ne!(body, "panic", "as asked");
        xml(format!("{} {} {body}", call.method, call.caller.id)).into()
    }

    fn busy(&self, _request_id: uuid::Uuid) -> Response<Bytes> {
        busy()
    }
}

/// A call that waits for a test's answer.
pub(crate) struct Waiting {
    pub(crate) call: Call,
    answer: oneshot::Sender<Response<Bytes>>,
}

impl Waiting {
    pub(crate) fn answer(self, text: &str) {
        let _ = self.answer.send(xml(text.to_owned()));
    }

    /// Waits until the server no longer wants the answer.
    pub(crate) async fn abandoned(mut self) {
        timeout(PATIENCE, self.answer.closed()).await.unwrap();
    }
}

/// Hands every call to the test.
pub(crate) struct ByHand(mpsc::UnboundedSender<Waiting>);

/// Where the calls of a [`ByHand`] arrive.
pub(crate) struct Calls(mpsc::UnboundedReceiver<Waiting>);

impl Calls {
    pub(crate) async fn next(&mut self) -> Waiting {
        timeout(PATIENCE, self.0.recv()).await.unwrap().unwrap()
    }
}

pub(crate) fn by_hand() -> (Arc<ByHand>, Calls) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Arc::new(ByHand(sender)), Calls(receiver))
}

#[async_trait]
impl Face for ByHand {
    fn name(&self) -> &'static str {
        "by-hand"
    }

    fn methods(&self) -> &'static [Method] {
        METHODS
    }

    async fn answer(&self, call: Call) -> Answer {
        let (answer, answered) = oneshot::channel();
        let _ = self.0.send(Waiting { call, answer });
        answered.await.unwrap().into()
    }

    fn busy(&self, _request_id: uuid::Uuid) -> Response<Bytes> {
        busy()
    }
}

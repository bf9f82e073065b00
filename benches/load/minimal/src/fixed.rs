//! The minimal server: what hyper and rustls cost on this machine when nothing is done with a request but reading it.

use std::convert::Infallible;
use std::path::PathBuf;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::rt::{Read, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};

use crate::tls::{AsyncServe, Listener};

#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    listener: Listener,
    /// The body of every answer.
    #[arg(long)]
    answer: PathBuf,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let answer = Fixed(std::fs::read(&options.answer)?.into());
    tokio::runtime::Runtime::new()?.block_on(options.listener.accept_all(answer))
}

#[derive(Clone)]
struct Fixed(Bytes);

impl AsyncServe for Fixed {
    async fn connection<I>(self, io: I)
    where
        I: Read + Write + Unpin + Send + 'static,
    {
        let service = service_fn(move |request| answer(request, self.0.clone()));
        let _ = http1::Builder::new().serve_connection(io, service).await;
    }
}

async fn answer(
    request: Request<Incoming>,
    bytes: Bytes,
) -> Result<Response<Full<Bytes>>, Infallible> {
    // An unread body would show as an error at the caller.
    let _ = request.into_body().collect().await;
    let mut response = Response::new(Full::new(bytes));
    let content_type = HeaderValue::from_static("text/xml; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    Ok(response)
}

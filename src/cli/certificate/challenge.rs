//! Answers the authority's question whether a name leads here (RFC 8555 section 8.3), and nothing else.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls_acme::ResolvesServerCertAcme;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

const PREFIX: &str = "/.well-known/acme-challenge/";
/// An authority asks from a handful of places.
const MAX_CONNECTIONS: usize = 64;
const LIFETIME: Duration = Duration::from_secs(10);
/// After a connection that could not be taken: there may be no descriptors left.
const REST: Duration = Duration::from_millis(100);

/// Never ends.
pub(super) async fn answer(listener: TcpListener, answers: Arc<ResolvesServerCertAcme>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            sleep(REST).await;
            continue;
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            continue;
        };
        let answers = Arc::clone(&answers);
        tokio::spawn(async move {
            let _place = place;
            // A peer that is slow or breaks off is nobody's concern.
            let _ = timeout(LIFETIME, serve(stream, &answers)).await;
        });
    }
}

async fn serve(stream: TcpStream, answers: &ResolvesServerCertAcme) {
    let service = service_fn(async |request: Request<Incoming>| {
        Ok::<_, Infallible>(respond(request.uri().path(), answers))
    });
    let connection = http1::Builder::new()
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // As above.
    let _ = connection.await;
}

fn respond(path: &str, answers: &ResolvesServerCertAcme) -> Response<Full<Bytes>> {
    let token = path.strip_prefix(PREFIX);
    let known = token.and_then(|token| answers.get_http_01_key_auth(token));
    let mut response = Response::new(Full::from(known.clone().unwrap_or_default()));
    if known.is_none() {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    response
}

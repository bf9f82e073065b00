//! HTTP/2 by ALPN, and what reqwest makes of our answers: compression, parallel requests, floods of resets.

use std::sync::Arc;

use calbridge::server::settings::ServerSettings;
use http::{Request, Version};
use reqwest::Client;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::server_faces::Echo;
use crate::world::{ACCOUNT, PASSWORD, TestServer, client_config, logged_in};

async fn ask(
    client: &Client,
    server: &TestServer,
    body: impl Into<reqwest::Body>,
) -> reqwest::Response {
    let request = client
        .post(server.url())
        .basic_auth(ACCOUNT, Some(PASSWORD));
    request.body(body).send().await.unwrap()
}

#[tokio::test]
async fn alpn_chooses_the_version() {
    let server = TestServer::start(Arc::new(Echo)).await;
    let newer = server.client().build().unwrap();
    let older = server.client().http1_only().build().unwrap();
    for (client, version) in [(newer, Version::HTTP_2), (older, Version::HTTP_11)] {
        let answer = ask(&client, &server, "<a/>").await;
        assert_eq!((answer.status().as_u16(), answer.version()), (200, version));
        assert!(answer.headers().contains_key("request-id"));
        assert_eq!(answer.headers()["content-type"], "text/xml; charset=utf-8");
        assert_eq!(answer.text().await.unwrap(), format!("POST {ACCOUNT} <a/>"));
    }
}

#[tokio::test]
async fn answers_are_compressed_when_asked() {
    let server = TestServer::start(Arc::new(Echo)).await;
    let long = "<a/>".repeat(1000);
    let expect = format!("POST {ACCOUNT} {long}");
    let clear = || server.client().no_gzip().no_deflate();
    for (accept, coding) in [
        (Some("gzip, deflate"), Some("gzip")),
        (Some("deflate"), Some("deflate")),
        (Some("none"), None),
        (Some("identity"), None),
        (None, None),
    ] {
        let client = clear().build().unwrap();
        let mut request = client
            .post(server.url())
            .basic_auth(ACCOUNT, Some(PASSWORD));
        if let Some(accept) = accept {
            request = request.header("accept-encoding", accept);
        }
        let answer = request.body(long.clone()).send().await.unwrap();
        let headers = answer.headers();
        let seen = headers.get("content-encoding").map(|v| v.to_str().unwrap());
        assert_eq!(seen, coding, "{accept:?}");
        assert_eq!(headers["vary"], "Accept-Encoding");
        assert_eq!(headers["content-type"], "text/xml; charset=utf-8");
        let length: usize = headers["content-length"].to_str().unwrap().parse().unwrap();
        assert_eq!(coding.is_none(), length == expect.len());
    }
    for client in [server.client().no_deflate(), server.client().no_gzip()] {
        let answer = ask(&client.build().unwrap(), &server, long.clone()).await;
        assert_eq!(answer.text().await.unwrap(), expect);
    }
    let small = ask(&server.client().build().unwrap(), &server, "<a/>").await;
    assert!(!small.headers().contains_key("vary"));
}

#[tokio::test]
async fn refusals_look_the_same_over_http2() {
    let server = TestServer::with(Arc::new(Echo), |s| s.limits.max_body = 1000).await;
    let client = server.client().build().unwrap();
    let url = server.url();
    let unauthorized = client.post(&url).body("<a/>").send().await.unwrap();
    assert_eq!(unauthorized.status(), 401);
    assert_eq!(
        unauthorized.headers()["www-authenticate"],
        "Basic realm=\"localhost\""
    );
    let method = client.put(&url).body("<a/>").send().await.unwrap();
    assert_eq!(
        (method.status().as_u16(), &method.headers()["allow"]),
        (405, &"POST, GET".parse().unwrap())
    );
    let head = client
        .head(&url)
        .basic_auth(ACCOUNT, Some(PASSWORD))
        .send()
        .await
        .unwrap();
    assert_eq!(head.status(), 200);
    assert_eq!(ask(&client, &server, "a".repeat(1001)).await.status(), 413);
    assert_eq!(ask(&client, &server, "panic").await.status(), 500);
    let mut many = client.post(&url);
    for index in 0..120 {
        many = many.header(format!("x-{index}"), "y");
    }
    assert_eq!(many.body("<a/>").send().await.unwrap().status(), 431);
    let last = ask(&client, &server, "<a/>").await;
    assert_eq!(
        (last.status().as_u16(), last.version()),
        (200, Version::HTTP_2)
    );
}

/// A bare HTTP/2 connection; its task ends with it.
async fn bare(server: &TestServer) -> h2::client::SendRequest<bytes::Bytes> {
    let tcp = TcpStream::connect(server.address).await.unwrap();
    let connector = TlsConnector::from(client_config(&server.certificate, &[b"h2"]));
    let name = ServerName::try_from("localhost").unwrap();
    let stream = connector.connect(name, tcp).await.unwrap();
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    sender
}

fn post(server: &TestServer) -> Request<()> {
    Request::post(server.url())
        .header("authorization", logged_in())
        .body(())
        .unwrap()
}

#[tokio::test]
async fn streams_per_connection_are_bounded() {
    let server = TestServer::start(Arc::new(Echo)).await;
    let mut sender = bare(&server).await.ready().await.unwrap();
    let (answer, _) = sender.send_request(post(&server), true).unwrap();
    assert_eq!(answer.await.unwrap().status(), 200);
    assert_eq!(sender.current_max_send_streams(), 100);
}

#[tokio::test]
async fn a_flood_of_resets_leaves_nothing_behind() {
    let few = |s: &mut ServerSettings| s.limits.max_in_flight = 2;
    let server = TestServer::with(Arc::new(Echo), few).await;
    let mut sender = bare(&server).await;
    for _ in 0..2000 {
        // The server may have had enough and closed the connection.
        let Ok(mut ready) = sender.ready().await else {
            break;
        };
        let Ok((_, mut stream)) = ready.send_request(post(&server), false) else {
            break;
        };
        stream.send_reset(h2::Reason::CANCEL);
        sender = ready;
    }
    let client = server.client().build().unwrap();
    let both_free = async {
        loop {
            if ask(&client, &server, "<a/>").await.status() == 200 {
                return;
            }
        }
    };
    tokio::time::timeout(crate::world::PATIENCE, both_free)
        .await
        .unwrap();
}

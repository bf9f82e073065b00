//! Peers that take their time: every wait of the server has an end.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;

use crate::server_faces::Echo;
use crate::world::{Raw, TestServer, post};

#[tokio::test]
async fn a_slow_body_times_out() {
    let server = TestServer::with(Arc::new(Echo), |s| {
        s.limits.body_timeout = Duration::from_millis(200);
    })
    .await;
    let mut connection = server.connect().await;
    let half = post("<aaaaaaaa/>");
    connection.send(&half[..half.len() - 3]).await;
    let answer = connection.answer().await;
    assert_eq!(answer.status, 408);
    assert!(answer.closes());
    connection.closed().await;
    let next = server.connect().await.ask(post("<a/>")).await;
    assert_eq!(next.status, 200);
}

#[tokio::test]
async fn slow_heads_and_idle_connections_are_closed() {
    let server = TestServer::with(Arc::new(Echo), |s| {
        s.limits.header_timeout = Duration::from_millis(200);
        s.limits.idle_timeout = Duration::from_millis(600);
    })
    .await;
    let mut silent = server.connect().await;
    let mut slow = server.connect().await;
    slow.send("POST /EWS/Exchange.asmx HTTP/1.1\r\nHo").await;
    assert!(silent.closed().await.is_empty());
    assert!(slow.closed().await.is_empty());
    // After a request a connection may rest for longer than a head may take.
    let mut idle = server.connect().await;
    assert_eq!(idle.ask(post("<a/>")).await.status, 200);
    let rested = std::time::Instant::now();
    assert!(idle.closed().await.is_empty());
    assert!(rested.elapsed() >= Duration::from_millis(500));
}

#[tokio::test]
async fn a_slow_handshake_is_cut_off() {
    let server = TestServer::with(Arc::new(Echo), |s| {
        s.limits.handshake_timeout = Duration::from_millis(200);
    })
    .await;
    let mut silent = Raw::new(TcpStream::connect(server.address).await.unwrap());
    let mut half = Raw::new(TcpStream::connect(server.address).await.unwrap());
    half.send([22, 3, 1, 2, 0, 1, 0]).await;
    assert!(silent.closed().await.is_empty());
    assert!(half.closed().await.is_empty());
}

//! Connections to the ops listener: one address cannot take all of them.

use tokio::net::{TcpSocket, TcpStream};

use crate::ops::Ops;
use crate::world::Raw;

/// One more than an address may have.
const GREEDY: usize = 17;

async fn connect_from(ops: &Ops, address: &str) -> Raw<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    socket
        .bind(format!("{address}:0").parse().unwrap())
        .unwrap();
    Raw::new(socket.connect(ops.address).await.unwrap())
}

#[tokio::test]
async fn an_address_that_holds_all_it_may_keeps_nobody_else_out() {
    const LIVEZ: &str = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let ops = Ops::start();
    let mut held = Vec::new();
    for _ in 0..GREEDY {
        held.push(connect_from(&ops, "127.0.0.2").await);
    }
    // The one too many is closed unasked; that it was taken last is certain, because connections are taken in turn.
    let mut last = held.pop().unwrap();
    assert!(last.closed().await.is_empty());
    let mut other = connect_from(&ops, "127.0.0.3").await;
    assert_eq!(other.ask(LIVEZ).await.status, 200);
    // Those that are held are served, and then there is room again.
    let mut first = held.pop().unwrap();
    assert_eq!(first.ask(LIVEZ).await.status, 200);
    assert!(first.closed().await.is_empty());
    let mut again = connect_from(&ops, "127.0.0.2").await;
    assert_eq!(again.ask(LIVEZ).await.status, 200);
}

//! Who may connect and who may call: allow list, IPv4-mapped peers, PROXY headers, X-Forwarded-For.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use calbridge::face::Routes;
use calbridge::server::settings::{ClientAddress, ServerSettings};
use ipnet::IpNet;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::server_faces::Echo;
use crate::world::{PATIENCE, Raw, TestServer, logged_in, metrics, post, request};

async fn serve(tweak: impl FnOnce(&mut ServerSettings)) -> TestServer {
    TestServer::with(Arc::new(Echo), tweak).await
}

fn nets(texts: &[&str]) -> Vec<IpNet> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// The connection is closed before a byte is said.
async fn check_dropped(address: SocketAddr, bytes: &[u8]) {
    let mut connection = Raw::new(TcpStream::connect(address).await.unwrap());
    // The server may be faster than this write.
    let _ = connection.stream.write_all(bytes).await;
    assert!(connection.closed().await.is_empty());
}

const HELLO: &[u8] = &[22, 3, 1, 0, 1, 1];

#[tokio::test]
async fn a_peer_outside_all_lists_is_dropped_before_tls() {
    let server = serve(|s| s.access.allow = nets(&["192.0.2.0/24"])).await;
    check_dropped(server.address, HELLO).await;
    check_dropped(server.address, b"GET / HTTP/1.1\r\n\r\n").await;
}

#[tokio::test]
async fn a_mapped_peer_is_an_ipv4_peer() {
    let server = serve(|s| {
        s.listen = vec!["[::]:0".parse().unwrap()];
        s.access.allow = nets(&["127.0.0.0/8"]);
    })
    .await;
    let port = server.address.port();
    let tcp = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
        .await
        .unwrap();
    let mut connection = server.handshake(tcp).await.unwrap();
    assert_eq!(connection.ask(post("<a/>")).await.status, 200);
    check_dropped(format!("[::1]:{port}").parse().unwrap(), HELLO).await;
}

#[tokio::test]
async fn every_ipv4_and_every_ipv6_address_may_share_a_port() {
    // A port that was free a moment ago; another process may take it, so a few are tried.
    for _ in 0..10 {
        let free = std::net::TcpListener::bind("[::]:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let folder = tempfile::tempdir().unwrap();
        let mut settings = crate::world::settings(folder.path());
        settings.listen = vec![
            format!("0.0.0.0:{port}").parse().unwrap(),
            format!("[::]:{port}").parse().unwrap(),
        ];
        let routes = Routes::default();
        match calbridge::server::Server::bind(settings, routes, metrics()).await {
            Ok(server) => {
                assert_eq!(server.addresses().len(), 2);
                return;
            }
            Err(error) => assert!(error.is_address_in_use(), "{error}"),
        }
    }
    panic!("no port could be shared");
}

#[tokio::test]
async fn a_proxy_of_its_own_may_connect_but_not_call() {
    let server = serve(|s| {
        s.access.allow = nets(&["192.0.2.0/24"]);
        s.access.trusted_proxies = nets(&["127.0.0.1/32"]);
    })
    .await;
    let mut connection = server.connect().await;
    let answer = connection.ask(post("<a/>")).await;
    assert_eq!(answer.status, 403);
    assert!(answer.header("request-id").is_some() && answer.body.is_empty());
    // Not even a method list is told, and the header of a trusted proxy counts only when it is configured to.
    let header = format!(
        "X-Forwarded-For: 192.0.2.7\r\nAuthorization: {}\r\n",
        logged_in()
    );
    assert_eq!(
        connection.ask(request("PUT", &header, "")).await.status,
        403
    );
    assert_eq!(
        connection
            .ask(request("POST", &header, "<a/>"))
            .await
            .status,
        403
    );
}

#[tokio::test]
async fn max_connections_drops_what_is_beyond() {
    let server = serve(|s| s.limits.max_connections = 1).await;
    let mut first = server.connect().await;
    assert_eq!(first.ask(post("<a/>")).await.status, 200);
    check_dropped(server.address, HELLO).await;
    check_dropped(server.address, HELLO).await;
    assert_eq!(first.ask(post("<a/>")).await.status, 200);
    drop(first);
    let served_again = async {
        loop {
            let tcp = TcpStream::connect(server.address).await.unwrap();
            if let Ok(mut next) = server.handshake(tcp).await {
                return next.ask(post("<a/>")).await.status;
            }
        }
    };
    assert_eq!(timeout(PATIENCE, served_again).await.unwrap(), 200);
}

async fn behind_a_balancer() -> TestServer {
    serve(|s| {
        s.access.client_address = ClientAddress::ProxyProtocol;
        s.access.allow = nets(&["192.0.2.0/24", "2001:db8::/32"]);
        s.access.trusted_proxies = nets(&["127.0.0.1/32"]);
        s.limits.handshake_timeout = Duration::from_secs(2);
    })
    .await
}

/// The status that a caller behind this header sees.
async fn status_behind(server: &TestServer, header: &[u8]) -> u16 {
    let mut tcp = TcpStream::connect(server.address).await.unwrap();
    tcp.write_all(header).await.unwrap();
    let mut connection = server.handshake(tcp).await.unwrap();
    connection.ask(post("<a/>")).await.status
}

fn version_2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    header.extend([0x20 | command, family, 0, rest.len() as u8]);
    header.extend(rest);
    header
}

#[tokio::test]
async fn a_proxy_header_names_the_caller() {
    let server = behind_a_balancer().await;
    let allowed = b"PROXY TCP4 192.0.2.7 10.0.0.1 5555 443\r\n";
    assert_eq!(status_behind(&server, allowed).await, 200);
    let allowed = b"PROXY TCP6 2001:db8::7 ::1 5555 443\r\n";
    assert_eq!(status_behind(&server, allowed).await, 200);
    let refused = b"PROXY TCP4 203.0.113.9 10.0.0.1 5555 443\r\n";
    assert_eq!(status_behind(&server, refused).await, 403);
    let ends = [192, 0, 2, 7, 10, 0, 0, 1, 1, 1, 1, 187];
    assert_eq!(
        status_behind(&server, &version_2(1, 0x11, &ends)).await,
        200
    );
    let ends = [203, 0, 113, 9, 10, 0, 0, 1, 1, 1, 1, 187];
    assert_eq!(
        status_behind(&server, &version_2(1, 0x11, &ends)).await,
        403
    );
    // A health check speaks for the balancer itself, which may not call.
    assert_eq!(status_behind(&server, &version_2(0, 0, &[])).await, 403);
    assert_eq!(status_behind(&server, b"PROXY UNKNOWN\r\n").await, 403);
}

#[tokio::test]
async fn without_a_readable_proxy_header_a_trusted_proxy_is_dropped() {
    let server = behind_a_balancer().await;
    let hello = [HELLO, &[0; 64]].concat();
    let endless = [b"PROXY TCP4 ".as_slice(), &[b'1'; 500]].concat();
    for bytes in [
        hello.as_slice(),
        b"POST /EWS/Exchange.asmx HTTP/1.1\r\n",
        b"PROXY TCP4 nonsense nonsense 1 2\r\n",
        &endless,
        &version_2(1, 0x11, &[1, 2, 3]),
        &version_2(1, 0, &[]),
        // Half a header, and then nothing until the time for it is over.
        b"PROXY TCP4 192.",
    ] {
        check_dropped(server.address, bytes).await;
    }
    let allowed = b"PROXY TCP4 192.0.2.7 10.0.0.1 5555 443\r\n";
    assert_eq!(status_behind(&server, allowed).await, 200);
}

#[tokio::test]
async fn from_others_a_proxy_header_is_not_wanted() {
    let server = serve(|s| {
        s.access.client_address = ClientAddress::ProxyProtocol;
        s.access.trusted_proxies = nets(&["127.0.0.9/32"]);
    })
    .await;
    assert_eq!(server.connect().await.ask(post("<a/>")).await.status, 200);
    let mut connection = Raw::new(TcpStream::connect(server.address).await.unwrap());
    let header = "PROXY TCP4 127.0.0.1 10.0.0.1 5555 443\r\n";
    assert_eq!(connection.ask(header).await.status, 400);
    connection.closed().await;
}

#[tokio::test]
async fn forwarded_for_names_the_caller() {
    let server = serve(|s| {
        s.access.client_address = ClientAddress::XForwardedFor;
        s.access.allow = nets(&["192.0.2.0/24"]);
        s.access.trusted_proxies = nets(&["127.0.0.1/32", "10.0.0.0/8"]);
    })
    .await;
    let mut connection = server.connect().await;
    for (lines, status) in [
        ("X-Forwarded-For: 192.0.2.7\r\n", 200),
        ("X-Forwarded-For: 192.0.2.7:1234, 10.1.1.1\r\n", 200),
        (
            "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-For: 192.0.2.7\r\n",
            200,
        ),
        ("X-Forwarded-For: 192.0.2.7, 203.0.113.9\r\n", 403),
        ("X-Forwarded-For: 192.0.2.7, unknown\r\n", 403),
        ("X-Forwarded-For: \r\n", 403),
        ("", 403),
    ] {
        let headers = format!("Authorization: {}\r\n{lines}", logged_in());
        let answer = connection.ask(request("POST", &headers, "<a/>")).await;
        assert_eq!(answer.status, status, "{lines}");
    }
}

#[tokio::test]
async fn the_network_behind_a_proxy_is_the_one_that_is_noted() {
    let routes = Routes::default().with("/ews/exchange.asmx", Arc::new(Echo));
    let (world, server) = TestServer::bound(routes, |s| {
        s.access.client_address = ClientAddress::XForwardedFor;
        s.access.allow = nets(&["192.0.2.0/24"]);
        s.access.trusted_proxies = nets(&["127.0.0.1/32"]);
    })
    .await
    .unwrap();
    let (control, stop) = (server.control(), CancellationToken::new());
    let run = tokio::spawn(server.run(stop.clone()));
    let mut connection = world.connect().await;
    for (client, status) in [
        ("203.0.113.9", 403),
        ("192.0.2.7", 200),
        ("203.0.113.10", 403),
        ("unknown", 403),
    ] {
        let headers = format!(
            "Authorization: {}\r\nX-Forwarded-For: {client}\r\n",
            logged_in()
        );
        let answer = connection.ask(request("POST", &headers, "<a/>")).await;
        assert_eq!(answer.status, status, "{client}");
    }
    let noted = control.denied();
    let noted: Vec<_> = noted
        .iter()
        .map(|denial| (denial.network.to_string(), denial.times))
        .collect();
    let expect = [("127.0.0.0/24", 1), ("203.0.113.0/24", 2)];
    assert_eq!(noted, expect.map(|(network, n)| (network.to_owned(), n)));
    drop(connection);
    stop.cancel();
    timeout(PATIENCE, run).await.unwrap().unwrap();
}

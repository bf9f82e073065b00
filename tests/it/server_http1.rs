//! HTTP/1.1 over TLS, byte by byte: what is answered, what closes the connection and what keeps it.

use std::sync::Arc;

use tokio::net::TcpStream;

use crate::server_faces::Echo;
use crate::world::{ACCOUNT, Answer, PATH, Raw, TestServer, basic, logged_in, post, request};

pub(crate) async fn echo() -> TestServer {
    TestServer::start(Arc::new(Echo)).await
}

/// Every answer has an id of ours and does not pretend to be someone else's.
#[track_caller]
pub(crate) fn check(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{answer:?}");
    let id = answer.header("request-id").expect("a request id");
    assert!(uuid::Uuid::try_parse(id).is_ok(), "{id}");
    assert!(answer.header("server").is_none());
}

#[tokio::test]
async fn a_logged_in_call_reaches_the_face() {
    let server = echo().await;
    let mut connection = server.connect().await;
    let answer = connection.ask(post("<a/>")).await;
    check(&answer, 200);
    assert_eq!(answer.text(), format!("POST {ACCOUNT} <a/>"));
    assert_eq!(
        answer.header("content-type"),
        Some("text/xml; charset=utf-8")
    );
    assert!(!answer.closes());
    let other = post("<b/>").replace(PATH, "/ews/EXCHANGE.ASMX?x=y");
    assert_eq!(
        connection.ask(other).await.text(),
        format!("POST {ACCOUNT} <b/>")
    );
    let first = answer.header("request-id").unwrap().to_owned();
    let again = connection.ask(post("<a/>")).await;
    assert_ne!(again.header("request-id"), Some(first.as_str()));
}

#[tokio::test]
async fn without_a_right_credential_the_answer_is_401_and_the_connection_lives() {
    let server = echo().await;
    let mut connection = server.connect().await;
    let wrong = [
        String::new(),
        "Authorization: NTLM TlRMTVNTUAABAAAAB4IIogAAAAA=\r\n".to_owned(),
        "Authorization: Negotiate YIIGhgYGKwYBBQUCoIIGejCC\r\n".to_owned(),
        "Authorization: Bearer e30.e30.x\r\n".to_owned(),
        "Authorization: Basic ***\r\n".to_owned(),
        "Authorization: Basic\r\n".to_owned(),
        format!("Authorization: Basic {}\r\n", "QUFB".repeat(3000)),
        format!("Authorization: {}\r\n", basic(ACCOUNT, "wrong")),
        format!("Authorization: {}\r\n", basic("nobody@example.com", "x")),
    ];
    for header in wrong {
        let answer = connection.ask(request("POST", &header, "<a/>")).await;
        check(&answer, 401);
        assert_eq!(
            answer.header("www-authenticate"),
            Some("Basic realm=\"localhost\"")
        );
        assert_eq!(answer.header("content-length"), Some("0"));
        assert!(!answer.closes(), "{header}");
    }
    check(&connection.ask(post("<a/>")).await, 200);
}

#[tokio::test]
async fn the_account_is_compared_as_an_address() {
    let server = echo().await;
    let header = format!(
        "Authorization: {}\r\n",
        basic(&ACCOUNT.to_uppercase(), crate::world::PASSWORD)
    );
    let mut connection = server.connect().await;
    check(&connection.ask(request("POST", &header, "<a/>")).await, 200);
}

#[tokio::test]
async fn other_methods_are_refused_before_the_login() {
    let server = echo().await;
    let mut connection = server.connect().await;
    for method in ["OPTIONS", "PUT", "DELETE", "PROPFIND", "TRACE"] {
        let answer = connection.ask(request(method, "", "<a/>")).await;
        check(&answer, 405);
        assert_eq!(answer.header("allow"), Some("POST, GET"), "{method}");
        assert!(answer.body.is_empty());
    }
    check(&connection.ask(post("<a/>")).await, 200);
}

#[tokio::test]
async fn head_is_get_without_a_body() {
    let server = echo().await;
    let mut connection = server.connect().await;
    connection.send(request("HEAD", "", "")).await;
    check(&connection.answer_to("HEAD").await, 401);
    let login = format!("Authorization: {}\r\n", logged_in());
    let get = connection.ask(request("GET", &login, "")).await;
    check(&get, 200);
    assert_eq!(get.text(), format!("GET {ACCOUNT} "));
    connection.send(request("HEAD", &login, "")).await;
    let head = connection.answer_to("HEAD").await;
    check(&head, 200);
    assert_eq!(head.header("content-length"), get.header("content-length"));
    check(&connection.ask(post("<a/>")).await, 200);
}

#[tokio::test]
async fn other_paths_are_not_found() {
    let server = echo().await;
    let mut connection = server.connect().await;
    for path in [
        "/",
        "/EWS/",
        "/EWS/Exchange.asmx/",
        "/EWS/Services.wsdl",
        "/%45WS/Exchange.asmx",
    ] {
        let answer = connection.ask(post("<a/>").replace(PATH, path)).await;
        check(&answer, 404);
    }
    check(&connection.ask(post("<a/>")).await, 200);
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = echo().await;
    let mut connection = server.connect().await;
    let three = [post("<a/>"), request("POST", "", "<b/>"), post("<c/>")].concat();
    connection.send(three).await;
    assert!(connection.answer().await.text().ends_with("<a/>"));
    assert_eq!(connection.answer().await.status, 401);
    assert!(connection.answer().await.text().ends_with("<c/>"));
}

#[tokio::test]
async fn headers_are_bounded() {
    let server = echo().await;
    let many = |count| "X-A: b\r\n".repeat(count);
    let large = |size| format!("X-A: {}\r\n", "b".repeat(size));
    let mut connection = server.connect().await;
    for headers in [many(150), large(70_000)] {
        let answer = connection.ask(request("POST", &headers, "<a/>")).await;
        check(&answer, 431);
    }
    check(&connection.ask(post("<a/>")).await, 200);
    // Far beyond, the head is not even read to its end.
    for headers in [many(1000), large(200_000)] {
        let mut connection = server.connect().await;
        let answer = connection.ask(request("POST", &headers, "<a/>")).await;
        assert_eq!(answer.status, 431);
        connection.closed().await;
    }
    check(&server.connect().await.ask(post("<a/>")).await, 200);
}

#[tokio::test]
async fn garbage_gets_400() {
    let server = echo().await;
    for garbage in [
        "\0\0\0\0\r\n\r\n",
        "POST\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut connection = server.connect().await;
        connection.send(garbage).await;
        let said = connection.closed().await;
        let said = String::from_utf8_lossy(&said);
        assert!(
            said.is_empty() || said.starts_with("HTTP/1.1 400"),
            "{said}"
        );
    }
    check(&server.connect().await.ask(post("<a/>")).await, 200);
}

#[tokio::test]
async fn plain_http_is_told_to_use_https() {
    let server = echo().await;
    for text in [post("<a/>"), "GET / HTTP/1.1\r\n\r\n".to_owned()] {
        let mut connection = Raw::new(TcpStream::connect(server.address).await.unwrap());
        let answer = connection.ask(text).await;
        check(&answer, 400);
        assert!(answer.closes());
        assert!(answer.text().contains("https") && answer.text().lines().count() == 1);
        assert!(connection.closed().await.is_empty());
    }
    let mut noise = Raw::new(TcpStream::connect(server.address).await.unwrap());
    noise.send("\x01\x02 hello").await;
    assert!(noise.closed().await.is_empty());
}

#[tokio::test]
async fn a_client_request_id_comes_back_only_if_harmless() {
    let server = echo().await;
    let mut connection = server.connect().await;
    let good = request("POST", "client-request-id: abc-DEF-123\r\n", "<a/>");
    let answer = connection.ask(good).await;
    check(&answer, 401);
    assert_eq!(answer.header("client-request-id"), Some("abc-DEF-123"));
    let bad = request("POST", "client-request-id: a<b\r\n", "<a/>");
    assert_eq!(connection.ask(bad).await.header("client-request-id"), None);
}

#[tokio::test]
async fn a_panic_spoils_its_own_request_only() {
    let server = TestServer::with(Arc::new(Echo), |s| s.limits.max_in_flight = 1).await;
    let mut connection = server.connect().await;
    for _ in 0..3 {
        let answer = connection.ask(post("panic")).await;
        check(&answer, 500);
        assert!(answer.body.is_empty());
        check(&connection.ask(post("<a/>")).await, 200);
    }
}

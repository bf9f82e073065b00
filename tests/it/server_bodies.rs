//! Request bodies over HTTP/1.1, byte by byte: too large, too slow, in chunks, with two lengths, announced, compressed.

use std::fmt::Write;
use std::sync::Arc;

use crate::server_faces::Echo;
use crate::server_http1::{check, echo};
use crate::world::{TestServer, logged_in, post, request};

#[tokio::test]
async fn compressed_bodies_are_refused() {
    let server = echo().await;
    let mut connection = server.connect().await;
    let login = format!("Authorization: {}\r\n", logged_in());
    for coding in ["gzip", "deflate", "br", "x", "identity, gzip"] {
        let headers = format!("{login}Content-Encoding: {coding}\r\n");
        check(
            &connection.ask(request("POST", &headers, "<a/>")).await,
            415,
        );
    }
    let headers = format!("{login}Content-Encoding: Identity\r\n");
    check(
        &connection.ask(request("POST", &headers, "<a/>")).await,
        200,
    );
}

#[tokio::test]
async fn a_declared_body_beyond_the_limit_is_refused_unread() {
    let server = TestServer::with(Arc::new(Echo), |s| s.limits.max_body = 1000).await;
    let mut connection = server.connect().await;
    check(&connection.ask(post(&"a".repeat(1000))).await, 200);
    // Not a byte of the body is sent: the answer does not wait for it.
    let head = post("").replace("\r\n\r\n", "\r\nContent-Length: 1001\r\n\r\n");
    let answer = connection.ask(head).await;
    check(&answer, 413);
    assert!(answer.body.is_empty() && answer.closes());
    assert!(connection.closed().await.is_empty());
    check(&server.connect().await.ask(post("<a/>")).await, 200);
}

#[tokio::test]
async fn a_caller_that_sends_on_still_reads_the_413() {
    let server = TestServer::with(Arc::new(Echo), |s| s.limits.max_body = 1000).await;
    let mut connection = server.connect().await;
    let answer = connection.ask(post(&"a".repeat(200_000))).await;
    check(&answer, 413);
    connection.closed().await;
}

fn chunked(headers: &str, chunks: &[&str]) -> String {
    let mut text =
        request("POST", headers, "").replace("\r\n\r\n", "\r\nTransfer-Encoding: chunked\r\n\r\n");
    for chunk in chunks {
        write!(text, "{:x}\r\n{chunk}\r\n", chunk.len()).unwrap();
    }
    text
}

#[tokio::test]
async fn a_streamed_body_beyond_the_limit_is_cut_off() {
    let server = TestServer::with(Arc::new(Echo), |s| s.limits.max_body = 1000).await;
    let mut connection = server.connect().await;
    let login = format!("Authorization: {}\r\n", logged_in());
    let within = chunked(&login, &[&"a".repeat(600), &"b".repeat(400)]) + "0\r\n\r\n";
    check(&connection.ask(within).await, 200);
    let beyond = chunked(&login, &[&"a".repeat(600), &"b".repeat(401)]);
    let answer = connection.ask(beyond).await;
    check(&answer, 413);
    assert!(answer.closes());
    connection.closed().await;
}

#[tokio::test]
async fn chunks_of_one_byte_and_trailers_are_fine() {
    let server = echo().await;
    let mut connection = server.connect().await;
    let login = format!("Authorization: {}\r\n", logged_in());
    let body = chunked(&login, &["<", "a", "/", ">"]) + "0\r\nX-Trailer: y\r\n\r\n";
    for byte in body.as_bytes() {
        connection.send([*byte]).await;
    }
    let answer = connection.answer().await;
    check(&answer, 200);
    assert!(answer.text().ends_with("<a/>"));
    check(&connection.ask(post("<b/>")).await, 200);
    let broken = chunked(&login, &["<a/>"]) + "zz\r\n";
    check(&connection.ask(broken).await, 400);
    connection.closed().await;
}

#[tokio::test]
async fn two_lengths_close_the_connection() {
    let server = echo().await;
    let login = format!("Authorization: {}\r\n", logged_in());
    let smuggled = format!(
        "{}0\r\n\r\n",
        chunked(&format!("Content-Length: 4\r\n{login}"), &["<a/>"])
    );
    let other_order = format!("{}0\r\n\r\n", chunked(&login, &["<a/>"]))
        .replace("chunked\r\n", "chunked\r\nContent-Length: 4\r\n");
    for text in [smuggled, other_order] {
        let mut connection = server.connect().await;
        let answer = connection.ask(&text).await;
        assert!([200, 400].contains(&answer.status), "{answer:?}");
        assert!(answer.closes(), "{answer:?}");
        // A second request behind it is not answered.
        assert!(connection.closed().await.is_empty());
    }
    for bad in [
        "Content-Length: 4\r\nContent-Length: 5\r\n",
        "Content-Length: -1\r\n",
        "Transfer-Encoding: x\r\n",
    ] {
        let mut connection = server.connect().await;
        let answer = connection
            .ask(request("POST", &(login.clone() + bad), ""))
            .await;
        assert_eq!(answer.status, 400, "{bad}");
        connection.closed().await;
    }
    check(&server.connect().await.ask(post("<a/>")).await, 200);
}

#[tokio::test]
async fn expect_100_continue_is_honoured() {
    let server = TestServer::with(Arc::new(Echo), |s| s.limits.max_body = 1000).await;
    let mut connection = server.connect().await;
    let text = post("<a/>").replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n");
    let (head, body) = text.split_at(text.len() - 4);
    assert_eq!(connection.ask(head).await.status, 100);
    check(&connection.ask(body).await, 200);
    // Even without a credential the body is asked for, so that the connection lives.
    let head = request("POST", "Expect: 100-continue\r\nContent-Length: 4\r\n", "");
    assert_eq!(connection.ask(head).await.status, 100);
    check(&connection.ask("<a/>").await, 401);
    // A body that is not wanted is not asked for.
    let head = request(
        "POST",
        "Expect: 100-continue\r\nContent-Length: 4000\r\n",
        "",
    );
    let answer = connection.ask(head).await;
    check(&answer, 413);
    assert!(answer.closes());
    connection.closed().await;
}

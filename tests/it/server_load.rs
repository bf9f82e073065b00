//! Bounds on what callers can make the server hold: requests in flight, bytes of bodies, time; and callers that leave.

use std::time::Duration;

use calbridge::server::settings::ServerSettings;

use crate::server_faces::{Calls, by_hand};
use crate::world::{ACCOUNT, TestServer, logged_in, post, request};

async fn serve(tweak: impl FnOnce(&mut ServerSettings)) -> (TestServer, Calls) {
    let (face, calls) = by_hand();
    (TestServer::with(face, tweak).await, calls)
}

#[tokio::test]
async fn a_face_gets_the_call_without_the_password() {
    let (server, mut calls) = serve(|s| s.limits.deadline = Duration::from_secs(7)).await;
    let mut connection = server.connect().await;
    let sent = tokio::time::Instant::now();
    let headers = format!(
        "Authorization: {}\r\nContent-Type: text/xml\r\n",
        logged_in()
    );
    connection
        .send(request("POST", &headers, "<a/>").replace(".asmx", ".asmx?q=1"))
        .await;
    let waiting = calls.next().await;
    let call = &waiting.call;
    assert_eq!(&*call.path, "/EWS/Exchange.asmx");
    assert_eq!(call.caller.account().unwrap().as_str(), ACCOUNT);
    assert_eq!(call.headers["content-type"], "text/xml");
    assert!(!call.headers.contains_key("authorization"));
    let time = call.deadline - sent;
    assert!(
        time >= Duration::from_secs(7) && time < Duration::from_secs(9),
        "{time:?}"
    );
    let id = call.request_id.to_string();
    waiting.answer("<b/>");
    let answer = connection.answer().await;
    assert_eq!(
        (answer.text(), answer.header("request-id")),
        ("<b/>", Some(id.as_str()))
    );
}

#[tokio::test]
async fn beyond_max_in_flight_the_face_says_so() {
    let (server, mut calls) = serve(|s| s.limits.max_in_flight = 2).await;
    let (mut one, mut two, mut three) = (
        server.connect().await,
        server.connect().await,
        server.connect().await,
    );
    one.send(post("<1/>")).await;
    let first = calls.next().await;
    two.send(post("<2/>")).await;
    let second = calls.next().await;
    let busy = three.ask(post("<3/>")).await;
    assert_eq!((busy.status, busy.text()), (500, "<busy/>"));
    assert!(busy.header("request-id").is_some() && !busy.closes());
    first.answer("<one/>");
    assert_eq!(one.answer().await.text(), "<one/>");
    // The same connection is served again.
    three.send(post("<3/>")).await;
    calls.next().await.answer("<three/>");
    assert_eq!(three.answer().await.text(), "<three/>");
    second.answer("<two/>");
    assert_eq!(two.answer().await.text(), "<two/>");
}

#[tokio::test]
async fn bodies_together_are_bounded() {
    let (server, mut calls) = serve(|s| s.limits.max_bodies = 1000).await;
    let (mut one, mut two) = (server.connect().await, server.connect().await);
    one.send(post(&"a".repeat(900))).await;
    let first = calls.next().await;
    let busy = two.ask(post(&"b".repeat(200))).await;
    assert_eq!((busy.status, busy.text()), (500, "<busy/>"));
    two.closed().await;
    let mut two = server.connect().await;
    two.send(post(&"b".repeat(100))).await;
    calls.next().await.answer("<two/>");
    assert_eq!(two.answer().await.text(), "<two/>");
    first.answer("<one/>");
    assert_eq!(one.answer().await.text(), "<one/>");
    two.send(post(&"b".repeat(1000))).await;
    calls.next().await.answer("<all/>");
    assert_eq!(two.answer().await.text(), "<all/>");
}

#[tokio::test]
async fn a_caller_that_leaves_frees_its_place() {
    let (server, mut calls) = serve(|s| s.limits.max_in_flight = 1).await;
    let mut connection = server.connect().await;
    connection.send(post("<a/>")).await;
    let waiting = calls.next().await;
    drop(connection);
    waiting.abandoned().await;
    let mut connection = server.connect().await;
    connection.send(post("<b/>")).await;
    calls.next().await.answer("<b/>");
    assert_eq!(connection.answer().await.status, 200);
}

#[tokio::test]
async fn a_face_that_does_not_answer_is_given_up() {
    let (server, mut calls) = serve(|s| s.limits.deadline = Duration::from_millis(200)).await;
    let mut connection = server.connect().await;
    connection.send(post("<a/>")).await;
    let waiting = calls.next().await;
    let answer = connection.answer().await;
    assert_eq!(
        (answer.status, answer.header("retry-after")),
        (503, Some("1"))
    );
    waiting.abandoned().await;
}

#[tokio::test]
async fn a_caller_that_takes_nothing_of_its_answer_is_cut_off() {
    let (server, mut calls) = serve(|s| {
        s.limits.body_timeout = Duration::from_millis(300);
        s.limits.max_connections = 1;
    })
    .await;
    let mut connection = server.connect().await;
    connection.send(post("<a/>")).await;
    // More than all buffers between here and there.
    calls.next().await.answer(&"x".repeat(30 << 20));
    // Its place becomes free although it neither reads nor leaves.
    let next = async {
        loop {
            let tcp = tokio::net::TcpStream::connect(server.address)
                .await
                .unwrap();
            if let Ok(next) = server.handshake(tcp).await {
                return next;
            }
        }
    };
    let mut next = tokio::time::timeout(crate::world::PATIENCE, next)
        .await
        .unwrap();
    next.send(post("<b/>")).await;
    calls.next().await.answer("<b/>");
    assert_eq!(next.answer().await.text(), "<b/>");
}

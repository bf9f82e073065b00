//! Stopping: what has begun is answered, what rests is closed, what does not end is cut off.

use std::sync::Arc;
use std::time::Duration;

use calbridge::face::Routes;
use calbridge::server::lifecycle::{Ended, StopSignals, run_until_signal};
use tokio::net::TcpStream;

use crate::server_faces::{Echo, by_hand};
use crate::world::{ACCOUNT, PASSWORD, TestServer, post};

#[tokio::test]
async fn a_request_in_flight_is_answered() {
    let (face, mut calls) = by_hand();
    let mut server = TestServer::start(face).await;
    let mut connection = server.connect().await;
    connection.send(post("<a/>")).await;
    let waiting = calls.next().await;
    server.stop();
    // A refused connection shows that the stop has been noticed.
    while TcpStream::connect(server.address).await.is_ok() {}
    waiting.answer("<done/>");
    let answer = connection.answer().await;
    assert_eq!((answer.status, answer.text()), (200, "<done/>"));
    assert!(answer.closes());
    assert!(connection.closed().await.is_empty());
    server.stopped().await;
}

#[tokio::test]
async fn requests_in_flight_are_answered_over_http2() {
    let (face, mut calls) = by_hand();
    let mut server = TestServer::start(face).await;
    let client = server.client().build().unwrap();
    let ask = |body: &'static str| {
        let request = client
            .post(server.url())
            .basic_auth(ACCOUNT, Some(PASSWORD));
        tokio::spawn(request.body(body).send())
    };
    let (one, two) = (ask("<1/>"), ask("<2/>"));
    let (first, second) = (calls.next().await, calls.next().await);
    server.stop();
    while TcpStream::connect(server.address).await.is_ok() {}
    first.answer("<done/>");
    second.answer("<done/>");
    for asked in [one, two] {
        let answer = asked.await.unwrap().unwrap();
        assert_eq!(answer.text().await.unwrap(), "<done/>");
    }
    server.stopped().await;
}

#[tokio::test]
async fn resting_connections_are_closed_but_a_late_request_is_answered() {
    let mut server = TestServer::start(Arc::new(Echo)).await;
    let mut resting = server.connect().await;
    let mut late = server.connect().await;
    assert_eq!(resting.ask(post("<a/>")).await.status, 200);
    assert!(!late.ask(post("<a/>")).await.closes());
    server.stop();
    let answer = late.ask(post("<b/>")).await;
    assert_eq!(answer.status, 200);
    assert!(late.closed().await.is_empty());
    assert!(resting.closed().await.is_empty());
    server.stopped().await;
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn what_does_not_end_is_cut_off() {
    let (face, mut calls) = by_hand();
    let drain = Duration::from_millis(300);
    let mut server = TestServer::with(face, |s| s.limits.drain = drain).await;
    let mut connection = server.connect().await;
    connection.send(post("<a/>")).await;
    let waiting = calls.next().await;
    server.stop();
    server.stopped().await;
    waiting.abandoned().await;
    assert!(connection.closed().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn under_load_no_request_is_lost() {
    let mut server = TestServer::start(Arc::new(Echo)).await;
    let (begun, mut all_begun) = tokio::sync::mpsc::unbounded_channel();
    let mut clients = Vec::new();
    for _ in 0..20 {
        let mut connection = server.connect().await;
        let begun = begun.clone();
        clients.push(tokio::spawn(async move {
            let mut answered = 0;
            loop {
                let answer = connection.ask(post("<a/>")).await;
                assert_eq!(answer.status, 200);
                answered += 1;
                let _ = begun.send(());
                if answer.closes() {
                    return answered;
                }
            }
        }));
    }
    for _ in 0..200 {
        all_begun.recv().await.unwrap();
    }
    server.stop();
    let mut answered = 0;
    for client in clients {
        answered += client.await.unwrap();
    }
    assert!(answered >= 200);
    server.stopped().await;
}

/// Sends a signal to this very process, whose default action [`StopSignals`] has taken away.
fn signal_self(name: &str) {
    let own = std::process::id().to_string();
    let sent = std::process::Command::new("kill")
        .args([name, &own])
        .status();
    assert!(sent.unwrap().success());
}

// One test, because signals reach all tests of the process.
#[tokio::test]
async fn the_first_signal_drains_and_the_second_ends_at_once() {
    for (name, second) in [("-TERM", false), ("-INT", false), ("-TERM", true)] {
        let (face, mut calls) = by_hand();
        let routes = Routes::default().with("/ews/exchange.asmx", face);
        let (world, server) = TestServer::bound(routes, |_| {}).await.unwrap();
        let signals = StopSignals::listen().unwrap();
        let run = tokio::spawn(run_until_signal(|stop| server.run(stop), signals));
        let mut connection = world.connect().await;
        connection.send(post("<a/>")).await;
        let waiting = calls.next().await;
        signal_self(name);
        while TcpStream::connect(world.address).await.is_ok() {}
        if second {
            signal_self(name);
            assert_eq!(run.await.unwrap(), Ended::AtOnce);
            waiting.abandoned().await;
        } else {
            waiting.answer("<done/>");
            assert_eq!(connection.answer().await.text(), "<done/>");
            assert_eq!(run.await.unwrap(), Ended::Drained);
        }
    }
}

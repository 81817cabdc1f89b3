//! The end: no query in flight is lost, and nothing holds the end up for ever.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::{DEADLINE, Running, Slow, assert_right, code, config, framed, query, send};
use tokio::time::timeout;
use tonic::Code;

/// Waits until nobody listens any more.
async fn until_refused(server: &Running) {
    let closed = async {
        while tokio::net::TcpStream::connect(server.tcp()).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, closed).await.expect("the listener closes");
}

#[tokio::test]
async fn queries_in_flight_are_answered_after_the_shutdown_began() {
    let mut server = Running::start(config());
    let channel = server.channel().await;
    let query = query(5, "app.gslb.example.com");
    let frame = framed(&query);
    let open: Vec<Slow> = (0..100).map(|_| Slow::start(&channel)).collect();
    for slow in &open {
        slow.send(frame.slice(..12));
    }
    // A later query is answered, so all of these have arrived before.
    send(&channel, query.clone()).await.unwrap();
    server.stop();
    until_refused(&server).await;
    assert!(!server.served.is_finished());
    for slow in &open {
        slow.send(frame.slice(12..));
    }
    for Slow { pieces, response } in open {
        drop(pieces);
        let (_, body) = response.await.unwrap().unwrap();
        assert_right(&query, &body[7..]);
    }
    timeout(DEADLINE, server.served).await.expect("it ends").unwrap().unwrap();
}

#[tokio::test]
async fn every_query_that_was_sent_under_load_is_answered() {
    let mut server = Running::start(config());
    let stream = tokio::net::TcpStream::connect(server.tcp()).await.unwrap();
    let executor = hyper_util::rt::TokioExecutor::new();
    let io = hyper_util::rt::TokioIo::new(stream);
    // hyper's own client: it says which requests were never sent, where tonic's would connect anew.
    let (client, connection) = hyper::client::conn::http2::handshake(executor, io).await.unwrap();
    let connection = tokio::spawn(connection);
    let answered = Arc::new(AtomicU64::new(0));
    let query = query(6, "app.gslb.example.com");
    let mut load = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let (mut client, query, answered) = (client.clone(), query.clone(), Arc::clone(&answered));
        load.spawn(async move {
            loop {
                if client.ready().await.is_err() {
                    return;
                }
                let request = http::Request::post("http://localhost/coredns.dns.DnsService/Query")
                    .header("content-type", "application/grpc")
                    .body(http_body_util::Full::new(framed(&query)))
                    .unwrap();
                let response = match client.try_send_request(request).await {
                    Ok(response) => response,
                    Err(mut error) => {
                        let unsent = error.take_message().is_some();
                        assert!(
                            unsent || is_unprocessed(error.error()),
                            "a query was lost: {:?}",
                            error.error()
                        );
                        return;
                    }
                };
                let body = http_body_util::BodyExt::collect(response.into_body()).await.expect("all of it");
                assert_right(&query, &body.to_bytes()[7..]);
                answered.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let warm = async {
        while answered.load(Ordering::Relaxed) < 1000 {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, warm).await.expect("answers");
    server.stop();
    drop(client);
    timeout(DEADLINE, server.served).await.expect("it ends").unwrap().unwrap();
    for one in load.join_all().await {
        let () = one;
    }
    timeout(DEADLINE, connection).await.expect("the connection ends").unwrap().unwrap();
}

/// A stream above GOAWAY's last: the server has not acted on it, so the client asks elsewhere (RFC 9113 §6.8).
fn is_unprocessed(error: &hyper::Error) -> bool {
    let h2 = std::error::Error::source(error).and_then(|source| source.downcast_ref::<h2::Error>());
    h2.is_some_and(|error| error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR))
}

#[tokio::test]
async fn after_a_pause_what_clients_gave_up_meanwhile_does_not_end_their_connection() {
    let live = Arc::new(mci_core::Live::new(common::snapshot(mci_core::Settings::default())));
    // It listens, and is not served yet: as if it had been stopped.
    let server = mci_grpc::Server::bind(config(), live, Arc::new(())).unwrap();
    let Some(mci_grpc::Listen::Tcp(address)) = server.listening().next().cloned() else { panic!("TCP") };
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let executor = hyper_util::rt::TokioExecutor::new();
    let io = hyper_util::rt::TokioIo::new(stream);
    let (mut client, connection) = hyper::client::conn::http2::handshake(executor, io).await.unwrap();
    tokio::spawn(connection);
    let query = query(6, "app.gslb.example.com");
    let request = || {
        http::Request::post("http://localhost/coredns.dns.DnsService/Query")
            .header("content-type", "application/grpc")
            .body(http_body_util::Full::new(framed(&query)))
            .unwrap()
    };
    let given_up: Vec<_> = (0..100).map(|_| tokio::spawn(client.send_request(request()))).collect();
    let settle = async || {
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
    };
    settle().await;
    given_up.iter().for_each(tokio::task::JoinHandle::abort);
    settle().await;
    tokio::spawn(server.serve(std::future::pending()));
    let response = timeout(DEADLINE, client.send_request(request())).await.expect("an answer").unwrap();
    let body = http_body_util::BodyExt::collect(response.into_body()).await.unwrap();
    assert_right(&query, &body.to_bytes()[7..]);
}

#[tokio::test]
async fn an_idle_connection_does_not_hold_the_end_up() {
    let mut server = Running::start(config());
    let channel = server.channel().await;
    send(&channel, query(1, "app.gslb.example.com")).await.unwrap();
    server.stop();
    timeout(Duration::from_secs(5), server.served).await.expect("well before the deadline").unwrap().unwrap();
}

#[tokio::test]
async fn what_is_left_after_the_deadline_is_closed() {
    let mut short = config();
    short.drain_timeout = Duration::from_millis(100);
    let mut server = Running::start(short);
    let channel = server.channel().await;
    let slow = Slow::start(&channel);
    slow.send(framed(&query(1, "app.gslb.example.com")).slice(..7));
    send(&channel, query(2, "app.gslb.example.com")).await.unwrap();
    server.stop();
    timeout(DEADLINE, server.served).await.expect("it ends").unwrap().unwrap();
    assert!(slow.response.await.unwrap().is_err());
}

#[tokio::test]
async fn dropping_the_server_closes_everything() {
    let server = Running::start(config());
    let channel = server.channel().await;
    send(&channel, query(2, "app.gslb.example.com")).await.unwrap();
    server.served.abort();
    until_refused(&server).await;
    let refused = code(send(&channel, query(3, "app.gslb.example.com")).await);
    // Cancelled where the client has not yet noticed that its connection is gone.
    assert!(matches!(refused, Code::Unavailable | Code::Cancelled), "{refused:?}");
}

//! `coredns.dns.DnsService/Query`, asked by tonic's client.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

mod common;

use std::sync::atomic::Ordering;

use bytes::Bytes;
use common::{Running, Slow, ask, assert_right, code, config, framed, query, send, snapshot, until_code};
use mci_core::{OutsideZones, Settings, Snapshot};
use tonic::Code;
use tonic::transport::Channel;

#[tokio::test]
async fn a_query_is_answered_and_observed() {
    let server = Running::start(config());
    let channel = server.channel().await;
    for id in 0..200 {
        ask(&channel, id).await.unwrap();
    }
    assert_eq!(server.seen.answered.load(Ordering::Relaxed), 200);
    let timed = server.seen.timed.load(Ordering::Relaxed);
    assert!((1..=10).contains(&timed), "a sample is timed: {timed}");
    assert_eq!(server.seen.overloaded.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn d27_before_the_first_sync_unavailable_comes_at_once() {
    let server = Running::with(config(), Snapshot::unready());
    let channel = server.channel().await;
    assert_eq!(code(ask(&channel, 1).await), Code::Unavailable);
    let first = snapshot(Settings::default());
    server.live.edit(|edit| edit.replace(&first));
    ask(&channel, 2).await.unwrap();
}

#[tokio::test]
async fn d11_a_foreign_name_is_refused_or_not_found_as_configured() {
    let refused = Running::start(config());
    let reply = send(&refused.channel().await, query(1, "www.example.org")).await.unwrap();
    assert_eq!((reply[2] & 0x84, reply[3] & 0x0F), (0x80, 5), "REFUSED, AA=0");

    let settings = Settings { outside_zones: OutsideZones::NotFound, ..Settings::default() };
    let not_found = Running::with(config(), snapshot(settings));
    let channel = not_found.channel().await;
    assert_eq!(code(send(&channel, query(1, "www.example.org")).await), Code::NotFound);
    ask(&channel, 2).await.unwrap();
}

#[tokio::test]
async fn d15_what_is_no_query_is_an_invalid_argument() {
    let server = Running::start(config());
    let channel = server.channel().await;
    assert_eq!(code(send(&channel, Bytes::new()).await), Code::InvalidArgument);
    assert_eq!(code(send(&channel, Bytes::from_static(&[0; 11])).await), Code::InvalidArgument);
    let mut response = query(1, "app.gslb.example.com").to_vec();
    response[2] |= 0x80;
    assert_eq!(code(send(&channel, response.into()).await), Code::InvalidArgument);
    ask(&channel, 2).await.unwrap();
}

#[tokio::test]
async fn d15a_formerr_where_the_question_is_readable_else_an_invalid_argument() {
    let server = Running::start(config());
    let channel = server.channel().await;
    let mut cut = query(1, "app.gslb.example.com").to_vec();
    cut.truncate(20);
    assert_eq!(code(send(&channel, cut.into()).await), Code::InvalidArgument);

    let mut counts = query(2, "app.gslb.example.com").to_vec();
    counts[11] = 1;
    let reply = send(&channel, counts.clone().into()).await.unwrap();
    assert_eq!((&reply[..2], reply[3] & 0x0F), (&counts[..2], 1), "FORMERR");
    assert_eq!(reply[12..counts.len()], counts[12..], "the question");
}

#[tokio::test]
async fn what_is_longer_than_a_dns_message_is_refused_and_the_connection_stays() {
    let server = Running::start(config());
    let channel = server.channel().await;
    for length in [65_536, 70_000, 1 << 20, 5 << 20] {
        assert_eq!(code(send(&channel, vec![0; length].into()).await), Code::ResourceExhausted, "{length}");
    }
    ask(&channel, 1).await.unwrap();
    assert_eq!(server.seen.answered.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_message_may_come_in_any_pieces() {
    let server = Running::start(config());
    let channel = server.channel().await;
    let query = query(9, "app.gslb.example.com");
    let frame = framed(&query);
    for size in [1, 3, 7, frame.len() - 1] {
        let slow = Slow::start(&channel);
        for piece in frame.chunks(size) {
            slow.send(Bytes::copy_from_slice(piece));
            tokio::task::yield_now().await;
        }
        drop(slow.pieces);
        let (head, body) = slow.response.await.unwrap().unwrap();
        assert_eq!(head.headers["content-type"], "application/grpc");
        assert_right(&query, &body[7..]);
    }
}

#[tokio::test]
async fn what_is_not_grpc_is_told_so() {
    let server = Running::start(config());
    let mut channel = server.channel().await;
    let mut status = async |method: &str, kind: &str| {
        let request = http::Request::builder()
            .method(method)
            .uri("/coredns.dns.DnsService/Query")
            .header("content-type", kind)
            .body(tonic::body::Body::empty())
            .unwrap();
        let channel: &mut Channel =
            tower::ServiceExt::<http::Request<tonic::body::Body>>::ready(&mut channel).await.unwrap();
        tower::Service::call(channel, request).await.unwrap().status()
    };
    assert_eq!(status("POST", "application/dns-message").await, 415);
    assert_eq!(status("POST", "application/grpc-web").await, 415);
    assert_eq!(status("GET", "application/grpc").await, 405);
    assert_eq!(status("POST", "application/grpc").await, 200);
    assert_eq!(status("POST", "application/grpc+proto").await, 200);
}

#[tokio::test]
async fn an_unknown_method_is_unimplemented() {
    let server = Running::start(config());
    let mut client = tonic::client::Grpc::new(server.channel().await);
    client.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<mci_grpc::pb::DnsPacket, mci_grpc::pb::DnsPacket>::default();
    let path = http::uri::PathAndQuery::from_static("/coredns.dns.DnsService/Transfer");
    let request = tonic::Request::new(mci_grpc::pb::DnsPacket::default());
    assert_eq!(code(client.unary(request, path, codec).await), Code::Unimplemented);
}

#[tokio::test]
async fn d29_five_hundred_queries_at_once_on_one_connection_get_each_its_own() {
    let server = Running::start(config());
    let channel = server.channel().await;
    let asked = (0..500).map(|id| {
        let channel = channel.clone();
        tokio::spawn(async move { ask(&channel, id).await })
    });
    for answer in asked.collect::<Vec<_>>() {
        answer.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn d29_two_hundred_and_fifty_streams_are_open_and_the_next_is_unavailable_at_once() {
    let mut limited = config();
    limited.max_in_flight = 250;
    let server = Running::start(limited);
    let channel = server.channel().await;
    let query = query(3, "app.gslb.example.com");
    let frame = framed(&query);

    let open: Vec<Slow> = (0..250).map(|_| Slow::start(&channel)).collect();
    for slow in &open {
        slow.send(frame.slice(..9));
    }
    until_code(&channel, Code::Unavailable).await;
    assert!(server.seen.overloaded.load(Ordering::Relaxed) > 0);
    // On another connection too: the limit is the server's.
    assert_eq!(code(ask(&server.channel().await, 1).await), Code::Unavailable);

    for slow in &open {
        slow.send(frame.slice(9..));
    }
    for Slow { pieces, response } in open {
        drop(pieces);
        let (_, body) = response.await.unwrap().unwrap();
        assert_right(&query, &body[7..]);
    }
    ask(&channel, 4).await.unwrap();
}

#[tokio::test]
async fn a_client_that_goes_away_gives_its_slots_back() {
    let mut limited = config();
    limited.max_in_flight = 5;
    let server = Running::start(limited);
    let channel = server.channel().await;
    let gone = server.channel().await;
    let open: Vec<Slow> = (0..5).map(|_| Slow::start(&gone)).collect();
    until_code(&channel, Code::Unavailable).await;
    for slow in &open {
        slow.response.abort();
    }
    drop((open, gone));
    until_code(&channel, Code::Ok).await;
}

#[tokio::test]
async fn a_message_that_does_not_arrive_in_time_is_given_up() {
    let mut impatient = config();
    impatient.request_timeout = std::time::Duration::from_millis(50);
    let server = Running::start(impatient);
    let slow = Slow::start(&server.channel().await);
    let (head, _) = slow.response.await.unwrap().unwrap();
    assert_eq!(head.headers["grpc-status"], "4", "DEADLINE_EXCEEDED");
}

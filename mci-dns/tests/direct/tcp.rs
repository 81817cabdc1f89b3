//! Rules of TCP (D15, D23, D29, D33) over real connections.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use crate::support::{NAMES, Server, ask_tcp, framed, query, query_with_opt, receive_tcp, snapshot};

#[test]
fn d15_direct_under_12_octets_or_a_response_ends_the_tcp_connection() {
    let server = Server::new();
    let mut response = query(1, "h1");
    response[2] |= 0x80;
    for bad in [&query(2, "h1")[..11], &response] {
        let mut stream = server.tcp();
        assert_eq!(ask_tcp(&mut stream, bad), None);
    }
}

#[test]
fn d23_direct_tcp_has_all_300_addresses() {
    let server = Server::new();
    let mut stream = server.tcp();
    for query in [query(1, "many"), query_with_opt(2, "many", 512, &[])] {
        let reply = ask_tcp(&mut stream, &query).unwrap();
        assert!(reply.is_for(&query) && !reply.truncated());
        assert_eq!(reply.answers(), 300);
    }
}

#[test]
fn d29_direct_many_questions_on_one_connection_each_get_their_own_reply() {
    let server = Server::new();
    let mut stream = server.tcp();
    let all: Vec<u8> = (0..NAMES).flat_map(|n| framed(&query(n.into(), &format!("h{n}")))).collect();
    stream.write_all(&all).unwrap();
    let mut seen = BTreeSet::new();
    for _ in 0..NAMES {
        let reply = receive_tcp(&mut stream).unwrap();
        let n = u8::try_from(reply.id()).unwrap();
        assert!(reply.is_for(&query(n.into(), &format!("h{n}"))));
        assert_eq!(reply.address(), [192, 0, 2, n]);
        seen.insert(n);
    }
    assert_eq!(seen.len(), usize::from(NAMES));
}

#[test]
fn d33_direct_a_query_in_single_octets_gets_its_reply_in_one_segment() {
    let server = Server::new();
    let mut stream = server.tcp();
    let question = query(5, "h5");
    for octet in framed(&question) {
        stream.write_all(&[octet]).unwrap();
    }
    let mut octets = [0; 512];
    let length = stream.read(&mut octets).unwrap();
    assert_eq!(usize::from(u16::from_be_bytes([octets[0], octets[1]])), length - 2);
    assert_eq!(octets[length - 4..length], [192, 0, 2, 5]);
}

#[test]
fn d33_direct_a_length_under_12_or_over_4096_ends_the_connection() {
    let server = Server::new();
    for length in [0_u16, 11, 4097, 65_535] {
        let mut stream = server.tcp();
        stream.write_all(&[framed(&query(1, "h1")), length.to_be_bytes().to_vec()].concat()).unwrap();
        assert_eq!(receive_tcp(&mut stream).unwrap().address(), [192, 0, 2, 1], "{length}");
        assert_eq!(receive_tcp(&mut stream), None, "{length}");
    }
}

#[test]
fn d33_direct_a_query_of_4096_octets_is_answered() {
    let server = Server::new();
    let mut question = query(1, "h1");
    question.resize(4096, 0xff);
    assert_eq!(ask_tcp(&mut server.tcp(), &question).unwrap().address(), [192, 0, 2, 1]);
}

#[test]
fn d33_direct_a_connection_without_a_query_is_closed_after_its_time() {
    let server =
        Server::with(snapshot(), "127.0.0.1:0", |config| config.tcp.idle = Duration::from_millis(200));
    let start = Instant::now();
    let mut stream = server.tcp();
    assert_eq!(receive_tcp(&mut stream), None);
    assert!(start.elapsed() >= Duration::from_millis(200));
}

#[test]
fn a_client_that_sends_no_more_still_gets_its_reply() {
    let server = Server::new();
    let mut stream = server.tcp();
    stream.write_all(&framed(&query(1, "h1"))).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(receive_tcp(&mut stream).unwrap().address(), [192, 0, 2, 1]);
    assert_eq!(receive_tcp(&mut stream), None);
}

#[test]
fn beyond_the_cap_the_connection_that_was_silent_for_longest_is_closed() {
    let server = Server::with(snapshot(), "127.0.0.1:0", |config| {
        config.tcp.connections = NonZeroUsize::new(3).unwrap();
    });
    let mut open: Vec<_> = (0..3).map(|_| server.tcp()).collect();
    for stream in &mut open {
        assert!(ask_tcp(stream, &query(1, "h1")).is_some());
    }
    assert!(ask_tcp(&mut open[0], &query(1, "h1")).is_some());
    let mut newest = server.tcp();
    assert!(ask_tcp(&mut newest, &query(1, "h1")).is_some());
    assert_eq!(receive_tcp(&mut open[1]), None);
    assert!(ask_tcp(&mut open[0], &query(1, "h1")).is_some());
    assert!(ask_tcp(&mut open[2], &query(1, "h1")).is_some());
}

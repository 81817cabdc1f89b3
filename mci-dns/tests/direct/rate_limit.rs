//! Response rate limiting, and what cookies are good for then (D21).

use std::num::NonZeroU32;

use mci_dns::RateLimit;

use crate::support::{Reply, Server, ask, ask_tcp, query, query_with_opt, receive, snapshot};

const RATE: u32 = 5;
/// Enough to be over the limit for as long as a test may take.
const FLOOD: u16 = 200;

fn server(slip: u32) -> Server {
    Server::with(snapshot(), "127.0.0.1:0", |config| {
        let mut limit = RateLimit::new(NonZeroU32::new(RATE).unwrap());
        limit.slip = slip;
        config.rate_limit = Some(limit);
    })
}

/// A COOKIE option with this content.
fn cookie(content: &[u8]) -> Vec<u8> {
    [&[0, 10, 0, u8::try_from(content.len()).unwrap()], content].concat()
}

/// The cookie in a reply whose last record is OPT, with that option alone.
fn cookie_in(reply: &Reply) -> Vec<u8> {
    let cookie: [u8; 24] = *reply.octets.last_chunk().unwrap();
    assert_eq!(reply.octets[reply.octets.len() - 28..][..4], [0, 10, 0, 24]);
    cookie.to_vec()
}

#[test]
fn over_the_limit_replies_are_empty_truncated_and_no_longer_than_the_query() {
    let server = server(1);
    let socket = server.udp();
    let (mut full, mut empty) = (0, 0);
    for n in 0..FLOOD {
        let question = query(n, "many");
        let reply = ask(&socket, &question);
        assert!(reply.is_for(&question) && reply.truncated());
        if reply.answers() > 0 {
            full += 1;
        } else {
            assert!(reply.octets.len() <= question.len());
            empty += 1;
        }
    }
    assert!(full >= RATE && empty > u32::from(FLOOD) / 2, "{full} full, {empty} empty");
}

#[test]
fn over_the_limit_nothing_is_sent_where_slip_is_0_and_tcp_still_answers() {
    let server = server(0);
    let socket = server.udp();
    for n in 0..FLOOD {
        socket.send(&query(n, "h1")).unwrap();
    }
    server.wait_until("all answered or dropped", |seen| seen.len() == usize::from(FLOOD));
    let dropped = server.log.seen().into_iter().filter(|seen| !seen.replied).count();
    assert!(dropped > usize::from(FLOOD) / 2, "{dropped} dropped");
    for n in 0..FLOOD {
        assert!(ask_tcp(&mut server.tcp(), &query(n, "h1")).is_some());
    }
}

#[test]
fn d21_direct_over_the_limit_a_cookie_that_is_not_good_gets_badcookie_and_a_good_one_gets_answers() {
    let server = server(0);
    let socket = server.udp();
    for n in 0..FLOOD {
        socket.send(&query(n, "h1")).unwrap();
    }
    server.wait_until("over the limit", |seen| seen.len() == usize::from(FLOOD));
    socket.set_nonblocking(true).unwrap();
    while socket.recv(&mut [0; 512]).is_ok() {}
    socket.set_nonblocking(false).unwrap();

    let question = query_with_opt(1, "h1", 1232, &cookie(b"client01"));
    let reply = ask(&socket, &question);
    // BADCOOKIE is 23: 7 in the header, and 1 in the OPT record's TTL.
    assert_eq!((reply.rcode(), reply.answers()), (7, 0));
    let good = cookie_in(&reply);
    assert!(good.starts_with(b"client01"));
    for n in 0..FLOOD {
        let question = query_with_opt(n, "h1", 1232, &cookie(&good));
        socket.send(&question).unwrap();
        let reply = receive(&socket);
        assert_eq!((reply.id(), reply.rcode(), reply.answers()), (n, 0, 1));
    }
}

#[test]
fn without_rate_limiting_nothing_is_limited() {
    let server = Server::new();
    let socket = server.udp();
    for n in 0..FLOOD {
        assert_eq!(ask(&socket, &query(n, "h1")).answers(), 1);
    }
}

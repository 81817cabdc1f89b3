//! Rules of UDP (D15, D23, D27, D29, D32).

use std::collections::BTreeSet;
use std::net::{SocketAddr, UdpSocket};
use std::num::NonZeroUsize;

use mci_core::wire::Disposition;
use mci_core::{Snapshot, Way};
use socket2::{Domain, Socket, Type};

use crate::support::{NAMES, Seen, Server, ask, query, query_with_opt, receive, snapshot, udp_client};

#[test]
fn d15_direct_under_12_octets_or_a_response_gets_no_reply_over_udp() {
    let server = Server::new();
    let socket = server.udp();
    let mut response = query(1, "h1");
    response[2] |= 0x80;
    for bad in [&[][..], &[0], &query(2, "h1")[..11], &response] {
        socket.send(bad).unwrap();
    }
    // One socket answers in order, so the first reply says that there was none before it.
    let good = query(3, "h3");
    let reply = ask(&socket, &good);
    assert!(reply.is_for(&good), "{reply:?}");
    assert_eq!(reply.address(), [192, 0, 2, 3]);
    let dropped: Vec<_> = server.log.seen().into_iter().filter(|seen| !seen.replied).collect();
    assert!(dropped.iter().all(|seen| seen.disposition == Disposition::Drop));
    assert_eq!(dropped.len(), 3, "an empty datagram is not even told of");
}

#[test]
fn d17_direct_trailing_octets_are_accepted() {
    let server = Server::new();
    let question = query(1, "h1");
    for trailing in [1, 500, 60_000] {
        let reply = ask(&server.udp(), &[question.clone(), vec![0xff; trailing]].concat());
        assert_eq!((reply.rcode(), reply.address()), (0, [192, 0, 2, 1]), "{trailing} octets");
    }
}

#[test]
fn d23_direct_udp_has_what_fits_the_size_asked_for() {
    let server = Server::new();
    let socket = server.udp();
    for (query, limit) in [
        (query(1, "many"), 512),
        (query_with_opt(2, "many", 100, &[]), 512),
        (query_with_opt(3, "many", 900, &[]), 900),
        (query_with_opt(4, "many", 1232, &[]), 1232),
        (query_with_opt(5, "many", 65_535, &[]), 1232),
    ] {
        let reply = ask(&socket, &query);
        assert!(reply.is_for(&query) && reply.truncated());
        // One more address, 16 octets, would not have fitted.
        assert!((limit - 16 + 1..=limit).contains(&reply.octets.len()), "{} of {limit}", reply.octets.len());
    }
}

#[test]
fn d27_direct_before_the_first_sync_it_is_servfail() {
    let server = Server::with(Snapshot::unready(), "127.0.0.1:0", |_| {});
    let question = query(1, "h1");
    let reply = ask(&server.udp(), &question);
    assert!(reply.is_for(&question));
    assert_eq!(reply.rcode(), 2);
}

#[test]
fn d29_direct_many_questions_at_once_over_udp_each_get_their_own_reply() {
    // Two sockets, as on two cores; eight clients, so that both are asked.
    let server =
        Server::with(snapshot(), "127.0.0.1:0", |config| config.sockets = NonZeroUsize::new(2).unwrap());
    let clients: Vec<_> = (0..8).map(|_| server.udp()).collect();
    for socket in &clients {
        for n in 0..NAMES {
            socket.send(&query(0x4200 + u16::from(n), &format!("h{n}"))).unwrap();
        }
    }
    for socket in &clients {
        let mut seen = BTreeSet::new();
        for _ in 0..NAMES {
            let reply = receive(socket);
            let n = u8::try_from(reply.id() - 0x4200).unwrap();
            assert!(reply.is_for(&query(reply.id(), &format!("h{n}"))));
            assert_eq!(reply.address(), [192, 0, 2, n]);
            seen.insert(n);
        }
        assert_eq!(seen.len(), usize::from(NAMES));
    }
}

#[test]
fn d32_direct_the_reply_comes_from_where_the_query_went() {
    let server = Server::with(snapshot(), "0.0.0.0:0", |_| {});
    let socket = udp_client();
    for _ in 0..3 {
        for last in 1..=4 {
            let asked = SocketAddr::from(([127, 0, 0, last], server.address.port()));
            socket.send_to(&query(last.into(), "h1"), asked).unwrap();
            let mut octets = [0; 512];
            let (_, from) = socket.recv_from(&mut octets).unwrap();
            assert_eq!((from, u16::from_be_bytes([octets[0], octets[1]])), (asked, last.into()));
        }
    }
}

#[test]
fn d32_direct_over_ipv6_too() {
    let Ok(socket) = UdpSocket::bind("[::1]:0") else {
        eprintln!("skipped: this machine has no IPv6");
        return;
    };
    socket.set_read_timeout(Some(crate::support::PATIENCE)).unwrap();
    for address in ["[::]:0", "[::1]:0"] {
        let server = Server::with(snapshot(), address, |_| {});
        let asked: SocketAddr = format!("[::1]:{}", server.address.port()).parse().unwrap();
        socket.send_to(&query(7, "h7"), asked).unwrap();
        let mut octets = [0; 512];
        let (length, from) = socket.recv_from(&mut octets).unwrap();
        assert_eq!((from, &octets[length - 4..length]), (asked, &[192, 0, 2, 7][..]));
    }
}

#[test]
fn d32_direct_a_query_from_port_0_is_dropped() {
    let Ok(raw) = Socket::new(Domain::IPV4, Type::RAW, Some(socket2::Protocol::UDP)) else {
        eprintln!("skipped: only with CAP_NET_RAW can a datagram be sent from port 0");
        return;
    };
    let server = Server::new();
    let payload = query(1, "h1");
    let length = u16::try_from(8 + payload.len()).unwrap();
    let header = [[0, 0], server.address.port().to_be_bytes(), length.to_be_bytes(), [0, 0]].concat();
    let mut to = server.address;
    to.set_port(0);
    raw.send_to(&[header, payload].concat(), &to.into()).unwrap();
    let socket = server.udp();
    ask(&socket, &query(2, "h2"));
    let clients: Vec<_> = server.log.seen().into_iter().map(|seen| seen.client).collect();
    assert_eq!(clients, [Some(socket.local_addr().unwrap())]);
}

#[test]
fn each_message_is_told_of_and_the_first_has_its_time() {
    let server = Server::new();
    let socket = server.udp();
    for n in 0..2 {
        ask(&socket, &query(n, "h1"));
    }
    let seen = |sampled| Seen {
        way: Way::Udp,
        disposition: Disposition::Reply,
        replied: true,
        client: Some(socket.local_addr().unwrap()),
        sampled,
    };
    assert_eq!(server.log.seen(), [seen(true), seen(false)]);
}

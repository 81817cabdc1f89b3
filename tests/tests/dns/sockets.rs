//! D32 and D33: where replies come from, and TCP.

use std::net::{IpAddr, UdpSocket};
use std::time::{Duration, Instant};

use mci_tests::client::{Client, Connection, TRANSPORTS, Transport, framed};
use mci_tests::mci::Mci;
use mci_tests::netns;
use mci_tests::process::Process;
use mci_tests::query::Query;
use mci_tests::reply::Reply;
use mci_tests::require::{self, Component};
use mci_tests::wait;

use crate::world::{World, expect, state};

fn app() -> Query {
    Query::new("app.gslb.example.com", "A")
}

#[test]
fn d32_direct_several_addresses_each_answer_from_their_own() {
    if !require::present(&[Component::Ipv6]) {
        return;
    }
    let mci = Mci::over(&state()).ipv6().start();
    for server in [mci.dns(), mci.dns_v6()] {
        for transport in TRANSPORTS {
            expect(&Client { server, transport }.ask(&app()), "NOERROR", true);
        }
    }
}

/// In a network namespace with several addresses, on the port that a DNS server has.
#[test]
fn d32_direct_a_wildcard_socket_answers_from_the_address_that_was_asked() {
    if !require::present(&[Component::NetworkNamespace]) {
        return;
    }
    let addresses: Vec<IpAddr> =
        ["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"].map(|text| text.parse().unwrap()).into();
    netns::inside(&addresses, || {
        for listen in ["0.0.0.0:53,[::]:53", "[::]:53"] {
            let mci = WildcardMci::start(listen);
            for address in
                addresses.iter().copied().chain(["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()])
            {
                if listen == "[::]:53" && address.is_ipv4() {
                    continue;
                }
                let server = (address, 53).into();
                for transport in TRANSPORTS {
                    // The socket is connected: the kernel drops what comes from another address or port.
                    expect(&Client { server, transport }.ask(&app()), "NOERROR", true);
                }
                // Seen with an unconnected socket, too.
                let any: IpAddr = if address.is_ipv4() { [0; 4].into() } else { [0; 16].into() };
                let socket = UdpSocket::bind((any, 0)).unwrap();
                socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
                socket.send_to(&app().octets(), (address, 53)).unwrap();
                let (_, from) = socket.recv_from(&mut [0; 1_500]).unwrap();
                assert_eq!(from, (address, 53).into());
            }
            drop(mci);
        }
    });
}

/// MCI on port 53 of everything, in a namespace where that is free.
struct WildcardMci {
    _process: Process,
    _folder: tempfile::TempDir,
}

impl WildcardMci {
    fn start(listen: &str) -> Self {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("state.yaml");
        std::fs::write(&file, state()).unwrap();
        let mut command = mci_tests::mci::mci();
        command.arg("standalone").arg(&file).args([
            "--dns",
            listen,
            "--grpc",
            "off",
            "--http",
            "127.0.0.1:5380",
        ]);
        let mut process = Process::start("mci on port 53", &command);
        process.wait_until("it is ready", |_| {
            mci_tests::http::get(([127, 0, 0, 1], 5380).into(), "/readyz")
                .is_some_and(|found| found.status == 200)
        });
        WildcardMci { _process: process, _folder: folder }
    }
}

#[test]
fn d33_direct_any_split_of_length_and_octets() {
    let world = World::direct();
    let octets = framed(&app().octets());
    for cut in 1..octets.len() {
        let mut connection = Connection::open(world.mci.dns());
        connection.send_octets(&octets[..cut]);
        // Without a pause both parts could arrive as one.
        std::thread::sleep(Duration::from_millis(2));
        connection.send_octets(&octets[cut..]);
        expect(&connection.reply(), "NOERROR", true);
    }
    let mut connection = Connection::open(world.mci.dns());
    for octet in &octets {
        connection.send_octets(&[*octet]);
    }
    expect(&connection.reply(), "NOERROR", true);
}

#[test]
fn d33_direct_pipelined_queries_are_all_answered() {
    let world = World::direct();
    let mut connection = Connection::open(world.mci.dns());
    let all: Vec<u8> = (0..500).flat_map(|id| framed(&app().id(id).octets())).collect();
    connection.send_octets(&all);
    // What has been sent is answered, even by a client that says it is done.
    connection.finish_sending();
    let mut ids: Vec<u16> = (0..500).map(|_| connection.reply().id).collect();
    ids.sort_unstable();
    assert_eq!(ids, (0..500).collect::<Vec<u16>>());
    assert_eq!(connection.receive(), None);
}

#[test]
fn d33_direct_a_length_that_cannot_be_closes() {
    let world = World::direct();
    for length in [0_u16, 1, 11, 4_097, 65_535] {
        let mut connection = Connection::open(world.mci.dns());
        connection.send_octets(&length.to_be_bytes());
        connection.send_octets(&app().octets());
        assert_eq!(connection.receive(), None, "{length} octets");
    }
    // 4,096 is a message; this one with octets behind its end (D17).
    let mut octets = app().octets();
    octets.resize(4_096, 0);
    let mut connection = Connection::open(world.mci.dns());
    connection.send(&octets);
    expect(&connection.reply(), "NOERROR", true);
}

#[test]
fn d33_direct_an_idle_connection_is_closed_after_ten_seconds() {
    let world = World::direct();
    let mut idle = Connection::open(world.mci.dns());
    let mut half = Connection::open(world.mci.dns());
    half.send_octets(&framed(&app().octets())[..7]);
    for connection in [&mut idle, &mut half] {
        connection.patience(Duration::from_secs(20));
    }
    let started = Instant::now();
    assert_eq!(idle.receive(), None);
    let took = started.elapsed();
    assert!(took > Duration::from_secs(8) && took < Duration::from_secs(15), "{took:?}");
    assert_eq!(half.receive(), None);
    assert!(started.elapsed() < Duration::from_secs(15));
}

/// Many connections that say nothing take nothing from those that ask.
#[test]
fn d33_direct_silent_connections_leave_room_for_others() {
    let world = World::direct();
    let silent: Vec<Connection> = (0..300).map(|_| Connection::open(world.mci.dns())).collect();
    expect(&world.mci.client(Transport::Tcp).ask(&app()), "NOERROR", true);
    expect(&world.mci.client(Transport::Udp).ask(&app()), "NOERROR", true);
    drop(silent);
}

/// Queries from port 0 cannot be answered; there is no way to send one without a raw socket, and no harm done.
#[test]
fn d32_direct_a_client_that_is_gone_does_no_harm() {
    let world = World::direct();
    for _ in 0..50 {
        // The reply meets a closed port, and its ICMP error comes back to the server's socket.
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.send_to(&app().octets(), world.mci.dns()).unwrap();
        drop(socket);
    }
    let octets = app().octets();
    wait::until_true("the next is answered", || {
        let reply = mci_tests::client::udp(world.mci.dns(), &octets, Duration::from_secs(1)).unwrap();
        reply.is_some_and(|reply| Reply::read(&reply).is_ok_and(|reply| reply.rcode == "NOERROR"))
    });
}

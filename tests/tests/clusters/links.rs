//! The ways between clusters: cut, silent, slow; and peers that are none.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use mci_tests::checker::Checker;
use mci_tests::fleet::Fleet;
use mci_tests::proxy::Proxy;
use mci_tests::wait;
use mci_tests::world::{CALM, lasts};

use crate::{TIMEOUT, all_of, expose, here, nothing, patient, stale_within};

const TEAM: &str = "team";
const NAME: &str = "app.gslb.example.com";
const WEST: &str = "192.0.2.1";
const EAST: &str = "198.51.100.1";
const NORTH: &str = "203.0.113.1";

/// How long it takes at most until a link that works again is used again: reconnecting backs off.
const AGAIN: Duration = Duration::from_secs(20);

/// West and east cannot hear each other for longer than the timeout, and north hears both.
#[track_caller]
fn a_link_of_three_fails(fail: fn(&Proxy)) {
    let fleet = patient(3).start();
    for world in &fleet.worlds {
        expose(world, TEAM, NAME, &nothing());
    }
    fleet.draws(NAME, "A", &[WEST, EAST, NORTH]);
    let mut load = fleet.load(NAME);
    let began = Checker::new(CALM).phase("all", load.began(), all_of([WEST, EAST, NORTH]));

    let failed = Instant::now();
    fleet.links_between("west", "east").into_iter().for_each(fail);
    let without =
        |right| began.clone().delay(failed, stale_within()).phase("a link is cut", failed, all_of(right));
    let (west, east) = (without([WEST, NORTH]), without([EAST, NORTH]));
    fleet.world("west").draws(NAME, "A", &[WEST, NORTH]);
    fleet.world("east").draws(NAME, "A", &[EAST, NORTH]);
    for (at, of, state) in [
        ("west", "east", "stale"),
        ("east", "west", "stale"),
        ("north", "west", "alive"),
        ("north", "east", "alive"),
    ] {
        wait::until_true(&format!("{at} says of {of} that it is {state}"), || {
            fleet.world(at).state_of(of).as_deref() == Some(state)
        });
    }
    // What comes meanwhile is known in the north at once, and on the other side when the link works again.
    let late = "late.gslb.example.com";
    expose(fleet.world("west"), "late", late, &nothing());
    for cluster in ["west", "north"] {
        fleet.world(cluster).answers(late, "A", WEST);
    }
    lasts(TIMEOUT);
    fleet.world("east").answers(late, "A", "NXDOMAIN");

    let mended = Instant::now();
    fleet.links_between("west", "east").into_iter().for_each(Proxy::pass);
    for world in &fleet.worlds {
        world.answers_within(AGAIN, late, "A", WEST);
        world.draws_within(AGAIN, NAME, "A", &[WEST, EAST, NORTH]);
    }
    fleet.wait_until_all_alive();
    for (cluster, table) in [("west", west), ("east", east)] {
        load.end_at(cluster, &table.phase("all again", mended, all_of([WEST, EAST, NORTH])));
    }
    load.none_failed_none_wrong(&began);
    fleet.wait_until_equal();
}

#[test]
fn a_link_between_two_of_three_is_cut_and_mended() {
    if !here() {
        return;
    }
    a_link_of_three_fails(Proxy::cut);
}

#[test]
fn a_link_between_two_of_three_falls_silent_and_speaks_again() {
    if !here() {
        return;
    }
    a_link_of_three_fails(Proxy::hang);
}

#[test]
fn a_slow_link_delays_what_goes_over_it_and_nothing_else() {
    if !here() {
        return;
    }
    // There and back in less than a heartbeat's interval, or the sender looks for a better connection.
    let slow = Duration::from_millis(300);
    let fleet = patient(3).start();
    for world in &fleet.worlds {
        expose(world, TEAM, NAME, &nothing());
    }
    fleet.draws(NAME, "A", &[WEST, EAST, NORTH]);
    for proxy in fleet.links_between("west", "east") {
        proxy.delay(slow);
    }
    let mut load = fleet.load(NAME);
    let mut tables = [CALM, CALM, CALM + slow * 4]
        .map(|delay| Checker::new(delay).phase("all", load.began(), all_of([WEST, EAST, NORTH])));
    for _ in 0..3 {
        for (replicas, right) in [(0, [EAST, NORTH].as_slice()), (1, &[WEST, EAST, NORTH])] {
            let changed = Instant::now();
            fleet.world("west").cluster().scale(TEAM, "app", replicas);
            for world in &fleet.worlds {
                world.draws(NAME, "A", right);
            }
            tables =
                tables.map(|table| table.phase("west's changed", changed, all_of(right.iter().copied())));
        }
    }
    let [west, north, east] = tables;
    for (cluster, table) in [("west", west), ("north", north), ("east", east)] {
        load.end_at(cluster, &table);
    }
    fleet.wait_until_all_alive();
    fleet.wait_until_equal();
}

/// A server that does so with each connection.
fn server(serve: fn(std::net::TcpStream)) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || serve(stream));
        }
    });
    address
}

/// Reads what comes, and says nothing to it for as long as somebody is there.
fn silence(mut stream: std::net::TcpStream) {
    let mut buffer = [0; 4096];
    while stream.read(&mut buffer).is_ok_and(|length| length > 0) {}
}

/// Answers whatever comes with octets that mean nothing in any protocol.
fn garbage(mut stream: std::net::TcpStream) {
    let mut buffer = [0; 4096];
    while stream.read(&mut buffer).is_ok_and(|length| length > 0) {
        let octets: Vec<u8> = (0..2048_u32).map(|number| u8::try_from(number * 167 % 251).unwrap()).collect();
        if stream.write_all(&octets).is_err() {
            return;
        }
    }
}

/// Says that it has understood, and sends a body without end, an octet at a time.
fn endless(mut stream: std::net::TcpStream) {
    let _ = stream
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100000000\r\n\r\n");
    while stream.write_all(b" ").is_ok() {
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn peers_that_hang_and_that_answer_garbage_delay_nobody() {
    if !here() {
        return;
    }
    let mut fleet = patient(2).start();
    let nobody = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let odd = [
        ("silent", server(silence)),
        ("confused", server(garbage)),
        ("endless", server(endless)),
        ("closed", nobody),
    ];
    for cluster in ["west", "east"] {
        fleet.configure(cluster, |configuration| {
            for (name, address) in odd {
                configuration.add_peer(name, address);
            }
        });
    }
    for world in &fleet.worlds {
        expose(world, TEAM, NAME, &nothing());
    }
    fleet.draws(NAME, "A", &[WEST, EAST]);
    // They are known of by now.
    for (name, _) in odd {
        for world in &fleet.worlds {
            wait::until_true(&format!("{name} is a peer"), || world.state_of(name).is_some());
        }
    }
    let load = fleet.load(NAME);
    let mut table = Checker::new(CALM).phase("both", load.began(), all_of([WEST, EAST]));
    // For longer than anything is waited for that they might say.
    for _ in 0..8 {
        for (replicas, right) in [(0, [EAST].as_slice()), (1, &[WEST, EAST])] {
            let changed = Instant::now();
            fleet.world("west").cluster().scale(TEAM, "app", replicas);
            fleet.draws(NAME, "A", right);
            table = table.phase("west's changed", changed, all_of(right.iter().copied()));
        }
        lasts(Duration::from_secs(1));
    }
    load.none_failed_none_wrong(&table);
    for cluster in ["west", "east"] {
        fleet.wait_for_state(cluster, "alive");
    }
    all_are_ready(&fleet);
    fleet.wait_until_equal();
}

#[track_caller]
fn all_are_ready(fleet: &Fleet) {
    for replica in fleet.worlds.iter().flat_map(mci_tests::world::World::all) {
        assert!(replica.is_ready(), "{}", replica.name());
    }
}

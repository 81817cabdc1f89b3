//! What a real `CoreDNS` does in front of MCI: several upstreams that die, hang and restart, TLS and unix sockets,
//! weights, and the plugins that people put beside `grpc`.
//!
//! What is measured here is said in `docs/coredns.md`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use std::time::{Duration, Instant};

use mci_tests::certificates::{Certificates, SERVER_NAME};
use mci_tests::checker::Checker;
use mci_tests::client::{Connection, Transport};
use mci_tests::coredns::Corefile;
use mci_tests::load::{Answer, Plan};
use mci_tests::mci::Mci;
use mci_tests::query::{Opt, Query, option};
use mci_tests::require::{self, Component};
use mci_tests::statistics::assert_fits;
use mci_tests::wait;

const STATE: &str = "
zones:
  - name: gslb.example.com
    nameservers: [ns1.example.net, ns2.example.net]
clusters: [{name: west}, {name: east}]
hostnames:
  - hostname: app.gslb.example.com
    endpoints: [{cluster: west, addresses: [192.0.2.10]}]
  - hostname: quick.gslb.example.com
    ttl: 2
    endpoints: [{cluster: west, addresses: [192.0.2.11]}]
  - hostname: shop.gslb.example.com
    endpoints:
      - {cluster: west, addresses: [192.0.2.70], weight: 70}
      - {cluster: east, addresses: [198.51.100.30], weight: 30}
  - hostname: hinted.gslb.example.com
    answerMode: all
    endpoints:
      - {cluster: west, addresses: [192.0.2.1], weight: 1000}
      - {cluster: east, addresses: [198.51.100.1], weight: 1}
";

fn here() -> bool {
    require::present(&[Component::CoreDns])
}

fn right() -> Answer {
    Answer::addresses(["192.0.2.10"])
}

/// Queries that MCI has answered over gRPC, by its own count.
fn counted(mci: &Mci) -> f64 {
    let metrics = mci.metrics();
    let of_grpc = metrics
        .lines()
        .filter(|line| line.starts_with("mci_dns_queries_total{") && line.contains("transport=\"grpc\""))
        .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok());
    of_grpc.sum()
}

#[test]
fn one_of_two_upstreams_dies_and_no_query_fails() {
    if !here() {
        return;
    }
    let (mut first, second) = (Mci::start(STATE), Mci::start(STATE));
    let coredns = Corefile::new([first.grpc(), second.grpc()]).start();
    let mut plan = Plan::new([coredns.dns()], "app.gslb.example.com");
    plan.clients = 4;
    let calm = Instant::now();
    let load = plan.start();
    wait::until_true("both are asked", || counted(&first) >= 50.0 && counted(&second) >= 50.0);
    first.process.kill();
    let before = counted(&second);
    wait::until_true("the other has answered a while alone", || counted(&second) >= before + 1_000.0);
    let verdict = Checker::new(Duration::ZERO).phase("all the time", calm, [right()]).judge(&load.stop());
    verdict.assert_none_failed_none_wrong(1_000);
}

#[test]
fn an_upstream_restarts_under_load_beside_another_and_no_query_fails() {
    if !here() {
        return;
    }
    let (mut first, second) = (Mci::start(STATE), Mci::start(STATE));
    let coredns = Corefile::new([first.grpc(), second.grpc()]).start();
    let mut plan = Plan::new([coredns.dns()], "app.gslb.example.com");
    plan.clients = 4;
    let calm = Instant::now();
    let load = plan.start();
    wait::until_true("both are asked", || counted(&first) >= 50.0 && counted(&second) >= 50.0);
    // A graceful end, which loses no query in flight, and then one that is none.
    assert!(first.process.terminate().success());
    let first = first.restart();
    // CoreDNS dials again after a second or more.
    wait::until_true("the first is asked again", || counted(&first) >= 50.0);
    let first = first.restart();
    wait::until_true("the first is asked once more", || counted(&first) >= 50.0);
    let verdict = Checker::new(Duration::ZERO).phase("all the time", calm, [right()]).judge(&load.stop());
    verdict.assert_none_failed_none_wrong(1_000);
}

/// A limit of `CoreDNS`: the query that meets a stopped process waits out its five seconds and gets SERVFAIL. The
/// others are answered; so many fail as meet it.
#[test]
fn an_upstream_that_hangs_costs_its_queries_five_seconds_and_servfail() {
    if !here() {
        return;
    }
    let (first, second) = (Mci::start(STATE), Mci::start(STATE));
    let coredns = Corefile::new([first.grpc(), second.grpc()]).grpc("policy round_robin").start();
    let mut plan = Plan::new([coredns.dns()], "app.gslb.example.com");
    plan.patience = Duration::from_secs(10);
    wait::until_true("both are asked", || {
        plan.exchange();
        counted(&first) >= 1.0 && counted(&second) >= 1.0
    });
    first.process.freeze();
    let exchanges: Vec<_> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..20).map(|_| scope.spawn(|| plan.exchange())).collect();
        asking.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    first.process.thaw();
    let (answered, failed): (Vec<_>, Vec<_>) =
        exchanges.iter().partition(|exchange| exchange.answer == right());
    // Round robin: about every other one.
    assert!((7..=13).contains(&failed.len()), "{} of 20 failed", failed.len());
    for exchange in answered {
        assert!(exchange.received - exchange.sent < Duration::from_secs(4), "{exchange:?}");
    }
    for exchange in failed {
        assert_eq!(exchange.answer, Answer::Error("SERVFAIL".to_owned()));
        let took = exchange.received - exchange.sent;
        assert!(took > Duration::from_millis(4_500) && took < Duration::from_secs(9), "{took:?}");
    }
    // And it is used again when it goes on.
    let before = counted(&first);
    wait::until_true("the first is asked again", || {
        plan.exchange();
        counted(&first) > before + 1.0
    });
}

#[test]
fn no_upstream_at_all_is_servfail_at_once() {
    if !here() {
        return;
    }
    // A port on which nobody listens, for as long as it is ours.
    let nobody = mci_tests::port::Port::reserve();
    let coredns = Corefile::new([nobody.v4()]).start();
    let started = Instant::now();
    let reply = coredns.client(Transport::Udp).query("app.gslb.example.com", "A");
    assert_eq!(reply.rcode, "SERVFAIL", "{reply}");
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
}

#[test]
fn two_hundred_queries_at_once_on_one_connection_to_mci() {
    if !here() {
        return;
    }
    let mci = Mci::start(STATE);
    let coredns = Corefile::new([mci.grpc()]).start();
    let started = Instant::now();
    for _ in 0..5 {
        let mut connection = Connection::open(coredns.dns());
        for id in 0..200 {
            connection.send(&Query::new("app.gslb.example.com", "A").id(id).octets());
        }
        for _ in 0..200 {
            let reply = connection.reply();
            assert_eq!(reply.data("A"), ["192.0.2.10"], "{reply}");
        }
    }
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    assert!(counted(&mci) >= 1_000.0);
}

#[test]
fn ten_thousand_answers_fit_seventy_to_thirty() {
    if !here() {
        return;
    }
    let mci = Mci::start(STATE);
    let coredns = Corefile::new([mci.grpc()]).start();
    let (mut west, mut east) = (0, 0);
    for _ in 0..50 {
        let mut connection = Connection::open(coredns.dns());
        for id in 0..200 {
            connection.send(&Query::new("shop.gslb.example.com", "A").id(id).octets());
        }
        for _ in 0..200 {
            let reply = connection.reply();
            match &reply.data("A")[..] {
                [address] if address == "192.0.2.70" => west += 1,
                [address] if address == "198.51.100.30" => east += 1,
                _ => panic!("not the address of one cluster:\n{reply}"),
            }
        }
    }
    assert_eq!(west + east, 10_000);
    assert_fits(&[("west", west), ("east", east)], &[("west", 70.0), ("east", 30.0)]);
}

#[test]
fn unix_sockets_make_a_pool() {
    if !here() {
        return;
    }
    let mci = Mci::over(STATE).unix_sockets(3).start();
    let coredns = Corefile::over_sockets(mci.sockets()).start();
    for client in coredns.clients() {
        for _ in 0..20 {
            let reply = client.query("app.gslb.example.com", "A");
            assert_eq!(reply.data("A"), ["192.0.2.10"], "{reply}");
        }
    }
    assert!(counted(&mci) >= 40.0);
    // Each socket works alone.
    for socket in mci.sockets() {
        let coredns = Corefile::over_sockets(&[socket]).start();
        let reply = coredns.client(Transport::Udp).query("app.gslb.example.com", "A");
        assert_eq!(reply.data("A"), ["192.0.2.10"], "{reply}");
    }
}

#[test]
fn unix_sockets_are_served_again_after_a_kill_and_removed_at_the_end() {
    let mci = Mci::over(STATE).unix_sockets(1).start();
    let mut mci = mci.restart();
    let socket = mci.sockets()[0].clone();
    assert!(socket.exists());
    assert!(mci.process.terminate().success());
    assert!(!socket.exists(), "the socket of an ended server is left behind");
}

fn path(path: &std::path::Path) -> String {
    path.to_str().expect("UTF-8").to_owned()
}

#[test]
fn tls_between_coredns_and_mci() {
    if !here() {
        return;
    }
    let certificates = Certificates::new();
    let mci = Mci::over(STATE).tls(&certificates, false).start();
    let authority = path(&certificates.authority());
    let right_name = Corefile::new([mci.grpc()])
        .grpc(&format!("tls {authority}"))
        .grpc(&format!("tls_servername {SERVER_NAME}"))
        .start();
    for client in right_name.clients() {
        let reply = client.query("app.gslb.example.com", "A");
        assert_eq!(reply.data("A"), ["192.0.2.10"], "{reply}");
    }
    // The certificate is for 127.0.0.1, too.
    let by_address = Corefile::new([mci.grpc()]).grpc(&format!("tls {authority}")).start();
    assert_eq!(
        by_address.client(Transport::Udp).query("app.gslb.example.com", "A").data("A"),
        ["192.0.2.10"]
    );

    // Another name, another authority, no TLS: an error each, and no answer.
    let other = Certificates::new();
    let wrong = [
        Corefile::new([mci.grpc()]).grpc(&format!("tls {authority}")).grpc("tls_servername other.test"),
        Corefile::new([mci.grpc()]).grpc(&format!("tls {}", path(&other.authority()))),
        Corefile::new([mci.grpc()]),
    ];
    for corefile in wrong {
        let reply = corefile.start().client(Transport::Udp).query("app.gslb.example.com", "A");
        assert_eq!((reply.rcode.as_str(), reply.answers()), ("SERVFAIL", vec![]), "{corefile:?}: {reply}");
    }
}

#[test]
fn tls_with_a_certificate_of_the_client() {
    if !here() {
        return;
    }
    let certificates = Certificates::new();
    let mci = Mci::over(STATE).tls(&certificates, true).start();
    let [certificate, key, authority] =
        [certificates.client_certificate(), certificates.client_key(), certificates.authority()]
            .map(|file| path(&file));
    let known = Corefile::new([mci.grpc()]).grpc(&format!("tls {certificate} {key} {authority}")).start();
    assert_eq!(known.client(Transport::Udp).query("app.gslb.example.com", "A").data("A"), ["192.0.2.10"]);

    let unknown = Corefile::new([mci.grpc()]).grpc(&format!("tls {authority}")).start();
    assert_eq!(unknown.client(Transport::Udp).query("app.gslb.example.com", "A").rcode, "SERVFAIL");
}

/// `cache` raises a TTL below 5, keeps one draw for each name and type, and does not look at the client's subnet.
#[test]
fn cache_freezes_one_draw_and_raises_short_ttls() {
    if !here() {
        return;
    }
    let mci = Mci::start(STATE);
    let coredns = Corefile::new([mci.grpc()]).plugin("cache 30").start();
    let udp = coredns.client(Transport::Udp);
    let reply = udp.query("quick.gslb.example.com", "A");
    assert_eq!(reply.answers(), ["quick.gslb.example.com. 5 A 192.0.2.11"], "{reply}");

    let before = counted(&mci);
    let first = udp.query("shop.gslb.example.com", "A").data("A");
    let started = Instant::now();
    for third in 0..20 {
        let subnet = Opt::new().option(option::ECS, &[0, 1, 24, 0, 10, 0, third]);
        let reply = udp.ask(&Query::new("shop.gslb.example.com", "A").opt(subnet));
        if started.elapsed() < Duration::from_secs(4) {
            assert_eq!(reply.data("A"), first, "{reply}");
        }
    }
    if started.elapsed() < Duration::from_secs(4) {
        assert!(counted(&mci) <= before + 1.0, "{} queries reached MCI", counted(&mci) - before);
    }
}

#[test]
fn cache_with_a_minimum_of_zero_leaves_the_ttl() {
    if !here() {
        return;
    }
    let mci = Mci::start(STATE);
    let cache = "cache {\n success 9984 3600 0\n denial 9984 1800 0\n }";
    let coredns = Corefile::new([mci.grpc()]).plugin(cache).start();
    let reply = coredns.client(Transport::Udp).query("quick.gslb.example.com", "A");
    assert_eq!(reply.answers(), ["quick.gslb.example.com. 2 A 192.0.2.11"], "{reply}");
}

/// A SERVFAIL that is a message is kept; an error of gRPC is not: the next query is asked again.
#[test]
fn cache_does_not_keep_an_error_of_grpc() {
    if !here() {
        return;
    }
    let mut mci = Mci::start(STATE);
    let coredns = Corefile::new([mci.grpc()]).plugin("cache 30").start();
    let udp = coredns.client(Transport::Udp);
    mci.process.kill();
    assert_eq!(udp.query("app.gslb.example.com", "A").rcode, "SERVFAIL");
    let mci = mci.restart();
    wait::until_true("it is answered again", || udp.query("app.gslb.example.com", "A").rcode == "NOERROR");
    drop(mci);
}

/// `loadbalance` shuffles once more: the weighted order of `answerMode: all` is lost.
#[test]
fn loadbalance_loses_the_weighted_order() {
    if !here() {
        return;
    }
    let mci = Mci::start(STATE);
    let west_first = |corefile: Corefile| {
        let coredns = corefile.start();
        let udp = coredns.client(Transport::Udp);
        (0..200).filter(|_| udp.query("hinted.gslb.example.com", "A").answer[0].data == "192.0.2.1").count()
    };
    let plain = west_first(Corefile::new([mci.grpc()]));
    assert!(plain > 180, "west, 1000 to 1, was first in {plain} of 200");
    let shuffled = west_first(Corefile::new([mci.grpc()]).plugin("loadbalance"));
    assert!((50..150).contains(&shuffled), "west was first in {shuffled} of 200 behind loadbalance");
}

/// `rewrite edns0 subnet` tells MCI where a client is, and its price is an OPT record for who sent none.
#[test]
fn rewrite_edns0_subnet_leaks_an_opt_record() {
    if !here() {
        return;
    }
    let mci = Mci::start(STATE);
    let without = Corefile::new([mci.grpc()]).start();
    assert_eq!(without.client(Transport::Udp).query("app.gslb.example.com", "A").opt, None);

    let coredns = Corefile::new([mci.grpc()]).plugin("rewrite edns0 subnet set 24 56").start();
    let reply = coredns.client(Transport::Udp).query("app.gslb.example.com", "A");
    assert_eq!(reply.data("A"), ["192.0.2.10"], "{reply}");
    let opt = reply
        .opt
        .as_ref()
        .unwrap_or_else(|| panic!("no OPT record any more: docs/coredns.md is to be changed"));
    // The client's network, echoed with scope 0 (D22).
    assert_eq!(opt.options, [(option::ECS, vec![0, 1, 24, 0, 127, 0, 0])], "{reply}");
}

/// Only names of the zone reach MCI; the others never leave `CoreDNS`.
#[test]
fn a_zone_behind_grpc_keeps_foreign_names_out() {
    if !here() {
        return;
    }
    let mci = Mci::start(STATE);
    let coredns = Corefile::new([mci.grpc()]).zone("gslb.example.com").start();
    let udp = coredns.client(Transport::Udp);
    assert_eq!(udp.query("app.gslb.example.com", "A").rcode, "NOERROR");
    let before = counted(&mci);
    let foreign = udp.query("www.example.net", "A").rcode;
    assert!(foreign == "SERVFAIL" || foreign == "REFUSED", "{foreign}");
    assert!(counted(&mci) <= before, "a foreign name reached MCI");
}

/// The check that the tests above rest on is seen to fail: here is nobody else to answer.
#[test]
fn with_one_upstream_its_death_is_seen_by_the_checker() {
    if !here() {
        return;
    }
    let mut mci = Mci::start(STATE);
    let coredns = Corefile::new([mci.grpc()]).start();
    let udp = coredns.client(Transport::Udp);
    let calm = Instant::now();
    let load = Plan::new([coredns.dns()], "app.gslb.example.com").start();
    wait::until_true("it is asked", || counted(&mci) >= 50.0);
    mci.process.kill();
    wait::until_true("queries fail", || udp.query("app.gslb.example.com", "A").rcode == "SERVFAIL");
    let verdict = Checker::new(Duration::ZERO).phase("all the time", calm, [right()]).judge(&load.stop());
    assert!(!verdict.failed.is_empty());
    assert_eq!(verdict.wrong, [""; 0]);
}

//! A dns-server and its API server: what it begins with, what it keeps, and the two sources that it can read.

use std::path::PathBuf;

use mci_tests::cluster::{Mode, Replica};
use mci_tests::http;
use mci_tests::wait;
use mci_tests::world::{CLUSTER, Peer, World};
use serde_json::Value;

use crate::here;

const NAME: &str = "app.gslb.example.com";

/// Only what the test itself writes is published.
fn world() -> World {
    let world = World::options().replicas(Mode::Operator, 0).start();
    Peer::new(CLUSTER).publish(&world, &[(NAME, "192.0.2.1")]);
    world.answers(NAME, "A", "192.0.2.1");
    world
}

fn snapshot_file(world: &World) -> PathBuf {
    world.clusters().folder().join("snapshot.json")
}

fn with_file(world: &World) -> Replica {
    world
        .setup(Mode::DnsServer)
        .argument(format!("--snapshot-file={}", snapshot_file(world).display()))
        .spawn()
}

fn status(replica: &Replica) -> Option<Value> {
    serde_json::from_str(&http::get(replica.http(), "/api/v1/status")?.body).ok()
}

fn digest(replica: &Replica) -> Option<String> {
    let digest = &status(replica)?["digest"];
    (!digest.is_null()).then(|| digest.to_string())
}

#[test]
fn a_dns_server_keeps_answering_while_the_api_server_is_gone_and_follows_when_it_is_back() {
    if !here() {
        return;
    }
    let world = world();
    world.cluster().api_server().kill();
    world.answers(NAME, "A", "192.0.2.1");
    let replica = &world.dns_servers[0];
    assert!(replica.is_ready());
    wait::until_true("readiness tells that the API server is lost", || {
        http::get(replica.http(), "/readyz").is_some_and(|reply| reply.body.contains("last heard"))
    });
    world.answers(NAME, "A", "192.0.2.1");
    world.cluster().api_server().start_again();
    Peer::new(CLUSTER).publish(&world, &[(NAME, "192.0.2.2")]);
    world.answers(NAME, "A", "192.0.2.2");
}

#[test]
fn a_dns_server_that_starts_without_its_api_server_answers_from_its_snapshot_file() {
    if !here() {
        return;
    }
    let mut world = world();
    let writer = with_file(&world).when_ready();
    let file = snapshot_file(&world);
    wait::until_true("the file is written", || {
        std::fs::read_to_string(&file).is_ok_and(|text| text.contains(NAME))
    });
    let before = digest(&writer);
    world.dns_servers.push(writer);
    // Its token comes from the API server.
    let blank = world.setup(Mode::DnsServer);
    world.cluster().api_server().kill();
    let writer = world.dns_servers.pop().unwrap().restart();
    assert_eq!(digest(&writer), before);
    let detail = http::get(writer.http(), "/readyz").unwrap().body;
    assert!(detail.contains("answers come from it"), "{detail}");
    world.dns_servers.push(writer);
    world.answers(NAME, "A", "192.0.2.1");

    // Beside one that never had a file, and so cannot answer: not ready, and no NXDOMAIN.
    let blank = blank.spawn();
    wait::until_true("it listens", || {
        http::get(blank.http(), "/healthz").is_some_and(|reply| reply.status == 200)
    });
    for said in ["before", "and after it looked for its API server"] {
        assert!(!blank.is_ready(), "{said}");
        assert_eq!(mci_tests::world::ask(blank.dns(), NAME, "A"), "SERVFAIL", "{said}");
        wait::until_true("it has looked", || blank.process.log().contains("API server"));
    }
    let coredns = mci_tests::coredns::Corefile::new([blank.grpc()]).start();
    assert_eq!(mci_tests::world::ask(coredns.dns(), NAME, "A"), "SERVFAIL");

    world.cluster().api_server().start_again();
    Peer::new(CLUSTER).publish(&world, &[(NAME, "192.0.2.2")]);
    world.dns_servers.push(blank.when_ready());
    world.answers(NAME, "A", "192.0.2.2");
}

#[test]
fn a_snapshot_file_that_is_no_longer_true_is_corrected_by_the_api_server() {
    if !here() {
        return;
    }
    let mut world = world();
    let mut writer = with_file(&world).when_ready();
    let file = snapshot_file(&world);
    wait::until_true("the file is written", || {
        std::fs::read_to_string(&file).is_ok_and(|text| text.contains("192.0.2.1"))
    });
    // SIGKILL: it has no time to write another.
    writer.process.kill();
    Peer::new(CLUSTER).publish(&world, &[(NAME, "192.0.2.2")]);
    world.answers(NAME, "A", "192.0.2.2");
    world.dns_servers.push(writer.restart());
    world.answers(NAME, "A", "192.0.2.2");
}

#[test]
fn both_sources_give_equal_snapshots() {
    if !here() {
        return;
    }
    let mut world = world();
    let direct = world.setup(Mode::DnsServer).argument("--source=clusterCaches").start();
    world.dns_servers.push(direct);
    let east = Peer::new("east");
    for step in 0..5 {
        let address = format!("198.51.100.{}", step + 1);
        let names: Vec<String> = (0..20).map(|number| format!("{number}.{step}.gslb.example.com")).collect();
        let mut published: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), &*address)).collect();
        published.push((NAME, &address));
        east.publish(&world, &published);
        world.answers(&names[0], "A", &address);
    }
    wait::until_true("both have the same digest", || {
        let [one, other] = [0, 1].map(|index| digest(&world.dns_servers[index]));
        one.is_some() && one == other
    });
    // With the orchestrator gone, the second one goes on to follow.
    let before = digest(&world.dns_servers[0]);
    world.orchestrators[0].process.kill();
    let name = "late.gslb.example.com";
    east.publish(&world, &[(name, "198.51.100.9")]);
    let of = |world: &World, index: usize| mci_tests::world::ask(world.dns_servers[index].dns(), name, "A");
    wait::until_true("one hop is enough", || of(&world, 1) == "198.51.100.9");
    assert_eq!((of(&world, 0).as_str(), digest(&world.dns_servers[0])), ("NXDOMAIN", before));
    world.revive(Mode::Orchestrator, 0);
    world.answers(name, "A", "198.51.100.9");
}

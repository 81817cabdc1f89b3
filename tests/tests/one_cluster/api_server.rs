//! The API server and etcd die, freeze, forget and go back in time, under load: nothing that was answered goes, and what
//! changed meanwhile is answered when they are back.

use std::time::{Duration, Instant};

use mci_tests::checker::Checker;
use mci_tests::load::Answer;
use mci_tests::netns::{self, Beyond};
use mci_tests::proxy::Proxy;
use mci_tests::require::{self, Component};
use mci_tests::wait;
use mci_tests::world::{CALM, GSLBS, INGRESSES, Steady, UNLIMITED, World, lasts, total};
use serde_json::{Value, json};

use crate::here;

const TEAM: &str = "team";
const NAME: &str = "app.gslb.example.com";

/// After an outage everyone looks again within this: backoff ends at 5 s, leases are 6 s long.
const BACK: Duration = Duration::from_mins(1);

const ADDRESS: &str = "192.0.2.1";
const ANOTHER: &str = "192.0.2.9";

fn ready() -> Answer {
    Answer::addresses([ADDRESS])
}

fn changed() -> Answer {
    Answer::addresses([ANOTHER])
}

/// Writes the address that the Ingress has from now on: not readiness, for Kubernetes' own controllers take a minute to
/// come back from an outage.
fn change(world: &World, address: &str) {
    world.cluster().set_addresses(INGRESSES, TEAM, "app", &[address]);
}

fn published(world: World) -> World {
    world.publish(TEAM, "app", NAME, ADDRESS);
    world.answers(NAME, "A", ADDRESS);
    world
}

fn begin(world: &World) -> (Steady, Checker) {
    let load = world.load(NAME);
    let table = Checker::new(CALM).phase("ready", load.began(), [ready()]);
    (load, table)
}

/// What harm did is over: a change is followed there and back, first at leisure, then as in calm.
fn followed_again(world: &World, load: Steady, table: Checker) {
    let now = Instant::now();
    change(world, ANOTHER);
    world.answers_within(BACK, NAME, "A", ANOTHER);
    let table = table.phase("changed", now, [changed()]).delay(Instant::now(), CALM);
    let now = Instant::now();
    change(world, ADDRESS);
    world.answers(NAME, "A", ADDRESS);
    load.none_failed_none_wrong(&table.phase("changed back", now, [ready()]));
    for replica in world.all() {
        wait::until_true(&format!("{} is ready", replica.name()), || replica.is_ready());
    }
}

#[test]
fn the_api_server_is_killed_for_a_while() {
    if !here() {
        return;
    }
    let world = published(World::options().replicas_of_all(2).start());
    let (load, table) = begin(&world);
    let killed = Instant::now();
    world.cluster().api_server().kill();
    lasts(Duration::from_secs(20));
    world.cluster().api_server().start_again();
    followed_again(&world, load, table.delay(killed, UNLIMITED));
}

#[test]
fn etcd_is_killed_for_a_while() {
    if !here() {
        return;
    }
    let world = published(World::start());
    let (load, table) = begin(&world);
    let killed = Instant::now();
    world.clusters().etcd().server().kill();
    lasts(Duration::from_secs(10));
    world.clusters().etcd().server().start_again();
    wait::until_true("the API server has found etcd again", || world.cluster().api().is_ready());
    followed_again(&world, load, table.delay(killed, UNLIMITED));
}

#[test]
fn the_api_server_is_frozen_for_ten_seconds() {
    if !here() {
        return;
    }
    let world = published(World::start());
    let (load, table) = begin(&world);
    let frozen = Instant::now();
    world.cluster().api_server().freeze();
    lasts(Duration::from_secs(10));
    world.cluster().api_server().thaw();
    followed_again(&world, load, table.delay(frozen, UNLIMITED));
}

#[test]
fn connections_to_the_api_server_hang_and_nobody_is_told() {
    if !here() {
        return;
    }
    let world = published(World::options().behind_proxies().start());
    let (load, mut table) = begin(&world);
    // Operator, orchestrator, dns-server: each alone is deaf, and learns what it missed.
    for proxy in world.proxies() {
        let hung = Instant::now();
        proxy.hang();
        table = table.delay(hung, UNLIMITED).phase("changed", hung, [changed()]);
        change(&world, ANOTHER);
        lasts(Duration::from_secs(12));
        proxy.pass();
        world.answers_within(BACK, NAME, "A", ANOTHER);
        let back = Instant::now();
        table = table.delay(back, CALM).phase("changed back", back, [ready()]);
        change(&world, ADDRESS);
        world.answers(NAME, "A", ADDRESS);
    }
    load.none_failed_none_wrong(&table);
}

#[test]
fn a_connection_that_hangs_for_ever_is_given_up_for_another() {
    if !here() {
        return;
    }
    // What is open stays deaf for ever, and the kernels acknowledge what is sent there; what is opened anew works.
    let world = published(World::options().behind_proxies().start());
    let (load, table) = begin(&world);
    let before: Vec<usize> = world.proxies().iter().map(Proxy::accepted).collect();
    let hung = Instant::now();
    for proxy in world.proxies() {
        proxy.hang_what_is_open();
    }
    change(&world, ANOTHER);
    // The longest that a watch may be silent is a minute and some.
    world.answers_within(Duration::from_mins(2), NAME, "A", ANOTHER);
    for (proxy, before) in world.proxies().iter().zip(before) {
        assert!(proxy.accepted() > before, "no connection was opened anew");
    }
    let table = table.delay(hung, UNLIMITED).phase("changed", hung, [changed()]);
    followed_again(&world, load, table);
}

#[test]
fn packets_to_and_from_the_api_server_are_lost_and_nobody_is_told() {
    if !here() || !require::present(&[Component::NetworkNamespace]) {
        return;
    }
    netns::inside(&[], || {
        let beyond = Beyond::wired();
        let world = published(World::options().beyond(&beyond).start());
        let (load, table) = begin(&world);
        let before: Vec<usize> = world.proxies().iter().map(Proxy::accepted).collect();
        let lost = Instant::now();
        beyond.lose_packets();
        change(&world, ANOTHER);
        // Longer than what is not acknowledged may be on its way.
        lasts(Duration::from_secs(15));
        assert_eq!(world.proxies().iter().map(Proxy::accepted).collect::<Vec<_>>(), before);
        beyond.carry_packets();
        world.answers_within(BACK, NAME, "A", ANOTHER);
        for (proxy, before) in world.proxies().iter().zip(before) {
            assert!(proxy.accepted() > before, "no connection was opened anew");
        }
        let table = table.delay(lost, UNLIMITED).phase("changed", lost, [changed()]);
        followed_again(&world, load, table);
    });
}

#[test]
fn a_watch_that_has_expired_begins_anew() {
    if !here() {
        return;
    }
    let world = published(World::options().api_server("--watch-cache=false").start());
    let (load, table) = begin(&world);
    let cut = Instant::now();
    world.cluster().api_server().kill();
    // What they saw last is compacted away before they are back.
    world.cluster().api_server().start_again();
    for number in 0..50 {
        world.cluster().namespace(&format!("another-{number}"));
    }
    world.clusters().etcd().compact();
    world.cluster().api_server().restart();
    followed_again(&world, load, table.delay(cut, UNLIMITED));
}

#[test]
fn etcd_goes_back_to_an_older_copy() {
    if !here() {
        return;
    }
    let world = published(World::options().variable("MCI_DNS_REFRESH_INTERVAL", "2s").start());
    let (old, later) = ("old.gslb.example.com", "later.gslb.example.com");
    world.publish(TEAM, "old", old, "192.0.2.2");
    world.answers(old, "A", "192.0.2.2");
    let copy = world.clusters().etcd().snapshot();
    world.publish(TEAM, "later", later, "192.0.2.3");
    world.answers(later, "A", "192.0.2.3");
    world.delete(GSLBS, TEAM, "old");
    world.answers(old, "A", "NXDOMAIN");

    let (load, table) = begin(&world);
    let restored = Instant::now();
    world.clusters().etcd().restore(&copy);
    // The API server holds what no longer exists until it is started again, as the manual of etcd says.
    world.cluster().api_server().restart();
    // What was there then is there now, and what was made since is not.
    world.answers_within(BACK, old, "A", "192.0.2.2");
    world.answers_within(BACK, later, "A", "NXDOMAIN");
    followed_again(&world, load, table.delay(restored, UNLIMITED));
}

#[test]
fn etcd_goes_back_to_an_older_copy_while_the_api_server_runs_on() {
    if !here() {
        return;
    }
    // A watch from a version that no longer exists is answered 200 and hears nothing: only its proof finds that. (With
    // its own cache the API server would go on to tell everyone what no longer exists, until it is started again.)
    let options = World::options().api_server("--watch-cache=false");
    let world = published(options.variable("MCI_DNS_REFRESH_INTERVAL", "2s").start());
    let (old, later) = ("old.gslb.example.com", "later.gslb.example.com");
    world.publish(TEAM, "old", old, "192.0.2.2");
    world.answers(old, "A", "192.0.2.2");
    let copy = world.clusters().etcd().snapshot();
    world.publish(TEAM, "later", later, "192.0.2.3");
    world.answers(later, "A", "192.0.2.3");
    world.delete(GSLBS, TEAM, "old");
    world.answers(old, "A", "NXDOMAIN");
    // More versions than will be made in the rest of the test: no watch hears anything by itself.
    let lost: Vec<Value> = (0..2_000)
        .map(|number| {
            let metadata = json!({"name": format!("lost-{number}"), "namespace": TEAM});
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
        })
        .collect();
    for answer in world.api().create_all(&lost) {
        answer.unwrap();
    }
    let went_back = |world: &World| -> u64 {
        let reason = [("reason", "went_back")];
        world.all().map(|replica| total(&replica.metrics(), "mci_source_relists_total", &reason)).sum()
    };
    assert_eq!(went_back(&world), 0);

    let (load, table) = begin(&world);
    let restored = Instant::now();
    world.clusters().etcd().restore(&copy);
    // Two components in a row, each of which proves its watches every half minute.
    let both = BACK * 2;
    world.answers_within(both, old, "A", "192.0.2.2");
    world.answers_within(both, later, "A", "NXDOMAIN");
    assert!(went_back(&world) > 0, "it was not found by a proof");
    followed_again(&world, load, table.delay(restored, UNLIMITED));
}

//! What clusters let each other do: keys, zones, protocols, goodbyes.

use std::process::Command;
use std::time::Instant;

use mci_tests::checker::Checker;
use mci_tests::cluster::Mode;
use mci_tests::fleet::{Configuration, Fleet, key, salt, stored};
use mci_tests::mci::mci;
use mci_tests::wait;
use mci_tests::world::{CALM, LEADERLESS, NAMESPACE, World, lasts, total};
use serde_json::{Value, json};

use crate::{TIMEOUT, all_of, expose, here, nothing, patient};

const TEAM: &str = "team";
const NAME: &str = "app.gslb.example.com";
const WEST: &str = "192.0.2.1";
const EAST: &str = "198.51.100.1";
const NORTH: &str = "203.0.113.1";

/// The fields of one cluster that another is configured with.
fn peer<'a>(
    configuration: &'a mut Configuration,
    identifier: &str,
) -> &'a mut serde_json::Map<String, Value> {
    let found = configuration.peers.iter_mut().find(|peer| peer.identifier == identifier);
    &mut found.expect("a peer of this cluster").more
}

/// All samples of a family at the front ends of a cluster.
fn counted(world: &World, family: &str, labels: &[(&str, &str)]) -> u64 {
    world.front_ends.iter().map(|replica| total(&replica.metrics(), family, labels)).sum()
}

#[test]
fn r27_what_a_peer_may_not_publish_is_left_out_and_comes_once_it_is_allowed() {
    if !here() {
        return;
    }
    let mut fleet = patient(2).start();
    let (inside, outside) = ("app.allowed.gslb.example.com", "app.other.gslb.example.com");
    fleet.configure("east", |configuration| {
        let west = peer(configuration, "west");
        west.insert("allowedZones".to_owned(), json!(["allowed.gslb.example.com"]));
        west.insert("maxPriority".to_owned(), json!(10));
    });
    for (namespace, name) in [("inside", inside), ("outside", outside)] {
        expose(fleet.world("west"), namespace, name, &nothing());
    }
    let (west, east) = (fleet.world("west"), fleet.world("east"));
    fleet.answers(inside, "A", WEST);
    west.answers(outside, "A", WEST);
    east.answers(outside, "A", "NXDOMAIN");
    assert!(counted(east, "mci_peer_entries_refused_total", &[]) > 0);
    // A priority above the others' takes nothing from them.
    let (modest, greedy) = ("modest.allowed.gslb.example.com", "greedy.allowed.gslb.example.com");
    for (namespace, name, priority) in [("modest", modest, 10), ("greedy", greedy, 11)] {
        expose(east, namespace, name, &json!({"priority": 5}));
        expose(west, namespace, name, &json!({"priority": priority}));
    }
    fleet.answers(modest, "A", WEST);
    west.answers(greedy, "A", WEST);
    lasts(CALM);
    east.answers(greedy, "A", EAST);

    fleet.configure("east", |configuration| {
        let west = peer(configuration, "west");
        west.remove("allowedZones");
        west.remove("maxPriority");
    });
    fleet.answers(outside, "A", WEST);
    fleet.answers(greedy, "A", WEST);
}

#[test]
fn keys_are_replaced_without_a_gap_and_one_that_is_taken_away_ends_what_it_opened() {
    if !here() {
        return;
    }
    let mut fleet = patient(2).start();
    for world in &fleet.worlds {
        expose(world, TEAM, NAME, &nothing());
    }
    fleet.draws(NAME, "A", &[WEST, EAST]);
    let load = fleet.load(NAME);
    let table = Checker::new(CALM).phase("all the time", load.began(), all_of([WEST, EAST]));
    let new = "another-key-of-the-tests-from-west-to-east";
    let known = |key: &str| json!({"clusterIdentifier": "west", "key": stored(&salt("east"), key)});
    let old = key("west", "east");
    // Both are good, the new one is used, the old one is taken away.
    fleet.configure("east", |configuration| {
        configuration.more.insert("apiKeys".to_owned(), json!([known(&old), known(new)]));
    });
    lasts(CALM);
    fleet.configure("west", |configuration| {
        peer(configuration, "east").insert("key".to_owned(), json!(new));
    });
    lasts(CALM);
    fleet.configure("east", |configuration| {
        configuration.more.insert("apiKeys".to_owned(), json!([known(new)]));
    });
    lasts(TIMEOUT * 2);
    for (namespace, cluster) in [("one", "west"), ("two", "east")] {
        let name = format!("{namespace}.gslb.example.com");
        expose(fleet.world(cluster), namespace, &name, &nothing());
        fleet.answers(&name, "A", crate::address(cluster));
    }
    fleet.wait_until_all_alive();
    load.none_failed_none_wrong(&table);
    fleet.wait_until_equal();

    // Without a key that is known nothing is heard, of what is open neither.
    fleet.configure("east", |configuration| {
        configuration.more.insert("apiKeys".to_owned(), json!([]));
    });
    wait::until_true("east hears west no more", || {
        fleet.world("east").state_of("west").as_deref() == Some("stale")
    });
    assert_eq!(fleet.world("west").state_of("east").as_deref(), Some("alive"));
    fleet.world("east").draws(NAME, "A", &[EAST]);
    fleet.world("west").draws(NAME, "A", &[WEST, EAST]);
    assert!(counted(fleet.world("east"), "mci_requests_without_key_total", &[]) > 0);
}

/// Two of three speak REST with each other.
fn rest(configuration: &mut Configuration) {
    crate::be_patient(configuration);
    let other = match configuration.name() {
        "west" => "north",
        "north" => "west",
        _ => return,
    };
    peer(configuration, other).insert("protocol".to_owned(), json!("rest"));
}

#[test]
fn a_fleet_in_which_two_speak_rest_and_others_the_stream() {
    if !here() {
        return;
    }
    let fleet = Fleet::options(3).adjust(rest).start();
    for world in &fleet.worlds {
        expose(world, TEAM, NAME, &nothing());
    }
    fleet.draws(NAME, "A", &[WEST, EAST, NORTH]);
    let load = fleet.load(NAME);
    let mut table = Checker::new(CALM).phase("all", load.began(), all_of([WEST, EAST, NORTH]));
    for (cluster, others) in [("west", [EAST, NORTH]), ("north", [WEST, EAST]), ("east", [WEST, NORTH])] {
        let changed = Instant::now();
        fleet.world(cluster).cluster().scale(TEAM, "app", 0);
        fleet.draws(NAME, "A", &others);
        table = table.phase("one is dead", changed, all_of(others));
        let changed = Instant::now();
        fleet.world(cluster).cluster().scale(TEAM, "app", 1);
        fleet.draws(NAME, "A", &[WEST, EAST, NORTH]);
        table = table.phase("all again", changed, all_of([WEST, EAST, NORTH]));
    }
    fleet.world("west").delete(mci_tests::world::GSLBS, TEAM, "app");
    let deleted = Instant::now();
    fleet.draws(NAME, "A", &[EAST, NORTH]);
    // Whether it comes back is settled first (R26).
    let table = table.delay(deleted, CALM * 3).phase("deleted", deleted, all_of([EAST, NORTH]));
    load.none_failed_none_wrong(&table);
    fleet.wait_until_all_alive();
}

#[test]
fn r20a_a_cluster_that_says_goodbye_is_answered_nowhere_until_it_comes_back() {
    if !here() {
        return;
    }
    let fleet = patient(2).start();
    let alone = "alone.gslb.example.com";
    for world in &fleet.worlds {
        expose(world, TEAM, NAME, &nothing());
    }
    expose(fleet.world("west"), "alone", alone, &nothing());
    fleet.draws(NAME, "A", &[WEST, EAST]);
    fleet.answers(alone, "A", WEST);
    let load = fleet.load(NAME);
    let table = Checker::new(CALM).phase("both", load.began(), all_of([WEST, EAST]));
    let left = Instant::now();
    // Its own hostname has no answer left: that has to be meant.
    cluster(fleet.world("west"), &["leave", "--force"]);
    fleet.draws(NAME, "A", &[EAST]);
    fleet.answers(alone, "A", "NXDOMAIN");
    let table = table.delay(left, TIMEOUT).phase("west has left", left, all_of([EAST]));
    fleet.wait_for_state("west", "gone");
    let joined = Instant::now();
    cluster(fleet.world("west"), &["join"]);
    fleet.draws(NAME, "A", &[WEST, EAST]);
    fleet.answers(alone, "A", WEST);
    fleet.wait_until_all_alive();
    load.none_failed_none_wrong(&table.phase("west is back", joined, all_of([WEST, EAST])));
    fleet.wait_until_equal();
}

#[test]
fn clusters_speak_over_tls_and_who_shows_no_certificate_is_not_heard() {
    if !here() {
        return;
    }
    let mut fleet = patient(2).over_tls().start();
    for world in &fleet.worlds {
        expose(world, TEAM, NAME, &nothing());
    }
    fleet.draws(NAME, "A", &[WEST, EAST]);
    fleet.configure("west", |configuration| {
        let east = peer(configuration, "east");
        east.remove("clientCertFile");
        east.remove("clientKeyFile");
    });
    wait::until_true("east hears west no more", || {
        fleet.world("east").state_of("west").as_deref() == Some("stale")
    });
    fleet.world("east").draws(NAME, "A", &[EAST]);
    fleet.world("west").draws(NAME, "A", &[WEST, EAST]);
}

#[test]
fn who_poses_as_a_living_cluster_is_refused_by_name_and_changes_nothing() {
    if !here() {
        return;
    }
    let mut fleet = patient(3).start();
    for cluster in ["west", "east"] {
        expose(fleet.world(cluster), TEAM, NAME, &nothing());
    }
    fleet.draws(NAME, "A", &[WEST, EAST]);
    let mut load = fleet.load(NAME);
    let table = Checker::new(CALM).phase("all the time", load.began(), all_of([WEST, EAST]));
    // North's is judged no more: it is its own operator that is another now.
    load.end_at("north", &table);
    // Another installation, with west's name and west's keys.
    fleet.world_mut("north").operators[0].process.kill();
    let (name, file) = ("forged.gslb.example.com", fleet.configuration_file("west"));
    let north = fleet.world("north");
    let mut forger = north
        .cluster()
        .mci(Mode::Operator, NAMESPACE, "west")
        .argument(format!("--config={}", file.display()))
        .spawn();
    forger.process.wait_until("the forger is refused", |log| log.contains("DuplicateClusterIdentifier"));
    expose(north, "forged", name, &nothing());
    // It leads there by then, and has tried.
    lasts(LEADERLESS + TIMEOUT);
    let east = fleet.world("east");
    east.answers(name, "A", "NXDOMAIN");
    east.draws(NAME, "A", &[WEST, EAST]);
    assert_eq!(east.state_of("west").as_deref(), Some("alive"));
    load.none_failed_none_wrong(&table);
}

/// Runs `mci cluster` against a cluster.
#[track_caller]
fn cluster(world: &World, arguments: &[&str]) {
    let mut command: Command = mci();
    command.env("KUBECONFIG", world.cluster().kubeconfig()).arg("cluster").args(arguments);
    let output = command.output().expect("mci can be started");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {}: {said}", output.status);
}

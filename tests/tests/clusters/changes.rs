//! Leaders die, everything is replaced, a cluster is drained from outside: under load, and nobody notices but by the right
//! answers.

use std::process::Command;
use std::time::Instant;

use mci_tests::checker::Checker;
use mci_tests::cluster::Mode;
use mci_tests::fleet::Fleet;
use mci_tests::mci::mci;
use mci_tests::world::{CALM, LEADERLESS, NAMESPACE, UNLIMITED, gslb};

use crate::{all_of, expose, here, nothing, patient};

const TEAM: &str = "team";
const NAME: &str = "app.gslb.example.com";
const WEST: &str = "192.0.2.1";
const EAST: &str = "198.51.100.1";

#[track_caller]
fn two_of_everything() -> Fleet {
    let fleet = patient(2).replicas_of_all(2).start();
    for world in &fleet.worlds {
        expose(world, TEAM, NAME, &nothing());
    }
    fleet.draws(NAME, "A", &[WEST, EAST]);
    fleet
}

/// West's application goes and comes, and every cluster's DNS follows: the table with both phases.
#[track_caller]
fn turn(fleet: &Fleet, mut table: Checker) -> Checker {
    for (replicas, right) in [(0, [EAST].as_slice()), (1, &[WEST, EAST])] {
        let changed = Instant::now();
        fleet.world("west").cluster().scale(TEAM, "app", replicas);
        fleet.draws(NAME, "A", right);
        table = table.phase("west's changed", changed, all_of(right.iter().copied()));
    }
    table
}

#[test]
fn r28_leaders_die_in_either_cluster_and_changes_arrive_within_eight_seconds() {
    if !here() {
        return;
    }
    let mut fleet = two_of_everything();
    let load = fleet.load(NAME);
    let mut table = Checker::new(CALM).phase("both", load.began(), all_of([WEST, EAST]));
    for (cluster, mode) in [
        ("west", Mode::Operator),
        ("east", Mode::Operator),
        ("west", Mode::Orchestrator),
        ("east", Mode::Orchestrator),
    ] {
        let world = fleet.world_mut(cluster);
        let leader = world.leader(mode);
        let killed = Instant::now();
        world.replicas_mut(mode)[leader].process.kill();
        table = turn(&fleet, table.delay(killed, LEADERLESS)).delay(Instant::now(), CALM);
        fleet.world_mut(cluster).revive(mode, leader);
    }
    table = turn(&fleet, table);
    load.none_failed_none_wrong(&table);
    fleet.wait_until_equal();
}

#[test]
fn front_ends_die_one_after_the_other_and_nothing_that_is_sent_is_lost() {
    if !here() {
        return;
    }
    let mut fleet = two_of_everything();
    let load = fleet.load(NAME);
    let mut table = Checker::new(CALM).phase("both", load.began(), all_of([WEST, EAST]));
    for index in 0..2 {
        let killed = Instant::now();
        fleet.world_mut("east").front_ends[index].process.kill();
        // A sender that loses its session opens another, at the other replica.
        table = turn(&fleet, table.delay(killed, LEADERLESS)).delay(Instant::now(), CALM);
        fleet.world_mut("east").revive(Mode::FrontEnd, index);
        table = turn(&fleet, table);
    }
    load.none_failed_none_wrong(&table);
    fleet.wait_until_all_alive();
    fleet.wait_until_equal();
}

#[test]
fn everything_is_replaced_one_by_one_in_both_clusters() {
    if !here() {
        return;
    }
    let mut fleet = two_of_everything();
    let load = fleet.load_past_servfail(NAME);
    let mut table = Checker::new(CALM).phase("both", load.began(), all_of([WEST, EAST]));
    for cluster in ["west", "east"] {
        for mode in Mode::ALL {
            for index in 0..2 {
                let world = fleet.world_mut(cluster);
                let replaced = Instant::now();
                world.replace(mode, index);
                if mode == Mode::DnsServer {
                    world.wait_until_asked(index);
                }
                // SIGTERM releases a Lease; a session to a front end is opened anew.
                table = turn(&fleet, table.delay(replaced, LEADERLESS)).delay(Instant::now(), CALM);
            }
        }
    }
    load.none_failed_none_wrong(&table);
    fleet.wait_until_all_alive();
    fleet.wait_until_equal();
}

#[test]
fn r24_a_cluster_is_drained_from_outside_while_its_own_control_plane_is_down() {
    if !here() {
        return;
    }
    let fleet = two_of_everything();
    let mut load = fleet.load(NAME);
    let table = Checker::new(CALM).phase("both", load.began(), all_of([WEST, EAST]));
    let down = Instant::now();
    fleet.world("west").cluster().api_server().kill();
    let mut command = mci();
    command.env("KUBECONFIG", fleet.world("east").cluster().kubeconfig());
    let drained = Instant::now();
    runs(command.args(["drain", "west", "--reason", "its control plane is down"]));
    fleet.world("east").draws(NAME, "A", &[EAST]);
    // West's own DNS is not told: nobody can.
    load.end_at("west", &table.clone().delay(down, UNLIMITED));
    let east = table.phase("drained", drained, all_of([EAST]));
    fleet.world("west").cluster().api_server().start_again();
    fleet.wait_until_all_alive();
    fleet.world("east").draws(NAME, "A", &[EAST]);
    let back = Instant::now();
    let mut command = mci();
    command.env("KUBECONFIG", fleet.world("east").cluster().kubeconfig());
    runs(command.args(["undrain", "west"]));
    fleet.draws(NAME, "A", &[WEST, EAST]);
    load.none_failed_none_wrong(&east.phase("both again", back, all_of([WEST, EAST])));
}

#[test]
fn what_a_peer_sent_is_deleted_by_mistake_and_is_sent_again() {
    if !here() {
        return;
    }
    let fleet = patient(2).start();
    for world in &fleet.worlds {
        expose(world, TEAM, NAME, &nothing());
    }
    // So many that their going at once is held (R26).
    let names: Vec<String> = (0..30).map(|number| format!("app-{number}.west.gslb.example.com")).collect();
    let west = fleet.world("west");
    west.apply(&gslb(
        TEAM,
        "many",
        ("Ingress", "app"),
        &names.iter().map(String::as_str).collect::<Vec<_>>(),
    ));
    for name in &names {
        fleet.answers(name, "A", WEST);
    }
    fleet.draws(NAME, "A", &[WEST, EAST]);
    let loads = [fleet.load(NAME), fleet.load(&names[0])];
    let rights = [all_of([WEST, EAST]), all_of([WEST])];
    let east = fleet.world("east");
    east.api().delete_all("clustercaches.multicluster.veccsolutions.io", NAMESPACE).unwrap();
    fleet.wait_until_equal();
    fleet.draws(NAME, "A", &[WEST, EAST]);
    for name in &names {
        fleet.answers(name, "A", WEST);
    }
    for (load, right) in loads.into_iter().zip(rights) {
        let table = Checker::new(CALM).phase("all the time", load.began(), right);
        load.none_failed_none_wrong(&table);
    }
}

#[track_caller]
fn runs(command: &mut Command) {
    let output = command.output().expect("mci can be started");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} ended with {}: {said}", output.status);
}

//! What dies is not answered, from any cluster's DNS: an application, its Service, all operators, a whole cluster.

use std::time::{Duration, Instant};

use mci_tests::checker::Checker;
use mci_tests::cluster::Mode;
use mci_tests::fleet::Fleet;
use mci_tests::wait;
use mci_tests::world::{CALM, INGRESSES, LEADERLESS, World};
use serde_json::json;

use crate::{all_of, expose, here, nothing, patient, stale_within};

const TEAM: &str = "team";
const NAME: &str = "app.gslb.example.com";
const WEST: &str = "192.0.2.1";
const EAST: &str = "198.51.100.1";

/// An application in both clusters.
#[track_caller]
fn in_both(fleet: &Fleet) {
    for world in &fleet.worlds {
        expose(world, TEAM, NAME, &nothing());
    }
    fleet.draws(NAME, "A", &[WEST, EAST]);
}

#[test]
fn an_application_that_dies_in_one_cluster_is_answered_from_the_other() {
    if !here() {
        return;
    }
    let fleet = patient(2).start();
    in_both(&fleet);
    let load = fleet.load(NAME);
    let mut table = Checker::new(CALM).phase("both", load.began(), all_of([WEST, EAST]));
    for (cluster, other) in [("west", EAST), ("east", WEST)] {
        let died = Instant::now();
        fleet.world(cluster).cluster().scale(TEAM, "app", 0);
        fleet.draws(NAME, "A", &[other]);
        table = table.phase("one is dead", died, all_of([other]));
        let back = Instant::now();
        fleet.world(cluster).cluster().scale(TEAM, "app", 1);
        fleet.draws(NAME, "A", &[WEST, EAST]);
        table = table.phase("both again", back, all_of([WEST, EAST]));
    }
    // The Service goes, and its pods live on.
    let gone = Instant::now();
    fleet.world("west").delete("services", TEAM, "app");
    fleet.draws(NAME, "A", &[EAST]);
    load.none_failed_none_wrong(&table.phase("a Service is gone", gone, all_of([EAST])));
    fleet.wait_until_equal();
}

#[test]
fn r20_a_cluster_whose_operators_are_all_dead_is_answered_nowhere() {
    if !here() {
        return;
    }
    let mut fleet = patient(2).replicas_of_all(2).start();
    in_both(&fleet);
    let load = fleet.load(NAME);
    let table = Checker::new(CALM).phase("both", load.began(), all_of([WEST, EAST]));
    let died = Instant::now();
    for operator in &mut fleet.world_mut("west").operators {
        operator.process.kill();
    }
    let table = table.delay(died, stale_within()).phase("west is dead", died, all_of([EAST]));
    fleet.draws(NAME, "A", &[EAST]);
    fleet.wait_for_state("west", "stale");

    let back = Instant::now();
    for index in 0..2 {
        fleet.world_mut("west").revive(Mode::Operator, index);
    }
    fleet.draws(NAME, "A", &[WEST, EAST]);
    fleet.wait_until_all_alive();
    load.none_failed_none_wrong(&table.phase("both again", back, all_of([WEST, EAST])));
    fleet.wait_until_equal();
}

/// Ends all of a cluster but what holds its state.
fn kill(world: &mut World) {
    for mode in Mode::ALL {
        for replica in world.replicas_mut(mode) {
            replica.process.kill();
        }
    }
    for server in
        [world.cluster().api_server(), world.cluster().controller_manager(), world.cluster().scheduler()]
    {
        server.kill();
    }
}

#[test]
fn r22_a_whole_cluster_goes_and_comes_back_with_other_content() {
    if !here() {
        return;
    }
    let (gone, new) = ("gone.gslb.example.com", "new.gslb.example.com");
    let mut fleet = patient(2).start();
    in_both(&fleet);
    expose(fleet.world("west"), "going", gone, &nothing());
    fleet.answers(gone, "A", WEST);
    let mut load = fleet.load(NAME);
    let table = Checker::new(CALM).phase("both", load.began(), all_of([WEST, EAST]));
    load.end_at("west", &table);
    let died = Instant::now();
    kill(fleet.world_mut("west"));
    let table = table.delay(died, stale_within()).phase("west is dead", died, all_of([EAST]));
    fleet.world("east").draws(NAME, "A", &[EAST]);
    // Nobody else has it: it stays (R11).
    fleet.world("east").answers(gone, "A", WEST);
    wait::until_true("east says that west is stale", || {
        fleet.world("east").state_of("west").as_deref() == Some("stale")
    });

    // While nothing of MCI runs there, other things are published.
    let west = fleet.world("west");
    west.cluster().api_server().start_again();
    for server in [west.cluster().controller_manager(), west.cluster().scheduler()] {
        server.start_again();
    }
    west.cluster().set_addresses(INGRESSES, TEAM, "app", &["192.0.2.9"]);
    west.delete(mci_tests::world::GSLBS, "going", "app");
    expose(west, "coming", new, &nothing());
    let back = Instant::now();
    for mode in Mode::ALL {
        fleet.world_mut("west").revive(mode, 0);
    }
    fleet.draws(NAME, "A", &["192.0.2.9", EAST]);
    fleet.answers(gone, "A", "NXDOMAIN");
    fleet.answers(new, "A", WEST);
    fleet.wait_until_all_alive();
    // It lives before one of its operators leads, with what was published last (R22); then its leader has eight seconds
    // (R28).
    let table = table.phase("west is back", back, all_of([WEST, "192.0.2.9", EAST]));
    let table = table.delay(back, CALM).phase("west is led", back + LEADERLESS, all_of(["192.0.2.9", EAST]));
    load.none_failed_none_wrong(&table);
    fleet.wait_until_equal();
}

#[test]
fn r11_where_all_are_down_it_is_answered_what_was_asked_for() {
    if !here() {
        return;
    }
    let mut fleet = patient(2).start();
    let [any, fixed] = ["any.gslb.example.com", "fixed.gslb.example.com"];
    in_both(&fleet);
    for world in &fleet.worlds {
        expose(world, "any", any, &json!({"whenAllDown": "any"}));
        expose(world, "fixed", fixed, &json!({"whenAllDown": "static", "fallback": ["192.0.2.99"]}));
    }
    for name in [any, fixed] {
        fleet.draws(name, "A", &[WEST, EAST]);
    }
    for world in &fleet.worlds {
        for namespace in [TEAM, "any", "fixed"] {
            world.cluster().scale(namespace, "app", 0);
        }
    }
    fleet.answers(NAME, "A", "NODATA");
    fleet.draws(any, "A", &[WEST, EAST]);
    fleet.answers(fixed, "A", "192.0.2.99");
    for world in &fleet.worlds {
        for namespace in [TEAM, "any", "fixed"] {
            world.cluster().scale(namespace, "app", 1);
        }
    }
    for name in [NAME, any, fixed] {
        fleet.draws(name, "A", &[WEST, EAST]);
    }

    // Nobody is alive as far as anyone knows: what is ready goes on being answered.
    let load = fleet.load(NAME);
    let table = Checker::new(CALM).phase("all the time", load.began(), all_of([WEST, EAST]));
    for world in &mut fleet.worlds {
        world.operators[0].process.kill();
    }
    for cluster in ["west", "east"] {
        fleet.wait_for_state(cluster, "stale");
    }
    mci_tests::world::lasts(Duration::from_secs(2));
    // Between the two deaths one may be seen before the other: then that one is answered alone.
    load.none_failed_none_wrong(&table);
    fleet.draws(fixed, "A", &[WEST, EAST]);
}

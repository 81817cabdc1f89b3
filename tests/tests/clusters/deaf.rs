//! R20: a cluster that cannot hear judges nobody.

use mci_tests::checker::Checker;
use mci_tests::cluster::Mode;
use mci_tests::fleet::Fleet;
use mci_tests::world::{CALM, NAMESPACE, lasts};
use serde_json::Value;

use crate::{TIMEOUT, all_of, expose, here, nothing, patient};

const TEAM: &str = "team";
const NAME: &str = "app.gslb.example.com";
const WEST: &str = "192.0.2.1";
const EAST: &str = "198.51.100.1";
const CLUSTERS: &str = "clusters.multicluster.veccsolutions.io";

/// State and since when, of both clusters as both say it.
fn judged(fleet: &Fleet) -> Vec<Value> {
    let mut judged = Vec::new();
    for at in &fleet.worlds {
        for of in ["west", "east"] {
            let status = at.api().get(CLUSTERS, NAMESPACE, of).unwrap()["status"].clone();
            judged.push(serde_json::json!([at.identifier(), of, status["state"], status["since"]]));
        }
    }
    judged
}

/// West cannot hear for three times the timeout, and then it can: nobody turned stale, there or in the east.
#[track_caller]
fn nobody_is_judged(deafen: fn(&mut Fleet), cure: fn(&mut Fleet)) {
    let mut fleet = patient(2).replicas_of_all(2).start();
    for world in &fleet.worlds {
        expose(world, TEAM, NAME, &nothing());
    }
    fleet.draws(NAME, "A", &[WEST, EAST]);
    let before = judged(&fleet);
    let load = fleet.load(NAME);
    let table = Checker::new(CALM).phase("all the time", load.began(), all_of([WEST, EAST]));
    deafen(&mut fleet);
    lasts(TIMEOUT * 3);
    cure(&mut fleet);
    // And then everyone gets one full timeout.
    lasts(TIMEOUT * 2);
    assert_eq!(judged(&fleet), before);
    fleet.draws(NAME, "A", &[WEST, EAST]);
    load.none_failed_none_wrong(&table);
    fleet.wait_until_equal();
}

#[test]
fn r20_front_ends_at_0_replicas_make_nobody_stale() {
    if !here() {
        return;
    }
    nobody_is_judged(
        |fleet| {
            for front_end in &mut fleet.world_mut("west").front_ends {
                front_end.process.kill();
            }
        },
        |fleet| {
            for index in 0..2 {
                fleet.world_mut("west").revive(Mode::FrontEnd, index);
            }
        },
    );
}

#[test]
fn r20_front_ends_and_orchestrators_that_sleep_make_nobody_stale() {
    if !here() {
        return;
    }
    nobody_is_judged(
        |fleet| {
            let west = fleet.world("west");
            for replica in west.front_ends.iter().chain(&west.orchestrators) {
                replica.process.freeze();
            }
        },
        |fleet| {
            let west = fleet.world("west");
            // Who judges wakes first.
            for replica in west.orchestrators.iter().chain(&west.front_ends) {
                replica.process.thaw();
            }
        },
    );
}

#[test]
fn r20_an_api_server_that_hangs_makes_nobody_stale() {
    if !here() {
        return;
    }
    nobody_is_judged(
        |fleet| fleet.world("west").cluster().api_server().freeze(),
        |fleet| fleet.world("west").cluster().api_server().thaw(),
    );
}

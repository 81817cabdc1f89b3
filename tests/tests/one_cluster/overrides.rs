//! R24: what a person holds back, written into `Cluster` objects.

use k8s_openapi::jiff::Timestamp;
use mci_tests::cluster::Mode;
use mci_tests::wait;
use mci_tests::world::{CLUSTER, NAMESPACE, Peer, World};
use serde_json::{Value, json};

use crate::here;

const CLUSTERS: &str = "clusters.multicluster.veccsolutions.io";
const PEERS: &str = "[{identifier: east, url: 'http://127.0.0.1:9', insecure: true}]";
const NAME: &str = "app.gslb.example.com";
const OTHER: &str = "other.gslb.example.com";
const WEST: &str = "192.0.2.1";
const EAST: &str = "198.51.100.1";

/// Two clusters that publish two names, as far as this one knows.
fn world() -> World {
    let world = World::options().replicas(Mode::Operator, 0).variable("MCI_PEERS", PEERS).start();
    for (cluster, address) in [(CLUSTER, WEST), ("east", EAST)] {
        let mut cluster = Peer::new(cluster);
        cluster.publish(&world, &[(NAME, address), (OTHER, address)]);
        cluster.beat(&world);
    }
    // The orchestrator makes their objects, and answers do not wait for that.
    for cluster in [CLUSTER, "east"] {
        wait::until_true(&format!("{cluster} is known"), || world.state_of(cluster).is_some());
    }
    world.draws(NAME, "A", &[WEST, EAST]);
    world.draws(OTHER, "A", &[WEST, EAST]);
    world
}

fn hold_back(world: &World, cluster: &str, spec: &Value) {
    world.api().merge(CLUSTERS, NAMESPACE, cluster, &json!({"spec": spec})).unwrap();
}

#[test]
fn r24_a_cluster_is_drained_or_down_until_it_is_not() {
    if !here() {
        return;
    }
    let world = world();
    for state in ["drained", "down"] {
        hold_back(&world, "east", &json!({"override": {"state": state, "reason": "a test"}}));
        world.draws(NAME, "A", &[WEST]);
        world.draws(OTHER, "A", &[WEST]);

        // Nothing else is left: what is held back answers (R6, R11).
        hold_back(&world, CLUSTER, &json!({"override": {"state": state, "reason": "a test"}}));
        world.draws(NAME, "A", &[WEST, EAST]);

        for cluster in ["east", CLUSTER] {
            hold_back(&world, cluster, &json!({"override": null}));
        }
        world.draws(NAME, "A", &[WEST, EAST]);
        world.draws(OTHER, "A", &[WEST, EAST]);
    }

    // Of a cluster that is drained and one that is down, the first answers.
    hold_back(&world, "east", &json!({"override": {"state": "drained"}}));
    hold_back(&world, CLUSTER, &json!({"override": {"state": "down"}}));
    world.draws(NAME, "A", &[EAST]);
}

#[test]
fn r24_one_hostname_is_held_back_at_one_cluster() {
    if !here() {
        return;
    }
    let world = world();
    let one = json!([{"hostname": NAME, "state": "down", "by": "a test"}]);
    hold_back(&world, "east", &json!({"hostnameOverrides": one}));
    world.draws(NAME, "A", &[WEST]);
    world.draws(OTHER, "A", &[WEST, EAST]);
    hold_back(&world, "east", &json!({"hostnameOverrides": []}));
    world.draws(NAME, "A", &[WEST, EAST]);
}

#[test]
fn r24_an_override_ends_by_itself() {
    if !here() {
        return;
    }
    let world = world();
    // A whole second: what is written is not finer.
    let until = Timestamp::from_second(Timestamp::now().as_second() + 4).unwrap();
    hold_back(&world, "east", &json!({"override": {"state": "down", "until": until.to_string()}}));
    world.draws(NAME, "A", &[WEST]);
    // Nobody writes anything.
    world.draws(NAME, "A", &[WEST, EAST]);
    assert!(Timestamp::now() >= until, "it ended early");
}

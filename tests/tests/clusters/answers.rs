//! What is answered while nothing is wrong: the same from every cluster's DNS.

use mci_tests::fleet::Fleet;
use mci_tests::require::{self, Component};
use mci_tests::statistics::assert_fits;
use mci_tests::world::{GSLBS, NAMESPACE, gslb, service};
use serde_json::json;

use crate::{ADDRESSES, address, expose, here, nothing, with};

const CLUSTERS: &str = "clusters.multicluster.veccsolutions.io";
const WEST: &str = "192.0.2.1";
const EAST: &str = "198.51.100.1";
const NORTH: &str = "203.0.113.1";

#[test]
fn what_one_cluster_exposes_is_answered_by_all() {
    if !here() {
        return;
    }
    let fleet = Fleet::shared();
    for (cluster, address) in ADDRESSES {
        let name = format!("only-{cluster}.gslb.example.com");
        expose(fleet.world(cluster), &format!("only-{cluster}"), &name, &nothing());
        fleet.answers(&name, "A", address);
        fleet.answers(&name, "AAAA", "NODATA");
    }
    let name = "only-west.gslb.example.com";
    fleet.world("west").delete(GSLBS, "only-west", "app");
    fleet.answers(name, "A", "NXDOMAIN");
    fleet.wait_until_equal();
}

#[test]
fn equal_weights_are_equal_shares_everywhere() {
    if !here() {
        return;
    }
    let fleet = Fleet::shared();
    let name = "equal.gslb.example.com";
    for cluster in ["west", "east"] {
        expose(fleet.world(cluster), "equal", name, &nothing());
    }
    fleet.draws(name, "A", &[WEST, EAST]);
    fits(&fleet, name, &[(WEST, 50.0), (EAST, 50.0)]);
}

#[test]
fn shares_follow_weights_and_weight_0_is_drained() {
    if !here() {
        return;
    }
    let fleet = Fleet::shared();
    let name = "weighted.gslb.example.com";
    for (cluster, weight) in [("west", 80), ("east", 20), ("north", 0)] {
        expose(fleet.world(cluster), "weighted", name, &json!({"weight": weight}));
    }
    fleet.draws(name, "A", &[WEST, EAST]);
    fits(&fleet, name, &[(WEST, 80.0), (EAST, 20.0)]);

    // Only the drained one is left (R6).
    for cluster in ["west", "east"] {
        fleet.world(cluster).cluster().scale("weighted", "app", 0);
    }
    fleet.answers(name, "A", NORTH);
}

#[test]
fn three_tiers_of_priority_take_over_from_each_other_and_give_back() {
    if !here() {
        return;
    }
    let fleet = Fleet::shared();
    let (team, name) = ("tiers", "tiers.gslb.example.com");
    let tiers = [("west", 30), ("east", 20), ("north", 10)];
    for (cluster, priority) in tiers {
        expose(fleet.world(cluster), team, name, &json!({"priority": priority}));
    }
    for (cluster, _) in tiers {
        fleet.answers(name, "A", address(cluster));
        fleet.world(cluster).cluster().scale(team, "app", 0);
    }
    fleet.answers(name, "A", "NODATA");
    for (cluster, _) in tiers.into_iter().rev() {
        fleet.world(cluster).cluster().scale(team, "app", 1);
        fleet.answers(name, "A", address(cluster));
    }
}

#[test]
fn services_and_routes_are_exposed_as_ingresses_are() {
    if !here() || !require::present(&[Component::GatewayApi]) {
        return;
    }
    let fleet = Fleet::shared();
    let name = "mixed.gslb.example.com";
    let west = fleet.world("west");
    west.deploy("mixed", "app", 1);
    west.apply(&service("mixed", "lb", "app", &json!({"type": "LoadBalancer"})));
    west.cluster().set_addresses("services", "mixed", "lb", &[WEST]);
    west.apply(&gslb("mixed", "app", ("Service", "lb"), &[name]));

    let east = fleet.world("east");
    east.deploy("mixed", "app", 1);
    east.apply(&json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "gate", "namespace": "mixed"},
        "spec": {
            "gatewayClassName": "of-the-test",
            "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}],
        },
    }));
    east.apply(&json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "app", "namespace": "mixed"},
        "spec": {"parentRefs": [{"name": "gate"}], "rules": [{"backendRefs": [{"name": "app", "port": 80}]}]},
    }));
    east.cluster().set_gateway_addresses("mixed", "gate", &[EAST]);
    let routes = "httproutes.gateway.networking.k8s.io";
    east.cluster().set_route_accepted(routes, "mixed", "app", "gate", true);
    east.apply(&gslb("mixed", "app", ("HTTPRoute", "app"), &[name]));

    expose(fleet.world("north"), "mixed", name, &nothing());
    fleet.draws(name, "A", &[WEST, EAST, NORTH]);
}

#[test]
fn overriding_addresses_of_every_kind_travel() {
    if !here() {
        return;
    }
    let fleet = Fleet::shared();
    let west = fleet.world("west");
    west.deploy("instead", "app", 1);
    let of = |name: &str, addresses: &[&str]| {
        let hostname = format!("{name}.instead.gslb.example.com");
        let object = gslb("instead", name, ("Service", "app"), &[&hostname]);
        west.apply(&with(object, &json!({"ipOverrides": addresses})));
        hostname
    };
    let numbers = of("numbers", &["192.0.2.77", "2001:db8::77"]);
    fleet.answers(&numbers, "A", "192.0.2.77");
    fleet.answers(&numbers, "AAAA", "2001:db8::77");
    let named = of("named", &["lb.example.net"]);
    fleet.answers(&named, "A", "CNAME lb.example.net.");
}

#[test]
fn r24_an_override_that_is_set_in_the_cluster_itself_travels_to_its_peers_and_back() {
    if !here() {
        return;
    }
    // It concerns every hostname of a cluster: not in the shared fleet.
    let fleet = Fleet::start(2);
    let name = "held-back.gslb.example.com";
    for cluster in ["west", "east"] {
        expose(fleet.world(cluster), "held-back", name, &nothing());
    }
    fleet.draws(name, "A", &[WEST, EAST]);
    let west = fleet.world("west");
    let set = |spec| west.api().merge(CLUSTERS, NAMESPACE, "west", &json!({"spec": spec})).unwrap();
    set(json!({"override": {"state": "drained", "reason": "a test", "by": "a test"}}));
    fleet.draws(name, "A", &[EAST]);
    set(json!({"override": null}));
    fleet.draws(name, "A", &[WEST, EAST]);
    // Of one hostname alone.
    set(json!({"hostnameOverrides": [{"hostname": name, "state": "down", "reason": "a test"}]}));
    fleet.draws(name, "A", &[EAST]);
    set(json!({"hostnameOverrides": []}));
    fleet.draws(name, "A", &[WEST, EAST]);
    // What is set here of another cluster is not told to it.
    set_of(&fleet, "west", "east", &json!({"state": "drained", "reason": "a test"}));
    fleet.world("west").draws(name, "A", &[WEST]);
    fleet.world("east").draws(name, "A", &[WEST, EAST]);
}

fn set_of(fleet: &Fleet, at: &str, of: &str, held_back: &serde_json::Value) {
    let object = json!({"spec": {"override": held_back}});
    fleet.world(at).api().merge(CLUSTERS, NAMESPACE, of, &object).unwrap();
}

/// The shares of 1,000 answers from every cluster's DNS.
#[track_caller]
fn fits(fleet: &Fleet, name: &str, shares: &[(&str, f64)]) {
    for world in &fleet.worlds {
        let drawn = fleet.shares(world.identifier(), name, 1_000);
        let counts: Vec<(&str, u32)> =
            drawn.iter().map(|(answer, count)| (answer.as_str(), u32::try_from(*count).unwrap())).collect();
        eprintln!("{name} at {}: {counts:?}", world.identifier());
        assert_fits(&counts, shares);
    }
}

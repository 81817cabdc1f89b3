//! Manifests against a cluster: what `mci` says of objects in files is what an operator publishes for the same objects.

use std::fs;

use mci_tests::mci::mci;
use mci_tests::require::{self, Component};
use mci_tests::wait;
use mci_tests::world::{CLUSTER, INGRESSES, World, ZONE, gslb, ingress, service};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::here;

const TEAM: &str = "team";
const OTHERS: &str = "others";
const ROUTES: &str = "httproutes.gateway.networking.k8s.io";

/// A GSLB of the team, and a hostname below the zone of the same name.
fn claim(world: &World, name: &str, kind: &str, object: &str, more: &Value) {
    let mut claim = gslb(TEAM, name, (kind, object), &[&format!("{name}.{ZONE}")]);
    for (field, value) in more.as_object().unwrap() {
        claim["spec"][field] = value.clone();
    }
    world.apply(&claim);
}

/// Something of each kind that a GSLB may name, ready and not.
fn publish_all_sorts(world: &World) {
    world.deploy(TEAM, "app", 2);
    world.deploy(TEAM, "down", 0);
    for (name, backend, addresses) in [
        ("ingress", "app", ["192.0.2.1", "2001:db8::1"].as_slice()),
        ("unready", "down", &["192.0.2.2"]),
        ("unaddressed", "app", &[]),
        ("named", "app", &["lb.example.net"]),
    ] {
        world.apply(&ingress(TEAM, name, backend));
        world.cluster().set_addresses(INGRESSES, TEAM, name, addresses);
        claim(world, name, "Ingress", name, &json!({}));
    }
    for (name, spec) in [
        ("balancer", json!({"type": "LoadBalancer"})),
        ("ports", json!({"type": "NodePort"})),
        ("headless", json!({"clusterIP": "None"})),
        (
            "external",
            json!({"type": "ExternalName", "externalName": "elsewhere.example.net", "selector": null, "ports": null}),
        ),
    ] {
        world.apply(&service(TEAM, name, "app", &spec));
        claim(world, name, "Service", name, &json!({}));
    }
    world.cluster().set_addresses("services", TEAM, "balancer", &["192.0.2.11", "2001:db8::11"]);
    world.cluster().wait_for_ready(TEAM, "headless", 2);
    let all = json!({
        "ipOverrides": ["192.0.2.21", "2001:db8::21"], "priority": 7, "weight": 80, "ttl": 30, "answerMode": "single",
        "whenAllDown": "static", "fallback": ["192.0.2.99"],
    });
    claim(world, "overridden", "Service", "app", &all);
    claim(world, "missing", "Ingress", "nobody", &json!({}));
    claim(world, "both", "Ingress", "ingress", &json!({"backendPolicy": "all"}));
    // An older object has the hostname already.
    let mut contender = gslb(
        TEAM,
        "contender",
        ("Service", "balancer"),
        &[&format!("ingress.{ZONE}"), "*.wild.gslb.example.com"],
    );
    contender["apiVersion"] = "multicluster.cyclops.io/v1alpha".into();
    world.apply(&contender);

    world.cluster().namespace(OTHERS);
    world.cluster().deploy(OTHERS, "app", 1);
    world.cluster().wait_for_ready(OTHERS, "app", 1);
    world.apply(&json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "gateway", "namespace": TEAM},
        "spec": {"gatewayClassName": "test", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]},
    }));
    world.cluster().set_gateway_addresses(TEAM, "gateway", &["192.0.2.31"]);
    claim(world, "gateway", "Gateway", "gateway", &json!({}));
    for (name, namespace) in [("near", TEAM), ("far", OTHERS)] {
        world.apply(&json!({
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "HTTPRoute",
            "metadata": {"name": name, "namespace": TEAM},
            "spec": {
                "parentRefs": [{"name": "gateway"}],
                "rules": [{"backendRefs": [{"name": "app", "namespace": namespace, "port": 80}]}],
            },
        }));
        world.cluster().set_route_accepted(ROUTES, TEAM, name, "gateway", true);
        claim(world, name, "HTTPRoute", name, &json!({}));
    }
}

/// What every hostname of a state file says, without when it changed.
fn hostnames(state: &[u8]) -> Value {
    let mut state: Value = serde_json::from_slice(state).unwrap();
    let mut hostnames = state["hostnames"].take();
    for hostname in hostnames.as_array_mut().unwrap() {
        for endpoint in hostname["endpoints"].as_array_mut().unwrap() {
            endpoint.as_object_mut().unwrap().remove("changed");
        }
    }
    hostnames
}

/// What `mci state` prints.
fn state(arguments: &[&str]) -> Value {
    let output = mci().args(["state", "-o", "json"]).args(arguments).output().expect("mci can be started");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    hostnames(&output.stdout)
}

#[test]
fn the_state_of_manifests_is_what_the_cluster_publishes_that_they_were_taken_from() {
    if !here() || !require::present(&[Component::GatewayApi]) {
        return;
    }
    let world = World::options().gateway_api().start();
    publish_all_sorts(&world);
    world.answers("near.gslb.example.com", "A", "192.0.2.31");
    world.answers("any.wild.gslb.example.com", "A", "192.0.2.11");

    let folder = TempDir::with_prefix("mci-test-").unwrap();
    let here = folder.path().join(CLUSTER);
    fs::create_dir(&here).unwrap();
    let zones = format!("zones: [{{name: {ZONE}, nameservers: [ns1.example.net, ns2.example.net]}}]\n");
    fs::write(folder.path().join("zones.yaml"), zones).unwrap();
    let kinds = "gslbs.multicluster.veccsolutions.io,gslbs.multicluster.cyclops.io,ingresses,services,\
                 endpointslices,nodes,gateways.gateway.networking.k8s.io,httproutes.gateway.networking.k8s.io";
    let objects = world.cluster().kubectl(["get", kinds, "--all-namespaces", "--output=yaml"]);
    fs::write(here.join("all.yaml"), objects).unwrap();
    let of_files = state(&["--file", folder.path().to_str().unwrap()]);
    assert_eq!(of_files.as_array().unwrap().len(), 15, "{of_files:#}");

    let server = format!("http://{}", world.dns_servers[0].http());
    let mut of_cluster = Value::Null;
    let same = wait::within(wait::PATIENCE, || {
        of_cluster = state(&["--server", &server]);
        (of_cluster == of_files).then_some(())
    });
    assert!(same.is_some(), "the cluster publishes {of_cluster:#}\nand the manifests say {of_files:#}");
}

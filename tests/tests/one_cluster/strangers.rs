//! What others left lying about: malformed objects, caches under wrong names, those of the .NET application.

use std::time::Instant;

use http::Method;
use mci_tests::checker::Checker;
use mci_tests::load::Answer;
use mci_tests::wait;
use mci_tests::world::{CALM, CLUSTER, INGRESSES, NAMESPACE, World, gslb, ingress, total};
use serde_json::{Value, json};

use crate::here;

const TEAM: &str = "team";
const NAME: &str = "app.gslb.example.com";
const DEFINITIONS: &str = "customresourcedefinitions.apiextensions.k8s.io";
const GROUP: &str = "multicluster.veccsolutions.io/v1alpha";

/// Lets a definition take any object, as one of another version or a client of etcd itself would.
pub(crate) fn loosen(world: &World, name: &str) {
    let definition = world.api().get(DEFINITIONS, "", name).unwrap();
    let mut versions = definition["spec"]["versions"].clone();
    for version in versions.as_array_mut().unwrap() {
        version["schema"] =
            json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
    }
    world.api().merge(DEFINITIONS, "", name, &json!({"spec": {"versions": versions}})).unwrap();
    // The API server takes a moment to take in the new one.
    let (group, plural) = (definition["spec"]["group"].as_str().unwrap(), name.split('.').next().unwrap());
    let path = format!("/apis/{group}/v1alpha/namespaces/{NAMESPACE}/{plural}?dryRun=All");
    let kind = &definition["spec"]["names"]["kind"];
    let probe = json!({"apiVersion": format!("{group}/v1alpha"), "kind": kind, "metadata": {"name": "probe"}, "spec": 7, "hostnames": 7, "endpoints": 7});
    wait::until_true(&format!("{name} takes anything"), || {
        world.api().request(Method::POST, &path, None, Some(&probe)).is_ok()
    });
}

fn make(world: &World, kind: &str, namespace: &str, name: &str, content: &Value) {
    let mut object =
        json!({"apiVersion": GROUP, "kind": kind, "metadata": {"name": name, "namespace": namespace}});
    for (field, value) in content.as_object().unwrap() {
        object[field] = value.clone();
    }
    world.api().create(&object).unwrap_or_else(|refused| panic!("{name}: {refused:?}"));
}

#[test]
fn malformed_objects_are_passed_over_and_stop_nothing() {
    if !here() {
        return;
    }
    let world = World::start();
    world.publish(TEAM, "app", NAME, "192.0.2.1");
    world.answers(NAME, "A", "192.0.2.1");
    let load = world.load(NAME);
    let table = Checker::new(CALM).phase("ready", load.began(), [Answer::addresses(["192.0.2.1"])]);
    for plural in ["gslbs", "hostnamecaches", "clustercaches", "clusters", "resourcecaches"] {
        loosen(&world, &format!("{plural}.multicluster.veccsolutions.io"));
    }
    let reference = json!({"kind": "Ingress", "name": "app"});
    for (number, content) in [
        json!({}),
        json!({"spec": 7}),
        json!({"spec": {"hostnames": "not.a.list"}}),
        json!({"spec": {"objectReference": reference, "hostnames": [7, null, {"a": "b"}, "a..b", "-", "x.gslb.example.com"]}}),
        json!({"spec": {"objectReference": {"kind": "Pod", "name": "app"}, "hostnames": ["pod.gslb.example.com"]}}),
        json!({"spec": {"objectReference": reference, "hostnames": ["p.gslb.example.com"], "priority": "high", "weight": -1}}),
        json!({"spec": {"objectReference": reference, "hostnames": ["o.gslb.example.com"], "ipOverrides": ["300.1.1.1", 7]}}),
        json!({"spec": {"objectReference": reference, "hostnames": [NAME]}, "hostnames": [NAME], "objectReference": reference}),
        json!({"spec": {"objectReference": reference, "hostnames": ["s.gslb.example.com"]}, "status": "fine"}),
    ]
    .iter()
    .enumerate()
    {
        make(&world, "GSLB", TEAM, &format!("bad-{number}"), content);
    }
    for (number, content) in [
        json!({}),
        json!({"hostname": 7}),
        json!({"hostname": NAME, "endpoints": [{"clusterIdentifier": "evil", "addresses": [{"ipAddress": "203.0.113.66"}]}]}),
        json!({"hostname": "a..b", "endpoints": "none"}),
    ]
    .iter()
    .enumerate()
    {
        make(&world, "HostnameCache", NAMESPACE, &format!("bad-{number}"), content);
    }
    for (number, content) in [
        json!({}),
        json!({"cluster": 7, "shard": "x"}),
        json!({"cluster": "evil", "shard": 5_000, "hostnames": []}),
        json!({"cluster": "evil", "shard": 332, "hostnames": [{"hostname": NAME, "hostIPs": [{"ipAddress": "203.0.113.66"}]}]}),
    ]
    .iter()
    .enumerate()
    {
        make(&world, "ClusterCache", NAMESPACE, &format!("bad-{number}"), content);
    }
    make(
        &world,
        "Cluster",
        NAMESPACE,
        "evil",
        &json!({"spec": {"override": "down", "hostnameOverrides": 7}}),
    );
    make(&world, "ResourceCache", NAMESPACE, "bad", &json!({"object": 7}));

    // All of it has been seen when what was made after it is answered.
    world.publish(TEAM, "later", "later.gslb.example.com", "192.0.2.2");
    world.answers("later.gslb.example.com", "A", "192.0.2.2");
    let changed = Instant::now();
    world.cluster().scale(TEAM, "app", 0);
    world.answers(NAME, "A", "NODATA");
    load.none_failed_none_wrong(&table.phase("unready", changed, [Answer::NoData]));
    for replica in world.all() {
        assert!(replica.is_ready(), "{}", replica.name());
        let metrics = replica.metrics();
        let told = ["mci_object_faults_total", "mci_object_strangers_total", "mci_source_malformed_objects"]
            .map(|family| total(&metrics, family, &[]));
        assert!(told.iter().sum::<u64>() > 0, "{} counts nothing: {told:?}", replica.name());
    }
    // The good part of an object that is bad in part.
    world.answers("x.gslb.example.com", "A", "NODATA");
    world.wait_for_condition(TEAM, "bad-3", "Accepted", "False InvalidHostname");
}

/// Definitions as the .NET application has them in the group that it moved to.
fn dotnet_definitions() -> Vec<Value> {
    ["HostnameCache", "ClusterCache", "ResourceCache", "ServiceCache"]
        .map(|kind| {
            let plural = format!("{}s", kind.to_lowercase());
            let schema =
                json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
            json!({
                "apiVersion": "apiextensions.k8s.io/v1",
                "kind": "CustomResourceDefinition",
                "metadata": {"name": format!("{plural}.multicluster.cyclops.io")},
                "spec": {
                    "group": "multicluster.cyclops.io",
                    "scope": "Namespaced",
                    "names": {"kind": kind, "plural": plural},
                    "versions": [{"name": "v1alpha", "served": true, "storage": true, "schema": schema}],
                },
            })
        })
        .into()
}

#[test]
fn caches_of_the_dotnet_application_are_not_read_and_go_when_that_is_gone() {
    if !here() {
        return;
    }
    let world = World::start();
    for definition in dotnet_definitions() {
        world.cluster().apply(&definition.to_string());
    }
    world.deploy(TEAM, "app", 1);
    world.apply(&ingress(TEAM, "app", "app"));
    world.cluster().set_addresses(INGRESSES, TEAM, "app", &["192.0.2.1"]);
    let stale = "gone.gslb.example.com";
    let old = |api_version: &str, kind: &str, name: &str, content: Value| {
        let mut object = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": NAMESPACE}});
        for (field, value) in content.as_object().unwrap() {
            object[field] = value.clone();
        }
        world.api().create(&object).unwrap_or_else(|refused| panic!("{name}: {refused:?}"));
    };
    let address =
        json!([{"ipAddress": "203.0.113.66", "priority": 0, "weight": 50, "clusterIdentifier": CLUSTER}]);
    for group in [GROUP, "multicluster.cyclops.io/v1alpha"] {
        for name in [NAME, stale] {
            old(group, "HostnameCache", name, json!({"hostname": name, "addresses": address}));
        }
    }
    let published =
        json!([{"hostname": stale, "hostIPs": [{"ipAddress": "203.0.113.66", "priority": 0, "weight": 50}]}]);
    old(
        "multicluster.cyclops.io/v1alpha",
        "ClusterCache",
        CLUSTER,
        json!({"hostnames": published, "clusterIdentifier": CLUSTER}),
    );
    world.apply(&gslb(TEAM, "app", ("Ingress", "app"), &[NAME]));
    world.answers(NAME, "A", "192.0.2.1");
    world.answers(stale, "A", "NXDOMAIN");

    // Nobody renews a Lease of that application: a minute later all of it is deleted.
    let left = || {
        let of =
            |resource: &str| world.api().list(resource, NAMESPACE).map_or(usize::MAX, |items| items.len());
        [
            of("hostnamecaches.multicluster.cyclops.io"),
            of("clustercaches.multicluster.cyclops.io"),
            of("hostnamecaches.multicluster.veccsolutions.io"),
        ]
    };
    let found = wait::within(std::time::Duration::from_secs(100), || (left() == [0, 0, 1]).then_some(()));
    assert!(found.is_some(), "there are left {:?}", left());
    world.answers(NAME, "A", "192.0.2.1");
}

//! What is published goes, and nobody meant it: caches deleted, definitions deleted, rights revoked.

use std::time::Instant;

use mci_tests::checker::Checker;
use mci_tests::cluster::Mode;
use mci_tests::load::Answer;
use mci_tests::wait;
use mci_tests::world::{CALM, INGRESSES, NAMESPACE, UNLIMITED, World, gslb, ingress};
use serde_json::{Value, json};

use crate::here;

const TEAM: &str = "team";
const HOSTNAME_CACHES: &str = "hostnamecaches.multicluster.veccsolutions.io";
const CLUSTER_CACHES: &str = "clustercaches.multicluster.veccsolutions.io";
const DEFINITIONS: &str = "customresourcedefinitions.apiextensions.k8s.io";

/// So many that their going at once would be held (R26).
const COUNT: usize = 30;

fn hostnames() -> Vec<String> {
    (0..COUNT).map(|number| format!("app-{number}.gslb.example.com")).collect()
}

fn claim() -> Value {
    let hostnames = hostnames();
    gslb(TEAM, "app", ("Ingress", "app"), &hostnames.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Thirty names of one Ingress.
fn publish(world: &World) {
    world.deploy(TEAM, "app", 1);
    world.apply(&ingress(TEAM, "app", "app"));
    world.cluster().set_addresses(INGRESSES, TEAM, "app", &["192.0.2.1"]);
    world.apply(&claim());
    for name in hostnames() {
        world.answers(&name, "A", "192.0.2.1");
    }
}

fn count(world: &World, resource: &str) -> usize {
    world.api().list(resource, NAMESPACE).map_or(0, |items| items.len())
}

/// The same address at every instant.
fn all_the_time(from: Instant) -> Checker {
    Checker::new(CALM).phase("all the time", from, [Answer::addresses(["192.0.2.1"])])
}

#[test]
fn all_caches_are_deleted_and_not_one_answer_is_nxdomain() {
    if !here() {
        return;
    }
    let world = World::start();
    publish(&world);
    let loads = [&hostnames()[0], &hostnames()[COUNT - 1]].map(|name| world.load(name));
    for resource in [HOSTNAME_CACHES, CLUSTER_CACHES] {
        let before = count(&world, resource);
        world.api().delete_all(resource, NAMESPACE).unwrap();
        wait::until_true(&format!("the {resource} are back"), || count(&world, resource) == before);
    }
    for name in hostnames() {
        world.answers(&name, "A", "192.0.2.1");
    }
    // And they are followed as before.
    let [first, last] = loads;
    for load in [first, last] {
        let table = all_the_time(load.began());
        load.none_failed_none_wrong(&table);
    }
    world.cluster().scale(TEAM, "app", 0);
    world.answers(&hostnames()[7], "A", "NODATA");
}

#[test]
fn caches_stay_answered_while_nobody_is_there_to_write_them_again() {
    if !here() {
        return;
    }
    let mut world = World::start();
    publish(&world);
    world.orchestrators[0].process.kill();
    let load = world.load(&hostnames()[0]);
    world.api().delete_all(HOSTNAME_CACHES, NAMESPACE).unwrap();
    // R26: they are held, and that is told.
    let note = world.wait_for_event(NAMESPACE, "west", "WithdrawalHeld");
    assert!(note.contains("30 hostnames"), "{note}");
    for name in hostnames() {
        world.answers(&name, "A", "192.0.2.1");
    }
    world.revive(Mode::Orchestrator, 0);
    wait::until_true("the caches are back", || count(&world, HOSTNAME_CACHES) == COUNT);
    let checker = all_the_time(load.began());
    load.none_failed_none_wrong(&checker);
}

#[test]
fn definitions_are_deleted_and_made_again_and_every_name_stays_answered() {
    if !here() {
        return;
    }
    let world = World::start();
    publish(&world);
    let load = world.load(&hostnames()[0]);
    let began = load.began();
    let ours: Vec<String> = world
        .api()
        .list(DEFINITIONS, "")
        .unwrap()
        .iter()
        .filter_map(|definition| definition["metadata"]["name"].as_str().map(str::to_owned))
        .filter(|name| name.contains(".multicluster."))
        .collect();
    assert_eq!(ours.len(), 7, "{ours:?}");
    for name in &ours {
        world.delete(DEFINITIONS, "", name);
    }
    wait::until_true("they are gone", || {
        ours.iter()
            .all(|name| world.api().get(DEFINITIONS, "", name).is_err_and(|refused| refused.code == 404))
    });
    for name in hostnames() {
        world.answers(&name, "A", "192.0.2.1");
    }
    // As whoever deleted them by mistake would: the definitions first, and what people wrote after them.
    world.cluster().apply_crds();
    world.apply(&claim());
    wait::until_true("what was published is published again", || count(&world, HOSTNAME_CACHES) == COUNT);
    load.none_failed_none_wrong(&all_the_time(began));
    world.cluster().scale(TEAM, "app", 0);
    world.answers(&hostnames()[0], "A", "NODATA");
}

#[test]
fn rights_are_revoked_and_given_back_and_nothing_that_was_answered_goes() {
    if !here() {
        return;
    }
    let world = World::options().variable("MCI_DNS_REFRESH_INTERVAL", "1s").start();
    publish(&world);
    let name = &hostnames()[0];
    let load = world.load(name);
    let checker = all_the_time(load.began());
    let bindings = "rolebindings.rbac.authorization.k8s.io";
    let taken: Vec<Value> = ["mci-operator", "mci-orchestrator", "mci-dns-server"]
        .map(|name| world.api().get(bindings, NAMESPACE, name).unwrap())
        .into();
    for binding in &taken {
        world.delete(bindings, NAMESPACE, binding["metadata"]["name"].as_str().unwrap());
    }
    for replica in world.all() {
        wait::until_true(&format!("{} is told that it may not", replica.name()), || {
            replica.process.log().contains("forbidden")
        });
    }
    let changed = Instant::now();
    world.cluster().scale(TEAM, "app", 0);
    for binding in taken {
        let mut binding = binding;
        let metadata = &mut binding["metadata"];
        *metadata = json!({"name": metadata["name"], "namespace": NAMESPACE, "labels": metadata["labels"]});
        world.apply(&binding);
    }
    world.answers(name, "A", "NODATA");
    // While nobody may look, an answer is as old as it is.
    load.none_failed_none_wrong(&checker.delay(changed, UNLIMITED).phase(
        "no endpoint",
        changed,
        [Answer::NoData],
    ));
}

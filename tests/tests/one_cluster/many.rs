//! Thousands at once: the answer is right at the end, and no more is written than has to be.

use std::collections::BTreeMap;
use std::time::Duration;

use mci_tests::cluster::Mode;
use mci_tests::wait;
use mci_tests::world::{INGRESSES, NAMESPACE, World, ask, gslb, ingress, total};
use serde_json::{Value, json};

use crate::here;

const TEAM: &str = "team";

/// How long thousands may take on a machine with two cores that does much else.
const LONG: Duration = Duration::from_mins(2);

/// Writes that were done, by kind.
fn writes(world: &World) -> BTreeMap<&'static str, u64> {
    let done = |mode: Mode, kind: &'static str| {
        let metrics = world.replicas(mode)[0].metrics();
        let acts = ["create", "replace", "delete", "apply"].map(|act| {
            total(&metrics, "mci_writes_total", &[("kind", kind), ("act", act), ("outcome", "done")])
        });
        (kind, acts.iter().sum())
    };
    BTreeMap::from([
        done(Mode::Operator, "ClusterCache"),
        done(Mode::Operator, "GSLB/status"),
        done(Mode::Orchestrator, "HostnameCache"),
    ])
}

fn since(
    before: &BTreeMap<&'static str, u64>,
    after: &BTreeMap<&'static str, u64>,
) -> BTreeMap<&'static str, u64> {
    after.iter().map(|(kind, count)| (*kind, count - before[kind])).collect()
}

/// Waits until every name is answered so, through `CoreDNS` and direct.
#[track_caller]
fn all_answer(world: &World, expected: &[(String, &str)]) {
    for server in [world.dns_servers[0].dns(), world.coredns.dns()] {
        for (name, right) in expected {
            let mut last = String::new();
            let found = wait::within(LONG, || {
                last = ask(server, name, "A");
                (last == *right).then_some(())
            });
            assert!(found.is_some(), "{name} is answered with {last}, and not {right}");
        }
    }
}

/// Waits until nothing has been written for a while.
fn settled(world: &World) -> BTreeMap<&'static str, u64> {
    let mut last = (std::time::Instant::now(), writes(world));
    wait::within(LONG, || {
        let now = writes(world);
        if now != last.1 {
            last = (std::time::Instant::now(), now);
        }
        (last.0.elapsed() >= Duration::from_secs(3)).then(|| last.1.clone())
    })
    .expect("writing ends")
}

/// So many GSLBs.
const COUNT: u64 = 5_000;

#[test]
fn five_thousand_gslbs_are_made_at_once_and_turn_unready_at_once() {
    if !here() {
        return;
    }
    let world = World::start();
    world.deploy(TEAM, "app", 1);
    world.apply(&ingress(TEAM, "app", "app"));
    world.cluster().set_addresses(INGRESSES, TEAM, "app", &["192.0.2.1"]);
    let names: Vec<String> = (0..COUNT).map(|number| format!("app-{number}.gslb.example.com")).collect();
    let objects: Vec<Value> = names
        .iter()
        .enumerate()
        .map(|(number, name)| gslb(TEAM, &format!("app-{number}"), ("Ingress", "app"), &[name]))
        .collect();
    let before = settled(&world);
    for answer in world.api().create_all(&objects) {
        answer.unwrap();
    }
    let all = |right: &'static str| names.iter().map(|name| (name.clone(), right)).collect::<Vec<_>>();
    all_answer(&world, &all("192.0.2.1"));
    let made = settled(&world);
    let written = since(&before, &made);
    // One for each name, and for each shard that has one (of 1,024 all but a few have); what comes in bursts is written
    // in bursts.
    assert_eq!(written["HostnameCache"], COUNT, "{written:?}");
    assert!((1_000..=COUNT).contains(&written["ClusterCache"]), "{written:?}");
    assert!((COUNT..=COUNT + COUNT / 10).contains(&written["GSLB/status"]), "{written:?}");

    world.cluster().scale(TEAM, "app", 0);
    all_answer(&world, &all("NODATA"));
    let unready = settled(&world);
    let written = since(&made, &unready);
    assert_eq!(written["HostnameCache"], COUNT, "{written:?}");
    assert!((1_000..=1_024).contains(&written["ClusterCache"]), "{written:?}");
    assert_eq!(written["GSLB/status"], COUNT, "{written:?}");
    let caches = world.api().list("hostnamecaches.multicluster.veccsolutions.io", NAMESPACE).unwrap();
    assert_eq!(caches.len() as u64, COUNT);
}

const SERVICES: usize = 50;
const ROUNDS: usize = 100;

/// A slice as a controller writes it: with so many ready endpoints of two.
fn slice(number: usize, ready: usize) -> Value {
    let endpoints: Vec<Value> = (0..2)
        .map(|endpoint| {
            json!({"addresses": [format!("10.7.{number}.{endpoint}")], "conditions": {"ready": endpoint < ready}})
        })
        .collect();
    json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": format!("app-{number}"),
            "namespace": TEAM,
            "labels": {"kubernetes.io/service-name": format!("app-{number}")},
        },
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": [{"name": "http", "port": 8080}],
    })
}

#[test]
fn five_thousand_changes_of_slices_come_to_the_right_answers() {
    if !here() {
        return;
    }
    let world = World::start();
    world.cluster().namespace(TEAM);
    let names: Vec<String> = (0..SERVICES).map(|number| format!("app-{number}.gslb.example.com")).collect();
    for (number, hostname) in names.iter().enumerate() {
        let name = format!("app-{number}");
        // Without a selector: its slices are the test's own.
        world.apply(&json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "namespace": TEAM},
            "spec": {"ports": [{"name": "http", "port": 80}]},
        }));
        let mut claim = gslb(TEAM, &name, ("Service", &name), &[hostname]);
        claim["spec"]["ipOverrides"] = json!([format!("192.0.2.{}", number + 1)]);
        world.apply(&claim);
    }
    let all = |ready: usize| (0..SERVICES).map(|number| slice(number, ready)).collect::<Vec<_>>();
    let addresses: Vec<String> = (0..SERVICES).map(|number| format!("192.0.2.{}", number + 1)).collect();
    let expected = |is_ready: &dyn Fn(usize) -> bool| -> Vec<(String, &str)> {
        let right = |number| if is_ready(number) { addresses[number].as_str() } else { "NODATA" };
        names.iter().enumerate().map(|(number, name)| (name.clone(), right(number))).collect()
    };
    world.api().apply_all(&all(2)).unwrap();
    all_answer(&world, &expected(&|_| true));

    // S10: a change of count that does not change readiness is no write on the path of the answer.
    let before = settled(&world);
    world.api().apply_all(&all(1)).unwrap();
    world.api().apply_all(&all(2)).unwrap();
    let after = settled(&world);
    assert_eq!(
        since(&before, &after),
        BTreeMap::from([("ClusterCache", 0), ("GSLB/status", 0), ("HostnameCache", 0)])
    );

    // Flapping, and at the end every other one is ready.
    for round in 0..ROUNDS {
        let ready = |number: usize| if (round + number).is_multiple_of(2) { 2 } else { 0 };
        let objects: Vec<Value> = (0..SERVICES).map(|number| slice(number, ready(number))).collect();
        world.api().apply_all(&objects).unwrap();
    }
    let last = ROUNDS - 1;
    all_answer(&world, &expected(&|number| (last + number).is_multiple_of(2)));
    let written = since(&after, &settled(&world));
    let changes = (SERVICES * ROUNDS) as u64;
    for kind in ["ClusterCache", "HostnameCache", "GSLB/status"] {
        assert!((SERVICES as u64 / 2..=changes).contains(&written[kind]), "{written:?}");
    }
}

//! R26: many names that go at once are held, by who publishes them and by who answers them.

use k8s_openapi::jiff::Timestamp;
use mci_tests::checker::Checker;
use mci_tests::load::Answer;
use mci_tests::world::{CALM, CLUSTER, GSLBS, INGRESSES, NAMESPACE, World, gslb, ingress};
use serde_json::json;

use crate::here;

const TEAM: &str = "team";
const CLUSTERS: &str = "clusters.multicluster.veccsolutions.io";

#[test]
fn r26_every_name_of_a_cluster_stays_until_it_is_confirmed_where_it_is_held() {
    if !here() {
        return;
    }
    let world = World::start();
    let names: Vec<String> = (0..25).map(|number| format!("app-{number}.gslb.example.com")).collect();
    world.deploy(TEAM, "app", 1);
    world.apply(&ingress(TEAM, "app", "app"));
    world.cluster().set_addresses(INGRESSES, TEAM, "app", &["192.0.2.1"]);
    for (number, name) in names.iter().enumerate() {
        world.apply(&gslb(TEAM, &format!("app-{number}"), ("Ingress", "app"), &[name]));
    }
    for name in &names {
        world.answers(name, "A", "192.0.2.1");
    }
    let load = world.load(&names[0]);
    let table = Checker::new(CALM).phase("all the time", load.began(), [Answer::addresses(["192.0.2.1"])]);
    world.api().delete_all(GSLBS, TEAM).unwrap();
    let note = world.wait_for_event(NAMESPACE, CLUSTER, "WithdrawalHeld");
    assert!(note.contains("25 hostnames") && note.contains("mci withdraw --confirm"), "{note}");
    for name in &names {
        world.answers(name, "A", "192.0.2.1");
    }
    load.none_failed_none_wrong(&table);

    // One confirmation is enough: the operator lets the names go, and what comes to the dns-server of it goes too.
    confirm(&world);
    for name in &names {
        world.answers(name, "A", "NXDOMAIN");
    }
}

fn confirm(world: &World) {
    let confirmed = json!({"spec": {"withdrawalConfirmedAt": Timestamp::now().to_string()}});
    world.api().merge(CLUSTERS, NAMESPACE, CLUSTER, &confirmed).unwrap();
}

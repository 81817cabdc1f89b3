//! What a status says of what is not published as it was meant, and what becomes of one that the API server refuses.

use mci_tests::cluster::Mode;
use mci_tests::wait;
use mci_tests::world::{GSLBS, INGRESSES, Peer, World, ask, gslb, ingress, shard, total};
use serde_json::{Value, json};

use crate::here;
use crate::strangers::loosen;

const TEAM: &str = "team";
const NAME: &str = "app.gslb.example.com";
const DEFINITIONS: &str = "customresourcedefinitions.apiextensions.k8s.io";
const PEERS: &str = "[{identifier: east, url: 'http://127.0.0.1:9', insecure: true}]";

/// A GSLB whose fields stand in both places: legal for the first definitions that there were, refused by today's.
fn in_both_places(name: &str) -> Value {
    let mut object = gslb(TEAM, name, ("Ingress", "app"), &[NAME]);
    for field in ["objectReference", "hostnames"] {
        object[field] = object["spec"][field].clone();
    }
    object
}

#[test]
fn a_status_that_is_refused_is_told_and_not_tried_again_until_its_object_changes() {
    if !here() {
        return;
    }
    let mut world = World::options().replicas(Mode::Operator, 0).start();
    world.deploy(TEAM, "app", 1);
    world.apply(&ingress(TEAM, "app", "app"));
    world.cluster().set_addresses(INGRESSES, TEAM, "app", &["192.0.2.1"]);
    let today = world.api().get(DEFINITIONS, "", GSLBS).unwrap()["spec"]["versions"].clone();
    loosen(&world, GSLBS);
    world.api().create(&in_both_places("old")).unwrap();
    world.api().merge(DEFINITIONS, "", GSLBS, &json!({"spec": {"versions": today}})).unwrap();
    let number = std::cell::Cell::new(0);
    wait::until_true("today's rules are in force", || {
        number.set(number.get() + 1);
        let name = format!("new-{}", number.get());
        let refused = world.api().create(&in_both_places(&name)).is_err_and(|refused| refused.code == 422);
        if !refused {
            world.delete(GSLBS, TEAM, &name);
        }
        refused
    });

    let operator = world.setup(Mode::Operator).start();
    world.operators.push(operator);
    let refused = |world: &World| {
        let metrics = world.operators[0].metrics();
        let writes = [("kind", "GSLB/status"), ("outcome", "invalid")];
        [total(&metrics, "mci_status_refused_total", &[]), total(&metrics, "mci_writes_total", &writes)]
    };
    let note = world.wait_for_event(TEAM, "old", "StatusRefused");
    assert!(note.contains("never both"), "{note}");
    assert_eq!(refused(&world), [1, 1]);
    // Others are told what became of them, again and again, and this one is left alone.
    world.publish(TEAM, "other", "other.gslb.example.com", "192.0.2.2");
    for (replicas, said) in [(0, "False NoReadyEndpoints"), (1, "True Published")] {
        world.cluster().scale(TEAM, "other", replicas);
        world.wait_for_condition(TEAM, "other", "Published", said);
    }
    assert_eq!(refused(&world), [1, 1]);
    assert_eq!(world.condition(TEAM, "old", "Accepted"), None);

    let only_spec = json!({"objectReference": null, "hostnames": null});
    world.api().merge(GSLBS, TEAM, "old", &only_spec).unwrap();
    world.wait_for_condition(TEAM, "old", "Published", "True Published");
    world.answers(NAME, "A", "192.0.2.1");
    assert_eq!(refused(&world), [1, 1]);
}

#[test]
fn a_hostname_for_which_its_shard_has_no_room_is_named_and_the_others_are_answered() {
    if !here() {
        return;
    }
    let world = World::shared();
    let team = "team-large";
    world.deploy(team, "app", 1);
    // Hostnames of one shard, each with 25 KiB of names to answer: 512 KiB have room for twenty of them.
    let of = |number: u32| format!("app-{number}.large.gslb.example.com");
    let hostnames: Vec<String> = (0..).map(of).filter(|name| shard(name) == shard(&of(0))).take(30).collect();
    let label = "l".repeat(60);
    let targets: Vec<String> =
        (100..228).map(|number| format!("{label}.{label}.{label}.{number}.example.net")).collect();
    let mut claim =
        gslb(team, "app", ("Service", "app"), &hostnames.iter().map(String::as_str).collect::<Vec<_>>());
    claim["spec"]["ipOverrides"] = json!(targets);
    world.apply(&claim);
    world.wait_for_condition(team, "app", "Published", "False TooLarge");

    let answered = |name: &String| ask(world.dns_servers[0].dns(), name, "A").starts_with("CNAME");
    wait::until_true("most are answered", || hostnames.iter().filter(|name| answered(name)).count() >= 15);
    let status = world.api().get(GSLBS, team, "app").unwrap()["status"].clone();
    let published: Vec<&str> =
        status["publishedHostnames"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!((15..25).contains(&published.len()), "{published:?}");
    let message = status["conditions"].as_array().unwrap()[2]["message"].as_str().unwrap();
    for name in &hostnames {
        let is_published = published.contains(&name.as_str());
        wait::until_true(&format!("{name} is answered: {is_published}"), || answered(name) == is_published);
    }
    let left_out = hostnames.iter().find(|name| !published.contains(&name.as_str())).unwrap();
    assert!(message.contains(left_out) && message.contains("publish fewer addresses"), "{message}");
    let note = world.wait_for_event(team, "app", "TooLarge");
    assert!(note.contains("524288"), "{note}");

    // With less to say, all have room.
    claim["spec"]["ipOverrides"] = json!(["cdn.example.net"]);
    world.apply(&claim);
    for name in &hostnames {
        world.answers(name, "A", "CNAME cdn.example.net.");
    }
    world.wait_for_condition(team, "app", "Published", "True Published");
}

#[test]
fn r09_addresses_here_and_a_name_there_are_warned_of() {
    if !here() {
        return;
    }
    let world = World::options().variable("MCI_PEERS", PEERS).start();
    let mut east = Peer::new("east");
    east.publish(&world, &[(NAME, "198.51.100.1")]);
    east.beat(&world);
    world.deploy(TEAM, "app", 1);
    let mut claim = gslb(TEAM, "app", ("Service", "app"), &[NAME]);
    claim["spec"]["ipOverrides"] = json!(["cdn.example.net"]);
    world.apply(&claim);
    world.draws(NAME, "A", &["CNAME cdn.example.net.", "198.51.100.1"]);
    world.wait_for_condition(TEAM, "app", "MixedTargets", "True MixedTargets");

    claim["spec"]["ipOverrides"] = json!(["192.0.2.1"]);
    world.apply(&claim);
    world.draws(NAME, "A", &["192.0.2.1", "198.51.100.1"]);
    wait::until_true("nothing is mixed any more", || world.condition(TEAM, "app", "MixedTargets").is_none());
}

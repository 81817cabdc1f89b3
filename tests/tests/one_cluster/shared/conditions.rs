//! What a GSLB says of itself: conditions, what is published, Events.

use mci_tests::wait;
use mci_tests::world::{GSLBS, INGRESSES, World, condition, gslb, ingress};
use serde_json::{Value, json};

use crate::here;

#[test]
fn a_status_says_what_is_published() {
    if !here() {
        return;
    }
    let world = World::shared();
    let (team, name) = ("team-status", "app.status.gslb.example.com");
    world.publish(team, "app", name, "192.0.2.1");
    let status = wait::until("the status is whole", || {
        let object = world.api().get(GSLBS, team, "app").ok()?;
        let current = object["status"]["observedGeneration"] == object["metadata"]["generation"];
        (current && condition(&object, "Published").as_deref() == Some("True Published"))
            .then(|| object["status"].clone())
    });
    assert_eq!(status["publishedHostnames"], json!([name]));
    assert_eq!(status["publishedAddresses"], json!(["192.0.2.1"]));
    let conditions = status["conditions"].as_array().unwrap();
    let said: Vec<[&Value; 3]> = conditions
        .iter()
        .map(|condition| [&condition["type"], &condition["status"], &condition["reason"]])
        .collect();
    assert_eq!(
        json!(said),
        json!([
            ["Accepted", "True", "Accepted"],
            ["ResolvedRefs", "True", "ResolvedRefs"],
            ["Published", "True", "Published"],
        ])
    );
    let listed = world.cluster().kubectl(["get", "veccgslb", "--namespace", team]);
    assert!(listed.contains("app") && listed.contains(name), "{listed}");
}

#[test]
fn a_change_of_readiness_is_an_event_and_a_condition() {
    if !here() {
        return;
    }
    let world = World::shared();
    let (team, name) = ("team-events", "app.events.gslb.example.com");
    world.publish(team, "app", name, "192.0.2.1");
    world.wait_for_condition(team, "app", "Published", "True Published");
    world.cluster().scale(team, "app", 0);
    world.wait_for_condition(team, "app", "Published", "False NoReadyEndpoints");
    assert!(
        world.wait_for_event(team, "app", "NotReady").contains("team-events/app"),
        "it names the Service"
    );
    world.cluster().scale(team, "app", 1);
    world.wait_for_condition(team, "app", "Published", "True Published");
    world.wait_for_event(team, "app", "Ready");
}

#[test]
fn one_bad_hostname_does_not_hinder_the_others() {
    if !here() {
        return;
    }
    let world = World::shared();
    let (team, good) = ("team-bad", "good.bad.gslb.example.com");
    world.deploy(team, "app", 1);
    world.apply(&ingress(team, "app", "app"));
    world.cluster().set_addresses(INGRESSES, team, "app", &["192.0.2.1"]);
    // An address that nobody can reach is refused where it is used; the other one is answered.
    let mut claim = gslb(team, "app", ("Ingress", "app"), &[good]);
    claim["spec"]["ipOverrides"] = json!(["192.0.2.7", "127.0.0.1"]);
    world.apply(&claim);
    world.answers(good, "A", "192.0.2.7");
    world.wait_for_condition(team, "app", "Accepted", "False InvalidAddress");
}
